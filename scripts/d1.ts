// The local or the deployed database, by way of wrangler.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Failure, QUIET, root, run } from "./shared.ts";

/** The deployed database, or the local one in a folder. */
export type Database = { remote: true } | LocalDatabase;
export type LocalDatabase = { remote: false; folder: string };
/** A row as D1 returns it. */
export type Row = Record<string, string | number | null>;

type Results = { results: Row[] }[];
/** The part of D1's binding that is used here. */
type Binding = { prepare(sql: string): object; batch(statements: object[]): Promise<Results> };

/** How long to wait for another process that has locked the local database, and how long between two tries. */
const MAX_LOCKED_SECONDS = 10;
const RETRY_MILLISECONDS = 20;

/** The local database that `npm start` uses, or the one in another state folder. */
export const localDatabase = (folder: string | undefined): LocalDatabase => ({
  remote: false,
  folder: resolve(folder ?? join(root, ".wrangler", "state")),
});

/** Runs wrangler and returns what it printed. */
export const wrangler = async (...args: string[]) => (await run("wrangler", args)).stdout;

/** Runs statements in one transaction and returns the rows of each. */
export async function query(database: Database, ...statements: string[]): Promise<Row[][]> {
  const all = await (database.remote ? remoteBatch(statements) : localBatch(database.folder, statements));
  return all.map(({ results }) => results);
}

/** Applies the migrations that the database does not have yet. */
export async function migrate(database: Database): Promise<void> {
  const target = database.remote ? ["--remote"] : ["--local", "--persist-to", database.folder];
  await unlessLocked(() => wrangler("d1", "migrations", "apply", "DB", ...target));
}

/** Any text as an SQL expression. In hexadecimal no character of it has a meaning in SQL. */
export const text = (value: string) => `CAST(x'${Buffer.from(value).toString("hex")}' AS TEXT)`;

async function remoteBatch(statements: string[]): Promise<Results> {
  return JSON.parse(await wrangler("d1", "execute", "DB", "--remote", "--json", "--command", statements.join(";\n")));
}

/** Runs them in this process: `wrangler d1 execute` takes seconds to start, and tries once. */
async function localBatch(folder: string, statements: string[]): Promise<Results> {
  Object.assign(process.env, QUIET);
  const { experimental_readRawConfig, getPlatformProxy } = await import("wrangler");
  const { name, compatibility_date, d1_databases } = experimental_readRawConfig({
    config: join(root, "wrangler.toml"),
  }).rawConfig;
  // The databases alone: wrangler would warn that it can't run the Durable Objects.
  const scratch = mkdtempSync(join(tmpdir(), "conversations-"));
  const configPath = join(scratch, "wrangler.json");
  writeFileSync(configPath, JSON.stringify({ name, compatibility_date, d1_databases }));
  const { env, dispose } = await getPlatformProxy<{ DB: Binding }>({
    configPath,
    // Where `--persist-to` has the data.
    persist: { path: join(folder, "v3") },
  });
  try {
    return await unlessLocked(() => env.DB.batch(statements.map((sql) => env.DB.prepare(sql))));
  } finally {
    await dispose();
    rmSync(scratch, { recursive: true });
  }
}

/** Tries again while another process writes to the local database. A transaction that meets its lock does nothing. */
async function unlessLocked<T>(work: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + 1000 * MAX_LOCKED_SECONDS; ; await delay(RETRY_MILLISECONDS)) {
    try {
      return await work();
    } catch (error) {
      if (!String((error as Error).message).includes("SQLITE_BUSY")) throw error;
      if (Date.now() > end) {
        throw new Failure(
          `The local database is locked. Another process has been writing to it for ${MAX_LOCKED_SECONDS} seconds. ` +
            "Stop that process, or run the command again.",
        );
      }
    }
  }
}
