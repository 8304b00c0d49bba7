// The model behind `npm run scale -- simulate`: what so many accounts and messages need, cost and wait for.
import { INCLUDED, MEMORY, PRICES } from "../bill/money.ts";
import type { Measured, Step } from "./measured.ts";
import { nearest, REGIONS, toRegion } from "./places.ts";
import { busyShare, type Calls, type Part, percentile, waiting } from "./queue.ts";

export interface Scenario {
  accounts: number;
  /** Messages a day. Each is one message cycle. */
  messages: number;
  /** Characters of a message. */
  characters: number;
  /** A new conversation begins after so many messages. */
  perConversation: number;
  /** Share of the messages by city. The sum is 1. */
  places: Record<string, number>;
  /** Where databases are. An account is in the one that is nearest to its callers. */
  regions: string[];
  /** The share of the messages with an idempotency key. */
  keys: number;
  /** The rate of the busiest hour, as a multiple of the average. */
  peak: number;
  /** The share of all messages that the largest account has. */
  largest: number;
  /** With replicas: the share of reads that come right after a write of the same caller, and the lag of a replica. */
  afterWrite: number;
  lagMs: number;
}

/** What nothing here can measure. */
export const ASSUMED = {
  /** A database that is busier, or fuller, gets no more accounts. */
  busy: 0.5,
  full: 0.8,
  /** D1 acknowledges a write when several places have stored it. Others do not wait for that. */
  confirmMs: 10,
  /** For how many days events are kept (EVENT_RETENTION_DAYS). */
  eventDays: 30,
  /** One in five conversations is of a group, as in the message cycles of docs/COSTS.md. */
  groups: 0.2,
  /** Rows of an event that the sweep deletes: docs/COSTS.md. */
  eventRowsRead: 7,
  eventRowsWritten: 1,
  /** For how many days a key is kept, and its row that the sweep deletes. */
  keyDays: 1,
  keyRowsDeleted: 1,
  /** The sweep looks for old events of so many accounts each minute: docs/COSTS.md. */
  sweepAccounts: 2000,
  sweepRowsOfAccount: 3,
  /** How many databases are swept in a minute (src/entry.js): beyond that, they take turns. */
  sweeps: 100,
  /** GET /health gives up after so long. */
  healthMs: 5000,
};

/** Cloudflare's limits. docs/SCALING.md says where they are from. */
export const LIMITS = {
  databaseGb: 10,
  accountGb: 1000,
  bindings: 5000,
  /** D1 calls that one request has under way. */
  connections: 6,
};

const GB = 1e9;
const DAY_SECONDS = 86_400;
const MONTH_DAYS = 30;
const YEAR_DAYS = 365;
/** A page of SQLite, without its header. */
const PAGE = 4092;

/** When the databases are counted. */
export const TIMES = { "on the first day": 0, "after a year": YEAR_DAYS, "after five years": 5 * YEAR_DAYS };

const atTimes = <T>(value: (days: number, time: string) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(TIMES).map(([time, days]) => [time, value(days, time)]));

export interface Latency {
  p50: number;
  p95: number;
  p99: number;
}

export interface City {
  share: number;
  /** Where the accounts of its callers are. */
  region: string;
  read: Latency;
  readWithReplicas: Latency;
  write: Latency;
}

export interface Result {
  requestsPerSecond: number;
  /** Of one database that is as busy as it may be. */
  messagesPerSecond: number;
  gbPerDay: number;
  /** Without what is deleted by then. */
  storedGb: Record<string, number>;
  /** The busy share of the busiest database in the busiest hour on the first day: of all, and with read replicas. */
  busy: number;
  busyWithReplicas: number;
  databases: Record<string, number>;
  /** Dollars a month, by what they are paid for. */
  bill: Record<
    string,
    { requests: number; cpu: number; rowsRead: number; rowsWritten: number; storage: number; total: number }
  >;
  /** The same with a Durable Object for each account in place of D1, in all. */
  billOfObjects: Record<string, number>;
  /** After how many days a limit is reached: 0 is at once, null is never in a hundred years. */
  limits: { what: string; days: number | null }[];
  cities: Record<string, City>;
}

export function simulate(scenario: Scenario, inputs: Measured): Result {
  const { steps, bytes, workerMs } = inputs;
  const { messages, places, regions, peak } = scenario;
  const shareOf = Map.groupBy(Object.entries(places), ([city]) => nearest(city, regions));
  const homes = [...shareOf].map(([region, cities]) => ({ region, share: sum(cities.map(([, share]) => share)) }));
  const perSecond = (messages / DAY_SECONDS) * peak;
  const calls = (share: number): Calls[] => steps.map(({ busyMs }) => ({ ms: busyMs, perSecond: perSecond * share }));

  const conversation = (1 - ASSUMED.groups) * bytes.contactConversation + ASSUMED.groups * bytes.groupConversation;
  const kept = messages * (messageBytes(scenario.characters, bytes) + conversation / scenario.perConversation);
  const events = messages * (bytes.messageEvent + bytes.conversationEvent);
  const keys = messages * scenario.keys * bytes.key;
  const { eventDays, keyDays } = ASSUMED;
  const stored = (days: number) => kept * days + events * Math.min(days, eventDays) + keys * Math.min(days, keyDays);
  /** After how many days so many bytes are stored. */
  const daysUntil = (size: number) => {
    if (size <= stored(keyDays)) return size / (kept + events + keys);
    if (size <= stored(eventDays)) return (size - keys * keyDays) / (kept + events);
    return (size - keys * keyDays - events * eventDays) / kept;
  };

  const room = ASSUMED.full * LIMITS.databaseGb * GB;
  const inRegion = (share: number, days: number) =>
    Math.max(1, Math.ceil(busyShare(calls(share)) / ASSUMED.busy), Math.ceil((stored(days) * share) / room));
  const databases = (days: number) => sum(homes.map(({ share }) => inRegion(share, days)));

  const alone = homes.map(({ region, share }) => ({ region, calls: calls(share / inRegion(share, 0)) }));
  const instances = withReplicas(
    scenario,
    steps,
    homes.map((home) => ({ ...home, count: inRegion(home.share, 0) })),
    perSecond,
  );
  const cities = latencies(scenario, steps, workerMs, alone, instances);

  const bill = atTimes((days) => monthly(scenario, inputs, databases(days), stored(Math.max(days, MONTH_DAYS))));
  const billOfObjects = atTimes((days, time) => {
    const { total, storage } = bill[time]!;
    return total - storage + objects(scenario, steps, stored(Math.max(days, MONTH_DAYS)));
  });
  const within = (days: number) => (days < 1 ? 0 : days > 100 * YEAR_DAYS ? null : days);
  /** After how many days there are more databases than that. */
  const untilDatabases = (count: number) => (databases(0) > count ? 0 : daysUntil(count * room));
  const far = Math.max(...Object.keys(places).flatMap((city) => regions.map((region) => toRegion(city, region))));
  const sorted = [
    {
      what: "a database is full: more are needed",
      days: daysUntil(Math.min(...homes.map(({ share }) => (room * inRegion(share, 0)) / share))),
    },
    { what: "the largest account fills a database", days: daysUntil((LIMITS.databaseGb * GB) / scenario.largest) },
    {
      what: "the largest account keeps a database too busy",
      days: busyShare(calls(scenario.largest)) > ASSUMED.busy ? 0 : Infinity,
    },
    { what: "the databases take turns to be swept", days: untilDatabases(ASSUMED.sweeps) },
    {
      what: "`GET /health` from the farthest city takes longer than it waits",
      days: untilDatabases(Math.floor((LIMITS.connections * ASSUMED.healthMs) / far)),
    },
    { what: "the Cloudflare account has 1 TB in D1", days: daysUntil(LIMITS.accountGb * GB) },
    { what: "a Worker has no room for more bindings", days: untilDatabases(LIMITS.bindings) },
  ];
  return {
    requestsPerSecond: perSecond * steps.length,
    messagesPerSecond: (ASSUMED.busy * 1000) / sum(steps.map(({ busyMs }) => busyMs)),
    gbPerDay: (kept + events + keys) / GB,
    storedGb: atTimes((days) => stored(days) / GB),
    busy: Math.max(...alone.map(({ calls }) => busyShare(calls))),
    busyWithReplicas: Math.max(...instances.values().map(busyShare)),
    databases: atTimes(databases),
    bill,
    billOfObjects,
    limits: sorted.map(({ what, days }) => ({ what, days: within(days) })),
    cities,
  };
}

/** Rows beyond some 900 bytes have pages of their own. */
function messageBytes(characters: number, { message100, message1000 }: Measured["bytes"]): number {
  if (characters < 900) return message100 + characters - 100;
  return message1000 + PAGE * Math.floor(Math.max(0, characters - 1000) / PAGE);
}

/** The calls of the busiest primary or replica of each pair of home and region: each read goes to the copy that is
 * nearest to its caller, each write to the primary. The key is `home:region`. */
function withReplicas(
  { places, regions }: Scenario,
  steps: Step[],
  homes: { region: string; share: number; count: number }[],
  perSecond: number,
): Map<string, Calls[]> {
  const instances = new Map<string, Calls[]>();
  const add = (key: string, calls: Calls[]) => instances.set(key, [...(instances.get(key) ?? []), ...calls]);
  for (const { region: home, count } of homes) {
    for (const [city, share] of Object.entries(places).filter(([city]) => nearest(city, regions) === home)) {
      const ofKind = (isWrite: boolean) =>
        steps
          .filter((step) => step.isWrite === isWrite)
          .map(({ busyMs }) => ({ ms: busyMs, perSecond: (perSecond * share) / count }));
      add(`${home}:primary`, ofKind(true));
      add(`${home}:${nearest(city, Object.keys(REGIONS))}`, ofKind(false));
    }
  }
  return instances;
}

/** How many parts stand for waits that are equally likely between none and the lag. */
const LAG_PARTS = 50;

function latencies(
  { places, regions, afterWrite, lagMs }: Scenario,
  steps: Step[],
  workerMs: number,
  alone: { region: string; calls: Calls[] }[],
  instances: Map<string, Calls[]>,
): Record<string, City> {
  const waits = new Map(alone.map(({ region, calls }) => [region, waiting(calls)]));
  const copies = new Map([...instances].map(([key, calls]) => [key, waiting(calls)]));
  const [reads, writes] = [steps.filter(({ isWrite }) => !isWrite), steps.filter(({ isWrite }) => isWrite)];
  return Object.fromEntries(
    Object.entries(places).map(([city, share]) => {
      const home = nearest(city, regions);
      const [near, trip] = [nearest(city, Object.keys(REGIONS)), toRegion(city, home)];
      const part = (step: Step, ms: number, wait: Part["wait"], weight = 1) => ({
        weight,
        ms: workerMs + ms + step.busyMs,
        wait,
      });
      const replica = copies.get(`${home}:${near}`)!;
      const toReplica = toRegion(city, near);
      const lags = Array.from({ length: LAG_PARTS }, (_, at) => (lagMs * (at + 0.5)) / LAG_PARTS);
      return [
        city,
        {
          share,
          region: home,
          read: percentiles(reads.map((step) => part(step, trip, waits.get(home)!))),
          readWithReplicas: percentiles(
            reads.flatMap((step) => [
              part(step, toReplica, replica, 1 - afterWrite),
              ...lags.map((lag) => part(step, toReplica + lag, replica, afterWrite / LAG_PARTS)),
            ]),
          ),
          write: percentiles(writes.map((step) => part(step, trip + ASSUMED.confirmMs, waits.get(home)!))),
        },
      ];
    }),
  );
}

const percentiles = (parts: Part[]): Latency => ({
  p50: percentile(parts, 0.5),
  p95: percentile(parts, 0.95),
  p99: percentile(parts, 0.99),
});

/** Dollars a month. */
function monthly({ accounts, messages, keys }: Scenario, { steps, key }: Measured, databases: number, bytes: number) {
  const cycles = messages * MONTH_DAYS;
  // A message cycle has two events: the message, and the conversation that is marked as read.
  const events = 2 * cycles;
  const sweeps = (MONTH_DAYS * DAY_SECONDS) / 60;
  const ofEach = Math.min(accounts / databases, ASSUMED.sweepAccounts) * ASSUMED.sweepRowsOfAccount;
  const swept = Math.min(databases, ASSUMED.sweeps) * ofEach * sweeps;
  const of = (name: "cpuMs" | "rowsRead" | "rowsWritten") => cycles * sum(steps.map((step) => step[name]));
  const read = of("rowsRead") + events * ASSUMED.eventRowsRead + cycles * keys * key.rowsRead + swept;
  const written =
    of("rowsWritten") + events * ASSUMED.eventRowsWritten + cycles * keys * (key.rowsWritten + ASSUMED.keyRowsDeleted);
  const parts = {
    requests: PRICES.plan + price(cycles * steps.length, INCLUDED.requests, PRICES.request),
    cpu: price(of("cpuMs"), INCLUDED.cpuMs, PRICES.cpuMs),
    rowsRead: price(read, INCLUDED.rowsRead, PRICES.rowRead),
    rowsWritten: price(written, INCLUDED.rowsWritten, PRICES.rowWritten),
    storage: price(bytes / GB, INCLUDED.gb, PRICES.gb),
  };
  return { ...parts, total: sum(Object.values(parts)) };
}

/** What Durable Objects cost a month beside rows, which cost the same: requests, the time in which they
 * run, and storage. */
function objects({ messages }: Scenario, steps: Step[], bytes: number): number {
  const cycles = messages * MONTH_DAYS;
  const milliseconds = sum(steps.map(({ busyMs, isWrite }) => busyMs + (isWrite ? ASSUMED.confirmMs : 0)));
  const gbSeconds = (cycles * milliseconds * MEMORY) / 1000;
  return (
    price(cycles * steps.length, INCLUDED.objectRequests, PRICES.objectRequest) +
    price(gbSeconds, INCLUDED.objectGbSeconds, PRICES.objectGbSecond) +
    price(bytes / GB, INCLUDED.gb, PRICES.objectGb)
  );
}

const price = (used: number, included: number, each: number) => Math.max(0, used - included) * each;

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
