// Tokens and ids as the API makes them, by an implementation of the tests' own.

import { createHash, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";
import { home } from "./configuration.ts";

/** The digits of base62. */
export const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The scopes, and the bit that stands for each in the database. */
export const SCOPES: Record<string, number> = {
  "conversations:read": 1,
  "conversations:write": 2,
  "messages:read": 4,
  "messages:write": 8,
  "tokens:write": 16,
  "events:read": 32,
  "webhooks:write": 64,
};
/** The bit of the scope that an operation needs; none where any token will do. */
export const bitOf = (scope: string | undefined): number => (scope === undefined ? 0 : SCOPES[scope]!);
export const READ = 1;
export const WRITE = 2;
export const MESSAGES_READ = 4;
export const TOKENS = 16;
export const ALL = Object.values(SCOPES).reduce((all, bit) => all | bit);

const randomBase62 = (length: number): string => Array.from({ length }, () => BASE62[randomInt(62)]).join("");

/** A number in base62, most significant digit first, padded with zeros. */
export const base62 = (value: number, digits: number): string =>
  digits === 0 ? "" : base62(Math.floor(value / 62), digits - 1) + BASE62[value % 62];

/** Sixteen random characters: an id that says nothing about the time. */
export const randomId = (): string => randomBase62(16);

/** A well-formed token that no database knows yet, of an account made in the database of this number. */
export function newToken(shard = home.number): string {
  const secret = (shard === 0 ? "" : `${shard}_`) + randomBase62(30);
  return `self_${secret}${base62(crc32(secret), 6)}`;
}

/** A token that the API makes: it names the database that its account is in. */
export const TOKEN = new RegExp(`self_${home.number === 0 ? "" : `${home.number}_`}[0-9A-Za-z]{36}`);

export const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");
