// PUT and PATCH /v1/webhooks/:id. Which URLs they take: urls.test.ts; changes while a delivery is under way:
// recovery.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, assertWebhook } from "../support/expectations.ts";
import { api, ifMatch } from "../support/http.ts";
import { fill } from "../support/large.ts";
import { NO_ID, WEBHOOKS, webhookItem } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { ALL } from "../support/tokens.ts";
import { endpoint, eventsOf, log, logged, START, TYPES } from "./endpoint.ts";
import { status } from "./receiver.ts";

const rows = ({ id }: Account) => sql("SELECT * FROM webhooks WHERE account_id = ? ORDER BY id", id);
const create = async (alice: Account, attributes = {}) =>
  (await alice.post(WEBHOOKS, { url: NOWHERE, ...attributes })).json;

test("an update changes the attributes that it sends, and no others, with PUT and with PATCH", async () => {
  const alice = await account();
  for (const verb of ["put", "patch"] as const) {
    const { id, secret: _, ...before } = await create(alice, { types: ["message.created"], description: "x" });
    let expected: Record<string, unknown> = { id, ...before };
    for (const change of [
      { url: `${NOWHERE}/2` },
      { types: ["conversation.created", "message.deleted"] },
      { description: "y" },
      { status: "disabled" },
      { status: "enabled" },
      { url: NOWHERE, types: null, description: null },
    ]) {
      expected = { ...expected, ...change };
      if ("status" in change) expected.disabled_reason = change.status === "disabled" ? "requested" : null;
      const { status, json, text } = await alice[verb](webhookItem(id), change);
      assert.equal(status, 200, text);
      assertWebhook(json, expected);
      assert.deepEqual((await alice.get(webhookItem(id))).json, json);
    }
  }
});

test("a form means the same as JSON, and an empty value the same as null", async () => {
  const alice = await account();
  const { id } = await create(alice, { types: ["message.created"], description: "x" });
  const { json } = await alice.put(webhookItem(id), "types=message.updated+conversation.created&description=a+b");
  assertWebhook(json, { types: ["conversation.created", "message.updated"], description: "a b" });
  assertWebhook((await alice.put(webhookItem(id), "types=&description=")).json, { types: null, description: null });
});

test("all types and every type of today differ: the one is null, the other the list", async () => {
  const alice = await account();
  const { id } = await create(alice);
  assertWebhook((await alice.put(webhookItem(id), { types: TYPES })).json, { types: TYPES });
  assertWebhook((await alice.put(webhookItem(id), { types: null })).json, { types: null });
});

test("an update that changes nothing writes nothing, and has the same ETag", async () => {
  const alice = await account();
  const { id } = await create(alice, { types: ["message.created"], description: "x" });
  const before = await rows(alice);
  const { headers } = await alice.get(webhookItem(id));
  for (const attributes of [
    undefined,
    {},
    { url: NOWHERE },
    { types: ["message.created"] },
    { description: "x" },
    { status: "enabled" },
    { last_event_id: "now" },
    { last_event_id: START },
    { url: NOWHERE, types: ["message.created"], description: "x", status: "enabled" },
  ]) {
    const answer = await alice.put(webhookItem(id), attributes);
    assert.deepEqual([answer.status, answer.headers.etag], [200, headers.etag], answer.text);
    assert.deepEqual([answer.cost.rowsWritten, await rows(alice)], [0, before], JSON.stringify(attributes));
  }
});

test("url and status cannot be null, and status is enabled or disabled", async () => {
  const alice = await account();
  const { id } = await create(alice);
  const before = await rows(alice);
  for (const [name, values] of Object.entries({
    url: [null, "", 1],
    status: [null, "", "gone", "Enabled", true],
    types: [[], "message.created", ["x"], ["message.created", "message.created"]],
    description: ["", "x".repeat(101), 1],
    last_event_id: [null, "", "x", "later", NO_ID.slice(1), `${NO_ID}0`, 0],
  }))
    for (const value of values)
      assertError(await alice.put(webhookItem(id), { [name]: value }), 400, "parameter_invalid", name);
  assert.deepEqual(await rows(alice), before);
});

test("what the service decides cannot be set", async () => {
  const alice = await account();
  const { id } = await create(alice);
  for (const name of ["id", "disabled_reason", "behind", "failing_since", "next_attempt_at", "created_at", "secret"])
    assertError(await alice.put(webhookItem(id), { [name]: 1 }), 400, "parameter_immutable", name);
});

test("a disabled endpoint gets nothing, and when it is enabled again everything that it missed, in order", async () => {
  const alice = await account();
  const [hook, other] = [await endpoint(alice), await endpoint(alice)];
  const disabled = (await alice.put(hook.path, "status=disabled")).json;
  assertWebhook(disabled, { status: "disabled", disabled_reason: "requested" });
  for (let n = 0; n < 5; n += 1) await alice.client.conversations.create({ contact_id: "bob" });
  await other.take(5);
  assertWebhook(await hook.show(), { behind: 5, last_event_id: START });
  assert.deepEqual(hook.receiver.deliveries, []);
  assertWebhook((await alice.put(hook.path, "status=enabled")).json, { status: "enabled", disabled_reason: null });
  assert.deepEqual(eventsOf(await hook.take(5)), await logged(alice));
});

test("enabling ends a failure: the next attempt is made at once", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await hook.set("is_enabled = 0, disabled_reason = 'gone', failures = 5, failing_since = 5, next_attempt_at = 9e9");
  await alice.client.conversations.create({ contact_id: "bob" });
  assertWebhook(await hook.show(), { status: "disabled", disabled_reason: "gone", failing_since: 5 });
  const { json } = await alice.put(hook.path, "status=enabled");
  assertWebhook(json, { status: "enabled", disabled_reason: null, failing_since: null, next_attempt_at: null });
  await hook.take(1);
});

test("enabling an endpoint that is enabled and waits ends the waiting too", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await hook.set("failures = 5, failing_since = unixepoch() - 60, next_attempt_at = unixepoch() + 5000");
  await alice.client.conversations.create({ contact_id: "bob" });
  assertWebhook(await hook.show(), { behind: 1, status: "enabled" });
  const { json } = await alice.put(hook.path, "status=enabled");
  assertWebhook(json, { failing_since: null, next_attempt_at: null });
  await hook.take(1);
});

test("a URL that is set ends the waiting, and what was missed goes to the new URL", async () => {
  const alice = await account();
  const [old, fresh] = [await endpoint(alice), await endpoint(alice, { types: ["message.deleted"] })];
  await old.set("failures = 5, failing_since = unixepoch() - 60, next_attempt_at = unixepoch() + 5000");
  for (let n = 0; n < 3; n += 1) await alice.client.conversations.create({ contact_id: "bob" });
  const { json } = await alice.put(old.path, { url: fresh.receiver.url });
  assertWebhook(json, { url: fresh.receiver.url, next_attempt_at: null });
  assert.deepEqual(eventsOf(await fresh.receiver.take(3)), await logged(alice));
  assert.deepEqual(old.receiver.deliveries, []);
});

test("setting last_event_id to an event sends what comes after it again", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  for (let n = 0; n < 5; n += 1) await alice.client.conversations.create({ contact_id: "bob" });
  const ids = await logged(alice);
  assert.deepEqual(eventsOf(await hook.take(5)), ids);
  await hook.upToDate();
  for (const [position, expected] of [
    [ids[2]!, ids.slice(3)],
    [START, ids],
    [ids[3]!, ids.slice(4)],
  ] as const) {
    const { status, json, text } = await alice.put(hook.path, { last_event_id: position });
    assert.equal(status, 200, text);
    assertWebhook(json, { last_event_id: position, behind: expected.length });
    assert.deepEqual(eventsOf(await hook.take(expected.length)), expected);
    assertWebhook(await hook.upToDate(), { last_event_id: ids[4] });
  }
});

test("setting last_event_id to now skips what was not delivered", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await alice.put(hook.path, "status=disabled");
  await fill(alice, 5);
  assert.equal((await hook.show()).behind, 5);
  const { json } = await alice.put(hook.path, "last_event_id=now&status=enabled");
  const newest = (await logged(alice)).at(-1);
  assertWebhook(json, { last_event_id: newest, behind: 0, status: "enabled" });
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  assert.equal((await hook.take(1))[0]!.json.data.conversation_id, id);
});

test("a position that the log does not have is a 410, and nothing changes", async () => {
  const [alice, bob] = [await account(), await account()];
  const hook = await endpoint(alice);
  await alice.put(hook.path, "status=disabled");
  for (const { client } of [alice, bob])
    for (let n = 0; n < 5; n += 1) await client.conversations.create({ contact_id: "carol" });
  const [ids, others] = [await logged(alice), await logged(bob)];
  await sql("DELETE FROM events WHERE account_id = ? AND seq < 4", alice.id);
  const before = await rows(alice);
  // Trimmed, of another account, never given.
  for (const position of [START, ids[0], ids[1], others[4], "fffffffff0000000"]) {
    const answer = await alice.put(hook.path, { last_event_id: position, description: "x" });
    assertError(answer, 410, "position_expired", "last_event_id");
  }
  assert.deepEqual(await rows(alice), before);
  // The last one that is gone is still a position: everything after it is there.
  assert.equal((await alice.put(hook.path, { last_event_id: ids[3] })).status, 200);
});

test("an endpoint whose position has left the log is enabled only with a position", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await alice.put(hook.path, "status=disabled");
  await fill(alice, 5);
  const ids = await logged(alice);
  await sql("DELETE FROM events WHERE account_id = ? AND seq < 4", alice.id);
  const answer = await alice.put(hook.path, "status=enabled");
  assertError(answer, 410, "position_expired", "last_event_id");
  assertWebhook(await hook.show(), { status: "disabled", disabled_reason: "requested" });
  const { json } = await alice.put(hook.path, { status: "enabled", last_event_id: ids[3] });
  assertWebhook(json, { status: "enabled", last_event_id: ids[3], behind: 1 });
  assert.deepEqual(eventsOf(await hook.take(1)), [ids[4]]);
});

test("new types count from the position on, also for events that are already in the log", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { types: ["message.created"], reply: status(500) });
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  await alice.say(id);
  await alice.put(`/v1/conversations/${id}`, "is_muted=true");
  await hook.take(1);
  hook.receiver.reply = status(200);
  await alice.put(hook.path, { types: ["conversation.updated"], status: "enabled" });
  const events = (await log(alice)).map((event) => JSON.parse(event));
  const taken = await hook.take(1);
  assert.deepEqual([taken[0]!.id, taken[0]!.json.type], [events[2].id, "conversation.updated"]);
});

test("If-Match compares the settings and not the deliveries", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const seen = await alice.get(hook.path);
  await alice.client.conversations.create({ contact_id: "bob" });
  await hook.take(1);
  await hook.until(({ last_event_id }) => last_event_id !== START);
  const updated = await alice.put(hook.path, "description=x", ifMatch(seen));
  assert.equal(updated.status, 200, updated.text);
  assertError(await alice.put(hook.path, "description=y", ifMatch(seen)), 412, "precondition_failed", "If-Match");
  assert.equal((await alice.put(hook.path, "description=y", ifMatch(updated))).status, 200);
});

test("of simultaneous updates with one ETag only one is done", async () => {
  const alice = await account();
  const { id } = await create(alice);
  const seen = await alice.get(webhookItem(id));
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => alice.put(webhookItem(id), `description=${n}`, ifMatch(seen))),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(412)]);
});

test("another account's endpoint and an id that does not exist are a 404", async () => {
  const [alice, bob] = [await account(), await account()];
  const { id } = await create(bob);
  const before = await rows(bob);
  for (const missing of [id, NO_ID, await alice.insert(), "x", "%00"])
    assertError(await alice.put(webhookItem(missing), "status=disabled"), 404, "resource_missing");
  assert.deepEqual(await rows(bob), before);
});

test("an update needs webhooks:write, and returns the object to a token with webhooks:write alone", async () => {
  const alice = await account();
  const { id } = await create(alice);
  const other = api(await grant(alice.id, { scopes: ALL & ~64 }));
  assertError(await other.put(webhookItem(id), "description=x"), 403, "scope_insufficient");
  const only = api(await grant(alice.id, { scopes: 64 }));
  assertWebhook((await only.put(webhookItem(id), "description=x")).json, { description: "x" });
});
