// Runs the npm scripts and cleans up after them, also when a test fails.
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/shared.ts";

/** A state folder that is deleted when the scope ends. Its name has a space to test that paths are quoted. */
export function stateFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "conversations state-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** An unused port, below those that systems give to connections: the requests of other tests could take one of those
 * before the server has it. */
export async function freePort(): Promise<number> {
  const server = createServer();
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

/** Runs `npm run --silent token` to its end. */
export const token = (...args: string[]) => npmRun("token", ...args);

/** Runs an npm script to its end. */
export const npmRun = (script: string, ...args: string[]) => run("npm", ["run", "--silent", script, "--", ...args]);

/** Runs an npm script to its end. Returns how many seconds of the processor it took, npm and all that it started with
 * it. Unlike the time on a clock, they don't depend on what else the machine does. */
export async function processorTime(script: string, ...args: string[]): Promise<number> {
  const line = ["-c", '"$@" > /dev/null && times', "sh", "npm", "run", "--silent", script, "--", ...args];
  const { code, stdout, stderr } = await run("sh", line);
  if (code !== 0) throw new Error(stderr);
  // The second line is that of the programs that the shell ran: the user's time and the system's.
  const [, ofPrograms] = stdout.trim().split("\n");
  return [...ofPrograms!.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, min, s]) => sum + 60 * Number(min) + Number(s),
    0,
  );
}

/** Runs a program to its end. The exit code is null after a signal. */
export async function run(program: string, args: string[], { cwd = root, env = {} } = {}) {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const output = collect(child);
  const [code] = await once(child, "close");
  // One that was killed leaves the workerd that it started.
  if (code === null) signalGroup(child, "SIGKILL");
  return { code: code as number | null, ...output };
}

/** Sends a signal to all processes of a program that leads a group, if there are any left. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals) {
  try {
    process.kill(-child.pid!, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The token in the greeting of `npm start`. */
export const tokenIn = (greeting: string) => /^Token: (self_\w{36})$/m.exec(greeting)![1];

/** Sends the request of a curl command. Knows only the options that the API reference uses. */
export async function curl(command: string): Promise<{ status: number; text: string; body: any }> {
  const [, url] = /(http:\S+)/.exec(command)!;
  const [, authorization] = /-H "Authorization: (.+?)"/.exec(command)!;
  const data = / -d (.+)$/m.exec(command)?.[1].replaceAll(/['"]/g, "");
  const method = /-X (\w+)/.exec(command)?.[1] ?? (data === undefined ? "GET" : "POST");
  const headers = { Authorization: authorization };
  const response = command.includes(" -G ")
    ? await fetch(`${url}?${data}`, { headers })
    : await fetch(url, { method, headers, body: data === undefined ? undefined : new URLSearchParams(data) });
  const text = await response.text();
  return { status: response.status, text, body: text === "" ? undefined : JSON.parse(text) };
}

/** A running program, npm if no other is named. It is killed with all its processes when the scope ends. */
export class Script implements AsyncDisposable {
  readonly output: { stdout: string; stderr: string };
  readonly child: ChildProcess;
  readonly #closed: Promise<unknown[]>;

  constructor(args: string[], program = "npm", cwd = root) {
    // A process group, so that a signal reaches all its processes, like Ctrl-C in a terminal.
    this.child = spawn(program, args, { cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.output = collect(this.child);
    this.#closed = once(this.child, "close");
  }

  /** Waits until it has printed a text, and the rest of that line. */
  async until(stream: "stdout" | "stderr", text: string): Promise<void> {
    const closed = this.#closed.then(() => true);
    const isThere = () => {
      const at = this.output[stream].indexOf(text);
      return at >= 0 && this.output[stream].includes("\n", at + text.length - 1);
    };
    while (!isThere()) {
      if (await Promise.race([closed, once(this.child[stream]!, "data").then(() => false)])) {
        throw new Error(`It ended before it printed "${text}":\n${this.output.stdout}\n${this.output.stderr}`);
      }
    }
  }

  /** Sends all its processes a signal and waits for their end: the pipes close with the last process. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    signalGroup(this.child, signal);
    await this.#closed;
  }

  /** Waits for the end and returns the exit code. */
  async ended(): Promise<number | null> {
    return (await this.#closed)[0] as number | null;
  }

  async [Symbol.asyncDispose]() {
    await this.signal("SIGKILL");
  }
}

/** A running `npm start`. */
export class Server extends Script {
  constructor(port: number, folder: string) {
    super(["start", "--", "--port", String(port), "--persist-to", folder]);
  }

  /** Waits for the greeting and returns it. */
  async greeting(): Promise<string> {
    await this.until("stdout", "Press Ctrl-C to stop");
    return this.output.stdout;
  }

  /** Waits for the line of a request in the log, and returns all lines, which must be JSON. */
  async log(requestId: string): Promise<{ request_id: string; method: string; route: string; status: number }[]> {
    await this.until("stdout", `"request_id":"${requestId}"`);
    const [, log] = this.output.stdout.split("The data is kept.\n");
    // Of the last line a part may have come.
    return log!
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }
}

function collect(child: ChildProcess) {
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]!.setEncoding("utf8").on("data", (chunk: string) => (output[stream] += chunk));
  }
  return output;
}
