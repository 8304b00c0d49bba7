// `npm test`: every check there is, one after the other and to the end. The last line is the sum of all.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import { command, options } from "./cli.ts";
import { bin, node, root, seconds, wranglerScript } from "./shared.mjs";

const USAGE = `Usage: npm test [-- --only tests/FILE.test.ts]

  --only FILE    only the API tests of this file (or of several, as a glob)`;

type Counts = { passed: number; failed: number; skipped: number };
/** A program, and how to count what it did from its exit and its output; without that it is one check. What it says when
 * something it needs can't be had here, and what that is: then it is skipped. */
type Check = {
  title: string;
  program: string;
  args: string[];
  count?: (ok: boolean, output: string) => Counts;
  needs?: [says: RegExp, lack: string][];
};

/** How long a check waits for what it needs from elsewhere. */
const PATIENCE = 20_000;

const WASM = ["--target", "wasm32-unknown-unknown"];
const scratch = mkdtempSync(join(tmpdir(), "conversations-test-"));

const one = (ok: boolean): Counts => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });

/** Every "test result:" line of cargo test; a run that failed without saying in which test is one failure. */
function cargoCounts(ok: boolean, output: string): Counts {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(
    /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    sum.passed += Number(passed);
    sum.failed += Number(failed);
    sum.skipped += Number(ignored);
  }
  if (!ok && sum.failed === 0) sum.failed = 1;
  return sum;
}

/** What count-reporter.ts wrote. No test at all is a failure, and so is a crash after the last one. */
function nodeCounts(ok: boolean): Counts {
  let sum = { passed: 0, failed: 0, skipped: 0 };
  try {
    sum = JSON.parse(readFileSync(join(scratch, "counts"), "utf8"));
  } catch {
    // The run did not get as far as to count.
  }
  if (sum.failed === 0 && (!ok || sum.passed === 0)) sum.failed = 1;
  return sum;
}

const nodeTests = (files: string): Check => ({
  title: "API tests",
  program: node,
  args: [
    "--test",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${join(root, "scripts", "count-reporter.ts")}`,
    `--test-reporter-destination=${join(scratch, "counts")}`,
    ...globSync(files, { cwd: root }).sort(),
  ],
  count: nodeCounts,
});

const build: Check = { title: "build", program: node, args: ["scripts/run.mjs", "build"] };

const CARGO_DENY: [RegExp, string] = [
  /no such command: `deny`/,
  "cargo-deny is not installed: cargo install --locked cargo-deny",
];

const CHECKS: Check[] = [
  { title: "format", program: "cargo", args: ["fmt", "--check"] },
  { title: "format, fuzzing", program: "cargo", args: ["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"] },
  { title: "clippy", program: "cargo", args: ["clippy", "--locked", "--all-targets", "--", "-D", "warnings"] },
  { title: "clippy, wasm", program: "cargo", args: ["clippy", "--locked", ...WASM, "--", "-D", "warnings"] },
  { title: "unit tests", program: "cargo", args: ["test", "--locked"], count: cargoCounts },
  {
    title: "fuzzing, replay",
    program: "cargo",
    args: ["test", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"],
    count: cargoCounts,
  },
  {
    title: "licences and sources of the crates",
    program: "cargo",
    args: ["deny", "--locked", "check", "bans", "licenses", "sources"],
    needs: [CARGO_DENY],
  },
  {
    title: "advisories on the crates",
    program: "cargo",
    args: ["deny", "--locked", "check", "advisories"],
    needs: [CARGO_DENY, [/failed to fetch advisory database/, "the database of advisories could not be fetched"]],
  },
  {
    title: "advisories on the npm packages",
    program: "npm",
    args: ["audit", "--fetch-retries=0"],
    needs: [[/audit endpoint returned an error/, "the npm registry could not be asked"]],
  },
  { title: "openapi.yaml, linted", program: join(bin, "redocly"), args: ["lint", "openapi.yaml"] },
  { title: "types", program: join(bin, "tsc"), args: ["--noEmit"] },
  { title: "types, pages", program: join(bin, "tsc"), args: ["--noEmit", "-p", "site"] },
  build,
  nodeTests("tests/**/*.test.ts"),
  {
    title: "deploy, dry run",
    program: node,
    args: [wranglerScript, "deploy", "--dry-run", "--outdir", join(scratch, "bundle")],
  },
];

/** Runs one check with its output shown as it comes. */
async function perform({ title, program, args, count = one, needs }: Check): Promise<Counts & { lack?: string }> {
  const started = Date.now();
  console.log(styleText("bold", `\n── ${title}`));
  const child = spawn(program, args, {
    cwd: root,
    detached: needs !== undefined,
    stdio: ["ignore", "pipe", needs ? "pipe" : "inherit"],
  });
  let output = "";
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      process[stream].write(chunk);
    });
  }
  let late = false;
  const timer =
    needs &&
    setTimeout(() => {
      late = true;
      // A group of its own, so that nothing it started goes on without it.
      process.kill(-child.pid!, "SIGKILL");
    }, PATIENCE);
  const ok = await once(child, "close").then(
    ([code]) => code === 0,
    (error: Error) => {
      console.log(error.message);
      return false;
    },
  );
  clearTimeout(timer);
  const lack = ok
    ? undefined
    : late
      ? `no answer within ${PATIENCE / 1000} seconds`
      : needs?.find(([says]) => says.test(output))?.[1];
  if (lack !== undefined) {
    console.log(`${styleText("yellow", "–")} ${title} skipped: ${lack}`);
    return { passed: 0, failed: 0, skipped: 1, lack };
  }
  const counts = count(ok, output);
  console.log(
    `${counts.failed === 0 ? styleText("green", "✓") : styleText("red", "✗")} ${title} (${seconds(started)})`,
  );
  return counts;
}

await command(USAGE, async (args) => {
  const { values } = options(args, { only: { type: "string" } });
  const checks = values.only === undefined ? CHECKS : [build, nodeTests(values.only)];
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  const skips: string[] = [];
  try {
    for (const check of checks) {
      const counts = await perform(check);
      sum.passed += counts.passed;
      sum.failed += counts.failed;
      sum.skipped += counts.skipped;
      if (counts.failed > 0) failures.push(check.title);
      if (counts.lack !== undefined) skips.push(`${check.title} (${counts.lack})`);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (skips.length > 0) console.log(`\nSkipped: ${skips.join(", ")}`);
  if (failures.length > 0) console.log(`\nFailed: ${failures.join(", ")}`);
  console.log(`\n${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ""}`);
  process.exitCode = sum.failed > 0 ? 1 : 0;
});
