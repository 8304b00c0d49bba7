// GET /v1/events as server-sent events: what is streamed, from where on, in which order, and to how many at once. What
// takes time: time.test.ts. Clients that others wrote: clients.test.ts.

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { random } from "../random.ts";
import { type Account, account, grant } from "../support/accounts.ts";
import { gate, sql } from "../support/database.ts";
import { assertError, idsOf, links } from "../support/expectations.ts";
import { api, type Headers } from "../support/http.ts";
import { fill, fillMessages, fillTexts } from "../support/large.ts";
import { COLLECTION, EVENTS, item, MESSAGES, messageItem } from "../support/paths.ts";
import { MESSAGES_READ, READ, SCOPES } from "../support/tokens.ts";
import { closeAll, listen, type Stream, type StreamEvent, unwatch, watched } from "./listening.ts";

const STREAM = { Accept: "text/event-stream" };
const START = "0000000000000000";
const EVENTS_READ = SCOPES["events:read"]!;
afterEach(closeAll);

/** A stream that has read the log when this returns: every change from now on wakes it. */
async function listening(holder: Account, query = "", headers: Headers = {}, token = holder.token): Promise<Stream> {
  await unwatch(holder);
  const stream = await listen(token, query, headers);
  await watched(holder);
  return stream;
}

const lastEventId = (id: string): Headers => ({ "Last-Event-ID": id });
const idsIn = (events: StreamEvent[]): string[] => events.map(({ id }) => id);

/** The ids of the whole log. */
async function log(holder: Account): Promise<string[]> {
  const ids: string[] = [];
  for (let page = `${EVENTS}?limit=100`; ; ) {
    const answer = await holder.get(page);
    ids.push(...idsOf(answer));
    if (!answer.json.has_more) return ids;
    page = String(links(answer).next);
  }
}

test("a stream has each event from now on, as the page has it", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const stream = await listening(alice);
  const created = await alice.post(COLLECTION, "contact_id=bob");
  const [first] = await stream.take(1);
  assert.equal(first!.json.request_id, created.headers["x-request-id"]);
  const message = (await alice.say(conversation, { message: 'tab\tbreak\nquote" 語 🦀' })).id;
  const [second] = await stream.take(1);
  const page = await alice.get(`${EVENTS}?starting_after=${first!.id}`);
  assert.equal(page.text, `{"has_more":false,"data":[${second!.text}]}`);
  await alice.put(messageItem(message), "message=Corrected");
  await alice.delete(messageItem(message));
  await alice.put(item(conversation), "is_muted=true");
  await alice.delete(item(conversation));
  assert.deepEqual(
    (await stream.take(4)).map(({ type }) => type),
    ["message.updated", "message.deleted", "conversation.updated", "conversation.deleted"],
  );
  assert.deepEqual(stream.events, []);
});

test("a stream is not stored by caches, and any origin may read it", async () => {
  const alice = await account();
  const { headers } = await listen(alice.token);
  assert.match(String(headers["content-type"]), /^text\/event-stream(; ?charset=utf-8)?$/i);
  assert.equal(headers["cache-control"], "private, no-store");
  assert.equal(headers["access-control-allow-origin"], "*");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.match(String(headers["x-request-id"]), /^\w{16}$/);
  assert.deepEqual([headers.etag, headers.link, headers["content-length"]], [undefined, undefined, undefined]);
});

test("a stream begins after Last-Event-ID, or else starting_after, or else now", async () => {
  const alice = await account();
  await fill(alice, 6);
  const ids = await log(alice);
  const cases: [query: string, headers: Headers, after: number][] = [
    [`?starting_after=${START}`, {}, 0],
    [`?starting_after=${ids[2]}`, {}, 3],
    [`?starting_after=${ids[5]}`, {}, 6],
    ["?starting_after=now", {}, 6],
    ["", lastEventId(START), 0],
    ["", lastEventId(ids[1]!), 2],
    [`?starting_after=${ids[4]}`, lastEventId(ids[1]!), 2],
    ["?starting_after=now", lastEventId(ids[1]!), 2],
    [`?starting_after=${ids[3]}`, lastEventId(""), 4],
    ["", lastEventId(""), 6],
  ];
  for (const [query, headers, after] of cases) {
    const stream = await listening(alice, query, headers);
    const { id } = (await alice.post(COLLECTION, "contact_id=bob")).json;
    const events = await stream.take(ids.length - after + 1);
    assert.deepEqual(idsIn(events).slice(0, -1), ids.slice(after), JSON.stringify([query, headers]));
    assert.equal(events.at(-1)!.json.conversation_id, id);
    stream.close();
    await sql("DELETE FROM events WHERE account_id = ? AND seq > 6", alice.id);
  }
});

test("a stream of an empty log begins with the first event", async () => {
  for (const query of ["", "?starting_after=now", `?starting_after=${START}`]) {
    const alice = await account();
    const stream = await listening(alice, query);
    await alice.post(COLLECTION, "contact_id=bob");
    assert.equal((await stream.take(1))[0]!.type, "conversation.created", query);
  }
});

test("a long log is streamed whole, whatever is added at the same time", async () => {
  const alice = await account();
  await fill(alice, 1234);
  const stream = await listen(alice.token, `?starting_after=${START}`);
  for (let i = 0; i < 5; i += 1) await alice.post(COLLECTION, "contact_id=bob");
  const events = await stream.take(1239);
  assert.deepEqual(idsIn(events), await log(alice));
});

test("a stream ends before it has called D1 a thousand times, and the next one goes on", async () => {
  const alice = await account();
  await fill(alice, 50_000);
  await fillMessages(alice, "0000000000025000", 50_000);
  const first = await listen(alice.token, `?starting_after=${START}`);
  await first.ended;
  const count = first.events.length;
  assert.ok(count > 80_000 && count < 100_000, `${count} events`);
  const second = await listen(alice.token, "", lastEventId(first.events.at(-1)!.id));
  const seqs = [...first.events, ...(await second.take(100_000 - count))].map(({ id }) =>
    Number.parseInt(id.slice(0, 9), 16),
  );
  assert.deepEqual(
    seqs,
    Array.from({ length: 100_000 }, (_, n) => n + 1),
  );
});

test("texts beyond 1 MB are streamed whole", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  await fillTexts(alice, conversation, 120, "漢".repeat(10_000));
  const stream = await listen(alice.token, `?starting_after=${START}`);
  const events = await stream.take(121);
  assert.deepEqual(idsIn(events), await log(alice));
  assert.ok(events.slice(1).every(({ json }) => json.message.message.length === 10_000));
});

test("a change between the reading and the listening is not missed", async () => {
  const alice = await account();
  const read = gate("after");
  const opening = listen(alice.token, "", read.headers);
  await read.reached();
  const created = await alice.post(COLLECTION, "contact_id=bob");
  await read.open();
  const [event] = await (await opening).take(1);
  assert.equal(event!.json.request_id, created.headers["x-request-id"]);
});

test("a hundred changes at once come in the order of the log, each once, to every listener", async () => {
  const alice = await account();
  const conversations = await Promise.all(Array.from({ length: 10 }, () => alice.insert()));
  const streams = [];
  for (let i = 0; i < 5; i += 1) streams.push(await listening(alice));
  const before = (await log(alice)).length;
  await Promise.all(
    Array.from({ length: 100 }, (_, i) => {
      const conversation = conversations[i % 10]!;
      if (i % 4 === 0) return alice.post(COLLECTION, { contact_id: `contact-${i}` });
      if (i % 4 === 1) return alice.put(item(conversation), { archived_at: 705103200 + i });
      return alice.post(MESSAGES, { conversation_id: conversation, message: `Message ${i}` });
    }),
  );
  const expected = (await log(alice)).slice(before);
  assert.equal(expected.length, 100);
  for (const stream of streams) assert.deepEqual(idsIn(await stream.take(100)), expected);
});

test("a stream that is cut anywhere goes on after its last event: nothing is lost, nothing comes twice", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const next = random(14);
  const writing = (async () => {
    for (let i = 0; i < 30; i += 1)
      await Promise.all([0, 1, 2].map((n) => alice.say(conversation, { message: `Message ${i} ${n}` })));
  })();
  const seen: string[] = [START];
  while (seen.length < 1 + 1 + 90) {
    const stream = await listen(alice.token, "", lastEventId(seen.at(-1)!));
    const wanted = Math.min(1 + next(9), 92 - seen.length);
    // Also those that came beyond the ones that were waited for, up to the cut.
    seen.push(...idsIn(await stream.take(wanted)), ...idsIn(stream.events));
    stream.close();
  }
  await writing;
  assert.deepEqual(seen.slice(1), await log(alice));
});

test("an object is null for a token that may not read it, in a stream too", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  for (const [scopes, conversationShown, messageShown] of [
    [EVENTS_READ, false, false],
    [EVENTS_READ | READ, true, false],
    [EVENTS_READ | MESSAGES_READ, false, true],
    [EVENTS_READ | READ | MESSAGES_READ, true, true],
  ] as const) {
    const stream = await listening(alice, "", {}, await grant(alice.id, { scopes }));
    const { id } = await alice.say(conversation);
    const [{ json } = { json: undefined }] = await stream.take(1);
    assert.deepEqual(
      [json.message_id, json.conversation?.id ?? null, json.message?.id ?? null],
      [id, conversationShown ? conversation : null, messageShown ? id : null],
      `scopes ${scopes}`,
    );
    stream.close();
  }
});

test("a stream has the events of its account and no other's", async () => {
  const [alice, bob] = [await account(), await account()];
  const streams = [await listening(alice), await listening(bob)];
  for (let i = 0; i < 3; i += 1) {
    await bob.post(COLLECTION, "contact_id=bob");
    await alice.post(COLLECTION, "contact_id=alice");
  }
  for (const [at, contact] of ["alice", "bob"].entries())
    assert.deepEqual(
      (await streams[at]!.take(3)).map(({ json }) => json.conversation.contact_id),
      [contact, contact, contact],
    );
});

test("what is wrong with a request is said before the stream begins, as JSON", async () => {
  const alice = await account();
  await fill(alice, 3);
  const [first = ""] = await log(alice);
  const get = (query: string, headers: Headers = {}) => alice.get(EVENTS + query, undefined, { ...STREAM, ...headers });
  for (const name of ["limit", "wait"]) assertError(await get(`?${name}=10`), 400, "parameter_invalid", name);
  assertError(await get("?starting_after=x"), 400, "parameter_invalid", "starting_after");
  assertError(await get("?types=x"), 400, "parameter_unknown", "types");
  for (const id of ["x", "now", `${first}0`])
    assertError(await get("", lastEventId(id)), 400, "parameter_invalid", "Last-Event-ID");
  await sql("DELETE FROM events WHERE account_id = ? AND seq <= 2", alice.id);
  assertError(await get(`?starting_after=${first}`), 410, "position_expired", "starting_after");
  assertError(await get("", lastEventId(first)), 410, "position_expired", "starting_after");
  assertError(await get("", { Authorization: "Bearer x" }), 401, "token_invalid");
  const blind = api(await grant(alice.id, { scopes: READ | MESSAGES_READ }));
  assertError(await blind.get(EVENTS, undefined, STREAM), 403, "scope_insufficient");
});

test("only a GET that accepts server-sent events is a stream", async () => {
  const alice = await account();
  for (const accept of ["*/*", "application/json", "text/*", "text/event-streams", "text/html, */*;q=0.8"]) {
    const answer = await alice.get(EVENTS, undefined, { Accept: accept });
    assert.match(String(answer.headers["content-type"]), /^application\/json/, accept);
  }
  for (const accept of [
    "text/event-stream",
    "Text/Event-Stream",
    "text/event-stream;q=0.9, */*",
    "*/*, text/event-stream",
  ])
    (await listen(alice.token, "", { Accept: accept })).close();
  const head = await alice.head(EVENTS, undefined, STREAM);
  assert.deepEqual([head.status, head.text], [200, ""]);
});

test("at most ten streams of a token at once: the next one is a 429", async () => {
  const alice = await account();
  const streams = await Promise.all(Array.from({ length: 10 }, () => listen(alice.token)));
  const refused = await alice.get(EVENTS, undefined, STREAM);
  assertError(refused, 429, "rate_limited");
  assert.match(String(refused.headers["retry-after"]), /^\d+$/);
  assertError(await alice.get(`${EVENTS}?starting_after=now&wait=30`), 429, "rate_limited");
  // Another token has its own count, and so has another account.
  const other = await grant(alice.id);
  streams.push(await listen(other));
  await listen((await account()).token);
  await alice.post(COLLECTION, "contact_id=bob");
  for (const stream of streams) assert.equal((await stream.take(1))[0]!.type, "conversation.created");
});

test("at most a hundred streams of an account at once, with any tokens: the next one is a 429", async () => {
  const alice = await account();
  const tokens = await Promise.all(Array.from({ length: 10 }, () => grant(alice.id)));
  const streams: Stream[] = [];
  for (const token of tokens) streams.push(...(await Promise.all(Array.from({ length: 10 }, () => listen(token)))));
  assertError(await alice.get(EVENTS, undefined, STREAM), 429, "rate_limited");
  const created = await alice.post(COLLECTION, "contact_id=bob");
  for (const stream of streams)
    assert.equal((await stream.take(1))[0]!.json.request_id, created.headers["x-request-id"]);
});

test("when a listener leaves, another one has its place", async () => {
  const alice = await account();
  const streams = [];
  for (let i = 0; i < 10; i += 1) streams.push(await listening(alice));
  assertError(await alice.get(EVENTS, undefined, STREAM), 429, "rate_limited");
  streams[0]!.close();
  // The Worker sees that a caller has left when it writes to it.
  for (let tries = 0; tries < 100; tries += 1) {
    await alice.post(COLLECTION, "contact_id=bob");
    if ((await alice.get(`${EVENTS}?starting_after=now&wait=1`)).status === 200) return;
  }
  assert.fail("there is no place");
});
