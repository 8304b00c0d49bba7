// The tools with several databases: `npm run databases`, and `npm run token` and `npm run accounts` over all of them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { checksum, hashOf } from "../../scripts/tokens.ts";
import { stateFolder } from "./processes.ts";
import { Project } from "./project.ts";

const project = new Project(3);
const state = stateFolder();
after(() => {
  project[Symbol.dispose]();
  state[Symbol.dispose]();
});
const { query, localDatabase } = await project.d1();
const rows = async (binding: string, sql: string) => (await query(localDatabase(state.path, binding), sql))[0]!;
const run = (script: string, ...args: string[]) => project.run(script, [...args, "--persist-to", state.path]);
async function succeed(script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(script, ...args);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

const tokens = new Map<string, string>();
before(async () => {
  for (const account of ["One", "Two", "Three"]) {
    tokens.set(account, await succeed("token", "create", "--account", account));
  }
});

test("new accounts spread over the databases, and a token names that of its account", async () => {
  for (const [binding, account, start] of [
    ["DB", "One", /^self_[0-9A-Za-z]{36}$/],
    ["DB_1", "Two", /^self_1_[0-9A-Za-z]{36}$/],
    ["DB_2", "Three", /^self_2_[0-9A-Za-z]{36}$/],
  ] as const) {
    assert.deepEqual(await rows(binding, "SELECT name FROM accounts"), [{ name: account }]);
    const token = tokens.get(account)!;
    assert.match(token, start);
    assert.equal(token.slice(-6), checksum(token.slice("self_".length, -6)));
    assert.deepEqual(await rows(binding, `SELECT 1 AS n FROM tokens WHERE hash = '${hashOf(token)}'`), [{ n: 1 }]);
  }
});

test("a token is made where its account is, a new account where there is most room or --database says", async () => {
  await rows("DB_2", "CREATE TABLE filler AS SELECT zeroblob(500000) AS bytes");
  await rows("DB", "CREATE TABLE filler AS SELECT zeroblob(400000) AS bytes");
  assert.match(await succeed("token", "create", "--account", "Three"), /^self_2_/);
  assert.match(await succeed("token", "create", "--account", "Roomy"), /^self_1_/);
  assert.match(await succeed("token", "create", "--account", "Chosen", "--database", "DB_2"), /^self_2_/);
  assert.match(await succeed("token", "create", "--account", "Chosen", "--database", "DB_2"), /^self_2_/);
  for (const [database, reason] of [
    ["DB_1", /'Chosen' is in DB_2/],
    ["DB_9", /--database is 'DB_9', wrangler\.toml binds DB, DB_1, DB_2\./],
  ] as const) {
    const { code, stdout, stderr } = await run("token", "create", "--account", "Chosen", "--database", database);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, reason);
  }
});

test("list shows the tokens of all databases, and a moved account's once", async () => {
  // As after a move from DB_2 to DB.
  await rows("DB_2", "INSERT INTO accounts (name, created_at, moved_to) VALUES ('One', 1, 0)");
  const hash = hashOf(tokens.get("One")!);
  const [{ id, name, created_at }] = (await rows("DB", `SELECT * FROM tokens WHERE hash = '${hash}'`)) as [any];
  await rows(
    "DB_2",
    `INSERT INTO tokens (hash, id, account_id, name, scopes, held_scopes, created_at)
     SELECT '${hash}', '${id}', id, '${name}', 128, 111, ${created_at} FROM accounts WHERE name = 'One'`,
  );
  const listed = JSON.parse(await succeed("token", "list", "--json")) as { account: string }[];
  assert.deepEqual(
    listed.map(({ account }) => account),
    ["Chosen", "Chosen", "One", "Roomy", "Three", "Three", "Two"],
  );

  await succeed("token", "revoke", id);
  for (const binding of ["DB", "DB_2"]) {
    const revoked = await rows(binding, `SELECT is_revoked FROM tokens WHERE hash = '${hash}'`);
    assert.deepEqual(revoked, [{ is_revoked: 1 }], binding);
  }
});

test("accounts lists those of all databases, each once, and set finds one in any", async () => {
  const listed = JSON.parse(await succeed("accounts", "list", "--json")) as { database: string; account: string }[];
  assert.deepEqual(
    listed.map(({ database, account }) => [database, account]),
    [
      ["DB_2", "Chosen"],
      ["DB", "One"],
      ["DB_1", "Roomy"],
      ["DB_2", "Three"],
      ["DB_1", "Two"],
    ],
  );
  await succeed("accounts", "set", "Three", "--max-tokens", "3");
  await succeed("accounts", "set", "One", "--max-tokens", "1");
  const quotas = "SELECT name, max_tokens FROM accounts ORDER BY name";
  assert.deepEqual(await rows("DB_2", quotas), [
    { name: "Chosen", max_tokens: 100 },
    { name: "One", max_tokens: 100 },
    { name: "Three", max_tokens: 3 },
  ]);
  assert.deepEqual(await rows("DB", quotas), [{ name: "One", max_tokens: 1 }]);

  const { stderr } = await run("accounts", "set", "--all", "--max-tokens", "9");
  assert.match(stderr, /5 accounts are changed\./);
  assert.equal((await run("accounts", "set", "Nobody", "--max-tokens", "9")).code, 1);
});

test("in the last step of a move no token and no quota of the account is written", async () => {
  await rows("DB_1", "UPDATE accounts SET held_at = unixepoch() WHERE name = 'Two'");
  for (const args of [
    ["token", "create", "--account", "Two"],
    ["accounts", "set", "Two", "--max-tokens", "5"],
  ] as const) {
    const { code, stdout, stderr } = await run(...(args as unknown as [string, ...string[]]));
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /'Two' is being moved\./);
  }
  await rows("DB_1", "UPDATE accounts SET held_at = NULL WHERE name = 'Two'");
});

test("the table of databases says how full each is and what it has", async () => {
  const account = "(SELECT id FROM accounts WHERE name = 'Two')";
  await query(
    localDatabase(state.path, "DB_1"),
    `INSERT INTO conversations (account_id, id, contact_id, created_at) SELECT ${account}, '0000000000000001', 'c', 0`,
    `INSERT INTO messages (account_id, conversation_id, id, message, created_at)
     SELECT ${account}, '0000000000000001', value, 'text', 0 FROM json_each('["0000000000000001","0000000000000002"]')`,
  );
  const json = JSON.parse(await succeed("databases", "list", "--json"));
  const [, one, two] = json as any[];
  const { bytes, full, ...counts } = one;
  assert.deepEqual(counts, {
    database: "DB_1",
    limit: 10_000_000_000,
    accounts: 2,
    conversations: 1,
    messages: 2,
    events: 3,
  });
  assert.ok(bytes > 50_000 && full < 0.1 && two.bytes > 500_000);

  const free = JSON.parse(await succeed("databases", "--plan", "free", "--json")) as any[];
  assert.ok(free.every((row) => row.limit === 500_000_000 && row.full === Number((row.bytes / 5e6).toFixed(1))));
  const { stdout, stderr } = await run("databases", "list");
  assert.match(stdout, /^database +size +limit +full +accounts +conversations +messages +events\nDB .*\nDB_1 /);
  assert.match(stdout, /^DB_1 +\S+ kB +10 GB +0 % +2 +1 +2 +3$/m);
  assert.match(stderr, /paid plan/);
});

test("add prints what to add, and with --write adds it and migrates the new database", async () => {
  const toml = () => readFileSync(join(project.folder, "wrangler.toml"), "utf8");
  const earlier = toml();
  const lines = await succeed("databases", "add");
  assert.equal(
    lines,
    '[[d1_databases]]\nbinding = "DB_3"\ndatabase_name = "conversations-3"\nmigrations_dir = "migrations"',
  );
  assert.equal(toml(), earlier);

  assert.equal(await succeed("databases", "add", "--write"), lines);
  assert.ok(toml().includes(`\n\n${lines}\n`));
  assert.equal(toml().replace(`\n${lines}\n`, ""), earlier, "everything else is as it was");
  const [[{ accounts }]] = (await query(
    localDatabase(state.path, "DB_3"),
    "SELECT count(*) AS accounts FROM accounts",
  )) as [[any]];
  assert.equal(accounts, 0);
  assert.match(await succeed("token", "create", "--account", "Third"), /^self_3_/);
});

test("invalid arguments are refused with a reason on stderr", async () => {
  const refusals: [number, RegExp, ...string[]][] = [
    [2, /Unknown command 'mend'/, "mend"],
    [2, /--plan is 'dear'/, "list", "--plan", "dear"],
    [2, /--location is for a database that is created/, "add", "--location", "weur"],
    [2, /NAME is missing/, "move", "--to", "DB_1"],
    [2, /One of --to and --cancel/, "move", "One"],
    [2, /One of --to and --cancel/, "move", "One", "--to", "DB_1", "--cancel"],
    [1, /--to is 'DB_9'/, "move", "One", "--to", "DB_9"],
    [1, /no account 'Nobody'/, "move", "Nobody", "--to", "DB_1"],
    [1, /no account 'Nobody'/, "move", "Nobody", "--cancel"],
  ];
  for (const [code, reason, ...args] of refusals) {
    const answer = await run("databases", ...args);
    assert.equal(answer.code, code, args.join(" "));
    assert.match(answer.stderr, reason);
    assert.doesNotMatch(answer.stderr, /\n +at /, "a stack trace");
    assert.equal(answer.stdout, "");
  }
});

test("the example inbox goes to the database of the local account", async () => {
  await succeed("token", "create", "--account", "local", "--database", "DB_2");
  const conversations = "SELECT count(*) AS n FROM conversations";
  await succeed("seed");
  assert.deepEqual([await rows("DB", conversations), await rows("DB_2", conversations)], [[{ n: 0 }], [{ n: 10 }]]);
  await rows("DB_2", "UPDATE accounts SET held_at = unixepoch() WHERE name = 'local'");
  const { code, stderr } = await run("seed");
  assert.equal(code, 1);
  assert.match(stderr, /The account 'local' is being moved\./);
});
