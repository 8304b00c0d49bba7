// After a trap the wasm's instance can't go on: every request under way in it gets a 500 with the error object and one
// line in the log (tests/support/audit.ts asserts both), and the next request a new instance.

import assert from "node:assert/strict";
import http from "node:http";
import test from "node:test";
import { type Account, account } from "./support/accounts.ts";
import { arrival, gate, sql } from "./support/database.ts";
import { assertError, idsOf } from "./support/expectations.ts";
import { FORM } from "./support/http.ts";
import { COLLECTION, item } from "./support/paths.ts";
import { hostname, origin, port } from "./support/server.ts";
import { sweep } from "./support/sweep.ts";
import { endpoint, eventsOf, logged } from "./webhooks/endpoint.ts";
import { never, status } from "./webhooks/receiver.ts";

const TRAPS = ["panic", "memory", "overflow", "synchronous"];
const trap = (alice: Account, kind: string) => alice.get(COLLECTION, undefined, { "X-Test-Trap": kind });

for (const kind of TRAPS) {
  test(`a trap (${kind}) is a 500 with the error object, and the requests after it succeed`, async () => {
    const alice = await account();
    const { json } = await alice.post(COLLECTION, "contact_id=bob");
    for (let i = 0; i < 3; i += 1) {
      assertError(await trap(alice, kind), 500, "internal_error");
      assert.equal((await alice.get(item(json.id))).status, 200);
    }
  });

  test(`a trap (${kind}) ends the requests that wait for D1 or for a body, each with a 500`, async () => {
    const alice = await account();
    const gates = [gate("before"), gate("after")];
    const waiting = gates.map(({ headers }) => alice.get(COLLECTION, undefined, headers));
    await Promise.all(gates.map(({ reached }) => reached()));
    const { response } = await halfSent(alice);
    assertError(await trap(alice, kind), 500, "internal_error");
    for (const answer of await Promise.all(waiting)) assertError(answer, 500, "internal_error");
    assert.deepEqual(await response, { status: 500, code: "internal_error" });
    for (const { open } of gates) await open();
    assert.equal((await alice.get(COLLECTION)).status, 200);
  });
}

test("the cause of a trap is in the log, and nothing of it in the response", async () => {
  const alice = await account();
  for (const [kind, cause] of [
    ["panic", /RuntimeError: unreachable/],
    ["memory", /RuntimeError: memory access out of bounds/],
    ["overflow", /RangeError: Maximum call stack size exceeded/],
    ["synchronous", /RuntimeError: memory access out of bounds/],
  ] as const) {
    const { log, text } = await trap(alice, kind);
    assert.match(log.cause, cause);
    assert.doesNotMatch(text, /unreachable|memory|stack|wasm/);
  }
});

test("requests beside a trap get a 200 or a 500 each", async () => {
  const alice = await account();
  const beside = Array.from({ length: 20 }, () => alice.get(COLLECTION));
  const statuses = (await Promise.all([...beside, trap(alice, "panic")])).map(({ status }) => status);
  assert.deepEqual(
    statuses.filter((status) => status !== 200 && status !== 500),
    [],
  );
  assert.equal(statuses.at(-1), 500);
  assert.equal((await alice.get(COLLECTION)).status, 200);
});

test("after a trap a list is the list that was asked for", async () => {
  const alice = await account();
  const ids = ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"];
  for (const id of ids) await alice.insert({ id });
  for (const [cursor, expected] of [
    ["starting_after", ids[0]],
    ["ending_before", ids[2]],
  ]) {
    await trap(alice, "panic");
    assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?${cursor}=${ids[1]}`)), [expected], cursor);
  }
});

test("a trap cuts off the streams and ends the requests that wait for events, and both can be repeated", async () => {
  const alice = await account();
  const events = `${origin}/v1/events`;
  const headers = { Authorization: `Bearer ${alice.token}` };
  const open = () => fetch(events, { headers: { ...headers, Accept: "text/event-stream" } });
  const waiting = fetch(`${events}?starting_after=now&wait=30`, { headers });
  while ((await sql("SELECT is_watched FROM tokens WHERE account_id = ?", alice.id))[0]!.is_watched === 0);
  const readers = (await Promise.all([open(), open()])).map(({ body }) => body!.getReader());
  // The first bytes, after which the stream waits for an event.
  for (const reader of readers) assert.equal((await reader.read()).done, false);
  assertError(await trap(alice, "panic"), 500, "internal_error");
  for (const reader of readers) await assert.rejects(reader.read());
  assert.equal((await waiting).status, 500);

  const reader = (await open()).body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await reader.read()).value!, /^retry/);
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  assert.ok((await reader.read()).value!.includes(json.id));
  await reader.cancel();
});

for (const kind of TRAPS)
  test(`after a trap (${kind}) in the midst of deliveries the next wake-up loses none of them`, async () => {
    const alice = await account();
    const hook = await endpoint(alice, { reply: never });
    for (let n = 0; n < 3; n += 1) await alice.client.conversations.create({ contact_id: "bob" });
    const [delivery] = await hook.take(1);
    assertError(await trap(alice, kind), 500, "internal_error");
    hook.receiver.reply = status(200);
    delivery!.answer(200);
    await sweep();
    // What was in flight comes again: its outcome went with the trap.
    assert.deepEqual(eventsOf(await hook.take(3)), await logged(alice));
    await hook.upToDate();
    assert.deepEqual(hook.receiver.deliveries, []);
  });

/** Sends half a body. Returns once the Worker waits for the rest, with the response to come. */
async function halfSent(alice: Account) {
  const { headers, reached } = arrival();
  const request = http.request({
    host: hostname,
    port,
    agent: false,
    method: "POST",
    path: COLLECTION,
    headers: { Authorization: `Bearer ${alice.token}`, "Content-Type": FORM, "Content-Length": "100", ...headers },
  });
  const response = new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        request.destroy();
        resolve({ status: incoming.statusCode, code: JSON.parse(Buffer.concat(chunks).toString()).code });
      });
    });
  });
  request.write("contact_id=");
  await reached();
  return { response };
}
