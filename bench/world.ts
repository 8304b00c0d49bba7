// Where measurements happen: Workers as `wrangler deploy` bundles them, side by side in the workerd of wrangler's test
// harness, a driver Worker that calls them, and the clock, which reads the CPU time of the workerd process.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "../scripts/shared.ts";
import type { Database, Request } from "./cases.ts";
import "../tests/quiet.ts";

// The driver collects its garbage between measurements.
process.env.MINIFLARE_WORKERD_V8_FLAGS ??= "--expose-gc";
const { createTestHarness, experimental_readRawConfig } = await import("wrangler");

const scratch = join(root, ".wrangler", "bench");
const { rawConfig } = experimental_readRawConfig({ config: join(root, "wrangler.toml") });

/** A Worker: its only file (and wasm beside it), and its bindings. */
export interface Inhabitant {
  name: string;
  main: string;
  database?: Database;
  /** How many more are bound, as DB_1 and so on. They are empty, and Workers share them. */
  moreDatabases?: number;
  /** Has the Durable Object that wakes listeners: its file exports the class. */
  isLive?: boolean;
  vars?: Record<string, unknown>;
}

/** Bundles a Worker as `wrangler deploy` does, and returns the file. Without `main`, the one of the configuration.
 * `from` is a checkout of the project. */
export async function bundle(name: string, config: string, main?: string, from = root): Promise<string> {
  const outdir = join(scratch, name);
  // workerd would load the wasm of an earlier build too.
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  const args = ["deploy", ...(main ? [main] : []), "--dry-run", "--outdir", outdir, "--config", config];
  await run("wrangler", args, { cwd: from });
  const entry = (main ?? /^main = "(.+)"/m.exec(readFileSync(config, "utf8"))?.[1] ?? "").split("/").at(-1)!;
  const file = join(outdir, entry.replace(/\.[a-z]+$/, ".js"));
  if (!existsSync(file)) throw new Error(`wrangler made no ${file}`);
  return file;
}

const d1 = (binding: string, name: string) => ({ binding, database_name: name, database_id: name });

/** The name of the database that is bound as DB_1 and so on. */
export const moreDatabase = (number: number) => `more${number}`;

/** Starts workerd with these Workers and a driver. */
export async function start(inhabitants: Inhabitant[]) {
  const more = Math.max(0, ...inhabitants.map(({ moreDatabases = 0 }) => moreDatabases));
  const databases = ["thousand", "million", ...Array.from({ length: more }, (_, at) => moreDatabase(at + 1))];
  const common = { compatibility_date: rawConfig.compatibility_date, no_bundle: true, find_additional_modules: true };
  const server = createTestHarness({
    root,
    workers: [
      ...inhabitants.map(({ name, main, database, moreDatabases = 0, isLive, vars }) => ({
        config: {
          ...common,
          name,
          main,
          base_dir: join(main, ".."),
          vars: { ...rawConfig.vars, ...vars },
          services: ["ACCOUNT_LIMIT", "ADDRESS_LIMIT"].map((binding) => ({ binding, service: "limiter" })),
          ...(isLive && { durable_objects: rawConfig.durable_objects, migrations: rawConfig.migrations }),
          d1_databases: [
            ...(database ? [d1("DB", database)] : []),
            ...Array.from({ length: moreDatabases }, (_, at) => d1(`DB_${at + 1}`, moreDatabase(at + 1))),
          ],
        } as never,
      })),
      {
        config: {
          ...common,
          name: "driver",
          main: join(root, "bench/driver/worker.js"),
          services: inhabitants.map(({ name }) => ({ binding: name, service: name })),
          d1_databases: databases.map((name) => d1(name, name)),
        },
      },
      { config: { ...common, name: "limiter", main: join(root, "bench/limiter/worker.js") } },
    ],
  });
  const { url } = await server.listen();

  async function order<T>(what: string, details: object): Promise<T> {
    const response = await server.getWorker("driver").fetch("/", {
      method: "POST",
      body: JSON.stringify({ do: what, ...details }),
    });
    const answer: any = await response.json();
    if (response.status !== 200) throw new Error(answer.error);
    return answer;
  }

  return {
    /** Where the first Worker listens. */
    url: url.origin,
    close: () => server.close(),
    plan: (name: string, requests: Request[]) => order<null>("plan", { name, requests }),
    run: (worker: string, name: string, count: number, offset: number, status: number) =>
      order<null>("run", { worker, name, count, offset, status }),
    collect: () => order<null>("collect", {}),
    answers: (worker: string, name: string) => order<Answer[]>("answers", { worker, name }),
    sql: (database: string) => (statements: object[]) =>
      order<Record<string, string>[]>("sql", { database, statements }),
  };
}
export type World = Awaited<ReturnType<typeof start>>;

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

// ----------------------------------------------------------------------------------------------------------- the clock

const linux = existsSync("/proc/self/stat");

/** How CPU time is read here, and its unit. */
export const CLOCK = linux
  ? "CPU time of workerd's threads from /proc, in nanoseconds"
  : "CPU time of workerd from ps, in hundredths of a second";

/** The workerd processes that this process started: one runs the Workers, one is wrangler's proxy. */
function workerds(): number[] {
  const processes = linux
    ? readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .flatMap((pid) => {
          try {
            const [, name, rest = ""] = /^\d+ \((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
            return [{ pid: Number(pid), parent: Number(rest.split(" ")[1]), name: name ?? "" }];
          } catch {
            return []; // The process has ended.
          }
        })
    : execFileSync("ps", ["-axo", "pid=,ppid=,comm="], { encoding: "utf8" })
        .trim()
        .split("\n")
        .map((line) => {
          const [pid, parent, ...name] = line.trim().split(/\s+/);
          return { pid: Number(pid), parent: Number(parent), name: name.join(" ") };
        });
  const mine = new Set([process.pid]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of processes) {
      if (mine.has(parent) && !mine.has(pid)) grown = mine.add(pid) && true;
    }
  }
  return processes.filter(({ pid, name }) => mine.has(pid) && name.endsWith("workerd")).map(({ pid }) => pid);
}

/** Reads the clock of the workerd that is running now. */
export function clock() {
  const pids = workerds();
  const threads = pids.flatMap((pid) =>
    linux ? readdirSync(`/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`) : [],
  );
  if (pids.length === 0) throw new Error("No workerd is running.");
  return {
    /** CPU time since its start, in microseconds. */
    cpu(): number {
      if (!linux) return pids.reduce((sum, pid) => sum + psTime(pid), 0);
      return threads.reduce((sum, thread) => {
        try {
          return sum + Number(readFileSync(`${thread}/schedstat`, "utf8").split(" ")[0]) / 1000;
        } catch {
          return sum; // The thread has ended.
        }
      }, 0);
    },
    /** Resident memory in bytes. */
    memory(): number {
      return Math.max(
        ...pids.map((pid) =>
          linux
            ? 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
            : 1024 * Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })),
        ),
      );
    },
  };
}

function psTime(pid: number): number {
  const text = execFileSync("ps", ["-o", "time=", "-p", String(pid)], { encoding: "utf8" }).trim();
  return (
    1e6 *
    text
      .replace("-", ":")
      .split(":")
      .reduce((sum, part) => sum * 60 + Number(part), 0)
  );
}
