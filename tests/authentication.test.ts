// Who may: the Authorization header, tokens and their scopes. What is wrong is told before anything else about the
// request, what can be told without the database is told without it, and what changes holds from the very next request.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { sql } from "./support/database.ts";
import { assertError } from "./support/expectations.ts";
import { api, FORM, type Headers, JSON_TYPE, raw, send } from "./support/http.ts";
import {
  COLLECTION,
  item,
  MESSAGES,
  messageItem,
  NO_ID,
  rotation,
  TOKEN_COLLECTION,
  tokenItem,
} from "./support/paths.ts";
import { origin } from "./support/server.ts";
import { ALL, hashOf, MESSAGES_READ, MESSAGES_WRITE, newToken, READ, TOKENS, WRITE } from "./support/tokens.ts";

/** Every endpoint, and the scope that it needs. */
const endpoints = (collection: string, read: number, write: number): [string, string, number][] => [
  ["GET", collection, read],
  ["HEAD", collection, read],
  ["POST", collection, write],
  ...["GET", "HEAD", "PUT", "PATCH", "DELETE"].map((verb): [string, string, number] => [
    verb,
    `${collection}/${NO_ID}`,
    verb === "GET" || verb === "HEAD" ? read : write,
  ]),
];
const ENDPOINTS: [string, string, number][] = [
  ...endpoints(COLLECTION, READ, WRITE),
  ...endpoints(MESSAGES, MESSAGES_READ, MESSAGES_WRITE),
  ["GET", TOKEN_COLLECTION, TOKENS],
  ["POST", TOKEN_COLLECTION, TOKENS],
  ["GET", tokenItem(NO_ID), TOKENS],
  ["DELETE", tokenItem(NO_ID), TOKENS],
  ["POST", rotation(NO_ID), TOKENS],
];

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

test("no token: 401 on every endpoint, without asking the database", async () => {
  for (const [method, path] of ENDPOINTS) {
    assertUnauthorized(await send(method, path), "token_missing", 0, `${method} ${path}`);
  }
});

test("a header that holds no bearer token is like none", async () => {
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

test("a token anywhere else isn't read", async () => {
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

test("a malformed token, or one with a wrong checksum, is refused without asking the database", async () => {
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

test("bytes that aren't ASCII are refused like any malformed token", async () => {
  const { token } = await account();
  for (const value of [
    `Bearer ${token}\xe9`,
    `Bearer self_\xe9${token.slice(6)}`,
    "Bearer \xff\xfe",
    `Bearer ${Buffer.from("tökén").toString("latin1")}`,
  ]) {
    const request = `GET ${COLLECTION} HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: ${value}\r\nConnection: close\r\n\r\n`;
    assertUnauthorized(await raw(Buffer.from(request, "latin1")), "token_invalid", 0, value);
  }
});

test("two Authorization headers open nothing, though both are good", async () => {
  const [alice, bob] = [await account(), await account()];
  for (const second of [alice.token, bob.token]) {
    const answer = await raw(
      `GET ${COLLECTION} HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: Bearer ${alice.token}\r\nAuthorization: Bearer ${second}\r\nConnection: close\r\n\r\n`,
    );
    assertUnauthorized(answer, "token_invalid", 0);
  }
});

test("the scheme is read without regard to case, and spaces around the token don't matter", async () => {
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

test("an unknown token costs one call and opens nothing", async () => {
  const stranger = api(newToken());
  for (const [method, path] of ENDPOINTS) {
    assertUnauthorized(await stranger.send(method, path), "token_invalid", 1, `${method} ${path}`);
  }
});

test("what is stored opens nothing: only the token does, not its hash", async () => {
  const { token } = await account();
  assertUnauthorized(await send("GET", COLLECTION, { Authorization: `Bearer ${hashOf(token)}` }), "token_invalid", 0);
  const rows = await sql("SELECT * FROM tokens WHERE hash = ?", hashOf(token));
  assert.equal(rows.length, 1);
  assert.ok(!JSON.stringify(rows).includes(token.slice(5)));
});

test("an expired or revoked token opens nothing and changes nothing", async () => {
  const alice = await account();
  const id = await alice.insert();
  const message = await alice.insertMessage(id);
  const before = await alice.contents();
  const now = Math.floor(Date.now() / 1000);
  for (const ending of [
    { expires_at: 0 },
    { expires_at: now },
    { revoked_at: 0 },
    { revoked_at: now },
    { expires_at: 253402300799, revoked_at: now },
  ]) {
    const late = api(await grant(alice.id, ending));
    for (const answer of [
      await late.get(COLLECTION),
      await late.get(item(id)),
      await late.post(COLLECTION, "contact_id=bob"),
      await late.post(COLLECTION, "contact_id=someone&distinct=true"),
      await late.put(item(id), "is_muted=true"),
      await late.put(item(id)),
      await late.patch(item(id), "is_pinned=true"),
      await late.delete(item(id)),
      await late.get(MESSAGES),
      await late.get(messageItem(message)),
      await late.post(MESSAGES, `conversation_id=${id}&message=Hello`),
      await late.put(messageItem(message), "message=Hi"),
      await late.put(messageItem(message)),
      await late.delete(messageItem(message)),
    ]) {
      assertUnauthorized(answer, "token_invalid", 1, JSON.stringify(ending));
    }
  }
  assert.deepEqual(await alice.contents(), before);
});

test("a token that expires later is good", async () => {
  const alice = await account();
  const later = api(await grant(alice.id, { expires_at: 253402300799 }));
  assert.equal((await later.get(COLLECTION)).status, 200);
});

test("revocation, expiry and a change of scope hold from the very next request", async () => {
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

test("one account may have many tokens; ending one doesn't end the others", async () => {
  const alice = await account();
  const second = api(await grant(alice.id));
  const id = await alice.insert();
  await sql("UPDATE tokens SET revoked_at = 1 WHERE hash = ?", hashOf(alice.token));
  assert.equal((await second.get(item(id))).status, 200);
});

test("a token for reading writes nothing, one for writing reads nothing", async () => {
  const owner = await account();
  const id = await owner.insert();
  await owner.insertMessage(id);
  const before = await owner.contents();
  const [reader, writer] = [
    api(await grant(owner.id, { scopes: READ })),
    api(await grant(owner.id, { scopes: WRITE })),
  ];

  assert.equal((await reader.get(COLLECTION)).status, 200);
  assert.equal((await reader.get(item(id))).status, 200);
  for (const answer of [
    await reader.post(COLLECTION, "contact_id=bob"),
    await reader.post(COLLECTION, "contact_id=someone&distinct=true"),
    await reader.put(item(id), "is_muted=true"),
    await reader.patch(item(id), { is_muted: true }),
    await reader.put(item(id)),
    await reader.delete(item(id)),
    await reader.delete(item(NO_ID)),
  ]) {
    assertError(answer, 403, "scope_insufficient");
    assert.match(challenge(answer), /^Bearer realm="[^"]+", error="insufficient_scope"/);
    assert.equal(answer.cost.calls, 1);
  }
  assert.deepEqual(await owner.contents(), before);

  for (const answer of [await writer.get(COLLECTION), await writer.get(item(id)), await writer.get(item(NO_ID))]) {
    assertError(answer, 403, "scope_insufficient");
  }
  assert.equal((await writer.head(COLLECTION)).status, 403);
  assert.equal((await writer.post(COLLECTION, "contact_id=bob")).status, 201);
  assert.equal((await writer.put(item(id), "is_muted=true")).status, 200);
  assert.equal((await writer.delete(item(id))).status, 204);
});

test("a token for reading messages writes none, one for writing reads none", async () => {
  const owner = await account();
  const id = await owner.insert();
  const message = await owner.insertMessage(id);
  const before = await owner.contents();
  const [reader, writer] = [
    api(await grant(owner.id, { scopes: MESSAGES_READ })),
    api(await grant(owner.id, { scopes: MESSAGES_WRITE })),
  ];
  assert.equal((await reader.get(MESSAGES)).status, 200);
  assert.equal((await reader.get(messageItem(message))).status, 200);
  for (const answer of [
    await reader.post(MESSAGES, { conversation_id: id, message: "Hello" }),
    await reader.put(messageItem(message), "message=Hi"),
    await reader.put(messageItem(message)),
    await reader.patch(messageItem(message), "read_at=5"),
    await reader.delete(messageItem(message)),
    await reader.delete(messageItem(NO_ID)),
  ]) {
    assertError(answer, 403, "scope_insufficient");
    assert.match(challenge(answer), /^Bearer realm="[^"]+", error="insufficient_scope"/);
  }
  assert.deepEqual(await owner.contents(), before);
  for (const answer of [
    await writer.get(MESSAGES),
    await writer.get(messageItem(message)),
    await writer.get(messageItem(NO_ID)),
  ]) {
    assertError(answer, 403, "scope_insufficient");
  }
  assert.equal((await writer.put(messageItem(message), "message=Hi")).status, 200);
  assert.equal((await writer.delete(messageItem(message))).status, 204);
  assert.equal(
    (await writer.post(MESSAGES, { conversation_id: id, message: "Hello" })).status,
    201,
    "though it sends in a conversation",
  );
});

test("each endpoint needs its one scope: without it 403 that names it, with it alone none", async () => {
  const names: Record<number, string> = {
    [READ]: "conversations:read",
    [WRITE]: "conversations:write",
    [MESSAGES_READ]: "messages:read",
    [MESSAGES_WRITE]: "messages:write",
    [TOKENS]: "tokens:write",
  };
  const owner = await account();
  const narrow = new Map<number, ReturnType<typeof api>>();
  for (let scopes = 1; scopes <= ALL; scopes += 1) narrow.set(scopes, api(await grant(owner.id, { scopes })));
  for (const [method, path, needed] of ENDPOINTS) {
    for (const [scopes, caller] of narrow) {
      const answer = await caller.send(method, path);
      const what = `${method} ${path} with scopes ${scopes}`;
      assert.equal(answer.status === 403, (scopes & needed) === 0, what);
      if (answer.status !== 403) continue;
      assert.ok(challenge(answer).includes(`scope="${names[needed]}"`), `${what}: ${challenge(answer)}`);
    }
  }
});

test("a token made before there were messages keeps what it had, and opens none of them", async () => {
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

test("what else is wrong with a request is told only to a caller whose token is good", async () => {
  const alice = await account();
  const id = await alice.insert();
  const bad: [string, string, Headers, string?][] = [
    ["GET", `${COLLECTION}?limit=0`, {}],
    ["GET", `${COLLECTION}?x=%zz`, {}],
    ["GET", item("%zz"), {}],
    ["GET", `${item(id)}?x=1`, {}],
    ["POST", COLLECTION, {}],
    ["POST", COLLECTION, { "Content-Type": JSON_TYPE }, "["],
    ["POST", COLLECTION, { "Content-Type": "text/plain" }, "x"],
    ["POST", COLLECTION, { "Content-Type": FORM }, "x".repeat(20_000)],
    ["PUT", item(id), { "Content-Type": FORM }, "contact_id=bob"],
    ["PUT", item(id), { "Content-Type": FORM }, `pinned_message_id=${NO_ID}`],
    ["DELETE", `${item(id)}?x=1`, {}],
    ["GET", `${COLLECTION}?sort=last_active_at&starting_after=${NO_ID}`, {}],
    ["GET", `${MESSAGES}?conversation_id=x`, {}],
    ["POST", MESSAGES, { "Content-Type": JSON_TYPE }, `{"conversation_id":"${id}","message":""}`],
    ["POST", MESSAGES, { "Content-Type": FORM }, `conversation_id=${NO_ID}&message=Hello`],
    ["POST", MESSAGES, { "Content-Type": FORM }, "x".repeat(70_000)],
    ["PUT", messageItem(NO_ID), { "Content-Type": FORM }, "contact_id=bob"],
    ["POST", MESSAGES, { "Content-Type": FORM, "Idempotency-Key": "" }, `conversation_id=${NO_ID}&message=Hello`],
    ["GET", item(id), { "If-None-Match": "x" }],
    ["PUT", item(id), { "If-Match": "x" }],
    ["GET", `${TOKEN_COLLECTION}?limit=0`, {}],
    ["POST", TOKEN_COLLECTION, { "Content-Type": FORM }, "name=x&scopes=all"],
    ["POST", rotation(NO_ID), { "Content-Type": FORM }, "grace_period=-1"],
  ];
  for (const [method, path, headers, body] of bad) {
    const what = `${method} ${path} ${body?.slice(0, 40)}`;
    assertUnauthorized(await send(method, path, headers, body), "token_missing", 0, what);
    assertUnauthorized(
      await send(method, path, { ...headers, Authorization: "Bearer x" }, body),
      "token_invalid",
      0,
      what,
    );
    for (const token of [newToken(), await grant(alice.id, { expires_at: 1 })]) {
      assertUnauthorized(await api(token).send(method, path, headers, body), "token_invalid", 1, what);
    }
    const [mayRead, mayWrite] = path.startsWith(MESSAGES)
      ? [MESSAGES_READ, MESSAGES_WRITE]
      : path.startsWith(TOKEN_COLLECTION)
        ? [TOKENS, TOKENS]
        : [READ, WRITE];
    const narrow = api(await grant(alice.id, { scopes: ALL & ~(method === "GET" ? mayRead : mayWrite) }));
    assertError(await narrow.send(method, path, headers, body), 403, "scope_insufficient");
    const told = await alice.send(method, path, headers, body);
    assert.ok(told.status >= 400 && told.status !== 401 && told.status !== 403, what);
    assert.equal(told.cost.calls, 1, what);
  }
});

test("an unknown path, a wrong verb and a preflight ask neither for a token nor the database", async () => {
  const { token } = await account();
  for (const headers of [{}, { Authorization: `Bearer ${token}` }, { Authorization: "Bearer x" }]) {
    const missing = await send("GET", "/v1/nothing", headers);
    assertError(missing, 404, "path_unknown");
    const verb = await send("DELETE", COLLECTION, headers);
    assertError(verb, 405, "method_not_allowed");
    const preflight = await send("OPTIONS", COLLECTION, {
      ...headers,
      "Access-Control-Request-Method": "POST",
      Origin: "https://a.example",
    });
    assert.equal(preflight.status, 204);
    for (const answer of [missing, verb, preflight]) assert.equal(answer.cost.calls, 0);
  }
});
