// The client with read replicas that lag as much as they may. Each test also shows that a replica has answered.

import assert from "node:assert/strict";
import test from "node:test";
import { type Conversation, Conversations, ConversationsError } from "../../clients/typescript/src/index.ts";
import { EXPECTED, everything } from "./everything.ts";
import { newToken, origin, seen, upToDate } from "./replicas.ts";

const connect = (token: string, bookmark: string | null = null) =>
  new Conversations({ token, bookmark, baseUrl: origin, wait: async () => {} });

const ids = (conversations: Conversation[]): string[] => conversations.map(({ id }) => id);
const list = async ({ conversations }: Conversations): Promise<string[]> =>
  ids((await conversations.list().page()).data);

/** Fails unless a replica answers the last request of the function. */
async function byReplica<T>(run: () => Promise<T>): Promise<T> {
  const result = await run();
  assert.ok(seen.at(-1)!.byReplica, "no replica has answered");
  return result;
}

test("a client reads what it has written, and a replica answers what has not changed since", async () => {
  const client = connect(await newToken());
  assert.deepEqual(await list(client), []);
  assert.deepEqual(await byReplica(() => list(client)), []);
  const { id } = await client.conversations.create({ contact_id: "bob" });
  assert.deepEqual(await list(client), [id]);
  assert.deepEqual(await byReplica(() => list(client)), [id]);
  assert.equal((await client.conversations.get(id)).is_muted, false);
  await client.conversations.update(id, { is_muted: true });
  assert.equal((await client.conversations.get(id)).is_muted, true);
  assert.equal((await byReplica(() => client.conversations.get(id))).is_muted, true);
  await client.conversations.delete(id);
  assert.deepEqual(await list(client), []);
});

test("a bookmark makes another client read what the first one has written", async () => {
  const token = await newToken();
  const writer = connect(token);
  assert.deepEqual(await list(writer), []);
  const before = writer.bookmark;
  const { id } = await writer.conversations.create({ contact_id: "bob" });
  assert.deepEqual(await byReplica(() => list(connect(token, before))), []);
  assert.deepEqual(await list(connect(token, writer.bookmark)), [id]);
  assert.deepEqual(await list(connect(token)), [id]);
});

test("a client that got an event of another client by a long poll reads what has changed", async () => {
  const token = await newToken();
  const [reader, writer] = [connect(token), connect(token)];
  assert.deepEqual(await list(reader), []);
  const { position } = await reader.events.list({ starting_after: "now" }).page();
  const before = reader.bookmark;
  const change = reader.events.list({ starting_after: position, wait: 30 }).page();
  const { id } = await writer.conversations.create({ contact_id: "bob" });
  assert.equal((await change).data[0]!.conversation_id, id);
  assert.deepEqual(await byReplica(() => list(connect(token, before))), []);
  assert.deepEqual(await list(reader), [id]);
});

test("a client that got an event of another client by a stream reads what has changed", async () => {
  const token = await newToken();
  const [reader, writer] = [connect(token), connect(token)];
  assert.deepEqual(await list(reader), []);
  const before = reader.bookmark;
  const { promise: open, resolve: onOpen } = Promise.withResolvers<void>();
  const events = reader.events.stream({ onOpen });
  const first = events.next();
  await open;
  const { id } = await writer.conversations.create({ contact_id: "bob" });
  assert.equal((await first).value!.conversation_id, id);
  assert.deepEqual(await byReplica(() => list(connect(token, before))), []);
  assert.deepEqual(await list(reader), [id]);
  await events.return();
});

test("a bookmark that was never sent is dropped", async () => {
  const client = connect(await newToken(), "first-unconstrained");
  const { id } = await client.conversations.create({ contact_id: "bob" });
  assert.deepEqual(await list(client), [id]);
});

test("a revoked token reads while a replica lags, and never writes", async () => {
  const owner = connect(await newToken());
  const { id, token } = await owner.tokens.create({
    name: "reader",
    scopes: "conversations:read conversations:write",
  });
  const revoked = connect(token!);
  await list(revoked);
  await owner.tokens.delete(id);
  assert.deepEqual(await byReplica(() => list(revoked)), []);
  const isInvalid = (error: unknown) => error instanceof ConversationsError && error.code === "token_invalid";
  await assert.rejects(revoked.conversations.create({ contact_id: "bob" }), isInvalid);
  await assert.rejects(list(connect(token!)), isInvalid);
  await assert.rejects(list(connect(token!, owner.bookmark)), isInvalid);
});

test("everything that the client does works where the API sends bookmarks", async () => {
  assert.deepEqual(await everything({ token: await newToken(), baseUrl: upToDate }), EXPECTED);
});
