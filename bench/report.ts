// The results as people read them: the tables, also in README.md, results.json and results.svg.
import { readFileSync, writeFileSync } from "node:fs";
import { CASES, GOALS, GROWTH } from "./cases.ts";
import { chart } from "./chart.ts";
import { figures, median } from "./figures.ts";
import type { Measured, Results, Times } from "./results.ts";

const here = new URL("./", import.meta.url);
const BEGIN = "<!-- results: written by npm run bench -->";
const BARE_BEGIN = "<!-- bare results: written by npm run bench -- --bare -->";
const END = "<!-- end of results -->";

/** The median of the ratios of the rounds. The two blocks of a round run within a second. */
function ratio(one: Times | undefined, other: Times | undefined): number | undefined {
  if (one === undefined || other === undefined) return undefined;
  return median(one.cpu.map((cpu, round) => cpu / other.cpu[round]!));
}

const verdict = (value: number | undefined, limit: number | undefined): string =>
  value === undefined || limit === undefined ? "" : value <= limit ? " ✓" : " ✗";

/** The results as Markdown tables. */
function tables(results: Results): string {
  const micro = (times: Times | undefined) => (times ? Math.round(median(times.cpu)).toLocaleString("en") : "");
  const shown = (value: number | undefined, limit?: number) =>
    value === undefined ? "" : `${value.toFixed(2)}${verdict(value, limit)}`;
  const rows = results.cases.map(({ key, title, workers: { ours, floor, hono } }) => {
    const goal = GOALS[CASES.find((one) => one.key === key)!.kind];
    return [
      title,
      micro(ours),
      micro(floor),
      micro(hono),
      shown(ratio(ours, floor), goal.floor),
      shown(ratio(ours, hono), goal.hono),
      ours ? Math.round(median(ours.wall)).toLocaleString("en") : "",
    ];
  });
  const goals = highestRatios(results.cases);
  for (const { title, workers } of results.cases.filter(({ workers }) => workers.empty !== undefined)) {
    const { ours, floor, hono, empty, ready } = workers;
    const [our, readys, floors, honos] = [ours, ready, floor, hono].map((one) => ratio(one, empty)?.toFixed(2));
    goals.push([
      `${title} : empty Worker (${micro(empty)} µs)`,
      `${our} (constant response ${readys}, floor ${floors}, Hono ${honos})`,
      "",
      "",
    ]);
  }
  for (const { title, small, large, goal } of GROWTH) {
    const find = (key: string) => results.cases.find((one) => one.key === key)?.workers ?? {};
    const ours = ratio(find(large).ours, find(small).ours);
    if (ours === undefined) continue;
    const others = ["floor", "Hono"].map((name) => {
      const key = name.toLowerCase();
      return `${name} ${ratio(find(large)[key], find(small)[key])?.toFixed(2)}`;
    });
    goals.push([title, `${ours.toFixed(2)} (${others.join(", ")})`, `at most ${goal}`, verdict(ours, goal).trim()]);
  }
  if (!results.bare) goals.push(...otherGoals(results));
  const what = results.bare ? "CPU µs, no limits, no log" : "CPU µs per request";
  const header = [what, "ours", "floor", "Hono+Drizzle", "ours : floor", "ours : Hono", "wall µs, ours"];
  return `${table([header, ...rows], "lrrrrrr")}\n\n${table([["", "measured", "goal", "met"], ...goals], "lllc")}`;
}

/** The highest ratios of each kind of case, with their goals. */
function highestRatios(measured: Measured[]): string[][] {
  const kinds = Map.groupBy(measured, ({ key }) => CASES.find((one) => one.key === key)!.kind);
  return [...kinds].flatMap(([kind, cases]) =>
    (["floor", "hono"] as const).map((other) => {
      const ratios = cases.map(({ title, workers }) => ({ title, value: ratio(workers.ours, workers[other])! }));
      const { title, value } = ratios.reduce((one, next) => (next.value > one.value ? next : one));
      const goal = GOALS[kind];
      const name = { floor: "floor", hono: "Hono" }[other];
      const highest = cases.length > 1 ? ` (${title})` : "";
      return [
        `${goal.title} : ${name}${cases.length > 1 ? ", highest" : ""}`,
        `${value.toFixed(2)}${highest}`,
        `at most ${goal[other].toFixed(2)}`,
        verdict(value, goal[other]).trim(),
      ];
    }),
  );
}

/** What is measured besides the CPU time of requests. */
function otherGoals(results: Results): string[][] {
  const goals: string[][] = [];
  const calls = Object.values(results.d1Calls);
  const most = Math.max(...calls);
  goals.push([
    `D1 calls per request, ${calls.length} endpoints and variants`,
    `${Math.min(...calls)} to ${most}`,
    "1",
    verdict(most, 1).trim(),
  ]);
  goals.push([
    "wasm, gzipped",
    kilobytes(results.wasm.gzip),
    "at most 96 kB",
    verdict(results.wasm.gzip, 96_000).trim(),
  ]);
  const { startUp, memory = [] } = results;
  if (startUp !== undefined) {
    const [low, high] = startUp.interval.map((end) => end.toFixed(1));
    goals.push([
      `Start-up, CPU time minus the empty Worker's, ${startUp.rounds} rounds`,
      `${startUp.median.toFixed(1)} ms (95 % confidence: ${low} to ${high})`,
      "at most 10 ms (upper end)",
      verdict(startUp.interval[1], 10).trim(),
    ]);
  }
  const early = memory.find(({ requests }) => requests >= 10_000);
  const late = memory.at(-1);
  if (early && late) {
    const times = `after ${early.requests.toLocaleString("en")} and ${late.requests.toLocaleString("en")} requests`;
    goals.push([
      `wasm memory ${times}`,
      `${kilobytes(early.wasm)}, ${kilobytes(late.wasm)}`,
      "no growth",
      verdict(late.wasm, early.wasm).trim(),
    ]);
    goals.push([
      `resident set of the whole workerd ${times}`,
      `${megabytes(early.resident)}, ${megabytes(late.resident)}`,
      "",
      "",
    ]);
  }
  return goals;
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

/** A Markdown table with aligned columns. `align` has a letter for each: l, r or c. */
export function table(rows: string[][], align: string): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number) =>
    align[column] === "r" ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  const line = (row: string[]) => `| ${row.map(pad).join(" | ")} |`;
  const rule = widths.map((width, column) => {
    const dashes = "-".repeat(width - 1);
    return align[column] === "r" ? `${dashes}:` : align[column] === "c" ? `:${dashes.slice(1)}:` : `${dashes}-`;
  });
  return [line(rows[0]!), `| ${rule.join(" | ")} |`, ...rows.slice(1).map(line)].join("\n");
}

/** Prints the results. Writes them to bench/ if `keep`. */
export function publish(results: Results, keep: boolean): void {
  const text = tables(results);
  console.log(`\n${text}\n`);
  const { machine, rounds, clock, quick, bare } = results;
  console.log(
    `${clock}; median of ${rounds} rounds, ratios within rounds; ${machine}${quick ? "; quick: rough figures" : ""}`,
  );
  if (!keep) {
    console.log("Nothing was written: only a full run writes its results.");
    return;
  }
  writeFileSync(new URL(bare ? "results-bare.json" : "results.json", here), `${json(results)}\n`);
  if (!bare) writeFileSync(new URL("results.svg", here), chart(results));
  const versions = Object.entries(results.versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
  const made = `${results.measuredAt.slice(0, 10)}, commit ${results.commit}`;
  const about = `${made}; ${machine}; ${versions}. ${clock}, median of ${rounds} rounds.`;
  writeSection(bare ? BARE_BEGIN : BEGIN, `${text}\n\n${about}`);
}

/** Prints the table of a further measurement. Writes it and the results to bench/ if `keep`, with the versions of the
 * packages that took part. `script` is the npm script, if its name is another. */
export async function publishPart(
  name: string,
  text: string,
  results: Record<string, unknown>,
  packages: string[],
  keep: boolean,
  script = name,
): Promise<void> {
  console.log(`\n${text}\n`);
  if (!keep) {
    console.log("Nothing was written: only a full run writes its results.");
    return;
  }
  const { machine, commit, versions: all } = await figures();
  const versions = Object.fromEntries(packages.map((each) => [each, all[each]]));
  const measuredAt = new Date().toISOString();
  const about = { measuredAt, commit, machine, versions };
  writeFileSync(new URL(`${name}.json`, here), `${JSON.stringify({ ...about, ...results }, null, 2)}\n`);
  const used = packages.map((each) => `${each} ${versions[each]}`).join(", ");
  const made = `${measuredAt.slice(0, 10)}, commit ${commit}`;
  writeSection(`<!-- ${name}: written by npm run ${script} -->`, `${text}\n\n${made}; ${machine}; ${used}.`);
}

/** Replaces the part of README.md that begins with a marker. */
function writeSection(begin: string, text: string): void {
  const readme = new URL("README.md", here);
  const [before, rest = ""] = readFileSync(readme, "utf8").split(begin);
  const end = rest.indexOf(END);
  const after = end < 0 ? "\n" : rest.slice(end + END.length);
  writeFileSync(readme, `${before}${begin}\n\n${text}\n\n${END}${after}`);
}

/** The results with medians and quartiles instead of every round. */
function json(results: Results): string {
  const round = (value: number | undefined) => (value === undefined ? undefined : Number(value.toFixed(2)));
  const quartile = (values: number[], part: number) =>
    Math.round(values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)]!);
  const cases = results.cases.map(({ key, title, workers }) => ({
    key,
    title,
    cpu_us: Object.fromEntries(
      Object.entries(workers).map(([name, { cpu, wall, count }]) => [
        name,
        {
          median: Math.round(median(cpu)),
          quartiles: [quartile(cpu, 0.25), quartile(cpu, 0.75)],
          wall: Math.round(median(wall)),
          requests_a_round: count,
        },
      ]),
    ),
    ratio_to_floor: round(ratio(workers.ours, workers.floor)),
    ratio_to_hono: round(ratio(workers.ours, workers.hono)),
    ratio_to_empty: round(ratio(workers.ours, workers.empty)),
  }));
  const { startUp } = results;
  const rounded = startUp && { ...startUp, median: round(startUp.median), interval: startUp.interval.map(round) };
  return JSON.stringify({ ...results, startUp: rounded, cases }, null, 2);
}
