// What the compiler accepts and rejects. Nothing here runs: `npm test` checks the types, and a `@ts-expect-error`
// without an error is an error itself.

import {
  type Conversation,
  ConversationsClient,
  type ConversationsError,
  type ErrorCode,
  type TokenWithSecret,
  type WebhookWithSecret,
} from "../../clients/typescript/src/index.ts";

/** Calls that must compile, and calls that must not. */
export async function types(client: ConversationsClient, error: ConversationsError): Promise<void> {
  const conversation: Conversation = await client.conversations.create({ group_id: "team" });
  // @ts-expect-error: a contact or a group is required
  await client.conversations.create({ distinct: true });
  // @ts-expect-error: a contact cannot be changed
  await client.conversations.update(conversation.id, { contact_id: "bob" });
  // @ts-expect-error: a flag cannot be cleared
  await client.conversations.update(conversation.id, { is_muted: null });
  await client.conversations.update(conversation.id, { archived_at: null, pinned_message_id: null });

  const bookmark: string | null = client.bookmark;
  new ConversationsClient({ token: "self_nothing", baseUrl: "https://api.example", bookmark });
  // @ts-expect-error: read-only
  client.bookmark = null;

  // @ts-expect-error: unknown filter
  client.conversations.list({ colour: "red" });
  // @ts-expect-error: unknown order
  client.conversations.list({ sort: "name" });
  for await (const { last_active_at } of client.conversations.list({ sort: "last_active_at" })) {
    const time: number | null = last_active_at;
    // @ts-expect-error: may be null
    void (time + 1);
  }

  // @ts-expect-error: null if the object has not changed
  const changed: Conversation = await client.conversations.retrieve(conversation.id, { ifNoneMatch: conversation });
  const some: Conversation = await client.conversations.retrieve(conversation.id, { signal: AbortSignal.timeout(1) });
  void [changed, some];

  // @ts-expect-error: only a new token has its secret
  const listed: TokenWithSecret = await client.tokens.retrieve(conversation.id);
  const made: string | null = (await client.tokens.create({ name: "t", scopes: "messages:read" })).token;
  void [listed, made];
  // @ts-expect-error: tokens are rotated, not updated
  client.tokens.update;

  const { secret }: WebhookWithSecret = await client.webhooks.create({ url: "https://example.com/", types: null });
  // @ts-expect-error: only `create` and `rotate` return the secret
  const shown: WebhookWithSecret = await client.webhooks.retrieve(conversation.id);
  // @ts-expect-error: a URL is required
  await client.webhooks.create({ types: ["message.created"] });
  // @ts-expect-error: not a type of event
  await client.webhooks.update(conversation.id, { types: ["message.read"] });
  // @ts-expect-error: the state comes from deliveries
  await client.webhooks.update(conversation.id, { failing_since: null });
  await client.webhooks.update(conversation.id, { last_event_id: "now", description: null, status: "enabled" });
  for await (const { status, error } of client.webhooks.attempts(conversation.id, { limit: 100 })) {
    // @ts-expect-error: null if there was no response
    void (status + 1);
    // @ts-expect-error: not a documented error
    void (error === "teapot");
  }
  void [secret, shown];

  for await (const { type, message } of client.events.stream({ after: conversation.id })) {
    // @ts-expect-error: null if it was deleted
    void message.message;
    // @ts-expect-error: not a type of event
    void (type === "message.read");
  }
  // @ts-expect-error: the log is read in one direction
  client.events.list({ ending_before: conversation.id });
  // @ts-expect-error: without `onReset` there is nothing to begin with
  await client.events.copy({ onChange: () => {} });

  const code: ErrorCode | null = error.code;
  // @ts-expect-error: not a documented code
  void (code === "teapot");
}
