// What the model says, as tables and a chart.
import { draw } from "../chart.ts";
import { type Result, type Scenario, TIMES } from "./model.ts";

const whole = (value: number) => Math.round(value).toLocaleString("en");
const two = (value: number) => Number(value.toPrecision(2)).toLocaleString("en");
const dollars = (value: number) => `$${whole(value)}`;
const percent = (share: number) => `${share < 0.1 ? two(100 * share) : whole(100 * share)} %`;
const bytes = (gb: number) => (gb < 0.1 ? `${two(gb * 1000)} MB` : `${two(gb)} GB`);

/** A time in days, as people say it. */
export function duration(days: number | null): string {
  if (days === null) return "not in 100 years";
  if (days === 0) return "at once";
  return days < 90 ? `after ${whole(days)} days` : `after ${two(days / 365)} years`;
}

const messagesADay = (messages: number) =>
  messages >= 1e6 ? `${(messages / 1e6).toLocaleString("en")} million` : messages.toLocaleString("en");

type Rows = string[][];

/** What scenarios of different sizes need and cost, and when they reach a limit. */
export function needs(scenarios: { scenario: Scenario; result: Result }[]): Rows {
  const line = (title: string, value: (result: Result, scenario: Scenario) => string) => [
    title,
    ...scenarios.map(({ result, scenario }) => value(result, scenario)),
  ];
  return [
    ["messages a day", ...scenarios.map(({ scenario }) => messagesADay(scenario.messages))],
    line("accounts", (_, { accounts }) => whole(accounts)),
    line("requests a second, busiest hour", ({ requestsPerSecond }) => two(requestsPerSecond)),
    line("messages a second of one database, at most", ({ messagesPerSecond }) => whole(messagesPerSecond)),
    line("data of the first day", ({ gbPerDay }) => bytes(gbPerDay)),
    line("data after a year", ({ storedGb }) => bytes(storedGb["after a year"]!)),
    ...Object.keys(TIMES).map((time) => line(`databases ${time}`, ({ databases }) => whole(databases[time]!))),
    line("busy share of the busiest database", ({ busy }) => percent(busy)),
    line("… with read replicas", ({ busyWithReplicas }) => percent(busyWithReplicas)),
    ...Object.keys(TIMES).map((time) =>
      line(`bill for a month ${time === "on the first day" ? "at first" : time}`, ({ bill }) =>
        dollars(bill[time]!.total),
      ),
    ),
    line("… after a year, with an object for each account", ({ billOfObjects }) =>
      dollars(billOfObjects["after a year"]!),
    ),
    ...(["rowsWritten", "requests", "cpu", "rowsRead", "storage"] as const).map((part) =>
      line(`… after a year: ${NAMES[part]}`, ({ bill }) => dollars(bill["after a year"]![part])),
    ),
  ];
}

const NAMES = {
  rowsWritten: "rows written",
  requests: "the plan and requests",
  cpu: "CPU time",
  rowsRead: "rows read",
  storage: "storage",
};

/** When each limit is reached. */
export function limits(scenarios: { scenario: Scenario; result: Result }[]): Rows {
  return [
    ["messages a day", ...scenarios.map(({ scenario }) => messagesADay(scenario.messages))],
    ...scenarios[0]!.result.limits.map(({ what }, at) => [
      what,
      ...scenarios.map(({ result }) => duration(result.limits[at]!.days)),
    ]),
  ];
}

/** Latency by city, in milliseconds. */
export function latencies({ cities }: Result): Rows {
  const cells = ({ p50, p95, p99 }: { p50: number; p95: number; p99: number }) => [p50, p95, p99].map(whole);
  const columns = (what: string) => ["p50", "p95", "p99"].map((which) => `${what} ${which}`);
  return [
    ["caller", "share", "database", ...columns("read"), ...columns("replica"), ...columns("write")],
    ...Object.entries(cities).map(([city, { share, region, read, readWithReplicas, write }]) => [
      city,
      percent(share),
      region,
      ...cells(read),
      ...cells(readWithReplicas),
      ...cells(write),
    ]),
  ];
}

/** By how many milliseconds a percentile of a city differs at most. */
export function largestDifference(one: Result, other: Result): number {
  const numbers = ({ cities }: Result) =>
    Object.values(cities).flatMap(({ read, readWithReplicas, write }) =>
      [read, readWithReplicas, write].flatMap((latency) => Object.values(latency)),
    );
  const others = numbers(other);
  return Math.max(...numbers(one).map((value, at) => Math.abs(value - others[at]!)));
}

export const markdown = ([head, ...rows]: Rows): string =>
  [head!, head!.map((_, column) => (column === 0 ? "---" : "--:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");

/** Reads by city: one region, read replicas, and accounts near their callers. */
export function chart(one: Result, everywhere: Result): string {
  return draw({
    title: "Time of a read by city: databases in one region, with read replicas, and near their callers",
    head: "Time of a read, in milliseconds: the median",
    note: "calculated by npm run scale, 1 million messages a day; a read right after a write can wait for its replica",
    series: [
      { name: "one", label: "databases in Western Europe", colour: "#868e96" },
      { name: "replicas", label: "… with read replicas", colour: "#4c6ef5" },
      { name: "near", label: "accounts near their callers", colour: "#e8590c" },
    ],
    groups: Object.entries(one.cities).map(([title, { read, readWithReplicas }]) => ({
      title,
      values: { one: read.p50, replicas: readWithReplicas.p50, near: everywhere.cities[title]!.read.p50 },
    })),
  });
}
