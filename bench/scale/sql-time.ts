// How long SQLite takes for the requests of a message cycle, without network and disk: what a D1 database is busy for.
// The Worker says which statements it sends, and SQLite runs them in memory, each batch in a transaction of its own.
import { DatabaseSync } from "node:sqlite";
import { STEPS } from "../bill/steps.ts";
import { type Request, TOKEN, TOKEN_HASH } from "../cases.ts";
import { conversationId, fill, type Sql } from "../data.ts";
import { median } from "../figures.ts";
import { bundle, start } from "../world.ts";

/** How large the account is, and in how many conversations a cycle is measured. */
const CONVERSATIONS = 100_000;
const CYCLES = 300;
/** Messages of each conversation in which a cycle is measured, and of the first of them. */
const MESSAGES = 20;
const MANY_MESSAGES = 100_000;

type Batch = { sql: string; params: (string | number | null)[] }[];

/** Milliseconds of each step of a cycle: the median. */
export async function sqlTimes(onLine: (line: string) => void): Promise<number[]> {
  onLine("ask the Worker for its statements");
  const cycles = await statements();
  using database = new DatabaseSync(":memory:");
  onLine(`make ${CONVERSATIONS.toLocaleString("en")} conversations`);
  await fill(sqlOf(database), CONVERSATIONS, TOKEN_HASH);
  for (let cycle = 0; cycle < CYCLES; cycle += 1) addMessages(database, cycle, cycle === 0 ? MANY_MESSAGES : MESSAGES);
  onLine("measure");
  const times = cycles.map((steps) => steps.map((batch) => milliseconds(database, batch)));
  return STEPS.map((_, step) => median(times.map((cycle) => cycle[step]!)));
}

/** What the Worker sends to D1 for each step of each cycle. Each is of another conversation. */
async function statements(): Promise<Batch[][]> {
  const main = await bundle("observed-ours", "wrangler.toml", "bench/observed/ours.js");
  const world = await start([{ name: "ours", main, database: "thousand" }]);
  try {
    await fill(world.sql("thousand"), 1000, TOKEN_HASH);
    const cycles = Array.from({ length: CYCLES }, (_, cycle) => STEPS.map(({ request }) => request(subject(cycle))));
    const requests = cycles.flat().map(
      ([method, path, body]): Request => ({
        method,
        path,
        headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
        ...(body && { body: JSON.stringify(body) }),
      }),
    );
    await world.plan("cycles", requests);
    const batches = (await world.answers("ours", "cycles")).map(({ status, body, headers }) => {
      const calls: Batch[] = JSON.parse(decodeURIComponent(headers["x-bench-d1"] ?? "[]"));
      if (status >= 300 || calls.length !== 1) throw new Error(`${status} ${body}, ${calls.length} calls`);
      return calls[0]!;
    });
    return cycles.map((_, cycle) => batches.slice(cycle * STEPS.length, (cycle + 1) * STEPS.length));
  } finally {
    await world.close();
  }
}

const subject = (cycle: number) => conversationId(cycle);

const sqlOf =
  (database: DatabaseSync): Sql =>
  async (statements) => {
    let rows: Record<string, string>[] = [];
    for (const { sql, params = [] } of statements) {
      const prepared = database.prepare(sql);
      rows = prepared.all(...params) as typeof rows;
    }
    return rows;
  };

function addMessages(database: DatabaseSync, cycle: number, count: number): void {
  database
    .prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2)
       INSERT INTO messages (account_id, conversation_id, id, message, created_at)
       SELECT 1, ?1, printf('U%06d', n) || substr(?1, -9), 'Message ' || n, 1700000000 FROM numbers`,
    )
    .run(subject(cycle), count);
}

function milliseconds(database: DatabaseSync, batch: Batch): number {
  const begin = performance.now();
  database.exec("BEGIN");
  // D1 prepares each statement anew.
  for (const { sql, params } of batch) database.prepare(sql).all(...params);
  database.exec("COMMIT");
  return performance.now() - begin;
}
