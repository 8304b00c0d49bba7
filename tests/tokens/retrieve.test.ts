// GET /v1/tokens/:id.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant, LAST_DAY } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, assertToken } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { item, NO_ID, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { hashOf, SCOPES } from "../support/tokens.ts";

const idOf = async (token: string): Promise<string> =>
  String((await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token)))[0]?.id);

test("a token has its seven fields in order, set or null", async () => {
  const alice = await account();
  const bare = await idOf(alice.token);
  assertToken((await alice.get(tokenItem(bare))).json, {
    id: bare,
    name: "test",
    scopes: Object.keys(SCOPES).join(" "),
    created_at: 0,
    expires_at: null,
    last_used_at: LAST_DAY,
    revoked_at: null,
  });
  const full = await idOf(
    await grant(alice.id, { scopes: 4, expires_at: 253402300799, revoked_at: 2147483648, last_used_at: null }),
  );
  const { status, json, text } = await alice.get(tokenItem(full));
  assert.equal(status, 200);
  assertToken(json, { id: full, scopes: "messages:read", expires_at: 253402300799, revoked_at: 2147483648 });
  assert.match(text, /"created_at":0,"expires_at":253402300799,"last_used_at":null,"revoked_at":2147483648\}$/);
});

test("an expired or revoked token is still returned", async () => {
  const alice = await account();
  for (const ending of [
    { expires_at: 1, revoked_at: null },
    { expires_at: null, revoked_at: 1 },
  ]) {
    const id = await idOf(await grant(alice.id, ending));
    assertToken((await alice.get(tokenItem(id))).json, ending);
  }
});

test("an id that does not exist is a 404, well-formed or not, and so is a conversation's id", async () => {
  const alice = await account();
  for (const id of [NO_ID, await alice.insert(), "x", "x".repeat(17), "%00", "%zz", "'", hashOf(alice.token)]) {
    assertError(await alice.get(tokenItem(id)), 404, "resource_missing");
  }
  assertError(await alice.get(item(await idOf(alice.token))), 404, "resource_missing");
});

test("a token without tokens:write cannot retrieve tokens, not even itself", async () => {
  const alice = await account(15);
  for (const path of [TOKEN_COLLECTION, tokenItem(await idOf(alice.token)), tokenItem(NO_ID)]) {
    const answer = await alice.get(path);
    assertError(answer, 403, "scope_insufficient");
    assert.match(String(answer.headers["www-authenticate"]), /scope="tokens:write"/);
  }
});

test("a token with tokens:write alone can retrieve all tokens of the account", async () => {
  const alice = await account();
  const keeper = api(await grant(alice.id, { scopes: 16 }));
  const id = await idOf(alice.token);
  assert.equal((await keeper.get(tokenItem(id))).json.id, id);
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const alice = await account();
  const path = tokenItem(await idOf(alice.token));
  const [get, head] = [await alice.get(path), await alice.head(path)];
  assert.equal(head.status, 200);
  for (const name of ["content-type", "cache-control", "etag"])
    assert.equal(head.headers[name], get.headers[name], name);
  assert.equal((await alice.head(tokenItem(NO_ID))).status, 404);
});
