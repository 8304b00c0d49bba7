// `npm run seed` in its own state folder. One test, because each part continues with the state of the previous one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { localDatabase, query } from "../../scripts/d1.ts";
import { DAY, HOUR, INBOX, MINUTE } from "../../scripts/seed/inbox.ts";
import { EXAMPLE } from "../support/reference.ts";
import { curl, freePort, npmRun, Server, stateFolder, tokenIn } from "./processes.ts";

test("the inbox is as the API reference shows it, and existing rows are not changed", {
  timeout: 400_000,
}, async (t) => {
  using state = stateFolder();
  const seed = async () => {
    const { code, stdout, stderr } = await npmRun("seed", "--persist-to", state.path);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /10 conversations, \d+ messages/);
  };
  // What the sweep of a running server counts at its own time is left out.
  const rows = () =>
    query(
      localDatabase(state.path),
      "SELECT id, name, created_at, max_tokens, max_webhooks, max_objects, max_bytes, moved_to, held_at FROM accounts",
      "SELECT * FROM conversations ORDER BY id DESC",
      "SELECT * FROM messages ORDER BY id",
    );

  await seed();
  const seeded = await rows();
  const [accounts, conversations, messages] = seeded;

  const of = (id: unknown) => messages.filter(({ conversation_id }) => conversation_id === id);
  const named = (name: string) => conversations.find((row) => (row.contact_id ?? row.group_id) === name)!;

  await t.test("the local account has conversations of every kind, and one long thread", () => {
    assert.deepEqual(
      accounts.map(({ name }) => name),
      ["local"],
    );
    assert.equal(conversations.length, INBOX.length);
    assert.deepEqual(
      conversations.slice(0, 2).map(({ id }) => id),
      ["xgQQXg3hrtjh7AvZ", "hSIhXBhNe8X1d8Et"],
    );
    assert.ok(
      conversations.slice(2).every(({ id }) => String(id) < "W"),
      "new conversations come before them",
    );
    for (const [kind, is] of Object.entries<(row: (typeof conversations)[number]) => unknown>({
      contact: (row) => row.contact_id !== null && row.group_id === null,
      group: (row) => row.group_id !== null && row.contact_id === null,
      both: (row) => row.contact_id !== null && row.group_id !== null,
      pinned: (row) => row.is_pinned,
      muted: (row) => row.is_muted,
      archived: (row) => row.archived_at !== null,
      "with a pinned message": (row) => row.pinned_message_id !== null,
      unread: (row) => row.last_active_ms !== null && Number(row.inbox_state) >= 8,
      read: (row) => row.last_active_ms !== null && Number(row.inbox_state) < 8,
      "never active": (row) => row.last_active_ms === null,
      "with hundreds of messages": (row) => of(row.id).length > 300,
      "written from right to left": (row) =>
        of(row.id).some(({ message }) => /\p{Script=Arabic}/u.test(String(message))),
      "with a link": (row) => of(row.id).some(({ message }) => String(message).includes("https://example.org/")),
    })) {
      const count = conversations.filter(is).length;
      assert.ok(count > 0 && count < conversations.length, `${kind}: ${count}`);
    }
  });

  await t.test("contacts and groups have readable ids, except in the conversation of the reference", () => {
    const ids = conversations.slice(1).flatMap(({ contact_id, group_id }) => [contact_id, group_id]);
    const senders = messages
      .filter(({ conversation_id }) => conversation_id !== EXAMPLE.id)
      .map((row) => row.contact_id);
    for (const id of [...ids, ...senders]) assert.match(String(id ?? "anna-keller"), /^[a-z0-9]+(-[a-z0-9]+)+$/);
    assert.ok(named("anna-keller") && named("book-club"));
  });

  await t.test("the inbox was active minutes ago, hours ago and days ago", () => {
    const now = Date.now();
    const ages = conversations
      .filter(({ id, last_active_ms }) => id !== EXAMPLE.id && last_active_ms !== null)
      .map(({ last_active_ms }) => (now - Number(last_active_ms)) / 1000);
    assert.ok(Math.min(...ages) > 0, "nothing is in the future");
    // The test may be slow, but not by hours.
    assert.ok(ages.some((age) => age < HOUR + 10 * MINUTE));
    assert.ok(ages.some((age) => age > 2 * HOUR && age < DAY));
    assert.ok(ages.some((age) => age > DAY && age < 7 * DAY + HOUR));
  });

  await t.test("the times and the ids have the same order", () => {
    const created = conversations.slice(1).map(({ created_at }) => Number(created_at));
    assert.deepEqual(
      created,
      [...new Set(created)].sort((a, b) => b - a),
    );
    const times = messages.map(({ created_at }) => Number(created_at));
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
      "ids sort by time",
    );
    for (const conversation of conversations) {
      const own = of(conversation.id);
      const last = (messages: typeof own) => messages.at(-1) && 1000 * Number(messages.at(-1)?.created_at);
      assert.equal(last(own) ?? null, conversation.last_active_ms);
      assert.equal(last(own.filter(({ contact_id }) => contact_id !== null)) ?? null, conversation.last_received_ms);
      for (const message of own) {
        assert.ok(Number(message.created_at) > Number(conversation.created_at));
        assert.ok(1000 * Number(message.created_at) <= Number(conversation.last_active_ms));
        assert.equal(
          message.read_at === null,
          1000 * Number(message.created_at) > Number(conversation.last_opened_ms),
          "read as far as it was opened",
        );
        assert.ok(message.contact_id !== null || message.read_at !== null, "one's own messages open the conversation");
        assert.match(String(message.message), /^\p{L}.+[\p{L}\d.!?؟]$/u);
        assert.doesNotMatch(String(message.message), /[{}]|undefined/);
      }
    }
  });

  await t.test("a second seed changes no row", async () => {
    await seed();
    assert.deepEqual(await rows(), seeded);
  });

  const port = await freePort();
  await using server = new Server(port, state.path);
  const token = tokenIn(await server.greeting());
  const api = `http://127.0.0.1:${port}/v1/conversations`;
  const authorization = `-H "Authorization: Bearer ${token}"`;
  const [list, create, retrieve, update, remove] = [
    `curl -G ${api} \\\n  ${authorization} \\\n  -d limit=10`,
    `curl ${api} \\\n  ${authorization} \\\n  -d 'contact_id'="WAz8eIbvDR60rouK"`,
    `curl ${api}/xgQQXg3hrtjh7AvZ \\\n  ${authorization}`,
    `curl -X PUT ${api}/xgQQXg3hrtjh7AvZ \\\n  ${authorization} \\\n  -d 'is_muted'=true`,
    `curl -X DELETE ${api}/xgQQXg3hrtjh7AvZ \\\n  ${authorization}`,
  ];

  await t.test("every curl command of the reference gets the response printed there", async () => {
    const { status, text, body } = await curl(list);
    assert.equal(status, 200);
    assert.ok(text.startsWith(`{"has_more":false,"data":[${JSON.stringify(EXAMPLE)},{"id":"hSIhXBhNe8X1d8Et",`), text);
    assert.equal(body.data.length, 10);

    assert.deepEqual(await curl(retrieve), { status: 200, text: JSON.stringify(EXAMPLE), body: EXAMPLE });

    const created = await curl(create);
    assert.equal(created.status, 201);
    const { id, created_at } = created.body;
    assert.equal(
      created.text,
      JSON.stringify({ ...EXAMPLE, id, last_active_at: null, last_opened_at: null, created_at }),
    );
    assert.deepEqual((await curl(list)).body.data.map((each: { id: string }) => each.id).slice(0, 3), [
      id,
      "xgQQXg3hrtjh7AvZ",
      "hSIhXBhNe8X1d8Et",
    ]);

    const muted = { ...EXAMPLE, is_muted: true };
    assert.deepEqual(await curl(update), { status: 200, text: JSON.stringify(muted), body: muted });
  });

  await t.test("a seed while the server runs changes no row", async () => {
    const before = await rows();
    await seed();
    assert.deepEqual(await rows(), before);
    assert.equal((await curl(retrieve)).body.is_muted, true);
  });

  await t.test("after deletions a seed restores the conversation and the messages", async () => {
    assert.deepEqual(await curl(remove), { status: 204, text: "", body: undefined });
    assert.equal((await curl(retrieve)).status, 404);
    const pinning = conversations.find((row) => row.pinned_message_id !== null)!;
    const pinned = String(pinning.pinned_message_id);
    const url = `http://127.0.0.1:${port}/v1/messages/${pinned}`;
    assert.equal((await curl(`curl -X DELETE ${url} \\\n  ${authorization}`)).status, 204);
    await seed();
    assert.equal((await curl(retrieve)).text, JSON.stringify(EXAMPLE));
    assert.deepEqual((await rows())[2], messages, "every message is back");
    assert.equal((await curl(`curl ${url} \\\n  ${authorization}`)).status, 200);
    assert.equal(
      (await curl(list)).body.data.find(({ id }: { id: string }) => id === pinning.id).pinned_message_id,
      null,
      "un-pinned by the deletion, and it stays as it is",
    );
  });

  await server.signal("SIGTERM");
});

test("invalid options are refused", async () => {
  const { code, stdout, stderr } = await npmRun("seed", "--remote");
  assert.equal(code, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /--remote/);
});
