// Idempotency-Key: a POST that is sent again does what it did once and answers what it answered. What D1's failures make
// of that: tests/faults.test.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account, grant } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { gate, insert, sql } from "./support/database.ts";
import { assertError, assertNewToken, idsOf } from "./support/expectations.ts";
import { api, FORM, type Headers, JSON_TYPE, keyed, raw } from "./support/http.ts";
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
import { READ, randomId } from "./support/tokens.ts";

/** What a repetition has to have in common with the first answer. */
const essence = ({ status, text, headers }: Answer) => ({
  status,
  text,
  location: headers.location,
  etag: headers.etag,
  cache: headers["cache-control"],
});

function assertFirst({ headers }: Answer, what = "the first"): void {
  assert.equal(headers["idempotent-replayed"], undefined, what);
}

function assertReplay(answer: Answer, first: Answer, what = "a repetition"): void {
  assert.deepEqual(essence(answer), essence(first), what);
  assert.equal(answer.headers["idempotent-replayed"], "true", what);
  assert.notEqual(answer.headers["x-request-id"], first.headers["x-request-id"], what);
}

/** Every POST there is. */
const POSTS: [string, (alice: Account) => Promise<(headers: Headers) => Promise<Answer>>][] = [
  ["a conversation", async (alice) => (headers) => alice.post(COLLECTION, "contact_id=bob&group_id=team", headers)],
  [
    "a distinct conversation",
    async (alice) => (headers) => alice.post(COLLECTION, { contact_id: "bob", distinct: true }, headers),
  ],
  [
    "a message",
    async (alice) => {
      const conversation_id = await alice.insert();
      return (headers) => alice.post(MESSAGES, { conversation_id, message: "Hello" }, headers);
    },
  ],
  [
    "a token",
    async (alice) => (headers) => alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" }, headers),
  ],
  [
    "a rotation",
    async (alice) => {
      const { id } = (await alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" })).json;
      return (headers) => alice.post(rotation(id), "grace_period=60", headers);
    },
  ],
];

for (const [name, prepare] of POSTS) {
  describe(name, () => {
    test("the same request again writes nothing and gets the answer of the first, and says so", async () => {
      const alice = await account();
      const post = await prepare(alice);
      const first = await post(keyed("a"));
      assert.equal(first.status, 201, first.text);
      assertFirst(first);
      const after = await alice.everything();
      for (let i = 0; i < 3; i += 1) assertReplay(await post(keyed("a")), first);
      assert.deepEqual(await alice.everything(), after);
    });

    test("50 simultaneous ones write once, and all get the one answer", async () => {
      const [alice, bob] = [await account(), await account()];
      const post = await prepare(alice);
      await (await prepare(bob))({});
      const answers = await Promise.all(Array.from({ length: 50 }, () => post(keyed("a"))));
      const [first] = answers.filter(({ headers }) => headers["idempotent-replayed"] === undefined);
      assert.ok(first);
      assert.equal(first.status, 201);
      for (const answer of answers) if (answer !== first) assertReplay(answer, first);
      const counts = (contents: Record<string, unknown[]>) =>
        Object.entries(contents)
          .filter(([table]) => table !== "keys")
          .map(([table, rows]) => [table, rows.length]);
      assert.deepEqual(
        counts(await alice.everything()),
        counts(await bob.everything()),
        "as many rows as one request without a key leaves",
      );
      assert.equal((await alice.everything()).keys?.length, 1);
    });

    test("another key, and none, is another request", async () => {
      const alice = await account();
      const post = await prepare(alice);
      const answers = [await post(keyed("a")), await post(keyed("b")), await post({}), await post({})];
      answers.forEach((answer) => assertFirst(answer));
      // There can be one distinct conversation only, however it is asked for.
      const made = name === "a distinct conversation" ? 1 : 4;
      assert.equal(new Set(answers.map(({ json }) => json.id)).size, made);
    });

    test("the answer stays what it was, whatever has become of the object", async () => {
      const alice = await account();
      const post = await prepare(alice);
      const first = await post(keyed("a"));
      assert.equal((await alice.delete(String(first.headers.location))).status, 204);
      assertReplay(await post(keyed("a")), first);
    });

    test("an expired key is a new one", async () => {
      const alice = await account();
      const post = await prepare(alice);
      const first = await post(keyed("a"));
      await sql("UPDATE idempotency_keys SET expires_at = 1 WHERE account_id = ?", alice.id);
      const again = await post(keyed("a"));
      assertFirst(again);
      assert.equal(again.status, name === "a distinct conversation" ? 200 : 201);
      assert.notEqual(again.headers["x-request-id"], first.headers["x-request-id"]);
      assertReplay(await post(keyed("a")), again);
    });

    test("it is one call to D1, and a repetition writes no row", async () => {
      const alice = await account();
      const post = await prepare(alice);
      for (const rowsWritten of [true, false]) {
        const { cost } = await post(keyed("a"));
        assert.equal(cost.calls, 1);
        assert.equal(cost.rowsWritten > 0, rowsWritten);
      }
    });
  });
}

// ---------------------------------------------------------------------------------------------------- another request

test("the same key with another body is refused, and does nothing", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  await alice.post(MESSAGES, { conversation_id: conversation, message: "Hello" }, keyed("b"));
  const before = await alice.everything();
  for (const answer of [
    await alice.post(COLLECTION, "contact_id=carol", keyed("a")),
    await alice.post(COLLECTION, "contact_id=bob&distinct=false", keyed("a")),
    await alice.post(COLLECTION, { contact_id: "bob" }, keyed("a")),
    await alice.post(COLLECTION, "contact_id=bob", keyed("b")),
    await alice.post(MESSAGES, { conversation_id: conversation, message: "hello" }, keyed("b")),
    await alice.post(MESSAGES, { conversation_id: conversation, message: "Hello" }, keyed("a")),
    await alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" }, keyed("a")),
  ]) {
    assertError(answer, 422, "idempotency_key_reused", "Idempotency-Key");
    assert.match(answer.json.message, /another request.*24 hours/);
    assert.equal(answer.headers["idempotent-replayed"], undefined);
  }
  assert.deepEqual(await alice.everything(), before);
});

test("the same key for another path is refused: of a rotation it is bound to the token that is rotated", async () => {
  const alice = await account();
  const [one, other] = [
    (await alice.post(TOKEN_COLLECTION, { name: "1", scopes: "messages:read" })).json.id,
    (await alice.post(TOKEN_COLLECTION, { name: "2", scopes: "messages:read" })).json.id,
  ];
  assert.equal((await alice.post(rotation(one), undefined, keyed("a"))).status, 201);
  assertError(
    await alice.post(rotation(other), undefined, keyed("a")),
    422,
    "idempotency_key_reused",
    "Idempotency-Key",
  );
  assert.equal((await alice.get(tokenItem(other))).json.revoked_at, null);
});

test("of two simultaneous requests with one key and different bodies one is done, the other refused", async () => {
  for (let round = 0; round < 10; round += 1) {
    const alice = await account();
    const answers = await Promise.all(
      ["bob", "carol"].map((name) => alice.post(COLLECTION, `contact_id=${name}`, keyed("a"))),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 422]);
    const { conversations } = await alice.contents();
    assert.deepEqual(
      conversations.map(({ id }) => id),
      answers.flatMap(({ json, status }) => (status === 201 ? [json.id] : [])),
    );
  }
});

test("a key is the account's own: another account's is another key", async () => {
  const [alice, bob] = [await account(), await account()];
  const [hers, his] = [
    await alice.post(COLLECTION, "contact_id=carol", keyed("a")),
    await bob.post(COLLECTION, "contact_id=dave", keyed("a")),
  ];
  for (const answer of [hers, his]) {
    assert.equal(answer.status, 201);
    assertFirst(answer);
  }
  assertReplay(await alice.post(COLLECTION, "contact_id=carol", keyed("a")), hers);
});

test("any token of the account may repeat a request, but not one that made a token", async () => {
  const alice = await account();
  const second = api(await grant(alice.id));
  const first = await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  assertReplay(await second.post(COLLECTION, "contact_id=bob", keyed("a")), first);

  const token = { name: "CI", scopes: "messages:read" };
  const { json } = await alice.post(TOKEN_COLLECTION, token, keyed("b"));
  const answer = await second.post(TOKEN_COLLECTION, token, keyed("b"));
  assertError(answer, 422, "idempotency_key_reused", "Idempotency-Key");
  assert.ok(!answer.text.includes(json.token));
});

test("who lacks the scope, or has no good token, is told so and not what was answered", async () => {
  const alice = await account();
  const first = await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  const reader = api(await grant(alice.id, { scopes: READ }));
  const expired = api(await grant(alice.id, { expires_at: 1 }));
  const before = await alice.everything();
  for (const key of ["a", "new"]) {
    for (const [caller, status, code] of [
      [reader, 403, "scope_insufficient"],
      [expired, 401, "token_invalid"],
    ] as const) {
      const answer = await caller.post(COLLECTION, "contact_id=bob", keyed(key));
      assertError(answer, status, code);
      assert.ok(!answer.text.includes(first.json.id));
    }
  }
  assert.deepEqual(await alice.everything(), before, "and no key is remembered");
});

// ------------------------------------------------------------------------------------------------- what is remembered

test("a conversation that was there already is remembered as that", async () => {
  const alice = await account();
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  const found = await alice.post(COLLECTION, "contact_id=bob&distinct=true", keyed("a"));
  assert.deepEqual([found.status, found.json.id], [200, json.id]);
  await alice.put(item(json.id), "is_muted=true");
  assertReplay(await alice.post(COLLECTION, "contact_id=bob&distinct=true", keyed("a")), found);
});

test("that there was no such conversation is remembered too", async () => {
  const alice = await account();
  const send = () => alice.post(MESSAGES, { conversation_id: NO_ID, message: "Hello" }, keyed("a"));
  const first = await send();
  assertError(first, 404, "resource_missing", "conversation_id");
  assertFirst(first);
  await alice.insert({ id: NO_ID });
  const again = await send();
  assertError(again, 404, "resource_missing", "conversation_id");
  assert.equal(again.headers["idempotent-replayed"], "true");
  assert.deepEqual((await alice.contents()).messages, []);
});

test("a repeated message doesn't make its conversation active again", async () => {
  const alice = await account();
  const id = await alice.insert();
  const send = () => alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, keyed("a"));
  await send();
  await sql("UPDATE conversations SET last_active_at = 5, last_opened_at = 5 WHERE account_id = ?", alice.id);
  const before = await alice.get(item(id));
  await send();
  assert.deepEqual(essence(await alice.get(item(id))), essence(before));
});

test("what was refused for its form is not remembered: put right it may have the same key", async () => {
  const alice = await account();
  const form = { "Content-Type": FORM, ...keyed("a") };
  assertError(await alice.post(COLLECTION, "contact_id=b+b", keyed("a")), 400, "parameter_invalid", "contact_id");
  assertError(await alice.post(COLLECTION, "", keyed("a")), 400, "parameter_missing", "contact_id");
  assertError(await alice.post(`${COLLECTION}?x=1`, "contact_id=bob", keyed("a")), 400, "parameter_unknown", "x");
  assertError(
    await alice.send("POST", COLLECTION, { "Content-Type": "text/plain", ...keyed("a") }, "x"),
    415,
    "media_type_unsupported",
  );
  assertError(
    await alice.send("POST", COLLECTION, { "Content-Type": JSON_TYPE, ...keyed("a") }, "{"),
    400,
    "body_malformed",
  );
  assertError(await alice.send("POST", COLLECTION, form, "x".repeat(20_000)), 413, "body_too_large");
  assertError(await alice.post(rotation("x"), undefined, keyed("a")), 404, "resource_missing");
  assert.deepEqual((await alice.everything()).keys, []);
  const answer = await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  assert.equal(answer.status, 201);
  assertFirst(answer);
});

test("a key is kept for 24 hours, with the answer in the object's own words", async () => {
  const alice = await account();
  const { json, text } = await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  const [row] = (await alice.everything()).keys!;
  assert.equal(row?.expires_at, json.created_at + 86_400);
  assert.equal(row?.key, "a");
  assert.ok(String(row?.answer).endsWith(text));
});

test("at the very second at which it expires a key is new", async () => {
  const alice = await account();
  const post = () => alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  const first = await post();
  await sql("UPDATE idempotency_keys SET expires_at = unixepoch() WHERE account_id = ?", alice.id);
  assert.notEqual((await post()).json.id, first.json.id);
});

test("a request with a key forgets two that have expired, whoever's they were, and none that hasn't", async () => {
  const [alice, bob] = [await account(), await account()];
  const row = (key: string, expires_at: number) =>
    insert("idempotency_keys", {
      account_id: bob.id,
      key,
      fingerprint: "0".repeat(64),
      request_id: randomId(),
      answer: null,
      expires_at,
    });
  await sql("DELETE FROM idempotency_keys WHERE expires_at < unixepoch()");
  for (const [key, expires_at] of [
    ["1", 1],
    ["2", 2],
    ["3", 3],
    ["4", 4],
    ["5", 5],
    ["kept", 253402300799],
  ] as const)
    await row(key, expires_at);
  const left = async () => (await bob.everything()).keys!.map(({ key }) => key);
  await alice.post(COLLECTION, "contact_id=bob");
  assert.deepEqual(await left(), ["1", "2", "3", "4", "5", "kept"], "one without a key forgets none");
  await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  assert.deepEqual(await left(), ["3", "4", "5", "kept"]);
  await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  assert.deepEqual(await left(), ["5", "kept"], "a repetition too");
  await alice.post(COLLECTION, "contact_id=bob", keyed("b"));
  assert.deepEqual(await left(), ["kept"]);
});

test("the database holds nothing of a token's secret, though its answer can be repeated", async () => {
  const alice = await account();
  const post = () => alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" }, keyed("a"));
  const [first, again] = [await post(), await post()];
  assertNewToken(again.json, { token: first.json.token });
  const everything = JSON.stringify(await alice.everything());
  assert.ok(everything.includes(first.json.id));
  for (const part of [first.json.token, first.json.token.slice(5, 35), alice.token.slice(5, 35)])
    assert.ok(!everything.includes(part));
});

// --------------------------------------------------------------------------------------------------------- the header

test("a key is bare or a quoted string: both are the same", async () => {
  const alice = await account();
  for (const [bare, quoted] of [
    ["a-1", '"a-1"'],
    ["8e03978e-40d5-43e8-bc93-6894a57f9324", '"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
    ["a b", '"a b"'],
    ["a\\b", '"a\\\\b"'],
    ["1", '"1"'],
  ]) {
    const first = await alice.post(COLLECTION, "contact_id=bob", keyed(bare!));
    assertFirst(first, bare);
    assertReplay(await alice.post(COLLECTION, "contact_id=bob", keyed(quoted!)), first, quoted);
  }
});

test("any printable ASCII character may be in it, and 255 of them", async () => {
  const alice = await account();
  const printable = Array.from({ length: 95 }, (_, n) => String.fromCharCode(32 + n)).join("");
  for (const key of [
    "~",
    printable.trim(),
    "x".repeat(255),
    `"${"y".repeat(255)}"`,
    "'; DROP TABLE tokens; --",
    "null",
    "%00",
  ]) {
    const first = await alice.post(COLLECTION, "contact_id=bob", keyed(key));
    assert.equal(first.status, 201, first.text);
    assertFirst(first, key);
    assertReplay(await alice.post(COLLECTION, "contact_id=bob", keyed(key)), first, key);
  }
});

test("case counts, and so does every character", async () => {
  const alice = await account();
  const keys = ["a", "A", "aa", "a a", "a%", "_"];
  const ids = new Set<string>();
  for (const key of keys) ids.add((await alice.post(COLLECTION, "contact_id=bob", keyed(key))).json.id);
  assert.equal(ids.size, keys.length);
});

test("a malformed key is refused by name on every POST, and nothing is written", async () => {
  const alice = await account();
  const id = await alice.insert();
  const { id: token } = (await alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" })).json;
  const before = await alice.everything();
  const posts: [string, string][] = [
    [COLLECTION, "contact_id=bob"],
    [MESSAGES, `conversation_id=${id}&message=Hello`],
    [TOKEN_COLLECTION, "name=CI&scopes=messages:read"],
    [rotation(token), "grace_period=0"],
  ];
  for (const key of [
    "",
    '""',
    '"a',
    '"a"b',
    '"a\\b"',
    '"',
    "x".repeat(256),
    `"${"x".repeat(256)}"`,
    "a\tb",
    "\xe9",
    "a\x7f",
  ]) {
    for (const [path, body] of posts) {
      const answer = await raw(
        Buffer.from(
          `POST ${path} HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: Bearer ${alice.token}\r\nContent-Type: ${FORM}\r\n` +
            `Content-Length: ${body.length}\r\nIdempotency-Key: ${key}\r\nConnection: close\r\n\r\n${body}`,
          "latin1",
        ),
      );
      assertError(answer, 400, "parameter_invalid", "Idempotency-Key");
      assert.match(answer.json.message, /1 to 255 printable/);
    }
  }
  assert.deepEqual(await alice.everything(), before);
});

test("what creates nothing has no use for a key: it is not read", async () => {
  const alice = await account();
  const id = await alice.insert();
  const message = await alice.insertMessage(id);
  const bad = keyed('"');
  for (const answer of [
    await alice.get(COLLECTION, undefined, bad),
    await alice.get(item(id), undefined, bad),
    await alice.put(item(id), "is_muted=true", bad),
    await alice.put(messageItem(message), "read_at=5", bad),
    await alice.delete(messageItem(message), undefined, bad),
    await alice.delete(item(id), undefined, bad),
  ]) {
    assert.ok(answer.status < 300, answer.text);
  }
  assert.deepEqual((await alice.everything()).keys, []);
});

// ------------------------------------------------------------------------------------------------------- under way

test("a request that overtakes another with its key is the first; the overtaken one gets its answer", async () => {
  const alice = await account();
  const { headers, reached, open } = gate();
  const post = (more = {}) => alice.post(COLLECTION, "contact_id=bob", { ...keyed("a"), ...more });
  const slow = post(headers);
  await reached();
  const fast = await post();
  assertFirst(fast);
  await open();
  assertReplay(await slow, fast);
  assert.deepEqual(idsOf(await alice.get(COLLECTION)), [fast.json.id]);
});

test("a request whose answer is still under way has its repetition answered", async () => {
  const alice = await account();
  const { headers, reached, open } = gate("after");
  const post = (more = {}) => alice.post(COLLECTION, "contact_id=bob", { ...keyed("a"), ...more });
  const slow = post(headers);
  await reached();
  const again = await post();
  await open();
  assertFirst(await slow);
  assertReplay(again, await slow);
});
