// How a command begins and ends: its options, its exit code, and failures without a stack trace.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { ExecaError } from "execa";
import { Failure } from "./shared.ts";

/** The command was called with wrong arguments. */
class UsageError extends Error {}

/** Failures that have a known remedy, by what the failed program printed. */
const ADVICE: [printed: RegExp, advice: string][] = [
  [
    /spawn (rustc|cargo) ENOENT/,
    "Rust is missing: run `curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh`, then open a new shell.",
  ],
  [
    /spawn rustup ENOENT/,
    "This Rust lacks its wasm32-unknown-unknown target, rustfmt or clippy: install the packages of your system for " +
      "them, or install Rust from https://rustup.rs.",
  ],
  [
    /toolchain '.+' is not installed/,
    "This folder uses the Rust that rust-toolchain.toml names, and rustup may not install it by itself here. Run " +
      "`rustup toolchain install` in this folder: it installs that Rust with the wasm32 target, rustfmt and clippy.",
  ],
  [
    /requires rustc|not supported by the following package/,
    "Rust is too old: install a newer one from your system, or from https://rustup.rs.",
  ],
  [
    /linker `cc` not found|failed to find tool "cc"/,
    "A C compiler is missing: install `build-essential` (Debian, Ubuntu), `gcc` and `libc-dev` (others), or run " +
      "`xcode-select --install` (macOS).",
  ],
  [/ENOSPC|No space left on device/i, "The disk is full: free some space and run the command again."],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|Could not resolve host|failed to download|network failure/i,
    "A server could not be reached: check the network and the proxy settings, and run the command again.",
  ],
];

/** Reads a command's options and exactly the named positional arguments. */
export function options<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: string[],
  known: T,
  ...positionals: string[]
) {
  try {
    const parsed = parseArgs({ args, options: known, allowPositionals: true });
    const missing = positionals[parsed.positionals.length];
    const unexpected = parsed.positionals[positionals.length];
    if (missing !== undefined) throw new UsageError(`${missing} is missing`);
    if (unexpected !== undefined) throw new UsageError(`Unexpected argument '${unexpected}'`);
    return parsed;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Runs a command. The exit code is 0 after success, 1 after a failure, 2 after wrong arguments. */
export async function command(usage: string, main: (args: string[]) => Promise<void>) {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) return console.log(usage);
  try {
    await main(args);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${usage}`);
      process.exitCode = 2;
    } else if (error instanceof Failure || error instanceof ExecaError) {
      console.error(`\n${error.message}`);
      const advice = ADVICE.find(([printed]) => printed.test(error.message))?.[1];
      if (advice !== undefined) console.error(`\n${advice}`);
      process.exitCode = 1;
    } else throw error;
  }
}

/** Is aborted when the command is asked to stop, so that the command can first end the programs that it started. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => controller.abort());
  return controller.signal;
}

/** Ends the command with an error message and its usage. */
export function misuse(message: string): never {
  throw new UsageError(message);
}

/** The value of an option that must be a whole number, at least 1. */
export function wholeNumber(option: string, text: string): number {
  return /^[1-9]\d{0,8}$/.test(text)
    ? Number(text)
    : misuse(`--${option} is '${text}', it must be a whole number, at least 1`);
}
