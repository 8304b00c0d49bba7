// One Worker with empty databases for each test file: importing this module starts all in workerd, from wrangler.toml
// and through wrangler's own test harness, and stops them after the file's last test. `npm run build` comes first.

import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import "../quiet.ts";
import { COPIES, home, SHARDS } from "./configuration.ts";

const { createTestHarness, experimental_readRawConfig } = await import("wrangler");

const root = fileURLToPath(new URL("../..", import.meta.url));

/** wrangler.toml as it stands. */
export const { rawConfig: config } = experimental_readRawConfig({ config: join(root, "wrangler.toml") });

/** Requests a minute: more than any test makes. tests/support/tight_limit.ts lowers it. */
const limit = { limit: Number(process.env.TEST_LIMIT ?? 1_000_000), period: 60 as const };
const ratelimits = config.ratelimits?.map((each: object) => ({ ...each, simple: limit }));
const vars = {
  ...config.vars,
  LIMITS: { account: limit, address: limit },
  WEBHOOK_KEY: "a key of the tests, from which secrets are derived",
  ALLOW_LOOPBACK_WEBHOOKS: true,
  READ_REPLICATION: COPIES > 0,
  TEST_HOME: home.binding,
};
const [database] = config.d1_databases!;
const bindings = [
  ...SHARDS.map(({ binding }) => binding),
  ...Array.from({ length: COPIES }, (_, number) => `COPY_${number + 1}`),
];
const d1_databases = bindings.map((binding) => ({ ...database!, binding, database_name: binding.toLowerCase() }));
const server = createTestHarness({
  root,
  workers: [{ config: { ...config, d1_databases, ratelimits, vars, main: "tests/workers/observed.js", build: {} } }],
});
after(() => server.close());

const { url } = await server.listen();
for (const binding of bindings) await server.getWorker().applyD1Migrations(binding);

/** A request to any URL, which reaches the Worker as it is. */
export const dispatch = (input: string, init?: RequestInit): Promise<Response> =>
  server.getWorker().fetch(input, init as never) as never;

/** Where the Worker listens, as a caller names it: `http://127.0.0.1:PORT`. */
export const { origin, host, hostname, port } = url;
