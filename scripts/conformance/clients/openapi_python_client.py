"""The walk with the Python client that openapi-python-client makes: openapi_python_client.py ORIGIN TOKEN."""

import sys
from importlib import import_module

from conversations_api_client import AuthenticatedClient
from conversations_api_client import models as api
from conversations_api_client.types import UNSET

origin, token = sys.argv[1:]


def client_of(secret):
    return AuthenticatedClient(base_url=origin, token=secret)


def call(operation, *path, secret=token, **rest):
    module = import_module(f"conversations_api_client.api.{operation}")
    return module.sync(*path, client=client_of(secret), **rest)


def refused(code, answer):
    assert isinstance(answer, api.Error) and answer.code.value == code, answer


# Create, retrieve and update. What was sent took effect, and nothing else.
creation = api.ConversationCreation(contact_id="openapi-python-client")
created = call("conversations.create_conversation", body=creation)
id = created.id
assert (created.contact_id, created.group_id, created.is_muted) == ("openapi-python-client", None, False), created
changes = api.ConversationChanges(is_muted=True, archived_at=705103200)
assert call("conversations.update_conversation", id, body=changes).is_muted is True
call("conversations.patch_conversation", id, body=api.ConversationChanges(is_pinned=True))
found = call("conversations.retrieve_conversation", id)
assert (found.is_muted, found.is_pinned, found.archived_at) == (True, True, 705103200), found
assert found.last_message is UNSET, found
call("conversations.update_conversation", id, body=api.ConversationChanges(archived_at=None))
# The same with a form.
call("conversations.update_conversation", id, body=api.ConversationChangesForm(last_opened_at=5))
found = call("conversations.retrieve_conversation", id)
assert (found.is_muted, found.is_pinned, found.archived_at, found.last_opened_at) == (True, True, None, 5), found

# Send, and change what was sent.
sent = call("messages.create_message", body=api.MessageCreation(conversation_id=id, message="« é 😀 »"))
call("messages.update_message", sent.id, body=api.MessageChanges(read_at=705103200))
found = call("messages.list_messages", conversation_id=id).data
assert [(each.message, each.read_at) for each in found] == [("« é 😀 »", 705103200)], found
include = api.RetrieveConversationInclude.LAST_MESSAGE
assert call("conversations.retrieve_conversation", id, include=include).last_message.id == sent.id

# List and page, in both orders.
others = [
    call(
        "conversations.create_conversation",
        body=api.ConversationCreation(contact_id="openapi-python-client", group_id=f"g{n}"),
    ).id
    for n in range(4)
]
ids = [id, *others]
filters = {"contact_id": "openapi-python-client", "order": api.ListConversationsOrder.ASC, "limit": 2}
seen, page = [], call("conversations.list_conversations", **filters)
while True:
    seen += [each.id for each in page.data]
    if not page.has_more:
        break
    page = call("conversations.list_conversations", **filters, starting_after=seen[-1])
assert seen == ids, seen
page = call(
    "conversations.list_conversations",
    contact_id="openapi-python-client",
    since=created.created_at,
    until=created.created_at + 3600,
    include=api.ListConversationsInclude("last_message,total_count"),
)
assert [each.id for each in page.data] == ids[::-1], page
assert (page.total_count.value, page.total_count.relation.value) == (5, "eq"), page
assert (page.data[-1].last_message.message, page.data[0].last_message) == ("« é 😀 »", None), page

# Many at once.
many = call(
    "conversations.update_conversations",
    body=api.ManyConversationChanges(ids=[*others, "NoSuchConversat0"], last_opened_at=705103200),
)
assert [(each.id, each.last_opened_at) for each in many.data] == [(each, 705103200) for each in others], many
assert many.missing == ["NoSuchConversat0"], many

# Events and endpoints.
position = next(event for event in call("events.list_events", limit=100).data if event.conversation_id == id)
assert (position.type_.value, position.conversation.id) == ("conversation.created", id), position
creation = api.WebhookCreation(url="http://127.0.0.1:1024/", types=[api.EventType.MESSAGE_CREATED])
webhook = call("webhooks.create_webhook", body=creation)
assert webhook.secret.startswith("whsec_"), webhook
changes = api.WebhookChanges(types=None, status=api.WebhookStatus.DISABLED)
call("webhooks.update_webhook", webhook.id, body=changes)
found = call("webhooks.retrieve_webhook", webhook.id)
assert (found.types, found.status.value) == (None, "disabled"), found
assert call("webhooks.rotate_webhook", webhook.id).secret != webhook.secret
call("webhooks.delete_webhook", webhook.id)

# Tokens: the successor works, and the old one does not any more.
own = call("tokens.retrieve_current_token")
assert own.name == "conformance", own
scopes = "conversations:read tokens:write"
old = call("tokens.create_token", body=api.TokenCreation(name="old", scopes=scopes))
mine = call("tokens.retrieve_current_token", secret=old.token)
assert (mine.id, mine.scopes, mine.account) == (old.id, scopes, own.account), mine
new = call("tokens.rotate_token", old.id, body=api.Rotation(grace_period=0))
assert (new.name, new.scopes) == ("old", scopes), new
assert call("conversations.retrieve_conversation", id, secret=new.token).id == id
refused("token_invalid", call("tokens.list_tokens", secret=old.token))
assert new.id in [each.id for each in call("tokens.list_tokens", limit=100).data]
call("tokens.revoke_token", new.id)

# Delete.
for each in ids:
    call("conversations.delete_conversation", each)
refused("resource_missing", call("conversations.retrieve_conversation", id))
