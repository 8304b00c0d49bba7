// Idempotency keys that have expired, which the sweep deletes.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { keyed } from "../support/http.ts";
import { COLLECTION } from "../support/paths.ts";
import { sweep, sweepAll } from "../support/sweep.ts";

const DAY = 86_400;

const keys = async (id: number) =>
  Number((await sql("SELECT count(*) AS n FROM idempotency_keys WHERE account_id = ?", id))[0]!.n);

test("a key goes when it has expired, and not before", async () => {
  const alice = await account();
  await alice.post(COLLECTION, "contact_id=bob", keyed("a"));
  await sweepAll();
  await sweep({ "x-test-clock": String(DAY - 60) });
  assert.equal(await keys(alice.id), 1);
  await sweep({ "x-test-clock": String(DAY + 1) });
  assert.equal(await keys(alice.id), 0);
});

test("a step deletes a thousand keys, and a sweep goes on until none is left", async () => {
  const alice = await account();
  await sweepAll();
  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)
     INSERT INTO idempotency_keys (account_id, key, fingerprint, request_id, expires_at)
     SELECT ?, 'key ' || n, printf('%064d', n), printf('%016d', n), n FROM numbers`,
    alice.id,
  );
  const { calls, rowsRead, rowsWritten } = await sweep();
  // Three steps that delete keys and one that finds none, between steps of the other two kinds.
  assert.equal(rowsWritten, 2500);
  assert.ok(calls <= 3 * 4 + 2, `${calls} calls`);
  assert.ok(rowsRead <= 5 * 2500, `${rowsRead} rows read`);
  assert.equal(await keys(alice.id), 0);
});
