// `npm run scale`: what an installation of any size needs, costs and waits for.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, misuse, options, wholeNumber } from "../../scripts/cli.ts";
import { Failure, root, step } from "../../scripts/shared.ts";
import { printTable } from "../../scripts/table.ts";
import { STEPS } from "../bill/steps.ts";
import { DEFAULTS, document, sized } from "./document.ts";
import { measured } from "./measured.ts";
import { simulate } from "./model.ts";
import { PLACES, parsePlaces, parseRegions, REGIONS } from "./places.ts";
import { latencies, limits, markdown, needs } from "./report.ts";

const USAGE = `Usage: npm run --silent scale -- COMMAND [options]

  simulate                 calculate databases, latency and the bill, from what was measured
      --messages N         messages a day (default 1000000)
      --accounts N         accounts (default: one for 50 messages a day)
      --places LIST        where messages come from (default ${Object.entries(PLACES)
        .slice(0, 2)
        .map((p) => p.join("="))
        .join(",")},…)
      --databases LIST     regions of the databases (default weur; known: ${Object.keys(REGIONS).join(", ")})
      --characters N       characters of a message (default 100)
      --per-conversation N messages of a conversation (default 50)
      --keys P             per cent of the messages with an idempotency key (default 100)
      --peak N             the busiest hour, as a multiple of the average (default 3)
      --largest P          per cent of the messages that the largest account has (default 1)
      --after-write P      per cent of the reads that follow a write of the same caller at once (default 10)
      --lag MS             how far a read replica is behind (default 800)
      --json               print JSON
      --write              calculate the defaults for three sizes, and write docs/SCALING.md and docs/scaling.svg
  measure                  measure the SQL time of a message cycle, and write it to docs/SCALING.md`;

await command(USAGE, async ([name, ...args]) => {
  if (name === "simulate") simulateCommand(args);
  else if (name === "measure") await measureCommand(args);
  else misuse(name === undefined ? "A command is missing" : `Unknown command '${name}'`);
});

function simulateCommand(args: string[]): void {
  const text = { type: "string" } as const;
  const { values } = options(args, {
    messages: text,
    accounts: text,
    places: text,
    databases: text,
    characters: text,
    "per-conversation": text,
    keys: text,
    peak: text,
    largest: text,
    "after-write": text,
    lag: text,
    json: { type: "boolean" },
    write: { type: "boolean" },
  });
  if (values.write) {
    if (args.length > 1) misuse("--write takes no other option");
    write();
    return;
  }
  const number = (option: string & keyof typeof values, otherwise: number) => {
    const given = values[option];
    return typeof given === "string" ? wholeNumber(option, given) : otherwise;
  };
  const share = (option: string & keyof typeof values, otherwise: number) => {
    const given = values[option];
    if (typeof given !== "string") return otherwise;
    const percent = /^\d{1,3}(\.\d+)?$/.test(given) ? Number(given) : Number.NaN;
    return percent <= 100 ? percent / 100 : misuse(`--${option} is '${given}', it must be 0 to 100 per cent`);
  };
  const characters = number("characters", DEFAULTS.characters);
  if (characters > 10_000) misuse("--characters is more than 10,000: a message has no more");
  const scenario = sized({
    ...DEFAULTS,
    messages: number("messages", DEFAULTS.messages),
    ...(values.accounts !== undefined && { accounts: number("accounts", 1) }),
    ...(values.places !== undefined && { places: parsePlaces(values.places) }),
    ...(values.databases !== undefined && { regions: parseRegions(values.databases) }),
    characters,
    perConversation: number("per-conversation", DEFAULTS.perConversation),
    keys: share("keys", DEFAULTS.keys),
    peak: number("peak", DEFAULTS.peak),
    largest: share("largest", DEFAULTS.largest),
    afterWrite: share("after-write", DEFAULTS.afterWrite),
    lagMs: number("lag", DEFAULTS.lagMs),
  });
  const result = simulate(scenario, measured());
  if (values.json) {
    console.log(JSON.stringify({ scenario, ...result }, null, 2));
    return;
  }
  for (const [head, ...rows] of [needs([{ scenario, result }]), limits([{ scenario, result }]), latencies(result)]) {
    printTable(rows.map((row) => Object.fromEntries(row.map((cell, column) => [head![column]!, cell]))));
    console.log();
  }
}

/** Writes the tables and the chart of docs/SCALING.md. */
function write(): void {
  const { tables, svg } = document();
  replace("simulation", "npm run scale -- simulate --write", tables);
  writeFileSync(join(root, "docs", "scaling.svg"), svg);
}

async function measureCommand(args: string[]): Promise<void> {
  options(args, {});
  const { sqlTimes } = await import("./sql-time.ts");
  const times = await step("measure the SQL time of a message cycle", sqlTimes);
  const table = markdown([
    ["request", "ms in SQLite", "ms, compiled before"],
    ...STEPS.map(({ title }, at) => [title, times[at]!.compiled.toFixed(2), times[at]!.ready.toFixed(2)]),
  ]);
  console.log(table);
  replace("SQL times", "npm run scale -- measure", table);
  // The model uses these times.
  write();
}

/** Replaces a part of docs/SCALING.md. */
function replace(name: string, writer: string, text: string): void {
  const [begin, end] = [`<!-- ${name}: written by ${writer} -->\n\n`, `\n\n<!-- end of ${name} -->`];
  const file = join(root, "docs", "SCALING.md");
  const page = readFileSync(file, "utf8");
  const [from, to] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  if (from < begin.length || to < from) throw new Failure(`docs/SCALING.md has no place for the ${name}.`);
  writeFileSync(file, page.slice(0, from) + text + page.slice(to));
}
