// The results of `npm run bench:databases` as people read them.
import { CASES } from "../cases.ts";
import { interval, median } from "../figures.ts";
import type { Measured, Times } from "../results.ts";

/** What a sweep or a health check asked of the databases. */
export interface Asked {
  what: "sweep" | "health";
  databases: number;
  calls: number;
  rowsRead: number;
  rowsWritten: number;
}

/** The pairs that are compared. */
const PAIRS = [
  { title: "10 databases : 1", name: "ten", base: "one", goal: 1.02 },
  { title: "100 databases : 1", name: "hundred", base: "one", goal: 1.02 },
  { title: "this commit, 1 database : before", name: "one", base: "before", goal: 1.02 },
  { title: "read replication on : off", name: "replication", base: "one" },
  { title: "one statement, in a session : without", name: "session", base: "statement" },
];

/** The ratios of all rounds. The blocks of a round run within a second. */
const ratios = (one: Times, other: Times): number[] => one.cpu.map((cpu, round) => cpu / other.cpu[round]!);

/** The ratio of two Workers in every case and in all of them, with the 95 % confidence interval. */
function comparison({ title, name, base, goal }: (typeof PAIRS)[number], cases: Measured[]): string[] | undefined {
  const of = cases.map(({ workers }) => workers[name] && workers[base] && ratios(workers[name], workers[base]));
  const all = of.flatMap((each) => each ?? []);
  if (all.length === 0) return undefined;
  const [low, high] = interval(all);
  const sum = median(all);
  return [
    title,
    ...of.map((each) => (each?.length ? median(each).toFixed(2) : "")),
    `${sum.toFixed(3)}${goal === undefined ? "" : sum <= goal ? " ✓" : " ✗"}`,
    `${low.toFixed(3)} to ${high.toFixed(3)}`,
  ];
}

export function tables(cases: Measured[], asked: Asked[]): string {
  const compared = PAIRS.flatMap((pair) => {
    const cells = comparison(pair, cases);
    return cells === undefined ? [] : [cells];
  });
  const titles = cases.map(({ key }) => CASES.find((one) => one.key === key)!.title);
  const questions = asked.map(({ what, databases, ...numbers }) => [
    what === "sweep" ? "sweep without work" : "health check",
    databases.toLocaleString("en"),
    ...(["calls", "rowsRead", "rowsWritten"] as const).map((name) => numbers[name].toLocaleString("en")),
  ]);
  return [
    markdown([["CPU time", ...titles, "all", "95 % confidence"], ...compared]),
    "Goal: at most 1.02 with more databases, and without read replication.",
    markdown([["", "databases", "D1 calls", "rows read", "rows written"], ...questions]),
  ].join("\n\n");
}

/** The results with medians instead of every round. */
export const summary = (cases: Measured[]) =>
  cases.map(({ key, workers }) => ({
    key,
    cpu_us: Object.fromEntries(Object.entries(workers).map(([name, { cpu }]) => [name, Math.round(median(cpu))])),
  }));

const markdown = ([head, ...rows]: string[][]): string =>
  [head!, head!.map((_, column) => (column === 0 ? "---" : "--:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
