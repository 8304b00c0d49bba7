// The local or the deployed databases, by way of wrangler.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Failure, QUIET, root, run } from "./shared.ts";

/** A database by its binding in wrangler.toml, `DB`, `DB_1` and so on: the deployed one, or that in a local folder. */
export type Database = { binding: string; remote: true } | LocalDatabase;
export type LocalDatabase = { binding: string; remote: false; folder: string };
/** A row as D1 returns it. */
export type Row = Record<string, string | number | null>;
/** SQL, with the values of its parameters if it has some. */
export type Statement = string | { sql: string; parameters: (string | number | null)[] };

/** What D1 returns of a statement. */
type Result = { results: Row[]; meta: { size_after: number } };
/** The parts of D1's binding that are used here. */
type Prepared = { bind(...parameters: unknown[]): object };
type Binding = { prepare(sql: string): Prepared; batch(statements: object[]): Promise<Result[]> };
/** The databases of one place, connected to this process. */
type Connection = { env: Record<string, Binding>; dispose(): Promise<void> };

/** How long to wait for another process that has locked the local database, and how long between two tries. */
const MAX_LOCKED_SECONDS = 10;
const RETRY_MILLISECONDS = 20;

export const CONFIG = join(root, "wrangler.toml");
const MIGRATIONS = join(root, "migrations");
/** The first database has no number in its name. */
export const FIRST = "DB";
const NAME = /^DB(?:_([1-9]\d{0,3}))?$/;

/** The number of a database: 0 for `DB`, 1 for `DB_1`. Undefined for any other name. */
export function numberOf(binding: string): number | undefined {
  const match = NAME.exec(binding);
  return match === null ? undefined : Number(match[1] ?? 0);
}

/** The binding of the database with this number. */
export const bindingOf = (number: number) => (number === 0 ? FIRST : `${FIRST}_${number}`);

/** What is used of wrangler.toml. */
type Settings = {
  name?: string;
  account_id?: string;
  compatibility_date?: string;
  d1_databases?: { binding: string; database_name?: string }[];
};

async function settings(): Promise<Settings> {
  Object.assign(process.env, QUIET);
  const { experimental_readRawConfig } = await import("wrangler");
  return experimental_readRawConfig({ config: CONFIG }).rawConfig as Settings;
}

/** The databases that wrangler.toml binds, in the order of their numbers, with their names at Cloudflare. */
export async function boundDatabases(): Promise<{ binding: string; name: string }[]> {
  const { d1_databases = [] } = await settings();
  const bound = d1_databases
    .filter(({ binding }) => numberOf(binding) !== undefined)
    .map(({ binding, database_name }) => {
      if (!database_name) throw new Failure(`wrangler.toml has no database_name for ${binding}.`);
      return { binding, name: database_name };
    })
    .toSorted((one, other) => numberOf(one.binding)! - numberOf(other.binding)!);
  if (bound[0]?.binding !== FIRST) throw new Failure(`wrangler.toml binds no database as ${FIRST}.`);
  return bound;
}

/** The local database that `npm start` uses, or the one in another state folder. */
export const localDatabase = (folder: string | undefined, binding = FIRST): LocalDatabase => ({
  binding,
  remote: false,
  folder: resolve(folder ?? join(root, ".wrangler", "state")),
});

/** All local databases. */
export const localDatabases = async (folder: string | undefined) =>
  (await boundDatabases()).map(({ binding }) => localDatabase(folder, binding));

/** How many wranglers run at the same time: each takes seconds of CPU time, and there may be many databases. */
const MAX_PROCESSES = 8;
const processes = new Set<Promise<unknown>>();

/** Runs wrangler and returns what it printed. */
export async function wrangler(...args: string[]): Promise<string> {
  while (processes.size >= MAX_PROCESSES) await Promise.race(processes);
  const process = run("wrangler", args);
  const end: Promise<unknown> = Promise.allSettled([process]).then(() => processes.delete(end));
  processes.add(end);
  return (await process).stdout;
}

/** Runs statements in one transaction and returns the rows of each. */
export async function query(database: Database, ...statements: Statement[]): Promise<Row[][]> {
  return (await batch(database, statements)).map(({ results }) => results);
}

/** How many bytes the database has, and the rows of a statement. */
export async function measured(database: Database, statement: string): Promise<{ bytes: number; rows: Row[] }> {
  const [{ results, meta }] = (await batch(database, [statement])) as [Result];
  return { bytes: meta.size_after, rows: results };
}

/** Applies the migrations that the database does not have yet. */
export async function migrate(database: Database): Promise<void> {
  if (database.remote) await wrangler("d1", "migrations", "apply", database.binding, "--remote");
  else await migrateLocally(database);
}

/** Does what `wrangler d1 migrations apply` does, which takes seconds for each database. */
async function migrateLocally(database: LocalDatabase): Promise<void> {
  const [, applied] = await query(
    database,
    `CREATE TABLE IF NOT EXISTS d1_migrations (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       name TEXT UNIQUE,
       applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
     )`,
    "SELECT name FROM d1_migrations",
  );
  const names = new Set(applied!.map(({ name }) => name));
  const { unstable_splitSqlQuery } = await import("wrangler");
  for (const name of readdirSync(MIGRATIONS).sort()) {
    if (names.has(name)) continue;
    const statements = unstable_splitSqlQuery(readFileSync(join(MIGRATIONS, name), "utf8"));
    await query(database, ...statements, `INSERT INTO d1_migrations (name) VALUES (${text(name)})`);
  }
}

/** Any text as an SQL expression. In hexadecimal no character of it has a meaning in SQL. */
export const text = (value: string) => `CAST(x'${Buffer.from(value).toString("hex")}' AS TEXT)`;

async function batch(database: Database, statements: Statement[]): Promise<Result[]> {
  if (database.remote && session === undefined) return execute(database.binding, statements);
  const connection = await (database.remote ? session! : connected(database.folder));
  const binding = connection.env[database.binding];
  if (binding === undefined) throw new Failure(`wrangler.toml does not bind ${database.binding}.`);
  try {
    return await unlessLocked(() =>
      binding.batch(
        statements.map((statement) => {
          if (typeof statement === "string") return binding.prepare(statement);
          return binding.prepare(statement.sql).bind(...statement.parameters);
        }),
      ),
    );
  } finally {
    if (!database.remote) release(database.folder);
  }
}

async function execute(binding: string, statements: Statement[]): Promise<Result[]> {
  const sql = statements.map((statement) => {
    if (typeof statement !== "string") throw new Error("Parameters need a session.");
    return statement;
  });
  return JSON.parse(await wrangler("d1", "execute", binding, "--remote", "--json", "--command", sql.join(";\n")));
}

// --- connections: `wrangler d1 execute` takes seconds to start, tries once, and takes no parameters

/** The connection to the deployed databases, while there is one. */
let session: Promise<Connection> | undefined;

/** Connects this process to all deployed databases while `work` runs. It takes longer to begin than a few `wrangler d1
 * execute`, and then each call is one request: for what makes many calls, or calls with parameters. */
export async function inSession<T>(work: () => Promise<T>): Promise<T> {
  session = (async () => {
    const known: { name: string; uuid: string }[] = JSON.parse(await wrangler("d1", "list", "--json"));
    const databases = (await boundDatabases()).map(({ binding, name }) => {
      const database_id = known.find((database) => database.name === name)?.uuid;
      if (database_id === undefined)
        throw new Failure(`The database "${name}" does not exist: run \`npm run deploy\`.`);
      return { binding, database_name: name, database_id, remote: true };
    });
    return connect(databases, false);
  })();
  try {
    await session;
    return await work();
  } finally {
    const opened = await session.catch(() => undefined);
    session = undefined;
    await opened?.dispose();
  }
}

/** Connections to local databases by their folder, and how many calls use each. */
const connections = new Map<string, { connection: Promise<Connection>; calls: number; end?: NodeJS.Timeout }>();
/** How long a connection stays open without a call. A command makes its calls one soon after the other. */
const IDLE_MILLISECONDS = 100;

async function connected(folder: string): Promise<Connection> {
  let entry = connections.get(folder);
  if (entry === undefined) {
    // Where `--persist-to` has the data.
    const connection = settings().then(({ d1_databases = [] }) => connect(d1_databases, { path: join(folder, "v3") }));
    entry = { connection, calls: 0 };
    connections.set(folder, entry);
  }
  clearTimeout(entry.end);
  entry.calls++;
  return entry.connection;
}

function release(folder: string) {
  const entry = connections.get(folder)!;
  if (--entry.calls > 0) return;
  entry.end = setTimeout(async () => {
    connections.delete(folder);
    await (await entry.connection).dispose();
  }, IDLE_MILLISECONDS);
}

/** Connects to databases. The configuration has nothing else: wrangler would warn that it can't run the Durable Objects
 * here. */
async function connect(d1_databases: object[], persist: { path: string } | false): Promise<Connection> {
  const { getPlatformProxy } = await import("wrangler");
  const { name, account_id, compatibility_date } = await settings();
  const scratch = mkdtempSync(join(tmpdir(), "conversations-"));
  const configPath = join(scratch, "wrangler.json");
  writeFileSync(configPath, JSON.stringify({ name, account_id, compatibility_date, d1_databases }));
  const { env, dispose } = await getPlatformProxy<Record<string, Binding>>({ configPath, persist });
  return {
    env,
    dispose: async () => {
      await dispose();
      rmSync(scratch, { recursive: true });
    },
  };
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
