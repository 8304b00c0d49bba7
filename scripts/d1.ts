// The databases: the local ones by their files, the deployed ones by way of wrangler.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "smol-toml";
import { fileOf, migrateLocally, runLocally } from "./local.ts";
import { Failure, QUIET, root, run } from "./shared.ts";

/** A database by its binding in wrangler.toml, `DB`, `DB_1` and so on: the deployed one, or that in a local folder. */
export type Database = { binding: string; remote: true } | LocalDatabase;
export type LocalDatabase = { binding: string; remote: false; folder: string };
/** A row as D1 returns it. */
export type Row = Record<string, string | number | null>;
/** SQL, with the values of its parameters if it has some. */
export type Statement = string | { sql: string; parameters: (string | number | null)[] };

/** What D1 returns of a statement. */
export type Result = { results: Row[]; meta: { size_after: number } };
/** The parts of D1's binding that are used here. */
type Prepared = { bind(...parameters: unknown[]): object };
type Binding = { prepare(sql: string): Prepared; batch(statements: object[]): Promise<Result[]> };
/** The deployed databases, connected to this process. */
type Connection = { env: Record<string, Binding>; dispose(): Promise<void> };

export const CONFIG = join(root, "wrangler.toml");
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
  d1_databases?: { binding: string; database_name?: string; database_id?: string; preview_database_id?: string }[];
};

const settings = () => parse(readFileSync(CONFIG, "utf8")) as Settings;

/** The databases that wrangler.toml binds, in the order of their numbers, with their names at Cloudflare. */
export function boundDatabases(): { binding: string; name: string }[] {
  const { d1_databases = [] } = settings();
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
export const localDatabases = (folder: string | undefined) =>
  boundDatabases().map(({ binding }) => localDatabase(folder, binding));

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
  else await migrateLocally(localFile(database));
}

/** Any text as an SQL expression. In hexadecimal no character of it has a meaning in SQL. */
export const text = (value: string) => `CAST(x'${Buffer.from(value).toString("hex")}' AS TEXT)`;

async function batch(database: Database, statements: Statement[]): Promise<Result[]> {
  if (!database.remote) return runLocally(localFile(database), statements);
  if (session === undefined) return execute(database.binding, statements);
  const binding = (await session).env[database.binding];
  if (binding === undefined) throw notBound(database);
  return binding.batch(
    statements.map((statement) => {
      if (typeof statement === "string") return binding.prepare(statement);
      return binding.prepare(statement.sql).bind(...statement.parameters);
    }),
  );
}

const notBound = ({ binding }: Database) => new Failure(`wrangler.toml does not bind ${binding}.`);

/** The file of a local database, which has the id that wrangler gives it. */
function localFile(database: LocalDatabase): string {
  const found = settings().d1_databases?.find(({ binding }) => binding === database.binding);
  if (found === undefined) throw notBound(database);
  return fileOf(database.folder, found.preview_database_id ?? found.database_id ?? found.binding);
}

async function execute(binding: string, statements: Statement[]): Promise<Result[]> {
  const sql = statements.map((statement) => {
    if (typeof statement !== "string") throw new Error("Parameters need a session.");
    return statement;
  });
  return JSON.parse(await wrangler("d1", "execute", binding, "--remote", "--json", "--command", sql.join(";\n")));
}

// --- a session: `wrangler d1 execute` takes seconds to start, tries once, and takes no parameters

/** The connection to the deployed databases, while there is one. */
let session: Promise<Connection> | undefined;

/** Connects this process to all deployed databases while `work` runs. It takes longer to begin than a few `wrangler d1
 * execute`, and then each call is one request: for what makes many calls, or calls with parameters. */
export async function inSession<T>(work: () => Promise<T>): Promise<T> {
  session = (async () => {
    const known: { name: string; uuid: string }[] = JSON.parse(await wrangler("d1", "list", "--json"));
    const databases = boundDatabases().map(({ binding, name }) => {
      const database_id = known.find((database) => database.name === name)?.uuid;
      if (database_id === undefined)
        throw new Failure(`The database "${name}" does not exist: run \`npm run deploy\`.`);
      return { binding, database_name: name, database_id, remote: true };
    });
    return connect(databases);
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

/** Connects to databases. The configuration has nothing else: wrangler would warn that it can't run the Durable Objects
 * here. */
async function connect(d1_databases: object[]): Promise<Connection> {
  Object.assign(process.env, QUIET);
  const { getPlatformProxy } = await import("wrangler");
  const { name, account_id, compatibility_date } = settings();
  const scratch = mkdtempSync(join(tmpdir(), "conversations-"));
  const configPath = join(scratch, "wrangler.json");
  writeFileSync(configPath, JSON.stringify({ name, account_id, compatibility_date, d1_databases }));
  const { env, dispose } = await getPlatformProxy<Record<string, Binding>>({ configPath, persist: false });
  return {
    env,
    dispose: async () => {
      await dispose();
      rmSync(scratch, { recursive: true });
    },
  };
}
