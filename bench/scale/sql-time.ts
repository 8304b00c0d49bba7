// How long SQLite takes for the requests of a message cycle, without network and disk: what a D1 database is busy for.
// The Worker says which statements it sends, and SQLite runs them in memory, each batch in a transaction of its own.
import { DatabaseSync, type StatementSync } from "node:sqlite";
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

/** Milliseconds of a step of a cycle: the medians of those whose statements SQLite compiled anew, and of the others. */
export interface SqlTime {
  compiled: number;
  ready: number;
}

/** The times of each step of a cycle. */
export async function sqlTimes(onLine: (line: string) => void): Promise<SqlTime[]> {
  onLine("ask the Worker for its statements");
  const cycles = await statements();
  using database = new DatabaseSync(":memory:");
  onLine(`make ${CONVERSATIONS.toLocaleString("en")} conversations`);
  await fill(sqlOf(database), CONVERSATIONS, TOKEN_HASH);
  for (let cycle = 0; cycle < CYCLES; cycle += 1) addMessages(database, cycle, cycle === 0 ? MANY_MESSAGES : MESSAGES);
  onLine("measure");
  const prepare = (sql: string) => database.prepare(sql);
  const [anew, once] = [prepare, memoized(prepare)];
  // In turn, so that both meet the same machine.
  const times = cycles.map((steps, cycle) =>
    steps.map((batch) => milliseconds(database, cycle % 2 === 0 ? anew : once, batch)),
  );
  const medianOf = (step: number, rest: number) =>
    median(times.filter((_, cycle) => cycle % 2 === rest).map((steps) => steps[step]!));
  return STEPS.map((_, step) => ({ compiled: medianOf(step, 0), ready: medianOf(step, 1) }));
}

/** What the Worker sends to D1 for each step of each cycle. Each is of another conversation. */
async function statements(): Promise<Batch[][]> {
  const main = await bundle("observed-ours", "wrangler.toml", "bench/observed/ours.js");
  const world = await start([{ name: "ours", main, database: "thousand" }]);
  try {
    await fill(world.sql("thousand"), 1000, TOKEN_HASH);
    const cycles = Array.from({ length: CYCLES }, (_, cycle) => STEPS.map(({ request }) => request(subject(cycle))));
    const requests = cycles.flat().map(
      ([method, path, body], at): Request => ({
        method,
        path,
        headers: {
          Authorization: `Bearer ${TOKEN}`,
          "Content-Type": "application/json",
          ...(method === "POST" && { "Idempotency-Key": `cycle-${at}` }),
        },
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

type Prepare = (sql: string) => StatementSync;

function memoized(prepare: Prepare): Prepare {
  const statements = new Map<string, StatementSync>();
  return (sql) => {
    const statement = statements.get(sql) ?? prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
}

function milliseconds(database: DatabaseSync, prepare: Prepare, batch: Batch): number {
  const begin = performance.now();
  database.exec("BEGIN");
  for (const { sql, params } of batch) prepare(sql).all(...params);
  database.exec("COMMIT");
  return performance.now() - begin;
}
