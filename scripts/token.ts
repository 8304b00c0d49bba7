// `npm run token`: creates, lists and revokes tokens. stdout has only the result, so that it can be piped.
import { command, misuse, options } from "./cli.ts";
import type { Database } from "./d1.ts";
import { Failure } from "./shared.ts";
import { printTable } from "./table.ts";
import { createToken, databaseOf, listTokens, revokeToken, roomiest, SCOPES, type Token } from "./tokens.ts";
import { open, WHERE } from "./where.ts";

const USAGE = `Usage: npm run --silent token -- COMMAND [options]

  create --account NAME    print a new token, only this once; creates the account if it does not exist
      --name LABEL         a label for the token (default: "default")
      --scopes "..."       any of ${Object.keys(SCOPES).join(", ")}
                           (default: all except tokens:write, which allows it to create tokens)
      --expires-in 30d     its lifetime in s, m, h, d or w (default: it never expires)
      --expires-at SECONDS its expiry time as a Unix time
      --database DB_1      the database of a new account (default: the one with most room)
  list                     list the tokens, without their secrets
      --account NAME       only the tokens of this account
      --json               print JSON
  revoke TOKEN_ID          revoke a token, effective from the next request, also in its grace period

      --remote             use the deployed database instead of the local one of npm start
      --persist-to DIR     use the local database in another state folder`;

/** The last second of the year 9999. */
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
        database: { type: "string" },
      });
      const token = {
        account: checkedName("--account", values.account ?? misuse("--account is missing")),
        name: checkedName("--name", values.name),
        scopes: checkedScopes(values.scopes),
        expiresAt: expiry(values["expires-in"], values["expires-at"]),
      };
      console.log(await createToken(await choose(await open(values), token.account, values.database), token));
      return;
    }
    case "list": {
      const { values } = options(args, { ...WHERE, account: { type: "string" }, json: { type: "boolean" } });
      const tokens = await listTokens(await open(values), values.account);
      if (values.json) console.log(JSON.stringify(tokens, null, 2));
      else if (tokens.length === 0) console.error("No tokens.");
      else {
        printTable(
          tokens.map((token) => ({
            id: token.id,
            account: token.account,
            name: token.name,
            scopes: token.scopes.join(" "),
            created: time(token.created_at),
            expires: time(token.expires_at),
            "last used": time(token.last_used_at).slice(0, 10),
            revoked: time(token.revoked_at),
            state: stateOf(token),
          })),
        );
      }
      return;
    }
    case "revoke": {
      const {
        values,
        positionals: [id],
      } = options(args, WHERE, "TOKEN_ID");
      if (!/^[0-9A-Za-z]{16}$/.test(id)) {
        throw new Failure(`'${id}' is not a token id. An id has 16 letters and digits: see \`npm run token -- list\`.`);
      }
      if (!(await revokeToken(await open(values), id))) {
        throw new Failure(`There is no token with the id ${id}. See \`npm run token -- list\`.`);
      }
      console.error(`Token ${id} is revoked.`);
      return;
    }
    default:
      misuse(action ? `Unknown command '${action}'` : "The command is missing");
  }
});

/** The database that the account is in. For a new account the one with the given name, or the one with most room. */
async function choose(databases: Database[], account: string, name: string | undefined): Promise<Database> {
  const named = databases.find(({ binding }) => binding === name);
  if (name !== undefined && named === undefined) {
    const bound = databases.map(({ binding }) => binding).join(", ");
    throw new Failure(`--database is '${name}', wrangler.toml binds ${bound}.`);
  }
  // There is nothing to choose.
  if (databases.length === 1) return databases[0]!;
  const current = await databaseOf(databases, account);
  if (current !== undefined && named !== undefined && current !== named) {
    throw new Failure(
      `The account '${account}' is in ${current.binding}. Without --database the token is created there.`,
    );
  }
  return current ?? named ?? (await roomiest(databases));
}

function checkedName(option: string, name: string): string {
  if (name.trim() === "") throw new Failure(`${option} is empty.`);
  if ([...name].length > 64) throw new Failure(`${option} has ${[...name].length} characters, the maximum is 64.`);
  // As in src/input/values.rs.
  if (/[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/u.test(name)) {
    throw new Failure(`${option} contains a line break, or another control or invisible character.`);
  }
  return name;
}

function checkedScopes(list: string): string[] {
  const scopes = list.split(/[\s,]+/).filter((scope) => scope !== "");
  const unknown = scopes.find((scope) => !Object.hasOwn(SCOPES, scope));
  const supported = `Supported: ${Object.keys(SCOPES).join(", ")}.`;
  if (unknown !== undefined) throw new Failure(`Unknown scope '${unknown}'. ${supported}`);
  if (scopes.length === 0) throw new Failure(`--scopes is empty. ${supported}`);
  return scopes;
}

function expiry(after: string | undefined, at: string | undefined): number | null {
  if (after !== undefined && at !== undefined) misuse("--expires-in and --expires-at exclude each other");
  if (at !== undefined) {
    if (!/^\d{1,12}$/.test(at) || Number(at) > MAX_TIME) {
      throw new Failure(`--expires-at is '${at}': it must be a Unix time in seconds, at most ${MAX_TIME}.`);
    }
    if (Number(at) * 1000 <= Date.now()) console.error("The expiry time of this token is in the past.");
    return Number(at);
  }
  if (after === undefined) return null;
  const [, count, unit] = /^([1-9]\d{0,8})([smhdw])$/.exec(after) ?? [];
  const end = Math.floor(Date.now() / 1000) + Number(count) * { s: 1, m: 60, h: 3600, d: 86400, w: 604800 }[unit]!;
  if (!(end <= MAX_TIME)) {
    throw new Failure(`--expires-in is '${after}': it must be a whole number and a unit (s, m, h, d, w), such as 30d.`);
  }
  return end;
}

/** "valid until" a time while a grace period runs, otherwise the state. */
function stateOf({ state, expires_at, revoked_at }: Token): string {
  if (state !== "active" || revoked_at === null) return state;
  return `valid until ${time(Math.min(revoked_at, expires_at ?? revoked_at))}`;
}

function time(seconds: number | null): string {
  return seconds === null ? "-" : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
