// What the compiler accepts and rejects. Nothing here runs: `npm test` checks the types, and a `@ts-expect-error`
// without an error is an error itself.

import {
  type Conversation,
  ConversationsClient,
  type ConversationsError,
  type ErrorCode,
  type Message,
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

  // @ts-expect-error: unknown order
  client.messages.list({ order: "newest" });
  client.messages.list({ since: 705103200, until: 705103201, order: "asc" });

  for await (const { last_message } of client.conversations.list({ include: ["last_message", "total_count"] })) {
    const text: string | undefined = last_message?.message;
    // @ts-expect-error: null if there is no message
    void last_message.message;
    void text;
  }
  for await (const { last_message } of client.conversations.list({ include: ["total_count"] })) {
    // @ts-expect-error: not included
    const text: Message | null = last_message;
    void text;
  }
  const counted = await client.conversations.list({ include: ["total_count"] });
  const count: number = counted.total_count.value;
  const { total_count } = await counted.next!();
  const relation: "eq" | "gte" = total_count.relation;
  const uncounted = await client.messages.list();
  // @ts-expect-error: not included
  void uncounted.total_count.value;
  void (await client.messages.list({ include: ["total_count"] })).total_count.value;
  // @ts-expect-error: a message has no last message
  client.messages.list({ include: ["last_message"] });
  const include: "last_message"[] = [];
  // @ts-expect-error: it is only known when the program runs
  const maybe: { last_message: Message | null } = await client.conversations.retrieve("1", { include });
  const { last_message }: { last_message: Message | null } = await client.conversations.retrieve("1", {
    include: ["last_message"],
  });
  const newer = await client.conversations.retrieve("1", { include: ["last_message"], ifNoneMatch: '"1"' });
  // @ts-expect-error: null if the object has not changed
  void newer.last_message;
  void [count, relation, maybe, last_message, newer?.last_message];

  const { data, missing } = await client.conversations.updateMany(["1", "2"], { is_muted: true, archived_at: null });
  const first: Conversation | undefined = data[0];
  const second: string | undefined = missing[1];
  // @ts-expect-error: a message belongs to one conversation only
  await client.conversations.updateMany(["1"], { pinned_message_id: "1" });
  const { data: object, requestId } = await client.messages.retrieve("1").withResponse();
  const [text, request]: [string, string | null] = [object.message, requestId];
  const { account, scopes }: { account: string; scopes: string } = await client.token.retrieve();
  void [first, second, text, request, account, scopes];

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
