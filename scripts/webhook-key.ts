// The Worker's secret WEBHOOK_KEY, from which the secrets of all endpoints are derived. With another key every endpoint
// has another secret, so a key that exists is never replaced.
import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { lock } from "proper-lockfile";
import { root } from "./shared.ts";

export const WEBHOOK_KEY = "WEBHOOK_KEY";

/** Where `wrangler dev` finds secrets. Git ignores it. */
export const DEV_VARS = join(root, ".dev.vars");

export const newWebhookKey = () => randomBytes(32).toString("base64url");

/** Adds a key to a file of secrets, unless it has one. Everything else stays as it is. */
export async function ensureWebhookKey(file: string): Promise<void> {
  const folder = join(root, ".wrangler");
  mkdirSync(folder, { recursive: true });
  // Of two `npm start` at the same time, one must find the key of the other.
  const unlock = await lock(folder, {
    lockfilePath: join(folder, "webhook-key.lock"),
    retries: { forever: true, factor: 1, minTimeout: 50 },
  });
  try {
    const text = read(file);
    if (parseEnv(text)[WEBHOOK_KEY]) return;
    const separator = text === "" || text.endsWith("\n") ? "" : "\n";
    appendFileSync(file, `${separator}${WEBHOOK_KEY}=${newWebhookKey()}\n`, { mode: 0o600 });
  } finally {
    await unlock();
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return "";
  }
}
