// Accounts in any of three databases, and what the move of an account leaves behind: `npm run databases` writes the same
// (scripts/move.ts).

import { ACCOUNT, newNumber } from "../support/accounts.ts";
import { asked } from "../support/audit.ts";
import { SHARDS, type Shard } from "../support/configuration.ts";
import { batchIn, type Row, sqlIn } from "../support/database.ts";
import { api } from "../support/http.ts";
import { ALL, hashOf, newToken, randomId } from "../support/tokens.ts";

for (const { binding } of SHARDS) asked.add(binding);

export const [FIRST, SECOND, THIRD] = SHARDS as [Shard, Shard, Shard];

/** The API in the hands of an account, and where that account is. */
export interface Holder extends ReturnType<typeof api> {
  id: number;
  shard: Shard;
}

/** A new account in a database. */
export async function accountIn(shard: Shard, scopes = ALL): Promise<Holder> {
  const id = newNumber();
  await sqlIn(shard, ACCOUNT, id, `holder ${id}`);
  return holder(shard, id, scopes);
}

/** A new token of an account, in the hands of its holder. */
export async function holder(shard: Shard, id: number, scopes = ALL, named = shard): Promise<Holder> {
  const token = newToken(named.number);
  await sqlIn(
    shard,
    `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at) VALUES (?, ?, ?, 'test', ?, 0)`,
    hashOf(token),
    randomId(),
    id,
    scopes,
  );
  return { id, shard, ...api(token) };
}

/** An account of the same number in each database, with equal contents. */
export async function namesakes(): Promise<Holder[]> {
  const id = newNumber();
  const conversation = randomId();
  return Promise.all(
    SHARDS.map(async (shard) => {
      await batchIn(
        shard,
        [ACCOUNT, id, `holder ${id}`],
        [
          "INSERT INTO conversations (account_id, id, contact_id, created_at) VALUES (?, ?, 'bob', 5)",
          id,
          conversation,
        ],
      );
      return holder(shard, id);
    }),
  );
}

type Place = Pick<Holder, "id" | "shard">;

/** From now on the requests of the account wait for its move. */
export const hold = ({ id, shard }: Place) =>
  batchIn(
    shard,
    ["UPDATE accounts SET held_at = unixepoch() WHERE id = ?", id],
    ["UPDATE tokens SET held_scopes = scopes, scopes = 128 WHERE account_id = ? AND held_scopes IS NULL", id],
    ["UPDATE webhooks SET is_held = 1 WHERE account_id = ?", id],
  );

/** What belongs to an account. The log comes last: what is written to the others before writes to it. */
const TABLES = ["tokens", "conversations", "messages", "idempotency_keys", "webhooks", "webhook_attempts", "events"];

/** Moves an account that is held, and returns its number in the other database. */
export async function move({ id, shard }: Place, to: Shard): Promise<number> {
  const moved = newNumber();
  const [columns, rows] = [
    await batchIn(to, ...TABLES.map((table): Statement => [COLUMNS, table])),
    await batchIn(shard, ...TABLES.map((table): Statement => [`SELECT * FROM ${table} WHERE account_id = ?`, id])),
  ];
  const copies = TABLES.map((table, index): Statement => {
    const names = columns[index]!.map(({ name }) => String(name));
    const given = rows[index]!.map((row): Row => ({ ...row, account_id: moved, ...changed(table, row) }));
    return [
      // A token may have a row here, from an earlier stay of its account.
      `INSERT INTO ${table} (${names}) SELECT ${names.map((name) => `value ->> '${name}'`)} FROM json_each(?) WHERE true
       ${table === "tokens" ? `ON CONFLICT (hash) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`)}` : ""}`,
      JSON.stringify(given),
    ];
  });
  await batchIn(
    to,
    ["PRAGMA defer_foreign_keys = ON"],
    [ACCOUNT, moved, `moved ${moved}`],
    ...copies.slice(0, -1),
    ["DELETE FROM events WHERE account_id = ?", moved],
    ...copies.slice(-1),
  );
  await batchIn(
    shard,
    ["UPDATE accounts SET moved_to = ?, held_at = NULL WHERE id = ?", to.number, id],
    ...TABLES.slice(1).map((table): Statement => [`DELETE FROM ${table} WHERE account_id = ?`, id]),
  );
  return moved;
}

type Statement = [text: string, ...params: (string | number)[]];
const COLUMNS = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0";

/** What is different in the copy of a row. */
function changed(table: string, row: Row): Row {
  if (table === "tokens") return { scopes: row.held_scopes!, held_scopes: null };
  return table === "webhooks" ? { is_held: 0 } : {};
}
