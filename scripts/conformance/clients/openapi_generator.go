// The walk with the Go client that openapi-generator makes: ORIGIN TOKEN.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"

	api "github.com/GIT_USER_ID/GIT_REPO_ID"
)

var origin = os.Args[1]

func clientOf(secret string) *api.APIClient {
	configuration := api.NewConfiguration()
	configuration.Servers = api.ServerConfigurations{{URL: origin}}
	configuration.AddDefaultHeader("Authorization", "Bearer "+secret)
	return api.NewAPIClient(configuration)
}

// must returns what a request has answered, and ends the walk if it has failed.
func must[T any](answer T, _ *http.Response, err error) T {
	done(nil, err)
	return answer
}

func done(_ *http.Response, err error) {
	if failure := (*api.GenericOpenAPIError)(nil); errors.As(err, &failure) {
		panic(string(failure.Body()))
	}
	if err != nil {
		panic(err)
	}
}

// equal compares as JSON, so that a value and a pointer to it are the same.
func equal(what string, actual, expected any) {
	one, _ := json.Marshal(actual)
	other, _ := json.Marshal(expected)
	if !reflect.DeepEqual(one, other) {
		panic(fmt.Sprintf("%s: %s instead of %s", what, one, other))
	}
}

// refused checks that a request has failed with an error, whose body is read.
func refused(code string, err error) {
	failure := (*api.GenericOpenAPIError)(nil)
	if !errors.As(err, &failure) {
		panic(fmt.Sprintf("no %s: %v", code, err))
	}
	body, read := failure.Model().(api.Error)
	equal("a refusal", []any{read, body.Code}, []any{true, code})
}

func flags(found *api.Conversation) []any {
	return []any{found.IsMuted, found.IsPinned, found.ArchivedAt.Get()}
}

func idsOf(conversations []api.Conversation) []string {
	ids := []string{}
	for _, each := range conversations {
		ids = append(ids, each.Id)
	}
	return ids
}

func main() {
	ctx := context.Background()
	client := clientOf(os.Args[2])
	conversations, messages, tokens := client.ConversationsAPI, client.MessagesAPI, client.TokensAPI

	// Create, retrieve and update. What was sent took effect, and nothing else.
	creation := *api.NewConversationCreation()
	creation.SetContactId("go")
	created := must(conversations.CreateConversation(ctx).ConversationCreation(creation).Execute())
	equal("created", []any{created.ContactId.Get(), created.GroupId.Get(), created.IsMuted}, []any{"go", nil, false})
	id := created.Id
	changes := *api.NewConversationChanges()
	changes.SetIsMuted(true)
	changes.SetArchivedAt(705103200)
	must(conversations.UpdateConversation(ctx, id).ConversationChanges(changes).Execute())
	pin := *api.NewConversationChanges()
	pin.SetIsPinned(true)
	must(conversations.PatchConversation(ctx, id).ConversationChanges(pin).Execute())
	found := must(conversations.RetrieveConversation(ctx, id).Execute())
	equal("updated", flags(found), []any{true, true, 705103200})
	clear := *api.NewConversationChanges()
	clear.SetArchivedAtNil()
	must(conversations.UpdateConversation(ctx, id).ConversationChanges(clear).Execute())
	found = must(conversations.RetrieveConversation(ctx, id).Execute())
	equal("cleared", flags(found), []any{true, true, nil})

	// Send, and change what was sent.
	message := *api.NewMessageCreation(id, "« é 😀 »")
	sent := must(messages.CreateMessage(ctx).MessageCreation(message).Execute())
	read := *api.NewMessageChanges()
	read.SetReadAt(705103200)
	must(messages.UpdateMessage(ctx, sent.Id).MessageChanges(read).Execute())
	thread := must(messages.ListMessages(ctx).ConversationId(id).Execute()).Data
	equal("messages", []any{len(thread), thread[0].Message, thread[0].ReadAt.Get()}, []any{1, "« é 😀 »", 705103200})
	found = must(conversations.RetrieveConversation(ctx, id).Include("last_message").Execute())
	equal("last message", found.LastMessage.Get().Id, sent.Id)

	// List and page, in both orders.
	ids := []string{id}
	for _, group := range []string{"g0", "g1", "g2", "g3"} {
		creation.SetGroupId(group)
		ids = append(ids, must(conversations.CreateConversation(ctx).ConversationCreation(creation).Execute()).Id)
	}
	list := conversations.ListConversations(ctx).ContactId("go")
	page := must(list.Order("asc").Limit(2).Execute())
	seen := idsOf(page.Data)
	for page.HasMore {
		page = must(list.Order("asc").Limit(2).StartingAfter(seen[len(seen)-1]).Execute())
		seen = append(seen, idsOf(page.Data)...)
	}
	equal("pages", seen, ids)
	within := list.Since(created.CreatedAt).Until(created.CreatedAt + 3600)
	page = must(within.Include("last_message,total_count").Execute())
	equal("newest first", idsOf(page.Data), []string{ids[4], ids[3], ids[2], ids[1], ids[0]})
	equal("count", page.TotalCount, map[string]any{"value": 5, "relation": "eq"})
	equal("last messages", []any{page.Data[4].LastMessage.Get().Id, page.Data[0].LastMessage.Get()}, []any{sent.Id, nil})

	// Many at once.
	many := *api.NewManyConversationChanges(append(ids[1:5:5], "NoSuchConversat0"))
	many.SetLastOpenedAt(705103200)
	updated := must(conversations.UpdateConversations(ctx).ManyConversationChanges(many).Execute())
	equal("many", idsOf(updated.Data), ids[1:])
	equal("changed", updated.Data[3].LastOpenedAt.Get(), 705103200)
	equal("missing", updated.Missing, []string{"NoSuchConversat0"})

	// Events and endpoints.
	events := must(client.EventsAPI.ListEvents(ctx).Limit(100).Execute()).Data
	kinds := []string{}
	for _, event := range events {
		if event.ConversationId == id {
			kinds = append(kinds, string(event.Type))
		}
	}
	equal("events", kinds[0], "conversation.created")
	webhooks := client.WebhooksAPI
	endpoint := *api.NewWebhookCreation("http://127.0.0.1:1024/")
	endpoint.SetTypes([]api.EventType{"message.created"})
	webhook := must(webhooks.CreateWebhook(ctx).WebhookCreation(endpoint).Execute())
	equal("secret", strings.HasPrefix(webhook.Secret, "whsec_"), true)
	disable := *api.NewWebhookChanges()
	disable.SetStatus("disabled")
	must(webhooks.UpdateWebhook(ctx, webhook.Id).WebhookChanges(disable).Execute())
	stopped := must(webhooks.RetrieveWebhook(ctx, webhook.Id).Execute())
	equal("endpoint", []any{stopped.Status, stopped.Types}, []any{"disabled", []string{"message.created"}})
	// This client sends the JSON null for a body that is left out, which is no object.
	secret := *api.NewSecretRotation()
	rotated := must(webhooks.RotateWebhook(ctx, webhook.Id).SecretRotation(secret).Execute())
	equal("new secret", rotated.Secret == webhook.Secret, false)
	done(webhooks.DeleteWebhook(ctx, webhook.Id).Execute())

	// Tokens: the successor works, and the old one does not any more.
	own := must(tokens.RetrieveCurrentToken(ctx).Execute())
	equal("own token", own.Name, "conformance")
	scopes := "conversations:read tokens:write"
	old := must(tokens.CreateToken(ctx).TokenCreation(*api.NewTokenCreation("old", scopes)).Execute())
	mine := must(clientOf(*old.Token.Get()).TokensAPI.RetrieveCurrentToken(ctx).Execute())
	equal("other token", []any{mine.Id, mine.Scopes, mine.Account}, []any{old.Id, scopes, own.Account})
	rotation := *api.NewRotation()
	rotation.SetGracePeriod(0)
	successor := must(tokens.RotateToken(ctx, old.Id).Rotation(rotation).Execute())
	other := clientOf(*successor.Token.Get())
	equal("successor", must(other.ConversationsAPI.RetrieveConversation(ctx, id).Execute()).Id, id)
	_, _, err := clientOf(*old.Token.Get()).TokensAPI.ListTokens(ctx).Execute()
	refused("token_invalid", err)
	done(tokens.RevokeToken(ctx, successor.Id).Execute())

	// Delete.
	for _, each := range ids {
		done(conversations.DeleteConversation(ctx, each).Execute())
	}
	_, _, err = conversations.RetrieveConversation(ctx, id).Execute()
	refused("resource_missing", err)
}
