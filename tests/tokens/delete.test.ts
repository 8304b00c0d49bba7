// DELETE /v1/tokens/:id, which revokes.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, now } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { COLLECTION, NO_ID, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { ALL, hashOf, SCOPES, TOKENS } from "../support/tokens.ts";

const idOf = async (token: string): Promise<string> =>
  String((await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token)))[0]?.id);

test("DELETE is a 204 without a body, and the token is a 401 from the next request on", async () => {
  const alice = await account();
  const { json } = await alice.post(TOKEN_COLLECTION, "name=x&scopes=conversations:read");
  const caller = api(json.token);
  assert.equal((await caller.get(COLLECTION)).status, 200);
  const before = now();
  const { status, text } = await alice.delete(tokenItem(json.id));
  const after = now();
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
  assert.equal((await api(await grant(alice.id, { scopes: 16 | 4 })).delete(tokenItem(id))).status, 204);
});

test("a token cannot revoke a token that has a scope it lacks, and it can revoke every other", async () => {
  const owner = await account();
  for (let others = 0; others <= ALL; others += 1) {
    if (others & TOKENS) continue;
    const held = others | TOKENS;
    const caller = api(await grant(owner.id, { scopes: held }));
    for (const bit of Object.values(SCOPES)) {
      const victim = await grant(owner.id, { scopes: bit });
      const id = await idOf(victim);
      const before = await owner.everything();
      const answer = await caller.delete(tokenItem(id));
      if (held & bit) {
        assert.equal(answer.status, 204, `${held} ${bit}`);
        continue;
      }
      assertError(answer, 403, "scope_insufficient", "id");
      assert.match(String(answer.headers["www-authenticate"]), /error="insufficient_scope"/);
      assert.deepEqual(await owner.everything(), before);
    }
  }
});

test("a token cannot revoke one that expires later, but one that expires as soon, and itself", async () => {
  const owner = await account();
  const end = now() + 3600;
  const brief = await grant(owner.id, { expires_at: end });
  for (const expires_at of [null, end + 1, 253402300799]) {
    const later = await grant(owner.id, { expires_at });
    assertError(await api(brief).delete(tokenItem(await idOf(later))), 403, "scope_insufficient", "id");
    assert.equal((await api(later).get(COLLECTION)).status, 200);
  }
  for (const ending of [{ expires_at: end }, { expires_at: end - 1 }, { revoked_at: end }]) {
    const sooner = await grant(owner.id, ending);
    assert.equal((await api(brief).delete(tokenItem(await idOf(sooner)))).status, 204);
    assertError(await api(sooner).get(COLLECTION), 401, "token_invalid");
  }
  assert.equal((await api(brief).delete(tokenItem(await idOf(brief)))).status, 204);
});

test("a token in its grace period cannot revoke its successor, and it can revoke itself", async () => {
  const alice = await account();
  const old = (await alice.post(TOKEN_COLLECTION, "name=x&scopes=conversations:read+tokens:write")).json;
  const { id, token } = (await alice.post(`${tokenItem(old.id)}/rotate`)).json;
  assertError(await api(old.token).delete(tokenItem(id)), 403, "scope_insufficient", "id");
  assert.equal((await api(token).get(COLLECTION)).status, 200);
  assert.equal((await api(old.token).delete(tokenItem(old.id))).status, 204);
  assertError(await api(old.token).get(COLLECTION), 401, "token_invalid");
});

test("a stronger token that is not valid is a 404, one with another ETag a 412, and only then a 403", async () => {
  const alice = await account();
  const weak = api(await grant(alice.id, { scopes: TOKENS }));
  const [strong, expired] = [await idOf(await grant(alice.id)), await idOf(await grant(alice.id, { expires_at: 1 }))];
  const { headers } = await alice.get(tokenItem(strong));
  assertError(await weak.delete(tokenItem(expired)), 404, "resource_missing");
  assertError(
    await weak.delete(tokenItem(strong), undefined, { "If-Match": '"x"' }),
    412,
    "precondition_failed",
    "If-Match",
  );
  for (const tags of [String(headers.etag), "*"]) {
    const answer = await weak.delete(tokenItem(strong), undefined, { "If-Match": tags });
    assertError(answer, 403, "scope_insufficient", "id");
  }
  assert.equal((await alice.delete(tokenItem(strong), undefined, { "If-Match": String(headers.etag) })).status, 204);
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
