// POST /v1/tokens/:id/rotate. Sent again: tests/idempotency.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, assertNewToken, assertSameRequest, assertToken, now } from "../support/expectations.ts";
import { api, keyed } from "../support/http.ts";
import { COLLECTION, NO_ID, rotation, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { hashOf, randomId } from "../support/tokens.ts";

const idOf = async (token: string): Promise<string> =>
  String((await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token)))[0]?.id);
const works = async (token: string): Promise<boolean> => (await api(token).get(COLLECTION)).status === 200;
/** When a token ends that was rotated. */
async function endOf(alice: Account, id: string): Promise<number> {
  const { json } = await alice.get(tokenItem(id));
  assertToken(json, { id });
  return json.revoked_at;
}
const READER = "name=reader&scopes=conversations:read";

test("rotating makes a token of the same name, scopes and expiry, and both are valid for an hour", async () => {
  const alice = await account();
  for (const expires_at of [null, 253402300799]) {
    const old = (await alice.post(TOKEN_COLLECTION, { name: "reader", scopes: "conversations:read", expires_at })).json;
    const { status, json, headers } = await alice.post(rotation(old.id));
    const responded = now();
    assert.equal(status, 201);
    assertNewToken(json, { name: "reader", scopes: "conversations:read", expires_at, revoked_at: null });
    assert.notEqual(json.id, old.id);
    assert.notEqual(json.token, old.token);
    assert.equal(headers.location, tokenItem(json.id));
    assert.equal(headers["cache-control"], "private, no-store");
    assertSameRequest((await endOf(alice, old.id)) - 3600, json.created_at, responded);
    assert.deepEqual([await works(old.token), await works(json.token)], [true, true]);
  }
});

test("grace_period is how long the old token stays valid, from 0 seconds to a day", async () => {
  const alice = await account();
  for (const grace_period of [0, 1, 60, 86_400]) {
    const old = (await alice.post(TOKEN_COLLECTION, READER)).json;
    const { json } = await alice.post(rotation(old.id), { grace_period });
    const responded = now();
    assertSameRequest((await endOf(alice, old.id)) - grace_period, json.created_at, responded);
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

test("a second rotation is a 409 that names the successor, and changes nothing", async () => {
  const alice = await account();
  const old = (await alice.post(TOKEN_COLLECTION, READER)).json;
  const { json } = await alice.post(rotation(old.id), "grace_period=60", keyed("a"));
  const before = await alice.everything();
  for (const grace of ["grace_period=0", "grace_period=86400", ""]) {
    const answer = await alice.post(rotation(old.id), grace);
    assertError(answer, 409, "token_rotated", "id");
    assert.ok(answer.json.message.includes(`\`${json.id}\``), answer.text);
    assert.match(answer.json.message, /revoke the successor/);
  }
  assert.deepEqual(await alice.everything(), before);
  for (let i = 0; i < 2; i += 1)
    assertError(await alice.post(rotation(old.id), "grace_period=0", keyed("b")), 409, "token_rotated", "id");
  assert.deepEqual((await alice.everything()).tokens, before.tokens);
});

test("when the successor is not valid, a rotation makes another, and does not extend the grace period", async () => {
  const alice = await account();
  for (const end of [
    (id: string) => alice.delete(tokenItem(id)),
    (id: string) => sql("UPDATE tokens SET expires_at = 1 WHERE id = ?", id),
    (id: string) => sql("DELETE FROM tokens WHERE id = ?", id),
  ]) {
    const old = (await alice.post(TOKEN_COLLECTION, READER)).json;
    const first = (await alice.post(rotation(old.id), "grace_period=60")).json;
    const responded = now();
    await end(first.id);
    const { status, json } = await alice.post(rotation(old.id), "grace_period=86400");
    assert.equal(status, 201);
    assertSameRequest((await endOf(alice, old.id)) - 60, first.created_at, responded);
    assert.equal(await works(json.token), true);
    const again = await alice.post(rotation(old.id));
    assertError(again, 409, "token_rotated", "id");
    assert.ok(again.json.message.includes(`\`${json.id}\``), again.text);
  }
});

test("a successor can be rotated, and so can a token that has the old one's name", async () => {
  const alice = await account();
  const old = (await alice.post(TOKEN_COLLECTION, READER)).json;
  const successor = (await alice.post(rotation(old.id))).json;
  assert.equal((await alice.post(rotation(successor.id))).status, 201);
  assert.equal((await alice.post(rotation((await alice.post(TOKEN_COLLECTION, READER)).json.id))).status, 201);
});

test("a token in its grace period cannot rotate itself into a token that outlives the period", async () => {
  const alice = await account();
  const old = (await alice.post(TOKEN_COLLECTION, "name=leaked&scopes=conversations:read+tokens:write")).json;
  const successor = (await alice.post(rotation(old.id), "grace_period=60")).json;
  assertError(await api(old.token).post(rotation(successor.id)), 403, "scope_insufficient", "id");
  assert.equal((await alice.delete(tokenItem(successor.id))).status, 204);
  const { revoked_at } = (await alice.get(tokenItem(old.id))).json;
  const { status, json } = await api(old.token).post(rotation(old.id));
  assert.deepEqual([status, json.expires_at], [201, revoked_at]);
});

test("a successor never expires later than the token of the request", async () => {
  const alice = await account();
  const end = now() + 3600;
  const caller = api(await grant(alice.id, { expires_at: end }));
  const ending = await grant(alice.id, { revoked_at: end - 60 });
  assert.equal((await caller.post(rotation(await idOf(ending)))).json.expires_at, end);
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
  const end = now() + 3600;
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

test("twenty simultaneous rotations make one successor, with keys and without", async () => {
  for (const headers of [() => ({}), () => keyed(randomId())]) {
    const alice = await account();
    const { id } = (await alice.post(TOKEN_COLLECTION, READER)).json;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => alice.post(rotation(id), "grace_period=60", headers())),
    );
    const [made, refused] = [201, 409].map((wanted) => answers.filter(({ status }) => status === wanted));
    assert.deepEqual([made!.length, refused!.length], [1, 19]);
    for (const answer of refused!) {
      assertError(answer, 409, "token_rotated", "id");
      assert.ok(answer.json.message.includes(`\`${made![0]!.json.id}\``), answer.text);
    }
    assert.equal((await alice.everything()).tokens?.length, 3);
    assert.equal(await works(made![0]!.json.token), true);
  }
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
