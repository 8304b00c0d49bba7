// What the set-up and the commands share: where things are, running a program, progress on stderr, and a failure that
// is a message for a person. Plain JavaScript for the sake of run.mjs.
// @ts-check
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
/** The programs npm installed. */
export const bin = join(root, "node_modules", ".bin");
/** The project's own Node, which runs everything but the set-up. */
export const node = join(bin, "node");
/** wrangler, to be run by that Node: its own first line would take the one on the PATH. */
export const wranglerScript = join(bin, "wrangler");

/** Something went wrong that the message explains: shown as it is, without a stack trace. */
export class Failure extends Error {}

/** Runs a program from the repository and gives what it printed; throws a Failure that quotes it when it fails.
 * @param {string} program @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, onLine?: (line: string) => void }} [options]
 * @returns {Promise<{ stdout: string, stderr: string }>} */
export function run(program, args, { env = process.env, onLine } = {}) {
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  let all = "";
  for (const stream of /** @type {const} */ (["stdout", "stderr"])) {
    child[stream].setEncoding("utf8").on("data", (/** @type {string} */ chunk) => {
      output[stream] += chunk;
      all += chunk;
      onLine?.(chunk.trimEnd().split("\n").at(-1) ?? "");
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new Failure(`${program} could not be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(output);
      const hint = hintFor(all);
      reject(
        new Failure(
          `${all.trim()}\n\n${named([program, ...args])} failed (${signal ?? `exit code ${code}`}).` +
            (hint ? `\n${hint}` : ""),
        ),
      );
    });
  });
}

/** A command in short, for messages.
 * @param {string[]} words */
const named = (words) => (words[0] === node ? words.slice(1) : words).slice(0, 4).join(" ").replaceAll(`${bin}/`, "");

/** What to do about the failures that have nothing to do with the program.
 * @param {string} output */
function hintFor(output) {
  if (/ENOSPC|No space left on device/i.test(output)) return "The disk is full: make room and run the command again.";
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|Could not resolve host|failed to download|network failure/i.test(
      output,
    )
  )
    return "A package registry could not be reached: check the network (or the proxy settings) and run the command again.";
  return "";
}

/** @type {Map<string, { started: number, line: string }>} */
const running = new Map();
/** @type {NodeJS.Timeout | undefined} */
let ticker;

/** Says on stderr that a piece of work begins, how it goes, and how long it took.
 * @template T @param {string} title @param {(onLine: (line: string) => void) => Promise<T>} work @returns {Promise<T>} */
export async function step(title, work) {
  const state = { started: Date.now(), line: "" };
  running.set(title, state);
  say(`… ${title}`);
  ticker ??= setInterval(tick, process.stderr.isTTY ? 200 : 15_000);
  let mark = "✗";
  try {
    const result = await work((line) => (state.line = line));
    mark = "✓";
    return result;
  } finally {
    running.delete(title);
    if (running.size === 0) {
      clearInterval(ticker);
      ticker = undefined;
    }
    say(`${mark} ${title} (${seconds(state.started)})`);
  }
}

/** The time since, for people.
 * @param {number} started */
export const seconds = (started) => `${((Date.now() - started) / 1000).toFixed(1)} s`;

/** A line of its own, also where the ticking line stands.
 * @param {string} line */
const say = (line) => process.stderr.write(`${process.stderr.isTTY ? "\r\x1b[K" : ""}${line}\n`);

/** One line about everything that is under way: rewritten in place on a terminal, repeated now and then elsewhere. */
function tick() {
  const line = [...running].map(([title, { started, line }]) => `${title} ${seconds(started)} ${line}`).join(" | ");
  const plain = line.replace(/\x1b\[[0-9;]*m/g, "").slice(0, (process.stderr.columns || 160) - 3);
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K  ${plain}` : `  ${plain}\n`);
}
