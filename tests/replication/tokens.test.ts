// Tokens and replicas that lag: a token that was revoked may read for as long as a replica lags. It never writes.

import "../support/replicas.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, now } from "../support/expectations.ts";
import { api } from "../support/http.ts";
import { COLLECTION, rotation, TOKEN_COLLECTION, tokenItem } from "../support/paths.ts";
import { REQUESTS, reads, send, world } from "../support/requests.ts";
import { ALL, hashOf } from "../support/tokens.ts";
import { bookmarkOf, COPIES, catchUp, near, REPLICAS } from "./replicas.ts";

const idOf = async (token: string) => String((await sql("SELECT id FROM tokens WHERE hash = ?", hashOf(token)))[0]!.id);

/** A token of the account that every replica knows, and the bookmark of a read with it. */
async function known(alice: Account, scopes = ALL) {
  const token = await grant(alice.id, { scopes });
  await catchUp(...REPLICAS);
  const caller = api(token);
  return { caller, id: await idOf(token), bookmark: bookmarkOf(await caller.get(COLLECTION)) };
}

test("a token that was revoked reads from a replica that has not seen it, and no longer than that", async () => {
  const alice = await account();
  const { caller, id, bookmark } = await known(alice);
  const revoked = bookmarkOf(await alice.delete(tokenItem(id)));
  const stale = await caller.get(COLLECTION, undefined, near("COPY_1", bookmark));
  assert.deepEqual([stale.status, stale.copies], [200, ["COPY_1"]]);
  // Neither without a bookmark, nor with that of the revocation, nor from the primary.
  for (const headers of [near("COPY_1"), near("COPY_1", revoked), near("primary", bookmark)])
    assertError(await caller.get(COLLECTION, undefined, headers), 401, "token_invalid");
  await catchUp(...REPLICAS);
  for (const copy of COPIES)
    assertError(await caller.get(COLLECTION, undefined, near(copy, bookmark)), 401, "token_invalid");
});

test("a token that was revoked writes nothing, whichever replica is the nearest", async () => {
  for (const request of REQUESTS.filter((each) => !reads(each))) {
    const here = await world();
    const { caller, id, bookmark } = await known(here.account);
    await here.account.delete(tokenItem(id));
    const before = await here.account.everything();
    for (const copy of COPIES)
      assertError(await send(here, request, near(copy, bookmark), caller), 401, "token_invalid");
    assert.deepEqual(await here.account.everything(), before, request.name);
  }
});

test("a token that has expired reads nothing, from no replica: each has the time", async () => {
  const alice = await account();
  const token = await grant(alice.id, { expires_at: now() + 3600 });
  await catchUp(...REPLICAS);
  const caller = api(token);
  const bookmark = bookmarkOf(await caller.get(COLLECTION));
  for (const copy of COPIES) {
    assert.equal((await caller.get(COLLECTION, undefined, near(copy, bookmark))).status, 200);
    const later = { ...near(copy, bookmark), "x-test-clock": "3601" };
    assertError(await caller.get(COLLECTION, undefined, later), 401, "token_invalid");
  }
});

test("a token rotated without a grace period is as one revoked, and its successor works at once", async () => {
  const alice = await account();
  const { caller, id, bookmark } = await known(alice);
  const rotated = await alice.post(rotation(id), { grace_period: 0 });
  assert.equal(rotated.status, 201);
  assert.equal((await caller.get(COLLECTION, undefined, near("COPY_1", bookmark))).status, 200);
  assertError(await caller.post(COLLECTION, "contact_id=bob", near("COPY_1", bookmark)), 401, "token_invalid");
  const successor = api(rotated.json.token);
  for (const copy of COPIES) {
    // Its bookmark is that of the rotation, which every replica lags behind.
    const answer = await successor.get(COLLECTION, undefined, near(copy, bookmarkOf(rotated)));
    assert.deepEqual([answer.status, answer.copies], [200, ["primary"]]);
    assert.equal((await successor.get(COLLECTION, undefined, near(copy))).status, 200);
  }
});

test("a new token is unknown to a replica that lags when it comes with an older bookmark", async () => {
  const alice = await account();
  const { bookmark } = await known(alice);
  const { json } = await alice.post(TOKEN_COLLECTION, { name: "new", scopes: "conversations:read" });
  const caller = api(json.token);
  const stale = await caller.get(COLLECTION, undefined, near("COPY_1", bookmark));
  assertError(stale, 401, "token_invalid");
  // The 401 is of the replica's state, and the next request without a bookmark works.
  assert.deepEqual(stale.copies, ["COPY_1"]);
  assert.equal((await caller.get(COLLECTION, undefined, near("COPY_1"))).status, 200);
});

test("the day of a token's last use is written to the primary, and once while a replica lags", async () => {
  const alice = await account();
  const token = await grant(alice.id, { last_used_at: null });
  const caller = api(token);
  await catchUp(...REPLICAS);
  const bookmark = bookmarkOf(await alice.get(COLLECTION));
  const settled = { ...near("COPY_1", bookmark), "x-test-last-use": "1" };
  const answers = [];
  for (let n = 0; n < 3; n += 1) answers.push(await caller.get(COLLECTION, undefined, settled));
  // The replica answers, which does not know of the write.
  assert.deepEqual(
    answers.map(({ status, copies }) => [status, copies[0]]),
    Array(3).fill([200, "COPY_1"]),
  );
  const writes = answers.map(({ headers }) => JSON.parse(String(headers["x-test-last-use"])).calls);
  assert.deepEqual(writes, [1, 0, 0]);
  const [{ days }] = (await sql(
    "SELECT unixepoch() / 86400 - last_used_at / 86400 AS days FROM tokens WHERE hash = ?",
    hashOf(token),
  )) as [{ days: number }];
  assert.ok(days === 0 || days === 1, "this day, or that before midnight");
});
