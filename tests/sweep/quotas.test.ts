// What accounts use, as the sweep counts it, and the flag of their tokens that refuses creations.

import assert from "node:assert/strict";
import test from "node:test";
import { random } from "../random.ts";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { fillMessages } from "../support/large.ts";
import { item, messageItem } from "../support/paths.ts";
import { sweep, sweepAll } from "../support/sweep.ts";
import { hashOf } from "../support/tokens.ts";

const WEEK = 604_800;

/** The use as it was counted. */
async function counted({ id }: Account) {
  const [row] = await sql("SELECT objects, bytes, is_full FROM accounts WHERE id = ?", id);
  return row!;
}

/** The use as it is. */
async function used({ id }: Account) {
  const [row] = await sql(
    `SELECT
       (SELECT count(*) FROM conversations WHERE account_id = ?1)
         + (SELECT count(*) FROM messages WHERE account_id = ?1) AS objects,
       (SELECT coalesce(sum(length(CAST(message AS BLOB))), 0) FROM messages WHERE account_id = ?1) AS bytes`,
    id,
  );
  return row!;
}

async function assertCounted(holder: Account, message = "what is counted is what there is") {
  const { objects, bytes } = await counted(holder);
  assert.deepEqual({ objects, bytes }, await used(holder), message);
}

const setDue = ({ id }: Account) => sql("UPDATE accounts SET count_at = 0 WHERE id = ?", id);
const setRecountDue = ({ id }: Account) => sql("UPDATE accounts SET count_at = 0, recount_at = 0 WHERE id = ?", id);
const setQuota = ({ id }: Account, objects: number, bytes: number) =>
  sql("UPDATE accounts SET max_objects = ?, max_bytes = ? WHERE id = ?", objects, bytes, id);
const flags = async ({ id }: Account) =>
  (await sql("SELECT is_full FROM tokens WHERE account_id = ?", id)).map(({ is_full }) => is_full);

test("conversations, messages and the bytes of texts are counted, in steps", async () => {
  const [alice, bob] = [await account(), await account()];
  await fillMessages(alice, await alice.insert(), 1700);
  await alice.insertMessage(await alice.insert(), { id: "zzzzzzzzzzzzzzzz", message: "é語🦀" });
  await bob.insertMessage(await bob.insert());
  await sweepAll();
  await assertCounted(alice);
  await assertCounted(bob);
  assert.equal((await used(bob)).objects, 2);
});

test("a sweep that ends early is continued, and each step is bounded", async () => {
  const alice = await account();
  await sweepAll();
  await fillMessages(alice, await alice.insert(), 1200);
  await setDue(alice);
  // Calls 1 to 3 are the steps of the other kinds. The answer to the fourth is lost.
  const lose = { "x-test-d1-lost": "D1_ERROR: Network connection lost." };
  await sweep({ ...lose, "x-test-d1-failures-from": "4" });
  assert.equal((await counted(alice)).objects, 501);
  await sweepAll();
  await assertCounted(alice);
});

test("whatever is created, updated and deleted, a recount is exact", async () => {
  const alice = await account();
  for (const seed of [1, 2, 3]) {
    const next = random(seed);
    const conversations: string[] = [];
    const messages: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      const action = next(10);
      if (action < 2 || conversations.length === 0)
        conversations.push((await alice.client.conversations.create({ contact_id: "bob" })).id);
      else if (action < 7 || messages.length === 0) {
        const { id } = await alice.say(conversations[next(conversations.length)]!, {
          message: "é".repeat(1 + next(3000)),
        });
        messages.push(id);
      } else if (action === 7) {
        await alice.put(messageItem(messages[next(messages.length)]!), { message: "x".repeat(1 + next(3000)) });
      } else if (action === 8) await alice.delete(messageItem(messages.splice(next(messages.length), 1)[0]!));
      else await alice.delete(item(conversations.splice(next(conversations.length), 1)[0]!));
      // Counts at any time: also of objects that change or go afterwards.
      if (next(8) === 0) {
        await setDue(alice);
        await sweep();
      }
      if (next(20) === 0) await setRecountDue(alice);
    }
    await setRecountDue(alice);
    await sweepAll();
    await assertCounted(alice, `seed ${seed}`);
  }
});

test("what is created during a recount is counted once, also where the recount has been", async () => {
  const alice = await account();
  const conversation = await alice.insert({ id: "0000000000000001" });
  await fillMessages(alice, conversation, 1400);
  await sweepAll();
  await setRecountDue(alice);
  await sweep({ "x-test-d1-lost": "D1_ERROR: Network connection lost.", "x-test-d1-failures-from": "4" });
  await fillMessages(alice, conversation, 700, 5000);
  await sweepAll();
  await setDue(alice);
  await sweepAll();
  await assertCounted(alice);
});

test("an account that nothing changes is counted once a week, with two rows written", async () => {
  const alice = await account();
  await fillMessages(alice, await alice.insert(), 100);
  await sweepAll();
  // Other tests' keys expire before.
  await sql("DELETE FROM idempotency_keys");
  assert.equal((await sweep({ "x-test-clock": String(WEEK - 3600) })).rowsWritten, 0);
  await sql("UPDATE accounts SET count_at = 253402300799 WHERE id <> ?", alice.id);
  const { rowsWritten, rowsRead } = await sweep({ "x-test-clock": String(WEEK + 1) });
  assert.equal(rowsWritten, 2);
  assert.ok(rowsRead <= 400, `${rowsRead} rows read`);
});

test("a sweep counts what is new, and writes nothing of an account without", async () => {
  const [alice, bob] = [await account(), await account()];
  const conversation = await alice.insert();
  await sweepAll();
  const row = async ({ id }: Account) => (await sql("SELECT * FROM accounts WHERE id = ?", id))[0];
  const before = await row(bob);
  for (const create of [
    () => alice.say(conversation),
    () => alice.client.conversations.create({ contact_id: "bob" }),
  ]) {
    await create();
    await sweep();
    await assertCounted(alice);
  }
  assert.deepEqual(await row(bob), before);
});

test("accounts that are due take turns, the one that has waited longest first", async () => {
  const holders = [];
  for (let i = 0; i < 12; i += 1) holders.push(await account());
  const [large] = holders;
  await fillMessages(large!, await large!.insert(), 30_000);
  for (const holder of holders.slice(1)) await holder.insertMessage(await holder.insert());
  await sweep();
  for (const holder of holders.slice(1)) await assertCounted(holder);
  assert.ok(Number((await counted(large!)).objects) < 30_000);
  await sweepAll();
  await assertCounted(large!);
});

test("the flag of all tokens follows the use and the quota, of this account alone", async () => {
  const [alice, bob] = [await account(), await account()];
  await grant(alice.id);
  const conversation = await alice.insert();
  await alice.insertMessage(conversation, { message: "1234" });
  await sweepAll();
  const cases: [objects: number, bytes: number, full: number][] = [
    [2, 5, 1],
    [3, 5, 0],
    [3, 4, 1],
    [0, 0, 1],
    [3, 5, 0],
  ];
  for (const [objects, bytes, full] of cases) {
    await setQuota(alice, objects, bytes);
    assert.deepEqual([await flags(alice), await flags(bob)], [[full, full], [0]], `${objects} objects, ${bytes} bytes`);
  }
  await alice.insertMessage(conversation, { id: "zzzzzzzzzzzzzzz0" });
  await sweep();
  assert.deepEqual(await flags(alice), [1, 1]);
});

test("while an account is full, what is deleted makes room at once", async () => {
  const alice = await account();
  const conversation = await alice.insert({ id: "0000000000000001" });
  const empty = await alice.insert({ id: "0000000000000002" });
  await fillMessages(alice, conversation, 1300);
  await sweepAll();
  await setQuota(alice, 1301, 1e9);
  assert.deepEqual(await flags(alice), [1]);
  await alice.delete(messageItem("0000000000000700"));
  assert.deepEqual(await flags(alice), [1]);
  await alice.delete(item(empty));
  assert.deepEqual(await flags(alice), [0]);
  await assertCounted(alice);
});

test("also while a recount is under way", async () => {
  const alice = await account();
  await sweepAll();
  const conversation = await alice.insert({ id: "0000000000000001" });
  await fillMessages(alice, conversation, 1300);
  await setDue(alice);
  await sweepAll();
  await setQuota(alice, 10, 1e9);
  // The first 500 are counted again when one of them goes, and one of the others.
  await sweep({ "x-test-d1-lost": "D1_ERROR: Network connection lost.", "x-test-d1-failures-from": "4" });
  await alice.delete(messageItem("0000000000000100"));
  await alice.delete(messageItem("0000000000001100"));
  await sweepAll();
  await assertCounted(alice);
});

test("an account that becomes full is counted from the start: deletions before may have made room", async () => {
  const alice = await account();
  const conversation = await alice.insert({ id: "0000000000000001" });
  await fillMessages(alice, conversation, 10);
  await sweepAll();
  await alice.delete(messageItem("0000000000000005"));
  await setQuota(alice, 11, 1e9);
  assert.deepEqual(await flags(alice), [1]);
  await sweep();
  assert.deepEqual(await flags(alice), [0]);
  await assertCounted(alice);
});

test("a recount repairs tokens whose flag differs", async () => {
  const alice = await account();
  await sweepAll();
  await sql("UPDATE tokens SET is_full = 1 WHERE hash = ?", hashOf(alice.token));
  await setRecountDue(alice);
  await sweep({ "x-test-clock": "1" });
  assert.deepEqual(await flags(alice), [0]);
});
