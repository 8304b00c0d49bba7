// `npm run accounts`: what accounts use, and their quotas. stdout has only the result, so that it can be piped.
import { command, misuse, options } from "./cli.ts";
import { type Database, query, type Row, text } from "./d1.ts";
import { Failure } from "./shared.ts";
import { printTable } from "./table.ts";
import { databaseOf, PRESENT, TRY_AGAIN } from "./tokens.ts";
import { size, UNITS } from "./units.ts";
import { open, WHERE } from "./where.ts";

const USAGE = `Usage: npm run --silent accounts -- COMMAND [options]

  list                     list the accounts: what they use, and their quotas
      --json               print JSON
  set NAME                 set quotas of an account, effective from the next request
      --all                of all accounts, in place of NAME
      --max-tokens N       how many valid tokens it may have
      --max-webhooks N     how many endpoints for webhooks
      --max-objects N      how many conversations and messages
      --max-bytes N        how many bytes of text its messages may have in all, such as 500MB or 2GB

      --remote             use the deployed database instead of the local one of npm start
      --persist-to DIR     use the local database in another state folder

A quota of 0 refuses every creation.`;

/** The quotas, by their options. */
const QUOTAS = {
  "max-tokens": "max_tokens",
  "max-webhooks": "max_webhooks",
  "max-objects": "max_objects",
  "max-bytes": "max_bytes",
} as const;

/** How many objects are counted here that the sweep has not counted yet, of each kind and account. */
const MAX_UNCOUNTED = 10_000;

/** What the sweep has counted, and what was created since. */
const LIST = `
SELECT
  name AS account,
  (
    SELECT count(*) FROM tokens WHERE account_id = accounts.id AND valid_until > unixepoch()
  ) AS tokens,
  max_tokens,
  (SELECT count(*) FROM webhooks WHERE account_id = accounts.id) AS webhooks,
  max_webhooks,
  objects + (
    SELECT count(*) FROM (
      SELECT 1 FROM conversations WHERE account_id = accounts.id AND id > counted_conversation_id LIMIT ${MAX_UNCOUNTED}
    )
  ) + (
    SELECT count(*) FROM (
      SELECT 1 FROM messages INDEXED BY messages_by_id WHERE account_id = accounts.id AND id > counted_message_id
      LIMIT ${MAX_UNCOUNTED}
    )
  ) AS objects,
  max_objects,
  bytes + (
    SELECT coalesce(sum(bytes), 0) FROM (
      SELECT octet_length(message) AS bytes FROM messages INDEXED BY messages_by_id
      WHERE account_id = accounts.id AND id > counted_message_id LIMIT ${MAX_UNCOUNTED}
    )
  ) AS bytes,
  max_bytes,
  is_full,
  (
    SELECT count(*) FROM conversations INDEXED BY conversations_removed WHERE is_removed AND account_id = accounts.id
  ) AS removing
FROM accounts WHERE ${PRESENT}`;

await command(USAGE, async ([action = "", ...args]) => {
  switch (action) {
    case "list": {
      const { values } = options(args, { ...WHERE, json: { type: "boolean" } });
      const accounts = await list(await open(values));
      if (values.json) console.log(JSON.stringify(accounts.map(toJson), null, 2));
      else if (accounts.length === 0) console.error("No accounts.");
      else printTable(accounts.map(toCells));
      return;
    }
    case "set": {
      const known = {
        ...WHERE,
        all: { type: "boolean" },
        "max-tokens": { type: "string" },
        "max-webhooks": { type: "string" },
        "max-objects": { type: "string" },
        "max-bytes": { type: "string" },
      } as const;
      const all = args.includes("--all");
      const { values, positionals } = options(args, known, ...(all ? [] : ["NAME"]));
      const changes = Object.entries(QUOTAS).flatMap(([option, column]) => {
        const value = values[option as keyof typeof QUOTAS];
        return value === undefined ? [] : [`${column} = ${quota(option, value)}`];
      });
      if (changes.length === 0)
        misuse("A quota is missing: --max-tokens, --max-webhooks, --max-objects or --max-bytes");
      const changed = await change(await open(values), all ? undefined : positionals[0], changes);
      console.error(`${changed === 1 ? "1 account is" : `${changed} accounts are`} changed.`);
      return;
    }
    default:
      misuse(action ? `Unknown command '${action}'` : "The command is missing");
  }
});

/** What all accounts use, by name. Where there are several databases, each account with its own. */
async function list(databases: Database[]): Promise<Row[]> {
  const accounts = await Promise.all(
    databases.map(async (database) => {
      const [rows] = await query(database, LIST);
      return databases.length === 1 ? rows! : rows!.map((row) => ({ database: database.binding, ...row }));
    }),
  );
  const name = ({ account }: Row) => Buffer.from(String(account));
  return accounts.flat().toSorted((one, other) => Buffer.compare(name(one), name(other)));
}

/** Changes quotas of the account with this name, or of all. Returns of how many. An account that is in the last step of
 * its move has been copied, so a change would be lost. */
async function change(databases: Database[], account: string | undefined, changes: string[]): Promise<number> {
  const database = account === undefined ? undefined : await databaseOf(databases, account);
  const those = account === undefined ? databases : database === undefined ? [] : [database];
  const where = `WHERE ${PRESENT} ${account === undefined ? "" : `AND name = ${text(account)}`}`;
  const results = await Promise.all(
    those.map((database) =>
      query(
        database,
        `SELECT name FROM accounts ${where} AND held_at IS NOT NULL`,
        `UPDATE accounts SET ${changes.join(", ")} ${where} AND held_at IS NULL RETURNING id`,
      ),
    ),
  );
  const held = results.flatMap(([held]) => held!);
  const changed = results.flatMap(([, changed]) => changed!).length;
  if (held.length > 0) {
    throw new Failure(`${changed} accounts are changed. The account '${held[0]!.name}' is being moved. ${TRY_AGAIN}`);
  }
  if (changed === 0) {
    throw new Failure(
      account === undefined
        ? "There are no accounts."
        : `There is no account '${account}'. See \`npm run accounts -- list\`.`,
    );
  }
  return changed;
}

function quota(option: string, value: string): number {
  const [, number = "", unit = ""] = /^(\d{1,16})([kMGT]?B)?$/.exec(value) ?? [];
  const quota = Number(number) * UNITS[unit]!;
  const isCount = option !== "max-bytes";
  if (number === "" || (isCount && unit !== "") || !Number.isSafeInteger(quota)) {
    const valid = isCount ? "a whole number" : "a whole number, with or without kB, MB or GB";
    throw new Failure(`--${option} is '${value}', it must be ${valid}.`);
  }
  return quota;
}

function toJson({ is_full, ...account }: Row) {
  return { ...account, is_full: is_full === 1 };
}

function toCells(row: Row) {
  const of = (used: unknown, most: unknown, shown: (n: number) => string) =>
    `${shown(Number(used))} of ${shown(Number(most))}`;
  return {
    ...(row.database === undefined ? {} : { database: String(row.database) }),
    account: String(row.account),
    tokens: of(row.tokens, row.max_tokens, String),
    webhooks: of(row.webhooks, row.max_webhooks, String),
    objects: of(row.objects, row.max_objects, (n) => n.toLocaleString("en")),
    bytes: of(row.bytes, row.max_bytes, size),
    full: row.is_full === 1 ? "yes" : "no",
    "being removed": row.removing === 0 ? "-" : `${row.removing} conversations`,
  };
}
