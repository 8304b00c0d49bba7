// What gets lost or changes while deliveries are under way, and what arrives all the same.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertWebhook } from "../support/expectations.ts";
import { fill } from "../support/large.ts";
import { origin } from "../support/server.ts";
import { sweep } from "../support/sweep.ts";
import { endpoint, eventsOf, logged, START } from "./endpoint.ts";
import { never, status } from "./receiver.ts";

const create = (alice: Account) => alice.client.conversations.create({ contact_id: "bob" });

/** From now on the Durable Objects' calls to D1 have these faults. */
const objects = (headers: Record<string, string>) => fetch(origin, { headers: { "x-test-objects": "1", ...headers } });
/** What the objects have logged since the last time. */
const loggedByObjects = async (): Promise<{ line: string }[]> =>
  (await fetch(origin, { headers: { "x-test-objects-log": "1" } })).json() as Promise<{ line: string }[]>;

test("a wake-up that got lost only delays: the sweep finds what is behind, of every account", async () => {
  const holders = await Promise.all([account(), account(), account()]);
  const hooks = await Promise.all(holders.map((holder) => endpoint(holder)));
  // Written past the API: nothing rings.
  for (const holder of holders) await fill(holder, 3);
  for (const hook of hooks) assertWebhook(await hook.show(), { behind: 3, last_event_id: START });
  await sweep();
  for (const [n, hook] of hooks.entries()) assert.deepEqual(eventsOf(await hook.take(3)), await logged(holders[n]!));
});

for (const when of ["failure", "lost"])
  test(`D1 that fails in the midst of deliveries (${when}) costs no event and no order`, async () => {
    const alice = await account();
    const hook = await endpoint(alice);
    await fill(alice, 5);
    const fault = { [`x-test-d1-${when}`]: "D1_ERROR: Network connection lost.", "x-test-d1-failures": "1" };
    // The third call has the outcome of the second delivery.
    await objects({ ...fault, "x-test-d1-failures-from": "3" });
    await sweep();
    await hook.take(2);
    let lines: { line: string }[] = [];
    for (let n = 0; n < 5000 && lines.length === 0; n += 1) lines = await loggedByObjects();
    const { route, cause } = JSON.parse(lines[0]!.line);
    assert.deepEqual([route, cause], ["deliveries", "D1_ERROR: Network connection lost."]);
    await sweep();
    const ids = await logged(alice);
    const rest = [];
    while (rest.at(-1) !== ids.at(-1)) rest.push(...eventsOf(await hook.take(1)));
    if (rest[0] === ids[1]) rest.shift();
    assert.deepEqual(rest, ids.slice(2));
    await hook.upToDate();
  });

test("a thousand events are sent again, in order, while new ones come", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await alice.put(hook.path, "status=disabled");
  await fill(alice, 1000);
  await alice.put(hook.path, { status: "enabled", last_event_id: START });
  for (let n = 0; n < 10; n += 1) await create(alice);
  const deliveries = await hook.take(1010);
  assert.deepEqual(eventsOf(deliveries), await logged(alice));
  await hook.upToDate();
  assert.deepEqual([hook.receiver.deliveries, hook.receiver.most], [[], 1]);
});

test("an endpoint whose position left the log is disabled: nothing is skipped silently", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await fill(alice, 5);
  await sql("DELETE FROM events WHERE account_id = ? AND seq < 4", alice.id);
  await sweep();
  const expired = await hook.until(({ status }) => status === "disabled");
  assertWebhook(expired, { disabled_reason: "position_expired", last_event_id: START });
  assert.deepEqual(hook.receiver.deliveries, []);
  await alice.put(hook.path, "status=enabled&last_event_id=now");
  const { id } = await create(alice);
  assert.equal((await hook.take(1))[0]!.json.data.conversation_id, id);
});

test("an endpoint that is deleted while a delivery is under way gets nothing more and leaves nothing", async () => {
  const alice = await account();
  const [hook, other] = [await endpoint(alice, { reply: never }), await endpoint(alice)];
  for (let n = 0; n < 3; n += 1) await create(alice);
  const [delivery] = await hook.take(1);
  assert.equal((await alice.delete(hook.path)).status, 204);
  delivery!.answer(200);
  await create(alice);
  await other.take(4);
  await other.upToDate();
  assert.deepEqual(hook.receiver.deliveries, []);
  assert.deepEqual(await sql("SELECT * FROM webhook_attempts WHERE webhook_id = ?", hook.id), []);
});

test("an account that is deleted while a delivery is under way gets nothing more", async () => {
  const [alice, bob] = [await account(), await account()];
  const [hook, other] = [await endpoint(alice, { reply: never }), await endpoint(bob)];
  for (let n = 0; n < 3; n += 1) await create(alice);
  const [delivery] = await hook.take(1);
  await sql("DELETE FROM accounts WHERE id = ?", alice.id);
  delivery!.answer(200);
  await sweep();
  await create(bob);
  await other.take(1);
  assert.deepEqual(hook.receiver.deliveries, []);
  assert.deepEqual(await sql("SELECT * FROM webhook_attempts WHERE account_id = ?", alice.id), []);
});

test("a position that is moved while a delivery is under way stays where it was moved to", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  for (let n = 0; n < 3; n += 1) await create(alice);
  await hook.take(3);
  await hook.upToDate();
  hook.receiver.reply = never;
  await create(alice);
  const [delivery] = await hook.take(1);
  const ids = await logged(alice);
  await alice.put(hook.path, { last_event_id: ids[0] });
  hook.receiver.reply = status(200);
  delivery!.answer(200);
  assert.deepEqual(eventsOf(await hook.take(3)), ids.slice(1));
});

test("a URL that is changed while a delivery fails gets the event at once", async () => {
  const alice = await account();
  const [hook, other] = [
    await endpoint(alice, { reply: never }),
    await endpoint(alice, { types: ["message.deleted"] }),
  ];
  for (let n = 0; n < 3; n += 1) await create(alice);
  const [delivery] = await hook.take(1);
  await alice.put(hook.path, { url: other.receiver.url });
  delivery!.answer(500);
  assert.deepEqual(eventsOf(await other.receiver.take(3)), await logged(alice));
  assertWebhook(await hook.upToDate(), { failing_since: null, next_attempt_at: null });
});

test("an endpoint that is disabled while a delivery is under way stays disabled and goes on later", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { reply: never });
  for (let n = 0; n < 3; n += 1) await create(alice);
  const [delivery] = await hook.take(1);
  await alice.put(hook.path, "status=disabled");
  hook.receiver.reply = status(200);
  delivery!.answer(500);
  await hook.attempted(1);
  await sweep();
  assertWebhook(await hook.show(), { status: "disabled", disabled_reason: "requested", behind: 3 });
  assert.deepEqual(hook.receiver.deliveries, []);
  await alice.put(hook.path, "status=enabled");
  assert.deepEqual(eventsOf(await hook.take(3)), await logged(alice));
});

test("fifty endpoints of one account each get everything, in order", async () => {
  const alice = await account();
  const hooks = await Promise.all(Array.from({ length: 50 }, () => endpoint(alice)));
  for (let n = 0; n < 5; n += 1) await create(alice);
  const ids = await logged(alice);
  for (const hook of hooks) assert.deepEqual(eventsOf(await hook.take(5)), ids);
});
