// The sweep with three databases: each has one of its own.

import "../support/three_databases.ts";
import assert from "node:assert/strict";
import test from "node:test";
import { SHARDS } from "../support/configuration.ts";
import { insert, sqlIn } from "../support/database.ts";
import { COLLECTION } from "../support/paths.ts";
import { sweep } from "../support/sweep.ts";
import { endpoint } from "../webhooks/endpoint.ts";
import { accountIn, type Holder, hold, namesakes } from "./accounts.ts";

const names = SHARDS.map(({ binding }) => binding);
const LOST = "D1_ERROR: Network connection lost.";

/** How many keys have expired in each database. */
const expired = async () =>
  Promise.all(
    SHARDS.map(async (shard) => {
      const [row] = await sqlIn(
        shard,
        "SELECT count(*) AS count FROM idempotency_keys WHERE expires_at <= unixepoch()",
      );
      return row!.count;
    }),
  );

/** Stores an expired key in each database. */
const expire = ({ id }: Holder) =>
  insert("idempotency_keys", {
    account_id: id,
    key: "a",
    fingerprint: "0".repeat(64),
    request_id: "0".repeat(16),
    expires_at: 1,
  });

test("each database is swept, with a line in the log", async () => {
  const [alice] = await namesakes();
  await expire(alice!);
  assert.deepEqual(await expired(), [1, 1, 1]);
  const { logs } = await sweep();
  assert.deepEqual(
    logs.map(({ database, status, route }) => [database, status, route]),
    names.map((name) => [name, 200, "sweep"]),
  );
  for (const { rows_written } of logs) assert.ok(rows_written > 0);
  assert.deepEqual(await expired(), [0, 0, 0]);
});

for (const failing of names) {
  test(`${failing} that fails does not stop the sweeps of the others`, async () => {
    const [alice] = await namesakes();
    await expire(alice!);
    const { logs } = await sweep({ "x-test-d1-of": failing, "x-test-d1-failure": LOST });
    assert.deepEqual(
      logs.map(({ database, status, code }) => [database, status, code]),
      names.map((name) => [name, ...(name === failing ? [503, "database_unavailable"] : [200, undefined])]),
    );
    assert.equal(logs.find(({ database }) => database === failing).cause, LOST);
    assert.deepEqual(
      await expired(),
      names.map((name) => (name === failing ? 1 : 0)),
    );
    await sweep();
    assert.deepEqual(await expired(), [0, 0, 0]);
  });
}

test("the sweep wakes what delivers in each database", async () => {
  const holders = await namesakes();
  const hooks = await Promise.all(holders.map((caller) => endpoint(caller)));
  // Written past the API: nothing rings.
  await insert("conversations", {
    account_id: holders[0]!.id,
    id: "aaaaaaaaaaaaaaaa",
    contact_id: "bob",
    created_at: 0,
  });
  await sweep();
  for (const hook of hooks) {
    await hook.take(1);
    await hook.upToDate();
  }
});

test("an account that is held for a minute is released, in each database, and one held for less is not", async () => {
  for (const shard of SHARDS) {
    const [old, recent] = [await accountIn(shard), await accountIn(shard)];
    const hook = await endpoint(old);
    for (const caller of [old, recent]) await hold(caller);
    const age = (seconds: number, { id }: Holder) =>
      sqlIn(shard, "UPDATE accounts SET held_at = unixepoch() - ? WHERE id = ?", seconds, id);
    await age(61, old);
    await age(30, recent);
    await sweep();
    assert.deepEqual([(await old.get(COLLECTION)).status, (await recent.get(COLLECTION)).status], [200, 503]);
    assert.deepEqual(await sqlIn(shard, "SELECT held_at FROM accounts WHERE id = ?", old.id), [{ held_at: null }]);
    await old.post(COLLECTION, "contact_id=bob");
    await hook.take(1);
  }
});
