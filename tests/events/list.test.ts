// GET /v1/events: the log, a page at a time. What each change logs: log.test.ts. Waiting and streams: wait.test.ts and
// stream.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { type Account, account, grant } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { sql } from "../support/database.ts";
import { assertError, idsOf, links, now } from "../support/expectations.ts";
import { api, ifNoneMatch } from "../support/http.ts";
import { COUNT, fill, fillMessages, fillTexts } from "../support/large.ts";
import { COLLECTION, EVENTS, item, MESSAGES, messageItem } from "../support/paths.ts";
import { origin } from "../support/server.ts";
import { MESSAGES_READ, READ, SCOPES, WRITE } from "../support/tokens.ts";

const EVENTS_READ = SCOPES["events:read"]!;
const FIELDS = ["id", "type", "created_at", "conversation_id", "message_id", "request_id", "conversation", "message"];
/** The position before the first event. */
const START = "0000000000000000";

const list = (query: string): string => `${EVENTS}?${query}`;
const after = (position: string): string => list(`limit=100&starting_after=${position}`);
const next = (answer: Answer): string => String(links(answer).next);
/** The position where a page ends. */
const end = (answer: Answer): string => String(new URL(next(answer), origin).searchParams.get("starting_after"));

/** An account whose log has so many events, each the creation of a conversation. */
async function holder(count: number): Promise<Account> {
  const alice = await account();
  await fill(alice, count);
  return alice;
}

test("the log of a new account is empty, and has a position all the same", async () => {
  const alice = await account();
  const answer = await alice.get(EVENTS);
  assert.equal(answer.text, '{"has_more":false,"data":[]}');
  assert.equal(next(answer), list(`limit=10&starting_after=${START}`));
  assert.equal(end(await alice.get(list("starting_after=now"))), START);
  assert.equal((await alice.get(next(answer))).text, answer.text);
  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  assert.deepEqual(
    (await alice.get(next(answer))).json.data.map((event: { conversation_id: string }) => event.conversation_id),
    [id],
  );
});

test("the log of an account that is older than the log begins with its next change", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  // As the migration leaves it: migrations/0007_events.sql.
  await sql("UPDATE events SET seq = 0, conversation_id = '' WHERE account_id = ?", alice.id);
  const answer = await alice.get(EVENTS);
  assert.deepEqual([answer.json, end(answer)], [{ has_more: false, data: [] }, START]);
  assert.equal(end(await alice.get(list("starting_after=now"))), START);
  await alice.put(item(conversation), "is_muted=true");
  for (const page of [EVENTS, next(answer)])
    assert.deepEqual(
      (await alice.get(page)).json.data.map((event: any) => event.type),
      ["conversation.updated"],
    );
});

test("each event has eight attributes, with the objects as they are when it is read", async () => {
  const alice = await account();
  const before = now();
  const created = await alice.post(COLLECTION, "contact_id=bob");
  const conversation = created.json.id;
  const sent = await alice.post(MESSAGES, { conversation_id: conversation, message: 'tab\tbreak\nquote"' });
  const archived = await alice.put(item(conversation), "archived_at=705103200");
  const answer = await alice.get(EVENTS);
  assert.deepEqual(answer.json.data.map(Object.keys), [FIELDS, FIELDS, FIELDS]);
  const changes: [type: string, message: string | null, request: Answer][] = [
    ["conversation.created", null, created],
    ["message.created", sent.json.id, sent],
    ["conversation.updated", null, archived],
  ];
  for (const [at, [type, message_id, request]] of changes.entries()) {
    const { id, created_at, conversation: shown, message, ...event } = answer.json.data[at];
    const request_id = request.headers["x-request-id"];
    assert.deepEqual(event, { type, conversation_id: conversation, message_id, request_id });
    assert.match(id, /^[0-9A-Za-z]{16}$/);
    assert.ok(before <= created_at && created_at <= before + 60, `${created_at}`);
    // The creation shows the conversation as it is after the update.
    assert.deepEqual(shown, archived.json);
    assert.deepEqual(message, message_id === null ? null : sent.json);
  }
  // The same text as when it is retrieved.
  assert.ok(answer.text.includes(`"conversation":${archived.text},"message":${sent.text}}`), answer.text);
});

test("a change that no request made has no request_id", async () => {
  const alice = await account();
  await alice.insert();
  const { data } = (await alice.get(EVENTS)).json;
  assert.deepEqual([data.length, data[0].type, data[0].request_id], [1, "conversation.created", null]);
});

test("objects that are gone are null, and the events that were about them stay", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const [kept, gone] = [(await alice.say(conversation)).id, (await alice.say(conversation)).id];
  await alice.delete(messageItem(gone));
  const shown = async () =>
    (await alice.get(EVENTS)).json.data.map((event: any) => [
      event.type,
      event.message_id,
      event.conversation?.id ?? null,
      event.message?.id ?? null,
    ]);
  assert.deepEqual(await shown(), [
    ["conversation.created", null, conversation, null],
    ["message.created", kept, conversation, kept],
    ["message.created", gone, conversation, null],
    ["message.deleted", gone, conversation, null],
  ]);
  await alice.delete(item(conversation));
  assert.deepEqual(await shown(), [
    ["conversation.created", null, null, null],
    ["message.created", kept, null, null],
    ["message.created", gone, null, null],
    ["message.deleted", gone, null, null],
    ["conversation.deleted", null, null, null],
  ]);
});

test("the messages of a conversation that is too large to be deleted at once are null with it", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  await fillMessages(alice, conversation, 1500);
  const position = end(await alice.get(list("starting_after=now")));
  await alice.delete(item(conversation));
  assert.notEqual((await sql("SELECT 1 FROM messages WHERE account_id = ?", alice.id)).length, 0);
  const { data } = (await alice.get(list("limit=100"))).json;
  assert.deepEqual(new Set(data.map((event: any) => event.conversation ?? event.message)), new Set([null]));
  assert.deepEqual(
    (await alice.get(after(position))).json.data.map((event: any) => event.type),
    ["conversation.deleted"],
  );
});

test("oldest first, at most ten, or as many as limit says", async () => {
  const alice = await holder(101);
  const all = await sql("SELECT conversation_id FROM events WHERE account_id = ? ORDER BY seq", alice.id);
  for (const [query, count, more] of [
    ["", 10, true],
    ["limit=1", 1, true],
    ["limit=11", 11, true],
    ["limit=100", 100, true],
  ] as const) {
    const answer = await alice.get(list(query));
    assert.deepEqual(
      answer.json.data.map((event: any) => event.conversation_id),
      all.slice(0, count).map(({ conversation_id }) => conversation_id),
      query,
    );
    assert.equal(answer.json.has_more, more, query);
  }
});

test("following next returns each event once, and later the events that came since", async () => {
  const alice = await holder(25);
  const seen: string[][] = [];
  let answer = await alice.get(list("limit=10"));
  seen.push(idsOf(answer));
  while (answer.json.has_more) {
    assert.equal(end(answer), seen.at(-1)!.at(-1));
    answer = await alice.get(next(answer));
    seen.push(idsOf(answer));
  }
  assert.deepEqual(
    seen.map((page) => page.length),
    [10, 10, 5],
  );
  const ids = seen.flat();
  assert.equal(new Set(ids).size, 25);
  assert.deepEqual(ids.toSorted(), ids, "ids sort in the order of the log");

  // Nothing new: an empty page that ends at the same position.
  const empty = await alice.get(next(answer));
  assert.deepEqual([empty.json, next(empty)], [{ has_more: false, data: [] }, next(answer)]);
  await alice.post(COLLECTION, "contact_id=bob");
  await alice.post(COLLECTION, "contact_id=carol");
  const rest = await alice.get(next(empty));
  assert.deepEqual(
    rest.json.data.map((event: any) => event.conversation.contact_id),
    ["bob", "carol"],
  );
  assert.ok(idsOf(rest)[0]! > ids.at(-1)!);
});

test("has_more says whether the page after this one has an event", async () => {
  const alice = await holder(3);
  const ids = idsOf(await alice.get(EVENTS));
  for (const [query, expected] of [
    ["limit=2", true],
    ["limit=3", false],
    [`limit=1&starting_after=${ids[0]}`, true],
    [`limit=2&starting_after=${ids[0]}`, false],
    [`limit=1&starting_after=${ids[1]}`, false],
    [`limit=1&starting_after=${ids[2]}`, false],
    ["limit=1&starting_after=now", false],
  ] as const)
    assert.equal((await alice.get(list(query))).json.has_more, expected, query);
});

test("starting_after is the id of any event that is kept", async () => {
  const alice = await holder(12);
  const ids = idsOf(await alice.get(list("limit=100")));
  for (const [at, id] of ids.entries()) assert.deepEqual(idsOf(await alice.get(after(id))), ids.slice(at + 1), id);
  assert.deepEqual(idsOf(await alice.get(after(START))), ids);
});

test("starting_after=now is an empty page whose position is the newest event", async () => {
  const alice = await holder(12);
  const answer = await alice.get(list("starting_after=now"));
  assert.deepEqual(answer.json, { has_more: false, data: [] });
  assert.equal(end(answer), idsOf(await alice.get(list("limit=100"))).at(-1));
  await alice.post(COLLECTION, "contact_id=bob");
  assert.equal((await alice.get(next(answer))).json.data[0].conversation.contact_id, "bob");
  assert.equal((await alice.get(next(answer))).json.data.length, 1);
});

test("the link keeps limit and wait, and nothing else is in it", async () => {
  const alice = await holder(3);
  const [first = ""] = idsOf(await alice.get(list("limit=1")));
  assert.equal(next(await alice.get(list("limit=1&wait=1"))), list(`wait=1&limit=1&starting_after=${first}`));
  for (const query of ["limit=1", "limit=1&wait=30", "wait=30&limit=1", `starting_after=${START}&wait=30&limit=1`]) {
    const { searchParams } = new URL(next(await alice.get(list(query))), origin);
    const expected = { limit: "1", starting_after: first, ...(query.includes("wait") && { wait: "30" }) };
    assert.deepEqual(Object.fromEntries(searchParams), expected, query);
  }
});

test("a page that has not changed is a 304, and any change of what it shows or could show ends that", async () => {
  const alice = await account();
  const conversation = (await alice.client.conversations.create({ contact_id: "bob" })).id;
  const message = (await alice.say(conversation)).id;
  // Pages that show no event of the changes below, but the objects that these change.
  const pages = [list("limit=1"), list("limit=2"), EVENTS, list("starting_after=now")];
  const changes: Record<string, () => Promise<unknown>> = {
    "an update of the conversation": () => alice.put(item(conversation), "is_muted=true"),
    "an opening of the conversation": () => alice.put(item(conversation), "last_opened_at=705103200"),
    "an update of the message": () => alice.put(messageItem(message), "message=Corrected"),
    "a second message": () => alice.say(conversation),
    "another conversation": () => alice.post(COLLECTION, "contact_id=carol"),
    "the deletion of the message": () => alice.delete(messageItem(message)),
    "the deletion of the conversation": () => alice.delete(item(conversation)),
  };
  for (const [name, change] of Object.entries(changes)) {
    const before = await Promise.all(pages.map((page) => alice.get(page)));
    for (const [at, page] of pages.entries()) {
      const unchanged = await alice.get(page, undefined, ifNoneMatch(before[at]!));
      assert.equal(unchanged.status, 304, `${page} before ${name}`);
      for (const header of ["etag", "link"])
        assert.equal(unchanged.headers[header], before[at]!.headers[header], `${header} of ${page} before ${name}`);
    }
    await change();
    for (const [at, page] of pages.entries()) {
      const changed = await alice.get(page, undefined, ifNoneMatch(before[at]!));
      assert.equal(changed.status, 200, `${page} after ${name}`);
      assert.notEqual(changed.headers.etag, before[at]!.headers.etag, `${page} after ${name}`);
    }
  }
});

test("tokens that see different objects get different entity tags", async () => {
  const alice = await holder(1);
  const scopes = [EVENTS_READ, EVENTS_READ | READ, EVENTS_READ | MESSAGES_READ, EVENTS_READ | READ | MESSAGES_READ];
  const tokens = await Promise.all(scopes.map((scopes) => grant(alice.id, { scopes })));
  const answers = await Promise.all(tokens.map((token) => api(token).get(EVENTS)));
  assert.equal(new Set(answers.map(({ headers }) => headers.etag)).size, scopes.length);
});

test("an object is null for a token that may not read it", async () => {
  const alice = await account();
  const conversation = (await alice.client.conversations.create({ contact_id: "bob" })).id;
  const message = (await alice.say(conversation)).id;
  const all = (await alice.get(EVENTS)).json.data;
  assert.deepEqual([all[1].conversation.id, all[1].message.id], [conversation, message]);
  for (const [scopes, sees] of [
    [EVENTS_READ, { conversation: false, message: false }],
    [EVENTS_READ | READ, { conversation: true, message: false }],
    [EVENTS_READ | MESSAGES_READ, { conversation: false, message: true }],
    [EVENTS_READ | READ | MESSAGES_READ, { conversation: true, message: true }],
  ] as const) {
    const { data } = (await api(await grant(alice.id, { scopes })).get(EVENTS)).json;
    const expected = all.map((event: any) => ({
      ...event,
      conversation: sees.conversation ? event.conversation : null,
      message: sees.message ? event.message : null,
    }));
    assert.deepEqual(data, expected, `scopes ${scopes}`);
  }
});

test("without events:read nothing is shown", async () => {
  const alice = await holder(1);
  const caller = api(await grant(alice.id, { scopes: READ | WRITE | MESSAGES_READ }));
  for (const query of ["", "starting_after=now", "wait=30"])
    assertError(await caller.get(list(query)), 403, "scope_insufficient");
});

test("events of other accounts are not shown, and their ids are no positions", async () => {
  const [alice, bob] = [await account(), await account()];
  for (let i = 0; i < 5; i += 1)
    for (const [holder, contact_id] of [
      [alice, "alice"],
      [bob, "bob"],
    ] as const)
      await holder.post(COLLECTION, { contact_id });
  const [hers, his] = [await alice.get(EVENTS), await bob.get(EVENTS)];
  for (const [answer, contact] of [
    [hers, "alice"],
    [his, "bob"],
  ] as const)
    assert.deepEqual(
      answer.json.data.map((event: any) => event.conversation.contact_id),
      Array(5).fill(contact),
    );
  assert.deepEqual(
    idsOf(hers).filter((id) => idsOf(his).includes(id)),
    [],
  );
  for (const id of idsOf(his)) assertError(await alice.get(after(id)), 410, "position_expired", "starting_after");
});

test("410 for a position that is older than what is kept, and the message says how to start again", async () => {
  const alice = await holder(10);
  const ids = idsOf(await alice.get(EVENTS));
  await sql("DELETE FROM events WHERE account_id = ? AND seq <= 5", alice.id);
  for (const id of [START, ...ids.slice(0, 4)]) {
    const answer = await alice.get(after(id));
    assertError(answer, 410, "position_expired", "starting_after");
    assert.match(answer.json.message, /starting_after=now.*list all conversations and messages/, id);
  }
  // Nothing is missing after these.
  assert.deepEqual(idsOf(await alice.get(after(ids[4]!))), ids.slice(5));
  assert.deepEqual(idsOf(await alice.get(after(ids[5]!))), ids.slice(6));
  assert.deepEqual(idsOf(await alice.get(EVENTS)), ids.slice(5));
  assert.equal(end(await alice.get(list("starting_after=now"))), ids.at(-1));
});

test("410 for a position beyond the newest event, also when the log is empty", async () => {
  const [alice, bob] = [await holder(3), await account()];
  for (const position of ["000000004abcdefg", "00000000aabcdefg", "fffffffffzzzzzzz"])
    for (const caller of [alice, bob])
      assertError(await caller.get(after(position)), 410, "position_expired", "starting_after");
  assertError(await bob.get(after("000000001abcdefg")), 410, "position_expired", "starting_after");
});

test("410 for a position of another history: the database was restored to an earlier time", async () => {
  const alice = await account();
  for (const contact_id of ["bob", "carol", "dave"]) await alice.post(COLLECTION, { contact_id });
  const [, , lost = ""] = idsOf(await alice.get(EVENTS));
  const [newest] = await sql("SELECT * FROM events WHERE account_id = ? ORDER BY seq DESC LIMIT 1", alice.id);
  await sql("DELETE FROM events WHERE account_id = ? AND seq = ?", alice.id, newest!.seq!);
  assertError(await alice.get(after(lost)), 410, "position_expired", "starting_after");
  await alice.post(COLLECTION, "contact_id=erin");
  const [, , instead = ""] = idsOf(await alice.get(EVENTS));
  assert.equal(instead.slice(0, 9), lost.slice(0, 9));
  assertError(await alice.get(after(lost)), 410, "position_expired", "starting_after");
  assert.deepEqual(idsOf(await alice.get(after(instead))), []);
});

test("a malformed position is a 400", async () => {
  const alice = await holder(1);
  const [id = ""] = idsOf(await alice.get(EVENTS));
  const short = id.slice(1);
  for (const position of ["", "Now", "now ", "1", short, `${id}0`, `${short}-`, ` ${short}`, `F${short}`, "é"])
    assertError(await alice.get(after(encodeURIComponent(position))), 400, "parameter_invalid", "starting_after");
});

test("limit, wait and the position are checked, and no other parameter is known", async () => {
  const alice = await holder(1);
  for (const [name, values] of [
    ["limit", ["0", "101", "-1", "1.5", "ten", ""]],
    ["wait", ["0", "31", "-1", "1.5", "now", ""]],
  ] as const)
    for (const value of values) assertError(await alice.get(list(`${name}=${value}`)), 400, "parameter_invalid", name);
  for (const name of ["ending_before", "conversation_id", "sort", "type"]) {
    const answer = await alice.get(list(`${name}=${START}`));
    assertError(answer, 400, "parameter_unknown", name);
  }
});

test("a page costs one call and at most 3 * limit + 8 rows read, at any size of the account", async () => {
  const alice = await holder(COUNT);
  await fillMessages(alice, "0000000000025000", 50_000);
  // Events of conversations, of messages, and of both kinds on one page.
  const position = async (seq: number) => {
    const [row] = await sql(
      "SELECT conversation_id FROM events WHERE account_id = ? AND seq = ? AND request_id IS NULL",
      alice.id,
      seq,
    );
    assert.ok(row);
    return `${seq.toString(16).padStart(9, "0")}0000000`;
  };
  const starts = await Promise.all([20_000, COUNT - 50, COUNT + 20_000, 2 * COUNT - 5].map(position));
  for (const limit of [1, 10, 100])
    for (const start of ["", "&starting_after=now", ...starts.map((id) => `&starting_after=${id}`)]) {
      const { status, cost } = await alice.get(list(`limit=${limit}${start}`));
      const what = `limit=${limit}${start}: ${JSON.stringify(cost)}`;
      assert.deepEqual([status, cost.calls, cost.rowsWritten], [200, 1, 0], what);
      assert.ok(cost.rowsRead <= 3 * limit + 8, what);
    }
});

test("a page that is not there costs no more", async () => {
  const alice = await holder(1000);
  for (const position of ["000000100abcdefg", "000fffff0abcdefg"]) {
    const { status, cost } = await alice.get(after(position));
    assert.deepEqual([status, cost.calls, cost.rowsWritten], [410, 1, 0]);
    assert.ok(cost.rowsRead <= 3 * 100 + 8, `${cost.rowsRead} rows read`);
  }
});

test("a page ends before its limit where its objects exceed 1 MB, and next goes on there", async () => {
  const alice = await account();
  const conversation = await alice.insert();
  const message = "漢".repeat(10_000);
  await fillTexts(alice, conversation, 101, message);
  const seen: (string | null)[] = [];
  const sizes: number[] = [];
  for (let page = list("limit=100"); ; ) {
    const answer = await alice.get(page);
    assert.ok(Buffer.byteLength(answer.text) <= 1_000_200);
    sizes.push(answer.json.data.length);
    seen.push(...answer.json.data.map((event: any) => event.message_id));
    assert.equal(end(answer), answer.json.data.at(-1).id);
    if (!answer.json.has_more) break;
    page = next(answer);
  }
  assert.ok(sizes.length === 4 && sizes.slice(0, 3).every((size) => size > 30 && size < 34), `${sizes}`);
  assert.deepEqual(seen, [null, ...Array.from({ length: 101 }, (_, n) => String(n + 1).padStart(16, "0"))]);
});

test("HEAD has the status and headers of GET, no body, and does not wait", async () => {
  const alice = await holder(3);
  for (const path of [list("limit=1"), list("starting_after=now"), list("limit=1&wait=30")]) {
    const [get, head] = [await alice.get(path), await alice.head(path)];
    assert.deepEqual([head.status, head.text], [200, ""], path);
    for (const name of ["content-type", "cache-control", "etag", "link"])
      assert.equal(head.headers[name], get.headers[name], `${name} of ${path}`);
  }
  const { status, cost } = await alice.head(list("starting_after=now&wait=30"));
  assert.deepEqual([status, cost.calls], [200, 1]);
  assertError(await alice.get(after("fffffffffzzzzzzz")), 410, "position_expired", "starting_after");
  assert.equal((await alice.head(after("fffffffffzzzzzzz"))).status, 410);
});

test("events are not stored by caches: messages travel in them", async () => {
  const alice = await holder(1);
  const answer = await alice.get(EVENTS);
  assert.equal(answer.headers["cache-control"], "private, no-store");
  assert.equal((await alice.get(EVENTS, undefined, ifNoneMatch(answer))).headers["cache-control"], "private, no-store");
});

test("reading the log changes nothing", async () => {
  const alice = await holder(3);
  const before = await alice.everything();
  for (const path of [EVENTS, list("starting_after=now"), list("limit=1"), list("wait=1")])
    assert.equal((await alice.get(path)).status, 200);
  assert.deepEqual(await alice.everything(), before);
});
