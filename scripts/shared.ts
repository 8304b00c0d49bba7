// What the commands share: running programs, and progress on stderr.
import { join } from "node:path";
import { execa } from "execa";
import { Listr, ListrLogger, type ListrTask, PRESET_TIMER, ProcessOutput } from "listr2";

/** The repository. */
export const root = join(import.meta.dirname, "..");

/** An expected failure: its message is shown without a stack trace. */
export class Failure extends Error {}

/** No telemetry, no banners, no prompts about other products, no look-up of where this machine is. */
export const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
  WRANGLER_WRITE_LOGS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  REDOCLY_TELEMETRY: "off",
  REDOCLY_SUPPRESS_UPDATE_NOTICE: "true",
};

/** Runs a program of the npm packages or of the machine, in the repository. */
export const run = execa({
  cwd: root,
  preferLocal: true,
  localDir: root,
  stdin: "ignore",
  all: true,
  env: QUIET,
});

type OnLine = (line: string) => void;

/** Options of `run` that report every line of output. */
export function reporting(onLine: OnLine) {
  function* report(line: unknown) {
    onLine(String(line));
    yield line;
  }
  return { stdout: report, stderr: report };
}

/** Runs tasks and shows on stderr how they go: a list with spinners on a terminal, lines elsewhere. */
export function tasks(list: ListrTask[], options: { concurrent?: boolean; exitOnError?: boolean } = {}) {
  const shown = {
    logger: new ListrLogger({ useIcons: true, processOutput: new ProcessOutput(process.stderr, process.stderr) }),
    timer: PRESET_TIMER,
  };
  return new Listr(list, {
    ...options,
    rendererOptions: { ...shown, collapseSubtasks: false, showErrorMessage: false, showSkipMessage: false },
    fallbackRenderer: "simple",
    fallbackRendererOptions: shown,
    fallbackRendererCondition: !process.stderr.isTTY,
  }).run();
}

/** Runs one task, which may report lines of progress, and returns its result. */
export async function step<T>(title: string, work: (onLine: OnLine) => Promise<T>): Promise<T> {
  const results: PromiseSettledResult<T>[] = [];
  const task: ListrTask["task"] = async (_, task) => {
    let shown = Date.now();
    const onLine = (line: string) => {
      // A terminal shows the last line only. Elsewhere all lines stay, so few are shown.
      if (!process.stderr.isTTY && Date.now() - shown < 15_000) return;
      shown = Date.now();
      task.output = line.trim();
    };
    results.push(...(await Promise.allSettled([work(onLine)])));
    if (results[0]!.status === "rejected") throw new Error("see below");
  };
  await tasks([{ title, task }], { exitOnError: false });
  if (results[0]!.status === "rejected") throw results[0]!.reason;
  return results[0]!.value;
}
