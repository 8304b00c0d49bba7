// The database from the outside, through wrangler: the local one in a state folder, or the deployed one.
import { join, resolve } from "node:path";
import { node, root, run, wranglerScript } from "./shared.mjs";

/** The deployed database, or the local one in a folder. */
export type Database = { remote: true } | { remote: false; folder: string };
/** A row as D1 gives it. */
export type Row = Record<string, string | number | null>;

/** The local database that `npm start` uses, or the one in another state folder. */
export const localDatabase = (folder: string | undefined): Database & { remote: false } => ({
  remote: false,
  folder: resolve(folder ?? join(root, ".wrangler", "state")),
});

/** Runs wrangler and gives what it printed. */
export const wrangler = (...args: string[]) => run(node, [wranglerScript, ...args]);

/** Runs statements in one transaction and gives the rows of each. */
export async function query(database: Database, ...statements: string[]): Promise<Row[][]> {
  const { stdout } = await wrangler(
    "d1",
    "execute",
    "DB",
    ...target(database),
    "--json",
    "--command",
    statements.join(";\n"),
  );
  const answers: { results: Row[] }[] = JSON.parse(stdout);
  return answers.map((answer) => answer.results);
}

/** Applies the migrations that the database hasn't had yet. */
export const migrate = (database: Database) => wrangler("d1", "migrations", "apply", "DB", ...target(database));

/** Any text as an SQL expression. In hexadecimal, nothing in it can mean anything to SQL, nor to those who split it. */
export const text = (value: string) => `CAST(x'${Buffer.from(value).toString("hex")}' AS TEXT)`;

const target = (database: Database) => (database.remote ? ["--remote"] : ["--local", "--persist-to", database.folder]);
