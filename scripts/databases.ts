// `npm run databases`: how full the databases are, one database more, and the move of an account from one to another.
// stdout has only the result, so that it can be piped.
import { readFileSync, writeFileSync } from "node:fs";
import { command, misuse, options } from "./cli.ts";
import {
  bindingOf,
  boundDatabases,
  CONFIG,
  type Database,
  inSession,
  localDatabase,
  measured,
  migrate,
  numberOf,
  query,
  wrangler,
} from "./d1.ts";
import { cancel, move } from "./move.ts";
import { Failure, step } from "./shared.ts";
import { printTable } from "./table.ts";
import { PRESENT } from "./tokens.ts";
import { size } from "./units.ts";
import { open, WHERE } from "./where.ts";

const USAGE = `Usage: npm run --silent databases -- [COMMAND] [options]

  list                     list the databases, and how full they are (default); reads all rows to count them
      --plan free          assume the limit of the Free plan, 500 MB, in place of 10 GB
      --json               print JSON
  add                      print what to add to wrangler.toml for one database more
      --write              add it, and migrate the new database; with --remote also create it
      --location weur      where to create it: wnam, enam, weur, eeur, apac or oc (default: close to you)
  move NAME --to DB_1      move the account NAME to another database, or go on with its move
  move NAME --cancel       undo a move that is not complete

      --remote             use the deployed databases instead of the local ones of npm start
      --persist-to DIR     use the local databases in another state folder`;

/** How large D1 lets a database become, in bytes. */
const LIMITS: Record<string, number> = { paid: 10e9, free: 500e6 };

await command(USAGE, async ([action = "list", ...rest]) => {
  const [chosen, args] = action.startsWith("-") ? ["list", [action, ...rest]] : [action, rest];
  switch (chosen) {
    case "list": {
      const { values } = options(args, {
        ...WHERE,
        plan: { type: "string", default: "paid" },
        json: { type: "boolean" },
      });
      const limit = LIMITS[values.plan] ?? misuse(`--plan is '${values.plan}', it must be paid or free`);
      const databases = await Promise.all((await open(values)).map((database) => contents(database, limit)));
      if (values.json) return console.log(JSON.stringify(databases, null, 2));
      printTable(databases.map(toCells));
      console.error(`\nThe limit is that of the ${values.plan === "free" ? "Free" : "paid"} plan of Workers.`);
      return;
    }
    case "add": {
      return add(options(args, { ...WHERE, write: { type: "boolean" }, location: { type: "string" } }).values);
    }
    case "move": {
      const known = { ...WHERE, to: { type: "string" }, cancel: { type: "boolean" } } as const;
      const { values, positionals } = options(args, known, "NAME");
      if ((values.to === undefined) === (values.cancel === undefined)) misuse("One of --to and --cancel is necessary");
      const databases = await open(values);
      const to = databases.find(({ binding }) => binding === values.to);
      if (values.to !== undefined && to === undefined) {
        const bound = databases.map(({ binding }) => binding).join(", ");
        throw new Failure(`--to is '${values.to}', wrangler.toml binds ${bound}.`);
      }
      const work = () => (to === undefined ? cancel(databases, positionals[0]!) : move(databases, positionals[0]!, to));
      console.log(await (values.remote ? inSession(work) : work()));
      return;
    }
    default:
      misuse(`Unknown command '${chosen}'`);
  }
});

type Contents = {
  database: string;
  bytes: number;
  limit: number;
  full: number;
  accounts: number;
  conversations: number;
  messages: number;
  events: number;
};

/** How full a database is, in per cent, and what it has. */
async function contents(database: Database, limit: number): Promise<Contents> {
  const { bytes, rows } = await measured(database, `SELECT count(*) AS n FROM accounts WHERE ${PRESENT}`);
  const counts: number[] = [];
  // One after the other: requests get their turn between two.
  for (const table of ["conversations", "messages", "events"]) {
    const [[row]] = await query(database, `SELECT count(*) AS n FROM ${table}`);
    counts.push(Number(row!.n));
  }
  const [conversations, messages, events] = counts as [number, number, number];
  const full = Number(((100 * bytes) / limit).toFixed(1));
  const accounts = Number(rows[0]!.n);
  return { database: database.binding, bytes, limit, full, accounts, conversations, messages, events };
}

function toCells({ database, bytes, limit, full, ...counts }: Contents) {
  const shown = Object.entries(counts).map(([name, count]) => [name, count.toLocaleString("en")]);
  return { database, size: size(bytes), limit: size(limit), full: `${full} %`, ...Object.fromEntries(shown) };
}

/** Adds a database, or says how. */
async function add(values: {
  write?: boolean;
  location?: string;
  remote?: boolean;
  "persist-to"?: string;
}): Promise<void> {
  if (values.remote && values["persist-to"] !== undefined) misuse("--persist-to and --remote exclude each other");
  if (values.location !== undefined && !(values.write && values.remote)) {
    misuse("--location is for a database that is created: with --write and --remote");
  }
  const bound = boundDatabases();
  const number = numberOf(bound.at(-1)!.binding)! + 1;
  const binding = bindingOf(number);
  const name = `${bound[0]!.name}-${number}`;
  const lines = `[[d1_databases]]\nbinding = "${binding}"\ndatabase_name = "${name}"\nmigrations_dir = "migrations"\n`;
  console.log(lines);
  if (!values.write) {
    console.error("Add these lines to wrangler.toml after those of the last database, or use --write. Then deploy.");
    return;
  }
  const toml = readFileSync(CONFIG, "utf8");
  const [, before, after] = /^([\s\S]*^\[\[d1_databases\]\]\n(?:[^\n[]+\n)+)([\s\S]*)$/m.exec(toml) ?? [];
  if (before === undefined) throw new Failure("wrangler.toml has no [[d1_databases]]: add the lines yourself.");
  const database: Database = values.remote ? { binding, remote: true } : localDatabase(values["persist-to"], binding);
  if (values.remote) {
    const location = values.location === undefined ? [] : ["--location", values.location];
    const create = ["d1", "create", name, "--update-config=false", ...location];
    await step(`Create the database "${name}"`, () => wrangler(...create));
  }
  // After the lines of the last database.
  writeFileSync(CONFIG, `${before}\n${lines}${after}`);
  await step("Migrations", () => migrate(database));
  console.error(
    `wrangler.toml binds ${binding} now. ` +
      (values.remote ? "Deploy the Worker, which then uses it: npm run deploy" : "Start the API again: npm start"),
  );
}
