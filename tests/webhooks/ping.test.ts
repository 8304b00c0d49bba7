// POST /v1/webhooks/:id/ping: a delivery beside the log, to try an endpoint.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { assertError, assertWebhook } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { attemptsOf, NO_ID, ping, WEBHOOKS, webhookItem } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { ALL } from "../support/tokens.ts";
import { endpoint, eventsOf, logged } from "./endpoint.ts";
import { never, status } from "./receiver.ts";

test("a ping is a 202 with its id, and is delivered signed, with the endpoint's id", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const { status, json, text, headers } = await alice.post(ping(hook.id));
  assert.equal(status, 202, text);
  assert.match(json.id, /^[0-9A-Za-z]{16}$/);
  assert.equal(text, `{"id":"${json.id}"}`);
  assert.equal(headers["cache-control"], "private, no-store");
  const [delivery] = await hook.take(1);
  const { data, timestamp } = delivery!.json;
  assert.deepEqual(Object.entries(delivery!.json), [
    ["type", "webhook.ping"],
    ["timestamp", new Date(1000 * data.created_at).toISOString().replace(".000Z", "Z")],
    ["data", data],
  ]);
  assert.deepEqual(Object.entries(data), [
    ["id", json.id],
    ["type", "webhook.ping"],
    ["created_at", data.created_at],
    ["webhook_id", hook.id],
  ]);
  assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(delivery!.headers["webhook-id"], json.id);
  assert.ok(Math.abs(data.created_at - Date.now() / 1000) < 120);
});

test("a ping is in the attempts and not in the log, and does not move the position", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await alice.client.conversations.create({ contact_id: "bob" });
  await hook.take(1);
  const before = await hook.upToDate();
  const { json } = await alice.post(ping(hook.id));
  await hook.take(1);
  const [attempt] = await hook.attempted(2);
  assert.deepEqual(
    [attempt.event_id, attempt.type, attempt.status, attempt.error],
    [json.id, "webhook.ping", 204, null],
  );
  assert.deepEqual([await hook.show(), (await logged(alice)).length], [before, 1]);
});

test("a disabled endpoint gets pings, whatever disabled it, and no events", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  for (const [n, reason] of ["requested", "gone", "failing", "position_expired"].entries()) {
    await hook.set(`is_enabled = 0, disabled_reason = '${reason}'`);
    await alice.client.conversations.create({ contact_id: "bob" });
    const { json } = await alice.post(ping(hook.id));
    assert.deepEqual(eventsOf(await hook.take(1)), [json.id]);
    assertWebhook(await hook.show(), { status: "disabled", disabled_reason: reason });
    // While a ping waits for its outcome, another one would be the same.
    await hook.attempted(n + 1);
  }
});

test("a ping that fails is not repeated and counts as no failure, also when the receiver says 410", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const before = await hook.show();
  for (const [n, code] of [500, 410, 302, 429].entries()) {
    hook.receiver.reply = status(code, { "retry-after": "60" });
    await alice.post(ping(hook.id));
    await hook.take(1);
    const [attempt] = await hook.attempted(n + 1);
    assert.deepEqual([attempt.type, attempt.status, attempt.error], ["webhook.ping", code, null]);
    assert.deepEqual(await hook.show(), before);
  }
  hook.receiver.reply = status(204);
  await alice.client.conversations.create({ contact_id: "bob" });
  assert.equal((await hook.take(1))[0]!.json.type, "conversation.created");
});

test("an endpoint that waits for its next attempt gets a ping at once, and waits on", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  await hook.set("failures = 3, failing_since = unixepoch() - 600, next_attempt_at = unixepoch() + 5000");
  await alice.client.conversations.create({ contact_id: "bob" });
  const before = await hook.show();
  assert.equal(before.behind, 1);
  const { json } = await alice.post(ping(hook.id));
  assert.deepEqual(eventsOf(await hook.take(1)), [json.id]);
  await hook.attempted(1);
  assert.deepEqual(await hook.show(), before);
});

test("while a delivery is under way a ping waits, so that there is one at a time", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { reply: never });
  await alice.client.conversations.create({ contact_id: "bob" });
  const [delivery] = await hook.take(1);
  const { json } = await alice.post(ping(hook.id));
  assert.deepEqual(hook.receiver.deliveries, []);
  hook.receiver.reply = status(204);
  delivery!.answer(204);
  assert.deepEqual(eventsOf(await hook.take(1)), [json.id]);
  assert.equal(hook.receiver.most, 1);
});

test("a ping of one endpoint reaches no other", async () => {
  const alice = await account();
  const [hook, other] = [await endpoint(alice), await endpoint(alice)];
  await alice.post(ping(hook.id));
  await hook.take(1);
  await alice.client.conversations.create({ contact_id: "bob" });
  assert.equal((await other.take(1))[0]!.json.type, "conversation.created");
});

test("another account's endpoint and an id that does not exist are a 404", async () => {
  const [alice, bob] = [await account(), await account()];
  const hook = await endpoint(bob);
  for (const missing of [hook.id, NO_ID, "x", "%00"])
    assertError(await alice.post(ping(missing)), 404, "resource_missing");
  await bob.client.conversations.create({ contact_id: "carol" });
  assert.equal((await hook.take(1))[0]!.json.type, "conversation.created");
});

test("a ping needs webhooks:write", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  const answer = await api(await grant(alice.id, { scopes: ALL & ~64 })).post(ping(hook.id));
  assertError(answer, 403, "scope_insufficient");
  assert.equal((await api(await grant(alice.id, { scopes: 64 })).post(ping(hook.id))).status, 202);
  await hook.take(1);
});

test("a ping takes no attributes, and only POST makes one", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  assertError(await alice.post(ping(id), "x=1"), 400, "parameter_unknown", "x");
  for (const verb of ["get", "put", "patch", "delete"] as const) {
    const answer = await alice[verb](ping(id));
    assertError(answer, 405, "method_not_allowed");
    assert.equal(answer.headers.allow, "POST, OPTIONS");
  }
  assert.deepEqual((await alice.get(attemptsOf(id))).json.data, []);
  assert.equal((await alice.get(webhookItem(id))).status, 200);
});
