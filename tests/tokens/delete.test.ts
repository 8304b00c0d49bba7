// DELETE /v1/tokens/:id, which revokes.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { COLLECTION, NO_ID, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { hashOf } from "../support/tokens.ts";

test("DELETE is a 204 without a body, and the token is a 401 from the next request on", async () => {
  const alice = await account();
  const { json } = await alice.post(TOKEN_COLLECTION, "name=x&scopes=conversations:read");
  const caller = api(json.token);
  assert.equal((await caller.get(COLLECTION)).status, 200);
  const before = Math.floor(Date.now() / 1000);
  const { status, text } = await alice.delete(tokenItem(json.id));
  const after = Math.floor(Date.now() / 1000);
  assert.deepEqual([status, text], [204, ""]);
  assertError(await caller.get(COLLECTION), 401, "token_invalid");
  const { revoked_at } = (await alice.get(tokenItem(json.id))).json;
  assert.ok(before <= revoked_at && revoked_at <= after);
});

test("a second DELETE is a 404, and so are an expired token and an id that does not exist", async () => {
  const alice = await account();
  const { id } = (await alice.post(TOKEN_COLLECTION, "name=x&scopes=conversations:read")).json;
  assert.equal((await alice.delete(tokenItem(id))).status, 204);
  const [{ id: expired } = {}] = await sql(
    "SELECT id FROM tokens WHERE hash = ?",
    hashOf(await grant(alice.id, { expires_at: 1 })),
  );
  const before = await alice.everything();
  for (const missing of [id, String(expired), NO_ID, "x", "%00"])
    assertError(await alice.delete(tokenItem(missing)), 404, "resource_missing");
  assert.deepEqual(await alice.everything(), before);
});

test("a token in its grace period can be revoked at once", async () => {
  const alice = await account();
  const { id, token } = (await alice.post(TOKEN_COLLECTION, "name=x&scopes=conversations:read")).json;
  await alice.post(`${tokenItem(id)}/rotate`, "grace_period=86400");
  assert.equal((await api(token).get(COLLECTION)).status, 200);
  assert.equal((await alice.delete(tokenItem(id))).status, 204);
  assert.equal((await api(token).get(COLLECTION)).status, 401);
});

test("a token can revoke itself, and the others stay valid", async () => {
  const alice = await account();
  const { id, token } = (await alice.post(TOKEN_COLLECTION, "name=x&scopes=tokens:write")).json;
  assert.equal((await api(token).delete(tokenItem(id))).status, 204);
  assertError(await api(token).get(TOKEN_COLLECTION), 401, "token_invalid");
  assert.equal((await alice.get(TOKEN_COLLECTION)).status, 200);
});

test("of simultaneous revocations one is a 204 and the others are a 404", async () => {
  const alice = await account();
  const { id } = (await alice.post(TOKEN_COLLECTION, "name=x&scopes=tokens:write")).json;
  const answers = await Promise.all(Array.from({ length: 10 }, () => alice.delete(tokenItem(id))));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, ...Array(9).fill(404)]);
});

test("revoking needs tokens:write, and no other scope is enough", async () => {
  const alice = await account();
  const { id } = (await alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read")).json;
  assertError(await api(await grant(alice.id, { scopes: 15 })).delete(tokenItem(id)), 403, "scope_insufficient");
  assert.equal((await api(await grant(alice.id, { scopes: 16 })).delete(tokenItem(id))).status, 204);
});

test("a token cannot be updated", async () => {
  const alice = await account();
  const { id } = (await alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read")).json;
  for (const verb of ["put", "patch", "post"] as const) {
    const answer = await alice[verb](tokenItem(id), "name=y");
    assertError(answer, 405, "method_not_allowed");
    assert.equal(answer.headers.allow, "GET, HEAD, DELETE, OPTIONS");
  }
});
