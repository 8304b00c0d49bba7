// POST /v1/tokens/:id/rotate. Sent again: tests/idempotency.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, assertNewToken, assertToken } from "../support/expectations.ts";
import { api, keyed } from "../support/http.ts";
import { COLLECTION, NO_ID, rotation, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { hashOf } from "../support/tokens.ts";

const idOf = async (token: string): Promise<string> =>
  String((await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token)))[0]?.id);
const works = async (token: string): Promise<boolean> => (await api(token).get(COLLECTION)).status === 200;
const READER = "name=reader&scopes=conversations:read";

test("rotating makes a token of the same name, scopes and expiry, and both are valid for an hour", async () => {
  const alice = await account();
  for (const expires_at of [null, 253402300799]) {
    const old = (await alice.post(TOKEN_COLLECTION, { name: "reader", scopes: "conversations:read", expires_at })).json;
    const { status, json, headers } = await alice.post(rotation(old.id));
    assert.equal(status, 201);
    assertNewToken(json, { name: "reader", scopes: "conversations:read", expires_at, revoked_at: null });
    assert.notEqual(json.id, old.id);
    assert.notEqual(json.token, old.token);
    assert.equal(headers.location, tokenItem(json.id));
    assert.equal(headers["cache-control"], "private, no-store");
    assertToken((await alice.get(tokenItem(old.id))).json, { revoked_at: json.created_at + 3600 });
    assert.deepEqual([await works(old.token), await works(json.token)], [true, true]);
  }
});

test("grace_period is how long the old token stays valid, from 0 seconds to a day", async () => {
  const alice = await account();
  for (const grace_period of [0, 1, 60, 86_400]) {
    const old = (await alice.post(TOKEN_COLLECTION, READER)).json;
    const { json } = await alice.post(rotation(old.id), { grace_period });
    assertToken((await alice.get(tokenItem(old.id))).json, { revoked_at: json.created_at + grace_period });
    if (grace_period === 0) assert.equal(await works(old.token), false);
    if (grace_period >= 60) assert.equal(await works(old.token), true);
    assert.equal(await works(json.token), true);
  }
});

test("after the grace period the old token is a 401 and the new one valid", async () => {
  const alice = await account();
  const old = (await alice.post(TOKEN_COLLECTION, READER)).json;
  const { json } = await alice.post(rotation(old.id));
  await sql("UPDATE tokens SET revoked_at = unixepoch() WHERE id = ?", old.id);
  assert.deepEqual([await works(old.token), await works(json.token)], [false, true]);
});

test("a token can rotate itself, also with a grace period of 0", async () => {
  const alice = await account();
  for (const grace of ["grace_period=60", "grace_period=0"]) {
    const old = (await alice.post(TOKEN_COLLECTION, "name=self&scopes=conversations:read+tokens:write")).json;
    const { status, json } = await api(old.token).post(rotation(old.id), grace);
    assert.equal(status, 201);
    assert.deepEqual([await works(old.token), await works(json.token)], [grace === "grace_period=60", true]);
    assert.equal((await api(json.token).post(rotation(json.id))).status, 201, "and so can the new one");
  }
});

test("a token in its grace period can be rotated again, which does not extend the period", async () => {
  const alice = await account();
  const old = (await alice.post(TOKEN_COLLECTION, READER)).json;
  const { json } = await alice.post(rotation(old.id), "grace_period=60");
  assert.equal((await alice.post(rotation(old.id), "grace_period=86400")).status, 201);
  assertToken((await alice.get(tokenItem(old.id))).json, { revoked_at: json.created_at + 60 });
  assert.equal((await alice.post(rotation(old.id), "grace_period=0")).status, 201);
  assert.equal(await works(old.token), false);
});

test("a token that is not valid or does not exist is a 404, and no token is made", async () => {
  const alice = await account();
  const [expired, revoked] = [
    await idOf(await grant(alice.id, { expires_at: 1 })),
    await idOf(await grant(alice.id, { revoked_at: 1 })),
  ];
  const before = await alice.everything();
  for (const id of [expired, revoked, NO_ID, "x", "%00"])
    assertError(await alice.post(rotation(id)), 404, "resource_missing");
  assert.deepEqual(await alice.everything(), before);
});

test("rotating a token that may do more, or expires later, is a 403", async () => {
  const alice = await account();
  const end = Math.floor(Date.now() / 1000) + 3600;
  const whole = await idOf(alice.token);
  const before = await sql("SELECT * FROM tokens WHERE id = ?", whole);
  const narrow = api(await grant(alice.id, { scopes: 16 }));
  assertError(await narrow.post(rotation(whole)), 403, "scope_insufficient", "id");
  const brief = api(await grant(alice.id, { expires_at: end }));
  assertError(await brief.post(rotation(whole)), 403, "scope_insufficient", "id");
  assert.deepEqual(await sql("SELECT * FROM tokens WHERE id = ?", whole), before, "it isn't revoked either");
  assert.equal(
    (await brief.post(rotation(await idOf(brief.token)))).json.expires_at,
    end,
    "of one that ends as soon it may",
  );
});

test("50 simultaneous rotations make 50 tokens, and with one key one token", async () => {
  const alice = await account();
  const { id } = (await alice.post(TOKEN_COLLECTION, READER)).json;
  const rotate = (headers = {}) =>
    Promise.all(Array.from({ length: 50 }, () => alice.post(rotation(id), "grace_period=60", headers)));
  assert.equal(new Set((await rotate()).map(({ json }) => json.token)).size, 50);
  assert.equal(new Set((await rotate(keyed("a"))).map(({ json }) => json.token)).size, 1);
  assert.equal((await alice.everything()).tokens?.length, 1 + 1 + 50 + 1);
});

test("rotating needs tokens:write", async () => {
  const alice = await account();
  const { id } = (await alice.post(TOKEN_COLLECTION, READER)).json;
  assertError(await api(await grant(alice.id, { scopes: 15 })).post(rotation(id)), 403, "scope_insufficient");
});

test("only POST rotates, and only at its exact path", async () => {
  const alice = await account();
  const { id } = (await alice.post(TOKEN_COLLECTION, READER)).json;
  for (const verb of ["get", "put", "patch", "delete"] as const) {
    const answer = await alice[verb](rotation(id));
    assertError(answer, 405, "method_not_allowed");
    assert.equal(answer.headers.allow, "POST, OPTIONS");
  }
  for (const path of [
    `${rotation(id)}/`,
    `${tokenItem(id)}/Rotate`,
    `${tokenItem(id)}/x`,
    `${TOKEN_COLLECTION}//rotate`,
  ]) {
    assertError(await alice.post(path), 404, "path_unknown");
  }
});
