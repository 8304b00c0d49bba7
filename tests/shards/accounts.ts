// Accounts in any of three databases, and what the move of an account leaves behind: `npm run databases` writes the
// same (scripts/move.ts).

import { ACCOUNT, LAST_DAY, newNumber } from "../support/accounts.ts";
import { asked } from "../support/audit.ts";
import { SHARDS, type Shard } from "../support/configuration.ts";
import { contentsOf, deleting, storing } from "../support/copies.ts";
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
    `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, last_used_at)
     VALUES (?, ?, ?, 'test', ?, 0, ?)`,
    hashOf(token),
    randomId(),
    id,
    scopes,
    LAST_DAY,
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

/** Moves an account that is held, and returns its number in the other database. */
export async function move(from: Place, to: Shard): Promise<number> {
  const moved = newNumber();
  const contents = await contentsOf(from);
  for (const table of contents) table.rows = table.rows.map((row) => ({ ...row, ...changed(table.name, row) }));
  await batchIn(to, [ACCOUNT, moved, `moved ${moved}`], ...storing(moved, contents));
  await batchIn(
    from.shard,
    ["UPDATE accounts SET moved_to = ?, held_at = NULL WHERE id = ?", to.number, from.id],
    // The rows of the tokens stay.
    ...deleting(from.id).slice(1),
  );
  return moved;
}

/** What is different in the copy of a row. */
function changed(table: string, row: Row): Row {
  if (table === "tokens") return { scopes: row.held_scopes!, held_scopes: null };
  return table === "webhooks" ? { is_held: 0 } : {};
}
