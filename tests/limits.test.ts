// Rate limits: how often a token may ask, and an address fail to authenticate. Here the platform's own limiters let five
// requests a minute through; where it matters what exactly they say, a header speaks for them.

import "./support/tight_limit.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { account, grant } from "./support/accounts.ts";
import { assertError } from "./support/expectations.ts";
import { api, FORM, keyed, send } from "./support/http.ts";
import { COLLECTION, item, MESSAGES, NO_ID, rotation, TOKEN_COLLECTION } from "./support/paths.ts";
import { config } from "./support/server.ts";
import { hashOf, newToken } from "./support/tokens.ts";

const LIMIT = Number(process.env.TEST_LIMIT);
const FULL = { "x-test-limiters": "full" };
const tally = (answers: { status: number }[], status: number) =>
  answers.filter((answer) => answer.status === status).length;

/** More requests than two minutes let through: there is a 429 among them whenever the minute ends. */
const many = <T>(request: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: 2 * LIMIT + 1 }, request));

test("a token that asks too often is told to wait, and is the only one", async () => {
  const alice = await account();
  const answers = await many(() => alice.get(COLLECTION));
  assert.ok(tally(answers, 200) >= LIMIT && tally(answers, 429) >= 1);
  assert.equal(tally(answers, 200) + tally(answers, 429), answers.length);
  for (const answer of answers.filter(({ status }) => status === 429)) {
    assertError(answer, 429, "rate_limited");
    assert.equal(answer.headers["retry-after"], "60");
    assert.equal(answer.headers["ratelimit-policy"], `"token";q=${LIMIT};w=60`);
    assert.match(answer.json.message, /5 in 60 seconds/);
    assert.equal(answer.cost.calls, 0, "nobody asks the database");
  }
  for (const token of [await grant(alice.id), (await account()).token])
    assert.equal((await api(token).get(COLLECTION)).status, 200);
});

test("an address that fails to authenticate too often is told to wait; good tokens from there aren't", async () => {
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

test("every endpoint has the limit, whatever the request, and does nothing beyond it", async () => {
  const alice = await account();
  const id = await alice.insert();
  const before = await alice.everything();
  for (const answer of [
    await alice.get(COLLECTION, undefined, FULL),
    await alice.post(COLLECTION, "contact_id=bob", { ...keyed("a"), ...FULL }),
    await alice.get(item(id), undefined, FULL),
    await alice.put(item(id), "is_muted=true", FULL),
    await alice.delete(item(id), undefined, FULL),
    await alice.get(`${COLLECTION}?limit=0`, undefined, FULL),
    await alice.get(MESSAGES, undefined, FULL),
    await alice.post(MESSAGES, { conversation_id: id, message: "Hello" }, FULL),
    await alice.post(TOKEN_COLLECTION, "", FULL),
    await alice.post(rotation(NO_ID), undefined, FULL),
    await alice.send("POST", COLLECTION, { "Content-Type": "text/plain", ...FULL }, "x"),
    await alice.send("POST", COLLECTION, { "Content-Type": FORM, ...FULL }, "x".repeat(20_000)),
  ]) {
    assertError(answer, 429, "rate_limited");
    assert.equal(answer.cost.calls, 0);
  }
  assert.equal((await alice.head(COLLECTION, undefined, FULL)).status, 429);
  assert.deepEqual(await alice.everything(), before);
});

test("a limiter is asked once a request, and knows a token by its hash", async () => {
  const alice = await account();
  const { limited } = await alice.get(COLLECTION);
  assert.deepEqual(limited, [["TOKEN_LIMIT", hashOf(alice.token)]]);
  assert.deepEqual((await alice.post(COLLECTION, "contact_id=bob")).limited, limited);
});

test("an address is counted for 401 alone: without a token, with a malformed one, with one that nobody has", async () => {
  const from = { "CF-Connecting-IP": "192.0.2.3" };
  const by = ["ADDRESS_LIMIT", "192.0.2.3"];
  assert.deepEqual((await send("GET", COLLECTION, from)).limited, [by]);
  assert.deepEqual((await api("x").get(COLLECTION, undefined, from)).limited, [by]);
  const stranger = newToken();
  assert.deepEqual((await api(stranger).get(COLLECTION, undefined, from)).limited, [
    ["TOKEN_LIMIT", hashOf(stranger)],
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

test("what needs no token is not counted", async () => {
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

test("of an IPv6 address the first 64 bits count, however it is written", async () => {
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

test("a limiter that fails, or isn't there, limits nobody", async () => {
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
  const { token, address } = config.vars?.LIMITS as Record<string, object>;
  assert.deepEqual(set, { TOKEN_LIMIT: { ...token }, ADDRESS_LIMIT: { ...address } });
});
