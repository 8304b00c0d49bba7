// Events that were kept long enough, which the sweep deletes.

import assert from "node:assert/strict";
import test, { after } from "node:test";
import { type Account, account } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { assertError, idsOf, links } from "../support/expectations.ts";
import { fill } from "../support/large.ts";
import { COLLECTION, EVENTS, item } from "../support/paths.ts";
import { config } from "../support/server.ts";
import { sweep, sweepAll } from "../support/sweep.ts";

const { createTestHarness } = await import("wrangler");

const DAY = 86_400;
const KEPT_DAYS = Number(config.vars?.EVENT_RETENTION_DAYS);
/** Events of a step. */
const STEP = 1000;

/** The numbers of the events that are left. */
const left = async ({ id }: Account) =>
  (await sql("SELECT seq FROM events WHERE account_id = ? ORDER BY seq", id)).map(({ seq }) => Number(seq));
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

/** Makes events so many seconds older than what is kept, from one number to another. */
const age = ({ id }: Account, from: number, to: number, seconds = 60) =>
  sql(
    "UPDATE events SET created_at = unixepoch() - ? WHERE account_id = ? AND seq BETWEEN ? AND ?",
    KEPT_DAYS * DAY + seconds,
    id,
    from,
    to,
  );

/** An account with so many events, of which all but the last `young` were kept long enough. */
async function holder(events: number, young = 0): Promise<Account> {
  const alice = await account();
  await fill(alice, events);
  await age(alice, 1, events - young);
  return alice;
}

/** The first step that deletes events, which comes third. Its answer is lost, which ends the sweep. */
const step = () => sweep({ "x-test-d1-lost": "D1_ERROR: Network connection lost.", "x-test-d1-failures-from": "3" });

test("events are kept for 30 days", () => {
  assert.equal(KEPT_DAYS, 30);
});

test("an event goes when it was kept long enough, and not before", async () => {
  const alice = await holder(5, 2);
  await age(alice, 4, 4, -60);
  await sweepAll();
  assert.deepEqual(await left(alice), [4, 5]);
});

test("of each account the newest event stays, and the next one's number follows from it", async () => {
  const [alice, bob] = [await holder(5), await holder(1)];
  const [before = ""] = idsOf(await alice.get(`${EVENTS}?starting_after=000000004${"0".repeat(7)}`));
  await sweepAll();
  assert.deepEqual([await left(alice), await left(bob)], [[5], [1]]);
  const now = await alice.get(`${EVENTS}?starting_after=now`);
  await alice.post(COLLECTION, "contact_id=bob");
  assert.deepEqual(await left(alice), [5, 6]);
  // Who had seen all of the log misses nothing.
  for (const page of [String(links(now).next), `${EVENTS}?starting_after=${before}`])
    assert.deepEqual(
      (await alice.get(page)).json.data.map((event: any) => event.conversation.contact_id),
      ["bob"],
    );
});

test("a position that is older than what is kept is a 410, and the log begins with what is left", async () => {
  const alice = await holder(10, 4);
  const ids = idsOf(await alice.get(`${EVENTS}?limit=100`));
  await sweepAll();
  for (const id of ["0000000000000000", ...ids.slice(0, 5)])
    assertError(await alice.get(`${EVENTS}?starting_after=${id}`), 410, "position_expired", "starting_after");
  assert.deepEqual(idsOf(await alice.get(EVENTS)), ids.slice(6));
  assert.deepEqual(idsOf(await alice.get(`${EVENTS}?starting_after=${ids[6]}`)), ids.slice(7));
});

test("what comes after an event to be kept is kept, whatever the clock said: the log has no gaps", async () => {
  const alice = await holder(6, 6);
  await age(alice, 1, 2);
  await age(alice, 4, 5);
  await sweepAll();
  assert.deepEqual(await left(alice), [3, 4, 5, 6]);
});

test("the row with which the log of an older account begins goes like an event", async () => {
  const alice = await holder(3);
  // As the migration leaves it: migrations/0007_events.sql.
  await sql("UPDATE events SET seq = seq - 1, conversation_id = '' WHERE account_id = ?", alice.id);
  await sweepAll();
  assert.deepEqual(await left(alice), [2]);
});

test("new ids come after those of objects whose events are gone", async () => {
  const alice = await account();
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  await sql("UPDATE events SET newest_id_times = 'zzzzzzz0000000' WHERE account_id = ?", alice.id);
  await alice.delete(item(id));
  await age(alice, 1, 2);
  await sweepAll();
  assert.deepEqual(await left(alice), [2]);
  assert.deepEqual(await sql("SELECT newest_id_times FROM events WHERE account_id = ?", alice.id), [
    { newest_id_times: "zzzzzzz0000000" },
  ]);
});

test("a step deletes a thousand events, and where a sweep ends early the next one goes on", async () => {
  await sweepAll();
  const alice = await holder(2501);
  for (const from of [STEP + 1, 2 * STEP + 1]) {
    const { failed, calls, rowsRead, rowsWritten } = await step();
    assert.deepEqual([failed, calls], [true, 4]);
    assert.deepEqual(await left(alice), numbers(from, 2501));
    // The answer of the step is lost, and with it its rows.
    assert.deepEqual([rowsRead < 1000, rowsWritten < 1000], [true, true]);
  }
  await sweepAll();
  assert.deepEqual(await left(alice), [2501]);
});

test("a deleted event costs one row written and at most eight read", async () => {
  await sweepAll();
  const idle = await sweep();
  assert.equal(idle.rowsWritten, 0);
  const alice = await account();
  await fill(alice, 2501);
  // Its objects are counted by another step.
  await sweepAll();
  await age(alice, 1, 2501);
  const { rowsRead, rowsWritten } = await sweep();
  assert.equal(rowsWritten, 2500);
  const steps = 4;
  assert.ok(rowsRead - steps * idle.rowsRead <= 8 * 2500, `${rowsRead} rows read, ${idle.rowsRead} when idle`);
});

test("ten accounts share a step, and others have their turn afterwards", async () => {
  await sweepAll();
  const holders = [];
  for (let i = 0; i < 12; i += 1) holders.push(await holder(301));
  await step();
  const counts = await Promise.all(holders.map(async (each) => (await left(each)).length));
  assert.deepEqual(counts.toSorted(), [...Array(10).fill(201), 301, 301]);
  await sweepAll();
  for (const each of holders) assert.deepEqual(await left(each), [301]);
});

test("sweeps at the same time do no harm", async () => {
  const [alice, bob] = [await holder(1500, 3), await holder(40, 40)];
  await Promise.all([sweep(), sweep(), sweep()]);
  await sweepAll();
  assert.deepEqual([await left(alice), await left(bob)], [numbers(1498, 1500), numbers(1, 40)]);
});

for (const [days, kept] of [
  [1, [3, 4]],
  [40, [2, 3, 4]],
  [undefined, [3, 4]],
] as const)
  test(`EVENT_RETENTION_DAYS ${days === undefined ? "is 30 if it is not set" : `= ${days}`}`, async () => {
    const { EVENT_RETENTION_DAYS, ...vars } = config.vars as Record<string, unknown>;
    const root = new URL("../..", import.meta.url).pathname;
    const worker = {
      ...config,
      vars: { ...vars, ...(days !== undefined && { EVENT_RETENTION_DAYS: days }) },
      main: "tests/workers/observed.js",
      build: {},
    };
    const server = createTestHarness({ root, workers: [{ config: worker as never }] });
    after(() => server.close());
    await server.listen();
    const other = server.getWorker();
    await other.applyD1Migrations("DB");
    const { DB } = await other.getEnv();
    const run = async (text: string) => (await DB.prepare(text).all()).results;
    await run("INSERT INTO accounts (id, name, created_at) VALUES (1, 'test', 0)");
    for (const [seq, ageDays] of [
      [1, 41],
      [2, days === undefined ? 31 : 39],
      [3, 0],
      [4, 0],
    ] as const)
      await run(
        `INSERT INTO events (account_id, seq, change, conversation_id, created_at, newest_id_times)
         VALUES (1, ${seq}, 'created', 'x', unixepoch() - ${ageDays * DAY}, '')`,
      );
    assert.equal((await other.fetch("/", { headers: { "x-test-sweep": "1" } })).status, 204);
    assert.deepEqual(
      (await run("SELECT seq FROM events")).map(({ seq }: { seq: number }) => seq),
      kept,
    );
  });

test("each two thousand accounts have their minute", async () => {
  await sweepAll();
  const ids = [1001, 2001, 4002];
  for (const id of ids) {
    await sql("INSERT INTO accounts (id, name, created_at) VALUES (?, 'minute ' || ?, 0)", id, id);
    for (const seq of [1, 2])
      await sql(
        `INSERT INTO events (account_id, seq, change, conversation_id, created_at, newest_id_times)
         VALUES (?, ?, 'created', 'x', 0, '')`,
        id,
        seq,
      );
  }
  const done = async () => 6 - (await sql("SELECT 1 FROM events WHERE account_id IN (1001, 2001, 4002)")).length;
  // In the middle of each minute, so that no minute ends in between.
  const [{ second } = { second: 0 }] = await sql("SELECT unixepoch() % 60 AS second");
  for (const minute of [0, 1, 2]) {
    await sweep({ "x-test-clock": String(60 * minute + 30 - Number(second)) });
    assert.equal(await done(), minute + 1);
  }
});
