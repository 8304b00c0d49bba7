// POST /v1/webhooks/:id/rotate. What deliveries are signed with: delivery.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, assertWebhookWithSecret } from "../support/expectations.ts";
import { api, keyed } from "../support/http.ts";
import { NO_ID, secretRotation, WEBHOOKS, webhookItem } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { ALL } from "../support/tokens.ts";

const row = async (id: string) => (await sql("SELECT * FROM webhooks WHERE id = ?", id))[0]!;

test("rotating is a 201 with the same endpoint and a new secret, which is in this response only", async () => {
  const alice = await account();
  const { secret, ...endpoint } = (await alice.post(WEBHOOKS, { url: NOWHERE, description: "x" })).json;
  const { status, json, text, headers } = await alice.post(secretRotation(endpoint.id));
  assert.equal(status, 201, text);
  assertWebhookWithSecret(json, endpoint);
  assert.notEqual(json.secret, secret);
  assert.equal(headers["cache-control"], "private, no-store");
  const retrieved = await alice.get(webhookItem(endpoint.id));
  assert.deepEqual([retrieved.json, retrieved.headers.etag], [endpoint, headers.etag]);
});

test("the secret from before signs for an hour, or as long as grace_period says, 0 seconds to a day", async () => {
  const alice = await account();
  for (const [attributes, seconds] of [
    [undefined, 3600],
    ["grace_period=1", 1],
    [{ grace_period: 60 }, 60],
    [{ grace_period: 86_400 }, 86_400],
  ] as const) {
    const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
    const before = Number((await sql("SELECT unixepoch() AS now"))[0]!.now);
    assert.equal((await alice.post(secretRotation(id), attributes)).status, 201);
    const after = Number((await sql("SELECT unixepoch() AS now"))[0]!.now);
    const { previous_until } = await row(id);
    assert.ok(before + seconds <= Number(previous_until) && Number(previous_until) <= after + seconds);
  }
});

test("a grace_period that is no whole number from 0 to 86400 is a 400", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  const before = await row(id);
  for (const grace_period of [-1, 86_401, 1.5, "1", "", null, true])
    assertError(await alice.post(secretRotation(id), { grace_period }), 400, "parameter_invalid", "grace_period");
  assert.deepEqual(await row(id), before);
});

test("sent again with its key a rotation is done once, and both answers have the same secret", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  const first = await alice.post(secretRotation(id), "grace_period=60", keyed("a"));
  const after = await row(id);
  const second = await alice.post(secretRotation(id), "grace_period=60", keyed("a"));
  assert.deepEqual([second.status, second.text, second.headers["idempotent-replayed"]], [201, first.text, "true"]);
  assert.deepEqual(await row(id), after);
  assert.notEqual((await alice.post(secretRotation(id), "grace_period=60", keyed("b"))).json.secret, first.json.secret);
});

test("every rotation gives another secret, also when many come at once", async () => {
  const alice = await account();
  const { id, secret } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  const answers = await Promise.all(Array.from({ length: 10 }, () => alice.post(secretRotation(id))));
  assert.equal(new Set([secret, ...answers.map(({ json }) => json.secret)]).size, 11);
});

test("the database does not hold the secrets", async () => {
  const alice = await account();
  const { id, secret } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  const { json } = await alice.post(secretRotation(id), undefined, keyed("a"));
  for (const table of ["webhooks", "idempotency_keys"]) {
    const rows = JSON.stringify(await sql(`SELECT * FROM ${table}`));
    for (const text of [secret, json.secret]) assert.ok(!rows.includes(text.slice(6, -1)), table);
  }
});

test("another account's endpoint and an id that does not exist are a 404", async () => {
  const [alice, bob] = [await account(), await account()];
  const { id } = (await bob.post(WEBHOOKS, { url: NOWHERE })).json;
  const before = await row(id);
  for (const missing of [id, NO_ID, "x", "%00"])
    assertError(await alice.post(secretRotation(missing)), 404, "resource_missing");
  assert.deepEqual(await row(id), before);
});

test("rotating needs webhooks:write", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  const other = api(await grant(alice.id, { scopes: ALL & ~64 }));
  assertError(await other.post(secretRotation(id)), 403, "scope_insufficient");
  assert.equal((await api(await grant(alice.id, { scopes: 64 })).post(secretRotation(id))).status, 201);
});

test("only POST rotates, and only at its exact path", async () => {
  const alice = await account();
  const { id } = (await alice.post(WEBHOOKS, { url: NOWHERE })).json;
  for (const verb of ["get", "put", "patch", "delete"] as const) {
    const answer = await alice[verb](secretRotation(id));
    assertError(answer, 405, "method_not_allowed");
    assert.equal(answer.headers.allow, "POST, OPTIONS");
  }
  for (const path of [
    `${secretRotation(id)}/`,
    `${webhookItem(id)}/Rotate`,
    `${webhookItem(id)}/x`,
    `${WEBHOOKS}//rotate`,
  ])
    assertError(await alice.post(path), 404, "path_unknown");
});
