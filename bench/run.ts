// `npm run bench`: measures this project's Worker beside the floor and Hono, prints the results, and writes
// results.json, results.svg and the tables in README.md. Progress goes to stderr.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { root, step } from "../scripts/shared.ts";
import { CASES, type Case, type Database, TOKEN, TOKEN_HASH } from "./cases.ts";
import { fill } from "./data.ts";
import { figures, median, memory, startUp } from "./figures.ts";
import { publish } from "./report.ts";
import type { Measured, Results } from "./results.ts";
import { checkFloor, checkSame } from "./same.ts";
import { bundle, CLOCK, clock, start, type World } from "./world.ts";

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
/** Isolates of each Worker. Two isolates of the same Worker can differ by a few per cent for their whole life. */
const COPIES = quick ? 1 : 3;
const ROUNDS = quick ? 9 : 25;
const BLOCK_MS = quick ? 60 : 70;
const WARM_UP_MS = quick ? 300 : 1000;
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
const copies = Array.from({ length: COPIES }, (_, copy) => copy);
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
    await step(`measure ${group}`, async (onLine) => void measured.push(...(await measure(world, members, onLine))));
  }
} finally {
  await world.close();
}

const results: Results = {
  measuredAt: new Date().toISOString(),
  quick,
  bare,
  sizes: SIZES,
  rounds: ROUNDS,
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

/** The list in random order. In a fixed order, periodic work such as garbage collection could always hit the same
 * Worker. */
function shuffled<T>(list: T[]): T[] {
  const left = [...list];
  return list.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]!);
}

/** CPU and wall time of each case on each Worker, in microseconds per request, for each round: the median of its
 * isolates. */
async function measure(world: World, cases: Case[], onLine: (line: string) => void): Promise<Measured[]> {
  const runners = cases.flatMap((one) => {
    const workers = Object.keys(contenders).map((name) => ({
      name,
      worker: `${name}_${one.database}`,
      status: one.status,
    }));
    if (one.kind === "unauthorized") {
      workers.push(
        { name: "empty", worker: "empty", status: 200 },
        { name: "ready", worker: "ready", status: one.status },
      );
    }
    return workers.flatMap(({ worker, ...rest }) =>
      copies.map((copy) => ({
        ...rest,
        worker: `${worker}_${copy}`,
        key: one.key,
        sent: 0,
        count: 0,
        cpu: [] as number[],
        wall: [] as number[],
      })),
    );
  });
  const time = clock();
  const block = async (runner: (typeof runners)[number], count: number) => {
    await world.collect();
    const [cpu, wall] = [time.cpu(), performance.now()];
    await world.run(runner.worker, runner.key, count, runner.sent, runner.status);
    runner.sent += count;
    return { cpu: (time.cpu() - cpu) / count, wall: (1000 * (performance.now() - wall)) / count };
  };

  for (const runner of runners) {
    onLine(`warm-up: ${runner.key} ${runner.name}`);
    const end = performance.now() + WARM_UP_MS;
    let last = { cpu: 0, wall: 0 };
    // Even counts: every second update undoes the one before.
    for (let count = 2; runner.sent < 10 || performance.now() < end; count = Math.min(100, count * 2)) {
      last = await block(runner, count);
      if (last.wall * count > 1000 * WARM_UP_MS) break;
    }
    runner.count = Math.min(1000, Math.max(2, 2 * Math.round((BLOCK_MS * 500) / last.wall)));
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    onLine(`round ${round + 1} of ${ROUNDS}`);
    for (const runner of shuffled(runners)) {
      const { cpu, wall } = await block(runner, runner.count);
      runner.cpu.push(cpu);
      runner.wall.push(wall);
    }
  }
  return cases.map(({ key, title }) => ({
    key,
    title,
    workers: Object.fromEntries(
      [
        ...Map.groupBy(
          runners.filter((runner) => runner.key === key),
          ({ name }) => name,
        ),
      ].map(([name, isolates]) => {
        const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
        return [
          name,
          {
            cpu: rounds.map((round) => median(isolates.map(({ cpu }) => cpu[round]!))),
            wall: rounds.map((round) => median(isolates.map(({ wall }) => wall[round]!))),
            count: isolates.reduce((sum, { count }) => sum + count, 0),
          },
        ];
      }),
    ),
  }));
}
