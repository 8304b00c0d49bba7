// A copy of an account that is kept by the log alone equals the account, byte for byte, while six clients change it,
// with faults of the database and retries. Every run makes the same choices, whose seed is the test's name.

import assert from "node:assert/strict";
import test from "node:test";
import { random } from "../random.ts";
import { type Account, account, grant } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { links } from "../support/expectations.ts";
import { api, type Headers } from "../support/http.ts";
import { fillMessages } from "../support/large.ts";
import { COLLECTION, EVENTS, item, MESSAGES, messageItem } from "../support/paths.ts";

type Random = ReturnType<typeof random>;

interface Event {
  id: string;
  type: string;
  conversation_id: string;
  message_id: string | null;
  request_id: string | null;
  conversation: { id: string } | null;
  message: { id: string; conversation_id: string } | null;
}

/** A copy as a consumer of the log keeps it: of each object the text that it was shown with. */
class Copy {
  readonly conversations = new Map<string, string>();
  readonly messages = new Map<string, { conversation_id: string; text: string }>();

  apply({ conversation_id, message_id, conversation, message }: Event): void {
    if (conversation === null) {
      this.conversations.delete(conversation_id);
      for (const [id, { conversation_id: of }] of this.messages) if (of === conversation_id) this.messages.delete(id);
    } else this.conversations.set(conversation_id, JSON.stringify(conversation));
    if (message_id === null) return;
    if (message === null) this.messages.delete(message_id);
    else this.messages.set(message_id, { conversation_id, text: JSON.stringify(message) });
  }

  /** What a list of everything shows: the texts of its pages, newest first. */
  static pages(objects: Iterable<[id: string, text: string]>): string[] {
    const texts = [...objects].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, text]) => text);
    const pages = Array.from({ length: Math.max(1, Math.ceil(texts.length / 100)) }, (_, n) =>
      texts.slice(100 * n, 100 * n + 100),
    );
    return pages.map((page, n) => `{"has_more":${n < pages.length - 1},"data":[${page.join(",")}]}`);
  }

  /** The pages of the two lists. */
  lists(): Record<string, string[]> {
    return {
      [COLLECTION]: Copy.pages(this.conversations),
      [MESSAGES]: Copy.pages([...this.messages].map(([id, { text }]) => [id, text])),
    };
  }
}

/** A consumer: where it stands in the log, its copy, and all that it was shown. */
class Consumer {
  readonly copy = new Copy();
  readonly shown: Event[] = [];
  /** The positions where its pages ended. */
  readonly ends: string[] = [EVENTS];
  next = EVENTS;
  readonly alice: Account;
  readonly below: Random;

  constructor(alice: Account, below: Random) {
    this.alice = alice;
    this.below = below;
  }

  /** Reads a page of any size, and says whether there may be more. */
  async read(): Promise<boolean> {
    const [path, parameters] = this.next.split("?");
    const query = new URLSearchParams(parameters);
    query.set("limit", String(1 + this.below(100)));
    const answer = await this.alice.get(`${path}?${query}`);
    assert.equal(answer.status, 200, answer.text);
    for (const event of answer.json.data as Event[]) {
      this.copy.apply(event);
      this.shown.push(event);
    }
    this.next = String(links(answer).next);
    this.ends.push(this.next);
    return answer.json.has_more;
  }

  /** Goes back to where an earlier page ended: it applies again what it read since then. */
  stepBack(): void {
    this.next = this.ends[this.below(this.ends.length)]!;
  }

  async readAll(): Promise<void> {
    while (await this.read());
  }
}

/** All pages of a list. */
async function pagesOf(alice: Account, path: string): Promise<string[]> {
  const pages: string[] = [];
  for (let next: string | undefined = `${path}?limit=100`; next !== undefined; ) {
    const answer: Answer = await alice.get(next);
    pages.push(answer.text);
    next = answer.json.has_more ? links(answer).next : undefined;
  }
  return pages;
}

const LOST = "D1_ERROR: Network connection lost.";
const WORDS = ["Hello", "Grüße, 你好 😀", 'a "quoted"\n\tline \\ and </tag>', "x".repeat(300)];

/** The ids that the clients know. An object may be gone: then a request is a 404. */
interface Known {
  conversations: string[];
  messages: string[];
}

/** A client with a token of its own. */
class Client {
  /** The requests that surely changed something, and the events that they must be. */
  readonly changes: { request: string; type: string }[] = [];
  readonly name: string;
  readonly caller: ReturnType<typeof api>;
  readonly known: Known;
  readonly below: Random;
  keys = 0;

  constructor(name: string, token: string, known: Known, below: Random) {
    this.name = name;
    this.caller = api(token);
    this.known = known;
    this.below = below;
  }

  any(values: string[]): string {
    return values[this.below(values.length)]!;
  }

  /** A fault of D1 for some of the first calls of a request, before or after they have done what they do. */
  fault(): Headers {
    if (this.below(3) > 0) return {};
    const kind = this.below(2) === 0 ? "x-test-d1-failure" : "x-test-d1-lost";
    return { [kind]: LOST, "x-test-d1-failures": String(1 + this.below(3)) };
  }

  /** Sends a request until it is answered by more than a failure. */
  async persist(type: string, send: (headers: Headers) => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const answer = await send(this.fault());
      const { status, headers } = answer;
      if (status === 503) continue;
      // The object may be gone, and then no message of it can be pinned.
      assert.ok(status < 300 || status === 404 || answer.json.param === "pinned_message_id", answer.text);
      if ((status === 201 || status === 204) && headers["idempotent-replayed"] === undefined)
        this.changes.push({ request: String(headers["x-request-id"]), type });
      return answer;
    }
  }

  async create(path: string, type: string, attributes: object): Promise<string | undefined> {
    this.keys += 1;
    const key = { "Idempotency-Key": `${this.name} ${this.keys}` };
    const answer = await this.persist(type, (fault) => this.caller.post(path, attributes, { ...key, ...fault }));
    return answer.json.id;
  }

  /** One change, chosen at random. */
  async change(): Promise<void> {
    const { known, below } = this;
    const [conversation, message] = [this.any(known.conversations), this.any(known.messages)];
    const choice = below(20);
    if (choice < 3) {
      const attributes = { contact_id: `contact-${below(4)}`, ...(below(3) === 0 && { distinct: true }) };
      known.conversations.push((await this.create(COLLECTION, "conversation.created", attributes))!);
    } else if (choice < 10) {
      const attributes = {
        conversation_id: conversation,
        message: this.any(WORDS),
        ...(below(2) && { contact_id: "bob" }),
      };
      const id = await this.create(MESSAGES, "message.created", attributes);
      if (id !== undefined) known.messages.push(id);
    } else if (choice < 15) {
      const attributes = [
        { is_muted: below(2) === 0 },
        { is_pinned: below(2) === 0, is_muted: below(2) === 0 },
        { archived_at: below(2) === 0 ? null : below(3) },
        { last_opened_at: below(2) === 0 ? below(3) : 253402300799 },
        { pinned_message_id: null },
      ][below(5)];
      await this.persist("conversation.updated", (fault) => this.caller.put(item(conversation), attributes, fault));
    } else if (choice < 17) {
      const attributes = below(2) === 0 ? { message: this.any(WORDS) } : { read_at: below(3) };
      await this.persist("message.updated", (fault) => this.caller.patch(messageItem(message), attributes, fault));
    } else if (choice < 18) {
      const { conversation_id } = (await this.caller.get(messageItem(message))).json;
      const pin = { pinned_message_id: message };
      if (conversation_id !== undefined)
        await this.persist("conversation.updated", (fault) => this.caller.put(item(conversation_id), pin, fault));
    } else if (choice < 19) {
      await this.persist("message.deleted", (fault) => this.caller.delete(messageItem(message), undefined, fault));
    } else if (known.conversations.length > 5) {
      await this.persist("conversation.deleted", (fault) => this.caller.delete(item(conversation), undefined, fault));
    }
  }
}

for (const seed of [20_261_126]) {
  test(`a copy made of the log alone equals the account while six clients change it (seed ${seed})`, async () => {
    const below = random(seed);
    const alice = await account();
    // One that is too large to be deleted in one step.
    const large = await alice.insert();
    await fillMessages(alice, large, 1200);
    const known: Known = { conversations: [large, await alice.insert()], messages: ["0000000000000007"] };
    const clients: Client[] = [];
    for (let n = 0; n < 6; n += 1)
      clients.push(new Client(`client ${n}`, await grant(alice.id), known, random(seed + 1 + n)));
    const consumer = new Consumer(alice, below);

    const ROUNDS = 8;
    for (let round = 1; round <= ROUNDS; round += 1) {
      // The consumer reads while the clients write. Then they pause, and it reads what is left.
      let writing = true;
      const write = async (client: Client) => {
        for (let left = 1 + below(20); left > 0; left -= 1) await client.change();
      };
      const writers = Promise.all([...clients.map(write), round === ROUNDS && alice.delete(item(large))]);
      void writers
        .catch(() => {})
        .finally(() => {
          writing = false;
        });
      while (writing) await consumer.read();
      await writers;
      if (below(2) === 0) consumer.stepBack();
      await consumer.readAll();
      const lists = consumer.copy.lists();
      for (const path of [COLLECTION, MESSAGES]) assert.deepEqual(lists[path], await pagesOf(alice, path), path);
    }

    const whole = new Consumer(alice, below);
    await whole.readAll();
    assert.deepEqual(whole.copy.lists(), consumer.copy.lists());
    const numbers = whole.shown.map(({ id }) => Number.parseInt(id.slice(0, 9), 16));
    assert.deepEqual(
      numbers,
      numbers.map((_, n) => n + 1),
    );

    // Each change that was acknowledged is one event, and no request made two.
    const types = new Map<string, string>();
    for (const { request_id, type } of whole.shown) {
      if (request_id === null) continue;
      assert.ok(!types.has(request_id), `two events of ${request_id}`);
      types.set(request_id, type);
    }
    for (const { request, type } of clients.flatMap(({ changes }) => changes)) assert.equal(types.get(request), type);

    // What the consumer was shown at the time, any prefix of it twice.
    for (let n = 0; n < 50; n += 1) {
      const prefix = consumer.shown.slice(0, 1 + below(consumer.shown.length));
      const copy = new Copy();
      for (const event of prefix) copy.apply(event);
      const once = copy.lists();
      for (const event of prefix) copy.apply(event);
      assert.deepEqual(copy.lists(), once);
    }
  });
}
