// What a million message cycles and a million deliveries cost, at Cloudflare's prices: what they were measured to take,
// and the CPU times of the benchmark.
import { readFileSync } from "node:fs";
import type { Rows } from "./cycle.ts";
import type { Use } from "./deliveries.ts";
import { STEPS } from "./steps.ts";

/** Dollars, as docs/COSTS.md has them. A row in the storage of a Durable Object costs the same as one of D1. */
export const PRICES = {
  request: 0.3e-6,
  cpuMs: 0.02e-6,
  rowRead: 0.001e-6,
  rowWritten: 1e-6,
  objectRequest: 0.15e-6,
  objectGbSecond: 12.5e-6,
  /** Of storage, each month: in D1, and in Durable Objects. */
  gb: 0.75,
  objectGb: 0.2,
  /** Workers Paid, each month. */
  plan: 5,
};

/** What Workers Paid includes each month. */
export const INCLUDED = {
  requests: 10e6,
  cpuMs: 30e6,
  rowsRead: 25e9,
  rowsWritten: 50e6,
  gb: 5,
  objectRequests: 1e6,
  objectGbSeconds: 400e3,
};

/** Of a Durable Object, in GB. */
export const MEMORY = 0.128;
/** How long a receiver and a call to D1 are assumed to take, in milliseconds. The object is paid while it waits. */
export const ASSUMED = { receiverMs: 200, d1Ms: 20 };

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
    table: markdown(rows),
  };
}

/** What a million deliveries of each kind cost, as docs/COSTS.md has it. */
export function deliveryTable(kinds: { title: string; use: Use }[]): string {
  const number = (value: number) => String(Number(value.toFixed(2)));
  const cells = ({ requests, alarmsSet, calls, rowsRead, rowsWritten }: Use) => {
    const written = rowsWritten + alarmsSet;
    const seconds = (ASSUMED.receiverMs + calls * ASSUMED.d1Ms) / 1000;
    const { objectRequest, objectGbSecond, rowRead, rowWritten } = PRICES;
    const [rows, object] = [
      rowsRead * rowRead + written * rowWritten,
      requests * objectRequest + seconds * MEMORY * objectGbSecond,
    ];
    const dollars = [rows, object, rows + object].map((each) => `$${(MILLION * each).toFixed(2)}`);
    return [String(Math.ceil(rowsRead)), number(written), number(requests), number(seconds), ...dollars];
  };
  const columns = ["rows read", "rows written", "requests and alarms", "seconds", "rows", "object", "a million"];
  return markdown([
    ["Delivery", ...columns],
    ["---", ...columns.map(() => "--:")],
    ...kinds.map(({ title, use }) => [title, ...cells(use)]),
  ]);
}

const markdown = (rows: string[][]) => rows.map((row) => `| ${row.join(" | ")} |`).join("\n");
