// `npm run token`, with its own local database.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { localDatabase, query } from "../../scripts/d1.ts";
import { checksum, hashOf } from "../../scripts/tokens.ts";
import { freePort, processorTime, run, Server, stateFolder, token } from "./processes.ts";

const state = stateFolder();
after(() => state[Symbol.dispose]());
const here = ["--persist-to", state.path];
const rows = async (sql: string) => (await query(localDatabase(state.path), sql))[0];

type Listed = { id: string; account: string; name: string; scopes: string[]; expires_at: number | null; state: string };
const list = async (...args: string[]): Promise<Listed[]> =>
  JSON.parse((await token("list", "--json", ...here, ...args)).stdout);

const ALL_BUT_TOKENS = [
  "conversations:read",
  "conversations:write",
  "messages:read",
  "messages:write",
  "events:read",
  "webhooks:write",
];

test("the checksum is the CRC-32 in base62, padded with zeros", () => {
  // Computed with another implementation of CRC-32.
  assert.equal(checksum("0".repeat(30)), "2C8GjS");
  assert.equal(checksum("abcdefghijklmnopqrstuvwxyz0123"), "2LolCm");
  assert.equal(checksum("000000000000000000000000000405"), "00azb7");
});

test("create prints only the token", async () => {
  const { code, stdout } = await token("create", "--account", "Plain", ...here);
  assert.equal(code, 0);
  assert.match(stdout, /^self_[0-9A-Za-z]{36}\n$/);
  const text = stdout.trim();
  assert.equal(text.slice(-6), checksum(text.slice(5, 35)));

  const [row] = await rows(`SELECT * FROM tokens WHERE hash = '${hashOf(text)}'`);
  assert.match(String(row.id), /^[0-9A-Za-z]{16}$/);
  assert.equal(row.scopes, 111);
  assert.equal(row.expires_at, null);
  assert.ok(!JSON.stringify(row).includes(text.slice(5, 35)), "the secret is in the row");
});

test("a command starts no other program, and takes less than two seconds of the processor", async () => {
  // Node refuses to start a program with these options.
  const alone = ["--permission", "--allow-fs-read=*", "--allow-fs-write=*"];
  const commands = [
    ["token", "create", "--account", "Alone"],
    ["token", "list"],
    ["accounts", "list"],
    ["databases", "list"],
  ];
  using fresh = stateFolder();
  for (const [script, ...args] of commands) {
    const line = [...alone, `scripts/${script}.ts`, ...args, "--persist-to", fresh.path];
    const { code, stderr } = await run(process.execPath, line);
    assert.equal(code, 0, stderr);
  }
  assert.ok((await processorTime("token", "list", ...here)) < 2);
});

test("the database that a command makes before the first start is that of the server, and they share it", async () => {
  using fresh = stateFolder();
  const text = (await token("create", "--account", "Early", "--persist-to", fresh.path)).stdout.trim();
  const port = await freePort();
  await using server = new Server(port, fresh.path);
  await server.greeting();
  const status = async (secret: string) => {
    const headers = { Authorization: `Bearer ${secret}` };
    return (await fetch(`http://127.0.0.1:${port}/v1/conversations`, { headers })).status;
  };
  assert.equal(await status(text), 200);
  const later = (await token("create", "--account", "Late", "--persist-to", fresh.path)).stdout.trim();
  assert.equal(await status(later), 200);
  const [{ id }] = await list("--account", "Early", "--persist-to", fresh.path);
  assert.equal((await token("revoke", id, "--persist-to", fresh.path)).code, 0);
  assert.equal(await status(text), 401);
  await server.signal("SIGTERM");
});

test("two commands at the same time make one database", async () => {
  using fresh = stateFolder();
  const create = (name: string) => token("create", "--account", name, "--persist-to", fresh.path);
  for (const { code, stderr } of await Promise.all(["One", "Two", "Three"].map(create))) assert.equal(code, 0, stderr);
  const { stdout } = await token("list", "--json", "--persist-to", fresh.path);
  assert.deepEqual(
    JSON.parse(stdout).map(({ account }: Listed) => account),
    ["One", "Three", "Two"],
  );
});

test("any name is stored and listed unchanged", async () => {
  const names = [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the name looks like a shell's variable.
    [`O'Brien "x"; DROP TABLE tokens; --`, "/* $$ \\ %s ${HOME} `ls` */ BEGIN TRANSACTION"],
    ["日本語 🦀", "𝄞".repeat(64)],
    ["--account", "'"],
  ];
  for (const [account, name] of names) {
    const { code, stderr } = await token("create", `--account=${account}`, `--name=${name}`, ...here);
    assert.equal(code, 0, stderr);
  }
  const listed = (await list()).map(({ account, name }) => [account, name]);
  for (const pair of names)
    assert.ok(
      listed.some((other) => isDeepStrictEqual(other, pair)),
      pair.join(),
    );
  assert.equal((await list(`--account=${names[0][0]}`)).length, 1);
});

test("a second token of an account does not change the account and the first token", async () => {
  await token("create", "--account", "Twice", "--name", "first", ...here);
  await token(
    "create",
    "--account",
    "Twice",
    "--name",
    "second",
    "--scopes",
    "conversations:read messages:write",
    ...here,
  );
  const listed = await list("--account", "Twice");
  assert.deepEqual(
    listed.map(({ name, scopes }) => [name, scopes]),
    [
      ["first", ALL_BUT_TOKENS],
      ["second", ["conversations:read", "messages:write"]],
    ],
  );
  assert.equal((await rows("SELECT count(*) AS n FROM accounts WHERE name = 'Twice'"))[0].n, 1);
});

test("a token can expire", async () => {
  const before = Math.floor(Date.now() / 1000);
  await token("create", "--account", "Mortal", "--expires-in", "30d", ...here);
  const after = Math.floor(Date.now() / 1000);
  await token("create", "--account", "Mortal", "--expires-at", "1", ...here);
  const [later, past] = await list("--account", "Mortal");
  assert.equal(later.state, "active");
  assert.ok(later.expires_at! >= before + 30 * 86400 && later.expires_at! <= after + 30 * 86400);
  assert.deepEqual([past.expires_at, past.state], [1, "expired"]);
});

test("the table says until when a token in its grace period is valid, and revoke ends it at once", async () => {
  const seconds = () => Math.floor(Date.now() / 1000);
  const now = seconds();
  const line = async () => (await token("list", "--account", "Rotated", ...here)).stdout.split("\n")[1];
  await token("create", "--account", "Rotated", ...here);
  const [{ id }] = await list("--account", "Rotated");
  const until = (seconds: number) => new Date(1000 * seconds).toISOString().replace(".000Z", "Z");
  // As a rotation through the API leaves the token.
  await rows(`UPDATE tokens SET revoked_at = ${now + 86_400} WHERE id = '${id}'`);
  assert.ok((await line()).endsWith(`  valid until ${until(now + 86_400)}`));
  assert.equal((await list("--account", "Rotated"))[0].state, "active");
  await rows(`UPDATE tokens SET expires_at = ${now + 3600} WHERE id = '${id}'`);
  assert.ok((await line()).endsWith(`  valid until ${until(now + 3600)}`), "it expires before");

  assert.equal((await token("revoke", id, ...here)).code, 0);
  const [row] = await rows(`SELECT is_revoked, valid_until, revoked_at FROM tokens WHERE id = '${id}'`);
  assert.deepEqual([row.is_revoked, row.valid_until], [1, 0]);
  assert.ok(Number(row.revoked_at) >= now && Number(row.revoked_at) <= seconds());
  assert.ok((await line()).endsWith("  revoked"));
});

test("a state is revoked or expired only when the token opens nothing any more", async () => {
  await token("create", "--account", "States", ...here);
  const stateAfter = async (expires_at: number | null, revoked_at: number | null, is_revoked = 0) => {
    await rows(
      `UPDATE tokens SET expires_at = ${expires_at}, revoked_at = ${revoked_at}, is_revoked = ${is_revoked}
       WHERE account_id = (SELECT id FROM accounts WHERE name = 'States')`,
    );
    return (await list("--account", "States"))[0].state;
  };
  const future = Math.floor(Date.now() / 1000) + 86_400;
  assert.equal(await stateAfter(null, null), "active");
  assert.equal(await stateAfter(future, future), "active");
  assert.equal(await stateAfter(5, future), "expired");
  assert.equal(await stateAfter(future, 5), "revoked");
  assert.equal(await stateAfter(null, future, 1), "revoked");
});

test("the operator can create more tokens than the quota allows, and a new one is as full as the others", async () => {
  await token("create", "--account", "Full", ...here);
  const ofAccount = "account_id = (SELECT id FROM accounts WHERE name = 'Full')";
  await rows("UPDATE accounts SET max_tokens = 0 WHERE name = 'Full'");
  for (const is_full of [1, 0]) {
    await rows(`UPDATE accounts SET max_objects = ${is_full === 1 ? 0 : 1} WHERE name = 'Full'`);
    assert.equal((await token("create", "--account", "Full", ...here)).code, 0);
    assert.deepEqual(await rows(`SELECT DISTINCT is_full FROM tokens WHERE ${ofAccount}`), [{ is_full }]);
  }
});

test("revoke takes the token's id, and the table shows the state but no secret", async () => {
  const text = (await token("create", "--account", "Revoked", ...here)).stdout.trim();
  const [{ id }] = await list("--account", "Revoked");
  assert.equal((await token("revoke", id, ...here)).code, 0);
  const [row] = await rows(`SELECT revoked_at FROM tokens WHERE id = '${id}'`);
  assert.equal((await token("revoke", id, ...here)).code, 0, "a second time changes nothing");
  assert.deepEqual(await rows(`SELECT revoked_at FROM tokens WHERE id = '${id}'`), [row]);

  const { stdout } = await token("list", "--account", "Revoked", ...here);
  const [head, line] = stdout.split("\n");
  assert.match(head, /^id +account +name +scopes +created +expires +last used +revoked +state$/);
  assert.match(line, new RegExp(`^${id} +Revoked .* revoked$`));
  assert.ok(!stdout.includes(text.slice(5)) && !stdout.includes(hashOf(text)));
});

test("invalid arguments are refused with a reason on stderr", async () => {
  const refusals: [number, RegExp, ...string[]][] = [
    [1, /--account contains .* invisible/, "create", "--account", "ac\u200bme"],
    [1, /--name contains .* invisible/, "create", "--account", "acme", "--name", "\u202egnp.exe"],
    [2, /command is missing/],
    [2, /Unknown command 'mint'/, "mint"],
    [2, /--account is missing/, "create"],
    [2, /--colour/, "create", "--account", "A", "--colour", "red"],
    [2, /TOKEN_ID is missing/, "revoke"],
    [2, /exclude each other/, "create", "--account", "A", "--expires-in", "1d", "--expires-at", "9999999999"],
    [2, /--persist-to/, "list", "--remote", ...here],
    [1, /'everything'/, "create", "--account", "A", "--scopes", "conversations:read everything"],
    [1, /--scopes is empty/, "create", "--account", "A", "--scopes", " "],
    [1, /'soon'/, "create", "--account", "A", "--expires-in", "soon"],
    [1, /'0d'/, "create", "--account", "A", "--expires-in", "0d"],
    [1, /'999999999w'/, "create", "--account", "A", "--expires-in", "999999999w"],
    [1, /'253402300800'/, "create", "--account", "A", "--expires-at", "253402300800"],
    [1, /line break/, "create", "--account", "A\nB"],
    [1, /--account is empty/, "create", "--account", ""],
    [1, /64/, "create", "--account", "x".repeat(65)],
    [1, /not a token id/, "revoke", "' OR 1=1"],
    [1, /no token with the id/, "revoke", "0000000000000000", ...here],
  ];
  for (const [code, reason, ...args] of refusals) {
    const answer = await token(...args);
    assert.equal(answer.code, code, args.join(" "));
    assert.match(answer.stderr, reason);
    assert.doesNotMatch(answer.stderr, /\n +at /, "a stack trace");
    assert.equal(answer.stdout, "");
  }
});
