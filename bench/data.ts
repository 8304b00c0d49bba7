// The contents of the databases: the project's migrations, one account, and its conversations. SQLite makes them from
// their numbers, so every run has the same. The secondary indexes are made after the rows, which takes a fifth of the
// time.
import { readdirSync, readFileSync } from "node:fs";
import { unstable_splitSqlQuery as split } from "wrangler";

/** The id of a conversation by its number, the oldest is 0. `printf` in `ROWS` says the same. */
export const conversationId = (number: number): string =>
  `U${String(number).padStart(9, "0")}${String((number * 7919) % 1_000_000).padStart(6, "0")}`;

/** One in ten is muted, one in ten archived, eight are both: `?3` is an eighth of all. `?1` to `?2` are made. */
const ROWS = `
INSERT INTO conversations
  (account_id, id, contact_id, group_id, is_pinned, is_muted, last_active_ms, last_opened_ms, last_received_ms,
   created_at, archived_at)
WITH RECURSIVE numbers (i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < ?2)
SELECT
  1,
  printf('U%09d%06d', i, i * 7919 % 1000000),
  printf('contact%04d', i * 31 % 1009),
  iif(i % 10 = 0, printf('group%03d', i % 97), NULL),
  i % 50 = 1,
  i % 10 = 3 OR i % CAST(?3 AS INTEGER) = 5,
  1000 * (1700000000 + i * 37),
  1000 * (1700000000 + i * 37 + iif(i % 3 = 0, -60, 60)),
  1000 * (1700000000 + i * 37),
  1690000000 + i * 30,
  iif(i % 10 = 7 OR i % CAST(?3 AS INTEGER) = 5, 1760000000 + i, NULL)
FROM numbers`;
const CHUNK = 100_000;

export type Sql = (statements: { sql: string; params?: (string | number)[] }[]) => Promise<Record<string, string>[]>;

/** Makes the tables of an empty database. */
export async function migrate(sql: Sql): Promise<void> {
  const folder = new URL("../migrations/", import.meta.url);
  for (const file of readdirSync(folder).sort()) {
    await sql(split(readFileSync(new URL(file, folder), "utf8")).map((text) => ({ sql: text })));
  }
}

/** Fills an empty database. */
export async function fill(sql: Sql, conversations: number, tokenHash: string): Promise<void> {
  await migrate(sql);
  await sql([
    { sql: "INSERT INTO accounts (id, name, created_at) VALUES (1, 'bench', 0)" },
    {
      sql: `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at)
            VALUES (?1, 'benchbenchbench0', 1, 'bench', 111, 0)`,
      params: [tokenHash],
    },
  ]);
  const indexes = await sql([
    {
      // A trigger names conversations_removed, which has no row here.
      sql: `SELECT name, sql FROM sqlite_schema
            WHERE type = 'index' AND tbl_name = 'conversations' AND sql IS NOT NULL
              AND name <> 'conversations_removed'`,
    },
  ]);
  await sql(indexes.map(({ name }) => ({ sql: `DROP INDEX ${name}` })));
  for (let from = 0; from < conversations; from += CHUNK) {
    const params = [from, Math.min(from + CHUNK, conversations), Math.floor(conversations / 8)];
    await sql([{ sql: ROWS, params }]);
  }
  for (const index of indexes) await sql([{ sql: index.sql! }]);
}
