// `npm run databases -- move` between three databases of `npm start`: under load, and interrupted at each of its steps.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConversationsClient, NetworkError } from "../../clients/typescript/src/index.ts";
import type { Database, Row } from "../../scripts/d1.ts";
import { KEYS } from "../../scripts/move.ts";
import { Receiver } from "../webhooks/receiver.ts";
import { freePort, stateFolder } from "./processes.ts";
import { Project } from "./project.ts";

const WRITERS = 4;
/** How many messages are written before a move, in its course, and after it. */
const ENOUGH = 30;

const project = new Project(3);
const state = stateFolder();
after(() => {
  project[Symbol.dispose]();
  state[Symbol.dispose]();
});
const here = ["--persist-to", state.path];
const { query, localDatabase } = await project.d1();

const in_ = (binding: string) => localDatabase(state.path, binding);
async function succeed(script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await project.run(script, [...args, ...here]);
  assert.equal(code, 0, `${script} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout.trim();
}
const move = (name: string, to: string) => succeed("databases", "move", name, "--to", to);
const createToken = (account: string, ...args: string[]) => succeed("token", "create", "--account", account, ...args);

/** All rows of the account in a database, by their table. Its number is another one in each. Whether a token is watched
 * depends on what listens there. */
async function rowsOf(database: Database, name: string): Promise<Record<string, Row[]>> {
  const account = `(SELECT id FROM accounts WHERE name = '${name}')`;
  const tables = Object.entries(KEYS);
  const [[{ id: _, ...row } = {}], ...all] = await query(
    database,
    `SELECT * FROM accounts WHERE name = '${name}'`,
    ...tables.map(([table, key]) => `SELECT * FROM ${table} WHERE account_id = ${account} ORDER BY ${key}`),
  );
  const rows = all.map((rows) => rows.map(({ account_id, is_watched, ...row }) => row));
  return { ...Object.fromEntries(tables.map(([table], n) => [table, rows[n]!])), accounts: [row as Row] };
}

/** The first rows that only one of both has. */
function differences(one: Record<string, Row[]>, other: Record<string, Row[]>): string[] {
  return Object.keys(one).flatMap((table) => {
    const [ones, others] = [one, other].map((rows) => rows[table]!.map((row) => JSON.stringify(row)));
    const lacking = (rows: string[], those: Set<string>) => rows.filter((row) => !those.has(row)).slice(0, 3);
    return [
      ...lacking(ones!, new Set(others)).map((row) => `- ${table} ${row}`),
      ...lacking(others!, new Set(ones)).map((row) => `+ ${table} ${row}`),
    ];
  });
}

const ALL_SCOPES =
  "conversations:read conversations:write messages:read messages:write events:read webhooks:write tokens:write";

before(async () => {
  await createToken("Other", "--database", "DB");
});

test("every table with rows of an account is moved", async () => {
  const [tables] = await query(
    in_("DB"),
    `SELECT schema.name FROM sqlite_schema AS schema JOIN pragma_table_info(schema.name) AS columns
     WHERE schema.type = 'table' AND columns.name = 'account_id' ORDER BY schema.name`,
  );
  assert.deepEqual(
    tables!.map(({ name }) => name),
    Object.keys(KEYS).sort(),
  );
});

/** Rows of every kind, with what is special about them. */
const KINDS = (account: string) => {
  const hash = (n: number) => `'${String(n).padStart(64, "0")}'`;
  const conversation = (n: number) => `'000000000000C${String(n).padStart(3, "0")}'`;
  const message = (n: number) => `'00000000000M${String(n).padStart(4, "0")}'`;
  const ACCOUNT = `(SELECT id FROM accounts WHERE name = '${account}')`;
  const token = (n: number, more: string) =>
    `INSERT INTO tokens
       (hash, id, account_id, name, scopes, created_at, last_used_at,
        expires_at, revoked_at, is_revoked, successor_id)
     SELECT ${hash(n)}, ${message(n)}, ${ACCOUNT}, 'token ${n}', 127, 5, 86400 * ${n}, ${more}`;
  const numbers = (to: number) =>
    `(WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${to}) SELECT n FROM n)`;
  return [
    `INSERT INTO accounts (name, created_at, max_tokens, max_objects) VALUES ('${account}', 7, 33, 44444)`,
    token(1, "NULL, NULL, 0, NULL"),
    token(2, "1, NULL, 0, NULL"),
    token(3, "NULL, 5, 1, NULL"),
    token(4, `NULL, 253402300799, 0, ${message(1)}`),
    `INSERT INTO conversations (account_id, id, contact_id, group_id, created_at, changed_by, last_active_ms, is_muted)
     SELECT ${ACCOUNT}, '000000000000C' || printf('%03d', n), 'c' || n % 7, iif(n % 3, NULL, 'g'), n,
       NULL, 1000 * n, n % 2
     FROM ${numbers(50)}`,
    `INSERT INTO messages (account_id, conversation_id, id, contact_id, message, created_at, read_at, changed_by)
     SELECT ${ACCOUNT}, '000000000000C' || printf('%03d', 1 + n % 50), '00000000000M' || printf('%04d', n),
       iif(n % 2, 'c', NULL), 'Grüße "' || n || '" ' || char(10) || hex(zeroblob(n % 5 * 300)), n,
       iif(n % 4, NULL, n), NULL
     FROM ${numbers(3000)}`,
    `UPDATE conversations SET pinned_message_id = ${message(50)}
     WHERE account_id = ${ACCOUNT} AND id = ${conversation(1)}`,
    // Deleted by requests, and one that is being removed.
    ...[conversation(9), conversation(10)].map(
      (id) =>
        `INSERT INTO events (account_id, seq, change, conversation_id, request_id, created_at, newest_id_times)
         SELECT account_id, max(seq) + 1, 'deleted', ${id}, '0000000000000R01', 9, max(newest_id_times)
         FROM events WHERE account_id = ${ACCOUNT}`,
    ),
    `UPDATE conversations SET is_removed = 1 WHERE account_id = ${ACCOUNT} AND id = ${conversation(11)}`,
    `INSERT INTO idempotency_keys (account_id, key, fingerprint, request_id, expires_at, object)
     SELECT ${ACCOUNT}, 'key ' || n, ${hash(1)}, '0000000000000R01', unixepoch() + 86400 - n, '{"id":"' || n || '"}'
     FROM ${numbers(400)}`,
    `INSERT INTO webhooks (account_id, id, url, created_at, scopes, changed_by, salt, seq, last_event_id)
     SELECT ${ACCOUNT}, ${message(1)}, 'https://example.com/', 3, 127, 'r', 's', 5, 'e'`,
    `INSERT INTO webhook_attempts (account_id, webhook_id, slot, number, event_id, type, created_at, duration)
     SELECT ${ACCOUNT}, ${message(1)}, n, n, 'e', 'message.created', 4, 12 FROM ${numbers(99)}`,
  ];
};

/** Without what is removed: it is not copied. */
const lasting = (rows: Record<string, Row[]>) => {
  const removed = new Set(rows.conversations!.filter(({ is_removed }) => is_removed === 1).map(({ id }) => id));
  return {
    ...rows,
    conversations: rows.conversations!.filter(({ id }) => !removed.has(id!)),
    messages: rows.messages!.filter(({ conversation_id }) => !removed.has(conversation_id!)),
  };
};

test("a mover that is killed at any step goes on when it is run again, also back and on to a third database", {
  timeout: 600_000,
}, async () => {
  await query(in_("DB"), ...KINDS("Killed"));
  const expected = lasting(await rowsOf(in_("DB"), "Killed"));
  assert.equal(expected.conversations!.length, 47);
  const route = ["DB_1", "DB_2", "DB_1", "DB", "DB_2", "DB", "DB_1", "DB_2", "DB_1", "DB"];
  let from = "DB";
  for (const [n, to] of route.entries()) {
    const env = { KILL_MOVE_AFTER_CALLS: String(4 + 3 * n) };
    const killed = await project.run("databases", ["move", "Killed", "--to", to, ...here], env);
    assert.equal(killed.code, null, `${killed.stdout}\n${killed.stderr}`);
    assert.match(await move("Killed", to), new RegExp(`^The account 'Killed' has moved to ${to}\\.|is in ${to}\\.$`));
    const found = lasting(await rowsOf(in_(to), "Killed"));
    assert.deepEqual(differences(expected, found), [], `${from} to ${to}, killed after ${4 + 3 * n} calls`);
    const { accounts, tokens, ...left } = await rowsOf(in_(from), "Killed");
    assert.deepEqual(new Set(Object.values(left).map(({ length }) => length)), new Set([0]));
    assert.equal(accounts![0]!.moved_to, Number(to.split("_")[1] ?? 0));
    assert.ok(tokens!.length === 4 && tokens!.every(({ scopes }) => scopes === 128));
    from = to;
  }
});

/** The server, and clients of the moving account and of another one. */
async function serve(name: string, database: string) {
  const port = await freePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const token = await createToken(name, "--database", database, "--scopes", ALL_SCOPES);
  const other = new ConversationsClient({ token: await createToken("Other"), baseUrl, retries: 0 });
  const start = async () => {
    const server = project.start(port, state.path);
    await server.until("stdout", "Press Ctrl-C to stop");
    return server;
  };
  return { baseUrl, token, other, start };
}

/** A request as the API answers it. */
async function send(url: string, token: string, attributes?: Record<string, unknown>, key?: string) {
  const headers: Record<string, string> = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  if (key !== undefined) headers["Idempotency-Key"] = key;
  const body = attributes && JSON.stringify(attributes);
  const response = await fetch(url, { method: body === undefined ? "GET" : "POST", headers, body });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text), headers: response.headers };
}

/** All objects of a list of the API. */
async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const object of list) found.push(object);
  return found;
}

/** Copies the account as a customer does, until it is stopped. */
function follow(client: ConversationsClient) {
  const copy = {
    conversations: new Map<string, unknown>(),
    messages: new Map<string, unknown>(),
    events: [] as string[],
  };
  const controller = new AbortController();
  let position = "";
  let changed = Promise.withResolvers<void>();
  const ended = client.events
    .copy({
      signal: controller.signal,
      onReset: async (everything) => {
        position = everything.position;
        for await (const object of everything.conversations) copy.conversations.set(object.id, object);
        for await (const object of everything.messages) copy.messages.set(object.id, object);
      },
      onChange: (changes) => {
        position = changes.position;
        copy.events.push(...changes.events.map(({ id }) => id));
        for (const object of changes.conversations) copy.conversations.set(object.id, object);
        for (const object of changes.messages) copy.messages.set(object.id, object);
        for (const id of changes.deletedConversations) {
          copy.conversations.delete(id);
          for (const [message, object] of copy.messages)
            if ((object as { conversation_id: string }).conversation_id === id) copy.messages.delete(message);
        }
        for (const id of changes.deletedMessages) copy.messages.delete(id);
        changed.resolve();
        changed = Promise.withResolvers();
      },
    })
    .catch((error) => {
      if (!controller.signal.aborted) throw error;
    });
  const stop = async () => {
    controller.abort();
    await ended;
  };
  /** Waits until it has come to an event. */
  const reached = async (id: string) => {
    // One that ends has failed.
    while (position !== id) await Promise.race([changed.promise, ended]);
  };
  return { copy, reached, [Symbol.asyncDispose]: stop };
}

test("under load and a kill of the server a move loses and doubles nothing, and no other account waits", {
  timeout: 600_000,
}, async () => {
  const { baseUrl, token, other, start } = await serve("Mover", "DB_1");
  let server = await start();
  // Also when the test fails, and also one that was started anew.
  await using _server = { [Symbol.asyncDispose]: () => server.signal("SIGKILL") };
  await using receiver = await Receiver.open();
  const client = new ConversationsClient({ token, baseUrl, retries: 30 });
  const conversation = await client.conversations.create({ contact_id: "c" });
  const endpoint = await client.webhooks.create({ url: receiver.url, types: ["message.created"] });
  await using follower = follow(client);

  // What was acknowledged: the ids of messages by their idempotency key, and those that were deleted.
  const written = new Map<string, string>();
  const deleted = new Set<string>();
  const statuses = new Set<number>();
  let wrote = Promise.withResolvers<void>();
  let isOver = false;
  // Also when the test fails.
  const finish = () => {
    isOver = true;
  };
  using _over = { [Symbol.dispose]: finish };
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let n = 0; !isOver; n++) {
      const key = `${writer}-${n}`;
      for (let status = 0; status !== 201; ) {
        const attributes = { conversation_id: conversation.id, message: key };
        const sent = send(`${baseUrl}/v1/messages`, token, attributes, key);
        // The server is killed once.
        const answer = await sent.catch(() => undefined);
        if (answer === undefined) continue;
        status = answer.status;
        statuses.add(status);
        if (status !== 201) assert.equal(answer.body.code, "database_unavailable", JSON.stringify(answer.body));
        else {
          written.set(key, answer.body.id);
          wrote.resolve();
          wrote = Promise.withResolvers();
        }
      }
      const id = written.get(key)!;
      // The client retries.
      if (n % 5 === 0) await client.messages.update(id, { message: `${key}, corrected` });
      if (n % 7 === 0) {
        await client.messages.delete(id);
        deleted.add(id);
      }
      if (n % 11 === 0) await client.conversations.update(conversation.id, { is_muted: n % 2 === 0 });
    }
  });
  const others = (async () => {
    const made = await other.conversations.create({ contact_id: "c" });
    while (!isOver) {
      // The client does not retry here, and throws any response but a 2xx. There is none while the server is killed.
      await other.conversations.update(made.id, { is_muted: true }).catch((error) => {
        if (!(error instanceof NetworkError)) throw error;
      });
    }
  })();

  const writeEnough = async () => {
    // One that ends has failed.
    const goal = written.size + ENOUGH;
    while (written.size < goal) await Promise.race([wrote.promise, ...writers, others]);
  };

  const route = ["DB_2", "DB_1", "DB"];
  for (const to of route) {
    await writeEnough();
    const moved = move("Mover", to);
    if (to === "DB_1") {
      await server.signal("SIGKILL");
      server = await start();
    }
    await moved;
    assert.equal((await rowsOf(in_(to), "Mover")).accounts![0]!.moved_to, null);
  }
  await writeEnough();
  isOver = true;
  await Promise.all([...writers, others]);
  assert.ok(
    [...statuses].every((status) => status === 201 || status === 503),
    [...statuses].join(),
  );

  const messages = await all(client.messages.list({ limit: 100 }));
  const expected = [...written.values()].filter((id) => !deleted.has(id)).sort();
  assert.deepEqual(messages.map(({ id }) => id).sort(), expected, "every acknowledged message is there exactly once");

  // The log has each change once, in order, and without a gap.
  const log = await all(client.events.list({ limit: 100 }));
  const created = log.filter(({ type }) => type === "message.created").map(({ message_id }) => message_id);
  assert.deepEqual(created.toSorted(), [...written.values()].sort());
  const [numbers] = await query(
    in_(route.at(-1)!),
    `SELECT min(seq) AS first, max(seq) AS last, count(*) AS events FROM events
     WHERE account_id = (SELECT id FROM accounts WHERE name = 'Mover')`,
  );
  assert.deepEqual(numbers, [{ first: 1, last: log.length, events: log.length }]);

  // The copy of the client that followed the log is what the lists have.
  await follower.reached(log.at(-1)!.id);
  assert.deepEqual(follower.copy.messages, new Map(messages.map((message) => [message.id, message])));
  const conversations = await all(client.conversations.list());
  assert.deepEqual(follower.copy.conversations, new Map(conversations.map((object) => [object.id, object])));
  // A retry after the move gets the stored answer.
  const [[key, id]] = written;
  const attributes = { conversation_id: conversation.id, message: key };
  const retry = await send(`${baseUrl}/v1/messages`, token, attributes, key);
  assert.deepEqual([retry.status, retry.body.id], [201, id]);

  // Deliveries: all, in order. One that was under way when the account was held, or the server killed, came again.
  await receiver.until(
    () => receiver.deliveries.at(-1)?.id === log.findLast(({ type }) => type === "message.created")!.id,
  );
  const delivered = receiver.deliveries.map(({ id }) => id);
  const once = delivered.filter((id, n) => id !== delivered[n - 1]);
  assert.deepEqual(
    once,
    log.filter(({ type }) => type === "message.created").map(({ id }) => id),
  );
  assert.ok(delivered.length - once.length <= route.length + 1, "more came again than was under way");
  await client.webhooks.delete(endpoint.id);

  // The old token leads to the account, a new one names its database.
  const third = await createToken("Mover", "--scopes", "conversations:read");
  assert.match(third, /^self_[0-9A-Za-z]{36}$/);
  assert.equal((await send(`${baseUrl}/v1/conversations`, third)).status, 200);
});

test("if the mover dies in the switch, requests go on after a minute, and the move can be ended or undone", {
  timeout: 300_000,
}, async () => {
  const { baseUrl, token, start } = await serve("Held", "DB_1");
  await using _ = await start();
  const list = () => send(`${baseUrl}/v1/conversations`, token);
  const sweep = () => fetch(`${baseUrl}/cdn-cgi/local/scheduled`);
  const heldAt = async () =>
    (await query(in_("DB_1"), "SELECT held_at FROM accounts WHERE name = 'Held'"))[0]![0]!.held_at;
  // The switch has several calls, of which it is one.
  const dieInSwitch = async (calls: number) => {
    const env = { KILL_MOVE_AFTER_CALLS: String(calls) };
    const { code } = await project.run("databases", ["move", "Held", "--to", "DB_2", ...here], env);
    assert.deepEqual([code, typeof (await heldAt())], [null, "number"], "it died in another step");
  };
  const [fromStart, fromCopy] = [26, 12];
  const makeOlder = () => query(in_("DB_1"), "UPDATE accounts SET held_at = held_at - 61 WHERE name = 'Held'");
  const { body: made } = await send(`${baseUrl}/v1/conversations`, token, { contact_id: "c" });

  await dieInSwitch(fromStart);
  const held = await list();
  assert.deepEqual([held.status, held.body.code, held.headers.get("Retry-After")], [503, "database_unavailable", "1"]);
  await sweep();
  assert.equal((await list()).status, 503, "less than a minute has passed");
  await makeOlder();
  await sweep();
  assert.deepEqual((await list()).body.data, [made]);

  // What is written now is not in the copy yet.
  const { body: more } = await send(`${baseUrl}/v1/conversations`, token, { contact_id: "d" });
  await dieInSwitch(fromCopy);
  assert.match(await succeed("databases", "move", "Held", "--cancel"), /^The move of 'Held' is undone/);
  assert.deepEqual((await list()).body.data, [more, made], "without a wait");
  const [left] = await query(in_("DB_2"), "SELECT 1 FROM accounts WHERE name = 'Held'");
  assert.deepEqual(left, []);
  assert.match(await succeed("databases", "move", "Held", "--cancel"), /is not being moved/);

  await dieInSwitch(fromStart);
  await move("Held", "DB_2");
  assert.deepEqual((await list()).body.data, [more, made]);
  const undo = await project.run("databases", ["move", "Held", "--cancel", ...here]);
  assert.match(undo.stdout, /is not being moved\. It is in DB_2\./, "it has arrived");
});

test("an account that has another move begun is not moved elsewhere", { timeout: 300_000 }, async () => {
  await createToken("Begun", "--database", "DB");
  const env = { KILL_MOVE_AFTER_CALLS: "12" };
  await project.run("databases", ["move", "Begun", "--to", "DB_1", ...here], env);
  const elsewhere = await project.run("databases", ["move", "Begun", "--to", "DB_2", ...here]);
  assert.equal(elsewhere.code, 1);
  assert.match(
    elsewhere.stderr,
    /A move of 'Begun' to DB_1 was begun\. End it with --to DB_1, or undo it with --cancel\./,
  );
  assert.match(await move("Begun", "DB_1"), /has moved to DB_1/);
});

test("a copy that differs from the account does not become the account", { timeout: 300_000 }, async () => {
  await createToken("Spoilt", "--database", "DB");
  const account = "(SELECT id FROM accounts WHERE name = 'Spoilt')";
  await query(
    in_("DB"),
    `INSERT INTO conversations (account_id, id, contact_id, created_at) SELECT ${account}, '0000000000000001', 'c', 0`,
    `INSERT INTO messages (account_id, conversation_id, id, message, created_at)
     SELECT ${account}, '0000000000000001', value, 'text', 0 FROM json_each('["0000000000000001","0000000000000002"]')`,
  );
  const expected = await rowsOf(in_("DB"), "Spoilt");
  await project.run("databases", ["move", "Spoilt", "--to", "DB_1", ...here], { KILL_MOVE_AFTER_CALLS: "17" });
  const [, [left]] = await query(
    in_("DB_1"),
    `DELETE FROM messages WHERE account_id = ${account} AND id = '0000000000000001'`,
    `SELECT count(*) AS messages FROM messages WHERE account_id = ${account}`,
  );
  assert.equal(left!.messages, 1, "it died in another step");

  const { code, stdout, stderr } = await project.run("databases", ["move", "Spoilt", "--to", "DB_1", ...here]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /The copy differs \(messages\), so nothing was switched\./);
  assert.deepEqual(differences(expected, await rowsOf(in_("DB"), "Spoilt")), [], "the account is as it was");

  await succeed("databases", "move", "Spoilt", "--cancel");
  await move("Spoilt", "DB_1");
  assert.deepEqual(differences(expected, await rowsOf(in_("DB_1"), "Spoilt")), []);
});
