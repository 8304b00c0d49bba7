// GET /v1/events with `wait`: the long poll.

import assert from "node:assert/strict";
import test, { afterEach } from "node:test";
import { revocation } from "../../scripts/tokens.ts";
import { type Account, account, grant } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { gate, sql } from "../support/database.ts";
import { assertError, idsOf, links } from "../support/expectations.ts";
import { api, type Headers, ifNoneMatch, keyed } from "../support/http.ts";
import { COLLECTION, EVENTS, item, MESSAGES, messageItem } from "../support/paths.ts";
import { hashOf } from "../support/tokens.ts";
import { closeAll, listen, unwatch, watched } from "./listening.ts";

const list = (query: string): string => `${EVENTS}?${query}`;
afterEach(closeAll);

/** Waits as long as possible for what comes after now. */
const NEXT = list("starting_after=now&wait=30");
/** The same, for two seconds. */
const SHORT = list("starting_after=now&wait=2");
const types = (answer: Answer): string[] => answer.json.data.map((event: any) => event.type);
const next = (answer: Answer): string => String(links(answer).next);

/** A request that waits. It has read the log when this returns: from now on every change wakes it. `woken` is its
 * answer, and makes sure that a ring brought it and not the end of its time, with one reading after the ring. */
async function waiting(holder: Account, path = NEXT, caller = api(holder.token), headers: Headers = {}) {
  await unwatch(holder);
  const begin = performance.now();
  const answer = caller.get(path, undefined, headers);
  await watched(holder);
  const woken = async (): Promise<Answer> => {
    const { cost } = await answer;
    assert.ok(performance.now() - begin < 25_000, "no ring came in thirty seconds");
    // The first reading, one with the mark, and one after the ring. Another request may have made the last two.
    assert.ok(cost.calls <= 3, `${cost.calls} calls`);
    return answer;
  };
  return { answer, woken };
}

/** A gate at which the last reading of a request that nothing wakes waits: what is to happen before it surely does. */
function lastReading() {
  const { headers, ...last } = gate();
  return { ...last, headers: { ...headers, "x-test-gate-from": "3" } };
}

test("if there is something after the position, the answer comes at once", async () => {
  const alice = await account();
  await alice.insert();
  const answer = await alice.get(list("wait=30"));
  assert.deepEqual([types(answer), answer.cost.calls], [["conversation.created"], 1]);
  await alice.insert();
  const second = await alice.get(next(answer));
  assert.deepEqual([types(second), second.cost.calls, second.cost.rowsWritten], [["conversation.created"], 1, 0]);
});

test("if there is nothing yet, the answer comes with the next event", async () => {
  const alice = await account();
  const { woken } = await waiting(alice);
  const created = await alice.post(COLLECTION, "contact_id=bob");
  const answer = await woken();
  const { json, headers } = answer;
  assert.deepEqual(
    json.data.map((event: any) => [event.type, event.request_id, event.conversation]),
    [["conversation.created", created.headers["x-request-id"], created.json]],
  );
  assert.equal(json.has_more, false);
  assert.equal(next(answer), list(`wait=30&limit=10&starting_after=${json.data[0].id}`));
  assert.match(String(headers.etag), /^"[\w-]+"$/);
});

test("an empty log is waited for too, from its start and from now", async () => {
  for (const path of [list("wait=30"), NEXT, list("wait=30&starting_after=0000000000000000")]) {
    const alice = await account();
    const { woken } = await waiting(alice, path);
    await alice.post(COLLECTION, "contact_id=bob");
    assert.deepEqual(types(await woken()), ["conversation.created"], path);
  }
});

test("without an event, an empty page comes after so many seconds, and its link goes on there", async () => {
  const alice = await account();
  await alice.insert();
  const [position = ""] = idsOf(await alice.get(EVENTS));
  for (const from of ["now", position]) {
    const answer = await alice.get(list(`starting_after=${from}&wait=2`));
    assert.deepEqual([answer.status, answer.json], [200, { has_more: false, data: [] }]);
    assert.equal(next(answer), list(`wait=2&limit=10&starting_after=${position}`));
    // The first reading, one with the mark, and a last one.
    assert.equal(answer.cost.calls, 3);
    await alice.post(COLLECTION, "contact_id=bob");
    assert.deepEqual(types(await alice.get(next(answer))), ["conversation.created"]);
    await sql("DELETE FROM events WHERE account_id = ? AND seq > 1", alice.id);
  }
});

test("a change of which no ring came is found at the end of the time", async () => {
  const alice = await account();
  const last = lastReading();
  const answer = alice.get(SHORT, undefined, last.headers);
  await last.reached();
  // Past the Worker: no bell rings.
  const id = await alice.insert();
  await last.open();
  assert.equal((await answer).json.data[0].conversation_id, id);
});

test("a change between the reading and the waiting is not missed", async () => {
  const alice = await account();
  const read = gate("after");
  const answer = alice.get(NEXT, undefined, read.headers);
  await read.reached();
  await alice.post(COLLECTION, "contact_id=bob");
  await read.open();
  assert.deepEqual(types(await answer), ["conversation.created"]);
  assert.equal((await answer).cost.calls, 2);
});

test("a ring that comes while the log is read is not lost", async () => {
  const alice = await account();
  const read = gate("after");
  // The call to D1 that follows the first one: the request listens already, and has read the log.
  const { woken } = await waiting(alice, NEXT, undefined, { ...read.headers, "x-test-gate-from": "2" });
  await read.reached();
  const stream = await listen(alice.token);
  await alice.post(COLLECTION, "contact_id=bob");
  // The other listener was woken by the same ring.
  await stream.take(1);
  await read.open();
  assert.deepEqual(types(await woken()), ["conversation.created"]);
});

/** Every kind of change, to an account with a conversation and a message. */
const CHANGES: Record<string, (alice: Account, conversation: string, message: string) => Promise<Answer>> = {
  "conversation.created": (alice) => alice.post(COLLECTION, "contact_id=carol"),
  "conversation.created, distinct": (alice) => alice.post(COLLECTION, "contact_id=carol&distinct=true"),
  "conversation.updated": (alice, conversation) => alice.put(item(conversation), "is_muted=true"),
  "conversation.deleted": (alice, conversation) => alice.delete(item(conversation)),
  "message.created": (alice, conversation) =>
    alice.post(MESSAGES, { conversation_id: conversation, message: "Hello" }, keyed("a")),
  "message.updated": (alice, _, message) => alice.put(messageItem(message), "message=Corrected"),
  "message.deleted": (alice, _, message) => alice.delete(messageItem(message)),
};

for (const [name, change] of Object.entries(CHANGES))
  test(`${name} wakes a request that waits`, async () => {
    const alice = await account();
    const conversation = await alice.insert();
    const message = await alice.insertMessage(conversation);
    const { woken } = await waiting(alice);
    const { status, headers } = await change(alice, conversation, message);
    assert.ok(status < 300);
    const { data } = (await woken()).json;
    assert.deepEqual(
      data.map((event: any) => [event.type, event.request_id]),
      [[name.split(",")[0], headers["x-request-id"]]],
    );
  });

test("what changes nothing wakes no request", async () => {
  const alice = await account();
  const conversation = await alice.insert({ is_muted: 1, contact_id: "bob" });
  const keys = keyed("a");
  const first = await alice.post(MESSAGES, { conversation_id: conversation, message: "Hello" }, keys);
  const { woken } = await waiting(alice);
  const idle = [
    await alice.put(item(conversation), "is_muted=true"),
    await alice.put(messageItem(first.json.id), "message=Hello"),
    await alice.post(COLLECTION, "contact_id=bob&distinct=true"),
    await alice.post(MESSAGES, { conversation_id: conversation, message: "Hello" }, keys),
    await alice.put(item(conversation), "is_muted=maybe"),
    await alice.delete(item("NoSuchConversat0")),
    await alice.get(COLLECTION),
  ];
  assert.deepEqual(
    idle.map(({ status }) => status),
    [200, 200, 200, 201, 400, 404, 200],
  );
  const changed = await alice.put(item(conversation), "is_muted=false");
  assert.equal((await woken()).json.data[0].request_id, changed.headers["x-request-id"]);
});

test("another account's change wakes no request", async () => {
  const [alice, bob] = [await account(), await account()];
  const waits = [await waiting(alice), await waiting(bob)];
  await bob.post(COLLECTION, "contact_id=carol");
  assert.equal((await waits[1]!.woken()).json.data[0].conversation.contact_id, "carol");
  await alice.post(COLLECTION, "contact_id=dave");
  const answer = await waits[0]!.woken();
  assert.deepEqual(
    answer.json.data.map((event: any) => event.conversation.contact_id),
    ["dave"],
  );
});

test("one change wakes all that wait, with any token of the account", async () => {
  const alice = await account();
  const others = await Promise.all(Array.from({ length: 4 }, () => grant(alice.id)));
  const waits: Awaited<ReturnType<typeof waiting>>[] = [];
  for (const token of [alice.token, ...others])
    for (let i = 0; i < 2; i += 1) waits.push(await waiting(alice, NEXT, api(token)));
  const created = await alice.post(COLLECTION, "contact_id=bob");
  for (const answer of await Promise.all(waits.map(({ woken }) => woken())))
    assert.deepEqual(
      answer.json.data.map((event: any) => event.request_id),
      [created.headers["x-request-id"]],
    );
});

test("a token that was created while the account is watched wakes those who wait", async () => {
  const alice = await account();
  const { woken } = await waiting(alice);
  const created = await alice.post("/v1/tokens", { name: "new", scopes: "conversations:write" });
  assert.equal(created.status, 201);
  await api(created.json.token).post(COLLECTION, "contact_id=bob");
  assert.deepEqual(types(await woken()), ["conversation.created"]);
});

test("a token that is revoked while it waits gets 401, not the events", async () => {
  const alice = await account();
  const caller = api(await grant(alice.id));
  const { answer } = await waiting(alice, NEXT, caller);
  const [row] = await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(caller.token));
  await sql(revocation(String(row!.id)));
  await alice.post(COLLECTION, "contact_id=bob");
  assertError(await answer, 401, "token_invalid");
});

test("a token that expires while it waits gets 401 at the end", async () => {
  const alice = await account();
  const caller = api(await grant(alice.id));
  const last = lastReading();
  const answer = caller.get(SHORT, undefined, last.headers);
  await last.reached();
  await sql("UPDATE tokens SET expires_at = 1 WHERE hash = ?", hashOf(caller.token));
  await last.open();
  assertError(await answer, 401, "token_invalid");
});

test("a position that expires while it is waited at is a 410", async () => {
  const alice = await account();
  for (let i = 0; i < 3; i += 1) await alice.insert();
  const { answer } = await waiting(alice);
  // As after the database was restored to an earlier time.
  await sql("DELETE FROM events WHERE account_id = ? AND seq > 1", alice.id);
  await alice.post(COLLECTION, "contact_id=bob");
  assertError(await answer, 410, "position_expired", "starting_after");
});

test("a page that waited has the entity tag of one that did not", async () => {
  const alice = await account();
  const position = list("limit=1&starting_after=0000000000000000");
  const { answer } = await waiting(alice, `${position}&wait=30`);
  await alice.post(COLLECTION, "contact_id=bob");
  const same = await alice.get(position);
  assert.equal((await answer).headers.etag, same.headers.etag);
  assert.equal((await alice.get(`${position}&wait=30`, undefined, ifNoneMatch(await answer))).status, 304);
});

test("at most ten requests of a token wait at once, and when one is answered there is room again", async () => {
  const alice = await account();
  const other = api(await grant(alice.id));
  const waits: Promise<Answer>[] = [];
  for (let i = 0; i < 9; i += 1) waits.push((await waiting(alice)).answer);
  const last = lastReading();
  const { answer: first } = await waiting(alice, SHORT, undefined, last.headers);
  const refused = await alice.get(NEXT);
  assertError(refused, 429, "rate_limited");
  assert.match(String(refused.headers["retry-after"]), /^\d+$/);
  // Only those that wait are counted, and another token has its own count.
  assert.equal((await alice.get(EVENTS)).status, 200);
  assert.deepEqual((await other.get(SHORT)).json.data, []);
  await last.open();
  assert.deepEqual((await first).json.data, []);
  waits.push((await waiting(alice)).answer);
  await alice.post(COLLECTION, "contact_id=bob");
  for (const answer of await Promise.all(waits)) assert.deepEqual(types(answer), ["conversation.created"]);
});

test("after a change that wakes no one, the account is no longer watched", async () => {
  const alice = await account();
  assert.deepEqual((await alice.get(SHORT)).json.data, []);
  await watched(alice);
  await alice.post(COLLECTION, "contact_id=bob");
  await watched(alice, false);
});
