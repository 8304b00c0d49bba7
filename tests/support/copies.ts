// All rows of an account, and how to store them as those of another account or in another database.

import type { Shard } from "./configuration.ts";
import { batchIn, type Row, type Statement } from "./database.ts";

/** What belongs to an account. The log comes last: what is written to the others before writes to it. */
const TABLES = ["tokens", "conversations", "messages", "idempotency_keys", "webhooks", "webhook_attempts", "events"];

interface Table {
  name: string;
  /** Those that are not generated. */
  columns: string[];
  rows: Row[];
}

export async function contentsOf({ id, shard }: { id: number; shard: Shard }): Promise<Table[]> {
  const found = await batchIn(
    shard,
    ...TABLES.flatMap((name): Statement[] => [
      ["SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", name],
      [`SELECT * FROM ${name} WHERE account_id = ?`, id],
    ]),
  );
  return TABLES.map((name, index) => ({
    name,
    columns: found[2 * index]!.map((column) => String(column.name)),
    rows: found[2 * index + 1]!,
  }));
}

/** The statements that store the contents of an account. A token may have a row already, from an earlier stay. */
export function storing(account: number, contents: Table[]): Statement[] {
  const statements = contents.map(({ name, columns, rows }): Statement => {
    const again =
      name === "tokens" ? `ON CONFLICT (hash) DO UPDATE SET ${columns.map((c) => `${c} = excluded.${c}`)}` : "";
    return [
      `INSERT INTO ${name} (${columns})
       SELECT ${columns.map((column) => `value ->> '${column}'`)} FROM json_each(?) WHERE true ${again}`,
      JSON.stringify(rows.map((row) => ({ ...row, account_id: account }))),
    ];
  });
  return [
    ["PRAGMA defer_foreign_keys = ON"],
    ...statements.slice(0, -1),
    // The log is copied, and not written again.
    ["DELETE FROM events WHERE account_id = ?", account],
    ...statements.slice(-1),
  ];
}

/** The statements that delete them. */
export const deleting = (account: number): Statement[] =>
  TABLES.map((name) => [`DELETE FROM ${name} WHERE account_id = ?`, account]);
