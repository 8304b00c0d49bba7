// The client works the same in Node and in Workers, over the network and through a service binding.

import assert from "node:assert/strict";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";
import { account } from "../support/accounts.ts";
import { origin } from "../support/server.ts";
import { EXPECTED, everything } from "./everything.ts";
import { newTokenIn } from "./new_token.ts";

const { createTestHarness, experimental_readRawConfig } = await import("wrangler");

// A second server with two Workers: the caller, and another instance of the API, which is bound to the caller and has
// read replicas.
const root = fileURLToPath(new URL("../..", import.meta.url));
const { rawConfig } = experimental_readRawConfig({ config: join(root, "wrangler.toml") });
const { compatibility_date } = rawConfig;
const vars = { ...rawConfig.vars, READ_REPLICATION: true, WEBHOOK_KEY: "k".repeat(32), ALLOW_LOOPBACK_WEBHOOKS: true };
const services = [{ binding: "API", service: "conversations" }];
const server = createTestHarness({
  root,
  workers: [
    { config: { name: "caller", main: "tests/workers/caller.ts", compatibility_date, services } },
    { config: { ...rawConfig, vars, build: {} } },
  ],
});
after(() => server.close());
await server.listen();
const bound = server.getWorker("conversations");
await bound.applyD1Migrations("DB");

/** The result of `everything` in a Worker. */
async function inWorker(call: { token: string; origin?: string }): Promise<unknown> {
  const response = await server.getWorker("caller").fetch("/", { method: "POST", body: JSON.stringify(call) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

test("in Node", async () => {
  const { token } = await account();
  assert.deepEqual(await everything({ token, baseUrl: origin }), EXPECTED);
});

test("in a Worker, over the network", async () => {
  const { token } = await account();
  assert.deepEqual(await inWorker({ token, origin }), EXPECTED);
});

test("in a Worker, through a service binding, with read replicas", async () => {
  assert.deepEqual(await inWorker({ token: await newTokenIn(bound) }), EXPECTED);
});
