// What a million message cycles cost: the rows of a cycle and the CPU times of the benchmark, at Cloudflare's prices.
import { readFileSync } from "node:fs";
import { type Rows, STEPS } from "./cycle.ts";

/** Dollars, as docs/COSTS.md has them. */
export const PRICES = { request: 0.3e-6, cpuMs: 0.02e-6, rowRead: 0.001e-6, rowWritten: 1e-6 };

const MILLION = 1_000_000;

interface Line extends Rows {
  cpuMs: number;
  /** For a million. */
  dollars: number;
}

/** A line for each step, and their sum. `worker` is the name in the results of the benchmark. */
function lines(worker: "ours" | "hono", steps: Rows[]): Line[] {
  const { cases } = JSON.parse(readFileSync(new URL("../results.json", import.meta.url), "utf8"));
  const all = steps.map((rows, at): Line => {
    const { cpu_us } = cases.find(({ key }: { key: string }) => key === STEPS[at]!.cpu);
    const cpuMs = cpu_us[worker].median / 1000;
    const { request, rowRead, rowWritten, cpuMs: ms } = PRICES;
    return {
      ...rows,
      cpuMs,
      dollars: MILLION * (request + rows.read * rowRead + rows.written * rowWritten + cpuMs * ms),
    };
  });
  const sum = (name: keyof Line) => all.reduce((total, line) => total + line[name], 0);
  return [...all, { read: sum("read"), written: sum("written"), cpuMs: sum("cpuMs"), dollars: sum("dollars") }];
}

export interface Bill {
  /** Dollars for a million cycles. */
  ours: number;
  peer: number;
  /** As docs/COSTS.md has it, in Markdown. */
  table: string;
}

export function bill(ours: Rows[], peer: Rows[]): Bill {
  const [our, peers] = [lines("ours", ours), lines("hono", peer)];
  const number = (value: number) => String(Number(value.toFixed(2)));
  const cells = ({ read, written, cpuMs, dollars }: Line) => [
    number(read),
    number(written),
    cpuMs.toFixed(1),
    `$${dollars.toFixed(2)}`,
  ];
  const columns = (who: string) => [`${who}: rows read`, "rows written", "CPU ms", "a million"];
  const rows = [
    ["Step", ...columns("ours"), ...columns("Hono + Drizzle")],
    ["---", ...Array(8).fill("--:")],
    ...our.map((line, at) => [STEPS[at]?.title ?? "**one message cycle**", ...cells(line), ...cells(peers[at]!)]),
  ];
  return {
    ours: our.at(-1)!.dollars,
    peer: peers.at(-1)!.dollars,
    table: rows.map((row) => `| ${row.join(" | ")} |`).join("\n"),
  };
}
