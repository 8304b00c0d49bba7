// `npm run fuzz`: runs libFuzzer on all parsers, guided by coverage. fuzz/README.md says what is checked. `npm test`
// replays the corpus.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { command, misuse, options, wholeNumber } from "./cli.ts";
import "./rust.ts";
import { Failure, reporting, root, run, step } from "./shared.ts";

const USAGE = `Usage: npm run fuzz [-- --only TARGET] [--seconds 60] [--keep]

  --only TARGET    run only this target: %TARGETS%
  --seconds N      the time for each target (default: 60)
  --keep           add the inputs that reached new code to the corpus`;

/** Makes the compiler report which code an input reaches: the flags of cargo-fuzz, which needs a nightly compiler. */
const COVERAGE = [
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
].join(" ");

const corpusFolder = join(root, "fuzz", "corpus");
const corpusFile = (target: string) => join(corpusFolder, `${target}.jsonl`);
const TARGETS = readdirSync(corpusFolder)
  .map((name) => basename(name, ".jsonl"))
  .sort();

// An input is a line of the corpus: a JSON string in ASCII. The code of each of its characters is a byte of the input.
const lines = (target: string) => readFileSync(corpusFile(target), "utf8").split("\n").filter(Boolean);
const bytes = (line: string) => Buffer.from(JSON.parse(line), "latin1");
const line = (file: string) =>
  JSON.stringify(readFileSync(file, "latin1")).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
const add = (target: string, inputs: string[]) =>
  appendFileSync(corpusFile(target), inputs.map((input) => `${input}\n`).join(""));

await command(USAGE.replace("%TARGETS%", TARGETS.join(", ")), async (args) => {
  const { values } = options(args, {
    only: { type: "string" },
    seconds: { type: "string", default: "60" },
    keep: { type: "boolean" },
  });
  const seconds = wholeNumber("seconds", values.seconds);
  if (values.only !== undefined && !TARGETS.includes(values.only)) {
    misuse(`--only is '${values.only}', the targets are ${TARGETS.join(", ")}`);
  }

  const program = await step("Compile the targets", compile);
  let total = 0;
  for (const target of values.only === undefined ? TARGETS : [values.only]) {
    total += await fuzz(program, target, seconds, values.keep ?? false);
  }
  console.log(`${total.toLocaleString("en")} inputs, no failure`);
});

/** Compiles the program with all targets and returns its path. */
async function compile(onLine: (line: string) => void) {
  // What the cc crate compiles libFuzzer with.
  const compiler = process.env.CXX ?? "c++";
  if ((await run(compiler, ["--version"], { reject: false })).failed) {
    throw new Failure(
      `libFuzzer needs a C++ compiler, and there is no ${compiler}: install build-essential or g++ (Debian, Ubuntu), ` +
        "or run `xcode-select --install` (macOS). `npm test` replays the corpus without a C++ compiler.",
    );
  }
  const host = /^host: (.+)$/m.exec((await run("rustc", ["-vV"])).stdout)?.[1] ?? "";
  const folder = join(root, "target", "fuzz");
  // With an explicit target cargo compiles build scripts without these flags.
  const cargo = [
    "build",
    "--release",
    "--locked",
    "--manifest-path",
    "fuzz/Cargo.toml",
    "--features",
    "libfuzzer",
    "--target",
    host,
  ];
  const env = { RUSTFLAGS: `${process.env.RUSTFLAGS ?? ""} ${COVERAGE}` };
  await run("cargo", [...cargo, "--target-dir", folder], { env, ...reporting(onLine) });
  return join(folder, host, "release", "fuzz");
}

/** Runs one target and returns the number of its inputs. */
async function fuzz(program: string, target: string, time: number, keep: boolean): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), "conversations-fuzz-"));
  const [seeds, found, failing] = ["seeds", "found", "failing"].map((name) => join(scratch, name));
  try {
    for (const folder of [seeds!, found!, failing!]) mkdirSync(folder);
    for (const [index, line] of lines(target).entries()) {
      writeFileSync(join(seeds!, String(index).padStart(6, "0")), bytes(line));
    }
    const libFuzzer = (flags: string[], onLine: (line: string) => void) =>
      run(program, [...flags, `-artifact_prefix=${failing}/`], {
        env: { FUZZ_TARGET: target, RUST_BACKTRACE: "0" },
        ...reporting(onLine),
      });

    const dictionary = `-dict=${join(root, "fuzz", "dictionary")}`;
    const flags = [`-max_total_time=${time}`, "-timeout=10", "-max_len=2048", "-print_final_stats=1", dictionary];
    const { stderr } = await step(`Fuzz ${target}`, (onLine) => libFuzzer([...flags, found!, seeds!], onLine));
    const [, inputs, rate] = /number_of_executed_units:\s*(\d+)\n.*average_exec_per_sec:\s*(\d+)/.exec(stderr) ?? [];
    if (inputs === undefined) throw new Failure(`libFuzzer did not print its statistics:\n${stderr}`);
    let news = "";
    if (keep) {
      // Without counters only inputs that reach new code are kept, not those that reach the same code more often.
      await step(`Merge ${target}`, (onLine) => libFuzzer(["-merge=1", "-use_counters=0", seeds!, found!], onLine));
      const known = new Set(lines(target));
      const added = readdirSync(seeds!)
        .map((name) => line(join(seeds!, name)))
        .filter((input) => !known.has(input));
      add(target, added);
      news = `, ${added.length} added to the corpus`;
    }
    console.log(
      `${target}: ${Number(inputs).toLocaleString("en")} inputs, ${Number(rate).toLocaleString("en")} a second${news}`,
    );
    return Number(inputs);
  } catch (error) {
    const [name] = existsSync(failing!) ? readdirSync(failing!) : [];
    if (name === undefined) throw error;
    const input = line(join(failing!, name));
    add(target, [input]);
    throw new Failure(`${panicOf(error)}

${target} fails (${name.split("-")[0]}) on this input:
  ${input}
It is now the last line of fuzz/corpus/${target}.jsonl. \`npm test\` fails until the bug is fixed.`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The panic's message in libFuzzer's output. */
function panicOf(error: unknown) {
  const output = (error as Error).message;
  return /^thread .*? panicked at .*?(?=\n(?:note: |==\d+==))/ms.exec(output)?.[0] ?? output;
}
