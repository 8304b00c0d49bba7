// Idempotency-Key: a POST that is sent again is done once, and its first response is replayed. Failures of D1 in
// between: tests/faults.test.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { account, grant } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { gate, sql } from "./support/database.ts";
import {
  assertError,
  assertNewToken,
  assertSameRequest,
  assertWebhookWithSecret,
  idsOf,
  now,
  replayed,
} from "./support/expectations.ts";
import { api, type Headers, JSON_TYPE, keyed, raw, textOf } from "./support/http.ts";
import { mistakesOf, sendMistake } from "./support/mistakes.ts";
import { formOf, OPERATIONS } from "./support/operations.ts";
import {
  COLLECTION,
  item,
  MESSAGES,
  messageItem,
  NO_ID,
  rotation,
  secretRotation,
  TOKEN_COLLECTION,
  tokenItem,
  WEBHOOKS,
} from "./support/paths.ts";
import { canBeKeyed, NOWHERE, REQUESTS, send as sendRequest, world } from "./support/requests.ts";
import { READ, TOKEN } from "./support/tokens.ts";

const MALFORMED_KEYS = [
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
];

/** What a replayed response has in common with the first. An error has the id of the request that got it. */
const essence = ({ status, text, headers }: Answer) => ({
  status,
  text: status < 400 ? text : text.replace(/"request_id":"\w+"/, ""),
  location: headers.location,
  etag: headers.etag,
  cache: headers["cache-control"],
});

function assertFirst({ headers }: Answer, what = "the first"): void {
  assert.equal(headers["idempotent-replayed"], undefined, what);
}

function assertReplay(answer: Answer, first: Answer, what = "a repetition"): void {
  assert.deepEqual(essence(answer), essence({ ...first, text: replayed(first.text) }), what);
  assert.equal(answer.headers["idempotent-replayed"], "true", what);
  assert.notEqual(answer.headers["x-request-id"], first.headers["x-request-id"], what);
}

/** Every request that can have a key. */
const KEYED = REQUESTS.filter(canBeKeyed);

test("every POST can have a key, and no other operation", () => {
  for (const { name, method, headers } of OPERATIONS)
    assert.equal(headers.includes("Idempotency-Key"), method === "POST", name);
});

for (const request of KEYED) {
  const { success } = request.operation;
  /** How many different things four requests make: a distinct conversation exists once, however often it is asked for.
   * An endpoint that is rotated stays the same, but each rotation makes a secret. */
  const different = request.again === success ? 4 : 1;
  const prepare = async () => {
    const here = await world();
    const post = (headers: Headers) => sendRequest(here, request, headers);
    return { alice: here.account, path: here.real(request.target.replace(/\/ping$/, "")), post };
  };

  describe(`${request.name}, with a key`, () => {
    test("a repetition writes nothing, and replays the first response", async () => {
      const { alice, post } = await prepare();
      const first = await post(keyed("a"));
      assert.equal(first.status, success, first.text);
      assertFirst(first);
      const after = await alice.everything();
      for (let i = 0; i < 3; i += 1) assertReplay(await post(keyed("a")), first);
      assert.deepEqual(await alice.everything(), after);
    });

    test("50 simultaneous requests write once, and all get the same response", async () => {
      const [{ alice, post }, twin] = [await prepare(), await prepare()];
      await twin.post({});
      const answers = await Promise.all(Array.from({ length: 50 }, () => post(keyed("a"))));
      const [first] = answers.filter(({ headers }) => headers["idempotent-replayed"] === undefined);
      assert.ok(first);
      assert.equal(first.status, success);
      for (const answer of answers) if (answer !== first) assertReplay(answer, first);
      const counts = (contents: Record<string, unknown[]>) =>
        Object.entries(contents)
          .filter(([table]) => table !== "keys")
          .map(([table, rows]) => [table, rows.length]);
      assert.deepEqual(
        counts(await alice.everything()),
        counts(await twin.alice.everything()),
        "as many rows as one request without a key leaves",
      );
      assert.equal((await alice.everything()).keys?.length, 1);
    });

    test("with another key, and without one, it is another request", async () => {
      const { post } = await prepare();
      const answers = [await post(keyed("a")), await post(keyed("b")), await post({}), await post({})];
      for (const answer of answers) assertFirst(answer);
      assert.deepEqual(
        answers.map(({ status }) => status),
        [success, request.again, request.again, request.again],
      );
      const made = answers.filter(({ status }) => status < 400);
      // A ping that is not sent yet is not joined by another one.
      if (success !== 202) assert.equal(new Set(made.map(({ json }) => json.secret ?? json.id)).size, different);
    });

    test("the replayed response stays the same after the object was deleted", async () => {
      const { alice, path, post } = await prepare();
      const first = await post(keyed("a"));
      assert.equal((await alice.delete(first.headers.location ?? path)).status, 204);
      assertReplay(await post(keyed("a")), first);
    });

    test("an expired key is a new key", async () => {
      const { alice, post } = await prepare();
      const first = await post(keyed("a"));
      await sql("UPDATE idempotency_keys SET expires_at = 1 WHERE account_id = ?", alice.id);
      const again = await post(keyed("a"));
      assertFirst(again);
      assert.equal(again.status, request.again);
      assert.notEqual(again.headers["x-request-id"], first.headers["x-request-id"]);
      assertReplay(await post(keyed("a")), again);
    });

    test("it is one call to D1, and a repetition writes no row", async () => {
      const { post } = await prepare();
      for (const writes of [true, false]) {
        const { cost } = await post(keyed("a"));
        assert.equal(cost.calls, 1);
        assert.equal(cost.rowsWritten > 0, writes);
      }
    });

    test("the same key with another request is a 422, and nothing is written", async () => {
      const here = await world();
      await sendRequest(here, request, keyed("a"));
      const before = await here.account.everything();
      const answers = KEYED.filter((other) => other !== request).map((other) => sendRequest(here, other, keyed("a")));
      if (request.operation.body !== undefined) {
        const form = formOf(request.body) || "grace_period=1";
        answers.push(here.account.post(here.real(request.target), here.real(form), keyed("a")));
      }
      for (const answer of await Promise.all(answers)) {
        assertError(answer, 422, "idempotency_key_reused", "Idempotency-Key");
        assert.equal(answer.headers["idempotent-replayed"], undefined);
      }
      assert.deepEqual(await here.account.everything(), before);
    });

    test("a malformed key is a 400, and nothing is written", async () => {
      const { account: alice, real } = await world();
      const before = await alice.everything();
      const body = request.body === undefined ? "" : real(JSON.stringify(request.body));
      for (const key of MALFORMED_KEYS) {
        const headers = {
          Authorization: `Bearer ${alice.token}`,
          "Content-Type": JSON_TYPE,
          "Content-Length": String(Buffer.byteLength(body)),
          "Idempotency-Key": key,
        };
        const answer = await raw(Buffer.from(textOf("POST", real(request.target), headers, body), "latin1"));
        assertError(answer, 400, "parameter_invalid", "Idempotency-Key");
        assert.match(answer.json.message, /\b1\b.*\b255\b/);
      }
      assert.deepEqual(await alice.everything(), before);
    });

    test("a refused request does not use up its key", async () => {
      const here = await world();
      for (const wrong of mistakesOf(request.operation)) {
        const key = "Idempotency-Key" in wrong.headers ? {} : keyed("a");
        assertError(await sendMistake(here, wrong, key), wrong.status, wrong.code, wrong.param);
      }
      assert.deepEqual((await here.account.everything()).keys, []);
      const answer = await sendRequest(here, request, keyed("a"));
      assert.equal(answer.status, success);
      assertFirst(answer);
    });
  });
}

// ---------------------------------------------------------------------------------------------------- another request

test("the same key with another body is a 422, and nothing is written", async () => {
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
    assert.match(answer.json.message, /24 hours/);
    assert.equal(answer.headers["idempotent-replayed"], undefined);
  }
  assert.deepEqual(await alice.everything(), before);
});

test("the key of a rotation belongs to the token that is rotated: for another token it is a 422", async () => {
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

test("of two simultaneous requests with one key and different bodies one is done, the other is a 422", async () => {
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

test("two accounts can use the same key", async () => {
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

test("any token of the account can repeat a request, but only the same token one that made a token", async () => {
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

test("a repetition without the scope is a 403, with an expired token a 401, and neither replays", async () => {
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
  assert.deepEqual(await alice.everything(), before, "and no key is stored");
});

// ------------------------------------------------------------------------------------------------- what is stored

test("a 200 for a distinct conversation that existed is replayed as a 200", async () => {
  const alice = await account();
  const { json } = await alice.post(COLLECTION, "contact_id=bob");
  const found = await alice.post(COLLECTION, "contact_id=bob&distinct=true", keyed("a"));
  assert.deepEqual([found.status, found.json.id], [200, json.id]);
  await alice.put(item(json.id), "is_muted=true");
  assertReplay(await alice.post(COLLECTION, "contact_id=bob&distinct=true", keyed("a")), found);
});

test("a 404 for the conversation of a message is replayed too", async () => {
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

test("a replayed message does not make its conversation active again", async () => {
  const alice = await account();
  const id = await alice.insert();
  const send = () => alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, keyed("a"));
  await send();
  await sql("UPDATE conversations SET last_active_ms = 5000, last_opened_ms = 5000 WHERE account_id = ?", alice.id);
  const before = await alice.get(item(id));
  await send();
  assert.deepEqual(essence(await alice.get(item(id))), essence(before));
});

test("a wrong value does not use up the key, and neither does a malformed id", async () => {
  const alice = await account();
  assertError(await alice.post(COLLECTION, "contact_id=b+b", keyed("a")), 400, "parameter_invalid", "contact_id");
  assertError(await alice.post(COLLECTION, "", keyed("a")), 400, "parameter_missing", "contact_id");
  assertError(await alice.post(rotation("x"), undefined, keyed("a")), 404, "resource_missing");
  assert.deepEqual((await alice.everything()).keys, []);
  assertFirst(await alice.post(COLLECTION, "contact_id=bob", keyed("a")));
});

test("a key is stored for 24 hours, with the response as it was sent", async () => {
  const alice = await account();
  const { json, text } = await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  const responded = now();
  const [row] = (await alice.everything()).keys!;
  assertSameRequest(Number(row?.expires_at) - 86_400, json.created_at, responded);
  assert.equal(row?.key, "a");
  assert.equal(row?.object, text);
});

test("a key is new from the second at which it expires", async () => {
  const alice = await account();
  const post = () => alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  const first = await post();
  await sql("UPDATE idempotency_keys SET expires_at = unixepoch() WHERE account_id = ?", alice.id);
  assert.notEqual((await post()).json.id, first.json.id);
});

test("a request deletes its own key when that has expired, and no other: the sweep does", async () => {
  const alice = await account();
  const post = (key: string) => alice.post(COLLECTION, "contact_id=bob", keyed(key));
  for (const key of ["a", "b"]) await post(key);
  await sql("UPDATE idempotency_keys SET expires_at = 1 WHERE account_id = ?", alice.id);
  await post("a");
  const keys = (await alice.everything()).keys!.map(({ key, expires_at }) => [key, Number(expires_at) > 1]);
  assert.deepEqual(keys, [
    ["a", true],
    ["b", false],
  ]);
});

// --------------------------------------------------------------------------------------------------- large responses

/** Sends a message of so many bytes as an object, with a key. */
async function large(bytes: number) {
  const alice = await account();
  const conversation = await alice.insert();
  const body = (message: string) => ({ conversation_id: conversation, message });
  const { length } = (await alice.post(MESSAGES, body("x"))).text;
  const send = () => alice.post(MESSAGES, body("x".repeat(bytes - length + 1)), keyed("a"));
  const first = await send();
  assertFirst(first);
  assert.equal(first.text.length, bytes);
  const stored = async () => (await alice.everything()).keys![0]!.object;
  return { alice, first, send, stored };
}

test("a response of up to 2048 bytes is stored, and replayed as it was", async () => {
  const { alice, first, send, stored } = await large(2048);
  assert.equal(await stored(), first.text);
  await alice.put(messageItem(first.json.id), "message=changed");
  assertReplay(await send(), first);
  await alice.delete(messageItem(first.json.id));
  assertReplay(await send(), first);
});

test("a larger message is not stored again: a replay shows it as it is, and its id when it is gone", async () => {
  const { alice, first, send, stored } = await large(2049);
  assert.equal(await stored(), null);
  assertReplay(await send(), first);

  const changed = await alice.put(messageItem(first.json.id), "message=changed");
  const replay = await send();
  assert.deepEqual(
    [replay.status, replay.json, replay.headers.etag, replay.headers["idempotent-replayed"]],
    [201, changed.json, changed.headers.etag, "true"],
  );

  const [conversation, location] = [item(first.json.conversation_id), messageItem(first.json.id)];
  for (const remove of [
    () => sql("UPDATE conversations SET is_removed = 1 WHERE account_id = ?", alice.id),
    () => sql("DELETE FROM conversations WHERE account_id = ?", alice.id),
  ]) {
    await remove();
    assertError(await alice.get(conversation), 404, "resource_missing");
    const gone = await send();
    assert.deepEqual([gone.status, gone.json, gone.headers.location], [201, { id: first.json.id }, location]);
    assert.equal(gone.headers["idempotent-replayed"], "true");
  }
});

test("no stored response has more than 2048 bytes, in whatever characters", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  for (const [index, message] of [
    "é".repeat(1000),
    "漢".repeat(10_000),
    "\n".repeat(1000),
    "😀".repeat(500),
  ].entries()) {
    const answer = await alice.post(MESSAGES, { conversation_id: conversation, message }, keyed(`key ${index}`));
    assert.equal(answer.json.message, message);
  }
  const sizes = await sql("SELECT octet_length(object) AS size FROM idempotency_keys WHERE account_id = ?", alice.id);
  assert.deepEqual(sizes, Array(4).fill({ size: null }));
});

test("the secret of a token is in the first response only, and no part of it is stored", async () => {
  const alice = await account();
  const create = () => alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" }, keyed("a"));
  const first = await create();
  const rotate = () => alice.post(rotation(first.json.id), undefined, keyed("b"));
  const second = await rotate();
  for (const [{ json }, post] of [
    [first, create],
    [second, rotate],
  ] as const) {
    assert.match(json.token, new RegExp(`^${TOKEN.source}$`));
    for (let i = 0; i < 2; i += 1) {
      const again = await post();
      assert.deepEqual([again.status, again.headers["idempotent-replayed"]], [201, "true"]);
      assertNewToken(again.json, { ...json, token: null });
    }
    const everything = JSON.stringify(await alice.everything());
    assert.ok(everything.includes(json.id));
    for (const part of [json.token, json.token.slice(5, 35), alice.token.slice(5, 35)])
      assert.ok(!everything.includes(part));
  }
});

test("each response to the request that made an endpoint has its secret, no part of which is stored", async () => {
  const alice = await account();
  const create = () => alice.post(WEBHOOKS, { url: NOWHERE }, keyed("a"));
  const first = await create();
  const rotate = () => alice.post(secretRotation(first.json.id), undefined, keyed("b"));
  const second = await rotate();
  assert.notEqual(second.json.secret, first.json.secret);
  for (const [made, post] of [
    [first, create],
    [second, rotate],
  ] as const) {
    const again = await post();
    assertReplay(again, made);
    assertWebhookWithSecret(again.json, { secret: made.json.secret });
    assert.ok(!JSON.stringify(await alice.everything()).includes(made.json.secret.slice("whsec_".length)));
  }
});

test("a key that the version before stored with a salt is replayed without a secret", async () => {
  const alice = await account();
  const create = () => alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" }, keyed("a"));
  const first = await create();
  const salt = "0123456789abcdef".repeat(2);
  await sql("UPDATE idempotency_keys SET outcome = ? WHERE account_id = ?", salt, alice.id);
  const again = await create();
  assertReplay(again, first);
  assertNewToken(again.json, { ...first.json, token: null });
});

test("of simultaneous requests with one key only the first response has the secret, and it is valid", async () => {
  const alice = await account();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => alice.post(TOKEN_COLLECTION, { name: "CI", scopes: "messages:read" }, keyed("a"))),
  );
  const secrets = answers.flatMap(({ json }) => (json.token === null ? [] : [json.token]));
  assert.equal(secrets.length, 1);
  assert.equal((await api(secrets[0]).get(MESSAGES)).status, 200);
});

// --------------------------------------------------------------------------------------------------------- the header

test("a bare key and the same key as a quoted string are the same key", async () => {
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

test("a key has up to 255 printable ASCII characters", async () => {
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

test("keys are case-sensitive, and every character counts", async () => {
  const alice = await account();
  const keys = ["a", "A", "aa", "a a", "a%", "_"];
  const ids = new Set<string>();
  for (const key of keys) ids.add((await alice.post(COLLECTION, "contact_id=bob", keyed(key))).json.id);
  assert.equal(ids.size, keys.length);
});

test("other methods ignore the header, even when it is malformed", async () => {
  for (const request of REQUESTS) {
    if (canBeKeyed(request)) continue;
    const here = await world();
    const answer = await sendRequest(here, request, keyed('"'));
    assert.equal(answer.status, request.operation.success, `${request.name}: ${answer.text}`);
    assert.deepEqual((await here.account.everything()).keys, []);
  }
});

// ------------------------------------------------------------------------------------------------------- under way

test("a request that overtakes another with the same key comes first, and the other replays it", async () => {
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

test("a repetition is answered while the response of the first is under way", async () => {
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
