// Rate limits: of requests by a token, and of failures to authenticate by an address. Here the platform's own limiters
// let five requests a minute through. Where a test needs a certain answer of a limiter, a header gives it.

import "./support/tight_limit.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import { gate } from "./support/database.ts";
import { assertError } from "./support/expectations.ts";
import { api, keyed, send } from "./support/http.ts";
import { mistakesOf, sendMistake } from "./support/mistakes.ts";
import { OPERATIONS } from "./support/operations.ts";
import { COLLECTION, item, NO_ID } from "./support/paths.ts";
import { canBeKeyed, REQUESTS, send as sendRequest, world } from "./support/requests.ts";
import { config } from "./support/server.ts";
import { hashOf, newToken } from "./support/tokens.ts";

const LIMIT = Number(process.env.TEST_LIMIT);
const FULL = { "x-test-limiters": "full" };
const tally = (answers: { status: number }[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

/** More requests than two minutes let through: there is a 429 among them whenever the minute ends. */
const many = <T>(request: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: 2 * LIMIT + 1 }, request));

test("a token that makes too many requests gets a 429 with Retry-After, and other tokens do not", async () => {
  const alice = await account();
  const answers = await many(() => alice.get(COLLECTION));
  assert.ok(tally(answers, 200) >= LIMIT && tally(answers, 429) >= 1);
  assert.equal(tally(answers, 200) + tally(answers, 429), answers.length);
  for (const answer of answers.filter(({ status }) => status === 429)) {
    assertError(answer, 429, "rate_limited");
    assert.equal(answer.headers["retry-after"], "60");
    assert.equal(answer.headers["ratelimit-policy"], `"token";q=${LIMIT};w=60`);
    assert.match(answer.json.message, /\b5\b.*\b60 seconds/);
    assert.equal(answer.cost.calls, 0, "no call to D1");
  }
  for (const token of [await grant(alice.id), (await account()).token])
    assert.equal((await api(token).get(COLLECTION)).status, 200);
});

test("an address that fails to authenticate too often gets a 429, and valid tokens from there do not", async () => {
  const from = { "CF-Connecting-IP": "192.0.2.1" };
  const answers = await many(() => send("GET", COLLECTION, from));
  assert.ok(tally(answers, 401) >= LIMIT && tally(answers, 429) >= 1);
  assert.equal(tally(answers, 401) + tally(answers, 429), answers.length);
  for (const answer of answers.filter(({ status }) => status === 429)) {
    assertError(answer, 429, "rate_limited");
    assert.equal(answer.headers["retry-after"], "60");
    assert.equal(answer.headers["ratelimit-policy"], `"address";q=${LIMIT};w=60`);
    assert.equal(answer.headers["www-authenticate"], undefined);
  }
  assert.equal((await (await account()).get(COLLECTION, undefined, from)).status, 200);
  assert.equal((await send("GET", COLLECTION, { "CF-Connecting-IP": "192.0.2.2" })).status, 401);
});

test("every request counts towards the limit, valid or not, and does nothing beyond it", async () => {
  const here = await world();
  const before = await here.account.everything();
  for (const request of REQUESTS) {
    for (const headers of [FULL, ...(canBeKeyed(request) ? [{ ...keyed("a"), ...FULL }] : [])]) {
      const answer = await sendRequest(here, request, headers);
      assertError(answer, 429, "rate_limited");
      assert.equal(answer.cost.calls, 0, request.name);
    }
    if (request.operation.method === "GET")
      assert.equal((await here.account.head(here.real(request.target), undefined, FULL)).status, 429);
  }
  for (const mistake of OPERATIONS.flatMap(mistakesOf)) {
    const answer = await sendMistake(here, mistake, FULL);
    assertError(answer, 429, "rate_limited");
    assert.equal(answer.cost.calls, 0, mistake.name);
  }
  assert.deepEqual(await here.account.everything(), before);
});

test("a request counts once, by the hash of its token", async () => {
  const alice = await account();
  const { limited } = await alice.get(COLLECTION);
  assert.deepEqual(limited, [["TOKEN_LIMIT", hashOf(alice.token)]]);
  assert.deepEqual((await alice.post(COLLECTION, "contact_id=bob")).limited, limited);
});

test("an address counts only 401s: for no token, a malformed one and an unknown one", async () => {
  const from = { "CF-Connecting-IP": "192.0.2.3" };
  const by = ["ADDRESS_LIMIT", "192.0.2.3"];
  assert.deepEqual((await send("GET", COLLECTION, from)).limited, [by]);
  assert.deepEqual((await api("x").get(COLLECTION, undefined, from)).limited, [by]);
  const unknown = newToken();
  assert.deepEqual((await api(unknown).get(COLLECTION, undefined, from)).limited, [
    ["TOKEN_LIMIT", hashOf(unknown)],
    by,
  ]);
  const alice = await account(1);
  for (const answer of [
    await alice.get(item(NO_ID), undefined, from),
    await alice.post(COLLECTION, "contact_id=bob", from),
  ]) {
    assert.deepEqual(answer.limited, [["TOKEN_LIMIT", hashOf(alice.token)]]);
  }
});

test("a request that needs no token does not count", async () => {
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", "/v1/nothing"],
    ["PROPFIND", COLLECTION],
    ["OPTIONS", COLLECTION],
  ] as const) {
    const answer = await send(method, path, FULL);
    assert.notEqual(answer.status, 429);
    assert.deepEqual(answer.limited, [], `${method} ${path}`);
  }
  assert.equal((await send("OPTIONS", COLLECTION, { "Access-Control-Request-Method": "GET", ...FULL })).status, 204);
});

test("an IPv6 address counts by its first 64 bits, however it is written", async () => {
  const keyOf = async (address: string) =>
    (await send("GET", COLLECTION, { "CF-Connecting-IP": address, "x-test-limiters": "full" })).limited[0]?.[1];
  for (const [address, key] of [
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::", "2001:db8:1:2"],
    ["2001:0db8:0001:0002::ffff", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["2001:db8:0:0:1::", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["1::2:3:4:5:6:7", "1:0:2:3"],
    ["192.0.2.4", "192.0.2.4"],
  ] as const) {
    assert.equal(await keyOf(address), key, address);
  }
});

test("without a limiter, or when it fails, there is no limit", async () => {
  const alice = await account();
  for (const state of ["failing", "absent"]) {
    for (const answer of await many(() => alice.get(COLLECTION, undefined, { "x-test-limiters": state })))
      assert.equal(answer.status, 200);
    for (const answer of await many(() => send("GET", COLLECTION, { "x-test-limiters": state })))
      assertError(answer, 401, "token_missing");
  }
});

test("wrangler.toml tells callers the limits that it sets", () => {
  const set = Object.fromEntries(
    (config.ratelimits ?? []).map((each: { name: string; simple: object }) => [each.name, { ...each.simple }]),
  );
  const { token, address } = (config.vars as { LIMITS: Record<string, object> }).LIMITS;
  assert.deepEqual(set, { TOKEN_LIMIT: { ...token }, ADDRESS_LIMIT: { ...address } });
});

test("a limit that wrangler.toml does not describe is a 500 that says so in the log, and no trap", async () => {
  const alice = await account();
  const { headers, reached, open } = gate();
  const beside = alice.get(COLLECTION, undefined, headers);
  await reached();
  const answer = await alice.get(COLLECTION, undefined, { "x-test-limiters": "undocumented" });
  assertError(answer, 500, "internal_error");
  assert.match(answer.log.cause, /LIMITS/);
  await open();
  assert.equal((await beside).status, 200);
});
