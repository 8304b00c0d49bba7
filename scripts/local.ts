// The local databases of `npm start`: the SQLite files of wrangler's local D1, read and written without wrangler, which
// takes seconds to start. Also works while `npm start` runs, and before its first run.
import { createHash, createHmac } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import type { Result, Row, Statement } from "./d1.ts";
import { Failure, root } from "./shared.ts";

const MIGRATIONS = join(root, "migrations");
/** How long to wait for another process that has locked a database, and how long between two tries. */
const MAX_LOCKED_SECONDS = 10;
const RETRY_MILLISECONDS = 20;
const BUSY = 5;

/** Those of D1: what works here must also work with the deployed database. */
const LIMITS = {
  length: 2_000_000,
  sqlLength: 100_000,
  compoundSelect: 5,
  functionArg: 32,
  attach: 0,
  likePatternLength: 50,
  variableNumber: 100,
};

/** The file of the database with this id in a state folder. workerd derives its name like that of any Durable Object
 * that is found by a name. */
export function fileOf(folder: string, id: string): string {
  const objects = "miniflare-D1DatabaseObject";
  const key = createHash("sha256").update(objects).digest();
  const hash = (data: string | Buffer) => createHmac("sha256", key).update(data).digest().subarray(0, 16);
  const name = hash(id);
  // Where `wrangler dev --persist-to` has it.
  return join(folder, "v3", "d1", objects, `${Buffer.concat([name, hash(name)]).toString("hex")}.sqlite`);
}

/** Runs statements in one transaction, as D1 does. */
export function runLocally(file: string, statements: Statement[]): Promise<Result[]> {
  return transaction(file, (database) =>
    statements.map((statement) => {
      const { sql, parameters } = typeof statement === "string" ? { sql: statement, parameters: [] } : statement;
      const results = database.prepare(sql).all(...parameters) as Row[];
      return { results: results.map((row) => ({ ...row })), meta: { size_after: sizeOf(database) } };
    }),
  );
}

/** Applies the migrations that the database does not have yet, and notes them as wrangler does. */
export async function migrateLocally(file: string): Promise<void> {
  const [, applied] = await runLocally(file, [
    `CREATE TABLE IF NOT EXISTS d1_migrations (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       name TEXT UNIQUE,
       applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
     )`,
    "SELECT name FROM d1_migrations",
  ]);
  const names = new Set(applied!.results.map(({ name }) => name));
  for (const name of readdirSync(MIGRATIONS).sort()) {
    if (names.has(name)) continue;
    await transaction(file, (database) => {
      const note = database.prepare("INSERT INTO d1_migrations (name) VALUES (?) ON CONFLICT DO NOTHING");
      // Without a change, another process has applied it in the meantime.
      if (note.run(name).changes > 0) database.exec(readFileSync(join(MIGRATIONS, name), "utf8"));
    });
  }
}

/** How many bytes a database has, as D1 counts them. */
function sizeOf(database: DatabaseSync): number {
  const [row] = database
    .prepare(
      `SELECT (page_count - freelist_count) * page_size AS bytes
       FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
    )
    .all();
  return Number(row!.bytes);
}

/** Does work in one transaction. Tries again while another process writes: a transaction that meets a lock does
 * nothing. */
async function transaction<T>(file: string, work: (database: DatabaseSync) => T): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  for (const end = Date.now() + 1000 * MAX_LOCKED_SECONDS; ; await delay(RETRY_MILLISECONDS)) {
    // Closing it ends a transaction that has failed.
    using database = new DatabaseSync(file, { limits: LIMITS });
    try {
      // As workerd makes it. The file keeps the mode.
      database.exec("PRAGMA journal_mode = WAL");
      database.exec("BEGIN");
      const result = work(database);
      database.exec("COMMIT");
      return result;
    } catch (error) {
      // The lower byte of the code is its kind.
      if ((Number((error as { errcode?: number }).errcode) & 0xff) !== BUSY) throw error;
      if (Date.now() > end) {
        throw new Failure(
          `The local database is locked. Another process has been writing to it for ${MAX_LOCKED_SECONDS} seconds. ` +
            "Stop that process, or run the command again.",
        );
      }
    }
  }
}
