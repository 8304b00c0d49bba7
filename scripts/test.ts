// `npm test`: all checks. The last line is their sum.
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import type { ListrTask } from "listr2";
import { command, options } from "./cli.ts";
import "./rust.ts";
import { root, run, tasks } from "./shared.ts";

const USAGE = `Usage: npm test [-- --only tests/FILE.test.ts]

  --only FILE    run only the API tests in this file, or in the files of a glob`;

type Counts = { passed: number; failed: number; skipped: number };
type Check = {
  title: string;
  program: string;
  args: string[];
  /** Default: the program is one test. */
  count?: (ok: boolean, output: string) => Counts;
  /** What the program prints if the machine lacks something it needs, and what that is. The check is then skipped. */
  needs?: [prints: RegExp, lack: string][];
};

/** The limit for checks that need a server on the internet. */
const MAX_SECONDS_ONLINE = 20;

/** Where the tests of the commands are. */
const COMMANDS = "tests/scripts/";
/** How many processes of the other tests run side by side, and which files share a process and a server: to start these
 * takes longer than most tests. Not where a test changes its whole server, as by faults of all Durable Objects. */
const PROCESSES_AT_ONCE = 2;
const TOGETHER = /^tests\/(conversations|messages|tokens)\//;

/** The API tests run with the one database of wrangler.toml, and again with these (tests/support/configuration.ts). */
const CONFIGURATIONS = { three: "with three databases", replicated: "with read replicas" };

/** Which of them run only once, and why. */
const ONCE: [start: string, reason: string][] = [
  [COMMANDS, "a command has databases of its own"],
  ["tests/shards/", "they have three databases anyway"],
  ["tests/replication/", "they have replicas anyway"],
  ["tests/client/", "they are about what the client sends and returns"],
  ["tests/pages/", "they are about the pages"],
  ["tests/bad_input/", "the form of a request is checked by code that knows no database"],
  ["tests/budget.test.ts", "it measures the wasm"],
  ["tests/cost.test.ts", "it measures SQL, which is the same in each database"],
  ["tests/rows.test.ts", "it measures SQL, which is the same in each database"],
  ["tests/clock/transactions.test.ts", "it looks at the SQL, which is the same in each database"],
  ["tests/schema.test.ts", "it has databases of its own"],
  ["tests/parsing_cost.test.ts", "it measures what comes before the database"],
  ["tests/clock/slow_bodies.test.ts", "it waits for what comes before the database"],
  ["tests/aborts.test.ts", "it measures the memory, with a server of its own"],
  ["tests/traps.test.ts", "its traps are in one database's binding"],
  ["tests/sweep/removal.test.ts", "its traps are in one database's binding; tests/shards/ has sweeps"],
  ["tests/health.test.ts", "tests/shards/ and tests/replication/ have health checks"],
  ["tests/walk.test.ts", "its 50,000 conversations are too many to be copied to replicas"],
  ["tests/d1_limits.test.ts", "it tests the tests"],
  ["tests/model/openings.test.ts", "it tests the tests"],
];

/** No test takes so long: one that hangs fails. In milliseconds. */
const MAX_TEST_MS = 1_200_000;

/** How many steps the model takes in the further runs. */
const MODEL_STEPS = "2000";

const WASM = ["--target", "wasm32-unknown-unknown"];
const BINDGEN = ["--manifest-path", "scripts/bindgen/Cargo.toml"];
const CARGO_DENY: [RegExp, string] = [
  /no such command: `deny`/,
  "cargo-deny is not installed: cargo install --locked cargo-deny@0.20.2",
];
const ADVISORIES: [RegExp, string] = [
  /failed to fetch advisory database/,
  "the advisory database could not be fetched",
];
const scratch = mkdtempSync(join(tmpdir(), "conversations-test-"));

const BUILD: Check = { title: "Build", program: "npm", args: ["run", "--silent", "build"] };

/** The lists run side by side. Within a list one check follows the other: cargo's would wait for the same folder. */
const LISTS: Record<string, Check[]> = {
  Rust: [
    { title: "Format: Rust", program: "cargo", args: ["fmt", "--check"] },
    { title: "Format: wasm-bindgen", program: "cargo", args: ["fmt", "--check", ...BINDGEN] },
    { title: "Format: fuzzing", program: "cargo", args: ["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"] },
    { title: "Clippy", program: "cargo", args: ["clippy", "--locked", "--all-targets", "--", "-D", "warnings"] },
    { title: "Clippy: wasm", program: "cargo", args: ["clippy", "--locked", ...WASM, "--", "-D", "warnings"] },
    { title: "Unit tests", program: "cargo", args: ["test", "--locked"], count: cargoCounts },
    {
      title: "Fuzzing: replay of the corpus",
      program: "cargo",
      args: ["test", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"],
      count: cargoCounts,
    },
    {
      title: "Licences and sources of the crates",
      program: "cargo",
      args: ["deny", "--locked", "check", "bans", "licenses", "sources"],
      needs: [CARGO_DENY],
    },
    {
      title: "Advisories: crates",
      program: "cargo",
      args: ["deny", "--locked", "check", "advisories"],
      needs: [CARGO_DENY, ADVISORIES],
    },
    {
      title: "Advisories and sources: crates of wasm-bindgen",
      program: "cargo",
      args: ["deny", "--locked", ...BINDGEN, "check", "advisories", "sources"],
      needs: [CARGO_DENY, ADVISORIES],
    },
  ],
  "Everything else": [
    { title: "Format and lint: TypeScript, JavaScript, CSS, JSON", program: "npm", args: ["run", "--silent", "lint"] },
    { title: "Lint: openapi.yaml", program: "redocly", args: ["lint", "openapi.yaml"] },
    { title: "Types", program: "tsc", args: ["--noEmit"] },
    { title: "Types: pages", program: "tsc", args: ["--noEmit", "-p", "site"] },
    {
      title: "Advisories: npm packages",
      program: "npm",
      args: ["audit", "--fetch-retries=0"],
      needs: [[/audit endpoint returned an error/, "the npm registry did not respond"]],
    },
    {
      title: "Deployment: dry run",
      program: "wrangler",
      args: ["deploy", "--dry-run", "--outdir", join(scratch, "bundle")],
    },
  ],
};

let processes = 0;
const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
const failures: { title: string; output: string }[] = [];
const skips: string[] = [];

await command(USAGE, async (args) => {
  const { values } = options(args, { only: { type: "string" } });
  try {
    await tasks([taskOf(BUILD)], { exitOnError: false });
    const built = sum.failed === 0;
    if (values.only === undefined) await sideBySide();
    if (built) await apiTests(values.only ?? "tests/**/*.test.ts");
  } catch (error) {
    sum.failed += 1;
    failures.push({ title: "npm test itself", output: String((error as Error).stack) });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  for (const { title, output } of failures)
    console.log(`\n${styleText(["bold", "red"], `Failed: ${title}`)}\n${output}`);
  for (const skip of skips) console.log(`\nSkipped: ${skip}`);
  console.log(`\n${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ""}`);
  process.exitCode = sum.failed > 0 ? 1 : 0;
});

function sideBySide() {
  const lists = Object.entries(LISTS).map(
    ([title, checks]): ListrTask => ({
      title,
      task: (_, task) => task.newListr(checks.map(taskOf), { concurrent: false }),
    }),
  );
  return tasks(lists, { concurrent: true, exitOnError: false });
}

function taskOf({ title, program, args, count = one, needs = [] }: Check): ListrTask {
  return {
    title,
    task: async (_, task) => {
      const timeout = needs.length > 0 ? 1000 * MAX_SECONDS_ONLINE : undefined;
      const result = await run(program, args, { reject: false, timeout });
      // Without an exit code the program could not run: the message says why.
      const output = result.exitCode === undefined ? `${result.all ?? ""}\n${result.message}` : result.all;
      const lack = result.timedOut
        ? `no response within ${MAX_SECONDS_ONLINE} seconds`
        : needs.find(([prints]) => result.failed && prints.test(output))?.[1];
      if (lack !== undefined) {
        add({ passed: 0, failed: 0, skipped: 1 });
        skips.push(`${title} (${lack})`);
        return task.skip(lack);
      }
      const counts = count(!result.failed, output);
      add(counts);
      if (counts.failed === 0) return;
      failures.push({ title, output });
      throw new Error(`exit code ${result.exitCode}`);
    },
  };
}

/** The tests of some files, which share a process. */
type Job = { title: string; files: string[]; env: Record<string, string> };

/** Runs the tests in workerd. Those of the commands run beside the others, one file at a time: they start servers and
 * tools, which need the machine. */
async function apiTests(files: string) {
  const all = globSync(files, { cwd: root }).sort();
  const commands = all.filter((file) => file.startsWith(COMMANDS));
  const others = all.filter((file) => !commands.includes(file));
  const again = others.filter((file) => !ONCE.some(([start]) => file.startsWith(start)));
  const further = Object.entries(CONFIGURATIONS).flatMap(([configuration, title]) =>
    jobs(`API ${title}`, again, { TEST_CONFIGURATION: configuration, MODEL_STEPS }),
  );
  await Promise.all([
    runJobs(jobs("Commands", commands), 1),
    runJobs([...jobs("API", others), ...further], PROCESSES_AT_ONCE),
  ]);
}

function jobs(title: string, files: string[], env: Record<string, string> = {}): Job[] {
  const groups = Object.values(Object.groupBy(files, (file) => TOGETHER.exec(file)?.[0] ?? file)) as string[][];
  return groups.map((files) => ({ title, files, env }));
}

/** Runs so many jobs at once. What a process prints is shown when it ends. */
async function runJobs(waiting: Job[], atOnce: number) {
  const lane = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const output = await testProcess(job);
      console.log(`${styleText("bold", `\n${job.title}: ${job.files.join(" ")}`)}\n${output}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** Runs a job. Returns what it prints. */
async function testProcess({ title, files, env }: Job): Promise<string> {
  processes += 1;
  const counts = join(scratch, `counts-${processes}`);
  const reporters = [
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${join(root, "scripts", "count-reporter.ts")}`,
    `--test-reporter-destination=${counts}`,
  ];
  const result = await run(
    "node",
    ["--test", "--test-isolation=none", `--test-timeout=${MAX_TEST_MS}`, ...reporters, ...files],
    {
      reject: false,
      // Most of what a process does first is to compile wrangler.
      env: { ...env, NODE_COMPILE_CACHE: join(scratch, "compiled") },
    },
  );
  const counted = nodeCounts(!result.failed, counts);
  add(counted);
  const output = String(result.all);
  if (counted.failed > 0) failures.push({ title: `${title}: ${files.join(" ")}`, output: reasons(output) });
  return output;
}

/** What the reporter repeats at the end about the tests that failed. A process that crashed has only its last lines. */
function reasons(output: string): string {
  const start = output.lastIndexOf("failing tests:");
  return start === -1 ? output.split("\n").slice(-100).join("\n") : output.slice(start);
}

function add(counts: Counts) {
  sum.passed += counts.passed;
  sum.failed += counts.failed;
  sum.skipped += counts.skipped;
}

function one(ok: boolean): Counts {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/** Adds up the "test result:" lines of cargo test. A failure without a failed test is a crash and counts as one. */
function cargoCounts(ok: boolean, output: string): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const results = output.matchAll(/^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm);
  for (const [, passed, failed, ignored] of results) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(ignored);
  }
  if (!ok && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** Reads what count-reporter.ts wrote. A run without tests and a crash after the last test count as one failure. */
function nodeCounts(ok: boolean, file: string): Counts {
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    counts = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // The run crashed before the reporter wrote.
  }
  if (counts.failed === 0 && (!ok || counts.passed === 0)) counts.failed = 1;
  return counts;
}
