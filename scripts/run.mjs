// The entry of every npm script: `node scripts/run.mjs <command> [arguments]`.
// Makes what the command needs (setup.mjs), then runs its TypeScript file. Plain JavaScript, because the Node that
// starts it may be older than the one the project brings along and runs everything else with.
// @ts-check
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { setUp } from "./setup.mjs";
import { bin, Failure, node, root } from "./shared.mjs";

/** @typedef {import("./setup.mjs").Need} Need */
/** What each command needs, and the file that is the command; `build` is all set-up.
 * @type {Record<string, { needs: Need[], file?: string }>} */
const COMMANDS = {
  start: { needs: ["packages", "site"], file: "start.ts" },
  test: { needs: ["packages", "rust", "lints"], file: "test.ts" },
  build: { needs: ["packages", "site"] },
  deploy: { needs: ["packages", "site"], file: "deploy.ts" },
  token: { needs: ["packages"], file: "token.ts" },
  seed: { needs: ["packages"], file: "seed.ts" },
  durability: { needs: ["packages", "site"], file: "durability.ts" },
  conformance: { needs: ["packages", "site"], file: "conformance.ts" },
  bench: { needs: ["packages", "site"], file: "../bench/run.ts" },
  fuzz: { needs: ["packages", "rust"], file: "fuzz.ts" },
};

/** wrangler, and Redocly, on their own business only: no telemetry, no banner, no prompts about other products, no look-up
 * of where this machine is. */
const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
  WRANGLER_WRITE_LOGS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  REDOCLY_TELEMETRY: "off",
  REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
};

/** Runs a TypeScript file with the project's own Node and gives its exit code.
 * @param {string} file @param {string[]} args @returns {Promise<number>} */
function runFile(file, args) {
  const child = spawn(node, [join(root, "scripts", file), ...args], {
    stdio: "inherit",
    env: { ...process.env, ...QUIET, PATH: `${bin}${delimiter}${process.env.PATH}` },
  });
  // Ctrl-C reaches the whole group by itself; a signal sent to this process alone has to be handed on. Either way the
  // child ends first, so that nothing it started is left behind.
  for (const signal of /** @type {NodeJS.Signals[]} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (!command) {
  console.error(`Usage: node scripts/run.mjs ${Object.keys(COMMANDS).join("|")} [arguments]`);
  process.exit(2);
}
try {
  await setUp(command.needs);
  process.exitCode = command.file ? await runFile(command.file, args) : 0;
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`\n${error.message}`);
  // Whoever counts tests reads the last line.
  if (name === "test") console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
