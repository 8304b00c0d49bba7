// The bookmark of the client, with scripted responses. That it makes reads as new as they must be, with replicas that
// lag: tests/client/replicas.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import {
  type ClientOptions,
  ConversationsClient,
  ConversationsError,
  NetworkError,
} from "../../clients/typescript/src/index.ts";

/** A bookmark. A greater number is a newer state. */
const state = (n: number, database = 0): string =>
  `${database}.0000000${n}-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683`;

/** A response with this bookmark. */
function respond(bookmark: string | null, status = 200, body: object | string = { has_more: false, data: [] }) {
  const headers = new Headers(bookmark === null ? {} : { "X-D1-Bookmark": bookmark });
  headers.set("Content-Type", typeof body === "string" ? "text/event-stream" : "application/json");
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Response(status === 204 || status === 304 ? null : text, { status, headers });
}
const refuse = (param: string, bookmark: string | null = null) =>
  respond(bookmark, 400, { code: "parameter_invalid", message: "It is not valid.", param });
const event = (n: number): string => `id: ${n}\ndata: {"id":"${n}"}\n\n`;

/** A client that gets these responses. `sent` has the bookmarks of its requests. */
function connect(responses: (Response | Error | Promise<Response>)[], options: Partial<ClientOptions> = {}) {
  const sent: (string | null)[] = [];
  const keys: (string | null)[] = [];
  const client = new ConversationsClient({
    token: "self_nothing",
    baseUrl: "https://api.example",
    fetch: async (_, { headers }) => {
      sent.push(new Headers(headers).get("x-d1-bookmark"));
      keys.push(new Headers(headers).get("idempotency-key"));
      const response = await responses[sent.length - 1];
      if (response === undefined) throw new Error("one request too many");
      if (response instanceof Error) throw response;
      return response;
    },
    wait: async () => {},
    ...options,
  });
  return { client, sent, keys, list: async () => client.conversations.list() };
}

/** The error of a call. */
const errorOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => assert.fail("no error"),
    (error) => error,
  );

test("every request has the bookmark of the responses before it, errors too", async () => {
  const { client, sent, list } = connect([
    respond(state(1)),
    respond(state(2), 201, { id: "1" }),
    respond(state(3), 204),
    respond(state(4), 404, { code: "resource_missing", message: "It does not exist." }),
    respond(state(5), 304),
    respond(state(6)),
  ]);
  await list();
  await client.messages.create({ conversation_id: "1", message: "1" });
  await client.tokens.delete("1");
  await errorOf(client.webhooks.retrieve("1"));
  await client.conversations.retrieve("1", { ifNoneMatch: '"1"' });
  await list();
  assert.deepEqual(sent, [null, state(1), state(2), state(3), state(4), state(5)]);
  assert.equal(client.bookmark, state(6));
});

test("without bookmarks in the responses, no request has one", async () => {
  const { client, sent, list } = connect([respond(null), respond(null)]);
  await list();
  await list();
  assert.deepEqual([sent, client.bookmark], [[null, null], null]);
});

test("a response without a bookmark leaves the bookmark as it is", async () => {
  const { client, list } = connect([respond(state(1)), respond(null)]);
  await list();
  await list();
  assert.equal(client.bookmark, state(1));
});

test("of several requests at the same time, the newest bookmark counts", async () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const waiting = [Promise.withResolvers<Response>(), Promise.withResolvers<Response>()];
    const { client, list } = connect(waiting.map(({ promise }) => promise));
    const calls = [list(), list()];
    for (const n of order) {
      waiting[n]!.resolve(respond(state(n + 1)));
      await calls[n];
    }
    assert.equal(client.bookmark, state(2));
  }
});

test("a bookmark of another database replaces the one before, whatever their texts are", async () => {
  const { client, list } = connect([respond(state(9, 2)), respond(state(1, 0)), respond(state(1, 10))]);
  for (const expected of [state(9, 2), state(1, 0), state(1, 10)]) {
    await list();
    assert.equal(client.bookmark, expected);
  }
});

test("a retry has the newest bookmark", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const { sent, client, list } = connect([respond(state(1)), promise, respond(state(2)), respond(state(3))]);
  await list();
  const retried = list();
  await client.messages.list();
  resolve(respond(null, 503, { code: "database_unavailable", message: "It is busy." }));
  await retried;
  assert.deepEqual(sent, [null, state(1), state(1), state(2)]);
});

test("a bookmark that the API rejects is dropped, and the same request is sent once more without it", async () => {
  const { client, sent, keys } = connect([refuse("X-D1-Bookmark", state(8)), respond(state(1), 201, { id: "1" })], {
    bookmark: state(9),
    retries: 0,
  });
  await client.conversations.create({ contact_id: "bob" });
  assert.deepEqual(sent, [state(9), null]);
  assert.ok(keys[0] !== null && keys[0] === keys[1]);
  assert.equal(client.bookmark, state(1));
});

test("a rejection of a request without a bookmark is an error", async () => {
  const { sent, list } = connect([refuse("X-D1-Bookmark"), refuse("X-D1-Bookmark")], { bookmark: state(9) });
  const error = await errorOf(list());
  assert.ok(error instanceof ConversationsError && error.param === "X-D1-Bookmark");
  assert.deepEqual(sent, [state(9), null]);
});

test("another error 400 is not repeated, and keeps the bookmark", async () => {
  const { client, sent, list } = connect([refuse("limit", state(2))], { bookmark: state(1) });
  const error = await errorOf(list());
  assert.ok(error instanceof ConversationsError && error.param === "limit", String(error));
  assert.deepEqual([sent, client.bookmark], [[state(1)], state(2)]);
});

test("a request that was sent before the bookmark was dropped does not bring an old one back", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const { client, list } = connect([promise, refuse("X-D1-Bookmark"), respond(state(7))], { bookmark: state(1) });
  const slow = list();
  await list();
  resolve(respond(state(9)));
  await slow;
  assert.equal(client.bookmark, state(7));
});

test("a stream has the bookmark, and after an event the next request has none", async () => {
  const { client, sent, list } = connect(
    [respond(state(2), 200, `: nothing yet\n\n${event(1)}`), respond(state(3)), respond(state(4), 200, event(2))],
    { bookmark: state(1) },
  );
  const events = client.events.stream({ after: "0" });
  assert.equal((await events.next()).value?.id, "1");
  assert.equal(client.bookmark, null);
  await list();
  assert.equal((await events.next()).value?.id, "2");
  await events.return();
  assert.deepEqual(sent, [state(1), null, state(3)]);
});

test("a stream without events keeps the bookmark", async () => {
  const { client, sent } = connect([respond(state(2), 200, ": nothing\n\n"), respond(null, 401, { code: "x" })], {
    bookmark: state(1),
  });
  await errorOf(client.events.stream({ after: "0" }).next());
  assert.deepEqual([sent, client.bookmark], [[state(1), state(2)], state(2)]);
});

test("a stream whose bookmark the API rejects is opened again without it", async () => {
  const { client, sent } = connect([refuse("X-D1-Bookmark"), respond(state(1), 200, event(1))], {
    bookmark: state(9),
  });
  const events = client.events.stream({ after: "0" });
  assert.equal((await events.next()).value?.id, "1");
  await events.return();
  assert.deepEqual(sent, [state(9), null]);
});

test("a client starts with the bookmark of another, and each has its own", async () => {
  const first = connect([respond(state(1)), respond(state(2))]);
  await first.list();
  const second = connect([respond(state(5))], { bookmark: first.client.bookmark });
  await second.list();
  await first.list();
  assert.deepEqual([first.sent, second.sent], [[null, state(1)], [state(1)]]);
  assert.deepEqual([first.client.bookmark, second.client.bookmark], [state(2), state(5)]);
});

test("a bookmark that no header can have is a TypeError, not a network error", () => {
  assert.throws(() => connect([], { bookmark: "0.\n1" }), TypeError);
});

test("a request without a response keeps the bookmark", async () => {
  const { client, list } = connect([new TypeError("lost")], { bookmark: state(1), retries: 0 });
  assert.ok((await errorOf(list())) instanceof NetworkError);
  assert.equal(client.bookmark, state(1));
});
