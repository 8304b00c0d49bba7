// `npm run accounts`, with its own local database.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { localDatabase, query } from "../../scripts/d1.ts";
import { npmRun, stateFolder, token } from "./processes.ts";

const state = stateFolder();
after(() => state[Symbol.dispose]());
const here = ["--persist-to", state.path];
const accounts = (...args: string[]) => npmRun("accounts", ...args);
const run = (...statements: string[]) => query(localDatabase(state.path), ...statements);

const CONVERSATION = "INSERT INTO conversations (account_id, id, contact_id, created_at, is_removed) VALUES";
const WEBHOOK =
  "INSERT INTO webhooks (account_id, id, url, created_at, scopes, changed_by, salt, seq, last_event_id) VALUES";
const MESSAGE = "INSERT INTO messages (account_id, conversation_id, id, message, created_at) VALUES";
before(async () => {
  for (const account of ["Acme", "O'Brien"]) await token("create", "--account", account, ...here);
  await token("create", "--account", "Acme", "--expires-at", "1", ...here);
  await run(
    `${CONVERSATION} (1, '0000000000000001', 'c', 0, 0), (1, '0000000000000002', 'c', 0, 1)`,
    `${MESSAGE} (1, '0000000000000001', '0000000000000001', 'é', 0)`,
    `${WEBHOOK} (1, '0000000000000001', 'https://example.com', 0, 0, 'r', 's', 0, '0000000000000000')`,
    // Counted already, and deleted since then.
    "UPDATE accounts SET objects = 10, bytes = 2500000, counted_conversation_id = '0000000000000001' WHERE id = 1",
  );
});

test("list shows what was counted and what was created since", async () => {
  const [acme, obrien] = JSON.parse((await accounts("list", "--json", ...here)).stdout);
  assert.deepEqual(acme, {
    account: "Acme",
    tokens: 1,
    max_tokens: 100,
    webhooks: 1,
    max_webhooks: 50,
    objects: 12,
    max_objects: 2_000_000,
    bytes: 2_500_002,
    max_bytes: 1_000_000_000,
    removing: 1,
    is_full: false,
  });
  const { account, tokens, webhooks, objects, bytes } = obrien;
  assert.deepEqual([account, tokens, webhooks, objects, bytes], ["O'Brien", 1, 0, 0, 0]);
});

test("the table has sizes with units", async () => {
  const { code, stdout } = await accounts("list", ...here);
  assert.equal(code, 0);
  const [head, acme] = stdout.split("\n");
  assert.match(head!, /^account +tokens +webhooks +objects +bytes +full +being removed$/);
  assert.match(acme!, /^Acme +1 of 100 +1 of 50 +12 of 2,000,000 +2\.5 MB of 1 GB +no +1 conversations$/);
});

/** The quotas and flags of all accounts and tokens, by account. */
const stored = async () => {
  const [quotas, tokens] = await run(
    "SELECT max_tokens, max_webhooks, max_objects, max_bytes FROM accounts ORDER BY id",
    "SELECT account_id, is_full FROM tokens ORDER BY account_id",
  );
  return { quotas: quotas!.map((row) => Object.values(row)), tokens: tokens!.map((row) => Object.values(row)) };
};

test("set changes what it names and nothing else, and the tokens follow at once", async () => {
  assert.equal((await accounts("set", "Acme", "--max-objects", "10", "--max-tokens", "3", ...here)).code, 0);
  assert.deepEqual(await stored(), {
    quotas: [
      [3, 50, 10, 1_000_000_000],
      [100, 50, 2_000_000, 1_000_000_000],
    ],
    tokens: [
      [1, 1],
      [1, 1],
      [2, 0],
    ],
  });
});

test("set takes units, a name with a quote, and all accounts", async () => {
  assert.equal((await accounts("set", "O'Brien", "--max-bytes", "5GB", ...here)).code, 0);
  const all = ["--all", "--max-objects", "11", "--max-webhooks", "7"];
  const { code, stdout, stderr } = await accounts("set", ...all, ...here);
  assert.deepEqual([code, stdout, stderr], [0, "", "2 accounts are changed.\n"]);
  assert.deepEqual(await stored(), {
    quotas: [
      [3, 7, 11, 1_000_000_000],
      [100, 7, 11, 5_000_000_000],
    ],
    tokens: [
      [1, 0],
      [1, 0],
      [2, 0],
    ],
  });
});

test("invalid arguments are refused with a reason on stderr", async () => {
  const refusals: [number, RegExp, ...string[]][] = [
    [2, /command is missing/],
    [2, /Unknown command 'get'/, "get"],
    [2, /NAME is missing/, "set", "--max-tokens", "1"],
    [2, /Unexpected argument 'Acme'/, "set", "Acme", "--all", "--max-tokens", "1"],
    [2, /A quota is missing/, "set", "Acme"],
    [2, /exclude each other/, "list", "--remote", ...here],
    [1, /--max-tokens is '-1'/, "set", "Acme", "--max-tokens=-1"],
    [1, /--max-objects is '5GB'.*a whole number\./, "set", "Acme", "--max-objects", "5GB"],
    [1, /--max-bytes is '1.5GB'.*kB, MB or GB/, "set", "Acme", "--max-bytes", "1.5GB"],
    [1, /--max-bytes is '9000000TB'/, "set", "Acme", "--max-bytes", "9000000TB"],
    [1, /no account 'Nobody'/, "set", "Nobody", "--max-tokens", "1", ...here],
  ];
  for (const [code, reason, ...args] of refusals) {
    const answer = await accounts(...args);
    assert.equal(answer.code, code, args.join(" "));
    assert.match(answer.stderr, reason);
    assert.doesNotMatch(answer.stderr, /\n +at /, "a stack trace");
    assert.equal(answer.stdout, "");
  }
});
