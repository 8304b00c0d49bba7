// How a command begins and ends: its options read, its failures told without a stack trace.
import { type ParseArgsConfig, parseArgs } from "node:util";
import { Failure } from "./shared.mjs";

/** The command was called in a way it doesn't know. */
class UsageError extends Error {}

/** Reads a command's options and exactly the named positional arguments. */
export function options<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: string[],
  known: T,
  ...positionals: string[]
) {
  try {
    const parsed = parseArgs({ args, options: known, allowPositionals: true });
    if (parsed.positionals.length < positionals.length)
      throw new UsageError(`${positionals[parsed.positionals.length]} is missing`);
    if (parsed.positionals.length > positionals.length)
      throw new UsageError(`Unexpected argument '${parsed.positionals[positionals.length]}'`);
    return parsed;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Runs a command: 0 when it went well, 1 when it failed, 2 when it was called wrongly. */
export async function command(usage: string, main: (args: string[]) => Promise<void>) {
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) return console.log(usage);
  try {
    await main(args);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${usage}`);
      process.exitCode = 2;
    } else if (error instanceof Failure) {
      console.error(error.message);
      process.exitCode = 1;
    } else throw error;
  }
}

/** Ends the command with its usage. */
export function misuse(message: string): never {
  throw new UsageError(message);
}

/** The value of an option that takes a whole number from 1 on. */
export function wholeNumber(option: string, text: string): number {
  return /^[1-9]\d{0,8}$/.test(text)
    ? Number(text)
    : misuse(`--${option} is '${text}', it takes a whole number from 1 on`);
}
