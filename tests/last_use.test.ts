// `last_used_at` of tokens: the day of the last use, written once a day and after the response.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant, LAST_DAY } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { home } from "./support/configuration.ts";
import { sql } from "./support/database.ts";
import { assertError, assertToken } from "./support/expectations.ts";
import { api, type Headers, ifMatch, ifNoneMatch } from "./support/http.ts";
import { mistakesOf, sendMistake } from "./support/mistakes.ts";
import { OPERATIONS } from "./support/operations.ts";
import { COLLECTION, EVENTS, MESSAGES, TOKEN_COLLECTION, tokenItem } from "./support/paths.ts";
import { REQUESTS, send, world } from "./support/requests.ts";
import { ALL, hashOf, READ } from "./support/tokens.ts";

const DAY = 86_400;
/** The answer comes when everything after it is done. */
const SETTLED: Headers = { "x-test-last-use": "1" };
const later = (days: number): Headers => ({ ...SETTLED, "x-test-clock": String(days * DAY) });

/** What the day took: calls to D1 that the answer did not wait for, and their rows. */
const lastUse = ({ headers }: Answer) => JSON.parse(String(headers["x-test-last-use"]));
const NOTHING = { calls: 0, databases: [], rowsRead: 0, rowsWritten: 0 };
const WRITTEN = { calls: 1, databases: [home.binding], rowsRead: 1, rowsWritten: 1 };

const stored = async (token: string): Promise<unknown> =>
  (await sql("SELECT last_used_at FROM tokens WHERE hash = ?", hashOf(token)))[0]!.last_used_at;

/** Runs a test within one day of the database's clock: again if the day has ended while it ran. */
async function withinOneDay(run: (today: number) => Promise<void>): Promise<void> {
  const day = async () => Number((await sql("SELECT unixepoch() / 86400 * 86400 AS today"))[0]!.today);
  for (let today = await day(); ; today = await day()) {
    try {
      return await run(today);
    } catch (error) {
      if ((await day()) === today) throw error;
    }
  }
}

/** A token that was last used on a day, or never. */
const used = async (alice: Pick<Account, "id">, last_used_at: number | null = null, scopes = ALL) =>
  api(await grant(alice.id, { last_used_at, scopes }));

test("a token that was not used has no day, and its first request gives it the day", async () =>
  withinOneDay(async (today) => {
    const alice = await account();
    const caller = await used(alice);
    const [{ id }] = (await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(caller.token))) as [{ id: string }];
    assertToken((await alice.get(tokenItem(id))).json, { last_used_at: null });
    // The answer is of the time before.
    const first = await caller.get(tokenItem(id), undefined, SETTLED);
    assertToken(first.json, { last_used_at: null });
    assert.deepEqual([lastUse(first), first.cost.rowsWritten, first.log.d1_calls], [WRITTEN, 0, 1]);
    const second = await caller.get(tokenItem(id), undefined, SETTLED);
    assertToken(second.json, { last_used_at: today });
    assert.deepEqual(lastUse(second), NOTHING);
    const list: { id: string }[] = (await alice.get(TOKEN_COLLECTION)).json.data;
    assertToken(
      list.find((token) => token.id === id),
      { last_used_at: today },
    );
  }));

test("one row is written for each day, however many requests there are", async () =>
  withinOneDay(async (today) => {
    const caller = await used(await account(), today - DAY);
    for (const day of [0, 1, 2]) {
      const answers = [];
      for (let n = 0; n < 3; n += 1) answers.push(await caller.get(COLLECTION, undefined, later(day)));
      assert.deepEqual(answers.map(lastUse), [WRITTEN, NOTHING, NOTHING]);
      assert.equal(await stored(caller.token), today + day * DAY);
    }
  }));

test("requests that come at the same time write the day once", async () =>
  withinOneDay(async (today) => {
    const caller = await used(await account());
    const answers = await Promise.all(Array.from({ length: 20 }, () => caller.get(COLLECTION, undefined, SETTLED)));
    assert.equal(
      answers.map(lastUse).reduce((calls, each) => calls + each.calls, 0),
      1,
    );
    assert.equal(await stored(caller.token), today);
  }));

test("every operation is a use, also one that fails", async () =>
  withinOneDay(async (today) => {
    for (const request of REQUESTS) {
      const here = await world();
      const caller = await used(here.account);
      const answer = await send(here, request, SETTLED, caller);
      assert.deepEqual([lastUse(answer), await stored(caller.token)], [WRITTEN, today], request.name);
    }
    const here = await world();
    for (const mistake of OPERATIONS.flatMap((operation) => mistakesOf(operation).slice(0, 1))) {
      const caller = await used(here.account);
      const answer = await sendMistake(here, mistake, SETTLED, caller);
      assert.deepEqual([lastUse(answer), await stored(caller.token)], [WRITTEN, today], mistake.operation.name);
    }
  }));

test("a request that the token has no scope for is a use", async () =>
  withinOneDay(async (today) => {
    const caller = await used(await account(), null, READ);
    const answer = await caller.get(MESSAGES, undefined, SETTLED);
    assertError(answer, 403, "scope_insufficient");
    assert.deepEqual([lastUse(answer), await stored(caller.token)], [WRITTEN, today]);
  }));

test("a request that waits for events is a use", async () =>
  withinOneDay(async (today) => {
    const caller = await used(await account());
    const answer = await caller.get(`${EVENTS}?starting_after=now&wait=1`, undefined, SETTLED);
    assert.deepEqual([answer.status, lastUse(answer), await stored(caller.token)], [200, WRITTEN, today]);
  }));

test("a token that is not valid is not used", async () => {
  const alice = await account();
  for (const ending of [{ expires_at: 1 }, { revoked_at: 1 }]) {
    const token = await grant(alice.id, { last_used_at: null, ...ending });
    const answer = await api(token).get(COLLECTION, undefined, SETTLED);
    assertError(answer, 401, "token_invalid");
    assert.deepEqual([lastUse(answer), await stored(token)], [NOTHING, null]);
  }
});

test("the day never goes back, also when the clock does", async () => {
  const caller = await used(await account(), LAST_DAY);
  for (const days of [0, 1, 1000])
    assert.deepEqual(lastUse(await caller.get(COLLECTION, undefined, later(days))), NOTHING);
  assert.equal(await stored(caller.token), LAST_DAY);
});

test("a day that could not be written is written by the next request", async () =>
  withinOneDay(async (today) => {
    const caller = await used(await account());
    const failed = await caller.get(COLLECTION, undefined, { ...SETTLED, "x-test-last-use-failure": "1" });
    assert.deepEqual([failed.status, lastUse(failed).calls, await stored(caller.token)], [200, 1, null]);
    const answer = await caller.get(COLLECTION, undefined, SETTLED);
    assert.deepEqual([lastUse(answer), await stored(caller.token)], [WRITTEN, today]);
  }));

test("a use changes the tag of a token, and If-Match does not ask for it", async () => {
  const alice = await account();
  const caller = await used(alice);
  const [{ id }] = (await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(caller.token))) as [{ id: string }];
  const before = await alice.get(tokenItem(id));
  assert.equal((await alice.get(tokenItem(id), undefined, ifNoneMatch(before))).status, 304);
  await caller.get(COLLECTION, undefined, SETTLED);
  const after = await alice.get(tokenItem(id), undefined, ifNoneMatch(before));
  assert.equal(after.status, 200);
  assert.notEqual(after.headers.etag, before.headers.etag);
  assertError(
    await alice.delete(tokenItem(id), undefined, { "If-Match": '"x"' }),
    412,
    "precondition_failed",
    "If-Match",
  );
  assert.equal((await alice.delete(tokenItem(id), undefined, ifMatch(before))).status, 204);
});

test("a request cannot set when a token was used", async () => {
  const alice = await account();
  const body = { name: "x", scopes: "messages:read", last_used_at: 0 };
  assertError(await alice.post(TOKEN_COLLECTION, body), 400, "parameter_immutable", "last_used_at");
  const { json } = await alice.post(TOKEN_COLLECTION, { name: "x", scopes: "messages:read" });
  assert.equal(json.last_used_at, null);
});
