// GET /v1/token: what the calling token is.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import { home } from "./support/configuration.ts";
import { sql } from "./support/database.ts";
import { assertError } from "./support/expectations.ts";
import { api, ifMatch, ifNoneMatch } from "./support/http.ts";
import { OWN_TOKEN, TOKEN_COLLECTION, tokenItem } from "./support/paths.ts";
import { ALL, hashOf, newToken, SCOPES, TOKENS } from "./support/tokens.ts";

const idOf = async (token: string): Promise<string> =>
  String((await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token)))[0]?.id);

test("it has six fields in order: the token, and the name of its account", async () => {
  const alice = await account();
  const { status, text, headers, cost } = await alice.get(OWN_TOKEN);
  assert.equal(status, 200);
  const expected = {
    id: await idOf(alice.token),
    name: "test",
    account: `${home.binding} ${alice.id}`,
    scopes: Object.keys(SCOPES).join(" "),
    created_at: 0,
    expires_at: null,
  };
  assert.equal(text, JSON.stringify(expected));
  assert.equal(headers["cache-control"], "private, no-store");
  assert.deepEqual([cost.calls, cost.rowsRead, cost.rowsWritten], [1, 3, 0]);
});

test("every valid token may ask, whatever its scopes", async () => {
  const alice = await account();
  for (let scopes = 1; scopes <= ALL; scopes += 1) {
    const token = await grant(alice.id, { scopes, expires_at: 253402300799 });
    const { status, json } = await api(token).get(OWN_TOKEN);
    const names = Object.entries(SCOPES).flatMap(([name, bit]) => (scopes & bit ? [name] : []));
    assert.deepEqual([status, json.scopes, json.expires_at], [200, names.join(" "), 253402300799]);
  }
});

test("it is the token of the request, also of two tokens with the same account", async () => {
  const alice = await account();
  const other = api(await grant(alice.id));
  assert.equal((await alice.get(OWN_TOKEN)).json.id, await idOf(alice.token));
  assert.equal((await other.get(OWN_TOKEN)).json.id, await idOf(other.token));
});

test("a token that the API made, and its successor, say what they are", async () => {
  const alice = await account();
  const made = (await alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" })).json;
  const { id, name, scopes, created_at, expires_at } = made;
  const own = (await api(made.token).get(OWN_TOKEN)).json;
  assert.deepEqual(own, { id, name, account: `${home.binding} ${alice.id}`, scopes, created_at, expires_at });
  const rotated = (await alice.post(`${tokenItem(id)}/rotate`)).json;
  assert.equal((await api(rotated.token).get(OWN_TOKEN)).json.id, rotated.id);
  assert.equal((await api(made.token).get(OWN_TOKEN)).json.id, id, "in its grace period");
});

test("a token that is not valid is a 401, as everywhere", async () => {
  const alice = await account();
  for (const token of [
    newToken(),
    await grant(alice.id, { expires_at: 1 }),
    await grant(alice.id, { revoked_at: 1 }),
    "x",
  ])
    assertError(await api(token).get(OWN_TOKEN), 401, "token_invalid");
  const keeper = api(await grant(alice.id, { scopes: TOKENS }));
  assert.equal((await keeper.delete(tokenItem(await idOf(keeper.token)))).status, 204);
  assertError(await keeper.get(OWN_TOKEN), 401, "token_invalid");
});

test("its tag is the same for the life of the token, and another for every token", async () => {
  const alice = await account();
  const other = api(await grant(alice.id));
  const first = await alice.get(OWN_TOKEN);
  await sql("UPDATE tokens SET last_used_at = NULL WHERE hash = ?", hashOf(alice.token));
  const same = await alice.get(OWN_TOKEN, undefined, ifNoneMatch(first));
  assert.deepEqual([same.status, same.text, same.headers.etag], [304, "", first.headers.etag]);
  assert.equal((await alice.get(OWN_TOKEN, undefined, { "If-None-Match": "*" })).status, 304);
  assert.equal((await other.get(OWN_TOKEN, undefined, ifNoneMatch(first))).status, 200);
  assertError(await alice.get(OWN_TOKEN, undefined, ifMatch(first)), 400, "parameter_invalid", "If-Match");
});

test("HEAD has the status and headers of GET, and no body", async () => {
  const alice = await account();
  const [get, head] = [await alice.get(OWN_TOKEN), await alice.head(OWN_TOKEN)];
  assert.deepEqual([head.status, head.text], [200, ""]);
  for (const name of ["content-type", "cache-control", "etag"])
    assert.equal(head.headers[name], get.headers[name], name);
});

test("it has no other methods and no path below it", async () => {
  const alice = await account();
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const answer = await alice.send(method, OWN_TOKEN);
    assertError(answer, 405, "method_not_allowed");
    assert.equal(answer.headers.allow, "GET, HEAD, OPTIONS");
  }
  for (const path of [`${OWN_TOKEN}/`, `${OWN_TOKEN}/rotate`]) assertError(await alice.get(path), 404, "path_unknown");
});
