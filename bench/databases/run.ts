// `npm run bench:databases`: what more databases and read replication cost a request, and what the sweep and the
// health check ask of many databases.
import { join, resolve } from "node:path";
import { command, options } from "../../scripts/cli.ts";
import { root, step } from "../../scripts/shared.ts";
import { CASES, TOKEN_HASH } from "../cases.ts";
import { fill, migrate } from "../data.ts";
import { measure, type Settings } from "../measure.ts";
import { publishPart } from "../report.ts";
import type { Measured } from "../results.ts";
import { bundle, CLOCK, type Inhabitant, moreDatabase, start } from "../world.ts";
import { type Asked, summary, tables } from "./report.ts";

const USAGE = `Usage: npm run bench:databases [-- --quick] [--before DIR]

Measures the CPU time of requests with 1, 10 and 100 databases, and with read replication, and what a sweep and a health
check ask of the databases. Writes bench/databases.json and the tables in bench/README.md.

  --before DIR   a checkout of an earlier commit, built: its Worker is measured beside them
  --quick        rough figures, and write nothing`;

/** How many databases are bound. The account that is measured is in the first one. */
const COUNTS = { one: 1, ten: 10, hundred: 100 };
const KEYS = ["retrieve", "list10", "unauthorized", "update", "send"];

await command(USAGE, async (args) => {
  const { quick = false, before } = options(args, {
    quick: { type: "boolean" },
    before: { type: "string" },
  }).values;
  const settings: Settings = quick
    ? { copies: 1, rounds: 9, blockMs: 60, warmUpMs: 300 }
    : { copies: 3, rounds: 81, blockMs: 70, warmUpMs: 1000 };
  const config = join(root, "wrangler.toml");
  const plainConfig = join(root, "bench/peers/hono/wrangler.toml");
  const mains = await step("bundle the Workers", async () => ({
    ours: await bundle("ours", config),
    observed: await bundle("observed-sweep", config, "bench/observed/sweep.js"),
    statement: await bundle("statement", plainConfig, "bench/databases/statement.js"),
    before: before && (await bundle("before", join(resolve(before), "wrangler.toml"), undefined, resolve(before))),
  }));
  const of = (count: number) => ({ main: mains.ours, moreDatabases: count - 1 });
  const contenders: Record<string, Omit<Inhabitant, "name">> = {
    ...Object.fromEntries(Object.entries(COUNTS).map(([name, count]) => [name, of(count)])),
    replication: { ...of(1), vars: { READ_REPLICATION: true } },
    ...(mains.before && { before: { main: mains.before } }),
  };
  /** They answer every request with the same. */
  const statements: typeof contenders = {
    statement: { main: mains.statement },
    session: { main: mains.statement, vars: { SESSION: true } },
  };
  const cases = CASES.filter(({ key }) => KEYS.includes(key));

  const world = await start(
    Object.entries({ ...contenders, ...statements }).flatMap(([name, contender]) =>
      Array.from({ length: settings.copies }, (_, copy) => ({
        ...contender,
        name: `${name}_${copy}`,
        database: "thousand" as const,
      })),
    ),
  );
  const measured: Measured[] = [];
  try {
    await step("make 1,000 conversations", () => fill(world.sql("thousand"), 1000, TOKEN_HASH));
    for (const { key, requests } of cases) await world.plan(key, requests);
    for (const one of cases) {
      const names = Object.keys({ ...contenders, ...(one.key === "retrieve" && statements) });
      const workers = names.map((name) => ({ name, worker: name, status: one.status }));
      await step(`measure ${one.key}`, async (onLine) => {
        measured.push(...(await measure(world, [one], () => workers, settings, onLine)));
      });
    }
  } finally {
    await world.close();
  }
  const questions = await step("count what sweeps and health checks ask", () => asked(mains.observed));
  const results = { clock: CLOCK, rounds: settings.rounds, cases: summary(measured), asked: questions };
  const packages = ["wrangler", "workerd"];
  await publishPart("databases", tables(measured, questions), results, packages, !quick, "bench:databases");
});

/** What a sweep that finds nothing to do, and a health check, ask of the databases. */
async function asked(main: string): Promise<Asked[]> {
  const counts = Object.values(COUNTS);
  const world = await start(
    counts.map((count) => ({ name: `of${count}`, main, database: "thousand", moreDatabases: count - 1, isLive: true })),
  );
  try {
    const more = Array.from({ length: Math.max(...counts) - 1 }, (_, at) => moreDatabase(at + 1));
    await Promise.all(["thousand", ...more].map((database) => migrate(world.sql(database))));
    const found: Asked[] = [];
    for (const what of ["sweep", "health"] as const) {
      await world.plan(what, [{ method: "GET", path: `/bench-${what}`, headers: {} }]);
      for (const databases of counts) {
        const { body } = (await world.answers(`of${databases}`, what))[0]!;
        found.push({ what, databases, ...JSON.parse(body) });
      }
    }
    return found;
  } finally {
    await world.close();
  }
}
