"""The walk with the Python client that openapi-generator makes: openapi_generator.py ORIGIN TOKEN."""

import sys

import openapi_client as api

origin, token = sys.argv[1:]


def client_of(secret):
    return api.ApiClient(api.Configuration(host=origin, access_token=secret))


def refused(error, code, request):
    """The request fails with this error, whose body is read."""
    try:
        request()
    except error as refusal:
        assert refusal.data.code == code, refusal
    else:
        raise AssertionError(f"no {code}")


client = client_of(token)
conversations, messages, tokens = api.ConversationsApi(client), api.MessagesApi(client), api.TokensApi(client)
events, webhooks = api.EventsApi(client), api.WebhooksApi(client)

# Create, retrieve and update. What was sent took effect, and nothing else.
created = conversations.create_conversation(api.ConversationCreation(contact_id="openapi-generator"))
id = created.id
assert (created.contact_id, created.group_id, created.is_muted) == ("openapi-generator", None, False), created
changes = api.ConversationChanges(is_muted=True, archived_at=705103200)
assert conversations.update_conversation(id, conversation_changes=changes).is_muted is True
conversations.patch_conversation(id, conversation_changes=api.ConversationChanges(is_pinned=True))
found = conversations.retrieve_conversation(id)
assert (found.is_muted, found.is_pinned, found.archived_at) == (True, True, 705103200), found
conversations.update_conversation(id, conversation_changes=api.ConversationChanges(archived_at=None))
found = conversations.retrieve_conversation(id)
assert (found.is_muted, found.is_pinned, found.archived_at) == (True, True, None), found

# Send, and change what was sent.
sent = messages.create_message(api.MessageCreation(conversation_id=id, message="« é 😀 »"))
messages.update_message(sent.id, message_changes=api.MessageChanges(read_at=705103200))
found = messages.list_messages(conversation_id=id).data
assert [(each.message, each.read_at) for each in found] == [("« é 😀 »", 705103200)], found
assert conversations.retrieve_conversation(id, include="last_message").last_message.id == sent.id

# List and page, in both orders.
others = [
    conversations.create_conversation(api.ConversationCreation(contact_id="openapi-generator", group_id=f"g{n}")).id
    for n in range(4)
]
ids = [id, *others]
seen, page = [], conversations.list_conversations(contact_id="openapi-generator", order="asc", limit=2)
while True:
    seen += [each.id for each in page.data]
    if not page.has_more:
        break
    page = conversations.list_conversations(
        contact_id="openapi-generator", order="asc", limit=2, starting_after=seen[-1]
    )
assert seen == ids, seen
page = conversations.list_conversations(
    contact_id="openapi-generator",
    since=created.created_at,
    until=created.created_at + 3600,
    include="last_message,total_count",
)
assert [each.id for each in page.data] == ids[::-1], page
assert (page.total_count.value, page.total_count.relation) == (5, "eq"), page
assert (page.data[-1].last_message.message, page.data[0].last_message) == ("« é 😀 »", None), page

# Many at once.
many = conversations.update_conversations(
    api.ManyConversationChanges(ids=[*others, "NoSuchConversat0"], last_opened_at=705103200)
)
assert [(each.id, each.last_opened_at) for each in many.data] == [(each, 705103200) for each in others], many
assert many.missing == ["NoSuchConversat0"], many

# Events and endpoints.
position = next(event for event in events.list_events(limit=100).data if event.conversation_id == id)
assert (position.type, position.conversation.id) == ("conversation.created", id), position
types = ["message.created"]
webhook = webhooks.create_webhook(api.WebhookCreation(url="http://127.0.0.1:1024/", types=types))
assert webhook.secret.startswith("whsec_"), webhook
webhooks.update_webhook(webhook.id, webhook_changes=api.WebhookChanges(types=None, status="disabled"))
found = webhooks.retrieve_webhook(webhook.id)
assert (found.types, found.status) == (None, "disabled"), found
assert webhooks.rotate_webhook(webhook.id).secret != webhook.secret
webhooks.delete_webhook(webhook.id)

# Tokens: the successor works, and the old one does not any more.
assert tokens.retrieve_current_token().name == "conformance"
scopes = "conversations:read tokens:write"
old = tokens.create_token(api.TokenCreation(name="old", scopes=scopes))
mine = api.TokensApi(client_of(old.token)).retrieve_current_token()
assert (mine.id, mine.scopes, mine.account) == (old.id, scopes, tokens.retrieve_current_token().account), mine
new = tokens.rotate_token(old.id, rotation=api.Rotation(grace_period=0))
assert (new.name, new.scopes) == ("old", scopes), new
assert api.ConversationsApi(client_of(new.token)).retrieve_conversation(id).id == id
refused(api.exceptions.UnauthorizedException, "token_invalid", api.TokensApi(client_of(old.token)).list_tokens)
assert new.id in [each.id for each in tokens.list_tokens(limit=100).data]
tokens.revoke_token(new.id)

# Delete.
for each in ids:
    conversations.delete_conversation(each)
refused(api.exceptions.NotFoundException, "resource_missing", lambda: conversations.retrieve_conversation(id))
