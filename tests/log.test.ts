// The log: one line of JSON a request, for operators and their tools. That it is one line, on the stream of its kind and
// without a token is asserted on every answer, in tests/support/audit.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { assertError } from "./support/expectations.ts";
import { api, FORM, JSON_TYPE, keyed, raw, send } from "./support/http.ts";
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
import { newToken } from "./support/tokens.ts";

const FIELDS = ["request_id", "method", "route", "status", "account", "d1_calls", "d1_ms", "rows_read", "rows_written"];
const FAULT = "D1_ERROR: no such table: tokens: SQLITE_ERROR";

test("a line has who asked for what, what came of it, and what it took", async () => {
  const alice = await account();
  const id = await alice.insert();
  const answer = await alice.put(item(id), "is_muted=true");
  assert.deepEqual(Object.keys(answer.log), FIELDS);
  const { d1_ms, ...rest } = answer.log;
  assert.deepEqual(rest, {
    request_id: answer.headers["x-request-id"],
    method: "PUT",
    route: "/v1/conversations/:id",
    status: 200,
    account: alice.id,
    d1_calls: 1,
    rows_read: answer.cost.rowsRead,
    rows_written: answer.cost.rowsWritten,
  });
  assert.ok(answer.cost.rowsWritten > 0);
  assert.equal(
    answer.headers["server-timing"],
    `d1;dur=${d1_ms.toFixed(3)};desc="${rest.rows_read} rows read, ${rest.rows_written} written"`,
  );
});

test("a line names the route and not the path, on every endpoint", async () => {
  const alice = await account();
  const id = await alice.insert();
  const message = await alice.insertMessage(id);
  const token = (await alice.post(TOKEN_COLLECTION, "name=x&scopes=messages:read")).json.id;
  const item_ = "/v1/conversations/:id";
  const cases: [Answer, string, string | null][] = [
    [await alice.get(`${COLLECTION}?contact_id=secret-contact`), "GET", COLLECTION],
    [await alice.post(COLLECTION, "contact_id=secret-contact"), "POST", COLLECTION],
    [await alice.get(item(id)), "GET", item_],
    [await alice.head(item(id)), "HEAD", item_],
    [await alice.put(item(id)), "PUT", item_],
    [await alice.patch(item(NO_ID)), "PATCH", item_],
    [await alice.get(`${MESSAGES}?conversation_id=${id}`), "GET", MESSAGES],
    [await alice.post(MESSAGES, { conversation_id: id, message: "secret-text" }), "POST", MESSAGES],
    [await alice.put(messageItem(message), "message=secret-text"), "PUT", "/v1/messages/:id"],
    [await alice.delete(messageItem(message)), "DELETE", "/v1/messages/:id"],
    [await alice.get(TOKEN_COLLECTION), "GET", TOKEN_COLLECTION],
    [await alice.post(rotation(token)), "POST", "/v1/tokens/:id/rotate"],
    [await alice.delete(tokenItem(token)), "DELETE", "/v1/tokens/:id"],
    [await alice.delete(item(id)), "DELETE", item_],
    [await send("GET", "/"), "GET", null],
    [await alice.get("/v1/secret-path"), "GET", null],
    [await alice.get(`${item(id)}/secret-path`), "GET", null],
    [await send("OPTIONS", COLLECTION), "OPTIONS", null],
    [await alice.send("PROPFIND", COLLECTION), "PROPFIND", null],
  ];
  for (const [{ log }, method, route] of cases) {
    assert.deepEqual([log.method, log.route], [method, route]);
    assert.doesNotMatch(JSON.stringify(log), new RegExp(`secret|${id}|${message}|${token}`));
  }
});

test("a line tells whose the token is once the database has said so, though it lack the scope", async () => {
  const alice = await account();
  const id = alice.id;
  assert.equal((await alice.get(COLLECTION)).log.account, id);
  assert.equal((await alice.get(`${COLLECTION}?limit=0`)).log.account, id);
  assert.equal((await api(await grant(id, { scopes: 4 })).get(COLLECTION)).log.account, id);
  for (const answer of [
    await send("GET", COLLECTION),
    await api(newToken()).get(COLLECTION),
    await api(await grant(id, { expires_at: 1 })).get(COLLECTION),
    await alice.get("/v1/nothing"),
  ]) {
    assert.equal(answer.log.account, null);
  }
});

test("a line of a request that failed has the code that the caller got, any other none", async () => {
  const alice = await account();
  for (const answer of [
    await alice.get(item(NO_ID)),
    await alice.get(`${COLLECTION}?limit=0`),
    await send("GET", COLLECTION),
    await alice.get("/v1/nothing"),
    await alice.delete(COLLECTION),
    await alice.get(COLLECTION, undefined, { "x-test-d1-failure": FAULT }),
    await alice.get(COLLECTION, undefined, { "x-test-limiters": "full" }),
  ]) {
    assert.ok(answer.status >= 400);
    assert.equal(answer.log.code, answer.json.code);
  }
  for (const answer of [
    await alice.get(COLLECTION),
    await alice.post(COLLECTION, "contact_id=bob"),
    await send("GET", "/"),
  ])
    assert.ok(!("code" in answer.log));
});

test("only a 5xx has a cause: what the database said, word for word, which the caller is not told", async () => {
  const alice = await account();
  const said = 'D1_ERROR: near "SELECT": line 1\nline 2 \u{1f600} "quoted" \\: SQLITE_ERROR';
  const header = { "x-test-d1-failure": encodeURIComponent(said) };
  const answer = await alice.get(COLLECTION, undefined, header);
  assertError(answer, 500, "internal_error");
  assert.equal(answer.log.cause, said);
  assert.doesNotMatch(answer.text, /D1_ERROR|SELECT|SQLITE|quoted/);
  for (const other of [await alice.get(item(NO_ID)), await alice.get(COLLECTION), await send("GET", COLLECTION)])
    assert.ok(!("cause" in other.log));
});

test("what was tried in vain and then went well is no error, and can be seen", async () => {
  const alice = await account();
  const answer = await alice.get(COLLECTION, undefined, {
    "x-test-d1-failure": "D1_ERROR: Network connection lost.",
    "x-test-d1-failures": "1",
  });
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.log.d1_calls, "cause" in answer.log], [2, false]);
});

test("a panic has its line too", async () => {
  const alice = await account();
  const { status, log } = await alice.get(`${COLLECTION}?contact_id=secret-contact`, undefined, {
    "x-test-trap": "answer",
  });
  assert.equal(status, 500);
  assert.deepEqual([log.method, log.route, log.account, log.code], ["GET", null, null, "internal_error"]);
  assert.match(log.cause, /RuntimeError/);
  assert.doesNotMatch(JSON.stringify(log), /secret|self_/);
});

test("nothing that a caller sent is in the log: not the body, the query, the path, a header, and no parameter of the SQL", async () => {
  const alice = await account();
  const secret = "hushhush";
  const id = await alice.insert({ id: `${secret}00000000` });
  const headers = {
    ...keyed(secret),
    "If-Match": `"${secret}"`,
    "If-None-Match": `"${secret}"`,
    "X-Request-Id": secret,
    "User-Agent": secret,
    Cookie: secret,
  };
  for (const failing of [
    {},
    { "x-test-d1-failure": FAULT },
    { "x-test-d1-failure": "D1_ERROR: D1 DB is overloaded." },
  ]) {
    const all = { ...headers, ...failing };
    for (const { log } of [
      await alice.get(`${COLLECTION}?contact_id=${secret}`, undefined, all),
      await alice.post(COLLECTION, { contact_id: secret, group_id: secret }, all),
      await alice.post(COLLECTION, { [secret]: secret }, all),
      await alice.get(`${COLLECTION}?${secret}=1`, undefined, all),
      await alice.get(item(id), undefined, all),
      await alice.put(item(id), `pinned_message_id=${id}`, all),
      await alice.post(MESSAGES, { conversation_id: id, message: secret }, all),
      await alice.post(TOKEN_COLLECTION, { name: secret, scopes: "messages:read" }, all),
      await alice.get(`/v1/${secret}`, undefined, all),
      await api(secret).get(COLLECTION, undefined, all),
      await alice.send("POST", COLLECTION, { "Content-Type": JSON_TYPE, ...all }, `{"${secret}`),
      await alice.send("POST", COLLECTION, { "Content-Type": secret, ...all }, secret),
      await alice.send("POST", COLLECTION, { "Content-Type": FORM, ...all }, secret.repeat(3000)),
    ]) {
      assert.doesNotMatch(JSON.stringify(log), new RegExp(secret));
    }
  }
});

test("a verb of the caller's own making is cut short, and quoted", async () => {
  const answer = await raw(
    `${"X".repeat(200)} /v1/nothing HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nConnection: close\r\n\r\n`,
  ).catch(() => undefined);
  // The platform may refuse such a verb by itself.
  if (answer !== undefined) assert.equal(answer.log.method, "X".repeat(16));
});
