// Rate limits: of requests by an account, and of failures to authenticate by an address. Here the platform's own
// limiters let five requests a minute through. Where a test needs a certain answer of a limiter, a header gives it.

import "./support/tight_limit.ts";
import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import { keyOf } from "./support/configuration.ts";
import { gate, sql } from "./support/database.ts";
import { assertError } from "./support/expectations.ts";
import { api, FORM, type Headers, keyed, send, textOf } from "./support/http.ts";
import { mistakesOf, sendMistake } from "./support/mistakes.ts";
import { OPERATIONS } from "./support/operations.ts";
import { COLLECTION, item, NO_ID } from "./support/paths.ts";
import { canBeKeyed, REQUESTS, send as sendRequest, world } from "./support/requests.ts";
import { config, host, hostname, port } from "./support/server.ts";
import { hashOf, newToken } from "./support/tokens.ts";

const LIMIT = Number(process.env.TEST_LIMIT);
const FULL = { "x-test-limiters": "full" };
const tally = (answers: { status: number }[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

/** More requests than two minutes let through: there is a 429 among them whenever the minute ends. */
const many = <T>(request: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: 2 * LIMIT + 1 }, request));

test("an account that makes too many requests gets a 429 with Retry-After, and other accounts do not", async () => {
  const alice = await account();
  // From now on this isolate knows whose token it is.
  await alice.get(COLLECTION);
  const answers = await many(() => alice.get(COLLECTION));
  assert.ok(tally(answers, 200) >= LIMIT && tally(answers, 429) >= 1);
  assert.equal(tally(answers, 200) + tally(answers, 429), answers.length);
  for (const answer of answers.filter(({ status }) => status === 429)) {
    assertError(answer, 429, "rate_limited");
    assert.equal(answer.headers["retry-after"], "60");
    assert.equal(answer.headers["ratelimit-policy"], `"account";q=${LIMIT};w=60`);
    assert.match(answer.json.message, /\b5\b.*\b60 seconds/);
    assert.equal(answer.cost.calls, 0, "no call to D1");
  }
  assert.equal((await (await account()).get(COLLECTION)).status, 200);
});

test("seven tokens of one account have one limit together", async () => {
  const alice = await account();
  const tokens = [alice.token, ...(await Promise.all(Array.from({ length: 6 }, () => grant(alice.id))))];
  const answers = [];
  for (let round = 0; round < LIMIT; round += 1)
    for (const token of tokens) answers.push(await api(token).get(COLLECTION));
  const [first, later] = [answers.slice(0, tokens.length), answers.slice(tokens.length)];
  // Of its first request an isolate does not know the account yet.
  assert.deepEqual(
    first.map(({ status, limited }) => [status, limited]),
    tokens.map((token) => [200, [["ACCOUNT_LIMIT", hashOf(token)]]]),
  );
  for (const { limited } of later) assert.deepEqual(limited, [["ACCOUNT_LIMIT", keyOf(alice.id)]]);
  // The test takes less than a minute, so it sees the end of one minute at most.
  assert.ok(tally(later, 200) >= LIMIT && tally(later, 200) <= 2 * LIMIT, `${tally(later, 200)} requests`);
  assert.equal(tally(later, 200) + tally(later, 429), later.length);
});

/** Fails to authenticate from an address until there is a 429, and returns all answers. */
async function exceed(from: Headers) {
  const answers = [];
  do answers.push(await send("GET", COLLECTION, from));
  while (answers.at(-1)!.status !== 429);
  return answers;
}

test("an address that fails to authenticate too often gets a 429 with Retry-After, and others do not", async () => {
  const answers = await exceed({ "CF-Connecting-IP": "192.0.2.1" });
  assert.ok(answers.length > LIMIT && answers.length <= 2 * LIMIT + 1, `after ${answers.length} requests`);
  assert.equal(tally(answers, 401), answers.length - 1);
  const answer = answers.at(-1)!;
  assertError(answer, 429, "rate_limited");
  assert.equal(answer.headers["retry-after"], "60");
  assert.equal(answer.headers["ratelimit-policy"], `"address";q=${LIMIT};w=60`);
  assert.equal(answer.headers["www-authenticate"], undefined);
  assert.equal((await send("GET", COLLECTION, { "CF-Connecting-IP": "192.0.2.2" })).status, 401);
});

test("beyond its limit an address gets no further: neither a limiter nor D1 is asked", async () => {
  const from = { "CF-Connecting-IP": "192.0.2.10" };
  const [used, unused] = [await account(), await account()];
  await used.get(COLLECTION);
  await exceed(from);

  const body = `contact_id=${"x".repeat(100_000)}`;
  const form = { "Content-Type": FORM, ...from };
  for (const answer of [
    await send("GET", COLLECTION, from),
    await api("x").get(COLLECTION, undefined, from),
    await api(newToken()).get(COLLECTION, undefined, from),
    await api(newToken()).send("POST", COLLECTION, form, body),
    await unused.get(COLLECTION, undefined, from),
    await send("GET", "/health", from),
  ]) {
    assertError(answer, 429, "rate_limited");
    const seconds = Number(answer.headers["retry-after"]);
    assert.ok(seconds >= 1 && seconds <= 60, `${seconds} seconds`);
    assert.equal(answer.headers["ratelimit-policy"], `"address";q=${LIMIT};w=60`);
    assert.equal(answer.cost.calls, 0);
    assert.deepEqual(answer.limited, []);
  }
  const { log } = await unused.head(COLLECTION, undefined, from);
  assert.deepEqual([log.route, log.status, log.code], [COLLECTION, 429, "rate_limited"]);
  assert.equal((await used.get(COLLECTION, undefined, from)).status, 200, "a token that was seen valid");
  assert.equal((await unused.get(COLLECTION)).status, 200, "the same token from elsewhere");
  for (const [method, path, status] of [
    ["GET", "/inbox", 200],
    ["GET", "/v1/nothing", 404],
    ["OPTIONS", COLLECTION, 204],
  ] as const)
    assert.equal((await send(method, path, from)).status, status, `${method} ${path}`);
});

test("a connection goes on after a request that got no further, also one with a body", async () => {
  const from = { "CF-Connecting-IP": "192.0.2.11" };
  await exceed(from);
  const head = (more: string) => `POST ${COLLECTION} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
  const headers = `CF-Connecting-IP: 192.0.2.11\r\nContent-Type: ${FORM}\r\n`;
  const last = textOf("GET", COLLECTION, from);
  for (const size of [10, 10_000, 120_000]) {
    const body = "x".repeat(size);
    for (const request of [
      `${head(`${headers}Content-Length: ${size}\r\n`)}${body}`,
      `${head(`${headers}Transfer-Encoding: chunked\r\n`)}${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ]) {
      const text = await conversation(request + last);
      assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 429", "HTTP/1.1 429"], `${size} bytes`);
    }
  }
});

/** Everything that comes back over one connection. */
async function conversation(bytes: string): Promise<string> {
  const socket = net.connect(Number(port), hostname, () => socket.write(bytes));
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

test("a token that is not valid any more loses its way past the block", async () => {
  const from = { "CF-Connecting-IP": "192.0.2.12" };
  const alice = await account();
  await alice.get(COLLECTION);
  await exceed(from);
  assert.equal((await alice.get(COLLECTION, undefined, from)).status, 200);
  await sql("UPDATE tokens SET revoked_at = 1 WHERE account_id = ?", alice.id);
  const answers = [await alice.get(COLLECTION, undefined, from), await alice.get(COLLECTION, undefined, from)];
  assert.deepEqual(
    answers.map(({ status, cost }) => [status, cost.calls]),
    [
      [429, 1],
      [429, 0],
    ],
  );
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

test("a request counts once: by its account, or by the hash of its token while the account is not known", async () => {
  const alice = await account();
  assert.deepEqual((await alice.get(COLLECTION)).limited, [["ACCOUNT_LIMIT", hashOf(alice.token)]]);
  for (const answer of [await alice.get(COLLECTION), await alice.post(COLLECTION, "contact_id=bob")])
    assert.deepEqual(answer.limited, [["ACCOUNT_LIMIT", keyOf(alice.id)]]);
  // An address counts a request without a token, and only where one is not needed.
  assert.deepEqual((await send("GET", "/health", { "CF-Connecting-IP": "192.0.2.20" })).limited, [
    ["ACCOUNT_LIMIT", "192.0.2.20"],
  ]);
});

test("an address counts only 401s: for no token, a malformed one and an unknown one", async () => {
  const from = { "CF-Connecting-IP": "192.0.2.3" };
  const by = ["ADDRESS_LIMIT", "192.0.2.3"];
  assert.deepEqual((await send("GET", COLLECTION, from)).limited, [by]);
  assert.deepEqual((await api("x").get(COLLECTION, undefined, from)).limited, [by]);
  const unknown = newToken();
  assert.deepEqual((await api(unknown).get(COLLECTION, undefined, from)).limited, [
    ["ACCOUNT_LIMIT", hashOf(unknown)],
    by,
  ]);
  const alice = await account(1);
  await alice.get(COLLECTION);
  for (const answer of [
    await alice.get(item(NO_ID), undefined, from),
    await alice.post(COLLECTION, "contact_id=bob", from),
  ]) {
    assert.deepEqual(answer.limited, [["ACCOUNT_LIMIT", keyOf(alice.id)]]);
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
    (await send("GET", COLLECTION, { "CF-Connecting-IP": address })).limited[0]?.[1];
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
  const LIMITS = (config.vars as { LIMITS: Record<string, object> }).LIMITS;
  assert.deepEqual(set, { ACCOUNT_LIMIT: { ...LIMITS.account }, ADDRESS_LIMIT: { ...LIMITS.address } });
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
