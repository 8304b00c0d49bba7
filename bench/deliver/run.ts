// `npm run deliver`: measures how long a change takes to the receiver of a webhook, and how many events a second reach
// receivers that are behind. Prints the results and writes them to deliver.json and README.md.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { root, step } from "../../scripts/shared.ts";
import { TOKEN, TOKEN_HASH } from "../cases.ts";
import { conversationId, fill } from "../data.ts";
import { publishPart, table } from "../report.ts";
import { arrivals, percentiles, send, sendSteadily, type Times } from "../sender.ts";
import { bundle, start, type World } from "../world.ts";

const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
const quick = values.quick ?? false;
const ENDPOINTS = [1, 50];
const SENDS_A_SECOND = 20;
const SEND_SECONDS = quick ? 3 : 30;
const WARM_UP_SENDS = 20;
/** Events that are delivered once more. */
const REPLAYED = quick ? 50 : 500;
const SENDERS = 8;
const CONVERSATIONS = 1000;
const GOAL_MEDIAN_MS = 100;
/** An endpoint does not fall behind if the last event arrives within this time. */
const GOAL_LAST_MS = 1000;

const main = await step("bundle the Worker", () => bundle("ours", `${root}/wrangler.toml`));
const delays: { endpoints: number; sends: number; p50: number; p99: number; max: number; last: number }[] = [];
const rates: { endpoints: number; events: number; perSecond: number }[] = [];
for (const endpoints of ENDPOINTS) {
  const delayed = await step(`changes, endpoints: ${endpoints}`, () => inWorld(endpoints, live));
  delays.push({ endpoints, ...delayed });
  const rate = await step(`replay, endpoints: ${endpoints}`, () => inWorld(endpoints, replay));
  rates.push({ endpoints, ...rate });
}

const how = { sendsASecond: SENDS_A_SECOND, sendSeconds: SEND_SECONDS, replayed: REPLAYED };
await publishPart("deliver", rendered(), { ...how, delays, rates }, ["wrangler", "workerd"], !quick);

/** An endpoint, and when each message arrived there. */
interface Endpoint {
  id: string;
  arrived: Times;
}

/** Each measurement has a workerd and a database of its own, and new endpoints. */
async function inWorld<T>(count: number, measure: (world: World, endpoints: Endpoint[]) => Promise<T>): Promise<T> {
  const vars = { WEBHOOK_KEY: "the key of the benchmark's webhooks", ALLOW_LOOPBACK_WEBHOOKS: true };
  const world = await start([{ name: "ours", main, database: "thousand", isLive: true, vars }]);
  const everywhere: Times[] = Array.from({ length: count }, () => new Map());
  const server = createServer(async (request, response) => {
    const now = performance.now();
    const { data }: any = await json(request);
    everywhere[Number(request.url!.slice(1))]!.set(data.message_id, now);
    response.writeHead(204).end();
  });
  try {
    await fill(world.sql("thousand"), CONVERSATIONS, TOKEN_HASH);
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const endpoints: Endpoint[] = [];
    for (const [at, arrived] of everywhere.entries()) {
      const { id } = await call(world, "POST", "webhooks", { url: `http://127.0.0.1:${port}/${at}` });
      endpoints.push({ id, arrived });
    }
    return await measure(world, endpoints);
  } finally {
    await world.close();
    server.close();
    server.closeAllConnections();
  }
}

async function call(world: World, method: string, path: string, attributes?: object): Promise<any> {
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  const body = attributes && JSON.stringify(attributes);
  const response = await fetch(`${world.url}/v1/${path}`, { method, headers, body });
  const answer: any = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

/** Sends messages at a steady rate. How long they took to the endpoints, and when the last one was there. */
async function live(world: World, endpoints: Endpoint[]) {
  const everywhere = endpoints.map(({ arrived }) => arrived);
  await arrivals(await sendSteadily(world, WARM_UP_SENDS, SENDS_A_SECOND, CONVERSATIONS), everywhere);
  const sends = SENDS_A_SECOND * SEND_SECONDS;
  const answered = await sendSteadily(world, sends, SENDS_A_SECOND, CONVERSATIONS);
  const times = await arrivals(answered, everywhere);
  const lastAnswer = Math.max(...answered.values());
  const lastArrival = Math.max(...everywhere.flatMap((arrived) => [...arrived.values()]));
  return { sends, ...percentiles(times), last: Number((lastArrival - lastAnswer).toFixed(1)) };
}

/** Moves all endpoints back, and returns how many events a second they get. */
async function replay(world: World, endpoints: Endpoint[]) {
  const everywhere = endpoints.map(({ arrived }) => arrived);
  const { data } = await call(world, "GET", "webhooks?limit=1");
  const begin = data[0].last_event_id;
  const answered: Times = new Map();
  await Promise.all(
    Array.from({ length: SENDERS }, async () => {
      for (let at = 0; at < REPLAYED / SENDERS; at += 1) {
        const { id, time } = await send(world, conversationId(at));
        answered.set(id, time);
      }
    }),
  );
  await arrivals(answered, everywhere);
  await idle(world, endpoints);
  for (const arrived of everywhere) arrived.clear();

  const started = performance.now();
  await Promise.all(endpoints.map(({ id }) => call(world, "PUT", `webhooks/${id}`, { last_event_id: begin })));
  await arrivals(answered, everywhere);
  const ended = Math.max(...everywhere.flatMap((arrived) => [...arrived.values()]));
  const events = answered.size * endpoints.length;
  return { events, perSecond: Math.round((1000 * events) / (ended - started)) };
}

/** Waits until the positions of all endpoints are at the end of the log: a delivery that is under way moves them. */
async function idle(world: World, endpoints: Endpoint[]) {
  for (const { id } of endpoints) {
    while ((await call(world, "GET", `webhooks/${id}`)).behind > 0) await delay(20);
  }
}

/** The results as Markdown tables. */
function rendered(): string {
  const mark = (value: number, goal: number) => `${value.toFixed(1)} ${value < goal ? "✓" : "✗"}`;
  const delayed = delays.map(({ endpoints, p50, p99, max, last }) => [
    String(endpoints),
    mark(p50, GOAL_MEDIAN_MS),
    p99.toFixed(1),
    max.toFixed(1),
    mark(last, GOAL_LAST_MS),
  ]);
  const replayed = rates.map(({ endpoints, events, perSecond }) => [
    String(endpoints),
    events.toLocaleString("en"),
    perSecond.toLocaleString("en"),
  ]);
  const live = table([["endpoints", "median ms", "p99 ms", "longest ms", "last event after ms"], ...delayed], "rrrrr");
  const behind = table([["endpoints that are behind", "deliveries", "deliveries a second"], ...replayed], "rrr");
  const goals =
    `Goal: a median below ${GOAL_MEDIAN_MS} ms, and no endpoint falls behind: the last event arrives within ` +
    `${GOAL_LAST_MS} ms after its 201.`;
  return `${live}\n\n${goals}\n\n${behind}`;
}
