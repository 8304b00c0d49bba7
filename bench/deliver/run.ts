// `npm run deliver`: measures how long a change takes to the receiver of a webhook, and how many events a second reach
// receivers that are behind. Prints the results and writes them to deliver.json and README.md.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ConversationsClient } from "../../clients/typescript/src/index.ts";
import { step } from "../../scripts/shared.ts";
import { freePort, Server, stateFolder, tokenIn } from "../../tests/scripts/processes.ts";
import { publishPart, table } from "../report.ts";
import { arrivals, percentiles, send, sendSteadily, type Target, type Times } from "../sender.ts";

const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
const quick = values.quick ?? false;
const ENDPOINTS = [1, 50];
const SENDS_A_SECOND = 20;
const SEND_SECONDS = quick ? 3 : 30;
const WARM_UP_SENDS = 20;
/** Events that are delivered once more. */
const REPLAYED = quick ? 50 : 500;
const SENDERS = 8;
const GOAL_MEDIAN_MS = 100;
/** An endpoint does not fall behind if the last event arrives within this time. */
const GOAL_LAST_MS = 1000;

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

/** The API, and when each message arrived at each endpoint. */
interface World extends Target {
  client: ConversationsClient;
  everywhere: Times[];
}

/** Each measurement has an `npm start` of its own, with an empty database: it sends to the receivers directly. The test
 * harness of wrangler, which the other benchmarks use, sends each request through its own process. */
async function inWorld<T>(count: number, measure: (world: World) => Promise<T>): Promise<T> {
  using state = stateFolder();
  const port = await freePort();
  await using api = new Server(port, state.path);
  const [url, token] = [`http://127.0.0.1:${port}`, tokenIn(await api.greeting())];
  const client = new ConversationsClient({ token, baseUrl: url });
  const everywhere: Times[] = Array.from({ length: count }, () => new Map());
  const receivers = createServer(async (request, response) => {
    const now = performance.now();
    const { data }: any = await json(request);
    everywhere[Number(request.url!.slice(1))]!.set(data.message_id, now);
    response.writeHead(204).end();
  });
  try {
    const { id } = await client.conversations.create({ contact_id: "someone" });
    await once(receivers.listen(0, "127.0.0.1"), "listening");
    const { port } = receivers.address() as AddressInfo;
    for (const at of everywhere.keys()) await client.webhooks.create({ url: `http://127.0.0.1:${port}/${at}` });
    return await measure({ url, token, conversations: [id], client, everywhere });
  } finally {
    await api.signal("SIGTERM");
    receivers.close();
    receivers.closeAllConnections();
  }
}

/** Sends messages at a steady rate. How long they took to the endpoints, and when the last one was there. */
async function live(world: World) {
  const { everywhere } = world;
  await arrivals(await sendSteadily(world, WARM_UP_SENDS, SENDS_A_SECOND), everywhere);
  const sends = SENDS_A_SECOND * SEND_SECONDS;
  const answered = await sendSteadily(world, sends, SENDS_A_SECOND);
  const times = await arrivals(answered, everywhere);
  const last = lastArrival(world) - Math.max(...answered.values());
  return { sends, ...percentiles(times), last: Number(last.toFixed(1)) };
}

/** Moves all endpoints back, and returns how many events a second they get. */
async function replay(world: World) {
  const { client, everywhere } = world;
  const endpoints = (await client.webhooks.list({ limit: 100 })).data;
  const { last_event_id } = endpoints[0]!;
  const answered: Times = new Map();
  const sender = async () => {
    while (answered.size < REPLAYED) {
      const { id, time } = await send(world, 0);
      answered.set(id, time);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  await arrivals(answered, everywhere);
  // A delivery that is under way moves the position.
  while ((await client.webhooks.list({ limit: 100 })).data.some(({ behind }) => behind > 0)) await delay(100);
  for (const arrived of everywhere) arrived.clear();

  const started = performance.now();
  await Promise.all(endpoints.map(({ id }) => client.webhooks.update(id, { last_event_id })));
  await arrivals(answered, everywhere);
  const events = answered.size * everywhere.length;
  return { events, perSecond: Math.round((1000 * events) / (lastArrival(world) - started)) };
}

function lastArrival({ everywhere }: World): number {
  return Math.max(...everywhere.flatMap((arrived) => [...arrived.values()]));
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
