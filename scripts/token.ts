// `npm run token`: the operator's tokens. On stdout only what was asked for, so that it can be piped.
import { command, misuse, options } from "./cli.ts";
import { type Database, localDatabase, migrate } from "./d1.ts";
import { Failure } from "./shared.mjs";
import { createToken, listTokens, revokeToken, SCOPES } from "./tokens.ts";

const USAGE = `Usage: npm run --silent token -- COMMAND [options]

  create --account NAME    print a new token, which is shown this once; makes the account when there is none
      --name LABEL         what the token is for (default: "default")
      --scopes "..."       what it may do: ${Object.keys(SCOPES).join(", ")}
                           (default: all but tokens:write, which makes more of them)
      --expires-in 30d     how long it is good for, in s, m, h, d or w (default: until it is revoked)
      --expires-at SECONDS the same as a Unix time
  list                     show tokens, never their secrets
      --account NAME       only those of this account
      --json               as JSON
  revoke TOKEN_ID          make a token useless from the next request on

      --remote             the deployed database instead of the local one that npm start uses
      --persist-to DIR     the local database in another state folder`;

const WHERE = { remote: { type: "boolean" }, "persist-to": { type: "string" } } as const;
const MAX_TIME = 253402300799;

await command(USAGE, async ([action = "", ...args]) => {
  switch (action) {
    case "create": {
      const { values } = options(args, {
        ...WHERE,
        account: { type: "string" },
        name: { type: "string", default: "default" },
        scopes: {
          type: "string",
          default: Object.keys(SCOPES)
            .filter((scope) => scope !== "tokens:write")
            .join(" "),
        },
        "expires-in": { type: "string" },
        "expires-at": { type: "string" },
      });
      const token = {
        account: checkedName("--account", values.account ?? misuse("--account is missing")),
        name: checkedName("--name", values.name),
        scopes: checkedScopes(values.scopes),
        expiresAt: expiry(values["expires-in"], values["expires-at"]),
      };
      console.log(await createToken(await open(values), token));
      return;
    }
    case "list": {
      const { values } = options(args, { ...WHERE, account: { type: "string" }, json: { type: "boolean" } });
      const tokens = await listTokens(await open(values), values.account);
      if (values.json) console.log(JSON.stringify(tokens, null, 2));
      else if (tokens.length === 0) console.error("No tokens.");
      else
        printTable(
          tokens.map(({ created_at, expires_at, revoked_at, scopes, ...token }) => ({
            ...token,
            scopes: scopes.join(" "),
            created: time(created_at),
            expires: time(expires_at),
            revoked: time(revoked_at),
          })),
        );
      return;
    }
    case "revoke": {
      const {
        values,
        positionals: [id],
      } = options(args, WHERE, "TOKEN_ID");
      if (!/^[0-9A-Za-z]{16}$/.test(id)) {
        throw new Failure(`'${id}' is not a token id: an id has 16 letters and digits, see \`npm run token -- list\`.`);
      }
      if (!(await revokeToken(await open(values), id))) {
        throw new Failure(`There is no token with the id ${id}: see \`npm run token -- list\`.`);
      }
      console.error(`Token ${id} is revoked.`);
      return;
    }
    default:
      misuse(action ? `Unknown command '${action}'` : "A command is missing");
  }
});

/** The database that the options name. The local one is brought up to date; the deployed one is `npm run deploy`'s. */
async function open(values: { remote?: boolean; "persist-to"?: string }): Promise<Database> {
  if (values.remote) {
    if (values["persist-to"] !== undefined) misuse("--persist-to is for the local database, --remote for the other");
    return { remote: true };
  }
  const database = localDatabase(values["persist-to"]);
  await migrate(database);
  return database;
}

function checkedName(option: string, name: string): string {
  if (name.trim() === "") throw new Failure(`${option} is empty.`);
  if ([...name].length > 64) throw new Failure(`${option} has ${[...name].length} characters, 64 are the most.`);
  if (/\p{Cc}|\p{Zl}|\p{Zp}/u.test(name))
    throw new Failure(`${option} contains a line break or another control character.`);
  return name;
}

function checkedScopes(list: string): string[] {
  const scopes = list.split(/[\s,]+/).filter((scope) => scope !== "");
  const unknown = scopes.find((scope) => !Object.hasOwn(SCOPES, scope));
  if (unknown !== undefined)
    throw new Failure(`There is no scope '${unknown}', only ${Object.keys(SCOPES).join(", ")}.`);
  if (scopes.length === 0) throw new Failure(`--scopes is empty: name some of ${Object.keys(SCOPES).join(", ")}.`);
  return scopes;
}

function expiry(after: string | undefined, at: string | undefined): number | null {
  if (after !== undefined && at !== undefined) misuse("--expires-in and --expires-at exclude each other");
  if (at !== undefined) {
    if (!/^\d{1,12}$/.test(at) || Number(at) > MAX_TIME) {
      throw new Failure(`--expires-at is '${at}': it takes a Unix time in whole seconds, at most ${MAX_TIME}.`);
    }
    if (Number(at) * 1000 <= Date.now()) console.error("This token has expired before it was made.");
    return Number(at);
  }
  if (after === undefined) return null;
  const [, count, unit] = /^([1-9]\d{0,8})([smhdw])$/.exec(after) ?? [];
  const end = Math.floor(Date.now() / 1000) + Number(count) * { s: 1, m: 60, h: 3600, d: 86400, w: 604800 }[unit]!;
  if (!(end <= MAX_TIME)) {
    throw new Failure(`--expires-in is '${after}': it takes a whole number and a unit (s, m, h, d, w), like 30d.`);
  }
  return end;
}

function time(seconds: number | null): string {
  return seconds === null ? "-" : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

function printTable(
  rows: {
    id: string;
    account: string;
    name: string;
    scopes: string;
    created: string;
    expires: string;
    revoked: string;
    state: string;
  }[],
) {
  const columns = ["id", "account", "name", "scopes", "created", "expires", "revoked", "state"] as const;
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]))];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index].length)));
  for (const line of lines)
    console.log(
      line
        .map((cell, index) => cell.padEnd(widths[index]))
        .join("  ")
        .trimEnd(),
    );
}
