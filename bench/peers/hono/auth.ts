// Authentication: middleware that looks up the bearer token by its hash and checks the scope.
import { eq } from "drizzle-orm";
import { createMiddleware } from "hono/factory";
import type { App } from "./app.ts";
import { ApiError } from "./errors.ts";
import { base62 } from "./ids.ts";
import { limited } from "./limits.ts";
import { tokens } from "./schema.ts";

const SCOPES = { "conversations:read": 1, "conversations:write": 2, "messages:read": 4, "messages:write": 8 };

export const authenticate = (scope: keyof typeof SCOPES) =>
  createMiddleware<App>(async (c, next) => {
    const [, token] = /^bearer +(\S+)$/i.exec(c.req.header("Authorization") ?? "") ?? [];
    if (token === undefined) {
      const message = "A token is required. Send it in the header `Authorization: Bearer {token}`.";
      throw new ApiError(401, "token_missing", message, null, { "WWW-Authenticate": 'Bearer realm="conversations"' });
    }
    if (!wellFormed(token)) throw invalid();
    const hash = await sha256(token);
    const { success } = await c.env.ACCOUNT_LIMIT.limit({ key: hash });
    if (!success) throw limited("account", "requests of this account", c.env.LIMITS.account);
    const caller = await c.get("db").select().from(tokens).where(eq(tokens.hash, hash)).get();
    const now = Math.floor(Date.now() / 1000);
    if (!caller || (caller.expiresAt ?? Infinity) <= now || (caller.revokedAt ?? Infinity) <= now) throw invalid();
    if ((caller.scopes & SCOPES[scope]) === 0) {
      const message = `The token lacks the scope \`${scope}\`. Use a token that has it.`;
      throw new ApiError(403, "scope_insufficient", message, null, {
        "WWW-Authenticate": `Bearer realm="conversations", error="insufficient_scope", scope="${scope}"`,
      });
    }
    c.set("accountId", caller.accountId);
    await next();
  });

const invalid = () =>
  new ApiError(
    401,
    "token_invalid",
    "The token is malformed, unknown, expired or revoked. " +
      "Send a valid one in the header `Authorization: Bearer {token}`.",
    null,
    { "WWW-Authenticate": 'Bearer realm="conversations", error="invalid_token"' },
  );

/** A token ends with the checksum of its random part, so a mistyped one needs no look-up. */
function wellFormed(token: string): boolean {
  const [, random, checksum] = /^self_([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/.exec(token) ?? [];
  return random !== undefined && checksum === base62(crc32(random), 6);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit += 1) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

function crc32(text: string): number {
  let crc = -1;
  for (let i = 0; i < text.length; i += 1) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ text.charCodeAt(i)) & 255]!;
  return ~crc >>> 0;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
