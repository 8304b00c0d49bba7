// DELETE /v1/webhooks/:id. While a delivery is under way: recovery.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { watched } from "../events/listening.ts";
import { account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, idsOf } from "../support/expectations.ts";
import { api, ifMatch } from "../support/http.ts";
import { attemptsOf, NO_ID, ping, secretRotation, WEBHOOKS, webhookItem } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { ALL } from "../support/tokens.ts";
import { endpoint } from "./endpoint.ts";

test("DELETE is a 204 without a body, and from then on everything about the endpoint is a 404", async () => {
  const alice = await account();
  const [kept, gone] = [await endpoint(alice), await endpoint(alice)];
  await alice.client.conversations.create({ contact_id: "bob" });
  await gone.take(1);
  await gone.attempted(1);
  const { status, text } = await alice.delete(gone.path);
  assert.deepEqual([status, text], [204, ""]);
  for (const answer of [
    await alice.get(gone.path),
    await alice.put(gone.path, "status=enabled"),
    await alice.patch(gone.path, "description=x"),
    await alice.delete(gone.path),
    await alice.post(secretRotation(gone.id)),
    await alice.post(ping(gone.id)),
    await alice.get(attemptsOf(gone.id)),
  ])
    assertError(answer, 404, "resource_missing");
  assert.deepEqual(idsOf(await alice.get(WEBHOOKS)), [kept.id]);
  assert.deepEqual(await sql("SELECT * FROM webhook_attempts WHERE webhook_id = ?", gone.id), []);
});

test("a deleted endpoint gets nothing more, and the others go on", async () => {
  const alice = await account();
  const [kept, gone] = [await endpoint(alice), await endpoint(alice)];
  assert.equal((await alice.delete(gone.path)).status, 204);
  for (let n = 0; n < 3; n += 1) await alice.client.conversations.create({ contact_id: "bob" });
  await kept.take(3);
  assert.deepEqual(gone.receiver.deliveries, []);
});

test("after the last endpoint is gone the account is no longer watched, from the next change on", async () => {
  const alice = await account();
  const hook = await endpoint(alice);
  assert.equal((await alice.delete(hook.path)).status, 204);
  await alice.client.conversations.create({ contact_id: "bob" });
  await watched(alice, false);
});

test("a conversation's id, another account's endpoint and an id that does not exist are a 404", async () => {
  const [alice, bob] = [await account(), await account()];
  const { json } = await bob.post(WEBHOOKS, { url: NOWHERE });
  for (const id of [NO_ID, json.id, await alice.insert(), "x", "%00"])
    assertError(await alice.delete(webhookItem(id)), 404, "resource_missing");
  assert.equal((await bob.get(webhookItem(json.id))).status, 200);
});

test("with If-Match only the endpoint with those settings is deleted", async () => {
  const alice = await account();
  const { json, headers } = await alice.post(WEBHOOKS, { url: NOWHERE });
  assert.equal((await alice.put(webhookItem(json.id), "description=x")).status, 200);
  const answer = await alice.delete(webhookItem(json.id), undefined, { "If-Match": String(headers.etag) });
  assertError(answer, 412, "precondition_failed", "If-Match");
  const current = await alice.get(webhookItem(json.id));
  assert.equal((await alice.delete(webhookItem(json.id), undefined, ifMatch(current))).status, 204);
});

test("of simultaneous deletions one is a 204 and the others are a 404", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  const answers = await Promise.all(Array.from({ length: 10 }, () => alice.delete(webhookItem(id))));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, ...Array(9).fill(404)]);
});

test("a deletion needs webhooks:write", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  const other = api(await grant(alice.id, { scopes: ALL & ~64 }));
  assertError(await other.delete(webhookItem(id)), 403, "scope_insufficient");
  assert.equal((await alice.get(webhookItem(id))).status, 200);
});
