// Tokens and ids as the API makes them, by an implementation of the tests' own.

import { createHash, randomInt } from "node:crypto";
import { crc32 } from "node:zlib";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The scopes, and the bit that stands for each in the database. */
export const SCOPES: Record<string, number> = {
  "conversations:read": 1,
  "conversations:write": 2,
  "messages:read": 4,
  "messages:write": 8,
  "tokens:write": 16,
};
export const READ = 1;
export const WRITE = 2;
export const MESSAGES_READ = 4;
export const TOKENS = 16;
export const ALL = Object.values(SCOPES).reduce((all, bit) => all | bit);

const base62 = (length: number): string => Array.from({ length }, () => BASE62[randomInt(62)]).join("");

/** Sixteen random characters: an id that says nothing about the time. */
export const randomId = (): string => base62(16);

/** A well-formed token that no database knows yet. */
export function newToken(): string {
  const secret = base62(30);
  let checksum = "";
  for (let rest = crc32(secret), i = 0; i < 6; i += 1, rest = Math.floor(rest / 62))
    checksum = BASE62[rest % 62] + checksum;
  return `self_${secret}${checksum}`;
}

export const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");
