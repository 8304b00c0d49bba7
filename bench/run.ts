// `npm run bench`: measures this project's Worker beside the floor and Hono, prints the results, and writes
// results.json, results.svg and the tables in README.md. Progress goes to stderr.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, step } from "../scripts/shared.ts";
import { CASES, type Case, type Database, TOKEN, TOKEN_HASH } from "./cases.ts";
import { fill } from "./data.ts";
import { figures, memory, startUp } from "./figures.ts";
import { type Contender, measure, type Settings } from "./measure.ts";
import { publish } from "./report.ts";
import type { Measured, Results } from "./results.ts";
import { checkFloor, checkSame } from "./same.ts";
import { bundle, CLOCK, start } from "./world.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean" },
    bare: { type: "boolean" },
    requests: { type: "string" },
    only: { type: "string" },
  },
});
const quick = values.quick ?? false;
const bare = values.bare ?? false;
const SIZES: Record<Database, number> = { thousand: 1000, million: quick ? 100_000 : 1_000_000 };
const SETTINGS: Settings = quick
  ? { copies: 1, rounds: 9, blockMs: 60, warmUpMs: 300 }
  : { copies: 3, rounds: 25, blockMs: 70, warmUpMs: 1000 };
/** At least 9, for the confidence interval. */
const START_UP_ROUNDS = quick ? 9 : 41;
const MEMORY_REQUESTS = Number(values.requests ?? (quick ? 20_000 : 60_000));

const at = (...path: string[]) => join(root, ...path);
const config = at("wrangler.toml");
/** Of a Worker that has no Durable Object: the others export none. */
const plainConfig = at("bench/peers/hono/wrangler.toml");
const bundles = await step("bundle the Workers", async () => ({
  ours: await bundle("ours", config, bare ? "bench/bare/ours.js" : undefined),
  floor: await bundle("floor", plainConfig, `bench/${bare ? "bare/floor" : "floor/worker"}.js`),
  hono: await bundle("hono", plainConfig, bare ? "bench/bare/hono.js" : undefined),
  empty: await bundle("empty", plainConfig, `bench/${bare ? "bare/empty" : "empty/worker"}.js`),
  ready: await bundle("ready", plainConfig, `bench/${bare ? "bare/ready" : "empty/ready"}.js`),
  observedOurs: await bundle("observed-ours", config, "bench/observed/ours.js"),
  observedFloor: await bundle("observed-floor", plainConfig, "bench/observed/floor.js"),
  observedMemory: await bundle("observed-memory", config, "bench/observed/memory.js"),
}));
const FLOOR_VARS = { TOKEN_HASH, TOKEN_END: TOKEN.slice(-6) };

const { statements, d1Calls } = await step("compare the floor's statements with ours", () =>
  checkFloor(bundles.observedOurs, bundles.observedFloor, FLOOR_VARS),
);

const contenders = { ours: bundles.ours, floor: bundles.floor, hono: bundles.hono };
const databases: Database[] = ["thousand", "million"];
const copies = Array.from({ length: SETTINGS.copies }, (_, copy) => copy);
const world = await start(
  copies.flatMap((copy) => [
    ...Object.entries(contenders).flatMap(([name, main]) =>
      databases.map((database) => ({
        name: `${name}_${database}_${copy}`,
        main,
        database,
        ...(name === "floor" ? { vars: { ...FLOOR_VARS, STATEMENTS: statements } } : {}),
      })),
    ),
    { name: `empty_${copy}`, main: bundles.empty },
    { name: `ready_${copy}`, main: bundles.ready },
  ]),
);
const measured: Measured[] = [];
try {
  for (const database of databases) {
    await step(`make ${SIZES[database].toLocaleString("en")} conversations`, () =>
      fill(world.sql(database), SIZES[database], TOKEN_HASH),
    );
  }
  const cases = CASES.filter(({ key }) => values.only === undefined || key.startsWith(values.only));
  for (const { key, requests } of cases) await world.plan(key, requests);
  await step("compare the answers", () => checkSame(world, cases, Object.keys(contenders)));
  // Cases that are compared with each other are measured in the same rounds.
  for (const [group, members] of Map.groupBy(cases, ({ key }) => key.replace(/-1[km]$/, ""))) {
    await step(
      `measure ${group}`,
      async (onLine) => void measured.push(...(await measure(world, members, contendersOf, SETTINGS, onLine))),
    );
  }
} finally {
  await world.close();
}

const results: Results = {
  measuredAt: new Date().toISOString(),
  quick,
  bare,
  sizes: SIZES,
  rounds: SETTINGS.rounds,
  clock: CLOCK,
  cases: measured,
  d1Calls,
  ...(await figures()),
};
if (values.only === undefined && !bare) {
  results.startUp = await step("start-up", (onLine) => startUp(bundles.ours, bundles.empty, START_UP_ROUNDS, onLine));
  results.memory = await step(`memory over ${MEMORY_REQUESTS.toLocaleString("en")} requests`, (onLine) =>
    memory(bundles.observedMemory, MEMORY_REQUESTS, onLine),
  );
}
publish(results, values.only === undefined && !quick);

/** The Workers that a case is measured on. */
function contendersOf({ database, kind, status }: Case): Contender[] {
  const all = Object.keys(contenders).map((name) => ({ name, worker: `${name}_${database}`, status }));
  if (kind !== "unauthorized") return all;
  return [...all, { name: "empty", worker: "empty", status: 200 }, { name: "ready", worker: "ready", status }];
}
