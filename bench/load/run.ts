// `npm run load`: sends reads and writes over many connections, to this project's Worker and to Hono's in turn, prints
// the rates and latencies, and writes them to load.json and README.md.
import { join } from "node:path";
import { parseArgs } from "node:util";
import autocannon from "autocannon";
import { root, step } from "../../scripts/shared.ts";
import { CASES, type Request, TOKEN_HASH } from "../cases.ts";
import { fill } from "../data.ts";
import { publishPart, table } from "../report.ts";
import { bundle, start } from "../world.ts";

const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
const quick = values.quick ?? false;
const LEVELS = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** Each Worker gets this time at each level, in two turns: the Workers alternate, the second round is in reverse. */
const TURN_SECONDS = quick ? 1 : 5;
const ROUNDS = 2;
const WARM_UP_SECONDS = quick ? 1 : 5;
const CONVERSATIONS = 1000;
const NAMES = ["ours", "hono"] as const;
type Name = (typeof NAMES)[number];

/** Of each 20 requests this many are of the case in bench/cases.ts: 70 % read, 20 % send a message, 10 % write else. */
const MIX: Record<string, number> = { retrieve: 8, list10: 6, send: 4, create: 1, update: 1 };
const REQUESTS = mixed();

interface Turn {
  seconds: number;
  milliseconds: number[];
  statuses: Record<string, number>;
  /** Connections that failed, and responses that did not come. */
  errors: number;
}

const bundles: Record<Name, string> = await step("bundle the Workers", async () => ({
  ours: await bundle("ours", join(root, "wrangler.toml")),
  hono: await bundle("hono", join(root, "bench/peers/hono/wrangler.toml")),
}));
const worlds = await step("start them", async () => ({ ours: await inhabit("ours"), hono: await inhabit("hono") }));
const results: { connections: number; workers: Record<Name, ReturnType<typeof summary>> }[] = [];
try {
  for (const name of NAMES) await step(`warm up ${name}`, () => turn(name, 8, WARM_UP_SECONDS));
  for (const connections of LEVELS) {
    const turns: Record<Name, Turn[]> = { ours: [], hono: [] };
    await step(`${connections} connections`, async () => {
      for (let round = 0; round < ROUNDS; round += 1)
        for (const name of round % 2 === 0 ? NAMES : NAMES.toReversed())
          turns[name].push(await turn(name, connections, TURN_SECONDS));
    });
    results.push({ connections, workers: { ours: summary(turns.ours), hono: summary(turns.hono) } });
  }
} finally {
  for (const name of NAMES) await worlds[name].close();
}

const how = { mix: MIX, seconds: ROUNDS * TURN_SECONDS };
await publishPart("load", rendered(), { ...how, levels: results }, ["wrangler", "workerd", "hono"], !quick);

/** One Worker in a workerd of its own, with a database of its own. */
async function inhabit(name: Name) {
  const world = await start([{ name, main: bundles[name], database: "thousand" }]);
  await fill(world.sql("thousand"), CONVERSATIONS, TOKEN_HASH);
  return world;
}

/** Two thousand requests in the proportions of `MIX`, evenly spread. */
function mixed(): Request[] {
  const kinds = Object.entries(MIX).flatMap(([key, count]) => Array<string>(count).fill(key));
  const variants = new Map(CASES.map(({ key, requests }) => [key, requests]));
  // 7 and 20 have no common factor: each block of 20 has every kind as often as `MIX` says, the kinds alternate.
  return Array.from({ length: 100 * kinds.length }, (_, at) => {
    const requests = variants.get(kinds[(at * 7) % kinds.length]!)!;
    return requests[Math.floor(at / kinds.length) % requests.length]!;
  });
}

/** Sends requests over so many connections, as fast as the responses come. Each connection has two hundred requests of
 * its own, which it repeats: ten updates, of which every second one undoes the one before. */
async function turn(name: Name, connections: number, seconds: number): Promise<Turn> {
  const milliseconds: number[] = [];
  let begun = 0;
  const { promise, resolve, reject } = Promise.withResolvers<autocannon.Result>();
  const setupClient = (client: autocannon.Client) => {
    const at = (begun++ * 37 * 40) % REQUESTS.length;
    client.setRequests([...REQUESTS, ...REQUESTS].slice(at, at + 200) as autocannon.Request[]);
  };
  const options = { url: worlds[name].url, connections, duration: seconds, setupClient };
  const run = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)));
  run.on("response", (_client, _status, _bytes, time) => milliseconds.push(time));
  const { errors, duration, statusCodeStats = {} } = await promise;
  const statuses = Object.fromEntries(
    Object.entries(statusCodeStats).map(([status, { count = 0 }]) => [status, count]),
  );
  return { seconds: duration, milliseconds, statuses, errors };
}

function summary(turns: Turn[]) {
  const sorted = turns.flatMap(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b);
  const percentile = (part: number) => Number((sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(1));
  const responses = (first: number) =>
    turns
      .flatMap(({ statuses }) => Object.entries(statuses))
      .reduce((sum, [status, count]) => sum + (Math.floor(Number(status) / 100) === first ? count : 0), 0);
  const seconds = turns.reduce((sum, turn) => sum + turn.seconds, 0);
  return {
    rate: Math.round(responses(2) / seconds),
    p50: percentile(0.5),
    p99: percentile(0.99),
    /** Requests without a response, and responses that say that the request was wrong. */
    errors: turns.reduce((sum, { errors }) => sum + errors, 0) + responses(3) + responses(4),
    "5xx": responses(5),
  };
}

/** The results as Markdown tables. */
function rendered(): string {
  const header = ["connections", "ours /s", "Hono /s", "ours : Hono"];
  const latencies = ["p50 ms, ours", "p50 ms, Hono", "p99 ms, ours", "p99 ms, Hono", "errors, ours", "errors, Hono"];
  const rows = results.map(({ connections, workers: { ours, hono } }) => {
    const ratio = ours.rate / hono.rate;
    return [
      connections,
      ours.rate.toLocaleString("en"),
      hono.rate.toLocaleString("en"),
      `${ratio.toFixed(2)} ${ratio >= 1 ? "✓" : "✗"}`,
      ...[ours.p50, hono.p50, ours.p99, hono.p99].map((time) => time.toFixed(1)),
      ...[ours, hono].map(({ errors, "5xx": failed }) => `${errors} and ${failed} × 5xx`),
    ].map(String);
  });
  const failed = results.reduce((sum, { workers }) => sum + workers.ours["5xx"], 0);
  const goals = `Goal: ahead at every level, and no 5xx. 5xx of ours: ${failed} ${failed === 0 ? "✓" : "✗"}.`;
  return `${table([[...header, ...latencies], ...rows], "rrrrrrrrrr")}\n\n${goals}`;
}
