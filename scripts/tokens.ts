// The form of a token, and how tokens are created, listed and revoked in a database. The Worker checks them.
import { createHash, randomInt } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Database, type LocalDatabase, query, text } from "./d1.ts";
import { root } from "./shared.ts";

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

/** A token as the operator sees it: everything except the secret. */
export type Token = {
  id: string;
  account: string;
  name: string;
  scopes: string[];
  created_at: number;
  expires_at: number | null;
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

/** The six characters after the thirty random ones. They distinguish a mistyped token from an unknown one. */
export const checksum = (random: string) => base62(crc32(random), 6);

const newSecret = () => {
  const random = randomBase62(30);
  return `self_${random}${checksum(random)}`;
};
const newId = () => base62(Date.now(), 7) + randomBase62(9);

/** The only form in which a token is stored. */
export const hashOf = (secret: string) => createHash("sha256").update(secret).digest("hex");

/** Creates a token, and its account if it does not exist. Returns the secret. No quota of tokens binds the operator. */
export async function createToken(
  database: Database,
  { account, name, scopes, expiresAt }: { account: string; name: string; scopes: string[]; expiresAt: number | null },
): Promise<string> {
  const secret = newSecret();
  const bits = scopes.reduce((all, scope) => all | SCOPES[scope], 0);
  await query(
    database,
    `INSERT INTO accounts (name, created_at) VALUES (${text(account)}, unixepoch()) ON CONFLICT (name) DO NOTHING`,
    `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at, is_full)
     SELECT '${hashOf(secret)}', '${newId()}', id, ${text(name)}, ${bits}, unixepoch(), ${expiresAt ?? "NULL"},
       accounts.is_full
     FROM accounts WHERE name = ${text(account)}`,
  );
  return secret;
}

/** The tokens of an account, or all of them, oldest first. */
export async function listTokens(database: Database, account: string | undefined): Promise<Token[]> {
  const [rows] = await query(
    database,
    `SELECT tokens.id, accounts.name AS account, tokens.name, scopes, tokens.created_at, expires_at, revoked_at,
       CASE
         WHEN valid_until > unixepoch() THEN 'active'
         WHEN is_revoked OR revoked_at <= unixepoch() THEN 'revoked'
         ELSE 'expired'
       END AS state
     FROM tokens JOIN accounts ON accounts.id = tokens.account_id
     ${account === undefined ? "" : `WHERE accounts.name = ${text(account)}`}
     ORDER BY accounts.name, tokens.id`,
  );
  return rows.map(({ scopes, ...row }) => ({
    ...(row as Omit<Token, "scopes">),
    scopes: Object.keys(SCOPES).filter((scope) => Number(scopes) & SCOPES[scope]),
  }));
}

/** Revokes a token, at once and also in its grace period, as the API does. Returns false if there is no such token. */
export async function revokeToken(database: Database, id: string): Promise<boolean> {
  const [rows] = await query(database, revocation(id));
  return rows.length > 0;
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
