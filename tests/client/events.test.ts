// The log of changes through the client, with the real Worker: lists, the live stream, and a copy. What a real server
// can't be made to show is in stream.test.ts. Nothing here sleeps: the client's waits end at once.

import assert from "node:assert/strict";
import test from "node:test";
import {
  type AccountEvent,
  type Changes,
  type ClientOptions,
  type Conversation,
  ConversationsClient,
  ConversationsError,
  type CopyOptions,
  type Everything,
  type Message,
} from "../../clients/typescript/src/index.ts";
import { type Account, account, grant } from "../support/accounts.ts";
import { sql } from "../support/database.ts";
import { origin } from "../support/server.ts";
import { ALL, MESSAGES_READ, newToken, SCOPES } from "../support/tokens.ts";

type Fetch = NonNullable<ClientOptions["fetch"]>;

const connect = (token: string, options: Partial<ClientOptions> = {}): ConversationsClient =>
  new ConversationsClient({ token, baseUrl: origin, wait: async () => {}, ...options });

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const found = [];
  for await (const one of list) found.push(one);
  return found;
}

const typesOf = (events: AccountEvent[]): string[] => events.map(({ type }) => type);

/** The error of a call that must be an error response. */
async function apiError(call: Promise<unknown>): Promise<ConversationsError> {
  const outcome: unknown = await call.catch((error) => error);
  assert.ok(outcome instanceof ConversationsError, String(outcome));
  return outcome;
}

/** Makes `n` events: conversations. */
async function create(alice: Account, n: number): Promise<Conversation[]> {
  const created = [];
  for (let i = 0; i < n; i += 1) created.push(await alice.client.conversations.create({ contact_id: `contact${i}` }));
  return created;
}

// --------------------------------------------------------------------------------------------------------------- lists

test("for await returns all events in the order of the changes, and ends", async () => {
  const alice = await account();
  let requests = 0;
  const client = connect(alice.token, {
    fetch: (url, init) => {
      requests += 1;
      return fetch(url, init);
    },
  });
  const created = await create(alice, 12);
  await client.conversations.update(created[0]!.id, { is_muted: true });
  await client.conversations.delete(created[1]!.id);
  requests = 0;
  const events = await all(client.events.list({ limit: 5 }));
  assert.equal(requests, 3);
  assert.deepEqual(typesOf(events), [
    ...Array(12).fill("conversation.created"),
    "conversation.updated",
    "conversation.deleted",
  ]);
  assert.deepEqual(
    events.slice(0, 12).map(({ conversation_id }) => conversation_id),
    created.map(({ id }) => id),
  );
  assert.equal(events[0]!.conversation?.is_muted, true);
  assert.equal(events[1]!.conversation, null);
  assert.deepEqual(await all(client.events.list({ starting_after: events[12]!.id })), [events[13]]);
});

test("a page always has a position and a next page, also when it is empty", async () => {
  const alice = await account();
  const client = connect(alice.token);
  const empty = await client.events.list();
  assert.deepEqual([empty.data, empty.has_more, empty.position], [[], false, "0".repeat(16)]);
  const [first, second] = await create(alice, 2);
  const page = await empty.next();
  assert.deepEqual(
    page.data.map(({ conversation_id }) => conversation_id),
    [first!.id, second!.id],
  );
  assert.equal(page.position, page.data[1]!.id);
  const now = await client.events.list({ starting_after: "now" });
  assert.deepEqual([now.data, now.position], [[], page.position]);
  await client.conversations.delete(first!.id);
  assert.deepEqual(typesOf((await now.next()).data), ["conversation.deleted"]);
  assert.deepEqual(typesOf((await page.next()).data), ["conversation.deleted"]);
});

test("the limit applies to every page, and `position` continues where a page ended", async () => {
  const alice = await account();
  const client = connect(alice.token);
  await create(alice, 5);
  const first = await client.events.list({ limit: 2 });
  const second = await first.next();
  assert.deepEqual([first.has_more, second.data.length, second.has_more], [true, 2, true]);
  assert.deepEqual((await client.events.list({ starting_after: first.position, limit: 2 })).data, second.data);
});

test("a wait for events extends the timeout", async (t) => {
  const { token } = await account();
  const timeouts: number[] = [];
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (over: () => void, milliseconds: number, ...rest: []) => {
    timeouts.push(milliseconds);
    return setTimeout(over, milliseconds, ...rest);
  });
  const link = `</v1/events?starting_after=${"0".repeat(16)}>; rel="next"`;
  const client = connect(token, {
    fetch: async () => Response.json({ data: [], has_more: false }, { headers: { link } }),
  });
  const page = await client.events.list({ wait: 30 });
  await page.next();
  assert.deepEqual(timeouts, [60_000, 60_000]);
});

test("a response that lost its Link header is an error, not the end of the log", async () => {
  const client = connect(newToken(), { fetch: async () => Response.json({ data: [], has_more: true }) });
  await assert.rejects(client.events.list(), TypeError);
});

// -------------------------------------------------------------------------------------------------------------- stream

/** The first events of a stream. */
async function take(n: number, events: AsyncIterable<AccountEvent>): Promise<AccountEvent[]> {
  const taken: AccountEvent[] = [];
  for await (const event of events) {
    taken.push(event);
    if (taken.length === n) break;
  }
  return taken;
}

test("a change by another client arrives, with its objects", async () => {
  const alice = await account();
  const client = connect(alice.token);
  const [bob] = await create(alice, 1);
  const open = Promise.withResolvers<void>();
  const received = take(2, client.events.stream({ onOpen: open.resolve }));
  await open.promise;
  const sent = await alice.say(bob!.id, { contact_id: "bob" });
  await alice.client.conversations.update(bob!.id, { is_pinned: true });
  const [message, update] = await received;
  assert.deepEqual([message!.type, message!.message, message!.message_id], ["message.created", sent, sent.id]);
  assert.deepEqual([update!.type, update!.message], ["conversation.updated", null]);
  assert.deepEqual(update!.conversation, await client.conversations.retrieve(bob!.id));
});

test("with `after`, everything since then comes first", async () => {
  const alice = await account();
  const client = connect(alice.token);
  await create(alice, 3);
  const [first, ...rest] = await all(client.events.list());
  assert.deepEqual(await take(2, client.events.stream({ after: first!.id })), rest);
});

/** A fetch whose streams end within an event, each after twice as many bytes, and every second one with an error. */
function breaking(): Fetch {
  let bytes = 100;
  let streams = 0;
  return async (url, init) => {
    const response = await fetch(url, init);
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
    streams += 1;
    bytes *= 2;
    const fails = streams % 2 === 0;
    let left = bytes;
    const cut = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, body) {
        body.enqueue(chunk.subarray(0, left));
        left -= chunk.length;
        if (left < 0 && fails) body.error(new TypeError("the connection was lost"));
        else if (left < 0) body.terminate();
      },
    });
    return new Response(response.body!.pipeThrough(cut), { headers: response.headers });
  };
}

test("no event is lost or comes twice over connections that break anywhere", async () => {
  const alice = await account();
  const client = connect(alice.token, { fetch: breaking() });
  let failures = 0;
  const open = Promise.withResolvers<void>();
  const onError = () => {
    failures += 1;
  };
  const received = take(12, client.events.stream({ onOpen: open.resolve, onError }));
  await open.promise;
  await create(alice, 12);
  assert.deepEqual(
    (await received).map(({ id }) => id),
    (await all(client.events.list())).map(({ id }) => id),
  );
  assert.ok(failures > 1, `${failures} failures`);
});

test("an invalid token, a missing scope and an expired position end the stream with the API's error", async () => {
  const alice = await account();
  const blind = await grant(alice.id, { scopes: ALL - SCOPES["events:read"]! });
  const beyond = `00000ffff${"A".repeat(7)}`;
  for (const [token, code, after] of [
    [newToken(), "token_invalid", undefined],
    [blind, "scope_insufficient", undefined],
    [blind, "scope_insufficient", beyond],
    [alice.token, "position_expired", beyond],
    [alice.token, "parameter_invalid", "nothing"],
  ] as const) {
    assert.equal((await apiError(take(1, connect(token).events.stream({ after })))).code, code);
  }
});

// ---------------------------------------------------------------------------------------------------------------- copy

/** A copy in memory, and the calls that it got. */
class Copy {
  position: string | null = null;
  conversations = new Map<string, Conversation>();
  messages = new Map<string, Message>();
  resets = 0;
  changes: Changes[] = [];
  readonly #waiting = new Set<() => void>();

  onReset = async ({ position, conversations, messages }: Everything): Promise<void> => {
    const byId = async <T extends { id: string }>(list: AsyncIterable<T>) =>
      new Map((await all(list)).map((one) => [one.id, one]));
    [this.conversations, this.messages] = [await byId(conversations), await byId(messages)];
    this.position = position;
    this.resets += 1;
    for (const check of this.#waiting) check();
  };

  onChange = (changes: Changes): void => {
    this.apply(changes);
    this.changes.push(changes);
    for (const check of this.#waiting) check();
  };

  apply({ position, conversations, messages, deletedConversations, deletedMessages }: Changes): void {
    for (const conversation of conversations) this.conversations.set(conversation.id, conversation);
    for (const message of messages) this.messages.set(message.id, message);
    for (const id of deletedMessages) this.messages.delete(id);
    for (const id of deletedConversations) this.conversations.delete(id);
    for (const { id, conversation_id } of this.messages.values())
      if (deletedConversations.includes(conversation_id)) this.messages.delete(id);
    this.position = position;
  }

  /** Runs the copy until the callback has returned and the copy has come as far as the log. */
  async follow(
    client: ConversationsClient,
    change: () => Promise<unknown>,
    options: Partial<CopyOptions> = {},
  ): Promise<void> {
    const controller = new AbortController();
    const stop = new Error("stop");
    const { position, onReset, onChange } = this;
    const over = client.events.copy({ position, onReset, onChange, signal: controller.signal, ...options });
    // A copy that failed fails the test, instead of a wait without an end.
    const failed = over.catch((error) => {
      if (error !== stop) throw error;
    });
    await Promise.race([failed, this.until(() => this.position !== null)]);
    await Promise.race([failed, change()]);
    const { position: end } = await client.events.list({ starting_after: "now" });
    await Promise.race([failed, this.until(() => this.position! >= end)]);
    controller.abort(stop);
    await failed;
  }

  async until(condition: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = () => condition() && resolve();
    this.#waiting.add(check);
    check();
    await promise;
    this.#waiting.delete(check);
  }

  /** The copy as text, in the order of the lists. */
  toString(): string {
    const newestFirst = <T extends { id: string }>(objects: Map<string, T>) =>
      [...objects.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
    return JSON.stringify([newestFirst(this.conversations), newestFirst(this.messages)]);
  }
}

/** What the API has, as text: a client without a bookmark reads the newest data. */
async function original({ token }: Account): Promise<string> {
  const { conversations, messages } = connect(token);
  return JSON.stringify([await all(conversations.list({ limit: 100 })), await all(messages.list({ limit: 100 }))]);
}

test("a copy has everything that exists, and follows every kind of change", async () => {
  const alice = await account();
  const client = connect(alice.token);
  const [bob, carol, dave] = await create(alice, 3);
  const { id: first } = await alice.say(bob!.id);
  const { id: second } = await alice.say(carol!.id);
  const copy = new Copy();
  await copy.follow(client, async () => {
    assert.equal(String(copy), await original(alice));
    await client.messages.create({ conversation_id: dave!.id, message: "Hello", contact_id: "dave" });
    await client.messages.update(first, { message: "Changed" });
    await client.conversations.update(bob!.id, { is_pinned: true, pinned_message_id: first });
    await client.messages.delete(first);
    await client.conversations.delete(carol!.id);
    await create(alice, 1);
  });
  assert.equal(String(copy), await original(alice));
  assert.equal(copy.resets, 1);
  assert.ok(!copy.messages.has(second), "it was deleted with its conversation");
  assert.equal(copy.conversations.get(bob!.id)!.pinned_message_id, null);
  const events = copy.changes.flatMap(({ events }) => events);
  assert.deepEqual(typesOf(events), [
    "message.created",
    "message.updated",
    "conversation.updated",
    "message.deleted",
    "conversation.deleted",
    "conversation.created",
  ]);
});

test("what changes while the lists are read is in the copy", async () => {
  const alice = await account();
  const client = connect(alice.token);
  const [kept, changed, gone] = await create(alice, 3);
  await alice.say(gone!.id);
  const copy = new Copy();
  const reset = Promise.withResolvers<void>();
  const onReset = async (everything: Everything) => {
    await copy.onReset(everything);
    // After the lists, but before the stream.
    await client.conversations.update(changed!.id, { is_muted: true });
    await client.conversations.delete(gone!.id);
    await alice.say(kept!.id);
    reset.resolve();
  };
  await copy.follow(client, () => reset.promise, { onReset });
  assert.equal(String(copy), await original(alice));
  assert.equal(copy.conversations.size, 2);
});

test("six clients change everything, over connections that break: the copy is equal, byte for byte", async () => {
  const alice = await account();
  const copy = new Copy();
  const conversations = await create(alice, 6);
  await copy.follow(connect(alice.token, { fetch: breaking() }), async () => {
    const work = conversations.map(async ({ id }, i) => {
      const client = connect(alice.token);
      for (let n = 0; n < 4; n += 1) {
        const { id: message } = await client.messages.create({ conversation_id: id, message: `${i} ${n}` });
        if (n % 2 === 0) await client.conversations.update(id, { pinned_message_id: message });
        else await client.messages.delete(message);
      }
      await (i % 3 === 0 ? client.conversations.delete(id) : client.conversations.update(id, { archived_at: i }));
    });
    await Promise.all(work);
  });
  assert.equal(String(copy), await original(alice));
  assert.equal(copy.resets, 1);
});

test("changes that are applied twice change nothing", async () => {
  const alice = await account();
  const client = connect(alice.token);
  const [bob, carol] = await create(alice, 2);
  const copy = new Copy();
  await copy.follow(client, async () => {
    const { id } = await alice.say(bob!.id);
    await alice.say(carol!.id);
    await client.messages.delete(id);
    await client.conversations.delete(carol!.id);
    await alice.say(bob!.id);
  });
  const [end, text] = [copy.position, String(copy)];
  for (const changes of [...copy.changes]) copy.apply(changes);
  assert.deepEqual([copy.position, String(copy)], [end, text]);
});

test("with its position, a copy continues without reading the lists again", async () => {
  const alice = await account();
  const copy = new Copy();
  const requests: string[] = [];
  const client = connect(alice.token, {
    fetch: (url, init) => {
      requests.push(url.slice(origin.length));
      return fetch(url, init);
    },
  });
  const [bob] = await create(alice, 2);
  await copy.follow(client, async () => {});
  await client.conversations.delete(bob!.id);
  requests.length = 0;
  await copy.follow(client, () => create(alice, 1));
  assert.equal(String(copy), await original(alice));
  assert.equal(copy.resets, 1);
  assert.ok(!requests.some((path) => path.includes("limit=100")), String(requests));
});

test("a copy whose position has expired is replaced: it has no deleted object, and every new one", async () => {
  const alice = await account();
  const client = connect(alice.token);
  const [gone, changed] = await create(alice, 2);
  await alice.say(gone!.id);
  const copy = new Copy();
  await copy.follow(client, async () => {});
  await client.conversations.delete(gone!.id);
  await client.conversations.update(changed!.id, { is_muted: true });
  await create(alice, 1);
  await sql(
    "DELETE FROM events WHERE account_id = ? AND seq < (SELECT max(seq) FROM events WHERE account_id = ?)",
    alice.id,
    alice.id,
  );
  // The old position has a value already, so `follow` waits for the reset here.
  await copy.follow(client, () => copy.until(() => copy.resets === 2));
  assert.equal(String(copy), await original(alice));
});

/** A callback that must not be called. */
const never = (): never => assert.fail("it was called");

test("a copy needs the scopes to read conversations and messages: null would look like a deletion", async () => {
  const alice = await account();
  for (const missing of [SCOPES["conversations:read"]!, MESSAGES_READ, SCOPES["events:read"]!]) {
    const client = connect(await grant(alice.id, { scopes: ALL - missing }));
    for (const position of [undefined, "0".repeat(16)]) {
      const error = await apiError(client.events.copy({ position, onReset: never, onChange: never }));
      assert.equal(error.code, "scope_insufficient");
    }
  }
});

test("onReset is called again if a list fails in it", async () => {
  const alice = await account();
  await create(alice, 2);
  let down = true;
  const client = connect(alice.token, {
    retries: 0,
    fetch: (url, init) => {
      if (!down || !url.includes("messages?limit=100")) return fetch(url, init);
      down = false;
      throw new TypeError("no such host");
    },
  });
  const copy = new Copy();
  const errors: unknown[] = [];
  await copy.follow(client, async () => {}, { onError: (error) => errors.push(error) });
  assert.equal(String(copy), await original(alice));
  assert.deepEqual([copy.resets, errors.map(String)], [1, ["NetworkError: Can't reach the server: no such host"]]);
});

test("an exception in onReset or onChange ends the copy", async () => {
  const alice = await account();
  const client = connect(alice.token);
  const reason = new Error("the disk is full");
  const raise = () => Promise.reject(reason);
  await assert.rejects(client.events.copy({ onReset: raise, onChange: never }), reason);
  await create(alice, 1);
  const position = "0".repeat(16);
  await assert.rejects(client.events.copy({ position, onReset: never, onChange: raise }), reason);
});
