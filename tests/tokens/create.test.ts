// POST /v1/tokens. What is refused for its form: tests/bad_input.test.ts; sent again: tests/idempotency.test.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, assertNewToken, assertToken, now } from "../support/expectations.ts";
import { api, type Headers, keyed } from "../support/http.ts";
import { COLLECTION, item, MESSAGES, rotation, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { ALL, hashOf, MESSAGES_READ, READ, randomId, SCOPES, TOKEN, TOKENS, WRITE } from "../support/tokens.ts";

const END = 253402300799;

test("a new token is a 201 with the object, its secret, its Location and a Cache-Control with no-store", async () => {
  const alice = await account();
  const before = now();
  const { status, json, headers } = await alice.post(TOKEN_COLLECTION, {
    name: "CI of the shop",
    scopes: "conversations:read messages:read",
  });
  const after = now();
  assert.equal(status, 201);
  assertNewToken(json, {
    name: "CI of the shop",
    scopes: "conversations:read messages:read",
    expires_at: null,
    revoked_at: null,
  });
  assert.match(json.id, /^[0-9A-Za-z]{16}$/);
  assert.match(json.token, new RegExp(`^${TOKEN.source}$`));
  assert.ok(before <= json.created_at && json.created_at <= after);
  assert.equal(headers.location, tokenItem(json.id));
  assert.equal(headers["cache-control"], "private, no-store");
  const { token, ...shown } = json;
  assert.deepEqual((await alice.get(String(headers.location))).json, shown);
});

test("a new token can do what its scopes name, from the next request on, and nothing else", async () => {
  const alice = await account();
  const id = await alice.insert();
  const { json } = await alice.post(TOKEN_COLLECTION, "name=reader&scopes=conversations:read");
  const reader = api(json.token);
  assert.equal((await reader.get(item(id))).json.id, id);
  for (const answer of [
    await reader.put(item(id), "is_muted=true"),
    await reader.get(MESSAGES),
    await reader.get(TOKEN_COLLECTION),
    await reader.post(TOKEN_COLLECTION, "name=x&scopes=conversations:read"),
  ]) {
    assertError(answer, 403, "scope_insufficient");
  }
});

test("a form and JSON mean the same", async () => {
  const alice = await account();
  for (const attributes of [
    "name=a+b&scopes=messages%3Aread+messages:write&expires_at=253402300799",
    { name: "a b", scopes: "messages:read messages:write", expires_at: END },
  ]) {
    const { status, json } = await alice.post(TOKEN_COLLECTION, attributes);
    assert.equal(status, 201);
    assertNewToken(json, { name: "a b", scopes: "messages:read messages:write", expires_at: END });
  }
});

test("a scope that comes twice is a 400", async () => {
  const alice = await account();
  for (const attributes of [
    "name=x&scopes=messages:read+messages:read",
    { name: "x", scopes: "messages:read events:read messages:read" },
  ]) {
    assertError(await alice.post(TOKEN_COLLECTION, attributes), 400, "parameter_invalid", "scopes");
  }
});

test("scopes are returned in one order, whatever the order in the request", async () => {
  const alice = await account();
  await sql("UPDATE accounts SET max_tokens = 1000 WHERE id = ?", alice.id);
  for (let bits = 1; bits <= ALL; bits += 1) {
    const scopes = Object.keys(SCOPES).filter((_, n) => bits & (1 << n));
    const { json } = await alice.post(TOKEN_COLLECTION, { name: "x", scopes: scopes.toReversed().join(" ") });
    assert.equal(json.scopes, scopes.join(" "));
  }
});

test("a name is a line of 1 to 64 printable characters", async () => {
  const alice = await account();
  for (const name of [
    "a",
    "é".repeat(64),
    "😀".repeat(64),
    "x".repeat(64),
    " a ",
    "'; DROP TABLE tokens; --",
    '"\\',
    "日本語",
  ]) {
    const { status, json, text } = await alice.post(TOKEN_COLLECTION, { name, scopes: "messages:read" });
    assert.equal(status, 201, text);
    assert.equal(json.name, name);
    assert.equal((await alice.get(tokenItem(json.id))).json.name, name);
  }
});

test("name and scopes are required, and the error names the first that is missing", async () => {
  const alice = await account();
  for (const attributes of [undefined, "", {}, "scopes=messages:read"])
    assertError(await alice.post(TOKEN_COLLECTION, attributes), 400, "parameter_missing", "name");
  for (const attributes of ["name=x", { name: "x", expires_at: null }])
    assertError(await alice.post(TOKEN_COLLECTION, attributes), 400, "parameter_missing", "scopes");
});

test("expires_at must be in the future", async () => {
  const alice = await account();
  const { json } = await alice.post(TOKEN_COLLECTION, {
    name: "x",
    scopes: "messages:read",
    expires_at: now() + 3600,
  });
  assert.equal((await api(json.token).get(MESSAGES)).status, 200);
  for (const expires_at of [0, 1, now()]) {
    assertError(
      await alice.post(TOKEN_COLLECTION, { name: "x", scopes: "messages:read", expires_at }),
      400,
      "parameter_invalid",
      "expires_at",
    );
  }
});

test("without expires_at, or with null or an empty value of a form, a token does not expire", async () => {
  const alice = await account();
  for (const attributes of [
    "name=x&scopes=messages:read",
    "name=x&scopes=messages:read&expires_at=",
    { name: "x", scopes: "messages:read", expires_at: null },
  ]) {
    assert.equal((await alice.post(TOKEN_COLLECTION, attributes)).json.expires_at, null);
  }
});

test("a token cannot make a token with more scopes", async () => {
  for (let others = 0; others <= ALL; others += 1) {
    if (others & TOKENS) continue;
    const held = others | TOKENS;
    const caller = api(await grant((await account()).id, { scopes: held }));
    for (const [name, bit] of Object.entries(SCOPES)) {
      const scopes = [...new Set([name, "tokens:write"])].join(" ");
      const answer = await caller.post(TOKEN_COLLECTION, { name: "x", scopes });
      if (held & bit) {
        assert.equal(answer.status, 201, `${held} ${name}`);
        continue;
      }
      assertError(answer, 403, "scope_insufficient", "scopes");
      assert.match(String(answer.headers["www-authenticate"]), /error="insufficient_scope"/);
      assert.equal(answer.cost.rowsWritten, 0);
    }
  }
});

test("a token without tokens:write cannot make tokens", async () => {
  const owner = await account();
  const caller = api(await grant(owner.id, { scopes: ALL & ~TOKENS }));
  const answer = await caller.post(TOKEN_COLLECTION, "name=x&scopes=messages:read");
  assertError(answer, 403, "scope_insufficient");
  assert.match(String(answer.headers["www-authenticate"]), /scope="tokens:write"/);
});

test("a token cannot make a token that expires later", async () => {
  const owner = await account();
  const end = now() + 3600;
  const caller = api(await grant(owner.id, { expires_at: end }));
  const make = (expires_at?: number | null) =>
    caller.post(TOKEN_COLLECTION, {
      name: "x",
      scopes: "messages:read",
      ...(expires_at === undefined ? {} : { expires_at }),
    });
  for (const expires_at of [end + 1, END]) {
    const answer = await make(expires_at);
    assertError(answer, 400, "parameter_invalid", "expires_at");
    assert.equal(answer.cost.rowsWritten, 0);
  }
  for (const expires_at of [end, end - 1]) assert.equal((await make(expires_at)).json.expires_at, expires_at);
  for (const expires_at of [undefined, null])
    assert.equal((await make(expires_at)).json.expires_at, end, "without an end it ends with its maker");
});

test("a rotated token cannot make a token that outlives its grace period", async () => {
  const owner = await account();
  const revoked_at = now() + 3600;
  const caller = api(await grant(owner.id, { revoked_at }));
  assert.equal((await caller.post(TOKEN_COLLECTION, "name=x&scopes=messages:read")).json.expires_at, revoked_at);
  assertError(
    await caller.post(TOKEN_COLLECTION, `name=x&scopes=messages:read&expires_at=${revoked_at + 1}`),
    400,
    "parameter_invalid",
    "expires_at",
  );
});

test("a token made by a token stays valid when its maker is revoked", async () => {
  const alice = await account();
  const parent = (await alice.post(TOKEN_COLLECTION, "name=parent&scopes=messages:read+tokens:write")).json;
  const child = (await api(parent.token).post(TOKEN_COLLECTION, "name=child&scopes=messages:read")).json;
  assert.equal((await alice.delete(tokenItem(parent.id))).status, 204);
  assert.equal((await api(parent.token).get(MESSAGES)).status, 401);
  assert.equal((await api(child.token).get(MESSAGES)).status, 200);
});

test("every new token is different", async () => {
  const alice = await account();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read")),
  );
  assert.equal(new Set(answers.map(({ json }) => json.token)).size, 50);
  assert.equal(new Set(answers.map(({ json }) => json.id)).size, 50);
});

test("the secret is in one response only, and the database holds only its hash", async () => {
  const alice = await account();
  const { json } = await alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read");
  for (const path of [TOKEN_COLLECTION, tokenItem(json.id)]) {
    const { text } = await alice.get(path);
    assert.ok(text.includes(json.id) && !text.includes(json.token.slice(5, 35)), path);
  }
  const tables = (
    await sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
  ).map(({ name }) => name);
  assert.ok(tables.includes("tokens") && tables.includes("idempotency_keys"));
  for (const table of tables) {
    const rows = JSON.stringify(await sql(`SELECT * FROM ${table}`));
    assert.equal(rows.includes(json.token.slice(5, 35)), false, String(table));
    assert.equal(rows.includes(hashOf(json.token)), table === "tokens", String(table));
  }
});

test("a new token belongs to the account of its maker", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert();
  const { json } = await bob.post(TOKEN_COLLECTION, "name=x&scopes=conversations:read");
  assertError(await api(json.token).get(item(id)), 404, "resource_missing");
  assert.deepEqual((await api(json.token).get(COLLECTION)).json.data, []);
});

describe("the quota of valid tokens", () => {
  const TOKEN = "name=x&scopes=messages:read";
  const limited = async (max_tokens: number) => {
    const alice = await account();
    await sql("UPDATE accounts SET max_tokens = ? WHERE id = ?", max_tokens, alice.id);
    return alice;
  };
  const create = (alice: Account, headers: Headers = {}) => alice.post(TOKEN_COLLECTION, TOKEN, headers);

  test("is 100, and the 101st is a 403 that says what to do and writes nothing", async () => {
    const alice = await account();
    for (let i = 0; i < 99; i += 1) await grant(alice.id, { scopes: MESSAGES_READ });
    const before = await alice.everything();
    const answer = await create(alice);
    assertError(answer, 403, "quota_exceeded");
    assert.match(answer.json.message, /\b100 valid tokens\b.*Revoke.*operator/);
    assert.equal(answer.headers["www-authenticate"], undefined);
    assert.deepEqual(await alice.everything(), before);
  });

  test("holds under simultaneous creations, with keys and without", async () => {
    for (const headers of [() => ({}), () => keyed(randomId())]) {
      const alice = await limited(5);
      const answers = await Promise.all(Array.from({ length: 20 }, () => create(alice, headers())));
      assert.equal(answers.filter(({ status }) => status === 201).length, 4);
      for (const answer of answers.filter(({ status }) => status !== 201)) {
        assertError(answer, 403, "quota_exceeded");
        assert.match(answer.json.message, /\b5 valid tokens\b/);
      }
      assert.equal((await alice.everything()).tokens?.length, 5);
    }
  });

  test("counts valid tokens only: after one has expired or was revoked, there is room for another", async () => {
    const alice = await limited(2);
    for (const end of [
      (id: string) => alice.delete(tokenItem(id)),
      (id: string) => sql("UPDATE tokens SET expires_at = unixepoch() WHERE id = ?", id),
    ]) {
      const { status, json } = await create(alice);
      assert.equal(status, 201);
      assertError(await create(alice), 403, "quota_exceeded");
      await end(json.id);
    }
    assert.equal((await create(alice)).status, 201);
  });

  test("counts a rotated token and its successor until the grace period ends", async () => {
    const alice = await limited(3);
    const { id } = (await create(alice)).json;
    const successor = await alice.post(rotation(id), "grace_period=60");
    assert.equal(successor.status, 201);
    for (const answer of [await create(alice), await alice.post(rotation(successor.json.id), "grace_period=0")])
      assertError(answer, 403, "quota_exceeded");
    assert.equal((await alice.get(tokenItem(successor.json.id))).json.revoked_at, null);
    assert.equal((await alice.delete(tokenItem(id))).status, 204);
    assert.equal((await alice.post(rotation(successor.json.id), "grace_period=0")).status, 201);
    assert.equal((await create(alice)).status, 201);
  });

  test("does not limit what exists, and other accounts have their own", async () => {
    const [alice, bob] = [await limited(0), await account()];
    assertError(await create(alice), 403, "quota_exceeded");
    assert.equal((await create(bob)).status, 201);
    assert.equal((await alice.get(TOKEN_COLLECTION)).status, 200);
    await sql("UPDATE accounts SET max_tokens = 2 WHERE id = ?", alice.id);
    assert.equal((await create(alice)).status, 201);
  });

  test("a request that was refused for more than the quota learns about its own mistake first", async () => {
    const alice = await limited(0);
    const weak = api(await grant(alice.id, { scopes: TOKENS }));
    assertError(await weak.post(TOKEN_COLLECTION, TOKEN), 403, "scope_insufficient", "scopes");
    assertError(await alice.post(TOKEN_COLLECTION, `${TOKEN}&expires_at=1`), 400, "parameter_invalid", "expires_at");
  });

  test("costs no more with a thousand tokens that are no longer valid", async () => {
    const costs = async (alice: Account) => {
      const created = await create(alice);
      const rotated = await alice.post(rotation(created.json.id));
      return [created, rotated, await create(await limited(1))].map(({ cost }) => cost);
    };
    const [few, many] = [await account(), await account()];
    // The end of a range is the next account's first row.
    await account();
    await sql(
      `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at, revoked_at, is_revoked)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
       SELECT printf('%064x', 1000000 + i), printf('0000000000%06d', i), ?, 'old', 1, 0,
              iif(i % 3 = 0, 5, NULL), iif(i % 3 = 1, 5, NULL), i % 3 = 2 FROM n`,
      many.id,
    );
    assert.deepEqual(await costs(many), await costs(few));
  });
});

test("a new token knows whether its account is beyond its quota of objects, as its maker does", async () => {
  const alice = await account();
  for (const is_full of [1, 0]) {
    await sql("UPDATE tokens SET is_full = ? WHERE account_id = ?", is_full, alice.id);
    const created = await alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read");
    const rotated = await alice.post(rotation(created.json.id));
    for (const { json } of [created, rotated])
      assert.deepEqual(await sql("SELECT is_full FROM tokens WHERE id = ?", json.id), [{ is_full }]);
  }
});

test("tokens made by the operator are listed like those made by the API", async () => {
  const alice = await account();
  await grant(alice.id, { scopes: READ | WRITE | MESSAGES_READ, expires_at: END });
  const { json } = await alice.get(TOKEN_COLLECTION);
  const [found] = json.data.filter((token: { expires_at: number | null }) => token.expires_at === END);
  assertToken(found, {
    name: "test",
    scopes: "conversations:read conversations:write messages:read",
    created_at: 0,
    revoked_at: null,
  });
});
