// What DELETE leaves for the sweep: the messages of removed conversations, and the conversations themselves.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { fillMessages } from "../support/large.ts";
import { sweep, sweepAll } from "../support/sweep.ts";

/** A removed conversation with so many messages, whose ids are numbers from `first` on. */
async function removed(holder: Account, messages: number, first = 1): Promise<string> {
  const id = await holder.insert({ is_removed: 1 });
  await fillMessages(holder, id, messages, first);
  return id;
}

const count = async (table: "messages" | "conversations", { id }: Account) =>
  Number((await sql(`SELECT count(*) AS n FROM ${table} WHERE account_id = ?`, id))[0]!.n);

/** The first step of a sweep, done but not known to be: its answer is lost, which ends the sweep. */
const step = () => sweep({ "x-test-d1-lost": "D1_ERROR: Network connection lost." });

test("removed conversations go with all their messages, and nothing else does", async () => {
  const [alice, bob] = [await account(), await account()];
  for (const [holder, first] of [
    [alice, 1],
    [bob, 1],
  ] as const) {
    const kept = await holder.insert();
    await fillMessages(holder, kept, 5, 1_000_000);
    for (const [index, messages] of [2500, 1, 999].entries()) await removed(holder, messages, first + 10_000 * index);
  }
  const contents = async ({ id }: Account) =>
    sql(
      `SELECT c.id, m.id AS message FROM conversations AS c LEFT JOIN messages AS m
         ON m.account_id = c.account_id AND m.conversation_id = c.id
       WHERE c.account_id = ? AND NOT c.is_removed ORDER BY message`,
      id,
    );
  const before = [await contents(alice), await contents(bob)];
  await sweepAll();
  assert.deepEqual([await contents(alice), await contents(bob)], before);
  for (const holder of [alice, bob]) {
    assert.deepEqual([await count("conversations", holder), await count("messages", holder)], [1, 5]);
  }
});

test("a step deletes a thousand messages, and where a sweep ends early the next one goes on", async () => {
  const alice = await account();
  await sweepAll();
  await removed(alice, 2001);
  for (const left of [1001, 1]) {
    const { failed, calls, log } = await step();
    assert.deepEqual([failed, calls, log.status, log.cause], [true, 2, 503, "D1_ERROR: Network connection lost."]);
    assert.equal(await count("messages", alice), left);
  }
  await step();
  assert.deepEqual([await count("messages", alice), await count("conversations", alice)], [0, 0]);
});

test("sweeps at the same time do no harm", async () => {
  const alice = await account();
  await removed(alice, 1500);
  const kept = await alice.insert();
  await alice.insertMessage(kept);
  await Promise.all([sweep(), sweep(), sweep()]);
  await sweepAll();
  assert.deepEqual([await count("messages", alice), await count("conversations", alice)], [1, 1]);
});

test("of long texts a step deletes a megabyte, and always at least one", async () => {
  const alice = await account();
  await sweepAll();
  const id = await alice.insert({ is_removed: 1 });
  await sql(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 200)
     INSERT INTO messages (account_id, conversation_id, id, message, created_at)
     SELECT ?, ?, printf('%016d', n), replace(hex(zeroblob(5000)), '0', '語'), 0 FROM numbers`,
    alice.id,
    id,
  );
  await step();
  assert.equal(await count("messages", alice), 200 - 34);
});

test("the newest id of an account stays known when its message is deleted", async () => {
  const alice = await account();
  await alice.insertMessage(await removed(alice, 1200), { id: "zzzzzz0000000000" });
  await sweepAll();
  assert.deepEqual((await alice.contents()).messages, []);
  // The message was in the future: the next one still comes after it.
  const [{ newest_id_times } = {}] = await sql(
    "SELECT newest_id_times FROM events WHERE account_id = ? ORDER BY seq DESC LIMIT 1",
    alice.id,
  );
  assert.equal(String(newest_id_times).slice(7), "zzzzzz0");
  assert.equal((await alice.say(await alice.insert())).id.slice(0, 7), "zzzzzz1");
});

test("an account with much to delete does not hold up the others", async () => {
  const holders = [await account(), await account(), await account()];
  await removed(holders[0]!, 60_000);
  await removed(holders[1]!, 1500);
  await removed(holders[2]!, 1500);
  const { calls } = await sweep();
  assert.equal(calls, 41, "forty steps, and one call that looks for endpoints that are behind");
  assert.deepEqual(await Promise.all(holders.slice(1).map((holder) => count("messages", holder))), [0, 0]);
  const left = await count("messages", holders[0]!);
  assert.ok(left > 0 && left < 60_000, `${left} left`);
  await sweepAll();
  assert.equal(await count("messages", holders[0]!), 0);
});

test("without work a sweep reads some rows, six for each account, in five calls and writes none", async () => {
  const alice = await account();
  await fillMessages(alice, await alice.insert(), 500);
  await sweepAll();
  const { calls, rowsRead, rowsWritten, log } = await sweep();
  assert.deepEqual([calls, rowsWritten], [5, 0]);
  const accounts = Number((await sql("SELECT count(*) AS n FROM accounts"))[0]!.n);
  assert.ok(rowsRead <= 35 + 6 * accounts, `${rowsRead} rows read, ${accounts} accounts`);
  assert.deepEqual(
    [log.route, log.status, log.d1_calls, log.rows_read, log.rows_written],
    ["sweep", 200, calls, rowsRead, rowsWritten],
  );
});

for (const kind of ["panic", "memory", "overflow"]) {
  test(`after a trap (${kind}) an error is in the log, and the next sweep goes on`, async () => {
    const alice = await account();
    await removed(alice, 10);
    const { failed, log } = await sweep({ "x-test-trap": kind });
    assert.ok(failed);
    assert.deepEqual([log.route, log.status >= 500], ["sweep", true]);
    await sweepAll();
    assert.equal(await count("messages", alice), 0);
  });
}
