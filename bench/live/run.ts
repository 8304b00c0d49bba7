// `npm run live`: measures how long an event takes from the sender's 201 to the listeners, and what listeners cost
// while nothing happens. Prints the results and writes them to live.json and README.md.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { root, step } from "../../scripts/shared.ts";
import { hashOf, newToken } from "../../tests/support/tokens.ts";
import { TOKEN, TOKEN_HASH } from "../cases.ts";
import { conversationId, fill } from "../data.ts";
import { publishPart, table } from "../report.ts";
import { arrivals, percentiles, sendSteadily } from "../sender.ts";
import { bundle, clock, start, type World } from "../world.ts";

const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
const quick = values.quick ?? false;
const LISTENERS = [1, 10, 100];
const LISTENERS_OF_A_TOKEN = 10;
const SENDS_A_SECOND = 20;
const SEND_SECONDS = quick ? 3 : 30;
const WARM_UP_SENDS = 20;
/** Two safety polls of each listener fall into it. */
const IDLE_SECONDS = quick ? 10 : 120;
const CONVERSATIONS = 1000;
const GOAL_MEDIAN_MS = 50;

const main = await step("bundle the Worker", () =>
  bundle("observed-calls", join(root, "wrangler.toml"), "bench/observed/calls.js"),
);
const delays: { listeners: number; sends: number; p50: number; p99: number; max: number; d1CallsASend: number }[] = [];
for (const listeners of LISTENERS) {
  const level = await step(`send to ${listeners} listeners`, () => inWorld((world) => send(world, listeners)));
  delays.push({ listeners, ...level });
}
const idle: { listeners: number; cpuMsAMinute: number; d1CallsAMinute: number }[] = [];
for (const listeners of [0, 100]) {
  const cost = await step(`${listeners} idle listeners`, () => inWorld((world) => rest(world, listeners)));
  idle.push({ listeners, ...cost });
}

const how = { sendsASecond: SENDS_A_SECOND, sendSeconds: SEND_SECONDS, idleSeconds: IDLE_SECONDS };
await publishPart("live", rendered(), { ...how, delays, idle }, ["wrangler", "workerd"], !quick);

/** Each measurement has a workerd and a database of its own: the streams of the one before may not have ended yet. */
async function inWorld<T>(measure: (world: World) => Promise<T>): Promise<T> {
  const world = await start([{ name: "ours", main, database: "thousand", isLive: true }]);
  try {
    await fill(world.sql("thousand"), CONVERSATIONS, TOKEN_HASH);
    return await measure(world);
  } finally {
    await world.close();
  }
}

/** A stream of the account's events. */
interface Listener {
  /** When each message arrived, by its id. */
  arrived: Map<string, number>;
  close(): void;
}

/** Opens streams. They listen when this returns. */
async function listen(world: World, count: number): Promise<Listener[]> {
  const tokens = Array.from({ length: Math.ceil(count / LISTENERS_OF_A_TOKEN) }, newToken);
  for (const [at, token] of tokens.entries()) {
    const sql = `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at)
                 SELECT ?1, ?2, 1, 'listener', scopes, 0 FROM tokens WHERE hash = ?3`;
    await world.sql("thousand")([
      { sql, params: [hashOf(token), `listener${String(at).padStart(8, "0")}`, TOKEN_HASH] },
    ]);
  }
  return Promise.all(
    Array.from({ length: count }, (_, at) => stream(world, tokens[Math.floor(at / LISTENERS_OF_A_TOKEN)]!)),
  );
}

async function stream(world: World, token: string): Promise<Listener> {
  const connection = new AbortController();
  const headers = { Authorization: `Bearer ${token}`, Accept: "text/event-stream" };
  const response = await fetch(`${world.url}/v1/events`, { headers, signal: connection.signal });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  const arrived = new Map<string, number>();
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  const read = async () => {
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const now = performance.now();
      const parts = (text + chunk).split("\n\n");
      text = parts.pop()!;
      resolve();
      for (const part of parts) {
        const data = /^data: (.*)$/m.exec(part)?.[1];
        if (data !== undefined) arrived.set(JSON.parse(data).message_id, now);
      }
    }
  };
  read().catch((error) => {
    if (!connection.signal.aborted) throw error;
  });
  await listening;
  return { arrived, close: () => connection.abort() };
}

/** Sends messages at a steady rate, and returns how long their events took to all listeners. */
async function send(world: World, count: number) {
  const listeners = await listen(world, count);
  try {
    const arrived = listeners.map((listener) => listener.arrived);
    const conversations = Array.from({ length: CONVERSATIONS }, (_, at) => conversationId(at));
    const target = { url: world.url, token: TOKEN, conversations };
    await arrivals(await sendSteadily(target, WARM_UP_SENDS, SENDS_A_SECOND), arrived);
    const calls = await d1Calls(world);
    const sends = SENDS_A_SECOND * SEND_SECONDS;
    const delays = await arrivals(await sendSteadily(target, sends, SENDS_A_SECOND), arrived);
    // Of the calls one is the sender's own.
    const d1CallsASend = Number((((await d1Calls(world)) - calls) / sends - 1).toFixed(2));
    return { sends, ...percentiles(delays), d1CallsASend };
  } finally {
    for (const listener of listeners) listener.close();
  }
}

/** What so many listeners cost while nothing happens. */
async function rest(world: World, count: number) {
  const listeners = await listen(world, count);
  try {
    const time = clock();
    const [cpu, calls, begin] = [time.cpu(), await d1Calls(world), performance.now()];
    await delay(1000 * IDLE_SECONDS);
    const minutes = (performance.now() - begin) / 60_000;
    const d1CallsAMinute = ((await d1Calls(world)) - calls) / minutes;
    const cpuMsAMinute = (time.cpu() - cpu) / 1000 / minutes;
    return { cpuMsAMinute: Math.round(cpuMsAMinute), d1CallsAMinute: Number(d1CallsAMinute.toFixed(1)) };
  } finally {
    for (const listener of listeners) listener.close();
  }
}

async function d1Calls(world: World): Promise<number> {
  return Number(await (await fetch(`${world.url}/bench-d1-calls`)).text());
}

/** The results as Markdown tables. */
function rendered(): string {
  const sends = delays.map(({ listeners, p50, p99, max, d1CallsASend }) =>
    [
      listeners,
      `${p50.toFixed(1)} ${p50 < GOAL_MEDIAN_MS ? "✓" : "✗"}`,
      p99.toFixed(1),
      max.toFixed(1),
      d1CallsASend.toFixed(2),
    ].map(String),
  );
  const costs = idle.map(({ listeners, cpuMsAMinute, d1CallsAMinute }) =>
    [listeners, cpuMsAMinute.toLocaleString("en"), d1CallsAMinute.toFixed(1)].map(String),
  );
  const delayed = table(
    [["listeners", "median ms", "p99 ms", "longest ms", "D1 calls of listeners for each message"], ...sends],
    "rrrrr",
  );
  const idling = table([["idle listeners", "CPU ms a minute", "D1 calls a minute"], ...costs], "rrr");
  return `${delayed}\n\nGoal: a median below ${GOAL_MEDIAN_MS} ms.\n\n${idling}`;
}
