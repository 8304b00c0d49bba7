// The database refuses rows that break its constraints. Each test writes past the Worker.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import test, { describe } from "node:test";
import { account, grant, newNumber } from "./support/accounts.ts";
import { insert, type Row, sql } from "./support/database.ts";
import { base62 } from "./support/tokens.ts";

const ID = "0123456789abcdeF";
const HASH = "0123456789abcdef".repeat(4);
const folder = new URL("../migrations/", import.meta.url);
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".sql"))
  .sort();
const migrations = files.map((name) => readFileSync(new URL(name, folder), "utf8"));
const BAD_TIMES = [-1, 253402300800, 1.5, "soon", "2026-01-01"];
/** Seven base62 characters hold no more. */
const BAD_MILLISECONDS = [-1, 3521614606208, 1.5, "soon"];
const BAD_IDS = [null, "", "short", "0123456789abcde", "0123456789abcdef0", "0123456789abcde-", "0123456789abcdé0", 1];
const BAD_REFERENCES = ["", "a".repeat(65), "a b", "a.b", "é", "a/b", "a\n", "';--"];

/** Each column's bad values are refused in a row that is otherwise good, in an INSERT and in an UPDATE. */
async function refuses(table: string, good: Row, bad: Record<string, (string | number | null)[]>): Promise<void> {
  const count = async () => Number((await sql(`SELECT count(*) AS n FROM ${table}`))[0]?.n);
  const before = await count();
  for (const [column, values] of Object.entries(bad)) {
    for (const value of values) {
      await assert.rejects(
        insert(table, { ...good, [column]: value }),
        /constraint|cannot store|datatype/i,
        `${table}.${column} = ${value}`,
      );
    }
  }
  assert.equal(await count(), before);
  await insert(table, good);
  const rows = async () => JSON.stringify(await sql(`SELECT * FROM ${table}`));
  const stored = await rows();
  for (const [column, values] of Object.entries(bad)) {
    for (const value of values) {
      await assert.rejects(
        sql(`UPDATE ${table} SET ${column} = ?`, value),
        /constraint|cannot store|datatype/i,
        `${table}.${column} = ${value}`,
      );
    }
  }
  assert.equal(await rows(), stored);
}

test("all migrations are applied in order, and recorded", async () => {
  assert.ok(files.length > 0);
  assert.deepEqual(
    (await sql("SELECT name FROM d1_migrations ORDER BY id")).map(({ name }) => name),
    files,
  );
});

test("every table is STRICT, and foreign keys are on", async () => {
  const tables = await sql(
    `SELECT name, strict FROM pragma_table_list WHERE schema = 'main'
     AND name IN ('accounts', 'tokens', 'conversations', 'messages', 'events', 'idempotency_keys', 'webhooks',
                  'webhook_attempts')`,
  );
  assert.equal(tables.length, 8);
  for (const { name, strict } of tables) assert.equal(strict, 1, String(name));
  assert.deepEqual(await sql("PRAGMA foreign_keys"), [{ foreign_keys: 1 }]);
});

test("a row of accounts that breaks a constraint is refused", async () => {
  await refuses(
    "accounts",
    { id: newNumber(), name: "good", created_at: 0 },
    {
      name: [null, "", "a".repeat(65)],
      created_at: [null, ...BAD_TIMES],
      max_webhooks: [null, -1, 0.5, "many"],
    },
  );
  await assert.rejects(insert("accounts", { name: "good", created_at: 0 }), /UNIQUE/);
});

test("a row of tokens that breaks a constraint is refused", async () => {
  const { id } = await account();
  await sql("DELETE FROM tokens");
  const good = {
    hash: HASH,
    id: ID,
    account_id: id,
    name: "good",
    scopes: 3,
    created_at: 0,
    expires_at: null,
    revoked_at: null,
    is_revoked: 0,
    is_full: 0,
    last_used_at: 86400,
  };
  await refuses("tokens", good, {
    hash: [null, "", HASH.toUpperCase(), HASH.slice(1), `${HASH}0`, `${HASH.slice(1)}g`],
    id: BAD_IDS,
    account_id: [null, -1, "x"],
    name: [null, "", "a".repeat(65)],
    scopes: [null, 0, -1, 256, 1.5, "conversations:read"],
    created_at: [null, ...BAD_TIMES],
    expires_at: BAD_TIMES,
    revoked_at: BAD_TIMES,
    is_revoked: [null, 2, -1, 0.5, "true"],
    is_full: [null, 2, -1, 0.5, "true"],
    // It is the beginning of a day.
    last_used_at: [...BAD_TIMES, 1, 86399, 253402300799],
  });
  await assert.rejects(insert("tokens", { ...good, id: "another0123456id" }), /UNIQUE/, "the same hash twice");
  await assert.rejects(insert("tokens", { ...good, hash: HASH.replace("0", "1") }), /UNIQUE/, "the same id twice");
  await assert.rejects(insert("tokens", { ...good, valid_until: 1 }), /generated/);
});

test("a token is valid until it expires or its grace period ends, and never once it is revoked", async () => {
  const { id } = await account();
  for (const [expires_at, revoked_at, is_revoked, valid_until] of [
    [null, null, 0, 253402300800],
    [5, null, 0, 5],
    [null, 5, 0, 5],
    [5, 9, 0, 5],
    [9, 5, 0, 5],
    [0, null, 0, 0],
    [null, 5, 1, 0],
    [9, 253402300799, 1, 0],
    [null, null, 1, 0],
  ] as const) {
    await sql("DELETE FROM tokens");
    await insert("tokens", {
      hash: HASH,
      id: ID,
      account_id: id,
      name: "t",
      scopes: 1,
      created_at: 0,
      expires_at,
      revoked_at,
      is_revoked,
    });
    assert.deepEqual(await sql("SELECT valid_until FROM tokens"), [{ valid_until }]);
  }
});

test("a row of conversations that breaks a constraint is refused", async () => {
  const alice = await account();
  const good = {
    account_id: alice.id,
    id: ID,
    contact_id: "bob",
    group_id: "team",
    pinned_message_id: null,
    is_pinned: 0,
    is_muted: 1,
    last_active_ms: null,
    last_opened_ms: 0,
    last_received_ms: 3521614606207,
    created_at: 253402300799,
    archived_at: null,
  };
  await refuses("conversations", good, {
    account_id: [null, -1, "x"],
    id: BAD_IDS,
    contact_id: BAD_REFERENCES,
    group_id: BAD_REFERENCES,
    pinned_message_id: [ID, "", "no such message", 1],
    is_pinned: [null, 2, -1, 0.5, "true"],
    is_muted: [null, 2, -1, 0.5, "false"],
    last_active_ms: BAD_MILLISECONDS,
    last_opened_ms: BAD_MILLISECONDS,
    last_received_ms: BAD_MILLISECONDS,
    created_at: [null, ...BAD_TIMES],
    archived_at: BAD_TIMES,
  });
  await assert.rejects(insert("conversations", good), /UNIQUE/, "the same id twice");
  await assert.rejects(
    insert("conversations", { ...good, id: "another0123456id", contact_id: null, group_id: null }),
    /CHECK/,
  );
  await assert.rejects(sql("UPDATE conversations SET contact_id = NULL, group_id = NULL"), /CHECK/);
  await assert.rejects(insert("conversations", { ...good, id: "another0123456id", inbox_state: 1 }), /generated/);
});

test("a row of messages that breaks a constraint is refused", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  const good = {
    account_id: alice.id,
    conversation_id,
    id: ID,
    contact_id: null,
    message: "Hello",
    read_at: null,
    created_at: 0,
    updated_at: 0,
  };
  await refuses("messages", good, {
    account_id: [null, -1],
    conversation_id: [null, "NoSuchConversat0"],
    id: BAD_IDS,
    contact_id: BAD_REFERENCES,
    message: [null, "", "a".repeat(10_001), "é".repeat(10_001), "a\0b", "\0"],
    read_at: BAD_TIMES,
    created_at: [null, ...BAD_TIMES],
    updated_at: BAD_TIMES,
  });
  await assert.rejects(insert("messages", good), /UNIQUE/);
  const other = await alice.insert();
  await assert.rejects(
    insert("messages", { ...good, conversation_id: other }),
    /UNIQUE/,
    "the same id in another conversation",
  );
  await insert("messages", { ...good, id: "another0123456id", message: "😀".repeat(10_000) });
  await assert.rejects(insert("messages", { ...good, id: "third0012345678d", object: "{}" }), /generated/);
});

test("inbox_state is three flags and whether a contact's message came after the last opening", async () => {
  const alice = await account();
  for (const [last_received_ms, last_opened_ms, unread] of [
    [null, null, 8],
    [5, null, 8],
    [null, 5, 0],
    [5, 5, 0],
    [6, 5, 8],
    [5, 6, 0],
    [0, 0, 0],
    [3521614606207, 3521614606206, 8],
  ] as const) {
    for (let state = 0; state < 8; state += 1) {
      const id = await alice.insert({
        is_pinned: state & 1,
        is_muted: (state >> 1) & 1,
        archived_at: state & 4 ? 0 : null,
        last_active_ms: 3521614606207,
        last_received_ms,
        last_opened_ms,
      });
      assert.deepEqual(
        await sql("SELECT inbox_state FROM conversations WHERE account_id = ? AND id = ?", alice.id, id),
        [{ inbox_state: state + unread }],
      );
    }
  }
});

test("activity is last_active_ms in seven base62 characters, and the id", async () => {
  const alice = await account();
  for (const [last_active_ms, characters] of [
    [null, "0000000"],
    [0, "0000000"],
    [1, "0000001"],
    [61, "000000z"],
    [62, "0000010"],
    [1_790_000_000_000, base62(1_790_000_000_000, 7)],
    [3521614606207, "zzzzzzz"],
  ] as const) {
    const id = await alice.insert({ last_active_ms });
    assert.deepEqual(await sql("SELECT activity FROM conversations WHERE account_id = ? AND id = ?", alice.id, id), [
      { activity: characters + id },
    ]);
  }
});

test("a message belongs to a conversation of the same account", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert();
  await assert.rejects(
    insert("messages", { account_id: bob.id, conversation_id: id, id: ID, message: "Hello", created_at: 0 }),
    /FOREIGN KEY/,
  );
});

test("only a message of the conversation can be pinned", async () => {
  const [alice, bob] = [await account(), await account()];
  const [id, other] = [await alice.insert(), await alice.insert()];
  const [mine, others] = [await alice.insertMessage(id), await alice.insertMessage(other)];
  const foreign = await bob.insertMessage(await bob.insert({ id }));
  const pin = (message: string | null) =>
    sql("UPDATE conversations SET pinned_message_id = ? WHERE account_id = ? AND id = ?", message, alice.id, id);
  await assert.rejects(pin(others), /FOREIGN KEY/);
  await assert.rejects(pin(foreign), /FOREIGN KEY/);
  await pin(mine);
  await assert.rejects(
    sql("UPDATE messages SET conversation_id = ? WHERE account_id = ? AND id = ?", other, alice.id, mine),
    /FOREIGN KEY/,
    "nor moved while it is",
  );
  await assert.rejects(
    sql("UPDATE messages SET id = ? WHERE account_id = ? AND id = ?", "another0123456id", alice.id, mine),
    /FOREIGN KEY/,
  );
});

test("the database unpins a deleted message, and changes nothing else", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert({ is_pinned: 1, last_active_at: 5, last_opened_at: 6 });
  const other = await alice.insert();
  await bob.insert({ id });
  const message = await alice.insertMessage(id);
  const [others] = [await alice.insertMessage(other), await bob.insertMessage(id, { id: message })];
  for (const [account_id, conversation, pinned] of [
    [alice.id, id, message],
    [alice.id, other, others],
    [bob.id, id, message],
  ] as const) {
    await sql(
      "UPDATE conversations SET pinned_message_id = ? WHERE account_id = ? AND id = ?",
      pinned,
      account_id,
      conversation,
    );
  }
  const [before, bobs] = [await alice.contents(), await bob.contents()];
  await sql("DELETE FROM messages WHERE account_id = ? AND id = ?", alice.id, message);
  const { conversations, messages } = await alice.contents();
  const unpinned = (row: Row): Row =>
    row.id === id
      ? {
          ...row,
          pinned_message_id: null,
          object: String(row.object).replace(`"${message}"`, "null"),
          changed_by: `${message}-deleted`,
          tag: `${message}-deleted`,
        }
      : row;
  assert.deepEqual(conversations, before.conversations.map(unpinned));
  assert.deepEqual(
    messages,
    before.messages.filter((row) => row.id !== message),
  );
  assert.deepEqual(await bob.contents(), bobs);
  await sql("DELETE FROM messages WHERE account_id = ?", bob.id);
  assert.deepEqual(
    (await bob.contents()).conversations.map((row) => row.pinned_message_id),
    [null],
  );
});

test("a row's tag is the id of the request that changed it last, or the row's own id", async () => {
  const alice = await account();
  const id = await alice.insert();
  const message = await alice.insertMessage(id);
  for (const [table, row] of [
    ["conversations", id],
    ["messages", message],
  ] as const) {
    const tag = async () =>
      (await sql(`SELECT tag FROM ${table} WHERE account_id = ? AND id = ?`, alice.id, row))[0]?.tag;
    assert.equal(await tag(), row);
    await sql(`UPDATE ${table} SET changed_by = 'R000000000000001' WHERE account_id = ? AND id = ?`, alice.id, row);
    assert.equal(await tag(), "R000000000000001");
  }
  const token = async () => (await sql("SELECT id, tag, object FROM tokens WHERE account_id = ?", alice.id))[0]!;
  const before = await token();
  const change = { revoked_at: 7, last_used_at: 3 * 86400 };
  await sql("UPDATE tokens SET last_used_at = NULL WHERE account_id = ?", alice.id);
  const unused = await token();
  await sql("UPDATE tokens SET last_used_at = ? WHERE account_id = ?", change.last_used_at, alice.id);
  const used = await token();
  await sql("UPDATE tokens SET revoked_at = ? WHERE account_id = ?", change.revoked_at, alice.id);
  const after = await token();
  assert.deepEqual(
    [unused, used, after].map(({ tag }) => tag),
    [`${before.id}.0`, `${before.id}.3`, `${before.id}-7.3`],
  );
  assert.deepEqual(JSON.parse(String(after.object)), { ...JSON.parse(String(before.object)), ...change });
});

test("an idempotency key belongs to an account, and is deleted with it", async () => {
  const alice = await account();
  const good: Row = { account_id: alice.id, key: "k", fingerprint: HASH, request_id: ID, expires_at: 0 };
  await refuses("idempotency_keys", good, {
    account_id: [null, 0, -1],
    key: [null, "", "x".repeat(256)],
    fingerprint: [null, "", HASH.slice(1), HASH.toUpperCase()],
    request_id: BAD_IDS,
    expires_at: [null, -1, 253402300800, 0.5, "soon"],
  });
  await assert.rejects(insert("idempotency_keys", good), /UNIQUE/);
  await sql("DELETE FROM accounts WHERE id = ?", alice.id);
  assert.deepEqual(await sql("SELECT * FROM idempotency_keys WHERE account_id = ?", alice.id), []);
});

// ----------------------------------------------------------------------------------------------------------- webhooks

const ENDPOINT = {
  id: ID,
  url: "https://example.com",
  types: null,
  description: null,
  created_at: 0,
  scopes: 64,
  changed_by: ID,
  salt: ID,
  seq: 0,
  last_event_id: "0000000000000000",
};
const ATTEMPT = {
  webhook_id: ID,
  slot: 0,
  number: 1,
  event_id: ID,
  type: "message.created",
  created_at: 0,
  duration: 0,
};

test("a row of webhooks that breaks a constraint is refused", async () => {
  const { id } = await account();
  const good = { account_id: id, ...ENDPOINT, is_enabled: 1, disabled_reason: null };
  await refuses("webhooks", good, {
    account_id: [null, -1, "x"],
    id: BAD_IDS,
    url: [null, "", "x".repeat(1001)],
    types: [0, 256, -1, 1.5, "message.created"],
    created_at: [null, ...BAD_TIMES],
    scopes: [null, "webhooks:write"],
    changed_by: [null],
    salt: [null],
    // It is enabled, or there is a reason why it is not.
    is_enabled: [null, 0, 2, "true"],
    disabled_reason: ["", "paused", "requested"],
    seq: [null, "first", 0.5],
    last_event_id: [null],
    failures: [null, 0.5],
    failing_since: [0.5, "now"],
    next_attempt_at: [0.5, "now"],
    attempts: [null, 0.5],
  });
  await assert.rejects(insert("webhooks", good), /UNIQUE/, "the same id twice");
  for (const disabled_reason of ["requested", "gone", "failing", "position_expired"])
    await sql("UPDATE webhooks SET is_enabled = 0, disabled_reason = ? WHERE account_id = ?", disabled_reason, id);
});

test("a row of webhook_attempts that breaks a constraint is refused", async () => {
  const { id } = await account();
  await refuses(
    "webhook_attempts",
    { account_id: id, ...ATTEMPT, status: null, error: null },
    {
      account_id: [null, "x"],
      webhook_id: [null],
      slot: [null, -1, 100, 0.5],
      number: [null, "first"],
      event_id: [null],
      type: [null],
      created_at: [null, 0.5],
      status: ["ok"],
      duration: [null, 0.5],
    },
  );
  await sql("DELETE FROM webhook_attempts");
});

test("the attempts of an endpoint are deleted with it, and with its account, and no others", async () => {
  const [alice, bob] = [await account(), await account()];
  const other = "another0123456id";
  const attempts = () => sql("SELECT account_id, webhook_id FROM webhook_attempts ORDER BY account_id, webhook_id");
  for (const account_id of [alice.id, bob.id])
    for (const id of [ID, other]) {
      await insert("webhooks", { account_id, ...ENDPOINT, id });
      await insert("webhook_attempts", { account_id, ...ATTEMPT, webhook_id: id });
    }
  await sql("DELETE FROM webhooks WHERE account_id = ? AND id = ?", alice.id, ID);
  const bobs = [ID, other].map((webhook_id) => ({ account_id: bob.id, webhook_id }));
  assert.deepEqual(await attempts(), [{ account_id: alice.id, webhook_id: other }, ...bobs]);
  await sql("DELETE FROM accounts WHERE id = ?", alice.id);
  assert.deepEqual(await attempts(), bobs);
  assert.deepEqual(await sql("SELECT id FROM webhooks WHERE account_id = ?", alice.id), []);
});

test("an enabled endpoint has the account's changes watched, and a disabled one does not", async () => {
  const [alice, bob] = [await account(), await account()];
  await grant(alice.id, { expires_at: 1 });
  const watched = async ({ id }: { id: number }) =>
    (await sql("SELECT is_watched FROM tokens WHERE account_id = ? ORDER BY created_at, valid_until DESC", id)).map(
      (row) => row.is_watched,
    );
  await insert("webhooks", { account_id: alice.id, ...ENDPOINT });
  assert.deepEqual(await watched(alice), [1, 0], "of the valid token, not of the expired one");
  assert.deepEqual(await watched(bob), [0]);

  // The bell removes the mark. A token that is made later gets it.
  const set = (enabled: number, reason: string | null) =>
    sql("UPDATE webhooks SET is_enabled = ?, disabled_reason = ? WHERE account_id = ?", enabled, reason, alice.id);
  await grant(alice.id);
  assert.deepEqual(await watched(alice), [1, 1, 0]);
  await set(0, "requested");
  await sql("UPDATE tokens SET is_watched = 0 WHERE account_id = ?", alice.id);
  await grant(alice.id);
  assert.deepEqual(await watched(alice), [0, 0, 0, 0]);
  await set(1, null);
  assert.deepEqual(await watched(alice), [1, 1, 1, 0]);
});

/** A database of SQLite as Node has it, the same dialect, that has seen the first migrations, and rows of that time. */
function databaseAt(count: number): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec(`PRAGMA foreign_keys = ON; ${migrations.slice(0, count).join("\n")}`);
  database.exec(`
    INSERT INTO accounts (id, name, created_at) VALUES (1, 'alice', 1), (2, 'bob', 2);
    INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, expires_at)
    VALUES ('${HASH}', '${ID}', 1, 'old', 3, 1, 9);
    WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 499)
    INSERT INTO conversations (account_id, id, contact_id, group_id, is_pinned, is_muted, created_at, archived_at)
    SELECT 1 + n % 2, printf('%016d', n), iif(n % 3 = 0, NULL, 'bob'), iif(n % 3 < 2, 'team', NULL), n % 2, n % 5 = 0,
           n, iif(n % 6 = 0, n, NULL) FROM numbers;
    INSERT INTO messages (account_id, conversation_id, id, contact_id, message, read_at, created_at, updated_at)
    SELECT account_id, id, id, contact_id, 'A message to ' || id || char(10) || '😀', archived_at, created_at,
           iif(created_at % 4 = 0, NULL, created_at / 3 + 1) FROM conversations WHERE is_muted;
    UPDATE conversations SET pinned_message_id = id WHERE is_muted AND is_pinned;`);
  // When they were active and opened, in the unit of that time.
  const activity = "iif(created_at % 4 = 0, NULL, created_at / 3 + 1)";
  const opening = "iif(created_at % 7 = 0, NULL, created_at % 11 * 16)";
  database.exec(
    count <= files.indexOf("0005_one_clock.sql")
      ? `UPDATE conversations SET last_active_at = ${activity}, last_opened_at = ${opening}`
      : `UPDATE conversations SET last_active_ms = 1000 * ${activity}, last_received_ms = 1000 * ${activity},
           last_opened_ms = 1000 * ${opening} + 999`,
  );
  return database;
}

describe("a filled database is migrated without loss", () => {
  for (const [at, file] of files.slice(0, -1).entries()) {
    test(`from ${file}`, () => {
      using database = databaseAt(at + 1);
      const all = (text: string) =>
        database
          .prepare(text)
          .all()
          .map((row) => ({ ...row }));
      const contents = () =>
        [
          "SELECT id, name, created_at FROM accounts ORDER BY id",
          `SELECT hash, id, account_id, name, scopes, created_at, expires_at, revoked_at, valid_until FROM tokens`,
          `SELECT account_id, conversation_id, id, contact_id, message, read_at, created_at, updated_at
           FROM messages ORDER BY account_id, id`,
          "SELECT account_id, id, pinned_message_id, object FROM conversations ORDER BY account_id, id",
        ].map(all);
      const unread = all(
        `SELECT account_id, id FROM conversations
         WHERE object ->> 'last_opened_at' IS NULL OR object ->> 'last_active_at' > object ->> 'last_opened_at'
         ORDER BY account_id, id`,
      );
      const byActivity = all(
        `SELECT id FROM conversations WHERE account_id = 1
         ORDER BY coalesce(object ->> 'last_active_at', -1) DESC, id DESC`,
      );
      const before = contents();
      assert.deepEqual(
        before.map((rows) => rows.length),
        [2, 1, 100, 500],
      );
      assert.ok(unread.length > 50 && unread.length < 450);

      for (const migration of migrations.slice(at + 1)) database.exec(migration);
      assert.deepEqual(contents(), before);
      assert.deepEqual(
        all("SELECT account_id, id FROM conversations WHERE inbox_state >= 8 ORDER BY account_id, id"),
        unread,
      );
      assert.deepEqual(all("SELECT id FROM conversations WHERE account_id = 1 ORDER BY activity DESC"), byActivity);
      assert.deepEqual(all("PRAGMA integrity_check"), [{ integrity_check: "ok" }]);
      assert.deepEqual(all("PRAGMA foreign_key_check"), []);

      database.exec("DELETE FROM messages");
      assert.deepEqual(all("SELECT id FROM conversations WHERE pinned_message_id IS NOT NULL"), []);
    });
  }
});

test("a token that was revoked before the migration stays revoked, and one in its grace period stays valid", () => {
  const at = files.indexOf("0006_bounds.sql");
  using database = new DatabaseSync(":memory:");
  database.exec(migrations.slice(0, at).join("\n"));
  database.exec("INSERT INTO accounts (id, name, created_at) VALUES (1, 'alice', 1)");
  const now = Math.floor(Date.now() / 1000);
  const insert = database.prepare(
    `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at, revoked_at) VALUES (?, ?, 1, 'old', 1, 1, ?)`,
  );
  const revokedAt = [null, 5, now - 3600, now + 86_400];
  for (const [n, revoked_at] of revokedAt.entries()) insert.run(`${n}`.repeat(64), `${n}`.repeat(16), revoked_at);
  for (const migration of migrations.slice(at)) database.exec(migration);
  const rows = database
    .prepare("SELECT revoked_at, is_revoked, valid_until, successor_id FROM tokens ORDER BY id")
    .all();
  const successor_id = null;
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { revoked_at: null, is_revoked: 0, valid_until: 253402300800, successor_id },
      { revoked_at: 5, is_revoked: 1, valid_until: 0, successor_id },
      { revoked_at: now - 3600, is_revoked: 1, valid_until: 0, successor_id },
      { revoked_at: now + 86_400, is_revoked: 0, valid_until: now + 86_400, successor_id },
    ],
  );
});

test("after the migration the log is empty, and knows the newest ids, also of what was deleted", () => {
  const at = files.indexOf("0007_events.sql");
  using database = databaseAt(at);
  database.exec(`
    INSERT INTO accounts (id, name, created_at) VALUES (3, 'carol', 3);
    INSERT INTO conversations (account_id, id, contact_id, created_at) VALUES (1, 'Vc3KVDk000000000', 'bob', 1);
    INSERT INTO messages (account_id, conversation_id, id, message, created_at)
    VALUES (2, '0000000000000001', 'Vc3KVDm000000000', 'Hello', 1);
    DELETE FROM messages WHERE id = 'Vc3KVDm000000000'`);
  for (const migration of migrations.slice(at)) database.exec(migration);
  const logs = () =>
    database
      .prepare("SELECT account_id, seq, change, newest_id_times FROM events ORDER BY account_id, seq")
      .all()
      .map((row) => Object.values(row));
  // A row with the number 0 is no event.
  const before = [
    [1, 0, "created", "Vc3KVDk0000000"],
    [2, 0, "created", "0000000Vc3KVDm"],
  ];
  assert.deepEqual(logs(), before);
  database.exec(`
    INSERT INTO conversations (account_id, id, contact_id, created_at) VALUES (3, 'Vc3KVDp000000000', 'bob', 1);
    INSERT INTO messages (account_id, conversation_id, id, message, created_at)
    VALUES (1, 'Vc3KVDk000000000', 'Vc3KVDn000000000', 'Hello', 1);
    DELETE FROM messages WHERE id = 'Vc3KVDn000000000'`);
  assert.deepEqual(logs(), [
    before[0],
    [1, 1, "created", "Vc3KVDkVc3KVDn"],
    [1, 2, "deleted", "Vc3KVDkVc3KVDn"],
    before[1],
    [3, 1, "created", "Vc3KVDp0000000"],
  ]);
});

test("an opening in the future is one at the time of the migration", () => {
  const at = files.indexOf("0005_one_clock.sql");
  using database = databaseAt(at);
  database.exec("UPDATE conversations SET last_opened_at = 253402300799, last_active_at = 5");
  for (const migration of migrations.slice(at)) database.exec(migration);
  const rows = database
    .prepare(
      "SELECT DISTINCT inbox_state >= 8 AS unread, unixepoch() - last_opened_ms / 1000 AS age FROM conversations",
    )
    .all();
  assert.equal(rows.length, 1);
  assert.equal(rows[0]?.unread, 0);
  assert.ok(Number(rows[0]?.age) >= 0 && Number(rows[0]?.age) < 60);
});

test("deleting a conversation deletes its messages, and deleting an account everything of it", async () => {
  const [alice, bob] = [await account(), await account()];
  const id = await alice.insert();
  const message = await alice.insertMessage(id);
  await sql("UPDATE conversations SET pinned_message_id = ? WHERE account_id = ?", message, alice.id);
  const kept = await bob.insert({ id });
  await bob.insertMessage(kept);
  await sql("DELETE FROM conversations WHERE account_id = ? AND id = ?", alice.id, id);
  assert.deepEqual(await alice.contents(), { conversations: [], messages: [] });

  await alice.insertMessage(await alice.insert());
  await sql("DELETE FROM accounts WHERE id = ?", alice.id);
  assert.deepEqual(await alice.contents(), { conversations: [], messages: [] });
  for (const table of ["tokens", "events"])
    assert.deepEqual(await sql(`SELECT * FROM ${table} WHERE account_id = ?`, alice.id), [], table);
  const { conversations, messages } = await bob.contents();
  assert.deepEqual([conversations.length, messages.length], [1, 1]);
});

test("an answer that was stored in one text is in columns after the migration", () => {
  const at = files.indexOf("0004_answers_in_columns.sql");
  using database = new DatabaseSync(":memory:");
  database.exec(migrations.slice(0, at).join("\n"));
  const object = `{"id":"${ID}","message":"{\\ttabs}\\n"}`;
  const salt = "0123456789abcdef".repeat(2);
  const answers: Record<string, string | null> = {
    conversation: `created\t${ID}\t${object}`,
    existing: `existing\tother-tag\t${object}`,
    message: `${ID}\t${object}`,
    token: `${salt}\t${ID}\t${object}`,
    refused: "scopes\t",
    nothing: null,
  };
  database.exec("INSERT INTO accounts (id, name, created_at) VALUES (1, 'alice', 1)");
  const insert = database.prepare(
    `INSERT INTO idempotency_keys (account_id, key, fingerprint, request_id, answer, expires_at)
     VALUES (1, ?, '${HASH}', '${ID}', ?, 5)`,
  );
  for (const [key, answer] of Object.entries(answers)) insert.run(key, answer);
  for (const migration of migrations.slice(at)) database.exec(migration);

  const rows = database.prepare("SELECT key, outcome, position, tag, object FROM idempotency_keys ORDER BY key").all();
  const nothing = { outcome: null, position: null, tag: null, object: null };
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { key: "conversation", outcome: "created", position: ID, tag: ID, object },
      { key: "existing", outcome: "existing", position: ID, tag: "other-tag", object },
      { key: "message", outcome: null, position: ID, tag: ID, object },
      { key: "nothing", ...nothing },
      { key: "refused", ...nothing, outcome: "scopes" },
      // The secret is added outside the database, so the object comes without its closing brace.
      { key: "token", outcome: salt, position: ID, tag: ID, object: object.slice(0, -1) },
    ],
  );
});
