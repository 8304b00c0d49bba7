// `npm run scale`: the model against formulas and against a queue that is simulated call by call, and what
// docs/SCALING.md has of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { INCLUDED, PRICES } from "../../bench/bill/money.ts";
import { DEFAULTS, document, sized } from "../../bench/scale/document.ts";
import { measured } from "../../bench/scale/measured.ts";
import { ASSUMED, LIMITS, type Scenario, simulate } from "../../bench/scale/model.ts";
import { CITIES, parsePlaces, parseRegions, REGIONS, roundTrip, toRegion } from "../../bench/scale/places.ts";
import { busyShare, type Calls, percentile, waiting } from "../../bench/scale/queue.ts";
import { root } from "../../scripts/shared.ts";
import { npmRun } from "./processes.ts";

const scaling = readFileSync(join(root, "docs", "SCALING.md"), "utf8");
const inputs = measured();
const run = (changes: Partial<Scenario> = {}) => {
  const scenario = sized({ ...DEFAULTS, ...changes });
  return { scenario, result: simulate(scenario, inputs) };
};

test("docs/SCALING.md and its chart have what the command says", () => {
  const { tables, svg } = document();
  const remedy = "run `npm run scale -- simulate --write`";
  assert.ok(scaling.includes(`\n\n${tables}\n\n`), `docs/SCALING.md has other figures: ${remedy}\n${tables}`);
  assert.equal(readFileSync(join(root, "docs", "scaling.svg"), "utf8"), svg, remedy);
});

/** The average of a wait, from its distribution. */
function average(calls: Calls[]): number {
  const wait = waiting(calls);
  let [sum, step] = [0, 0.01];
  for (let ms = step / 2; wait(ms) < 1; ms += step) sum += (1 - wait(ms)) * step;
  return sum;
}

test("the wait has the average that Pollaczek and Khinchine's formula says", () => {
  for (const calls of [
    [{ ms: 1, perSecond: 500 }],
    [{ ms: 2.5, perSecond: 320 }],
    [
      { ms: 0.5, perSecond: 400 },
      { ms: 3, perSecond: 150 },
    ],
  ]) {
    const rate = calls.reduce((sum, { perSecond }) => sum + perSecond, 0) / 1000;
    const square = calls.reduce((sum, { ms, perSecond }) => sum + (ms * ms * perSecond) / 1000, 0) / rate;
    const expected = (rate * square) / (2 * (1 - busyShare(calls)));
    const found = average(calls);
    assert.ok(Math.abs(found / expected - 1) < 0.02, `${found} ms instead of ${expected}`);
  }
});

test("the percentiles of the wait are those of a queue that is simulated call by call", () => {
  const calls = [
    { ms: 0.8, perSecond: 300 },
    { ms: 1.6, perSecond: 250 },
  ];
  let seed = 1;
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const waits: number[] = [];
  for (let wait = 0; waits.length < 400_000; ) {
    waits.push(wait);
    const { ms } = random() < 300 / 550 ? calls[0]! : calls[1]!;
    wait = Math.max(0, wait + ms + (Math.log(random()) * 1000) / 550);
  }
  waits.sort((a, b) => a - b);
  const wait = waiting(calls);
  for (const share of [0.5, 0.9, 0.95, 0.99]) {
    const simulated = waits[Math.floor(share * waits.length)]!;
    const found = percentile([{ weight: 1, ms: 0, wait }], share);
    assert.ok(
      Math.abs(found - simulated) < 0.03 * simulated + 0.05,
      `p${100 * share}: ${found} instead of ${simulated}`,
    );
  }
});

test("a database that is asked for more than it can do is an error, not a long wait", () => {
  assert.throws(() => waiting([{ ms: 2, perSecond: 500 }]), /more than it can do/);
});

test("a round trip is as long as docs/SCALING.md says, the same in both directions", () => {
  for (const [city, point] of Object.entries(CITIES)) {
    const line = new RegExp(`^\\| ${city} \\| (\\d+) ms \\|`, "m").exec(scaling);
    if (line !== null) assert.equal(Math.round(toRegion(city, "weur")), Number(line[1]), city);
    for (const { point: other } of Object.values(REGIONS))
      assert.ok(Math.abs(roundTrip(point, other) - roundTrip(other, point)) < 1e-9);
  }
});

test("the databases hold what is stored, and follow the requests", () => {
  for (const messages of [10_000, 1_000_000, 100_000_000]) {
    for (const regions of [["weur"], Object.keys(REGIONS)]) {
      const { result } = run({ messages, regions });
      const { databases, storedGb, busy, busyWithReplicas } = result;
      assert.ok(busy <= 0.5 && busyWithReplicas <= busy, `busy: ${busy}, ${busyWithReplicas}`);
      const homes = new Set(Object.values(result.cities).map(({ region }) => region));
      assert.ok(databases["on the first day"]! >= homes.size);
      for (const time of ["after a year", "after five years"]) {
        const needed = storedGb[time]! / (ASSUMED.full * LIMITS.databaseGb);
        assert.ok(
          databases[time]! >= needed && databases[time]! < needed + homes.size + databases["on the first day"]!,
        );
      }
    }
  }
});

test("docs/COSTS.md has the prices and the included amounts that the bill is made of", () => {
  const costs = readFileSync(join(root, "docs", "COSTS.md"), "utf8").replaceAll(/\s+/g, " ");
  const million = (amount: number) => `${amount / 1e6} million`;
  const { requests, cpuMs, rowsRead, rowsWritten, gb } = INCLUDED;
  const included =
    `Workers Paid costs $${PRICES.plan} a month. It includes ${million(requests)} requests, ${million(cpuMs)} ms of ` +
    `CPU time, ${rowsRead / 1e9} billion rows read, ${million(rowsWritten)} rows written and ${gb} GB of storage.`;
  assert.ok(costs.includes(included), included);
  assert.ok(costs.includes(`| a GB of storage, each month | $${PRICES.gb.toFixed(2)} |`));
});

test("docs/SCALING.md says how many databases the sweep and the health check ask", () => {
  const text = scaling.replaceAll(/\s+/g, " ");
  const [, sweeps] = /^const MAX_SWEEPS = (\d+);$/m.exec(readFileSync(join(root, "src", "entry.js"), "utf8"))!;
  assert.equal(ASSUMED.sweeps, Number(sweeps));
  assert.ok(text.includes(`So at most ${sweeps} databases are swept in a minute.`));
  assert.ok(
    text.includes(
      `more than ${(LIMITS.connections * ASSUMED.healthMs) / 250} databases do not fit into its five seconds`,
    ),
  );
});

test("the model keeps events for as long as the Worker does", () => {
  const [, days] = /^EVENT_RETENTION_DAYS = (\d+)$/m.exec(readFileSync(join(root, "wrangler.toml"), "utf8"))!;
  assert.equal(ASSUMED.eventDays, Number(days));
});

test("a million messages cost what docs/COSTS.md says of a million message cycles, of events and of keys", () => {
  const costs = readFileSync(join(root, "docs", "COSTS.md"), "utf8");
  const [, cycles] = /^\| \*\*one message cycle\*\* \|(?:[^|]*\|){3} \$([\d.]+) \|/m.exec(costs)!;
  // Storage is not in that table. The sweep costs the same in both scenarios.
  const dollars = (messages: number, keys: number) => {
    const { requests, cpu, rowsRead, rowsWritten } = run({ messages, keys, accounts: 1 }).result.bill[
      "on the first day"
    ]!;
    return requests + cpu + rowsRead + rowsWritten;
  };
  const million = (keys: number) => (dollars(2e8, keys) - dollars(1e8, keys)) / (30 * 100);
  // Two events, each of which reads 7 rows and writes one when it is deleted.
  assert.ok(Math.abs(million(0) - (Number(cycles) + 2 * (1 + 7 * 0.001))) < 0.01, `${million(0)}`);
  // A key: 5 rows read and 2 written, and one written when it is deleted.
  assert.ok(Math.abs(million(1) - million(0) - (3 + 5 * 0.001)) < 0.01, `${million(1)}`);
});

test("an object for each account costs a request and its time for each call, and less for storage", () => {
  const { result } = run({ messages: 1e8 });
  const { total, storage } = result.bill["after a year"]!;
  const calls = 30 * 1e8 * inputs.steps.length;
  const found = result.billOfObjects["after a year"]! - (total - storage);
  const stored = (result.storedGb["after a year"]! - 5) * PRICES.objectGb;
  const requests = ((calls - 1e6) * 0.15) / 1e6;
  // A call takes some milliseconds of an object with 128 MB, which is little beside the rest.
  assert.ok(found > stored + requests && found < 1.1 * (stored + requests), `${found}`);
  assert.ok(PRICES.objectGb < PRICES.gb);
});

test("every message costs the same once the included amounts are used up", () => {
  const total = (messages: number) => run({ messages, accounts: 1 }).result.bill["on the first day"]!.total;
  const [first, second] = [total(2e8) - total(1e8), total(3e8) - total(2e8)];
  // With more than 100 databases, the one account is swept less often.
  assert.ok(Math.abs(first / second - 1) < 1e-6, `${first} and ${second} dollars for 100 million messages a day`);
});

test("a read from a replica takes longer only if it waits for a write", () => {
  const { result: fresh } = run({ afterWrite: 0 });
  for (const [city, { read, readWithReplicas }] of Object.entries(fresh.cities))
    assert.ok(readWithReplicas.p99 <= read.p99, city);
  const { result: waits } = run({ afterWrite: 0.5, lagMs: 10_000 });
  for (const [city, { read, readWithReplicas }] of Object.entries(waits.cities))
    assert.ok(readWithReplicas.p95 > read.p95 + 5000, city);
});

test("an account is in the database that is nearest to its callers", () => {
  const { result } = run({ regions: ["enam", "apac"], places: { Paris: 0.5, Tokyo: 0.5 } });
  assert.deepEqual([result.cities.Paris!.region, result.cities.Tokyo!.region], ["enam", "apac"]);
});

test("a limit that is not reached in a hundred years has no time", () => {
  const limit = (messages: number, name: RegExp) =>
    run({ messages }).result.limits.find(({ what }) => name.test(what))!.days;
  assert.equal(limit(10_000, /bindings/), null);
  assert.equal(limit(1e9, /farthest city/), 0);
  assert.ok(limit(1_000_000, /database is full/)! > 1);
});

test("simulate prints JSON, and takes callers and databases from its options", async () => {
  const args = ["--messages", "5000", "--places", "Lagos=3,São Paulo=1", "--databases", "eeur,wnam", "--json"];
  const { code, stdout, stderr } = await npmRun("scale", "simulate", ...args);
  assert.deepEqual([code, stderr], [0, ""]);
  const { scenario, cities } = JSON.parse(stdout);
  assert.equal(scenario.messages, 5000);
  assert.equal(scenario.accounts, 100);
  assert.deepEqual(scenario.places, { Lagos: 0.75, "São Paulo": 0.25 });
  assert.deepEqual([cities.Lagos.region, cities["São Paulo"].region], ["eeur", "wnam"]);
});

test("unknown cities and regions are refused with what is known", () => {
  const refusals: [RegExp, () => unknown][] = [
    [/Unknown city 'Atlantis'. Known: Paris/, () => parsePlaces("Atlantis=1")],
    [/'Paris', it must be like Paris=60/, () => parsePlaces("Paris")],
    [/names a city twice/, () => parsePlaces("Paris=1,Paris=2")],
    [/no callers/, () => parsePlaces("Paris=0")],
    [/Unknown region 'mars'. Known: weur/, () => parseRegions("weur,mars")],
  ];
  for (const [reason, parse] of refusals) assert.throws(parse, reason);
});

test("invalid arguments are refused with a reason on stderr", async () => {
  for (const [reason, ...args] of [
    [/Unknown command 'guess'/, "guess"],
    [/--write takes no other option/, "simulate", "--write", "--messages", "5"],
  ] as [RegExp, ...string[]][]) {
    const { code, stdout, stderr } = await npmRun("scale", ...args);
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, reason);
  }
});
