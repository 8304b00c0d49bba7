// A request whose caller goes away leaves nothing in the wasm's memory, wherever it was at that time. Each left 2 to
// 30 kB when it did. `ABORTS=100000 npm test -- --only tests/aborts.test.ts` sends more.

import assert from "node:assert/strict";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";
import "./quiet.ts";
import { FORM } from "./support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem, NO_ID } from "./support/paths.ts";
import { hashOf, newToken, randomId } from "./support/tokens.ts";
import type { Left } from "./workers/leaver.ts";

const { createTestHarness, experimental_readRawConfig } = await import("wrangler");

const COUNT = Number(process.env.ABORTS ?? 320);
const AT_ONCE = 32;
/** Requests after which the memory has about its working size, and bytes that it varies by. */
const WARM_UP = 160;
const WORKING_BYTES = 512 * 1024;

const root = fileURLToPath(new URL("..", import.meta.url));
const { rawConfig } = experimental_readRawConfig({ config: join(root, "wrangler.toml") });
const { compatibility_date } = rawConfig;
const limit = { limit: 1_000_000_000, period: 60 as const };
const ratelimits = rawConfig.ratelimits?.map((each: object) => ({ ...each, simple: limit }));
const vars = { ...rawConfig.vars, LIMITS: { account: limit, address: limit } };
const services = [{ binding: "API", service: "conversations" }];
const server = createTestHarness({
  root,
  workers: [
    { config: { name: "leaver", main: "tests/workers/leaver.ts", compatibility_date, services } },
    { config: { ...rawConfig, ratelimits, vars, main: "tests/workers/observed.js", build: {} } },
  ],
});
after(() => server.close());
await server.listen();
const api = server.getWorker("conversations");
await api.applyD1Migrations("DB");

const { DB } = await api.getEnv();
const sql = (text: string, ...params: (string | number)[]) =>
  DB.prepare(text)
    .bind(...params)
    .run();
const token = newToken();
await sql("INSERT INTO accounts (id, name, created_at) VALUES (1, 'test', 0)");
await sql(
  "INSERT INTO tokens (hash, id, account_id, name, scopes, created_at) VALUES (?, ?, 1, 'test', 31, 0)",
  hashOf(token),
  randomId(),
);

const authorized = { Authorization: `Bearer ${token}` };
const form = { ...authorized, "Content-Type": FORM };
const long = `?${"x".repeat(8000)}`;

const KINDS: Record<string, Omit<Left, "count">> = {
  "a body of which one byte came": { method: "POST", path: COLLECTION + long, headers: form, body: "m", at: "body" },
  "a body of which a half came": {
    method: "POST",
    path: MESSAGES + long,
    headers: { ...form, "Idempotency-Key": "a" },
    body: `message=${"x".repeat(30_000)}`,
    at: "body",
  },
  "a body too large": {
    method: "PUT",
    path: messageItem(NO_ID) + long,
    headers: form,
    body: "x".repeat(200_000),
    at: "body",
  },
  "a read that D1 works on": {
    method: "GET",
    path: `${COLLECTION}?limit=100`,
    headers: { ...authorized, "If-None-Match": '"a",'.repeat(1000) },
    at: "D1",
  },
  "a write that D1 works on": {
    method: "DELETE",
    path: item(NO_ID),
    headers: { ...authorized, "If-Match": '"a",'.repeat(1000) },
    at: "D1",
  },
  "an unknown token that D1 works on": {
    method: "GET",
    path: COLLECTION + long,
    headers: { Authorization: `Bearer ${newToken()}` },
    at: "D1",
  },
  "HEAD and D1": { method: "HEAD", path: item(NO_ID) + long, headers: authorized, at: "D1" },
  "the health check and D1": { method: "GET", path: `/health${long}`, headers: {}, at: "D1" },
  "a malformed token": { method: "GET", path: COLLECTION + long, headers: { Authorization: "Bearer x" }, at: "start" },
  OPTIONS: { method: "OPTIONS", path: COLLECTION + long, headers: {}, at: "start" },
  "an unknown path": { method: "GET", path: `/v1/nothing${long}`, headers: {}, at: "start" },
  "a page": { method: "GET", path: `/inbox${long}`, headers: {}, at: "start" },
};

for (const [name, kind] of Object.entries(KINDS)) {
  test(`${name}, and the caller goes: the wasm's memory does not grow`, async () => {
    const before = await leave(kind, WARM_UP);
    const growth = (await leave(kind, COUNT)) - before;
    assert.ok(growth <= WORKING_BYTES, `${growth} bytes after ${COUNT} requests`);
    assert.equal((await api.fetch(COLLECTION, { headers: authorized })).status, 200);
  });
}

/** Has requests sent and aborted, few at once: what broke ends only when their sender has ended. Returns the bytes of
 * the wasm's memory afterwards. */
async function leave(kind: Omit<Left, "count">, count: number): Promise<number> {
  let memory = 0;
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    const body = JSON.stringify({ ...kind, count: AT_ONCE });
    const response = await server.getWorker("leaver").fetch("/", { method: "POST", body });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    memory = Number(text);
  }
  return memory;
}
