// GET /v1/webhooks/:id: the endpoint and how its deliveries go.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { assertError, assertWebhook } from "../support/expectations.ts";
import { api, ifNoneMatch } from "../support/http.ts";
import { fill } from "../support/large.ts";
import { NO_ID, WEBHOOKS, webhookItem } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { sweep } from "../support/sweep.ts";
import { ALL } from "../support/tokens.ts";
import { endpoint, logged } from "./endpoint.ts";
import { never, status } from "./receiver.ts";

test("an endpoint has its eleven fields in order, set or null", async () => {
  const alice = await account();
  const bare = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  assertWebhook((await alice.get(webhookItem(bare.id))).json, {
    id: bare.id,
    url: NOWHERE,
    types: null,
    description: null,
    status: "enabled",
    disabled_reason: null,
    failing_since: null,
    next_attempt_at: null,
  });
  const failing = await endpoint(alice, { types: ["message.created"], description: "x", reply: status(500) });
  await failing.set("failing_since = 5, next_attempt_at = 6, is_enabled = 0, disabled_reason = 'failing'");
  assertWebhook(await failing.show(), {
    id: failing.id,
    url: failing.receiver.url,
    types: ["message.created"],
    description: "x",
    status: "disabled",
    disabled_reason: "failing",
    failing_since: 5,
  });
});

test("behind counts the events of the endpoint's types that were not delivered, up to a thousand", async () => {
  const alice = await account();
  const hooks = [
    await endpoint(alice, { types: ["message.created"] }),
    await endpoint(alice, { types: ["conversation.created", "message.created"] }),
    await endpoint(alice),
  ];
  for (const hook of hooks) assert.equal((await alice.put(hook.path, "status=disabled")).status, 200);
  await fill(alice, 3);
  const conversation = await alice.insert();
  await alice.insertMessage(conversation);
  await alice.insertMessage(conversation);
  await alice.put(`/v1/conversations/${conversation}`, "is_muted=true");
  const behind = () => Promise.all(hooks.map(async (hook) => (await hook.show()).behind));
  assert.deepEqual(await behind(), [2, 6, 7]);
  const [many] = [await account()];
  const hook = await endpoint(many);
  await many.put(hook.path, "status=disabled");
  for (const [count, expected] of [
    [999, 999],
    [1, 1000],
    [1, 1000],
  ] as const) {
    if (count === 1) await many.insert();
    else await fill(many, count);
    assert.equal((await hook.show()).behind, expected);
  }
});

test("the ETag changes with each delivery, so that If-None-Match learns of it", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { reply: never });
  const first = await alice.get(hook.path);
  assert.equal((await alice.get(hook.path, undefined, ifNoneMatch(first))).status, 304);
  await alice.client.conversations.create({ contact_id: "bob" });
  const [delivery] = await hook.take(1);
  delivery!.answer(200);
  const [event] = await logged(alice);
  await hook.until(({ last_event_id }) => last_event_id === event);
  const second = await alice.get(hook.path, undefined, ifNoneMatch(first));
  assert.deepEqual([second.status, second.json.last_event_id], [200, event]);
  assert.notEqual(second.headers.etag, first.headers.etag);
});

test("the ETag changes with what the endpoint is behind, and with a failure", async () => {
  const alice = await account();
  const hook = await endpoint(alice, { reply: status(500) });
  const seen = new Set([String((await alice.get(hook.path)).headers.etag)]);
  await alice.insert();
  seen.add(String((await alice.get(hook.path)).headers.etag));
  await sweep();
  await hook.attempted(1);
  seen.add(String((await alice.get(hook.path)).headers.etag));
  assert.equal(seen.size, 3);
});

test("an id that does not exist is a 404, well-formed or not, and so is another account's endpoint", async () => {
  const [alice, bob] = [await account(), await account()];
  const { json } = await bob.post(WEBHOOKS, { url: NOWHERE });
  for (const id of [NO_ID, json.id, await alice.insert(), "x", "x".repeat(17), "%00", "%zz", "'"])
    assertError(await alice.get(webhookItem(id)), 404, "resource_missing");
});

test("a token with webhooks:write alone can retrieve every endpoint of the account, and no other can", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  assert.equal((await api(await grant(alice.id, { scopes: 64 })).get(webhookItem(id))).json.id, id);
  const answer = await api(await grant(alice.id, { scopes: ALL & ~64 })).get(webhookItem(id));
  assertError(answer, 403, "scope_insufficient");
  assert.match(String(answer.headers["www-authenticate"]), /scope="webhooks:write"/);
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  const [get, head] = [await alice.get(webhookItem(id)), await alice.head(webhookItem(id))];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control", "etag"])
    assert.equal(head.headers[name], get.headers[name], name);
  assert.equal((await alice.head(webhookItem(NO_ID))).status, 404);
});
