// The figures besides the time of requests: the size of the wasm, the CPU time of a start, and the memory during many
// requests.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { arch, cpus, platform } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../scripts/shared.ts";
import { CASES, TOKEN_HASH } from "./cases.ts";
import { fill } from "./data.ts";
import { clock, start } from "./world.ts";

/** Sizes, versions, and the kind of machine. */
export async function figures() {
  const wasm = readFileSync(join(root, "build/index_bg.wasm"));
  const version = (name: string): string =>
    JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;
  return {
    wasm: { bytes: wasm.length, gzip: gzipSync(wasm, { level: 9 }).length },
    machine: `${platform()} ${arch()}, ${cpus().length} cores (${cpus()[0]?.model.trim() || "unknown"})`,
    commit: git("rev-parse", "--short", "HEAD"),
    versions: Object.fromEntries(
      ["wrangler", "workerd", "hono", "drizzle-orm", "zod"].map((name) => [name, version(name)]),
    ),
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}

const COPIES = 16;

export interface StartUp {
  rounds: number;
  /** Milliseconds. */
  median: number;
  /** The 95 % confidence interval of the median. */
  interval: [number, number];
}

/** CPU time to start an isolate with the Worker, minus that of an isolate with the empty Worker: to compile it, to
 * instantiate it, to run its top level. A round starts workerd with many copies of one and of the other. */
export async function startUp(
  ours: string,
  empty: string,
  rounds: number,
  onLine: (line: string) => void,
): Promise<StartUp> {
  const cost = async (main: string) => {
    const world = await start(Array.from({ length: COPIES }, (_, at) => ({ name: `copy${at}`, main })));
    try {
      return clock().cpu();
    } finally {
      await world.close();
    }
  };
  const differences: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    onLine(`round ${round + 1} of ${rounds}`);
    const first = await cost(round % 2 === 0 ? empty : ours);
    const second = await cost(round % 2 === 0 ? ours : empty);
    differences.push((round % 2 === 0 ? second - first : first - second) / COPIES / 1000);
  }
  return { rounds, median: median(differences), interval: interval(differences) };
}

export interface Memory {
  requests: number;
  /** Bytes of the isolate's wasm memory. */
  wasm: number;
  /** Resident bytes of the whole process, driver and database included. */
  resident: number;
}

/** The memory at several times during many requests: reads of all kinds, updates and errors. */
export async function memory(ours: string, requests: number, onLine: (line: string) => void): Promise<Memory[]> {
  const world = await start([{ name: "ours", main: ours, database: "thousand" }]);
  try {
    await fill(world.sql("thousand"), 1000, TOKEN_HASH);
    const kinds = CASES.filter((one) => one.database === "thousand" && one.status !== 201);
    for (const { key, requests } of kinds) await world.plan(key, requests);
    await world.plan("size", [{ method: "GET", path: "/bench-memory", headers: {} }]);
    const time = clock();
    const samples: Memory[] = [];
    const block = 500;
    for (let done = 0, next = 1000, turn = 0; done < requests; turn += 1) {
      const { key, status } = kinds[turn % kinds.length]!;
      await world.run("ours", key, block, turn * block, status);
      done += block;
      onLine(`${done.toLocaleString("en")} requests`);
      if (done >= next || done >= requests) {
        const wasm = Number((await world.answers("ours", "size"))[0]!.body);
        samples.push({ requests: done, wasm, resident: time.memory() });
        next = done < 10_000 ? 10_000 : done + Math.max(10_000, Math.floor(requests / 10));
      }
    }
    return samples;
  } finally {
    await world.close();
  }
}

/** The 95 % confidence interval of the median, by ranks: it assumes nothing about the distribution. Needs 9 values. */
export function interval(values: number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.round(sorted.length / 2 - 0.98 * Math.sqrt(sorted.length));
  return [sorted[rank - 1]!, sorted[sorted.length - rank]!];
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
