// The client in clients/typescript with the real Worker. Nothing here sleeps: the client gets a `wait` that only
// records the time.

import assert from "node:assert/strict";
import test from "node:test";
import { inspect } from "node:util";
import {
  AuthenticationError,
  BadRequestError,
  type ClientOptions,
  ConversationsClient,
  ConversationsError,
  etagOf,
  NetworkError,
  NotFoundError,
  PayloadTooLargeError,
  PermissionDeniedError,
  TimeoutError,
} from "../../clients/typescript/src/index.ts";
import { account } from "../support/accounts.ts";
import { audited } from "../support/http.ts";
import { COLLECTION, item, NO_ID } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { origin } from "../support/server.ts";
import { endpoint, logged, receiver } from "../webhooks/endpoint.ts";
import { isSignedWith } from "../webhooks/receiver.ts";

type Fetch = NonNullable<ClientOptions["fetch"]>;

const DOWN = audited({ "x-test-d1-failure": "D1_ERROR: out of order" });
const STORED_BUT_DOWN = audited({ "x-test-d1-lost": "D1_ERROR: out of order" });
const LOST: Fetch = async (...request) => {
  await audited()(...request);
  throw new TypeError("the connection was lost");
};
const UNREACHED: Fetch = async () => {
  throw new TypeError("no such host");
};
/** A fabricated response, such as one from a proxy. */
const respond =
  (status: number, headers: Record<string, string> = {}, body = "<h1>Sorry</h1>"): Fetch =>
  async () =>
    new Response(body, { status, headers });

/**
 * A client whose first attempts use these functions, and later ones the API. `sent` has its requests, `waits` its
 * waits.
 */
function connect(token: string, attempts: Fetch[] = [], options: Partial<ClientOptions> = {}) {
  const sent: { url: string; method: string; headers: globalThis.Headers }[] = [];
  const waits: number[] = [];
  const client = new ConversationsClient({
    token,
    baseUrl: origin,
    fetch: (url, init) => {
      sent.push({ url, method: init.method!, headers: new Headers(init.headers) });
      return (attempts[sent.length - 1] ?? audited())(url, init);
    },
    wait: async (milliseconds) => void waits.push(milliseconds),
    ...options,
  });
  return { client, sent, waits, keys: () => sent.map(({ headers }) => headers.get("idempotency-key")) };
}

/** The error of a call, which must be of this class. */
async function failure<E extends Error>(call: Promise<unknown>, type: new (...values: never[]) => E): Promise<E> {
  const outcome: unknown = await call.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof type, inspect(outcome));
  return outcome;
}
const apiError = (call: Promise<unknown>) => failure(call, ConversationsError);

/** All objects of a list. */
async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const found = [];
  for await (const one of list) found.push(one);
  return found;
}

/** Ids in order: `at(1)` is the oldest. */
const at = (n: number): string => String(n).padStart(16, "0");

/** An account with conversations 1 to 25. Those with an even number are muted. */
async function accountWithConversations() {
  const alice = await account();
  for (let n = 1; n <= 25; n += 1)
    await alice.insert({ id: at(n), is_muted: n % 2 === 0 ? 1 : 0, last_active_at: 100 - n });
  return alice;
}
const idsDown = (first: number, last: number): string[] =>
  Array.from({ length: first - last + 1 }, (_, n) => at(first - n));

// --------------------------------------------------------------------------------------------------------------- lists

test("for await returns the objects of all pages, in order and once", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  assert.deepEqual(
    (await all(client.conversations.list())).map(({ id }) => id),
    idsDown(25, 1),
  );
  assert.equal(sent.length, 3);
});

test("filters, order and page size apply to every page", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  const unmuted = await all(client.conversations.list({ muted: false, limit: 5, sort: "last_active_at" }));
  assert.deepEqual(
    unmuted.map(({ id }) => id),
    Array.from({ length: 13 }, (_, n) => at(2 * n + 1)),
  );
  assert.equal(sent.length, 3);
  for (const { url } of sent) assert.match(url, /\?(?=.*muted=false)(?=.*limit=5)(?=.*sort=last_active_at)/);
});

test("an attribute that is undefined is not sent", async () => {
  const { client, sent } = connect((await account()).token);
  await client.conversations.list({ group_id: undefined as never, limit: 1 });
  assert.equal(sent[0]!.url, `${origin}${COLLECTION}?limit=1`);
});

test("a for await that ends early gets no further page", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  for await (const { id } of client.conversations.list({ limit: 2 })) if (id === at(24)) break;
  assert.equal(sent.length, 1);
});

test("with ending_before, for await goes to the newest object", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  assert.deepEqual(
    (await all(client.conversations.list({ ending_before: at(3), limit: 10 }))).map(({ id }) => id),
    idsDown(25, 4).reverse(),
  );
  assert.equal(sent.length, 3);
});

test("a page has the next and the previous page, or null", async () => {
  const { client } = connect((await accountWithConversations()).token);
  const first = await client.conversations.list();
  assert.deepEqual([first.data.map(({ id }) => id), first.has_more, first.prev], [idsDown(25, 16), true, null]);
  const second = await first.next!();
  const third = await second.next!();
  assert.deepEqual([third.data.map(({ id }) => id), third.has_more, third.next], [idsDown(5, 1), false, null]);
  const back = await third.prev!();
  assert.deepEqual(back.data, second.data);
  assert.deepEqual((await back.prev!()).data, first.data);
});

test("a page beyond an end is empty, leads back, and ends a for await", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  const end = client.conversations.list({ starting_after: at(1) });
  const last = await end;
  assert.deepEqual([last.data, last.has_more, last.next], [[], false, null]);
  assert.deepEqual(
    (await last.prev!()).data.map(({ id }) => id),
    idsDown(10, 1),
  );
  const start = client.conversations.list({ ending_before: at(25) });
  const first = await start;
  assert.deepEqual([first.data, first.has_more, first.prev], [[], false, null]);
  assert.deepEqual(
    (await first.next!()).data.map(({ id }) => id),
    idsDown(25, 16),
  );
  const before = sent.length;
  assert.deepEqual([await all(end), await all(start)], [[], []]);
  assert.equal(sent.length, before);
});

test("a for await ends when everything that was left has been deleted", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  const seen: string[] = [];
  for await (const { id } of client.conversations.list({ limit: 20 })) {
    seen.push(id);
    if (id === at(6)) for (const gone of idsDown(5, 1)) await client.conversations.delete(gone);
  }
  assert.deepEqual(seen, idsDown(25, 6));
  assert.equal(sent.length, 2 + 5);
});

test("an empty list has one page, and no next or previous one", async () => {
  const { client } = connect((await account()).token);
  assert.deepEqual(await client.messages.list(), { data: [], has_more: false, next: null, prev: null });
  assert.deepEqual(await all(client.messages.list()), []);
});

test("a list sends nothing until it is used, and gets its first page once", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  const list = client.conversations.list();
  assert.equal(sent.length, 0);
  const [first, again] = await Promise.all([list, list]);
  assert.equal(first, again);
  assert.equal((await all(list)).length, 25);
  assert.equal(sent.length, 3);
});

test("include: each page has the number of all objects, and each conversation its last message", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  for (const message of ["Hello", "Goodbye"]) await client.messages.create({ conversation_id: at(25), message });
  const before = sent.length;
  const list = client.conversations.list({ include: ["last_message", "total_count"], muted: false, limit: 7 });
  const first = await list;
  const second = await first.next!();
  for (const page of [first, second]) assert.deepEqual(page.total_count, { value: 13, relation: "eq" });
  assert.deepEqual(
    (await all(list)).map(({ last_message }) => last_message?.message ?? null),
    ["Goodbye", ...Array(12).fill(null)],
  );
  assert.equal(sent.length, before + 3);
  const one = await client.conversations.retrieve(at(25), { include: ["last_message"] });
  assert.equal(one.last_message?.message, "Goodbye");
  assert.equal(await client.conversations.retrieve(at(25), { include: ["last_message"], ifNoneMatch: one }), null);
  assert.equal((await client.conversations.update(at(25), { is_muted: true }, { ifMatch: one })).is_muted, true);
  assert.deepEqual((await client.messages.list({ include: ["total_count"] })).total_count, {
    value: 2,
    relation: "eq",
  });
});

test("order turns a list round, also before a cursor, and since and until limit it", async () => {
  const alice = await account();
  for (let n = 1; n <= 9; n += 1) await alice.insert({ id: at(n), created_at: 1000 + n });
  const { client } = connect(alice.token);
  const ids = async (list: AsyncIterable<{ id: string }>) => (await all(list)).map(({ id }) => id);
  const range = { since: 1002, until: 1008, limit: 2 };
  assert.deepEqual(await ids(client.conversations.list(range)), idsDown(7, 2));
  assert.deepEqual(await ids(client.conversations.list({ ...range, order: "asc" })), idsDown(7, 2).reverse());
  assert.deepEqual(
    await ids(client.conversations.list({ ...range, order: "asc", ending_before: at(5) })),
    idsDown(4, 2),
  );
});

test("links are followed only at the base URL, also behind a proxy", async () => {
  const urls: string[] = [];
  const proxy = "https://proxy.example/api/";
  const client = new ConversationsClient({
    token: (await accountWithConversations()).token,
    baseUrl: proxy,
    fetch: (url, init) => {
      urls.push(url);
      return audited()(url.replace(proxy, `${origin}/`), init);
    },
  });
  assert.equal((await all(client.conversations.list({ limit: 20 }))).length, 25);
  assert.equal(urls.length, 2);
  for (const url of urls) assert.ok(url.startsWith(`${proxy}v1/conversations?`), url);
});

// ------------------------------------------------------------------------------------------------------------- objects

test("conversations: create, retrieve, update, clear and delete; objects are as the API sends them", async () => {
  const alice = await account();
  const { client } = connect(alice.token);
  const created = await client.conversations.create({ contact_id: "bob", group_id: "team" });
  const { id } = created;
  assert.equal(JSON.stringify(created), (await alice.get(item(id))).text);
  assert.deepEqual(await client.conversations.retrieve(id), created);
  const archived = await client.conversations.update(id, { archived_at: 705103200, is_pinned: true });
  assert.deepEqual(archived, { ...created, archived_at: 705103200, is_pinned: true });
  assert.deepEqual(await client.conversations.update(id, { archived_at: null }), { ...archived, archived_at: null });
  assert.equal((await client.conversations.create({ contact_id: "bob", group_id: "team", distinct: true })).id, id);
  assert.equal(await client.conversations.delete(id), undefined);
  assert.equal((await alice.get(item(id))).status, 404);
});

test("updateMany changes conversations at once, and tells which are missing", async () => {
  const { client, sent } = connect((await accountWithConversations()).token);
  const { data, missing } = await client.conversations.updateMany([at(2), NO_ID, at(9)], { is_pinned: true });
  assert.deepEqual(
    [data.map(({ id, is_pinned }) => [id, is_pinned]), missing],
    [
      [
        [at(2), true],
        [at(9), true],
      ],
      [NO_ID],
    ],
  );
  assert.equal(sent.length, 1);
  assert.deepEqual(await all(client.conversations.list({ pinned: true })), data.toReversed());
  assert.equal((await failure(client.conversations.updateMany([], { is_pinned: true }), BadRequestError)).param, "ids");
});

test("withResponse has the request id that the events of the call have", async () => {
  const { client } = connect((await account()).token);
  const { data, status, requestId, headers } = await client.conversations.create({ contact_id: "bob" }).withResponse();
  assert.deepEqual([status, headers.get("location")], [201, item(data.id)]);
  const events = await client.events.list().withResponse();
  assert.deepEqual(
    events.data.data.map(({ request_id }) => request_id),
    [requestId],
  );
});

test("token: the client's own token, whatever its scopes are", async () => {
  const { client } = connect((await account()).token);
  const { token, id } = await client.tokens.create({ name: "Web shop", scopes: "events:read" });
  const own = await connect(token!).client.token.retrieve();
  assert.deepEqual([own.id, own.name, own.scopes, own.expires_at], [id, "Web shop", "events:read", null]);
  assert.equal(own.account, (await client.token.retrieve()).account);
});

test("messages: send, retrieve, update, list and delete", async () => {
  const alice = await account();
  const { client } = connect(alice.token);
  const conversation_id = await alice.insert();
  const created = await client.messages.create({ conversation_id, message: "Ünïcode 😀", contact_id: "bob" });
  assert.equal(created.message, "Ünïcode 😀");
  const read = await client.messages.update(created.id, { read_at: 705103200 });
  assert.equal(read.read_at, 705103200);
  assert.deepEqual(await client.messages.retrieve(created.id), read);
  assert.deepEqual(await all(client.messages.list({ conversation_id })), [read]);
  await client.messages.delete(created.id);
  assert.deepEqual(await all(client.messages.list({ conversation_id })), []);
});

test("tokens: create with a secret, list without it, rotate and revoke", async () => {
  const alice = await account();
  const { client } = connect(alice.token);
  const { token, ...made } = await client.tokens.create({ name: "reader", scopes: "conversations:read" });
  assert.deepEqual(await client.tokens.retrieve(made.id), made);
  assert.deepEqual(
    (await all(client.tokens.list())).filter(({ id }) => id === made.id),
    [made],
  );
  const old = connect(token!).client;
  assert.deepEqual(await all(old.conversations.list()), []);

  const successor = await client.tokens.rotate(made.id, { grace_period: 0 });
  assert.equal((await apiError(old.conversations.list())).code, "token_invalid");
  const current = connect(successor.token!).client;
  assert.deepEqual(await all(current.conversations.list()), []);
  await client.tokens.delete(successor.id);
  assert.equal((await apiError(current.conversations.list())).code, "token_invalid");
});

test("a token whose response was lost has no secret, and can be replaced", async () => {
  const alice = await account();
  const made = await connect(alice.token, [LOST]).client.tokens.create({ name: "CI", scopes: "messages:read" });
  assert.equal(made.token, null);
  const lost = await connect(alice.token, [LOST]).client.tokens.rotate(made.id);
  assert.equal(lost.token, null);
  const { client } = connect(alice.token);
  assert.equal((await apiError(client.tokens.rotate(made.id))).code, "token_rotated");
  await client.tokens.delete(lost.id);
  const { token } = await client.tokens.rotate(made.id);
  assert.deepEqual(await all(connect(token!).client.messages.list()), []);
});

test("webhooks: create with a secret, list and retrieve without it, update, rotate, ping and delete", async () => {
  const alice = await account();
  const { client } = connect(alice.token);
  const target = await receiver();
  const created = await client.webhooks.create({ url: target.url, types: ["message.created"] });
  const { secret, ...webhook } = created;
  assert.deepEqual(await client.webhooks.retrieve(webhook.id), webhook);
  assert.deepEqual(await all(client.webhooks.list()), [webhook]);
  const disabled = await client.webhooks.update(webhook.id, { status: "disabled" }, { ifMatch: created });
  assert.deepEqual(disabled, { ...webhook, status: "disabled", disabled_reason: "requested" });
  const rotated = await client.webhooks.rotate(webhook.id, { grace_period: 0 });
  assert.deepEqual(rotated, { ...disabled, secret: rotated.secret });
  assert.notEqual(rotated.secret, secret);

  const { id } = await client.webhooks.ping(webhook.id);
  const [ping] = await target.take(1);
  assert.equal(ping!.id, id);
  assert.deepEqual([isSignedWith(rotated.secret, ping!), isSignedWith(secret, ping!)], [true, false]);

  assert.equal(await client.webhooks.delete(webhook.id), undefined);
  assert.deepEqual(await all(client.webhooks.list()), []);
  assert.equal((await apiError(client.webhooks.attempts(webhook.id))).code, "resource_missing");
});

test("the attempts of an endpoint come in pages, newest first", async () => {
  const alice = await account();
  const { client, sent } = connect(alice.token);
  const hook = await endpoint(alice);
  for (let n = 0; n < 5; n += 1) await client.conversations.create({ contact_id: `contact${n}` });
  await hook.take(5);
  await hook.attempted(5);
  const before = sent.length;
  const attempts = await all(client.webhooks.attempts(hook.id, { limit: 2 }));
  assert.equal(sent.length, before + 3);
  assert.deepEqual(
    attempts.map(({ event_id }) => event_id),
    (await logged(alice)).reverse(),
  );
  assert.deepEqual((await client.webhooks.attempts(hook.id)).data, attempts);
});

test("an endpoint whose response was lost still has its secret", async () => {
  const alice = await account();
  const made = await connect(alice.token, [LOST]).client.webhooks.create({ url: NOWHERE });
  const { client } = connect(alice.token, [LOST]);
  const rotated = await client.webhooks.rotate(made.id);
  assert.match(made.secret, /^whsec_/);
  assert.match(rotated.secret, /^whsec_/);
  assert.notEqual(rotated.secret, made.secret);
  assert.deepEqual((await all(client.webhooks.list())).length, 1);
});

test("an id is one segment of the path, with any characters", async () => {
  const { client, sent } = connect((await account()).token);
  assert.equal((await apiError(client.messages.delete("a/../b?c#d"))).status, 404);
  assert.equal(sent[0]!.url, `${origin}/v1/messages/a%2F..%2Fb%3Fc%23d`);
});

// ---------------------------------------------------------------------------------------------------------------- tags

test("ifMatch: an update or a delete of an object that changed fails, and nothing is written", async () => {
  const alice = await account();
  const { client } = connect(alice.token);
  const seen = await client.conversations.create({ contact_id: "bob" });
  const theirs = await client.conversations.update(seen.id, { is_muted: true }, { ifMatch: seen });
  for (const call of [
    () => client.conversations.update(seen.id, { is_pinned: true }, { ifMatch: seen }),
    () => client.conversations.update(seen.id, { is_pinned: true }, { ifMatch: etagOf(seen) }),
    () => client.conversations.delete(seen.id, { ifMatch: seen }),
  ]) {
    const { status, code } = await apiError(call());
    assert.deepEqual([status, code], [412, "precondition_failed"]);
  }
  assert.deepEqual(await client.conversations.retrieve(seen.id), theirs);
  await client.conversations.delete(seen.id, { ifMatch: theirs });
});

test("ifNoneMatch: null while the object has not changed, and then the changed object", async () => {
  const alice = await account();
  const { client } = connect(alice.token);
  const seen = await client.messages.create({ conversation_id: await alice.insert(), message: "Hello" });
  assert.equal(await client.messages.retrieve(seen.id, { ifNoneMatch: seen }), null);
  assert.equal(await client.messages.retrieve(seen.id, { ifNoneMatch: etagOf(seen) }), null);
  const changed = await client.messages.update(seen.id, { message: "Goodbye" });
  assert.deepEqual(await client.messages.retrieve(seen.id, { ifNoneMatch: seen }), changed);
});

test("a copy and an object in a list have no ETag: as a condition they throw, and nothing is sent", async () => {
  const { client, sent } = connect((await account()).token);
  const created = await client.conversations.create({ contact_id: "bob" });
  const [listed] = await all(client.conversations.list());
  const before = sent.length;
  for (const object of [{ ...created }, listed!]) {
    await failure(client.conversations.update(created.id, {}, { ifMatch: object }), TypeError);
    await failure(client.conversations.retrieve(created.id, { ifNoneMatch: object }), TypeError);
    assert.throws(() => etagOf(object), TypeError);
  }
  assert.equal(sent.length, before);
});

// -------------------------------------------------------------------------------------------------------------- errors

test("an error has everything from the response", async () => {
  const { client } = connect((await account()).token);
  const error = await apiError(client.conversations.list({ limit: 101 }));
  const { requestId, message, headers, ...rest } = error;
  assert.equal(headers.get("x-request-id"), requestId);
  assert.match(message, /100/);
  assert.match(String(requestId), /^[0-9A-Za-z]{16}$/);
  assert.deepEqual(rest, {
    name: "BadRequestError",
    status: 400,
    code: "parameter_invalid",
    param: "limit",
    documentationUrl: `${origin}/#parameter_invalid`,
    retryAfter: null,
    attempts: 1,
  });
});

test("each kind of error has its class and its code", async () => {
  const { client } = connect((await account()).token);
  const reader = connect((await account(1)).token).client;
  const missing = { conversation_id: NO_ID, message: "Hello" };
  for (const [type, code, call] of [
    [NotFoundError, "resource_missing", () => client.conversations.retrieve(NO_ID)],
    [BadRequestError, "parameter_unknown", () => client.conversations.list({ colour: "red" } as object)],
    [BadRequestError, "parameter_missing", () => client.conversations.create({} as never)],
    [BadRequestError, "parameter_immutable", () => client.conversations.update(NO_ID, { contact_id: "bob" } as object)],
    [AuthenticationError, "token_invalid", () => connect("self_nothing").client.conversations.retrieve(NO_ID)],
    [PermissionDeniedError, "scope_insufficient", () => reader.conversations.create({ contact_id: "bob" })],
    [
      PayloadTooLargeError,
      "body_too_large",
      () => client.messages.create({ ...missing, message: "x".repeat(140_000) }),
    ],
  ] as const) {
    assert.equal((await failure<ConversationsError>(call(), type)).code, code);
  }
});

test("a response that is not from the API is an error without a code, even with status 200", async () => {
  const { token } = await account();
  for (const status of [200, 403, 500]) {
    const { client, sent } = connect(token, [respond(status, { "content-type": "text/html" })]);
    const error = await apiError(client.conversations.retrieve(NO_ID));
    assert.deepEqual([error.status, error.code, error.requestId, error.param], [status, null, null, null]);
    assert.match(error.message, /text\/html/);
    assert.equal(sent.length, 1);
  }
});

test("no response is a NetworkError with its cause", async () => {
  const { client } = connect((await account()).token, Array(4).fill(UNREACHED));
  const error = await failure(client.conversations.retrieve(NO_ID), NetworkError);
  assert.match(error.message, /no such host/);
  assert.ok(error.cause instanceof TypeError);
  assert.equal(error.attempts, 4);
});

test("a closed port is a NetworkError with the global fetch too", async () => {
  const client = new ConversationsClient({ token: "self_nothing", baseUrl: "http://127.0.0.1:1", retries: 0 });
  assert.equal((await failure(client.conversations.retrieve(NO_ID), NetworkError)).attempts, 1);
});

test("an invalid token, key or URL is a TypeError, and nothing is sent", async () => {
  const { token } = await account();
  const { client, sent } = connect(token);
  await failure(client.conversations.create({ contact_id: "bob" }, { idempotencyKey: "é…" }), TypeError);
  for (const bad of [{ baseUrl: "nowhere" }, { baseUrl: "https://me:secret@api.example" }, { token: `${token}\n` }]) {
    assert.throws(
      () => connect(token, [], bad),
      (error) => error instanceof TypeError && !inspect(error).includes(token) && !inspect(error).includes("secret"),
    );
  }
  assert.deepEqual(sent, []);
});

test("printing a client or an error does not show the token", async () => {
  const { token } = await account();
  const { client } = connect(token, [respond(500)]);
  const error = await apiError(client.conversations.retrieve(NO_ID));
  for (const shown of [
    inspect(client, { depth: 9, showHidden: true }),
    inspect(error, { depth: 9, showHidden: true }),
    JSON.stringify([client, error]),
  ]) {
    assert.ok(!shown.includes(token), shown);
  }
});

// ------------------------------------------------------------------------------------------------------------- retries

test("a call succeeds after a short failure of the database", async () => {
  const alice = await account();
  const id = await alice.insert();
  const { client, sent, waits } = connect(alice.token, [DOWN, DOWN, DOWN]);
  assert.equal((await client.conversations.retrieve(id)).id, id);
  assert.equal(sent.length, 4);
  // As long as the API asked for.
  for (const milliseconds of waits) assert.ok(milliseconds >= 5000 && milliseconds <= 5500, `waited ${milliseconds}`);
});

test("the retries end, and the error has the number of attempts", async () => {
  const { client, waits } = connect((await account()).token, Array(9).fill(DOWN));
  const error = await apiError(client.conversations.retrieve(NO_ID));
  assert.deepEqual(
    [error.status, error.code, error.retryAfter, error.attempts, waits.length],
    [503, "database_unavailable", 5, 4, 3],
  );
});

test("retries can be turned off", async () => {
  const { client, sent } = connect((await account()).token, [DOWN], { retries: 0 });
  assert.equal((await apiError(client.conversations.retrieve(NO_ID))).attempts, 1);
  assert.equal(sent.length, 1);
});

test("without Retry-After each wait is twice as long, up to half of it shorter at random, and limited", async () => {
  const { client, waits } = connect((await account()).token, Array(9).fill(UNREACHED), { retries: 6, maxWait: 5000 });
  await failure(client.conversations.retrieve(NO_ID), NetworkError);
  const longest = [500, 1000, 2000, 4000, 5000, 5000];
  assert.equal(waits.length, longest.length);
  for (const [n, wait] of waits.entries())
    assert.ok(wait >= longest[n]! / 2 && wait <= longest[n]!, `wait ${n + 1} was ${wait}`);
  assert.ok(new Set(waits.map((wait, n) => wait / longest[n]!)).size > 1, "the waits are not random");
});

test("Retry-After is honoured after 429, in seconds and as a date", async () => {
  const { token } = await account();
  const seconds = connect(token, [respond(429, { "retry-after": "10" })]);
  await seconds.client.conversations.list();
  assert.ok(seconds.waits[0]! >= 10_000 && seconds.waits[0]! <= 10_500, `waited ${seconds.waits}`);
  const date = connect(token, [respond(429, { "retry-after": new Date(Date.now() + 30_000).toUTCString() })]);
  await date.client.conversations.list();
  assert.ok(date.waits[0]! > 15_000 && date.waits[0]! <= 30_500, `waited ${date.waits}`);
});

test("a Retry-After above maxWait is an error at once", async () => {
  const { client, sent, waits } = connect((await account()).token, [respond(429, { "retry-after": "61" })]);
  assert.equal((await apiError(client.conversations.list())).retryAfter, 61);
  assert.deepEqual([sent.length, waits], [1, []]);
  const just = connect((await account()).token, [respond(429, { "retry-after": "60" })]);
  await just.client.conversations.list();
  assert.equal(just.sent.length, 2);
});

test("502, 503 and 504 are retried, a 500 is not", async () => {
  const { token } = await account();
  for (const [status, attempts] of [
    [502, 2],
    [503, 2],
    [504, 2],
    [500, 1],
  ] as const) {
    const { client, sent } = connect(token, [respond(status)]);
    await client.conversations.list().catch(() => undefined);
    assert.equal(sent.length, attempts, String(status));
  }
});

test("a 503 because the deployment has no webhooks is not retried", async () => {
  const { token } = await account();
  const withoutKey: Fetch = (url, { headers, ...init }) =>
    fetch(url, { ...init, headers: { ...Object.fromEntries(new Headers(headers)), "x-test-webhook-key": "" } });
  const { client, sent } = connect(token, [withoutKey]);
  assert.equal((await apiError(client.webhooks.list())).code, "webhooks_unavailable");
  assert.equal(sent.length, 1);
});

for (const [what, attempt] of [
  ["the connection is lost", LOST],
  ["the database fails", STORED_BUT_DOWN],
] as const) {
  test(`a POST is executed once when ${what} after it was executed`, async () => {
    const alice = await account();
    const { client, keys } = connect(alice.token, [attempt, attempt]);
    const { id } = await client.conversations.create({ contact_id: "bob" });
    assert.deepEqual(
      (await alice.contents()).conversations.map((row) => row.id),
      [id],
    );
    assert.equal(keys().length, 3);
    assert.equal(new Set(keys()).size, 1);
    assert.match(keys()[0]!, /^[0-9a-f-]{36}$/);
  });
}

test("every POST has its own key, or the caller's", async () => {
  const alice = await account();
  const { client, keys } = connect(alice.token);
  const one = await client.conversations.create({ contact_id: "bob" });
  const other = await client.conversations.create({ contact_id: "bob" });
  assert.notEqual(one.id, other.id);
  assert.notEqual(keys()[0], keys()[1]);
  const conversation_id = one.id;
  const sent = await client.messages.create({ conversation_id, message: "Hello" }, { idempotencyKey: "order-7" });
  assert.deepEqual(
    await client.messages.create({ conversation_id, message: "Hello" }, { idempotencyKey: "order-7" }),
    sent,
  );
  assert.equal(
    (await apiError(client.messages.create({ conversation_id, message: "Bye" }, { idempotencyKey: "order-7" }))).code,
    "idempotency_key_reused",
  );
  assert.equal((await alice.contents()).messages.length, 1);
  await client.tokens.rotate((await client.tokens.create({ name: "t", scopes: "messages:read" })).id);
  assert.ok(keys().every((key) => key !== null));
});

test("only a POST has a key", async () => {
  const { client, keys } = connect((await account()).token);
  const { id } = await client.conversations.create({ contact_id: "bob" });
  await client.conversations.retrieve(id);
  await client.conversations.update(id, { is_muted: true });
  await client.conversations.delete(id);
  assert.deepEqual(
    keys().map((key) => key !== null),
    [true, false, false, false],
  );
});

test("a delete whose response was lost is not an error", async () => {
  const alice = await account();
  const { client, sent } = connect(alice.token, [LOST]);
  await client.conversations.delete(await alice.insert());
  assert.equal(sent.length, 2);
  assert.deepEqual((await alice.contents()).conversations, []);
});

test("a delete of an object that never existed is an error, also after a 429", async () => {
  const { token } = await account();
  for (const attempts of [[], [respond(429, { "retry-after": "1" })]]) {
    assert.equal(
      (await apiError(connect(token, attempts).client.conversations.delete(NO_ID))).code,
      "resource_missing",
    );
  }
});

test("a 412 after a retry has more than one attempt: the first may have caused it", async () => {
  const alice = await account();
  const seen = await connect(alice.token).client.conversations.create({ contact_id: "bob" });
  const { client } = connect(alice.token, [LOST]);
  const error = await apiError(client.conversations.update(seen.id, { is_muted: true }, { ifMatch: seen }));
  assert.deepEqual([error.code, error.attempts], ["precondition_failed", 2]);
  assert.equal((await client.conversations.retrieve(seen.id)).is_muted, true);
});

// ------------------------------------------------------------------------------------------------------- cancellation

/** Never responds. Rejects when its signal is aborted. */
const NEVER: Fetch = (_, { signal }) =>
  new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));

test("a call with an aborted signal sends nothing", async () => {
  const { client, sent } = connect((await account()).token);
  const reason = new Error("changed my mind");
  const signal = AbortSignal.abort(reason);
  for (const call of [
    () => client.conversations.retrieve(NO_ID, { signal }),
    () => client.conversations.create({ contact_id: "bob" }, { signal }),
    () => client.conversations.update(NO_ID, {}, { signal }),
    () => client.conversations.delete(NO_ID, { signal }),
    () => client.conversations.list({}, { signal }),
    () => all(client.conversations.list({}, { signal })),
    () => client.tokens.rotate(NO_ID, {}, { signal }),
  ]) {
    assert.equal(await failure(call(), Error), reason);
  }
  assert.deepEqual(sent, []);
});

test("a call that is cancelled throws the signal's reason, and is not retried", async () => {
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  const { client, sent } = connect(
    "self_nothing",
    [
      (url, init) => {
        queueMicrotask(() => controller.abort(reason));
        return NEVER(url, init);
      },
    ],
    { retries: 0 },
  );
  assert.equal(await failure(client.conversations.retrieve(NO_ID, { signal: controller.signal }), Error), reason);
  assert.equal(sent.length, 1);
});

test("a call that is cancelled while the body arrives throws the signal's reason", async () => {
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  const { client } = connect("self_nothing", [
    async (_, { signal }) =>
      new Response(
        new ReadableStream({
          start(body) {
            body.enqueue(new TextEncoder().encode('{"id":'));
            signal!.addEventListener("abort", () => body.error(signal!.reason));
            queueMicrotask(() => controller.abort(reason));
          },
        }),
      ),
  ]);
  assert.equal(await failure(client.conversations.retrieve(NO_ID, { signal: controller.signal }), Error), reason);
});

test("the wait before a retry is a timer, which cancelling ends at once", async (t) => {
  const { token } = await account();
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  // The first wait ends at once. The call is cancelled during the second. No other timer is so long.
  const waits: number[] = [];
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (over: () => void, milliseconds: number, ...rest: []) => {
    if (milliseconds < 20_000 || milliseconds > 20_500) return setTimeout(over, milliseconds, ...rest);
    waits.push(milliseconds);
    if (waits.length === 1) return setTimeout(over, 0);
    queueMicrotask(() => controller.abort(reason));
    cancelled = setTimeout(assert.fail, milliseconds);
    return cancelled;
  });
  let cancelled: unknown;
  const cleared = t.mock.method(globalThis, "clearTimeout");
  const busy = respond(503, { "retry-after": "20" });
  const { client, sent } = connect(token, [busy, audited(), busy], { wait: undefined as never });
  await client.conversations.list();
  assert.equal(sent.length, 2);
  assert.equal(await failure(client.conversations.list({}, { signal: controller.signal }), Error), reason);
  assert.deepEqual([sent.length, waits.length], [3, 2]);
  assert.ok(
    cleared.mock.calls.some(({ arguments: [timer] }) => timer === cancelled),
    "the timer still runs",
  );
});

test("an attempt that times out is retried", async () => {
  const alice = await account();
  const id = await alice.insert();
  const slow = connect(alice.token, [NEVER, NEVER], { timeout: 1, retries: 1 });
  const error = await failure(slow.client.conversations.retrieve(id), TimeoutError);
  assert.deepEqual([error.attempts, (error.cause as Error).name], [2, "TimeoutError"]);
});
