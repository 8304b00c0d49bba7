// The client with read replicas that lag. Each test also shows that a replica has answered, with an older state.

import "../support/replicas.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { type ClientOptions, ConversationsClient, ConversationsError } from "../../clients/typescript/src/index.ts";
import { type Copy, catchUp, REPLICAS } from "../replication/replicas.ts";
import { account } from "../support/accounts.ts";
import { origin } from "../support/server.ts";
import { EXPECTED, everything } from "./everything.ts";

const [NEAREST] = REPLICAS;

/** The copy that has answered the last request. */
let answered: string | null = null;

/** Sends requests from a place next to a copy. Not `audited`: that sends bookmarks of its own. */
const near =
  (copy: Copy): NonNullable<ClientOptions["fetch"]> =>
  async (url, init) => {
    const headers = new Headers(init.headers);
    headers.set("x-test-nearest", copy);
    const response = await fetch(url, { ...init, headers });
    answered = response.headers.get("x-test-d1-copies");
    return response;
  };

const connect = (token: string, bookmark: string | null = null) =>
  new ConversationsClient({ token, bookmark, baseUrl: origin, fetch: near(NEAREST), wait: async () => {} });

/** The ids of all conversations. */
const list = async ({ conversations }: ConversationsClient): Promise<string[]> =>
  (await conversations.list()).data.map(({ id }) => id);

/** What a call returns, which the replica must answer. */
async function byReplica<T>(call: Promise<T>): Promise<T> {
  const result = await call;
  assert.equal(answered, NEAREST);
  return result;
}

test("a client reads what it has written, and a replica answers once it has that", async () => {
  const client = connect((await account()).token);
  assert.deepEqual(await list(client), []);
  await catchUp(NEAREST);
  assert.deepEqual(await byReplica(list(client)), []);
  const { id } = await client.conversations.create({ contact_id: "bob" });
  assert.deepEqual(await list(client), [id]);
  await catchUp(NEAREST);
  assert.deepEqual(await byReplica(list(client)), [id]);
  await client.conversations.update(id, { is_muted: true });
  assert.equal((await client.conversations.retrieve(id)).is_muted, true);
  await client.conversations.delete(id);
  assert.deepEqual(await list(client), []);
  await catchUp(NEAREST);
  assert.deepEqual(await byReplica(list(client)), []);
});

test("a bookmark makes another client read what the first one has written", async () => {
  const { token } = await account();
  const writer = connect(token);
  assert.deepEqual(await list(writer), []);
  const before = writer.bookmark;
  await catchUp(NEAREST);
  const { id } = await writer.conversations.create({ contact_id: "bob" });
  assert.deepEqual(await byReplica(list(connect(token, before))), []);
  assert.deepEqual(await list(connect(token, writer.bookmark)), [id]);
  assert.deepEqual(await list(connect(token)), [id]);
});

test("a client that got an event of another client by a long poll reads what has changed", async () => {
  const { token } = await account();
  const [reader, writer] = [connect(token), connect(token)];
  const { position } = await reader.events.list({ starting_after: "now" });
  const before = reader.bookmark;
  await catchUp(NEAREST);
  const change = reader.events.list({ starting_after: position, wait: 30 });
  const { id } = await writer.conversations.create({ contact_id: "bob" });
  assert.equal((await change).data[0]!.conversation_id, id);
  assert.deepEqual(await byReplica(list(connect(token, before))), []);
  assert.deepEqual(await list(reader), [id]);
});

test("a client that got an event of another client by a stream reads what has changed", async () => {
  const { token } = await account();
  const [reader, writer] = [connect(token), connect(token)];
  assert.deepEqual(await list(reader), []);
  const before = reader.bookmark;
  await catchUp(NEAREST);
  const { promise: open, resolve: onOpen } = Promise.withResolvers<void>();
  const events = reader.events.stream({ onOpen });
  const first = events.next();
  await open;
  const { id } = await writer.conversations.create({ contact_id: "bob" });
  assert.equal((await first).value!.conversation_id, id);
  assert.deepEqual(await byReplica(list(connect(token, before))), []);
  assert.deepEqual(await list(reader), [id]);
  await events.return();
});

test("a bookmark that was never sent is dropped", async () => {
  const client = connect((await account()).token, "first-unconstrained");
  const { id } = await client.conversations.create({ contact_id: "bob" });
  assert.deepEqual(await list(client), [id]);
});

test("a revoked token reads while a replica lags, and never writes", async () => {
  const owner = connect((await account()).token);
  const scopes = "conversations:read conversations:write";
  const { id, token } = await owner.tokens.create({ name: "reader", scopes });
  const revoked = connect(token!);
  await list(revoked);
  await catchUp(NEAREST);
  await owner.tokens.delete(id);
  assert.deepEqual(await byReplica(list(revoked)), []);
  const isInvalid = (error: unknown) => error instanceof ConversationsError && error.code === "token_invalid";
  await assert.rejects(revoked.conversations.create({ contact_id: "bob" }), isInvalid);
  await assert.rejects(list(connect(token!)), isInvalid);
  await assert.rejects(list(connect(token!, owner.bookmark)), isInvalid);
});

test("everything that the client does works with bookmarks", async () => {
  const { token } = await account();
  // Next to a replica, a token that was revoked a moment ago could still read.
  assert.deepEqual(await everything({ token, baseUrl: origin, fetch: near("primary") }), EXPECTED);
});
