// The form of a token, and how tokens are created, listed and revoked in a database. The Worker checks them.
import { createHash, randomInt } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Database, type LocalDatabase, measured, numberOf, query, text } from "./d1.ts";
import { Failure, root } from "./shared.ts";

/** The scopes and their bits in a token's row, as the Worker has them. */
export const SCOPES: Record<string, number> = {
  "conversations:read": 1,
  "conversations:write": 2,
  "messages:read": 4,
  "messages:write": 8,
  "tokens:write": 16,
  "events:read": 32,
  "webhooks:write": 64,
};

const bitsOf = (scopes: string[]) => scopes.reduce((all, scope) => all | SCOPES[scope], 0);

/** A token as the operator sees it: everything except the secret. */
export type Token = {
  id: string;
  account: string;
  name: string;
  scopes: string[];
  created_at: number;
  expires_at: number | null;
  /** 00:00 UTC of the day. Null if it was not used yet. */
  last_used_at: number | null;
  /** In the future after a rotation with a grace period: until then the token is active. */
  revoked_at: number | null;
  state: "active" | "expired" | "revoked";
};

/** The digits of base62. */
export const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A number in base62, most significant digit first, padded with zeros. */
export const base62 = (value: number, digits: number): string =>
  digits === 0 ? "" : base62(Math.floor(value / 62), digits - 1) + BASE62[value % 62];

const randomBase62 = (digits: number) => Array.from({ length: digits }, () => BASE62[randomInt(62)]).join("");

/** The last six characters of a token, which those after `self_` decide. They distinguish a mistyped token from an
 * unknown one. */
export const checksum = (covered: string) => base62(crc32(covered), 6);

/** A token names the database of its account, unless that is the first one. */
const newSecret = ({ binding }: Database) => {
  const number = numberOf(binding);
  const covered = `${number ? `${number}_` : ""}${randomBase62(30)}`;
  return `self_${covered}${checksum(covered)}`;
};
const newId = () => base62(Date.now(), 7) + randomBase62(9);

/** The only form in which a token is stored. */
export const hashOf = (secret: string) => createHash("sha256").update(secret).digest("hex");

/** What a row of `accounts` is where the account itself is. A row of one that has moved only leads to another database,
 * one that is arriving is not complete. */
export const PRESENT = "accounts.moved_to IS NULL AND accounts.arrival IS NULL";

/** The database that has the account. */
export async function databaseOf(databases: Database[], account: string): Promise<Database | undefined> {
  const found = await Promise.all(
    databases.map((database) => query(database, `SELECT 1 FROM accounts WHERE name = ${text(account)} AND ${PRESENT}`)),
  );
  return databases.find((_, n) => found[n]![0]!.length > 0);
}

/** The database for a new account: the one with most room. If several have the same, that with fewest accounts. */
export async function roomiest(databases: Database[]): Promise<Database> {
  const all = await Promise.all(
    databases.map(async (database) => {
      const { bytes, rows } = await measured(database, `SELECT count(*) AS accounts FROM accounts WHERE ${PRESENT}`);
      return { database, bytes, accounts: Number(rows[0]!.accounts) };
    }),
  );
  return all.toSorted((one, other) => one.bytes - other.bytes || one.accounts - other.accounts)[0]!.database;
}

/** Creates a token in the account's database, and the account if it does not exist. Returns the secret. No quota of
 * tokens binds the operator. */
export async function createToken(
  database: Database,
  { account, name, scopes, expiresAt }: { account: string; name: string; scopes: string[]; expiresAt: number | null },
): Promise<string> {
  const secret = newSecret(database);
  const results = await query(
    database,
    `INSERT INTO accounts (name, created_at) VALUES (${text(account)}, unixepoch()) ON CONFLICT (name) DO NOTHING`,
    `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at, is_full)
     SELECT '${hashOf(secret)}', '${newId()}', id, ${text(name)}, ${bitsOf(scopes)}, unixepoch(),
       ${expiresAt ?? "NULL"}, accounts.is_full
     FROM accounts WHERE name = ${text(account)} AND ${PRESENT} AND held_at IS NULL
     RETURNING id`,
  );
  if (results.at(-1)!.length === 0) throw new Failure(`The account '${account}' is being moved. ${TRY_AGAIN}`);
  return secret;
}

/** What helps while an account is in the last step of a move, or if its move was interrupted there. */
export const TRY_AGAIN = "Nothing was changed for it. Run the command again in a minute, or end the move first.";

/** The tokens of an account, or all of them, oldest first. */
export async function listTokens(databases: Database[], account: string | undefined): Promise<Token[]> {
  const tokens = await Promise.all(databases.map((database) => tokensOf(database, account)));
  return tokens.flat().toSorted((one, other) => order(one.account, other.account) || order(one.id, other.id));
}

const order = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));

async function tokensOf(database: Database, account: string | undefined): Promise<Token[]> {
  const [rows] = await query(
    database,
    `SELECT tokens.id, accounts.name AS account, tokens.name, coalesce(held_scopes, scopes) AS scopes,
       tokens.created_at, expires_at, last_used_at, revoked_at,
       CASE
         WHEN valid_until > unixepoch() THEN 'active'
         WHEN is_revoked OR revoked_at <= unixepoch() THEN 'revoked'
         ELSE 'expired'
       END AS state
     FROM tokens JOIN accounts ON accounts.id = tokens.account_id
     WHERE ${PRESENT} ${account === undefined ? "" : `AND accounts.name = ${text(account)}`}`,
  );
  return rows!.map(({ scopes, ...row }) => ({
    ...(row as Omit<Token, "scopes">),
    scopes: Object.keys(SCOPES).filter((scope) => Number(scopes) & SCOPES[scope]),
  }));
}

/** Whether a token is valid, in the database that has its account now, and has all these scopes. */
export async function hasToken(databases: Database[], secret: string, scopes: string[]): Promise<boolean> {
  const bits = bitsOf(scopes);
  const found = await Promise.all(
    databases.map((database) =>
      query(
        database,
        `SELECT 1 FROM tokens JOIN accounts ON accounts.id = tokens.account_id
         WHERE hash = '${hashOf(secret)}' AND ${PRESENT} AND valid_until > unixepoch()
           AND coalesce(held_scopes, scopes) & ${bits} = ${bits}`,
      ),
    ),
  );
  return found.some(([rows]) => rows!.length > 0);
}

/** Revokes a token, at once and also in its grace period, as the API does. Returns false if there is no such token.
 *
 * The databases that an account has left have a row of it too, and so has the one that it is just moving to. That row
 * may be written between the two rounds, but then from one that the first round has reached, or the mover compares the
 * two rows later, and writes it again. */
export async function revokeToken(databases: Database[], id: string): Promise<boolean> {
  const revoke = (database: Database) => query(database, revocation(id));
  const first = await Promise.all(databases.map(revoke));
  const exists = first.some(([rows]) => rows!.length > 0);
  const rest = databases.filter((_, n) => exists && first[n]![0]!.length === 0);
  await Promise.all(rest.map(revoke));
  return exists;
}

/** What revokes a token, which the API has from the same file. */
const REVOKE = readFileSync(join(root, "src", "tokens", "revoke.sql"), "utf8");

/** The statement that revokes a token. */
export const revocation = (id: string) => `UPDATE tokens SET ${REVOKE} WHERE id = ${text(id)} RETURNING id`;

const fileOf = ({ folder }: LocalDatabase) => join(folder, "local-token");

/** The token that `npm start` prints. It is kept beside the database, so that each start has the same one. */
export function storedToken(database: LocalDatabase): string | undefined {
  try {
    return readFileSync(fileOf(database), "utf8").trim();
  } catch {
    return undefined;
  }
}

export function storeToken(database: LocalDatabase, token: string): void {
  writeFileSync(fileOf(database), `${token}\n`, { mode: 0o600 });
}
