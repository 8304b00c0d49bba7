// The Worker's own databases, past the Worker: statements of a test, and gates at which the Worker's calls wait.

import { keepState } from "./bookmarks.ts";
import { home, others, type Shard } from "./configuration.ts";
import { origin } from "./server.ts";
import { randomId } from "./tokens.ts";

export type Row = Record<string, string | number | null>;

type Params = (string | number | null)[];
export type Statement = [text: string, ...params: Params];

/** Runs statements in a database, in one transaction, and returns the rows of each. */
export async function batchIn({ binding }: Shard, ...statements: Statement[]): Promise<Row[][]> {
  const body = JSON.stringify(statements.map(([sql, ...params]) => ({ sql, params })));
  const response = await fetch(origin, { method: "POST", headers: { "x-test-sql": binding }, body });
  const answer = (await response.json()) as { results: Row[][]; bookmark?: string } | { error: string };
  if ("error" in answer) throw new Error(answer.error);
  keepState(answer.bookmark);
  return answer.results;
}

/** Runs statements in the database of the tests' accounts. */
export const batch = (...statements: Statement[]) => batchIn(home, ...statements);

/** Runs one statement in a database. */
export async function sqlIn(shard: Shard, text: string, ...params: Params): Promise<Row[]> {
  const [rows = []] = await batchIn(shard, [text, ...params]);
  return rows;
}

/** Runs one statement in the database of the tests' accounts. */
export const sql = (text: string, ...params: Params) => sqlIn(home, text, ...params);

/** Stores a row of any table, and a row of the same contents in every other database: a request that looks there finds
 * what it must not. */
export async function insert(table: string, row: Row): Promise<void> {
  const names = Object.keys(row);
  const statement = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
  await Promise.all([home, ...others].map((shard) => sqlIn(shard, statement, ...Object.values(row))));
}

const control = async (header: string, name: string) => void (await fetch(origin, { headers: { [header]: name } }));

/** A gate at which the calls to D1 of requests with its headers wait, before or after their transaction. */
export function gate(when: "before" | "after" = "before") {
  const name = randomId();
  return {
    headers: { [when === "before" ? "x-test-gate" : "x-test-gate-after"]: name },
    /** Returns once a call waits at the gate. */
    reached: () => control("x-test-reached", name),
    open: () => control("x-test-open", name),
  };
}

/** Tells when a request with its headers has arrived: its body is read next. */
export function arrival() {
  const name = randomId();
  return { headers: { "x-test-arrived": name }, reached: () => control("x-test-reached", name) };
}
