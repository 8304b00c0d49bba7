// Authentication: the Authorization header, tokens and their scopes. An error of the token comes before any other error
// of the request, and without a call to D1 where none is needed. A change of a token holds from the next request on.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { sql } from "./support/database.ts";
import { assertError } from "./support/expectations.ts";
import { api, FORM, JSON_TYPE, raw, send, textOf } from "./support/http.ts";
import { mistake, mistakesOf, sendMistake, withBody } from "./support/mistakes.ts";
import { METHODS_AND_PATHS, OPERATIONS, operation } from "./support/operations.ts";
import { COLLECTION, item, MESSAGES, messageItem, NO_ID, TOKEN_COLLECTION, WEBHOOKS } from "./support/paths.ts";
import { REQUESTS, send as sendRequest, world } from "./support/requests.ts";
import { ALL, bitOf, hashOf, newToken, READ, SCOPES, WRITE } from "./support/tokens.ts";

const challenge = (answer: Answer): string => String(answer.headers["www-authenticate"]);

function assertUnauthorized(answer: Answer, code: "token_missing" | "token_invalid", calls: number, what = ""): void {
  assert.equal(answer.status, 401, `${what} ${answer.text}`);
  if (answer.json) assertError(answer, 401, code);
  assert.equal(answer.cost.calls, calls, `${what}: D1 calls`);
  assert.match(
    challenge(answer),
    code === "token_missing" ? /^Bearer realm="[^"]+"$/ : /^Bearer realm="[^"]+", error="invalid_token"/,
    what,
  );
}

/** Every method of every path that needs a token, with an id that no object has. */
const TARGETS = METHODS_AND_PATHS.map(({ method, path, scope }) => {
  const target = path.replace("{id}", NO_ID);
  return { method, target, scope, name: `${method} ${target}` };
});

test("without a token every operation is a 401, without a call to D1", async () => {
  for (const { method, target, name } of TARGETS)
    assertUnauthorized(await send(method, target), "token_missing", 0, name);
});

test("an Authorization header without a bearer token counts as no token", async () => {
  const alice = await account();
  const basic = Buffer.from(`${alice.token}:`).toString("base64");
  for (const value of [
    "",
    " ",
    "Bearer",
    "Bearer ",
    "Basic",
    `Basic ${basic}`,
    `Basic ${alice.token}`,
    `Token ${alice.token}`,
    `Digest username="a"`,
    alice.token,
  ]) {
    assertUnauthorized(
      await send("GET", COLLECTION, { Authorization: value }),
      "token_missing",
      0,
      JSON.stringify(value),
    );
  }
});

test("a token is read from the Authorization header only", async () => {
  const { token } = await account();
  for (const path of [`${COLLECTION}?access_token=${token}`, `${COLLECTION}?token=${token}`]) {
    assertUnauthorized(await send("GET", path), "token_missing", 0);
  }
  for (const headers of [
    { Cookie: `token=${token}` },
    { "X-Api-Key": token },
    { "Proxy-Authorization": `Bearer ${token}` },
  ]) {
    assertUnauthorized(await send("GET", COLLECTION, headers), "token_missing", 0);
  }
  const form = { "Content-Type": FORM };
  assertUnauthorized(await send("POST", COLLECTION, form, `access_token=${token}&contact_id=bob`), "token_missing", 0);
});

test("a malformed token, or one with a wrong checksum, is a 401 without a call to D1", async () => {
  const { token } = await account();
  const other = (character = "") => (character === "x" ? "y" : "x");
  const changed = [5, 20, 34, 35, 40].map((at) => token.slice(0, at) + other(token[at]) + token.slice(at + 1));
  const odd = [
    ...changed,
    token.slice(0, -1),
    `${token}x`,
    token.slice(5),
    token.toUpperCase(),
    token.replace("self_", "self-"),
    token.replace("self_", "SELF_"),
    "x",
    "self_",
    `"${token}"`,
    `{${token}}`,
    "{token}",
    `${token} ${token}`,
    `${token},${token}`,
    `${token}, Bearer ${token}`,
    `${token};`,
    `Bearer ${token}`,
    "' OR 1=1 --",
    "x".repeat(10_000),
    `self_${"x".repeat(10_000)}`,
    `${token.slice(0, -1)}=`,
  ];
  for (const value of odd) {
    assertUnauthorized(
      await send("GET", COLLECTION, { Authorization: `Bearer ${value}` }),
      "token_invalid",
      0,
      value.slice(0, 80),
    );
  }
});

test("a token with bytes that are not ASCII is malformed", async () => {
  const { token } = await account();
  for (const value of [
    `Bearer ${token}\xe9`,
    `Bearer self_\xe9${token.slice(6)}`,
    "Bearer \xff\xfe",
    `Bearer ${Buffer.from("tökén").toString("latin1")}`,
  ]) {
    const request = textOf("GET", COLLECTION, { Authorization: value });
    assertUnauthorized(await raw(Buffer.from(request, "latin1")), "token_invalid", 0, value);
  }
});

test("two Authorization headers are a 401, even when both tokens are valid", async () => {
  const [alice, bob] = [await account(), await account()];
  for (const second of [alice.token, bob.token]) {
    const headers = { Authorization: [`Bearer ${alice.token}`, `Bearer ${second}`] };
    assertUnauthorized(await raw(textOf("GET", COLLECTION, headers)), "token_invalid", 0);
  }
});

test("the scheme is case-insensitive, and spaces around the token are ignored", async () => {
  const { token } = await account();
  for (const value of [
    `Bearer ${token}`,
    `bearer ${token}`,
    `BEARER ${token}`,
    `Bearer  ${token}`,
    `  Bearer ${token}  `,
  ]) {
    assert.equal((await send("GET", COLLECTION, { Authorization: value })).status, 200, value);
  }
});

test("an unknown token is a 401 on every operation, with one call to D1", async () => {
  const unknown = api(newToken());
  for (const { method, target, name } of TARGETS)
    assertUnauthorized(await unknown.send(method, target), "token_invalid", 1, name);
});

test("the stored hash is not a token, and the database does not hold the token", async () => {
  const { token } = await account();
  assertUnauthorized(await send("GET", COLLECTION, { Authorization: `Bearer ${hashOf(token)}` }), "token_invalid", 0);
  const rows = await sql("SELECT * FROM tokens WHERE hash = ?", hashOf(token));
  assert.equal(rows.length, 1);
  assert.ok(!JSON.stringify(rows).includes(token.slice(5)));
});

test("an expired or revoked token is a 401 on every operation, and changes nothing", async () => {
  const here = await world();
  const { account: alice } = here;
  const now = Math.floor(Date.now() / 1000);
  for (const ending of [
    { expires_at: 0 },
    { expires_at: now },
    { revoked_at: 0 },
    { revoked_at: now },
    { expires_at: 253402300799, revoked_at: now },
  ]) {
    const ended = api(await grant(alice.id, ending));
    const before = await alice.everything();
    for (const request of REQUESTS)
      assertUnauthorized(
        await sendRequest(here, request, {}, ended),
        "token_invalid",
        1,
        `${request.name} ${JSON.stringify(ending)}`,
      );
    assert.deepEqual(await alice.everything(), before);
  }
});

test("a token is valid until it expires", async () => {
  const alice = await account();
  const later = api(await grant(alice.id, { expires_at: 253402300799 }));
  assert.equal((await later.get(COLLECTION)).status, 200);
});

test("revocation, expiry and a change of scopes hold from the next request on", async () => {
  for (const [change, status] of [
    ["revoked_at = 1", 401],
    ["expires_at = 1", 401],
    ["scopes = 2", 403],
  ] as const) {
    const alice = await account();
    assert.equal((await alice.get(COLLECTION)).status, 200);
    await sql(`UPDATE tokens SET ${change} WHERE hash = ?`, hashOf(alice.token));
    assert.equal((await alice.get(COLLECTION)).status, status);
  }
  const alice = await account();
  assert.equal((await alice.post(COLLECTION, "contact_id=bob")).status, 201);
  await sql("DELETE FROM tokens WHERE hash = ?", hashOf(alice.token));
  assert.equal((await alice.post(COLLECTION, "contact_id=bob")).status, 401);
  assert.equal((await alice.contents()).conversations.length, 1);
});

test("an account can have many tokens, and revoking one leaves the others valid", async () => {
  const alice = await account();
  const second = api(await grant(alice.id));
  const id = await alice.insert();
  await sql("UPDATE tokens SET revoked_at = 1 WHERE hash = ?", hashOf(alice.token));
  assert.equal((await second.get(item(id))).status, 200);
});

for (const [scope, bit] of Object.entries(SCOPES)) {
  const allowed = REQUESTS.filter(({ operation }) => [scope, undefined].includes(operation.scope));
  const refused = REQUESTS.filter((request) => !allowed.includes(request));

  test(`a token with ${scope} alone is a 403 on every other operation, and changes nothing`, async () => {
    const here = await world();
    const narrow = api(await grant(here.account.id, { scopes: bit }));
    const before = await here.account.everything();
    for (const request of refused) {
      const answer = await sendRequest(here, request, {}, narrow);
      assertError(answer, 403, "scope_insufficient");
      assert.match(challenge(answer), /^Bearer realm="[^"]+", error="insufficient_scope"/);
      assert.equal(answer.cost.calls, 1, request.name);
    }
    assert.deepEqual(await here.account.everything(), before);
  });

  test(`a token with ${scope} alone may use every operation that needs it`, async () => {
    assert.ok(allowed.some(({ operation }) => operation.scope === scope));
    for (const request of allowed) {
      const here = await world();
      // A token can only make, rotate and revoke tokens that may do no more than itself.
      const grants = request.operation.path.startsWith(TOKEN_COLLECTION) && request.operation.method !== "GET";
      const narrow = api(await grant(here.account.id, { scopes: grants ? ALL : bit }));
      const answer = await sendRequest(here, request, {}, narrow);
      // Without the scope to read the object, an update has nothing to show (tests/scopes.test.ts). Endpoints have one
      // scope for all.
      const { method, path, success } = request.operation;
      const showsNothing = ["PUT", "PATCH"].includes(method) && !path.startsWith(WEBHOOKS);
      assert.equal(answer.status, showsNothing ? 204 : success, `${request.name}: ${answer.text}`);
    }
  });
}

test("each operation needs one scope or none: without it a 403 names it, with it alone there is no 403", async () => {
  const owner = await account();
  const narrow = new Map<number, ReturnType<typeof api>>();
  for (let scopes = 1; scopes <= ALL; scopes += 1) narrow.set(scopes, api(await grant(owner.id, { scopes })));
  for (const { method, target, scope, name } of TARGETS) {
    for (const [scopes, caller] of narrow) {
      const answer = await caller.send(method, target);
      assert.equal(
        answer.status === 403,
        scope !== undefined && (scopes & bitOf(scope)) === 0,
        `${name} with scopes ${scopes}`,
      );
      if (answer.status === 403) assert.ok(challenge(answer).includes(`scope="${scope}"`), `${name}: ${scopes}`);
    }
  }
});

test("a token with the scopes of conversations alone cannot use messages", async () => {
  const before = await account(READ | WRITE);
  const id = (await before.post(COLLECTION, "contact_id=bob")).json.id;
  assert.equal((await before.put(item(id), "last_opened_at=5")).status, 200);
  for (const answer of [
    await before.get(MESSAGES),
    await before.get(`${MESSAGES}?conversation_id=${id}`),
    await before.post(MESSAGES, { conversation_id: id, message: "Hello" }),
    await before.get(messageItem(NO_ID)),
    await before.put(messageItem(NO_ID)),
    await before.delete(messageItem(NO_ID)),
  ]) {
    assertError(answer, 403, "scope_insufficient");
  }
  assert.equal((await before.delete(item(id))).status, 204);
});

/** Mistakes of single operations that only their own SQL or types find. */
const MORE_MISTAKES = [
  mistake(operation("listConversations"), {
    query: `sort=last_active_at&starting_after=${NO_ID}`,
    code: "parameter_invalid",
    param: "starting_after",
  }),
  mistake(operation("listConversations"), { query: "limit=0", code: "parameter_invalid", param: "limit" }),
  mistake(operation("updateConversation"), {
    ...withBody(FORM, `pinned_message_id=${NO_ID}`),
    code: "parameter_invalid",
    param: "pinned_message_id",
  }),
  mistake(operation("listMessages"), {
    query: "conversation_id=x",
    code: "parameter_invalid",
    param: "conversation_id",
  }),
  mistake(operation("createMessage"), {
    ...withBody(FORM, `conversation_id=${NO_ID}&message=Hello`),
    status: 404,
    code: "resource_missing",
    param: "conversation_id",
  }),
  mistake(operation("createMessage"), {
    ...withBody(JSON_TYPE, `{"conversation_id":"${NO_ID}","message":""}`),
    code: "parameter_invalid",
    param: "message",
  }),
  mistake(operation("createToken"), {
    ...withBody(FORM, "name=x&scopes=all"),
    code: "parameter_invalid",
    param: "scopes",
  }),
  mistake(operation("rotateToken"), {
    ...withBody(FORM, "grace_period=-1"),
    code: "parameter_invalid",
    param: "grace_period",
  }),
];

test("only a caller with a valid token and the scope learns what is wrong with a request", async () => {
  const here = await world();
  const { account: alice } = here;
  const invalid = [newToken(), await grant(alice.id, { expires_at: 1 })].map(api);
  const narrow = new Map<string, ReturnType<typeof api>>();
  for (const [scope, bit] of Object.entries(SCOPES))
    narrow.set(scope, api(await grant(alice.id, { scopes: ALL & ~bit })));
  for (const wrong of [...OPERATIONS.flatMap(mistakesOf), ...MORE_MISTAKES]) {
    const what = `${wrong.operation.name}, ${wrong.name}`;
    assertUnauthorized(await sendMistake(here, wrong, {}, { send }), "token_missing", 0, what);
    assertUnauthorized(await sendMistake(here, wrong, {}, api("x")), "token_invalid", 0, what);
    for (const caller of invalid)
      assertUnauthorized(await sendMistake(here, wrong, {}, caller), "token_invalid", 1, what);
    const scopeless = narrow.get(wrong.operation.scope ?? "");
    if (scopeless) assertError(await sendMistake(here, wrong, {}, scopeless), 403, "scope_insufficient");
    const told = await sendMistake(here, wrong);
    assertError(told, wrong.status, wrong.code, wrong.param);
    assert.equal(told.cost.calls, 1, what);
  }
});

test("an unknown path, another method and a preflight need neither a token nor a call to D1", async () => {
  const { token } = await account();
  for (const headers of [{}, { Authorization: `Bearer ${token}` }, { Authorization: "Bearer x" }]) {
    const missing = await send("GET", "/v1/nothing", headers);
    assertError(missing, 404, "path_unknown");
    assert.equal(missing.cost.calls, 0);
    for (const path of new Set(OPERATIONS.map(({ path }) => path.replace("{id}", NO_ID)))) {
      const other = await send("PROPFIND", path, headers);
      assertError(other, 405, "method_not_allowed");
      const preflight = { ...headers, "Access-Control-Request-Method": "POST", Origin: "https://a.example" };
      const allowed = await send("OPTIONS", path, preflight);
      assert.equal(allowed.status, 204);
      assert.deepEqual([other.cost.calls, allowed.cost.calls], [0, 0], path);
    }
  }
});

test("nothing tells an unknown token from one that is revoked or has expired", async () => {
  const { id } = await account();
  const tokens = {
    revoked: await grant(id, { revoked_at: 1 }),
    expired: await grant(id, { expires_at: 1 }),
    both: await grant(id, { revoked_at: 1, expires_at: 1 }),
  };
  const shown = async (token: string, method: string, target: string) => {
    const { status, headers, json, text } = await api(token).send(method, target);
    const own = Object.entries(headers).filter(([name]) => !/^(x-test-.+|x-request-id|date)$/.test(name));
    return {
      status,
      headers: Object.fromEntries(own),
      error: json && { ...json, request_id: "" },
      length: text.length,
    };
  };
  for (const { method, target, name } of TARGETS) {
    const unknown = await shown(newToken(), method, target);
    assert.deepEqual([unknown.status, "server-timing" in unknown.headers], [401, false], name);
    for (const [state, token] of Object.entries(tokens))
      assert.deepEqual(await shown(token, method, target), unknown, `${name}: ${state}`);
  }
});
