// The Worker's own database, past the Worker: statements of a test, and gates at which the Worker's calls wait.

import { origin } from "./server.ts";
import { randomId } from "./tokens.ts";

export type Row = Record<string, string | number | null>;

type Params = (string | number | null)[];

/** Runs statements, in one transaction, and returns the rows of each. */
export async function batch(...statements: [text: string, ...params: Params][]): Promise<Row[][]> {
  const body = JSON.stringify(statements.map(([sql, ...params]) => ({ sql, params })));
  const response = await fetch(origin, { method: "POST", headers: { "x-test-sql": "1" }, body });
  const answer = (await response.json()) as { results: Row[][] } | { error: string };
  if ("error" in answer) throw new Error(answer.error);
  return answer.results;
}

/** Runs one statement. */
export async function sql(text: string, ...params: Params): Promise<Row[]> {
  const [rows = []] = await batch([text, ...params]);
  return rows;
}

/** Stores a row of any table. */
export async function insert(table: string, row: Row): Promise<void> {
  const names = Object.keys(row);
  await sql(
    `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
    ...Object.values(row),
  );
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
