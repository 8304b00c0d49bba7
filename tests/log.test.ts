// The log: one line of JSON a request, for operators and their tools. That it is one line, on the stream of its kind
// and without a token is asserted on every response, in tests/support/audit.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import { home } from "./support/configuration.ts";
import { sql } from "./support/database.ts";
import { assertError } from "./support/expectations.ts";
import { api, FORM, JSON_TYPE, keyed, raw, send, textOf } from "./support/http.ts";
import { mistakesOf, sendMistake } from "./support/mistakes.ts";
import { KINDS } from "./support/operations.ts";
import { COLLECTION, item, MESSAGES, NO_ID, TOKEN_COLLECTION } from "./support/paths.ts";
import { canBeKeyed, REQUESTS, send as sendRequest, world } from "./support/requests.ts";
import { config } from "./support/server.ts";
import { ALL, bitOf, hashOf, newToken } from "./support/tokens.ts";

const FIELDS = [
  "request_id",
  "method",
  "route",
  "status",
  "database",
  "account",
  "token",
  "d1_calls",
  "d1_ms",
  "rows_read",
  "rows_written",
];
const FAULT = "D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT";

const tokenId = async (token: string) => (await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token)))[0]!.id;

test("a line has the account, the route, the status and the cost", async () => {
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
    database: home.binding,
    account: alice.id,
    token: await tokenId(alice.token),
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

test("a line has the id of the token, of every request, also of one that is refused", async () => {
  for (const request of REQUESTS) {
    const here = await world();
    const other = api(await grant(here.account.id));
    const narrow = api(await grant(here.account.id, { scopes: ALL & ~bitOf(request.operation.scope) }));
    const keys = canBeKeyed(request) ? [keyed("a"), keyed("a")] : [];
    for (const caller of [here.account, other, narrow]) {
      const id = await tokenId(caller.token);
      for (const headers of [{}, ...keys])
        assert.equal((await sendRequest(here, request, headers, caller)).log.token, id, request.name);
    }
    for (const mistake of mistakesOf(request.operation).slice(0, 1))
      assert.equal((await sendMistake(here, mistake, {}, other)).log.token, await tokenId(other.token), mistake.name);
  }
});

test("without a valid token a line has no token and no account", async () => {
  const alice = await account();
  const revoked = await grant(alice.id, { revoked_at: 1 });
  for (const token of [newToken(), revoked, "x"]) {
    const { log } = await api(token).get(COLLECTION);
    assert.deepEqual([log.status, log.account, log.token], [401, null, null]);
  }
});

test("a line has the pattern of the path, and neither the path, the query nor the body", async () => {
  for (const request of REQUESTS) {
    const here = await world();
    const { log } = await sendRequest(here, request);
    const { method, path } = request.operation;
    assert.deepEqual([log.method, log.route], [method, path.replace("{id}", ":id")]);
    for (const { exampleId } of KINDS) assert.ok(!JSON.stringify(log).includes(here.real(exampleId)), request.name);
  }
  const alice = await account();
  assert.deepEqual((await alice.head(COLLECTION)).log.method, "HEAD");
  for (const [answer, method] of [
    [await send("GET", "/"), "GET"],
    [await alice.get("/v1/secret-path"), "GET"],
    [await alice.get(`${item(NO_ID)}/secret-path`), "GET"],
    [await send("OPTIONS", COLLECTION), "OPTIONS"],
    [await alice.send("PROPFIND", COLLECTION), "PROPFIND"],
  ] as const) {
    assert.deepEqual([answer.log.method, answer.log.route], [method, null]);
    assert.doesNotMatch(JSON.stringify(answer.log), /secret/);
  }
});

test("a line has the account of every token that the database knows, also without the scope", async () => {
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

test("a line has the error code that the caller got, and none when there was no error", async () => {
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

test("only a 5xx has a cause: the database's message word for word, which the caller does not get", async () => {
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

test("a request that succeeds after a retry is no error, and the line counts both calls", async () => {
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
    "x-test-trap": "panic",
  });
  assert.equal(status, 500);
  assert.deepEqual([log.method, log.route, log.account, log.code], ["GET", null, null, "internal_error"]);
  assert.match(log.cause, /RuntimeError: unreachable/);
  assert.doesNotMatch(JSON.stringify(log), /secret|self_/);
});

test("the log contains nothing of a body, a query, a path, a header or the parameters of the SQL", async () => {
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

test("an unknown method is cut to 16 characters", async () => {
  const answer = await raw(textOf("X".repeat(200), "/v1/nothing")).catch(() => undefined);
  // The platform may refuse such a method by itself.
  if (answer !== undefined) assert.equal(answer.log.method, "X".repeat(16));
});

test("Cloudflare adds no lines of its own, which would have the URL", () => {
  assert.equal(config.observability?.logs?.invocation_logs, false);
});
