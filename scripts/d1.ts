// The local or the deployed database, by way of wrangler.
import { join, resolve } from "node:path";
import { root, run } from "./shared.ts";

/** The deployed database, or the local one in a folder. */
export type Database = { remote: true } | { remote: false; folder: string };
/** A row as D1 returns it. */
export type Row = Record<string, string | number | null>;

/** The local database that `npm start` uses, or the one in another state folder. */
export const localDatabase = (folder: string | undefined): Database & { remote: false } => ({
  remote: false,
  folder: resolve(folder ?? join(root, ".wrangler", "state")),
});

/** Runs wrangler and returns what it printed. */
export const wrangler = async (...args: string[]) => (await run("wrangler", args)).stdout;

/** Runs statements in one transaction and returns the rows of each. */
export async function query(database: Database, ...statements: string[]): Promise<Row[][]> {
  const flags = [...target(database), "--json", "--command", statements.join(";\n")];
  const results: { results: Row[] }[] = JSON.parse(await wrangler("d1", "execute", "DB", ...flags));
  return results.map(({ results }) => results);
}

/** Applies the migrations that the database does not have yet. */
export const migrate = (database: Database) => wrangler("d1", "migrations", "apply", "DB", ...target(database));

/** Any text as an SQL expression. In hexadecimal no character of it has a meaning in SQL. */
export const text = (value: string) => `CAST(x'${Buffer.from(value).toString("hex")}' AS TEXT)`;

const target = (database: Database) => (database.remote ? ["--remote"] : ["--local", "--persist-to", database.folder]);
