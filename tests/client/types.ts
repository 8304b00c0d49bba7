// What the compiler promises whoever uses the client. Nothing here runs: `npm test` checks the types, and each
// `@ts-expect-error` is an error itself where there is none to expect.

import type {
  Conversation,
  Conversations,
  ConversationsError,
  ErrorCode,
  TokenWithSecret,
} from "../../clients/typescript/src/index.ts";

/** Everything that compiles, and what must not. */
export async function types(client: Conversations, error: ConversationsError): Promise<void> {
  const conversation: Conversation = await client.conversations.create({ group_id: "team" });
  // @ts-expect-error: a contact or a group is needed
  await client.conversations.create({ distinct: true });
  // @ts-expect-error: can't be changed
  await client.conversations.update(conversation.id, { contact_id: "bob" });
  // @ts-expect-error: a flag can't be cleared
  await client.conversations.update(conversation.id, { is_muted: null });
  await client.conversations.update(conversation.id, { archived_at: null, pinned_message_id: null });

  // @ts-expect-error: there is no such filter
  client.conversations.list({ colour: "red" });
  // @ts-expect-error: nor such an order
  client.conversations.list({ sort: "name" });
  for await (const { last_active_at } of client.conversations.list({ sort: "last_active_at" })) {
    const time: number | null = last_active_at;
    // @ts-expect-error: may be null
    void (time + 1);
  }

  // @ts-expect-error: null when the caller has it already
  const changed: Conversation = await client.conversations.get(conversation.id, { ifNoneMatch: conversation });
  const some: Conversation = await client.conversations.get(conversation.id, { signal: AbortSignal.timeout(1) });
  void [changed, some];

  // @ts-expect-error: the secret is shown when a token is made, and never again
  const listed: TokenWithSecret = await client.tokens.get(conversation.id);
  const made: string = (await client.tokens.create({ name: "t", scopes: "messages:read" })).token;
  void [listed, made];
  // @ts-expect-error: tokens are rotated, not updated
  client.tokens.update;

  const code: ErrorCode | null = error.code;
  // @ts-expect-error: not a documented code
  void (code === "teapot");
}
