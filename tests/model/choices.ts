// Random requests. A sequence is chosen before anything in it has an id, so a choice says which thing is meant, the
// third of the caller's conversations say, and becomes a request when its turn has come. What is sent is mostly right
// and now and then wrong; which it is, `model.ts` says.

import fc from "fast-check";
import { base62 } from "../support/tokens.ts";
import {
  type Account,
  type Conversation,
  type Message,
  position,
  type Request,
  type Sent,
  second,
  type Token,
} from "./model.ts";

/** What choices are made among. */
export interface World {
  /** The first two open an account each and stay valid; the others may have fewer scopes, or be expired. */
  tokens: Token[];
  /** All that was ever made, by whomever; what is deleted is here as it was last. */
  conversations: Conversation[];
  messages: Message[];
}

// -------------------------------------------------------------------------------------------------------------- values

type Kind = "conversations" | "messages";
/** One of the caller's own, a message of the conversation that the path names, a pinned one, one of any account,
 * deleted or not, or none. */
interface Which {
  kind: Kind;
  of: "mine" | "this" | "pinned" | "any" | "missing";
  n: number;
}
/** A second near the present one, or near that of the last message of the conversation that the path names. */
interface Around {
  around: "now" | "message";
  seconds: number;
}
type Values = Record<string, unknown>;
type Choosable<T> = fc.Arbitrary<T>;

const NO_ID = "NoSuchConversat0";

const is = <T>(value: unknown, name: string): value is T =>
  typeof value === "object" && value !== null && name in value;
const isWhich = (value: unknown) => is<Which>(value, "kind");
const isAround = (value: unknown) => is<Around>(value, "around");

const rarely = <T, U>(weight: number, rare: Choosable<T>, usual: Choosable<U>): Choosable<T | U> =>
  fc.oneof({ weight: 100 - weight, arbitrary: usual }, { weight, arbitrary: rare });

/** Stands for one of a list, whatever the list's length. Half the time the first: so that much happens to the same
 * thing. */
export const n = fc.oneof(fc.constant(0), fc.noBias(fc.nat(999)));
const nth = <T>(list: T[], n: number): T | undefined => list[n % list.length];

const which = (kind: Kind, ...of: Which["of"][]) =>
  fc.record({ kind: fc.constant(kind), of: fc.constantFrom(...of), n });
export const a = (kind: Kind): Choosable<Which> =>
  rarely(
    15,
    which(kind, "any", "missing"),
    kind === "messages" ? which(kind, "mine", "mine", "pinned") : which(kind, "mine"),
  );

const ABSENT = fc.constant(undefined);
const flag = fc.boolean();
// Few, so that many conversations have the same.
const contact = fc.constantFrom("ann", "Bob_2");
const group = fc.constantFrom("team", "g-1");
const times = fc.constantFrom(0, 1, 705103200, 253402300799);
const around: Choosable<Around> = fc.record({
  around: fc.constantFrom("now", "message"),
  seconds: fc.integer({ min: -1, max: 1 }),
});
const time = fc.oneof(times, around, fc.constant(null));
const message = rarely(
  5,
  fc.constantFrom("x".repeat(10_000), "x".repeat(10_001), "two\nlines\tand\r\n", "\0", "\u001b[2J"),
  fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
    fc.string({ unit: "binary", minLength: 1, maxLength: 6 }),
  ),
);

const bad = fc.constantFrom<unknown[]>(
  "",
  null,
  "yes",
  "TRUE",
  true,
  "true",
  "é",
  "a b",
  "a".repeat(65),
  "short",
  "0",
  "01",
  1.5,
  -1,
  0,
  101,
  253402300800,
  [],
);

/** Each of these with a chance in percent, now and then with a bad value. */
const some = (chance: number, values: Record<string, Choosable<unknown>>): Choosable<Values> =>
  fc
    .record(
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, rarely(chance, rarely(2, bad, value), ABSENT)]),
      ),
    )
    .map((values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)));

const all = (values: Record<string, Choosable<unknown>>): Choosable<Values> => some(100, values);

const both = (...parts: Choosable<Values>[]): Choosable<Values> =>
  fc.tuple(...parts).map((parts) => Object.assign({}, ...parts));

// ----------------------------------------------------------------------------------------------- what was there before

// In milliseconds. After a clock that was ahead has jumped back, what is stored has times of the future.
const PAST = [0, 1, 999, 1000, 1001, 1999, 2000, 705103200000, 705103200001, 1700000000000];
const FUTURE = [2556010601280, 2556010601281, 2556010602000];

const random = fc.noBias(fc.nat(62 ** 4));
/** An id of one of these times. Any id is as simple as any other. */
const idAt = (times: number[]) =>
  fc.noShrink(
    fc
      .tuple(fc.constantFrom(...times), random, random)
      .map(([ms, a, b]) => base62(ms, 7) + base62(a, 5) + base62(b, 4)),
  );

/** Conversations with such times, and the ids of their messages. */
const storedAt = (times: number[], timesOfMessages: number[]) => {
  const when = fc.oneof(fc.constant(null), fc.constantFrom(...times));
  return fc.array(
    fc.record({
      id: idAt(times),
      who: fc.constantFrom(
        { contact_id: "ann" },
        { contact_id: "Bob_2" },
        { group_id: "team" },
        { contact_id: "ann", group_id: "team" },
      ),
      is_pinned: flag,
      is_muted: flag,
      last_active_ms: when,
      last_opened_ms: when,
      /** Whether the last message was a contact's. */
      received: flag,
      archived_at: fc.constantFrom(null, 0, 253402300799),
      messages: fc.array(idAt(timesOfMessages), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 20, size: "max" },
  );
};

/** Conversations that are there already. */
export const stored = rarely(
  20,
  // The last message may have been deleted.
  fc.oneof(storedAt([0, ...FUTURE], [0, ...FUTURE]), storedAt([0, ...FUTURE], PAST)),
  storedAt(PAST, PAST),
);

// ------------------------------------------------------------------------------------------------------------ requests

export interface Choice {
  method: Request["method"];
  id?: Which | string;
  query?: Values;
  body?: Values;
  /** One attribute more: unknown, not to be chosen here, or sent already. */
  unknown?: string;
  json: boolean;
  /** A header: a key, tags as they are, or the tag of the state that the object in the path is in or was in. */
  special?: string | State;
  token: number;
}
interface State {
  state: "current" | "past";
  n: number;
  among: boolean;
}

const key = rarely(5, fc.constantFrom("x".repeat(256), "é"), fc.constantFrom("one", "two", "three"));
const tags = fc.oneof(
  { weight: 8, arbitrary: fc.record({ state: fc.constantFrom("current", "past"), n, among: flag }) },
  { weight: 2, arbitrary: fc.constantFrom("*", '"nothing"', ', "nothing",, "x",', ", ,", "no tag") },
);

const choice = (methods: Request["method"][], parts: Partial<Record<"id" | "query" | "body", Choosable<unknown>>>) =>
  fc.record({
    method: fc.constantFrom(...methods),
    ...parts,
    unknown: rarely(3, fc.constantFrom("colour", "id", "contact_id", "created_at", "is_muted", "limit"), ABSENT),
    json: flag,
    special: methods.includes("POST") ? rarely(30, key, ABSENT) : "id" in parts ? rarely(30, tags, ABSENT) : ABSENT,
    token: rarely(15, n, fc.nat(1)),
  }) as Choosable<Choice>;

const path = (kind: Kind) =>
  rarely(2, fc.constantFrom("short", "NoSuchConversat-", "NoSuchConversat00", "%00"), a(kind));

/** When a conversation is opened: now, at any other time, or never. */
const opening = fc.oneof(fc.record({ around: fc.constant("now"), seconds: fc.nat(1) }), time);

/** A second in which something was stored before, or that is now. */
const bound = fc.oneof(
  fc.constantFrom(0, 1, 2, 705103200, 705103201, 1700000000, 2556010602, 253402300799),
  fc.record({ around: fc.constant("now"), seconds: fc.integer({ min: -1, max: 1 }) }),
);

const page = (kind: Kind) =>
  both(
    some(15, { since: bound, until: bound }),
    some(30, { order: fc.constantFrom("asc", "asc", "desc") }),
    some(15, {
      include:
        kind === "messages"
          ? fc.constant("total_count")
          : fc.constantFrom("last_message", "total_count", "last_message,total_count"),
    }),
    some(80, { limit: rarely(20, fc.constantFrom(10, 99, 100), fc.integer({ min: 1, max: 6 })) }),
    rarely(
      3,
      all({ starting_after: a(kind), ending_before: a(kind) }),
      fc.oneof(fc.constant({}), all({ starting_after: a(kind) }), all({ ending_before: a(kind) })),
    ),
  );

const pin = fc.oneof(which("messages", "this"), which("messages", "this"), a("messages"), fc.constant(null));

/** Every verb of a collection and of its objects. */
const verbs = (kind: Kind, query: Choosable<Values>, creation: Choosable<Values>, update: Choosable<Values>) => ({
  list: choice(["GET", "GET", "GET", "GET", "GET", "HEAD"], { query: both(page(kind), query) }),
  create: choice(["POST"], { body: creation }),
  retrieve: choice(["GET", "GET", "GET", "GET", "GET", "HEAD"], { id: path(kind) }),
  update: choice(["PUT", "PATCH"], { id: path(kind), body: update }),
  delete: choice(["DELETE"], { id: path(kind) }),
});

/** Several of one's own conversations, the same one rarely twice, and all attributes that many can change. An opening
 * is not now: then the answer would not tell the second of each. */
const updateMany = choice(["PATCH"], {
  body: both(
    all({ ids: fc.array(a("conversations"), { minLength: 1, maxLength: 4 }) }),
    some(40, {
      is_pinned: flag,
      is_muted: flag,
      archived_at: times,
      last_opened_at: fc.constantFrom(0, 1, 705103200, null),
    }),
  ),
});

export const requests = {
  updateMany,
  conversations: verbs(
    "conversations",
    both(
      some(15, { muted: flag, archived: flag, pinned: flag, contact_id: contact, group_id: group }),
      some(30, { unread: flag }),
      some(40, { sort: fc.constantFrom("last_active_at", "last_active_at", "created_at") }),
    ),
    both(
      fc.oneof(all({ contact_id: contact }), all({ group_id: group }), all({ contact_id: contact, group_id: group })),
      some(40, { distinct: flag }),
    ),
    some(30, { pinned_message_id: pin, is_pinned: flag, is_muted: flag, archived_at: time, last_opened_at: opening }),
  ),
  messages: verbs(
    "messages",
    some(40, { conversation_id: a("conversations") }),
    both(
      all({ conversation_id: a("conversations"), message }),
      some(60, { contact_id: rarely(20, fc.constant(null), contact) }),
    ),
    some(50, { message, read_at: time }),
  ),
};

const of = (kind: Kind, choices: Choosable<Choice>) => choices.map((choice) => ({ kind, choice }));
const first = fc.record({ kind: fc.constant("conversations"), of: fc.constant("mine"), n: fc.nat(1) });

/** Messages to two conversations, and openings of them, in quick succession, and lists that show which came last. */
export const talk = fc.array(
  fc.oneof(
    of(
      "messages",
      choice(["POST"], { body: all({ conversation_id: first, message, contact_id: fc.constantFrom(null, "ann") }) }),
    ),
    of("conversations", choice(["PUT"], { id: first, body: all({ last_opened_at: opening }) })),
    of(
      "conversations",
      choice(["GET"], { query: both(all({ sort: fc.constant("last_active_at") }), some(50, { unread: flag })) }),
    ),
  ),
  { minLength: 2, maxLength: 8, size: "max" },
);

/** What a choice means now. */
export function resolve(
  world: World,
  collection: Kind,
  { method, id, query = {}, body = {}, unknown, json, special, ...rest }: Choice,
): Request {
  const token = nth(world.tokens, rest.token)!;
  const { account } = token;
  const target = isWhich(id) ? idOf(world, account, id) : id;

  const meant = (name: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((each) => meant(name, each));
    if (isAround(value)) {
      const message = account.conversations.get(target ?? "")?.last_active_ms ?? 0;
      return Math.max(0, second(value.around === "now" ? Date.now() : message) + value.seconds);
    }
    if (!isWhich(value)) return value;
    const id = idOf(world, account, value, target);
    if (query.sort !== "last_active_at" || !["starting_after", "ending_before"].includes(name)) return id;
    return position(
      world.conversations.find((conversation) => conversation.id === id) ?? { id, last_active_ms: value.n },
      "last_active_at",
    );
  };
  const attributes = (values: Values): Sent["attributes"] =>
    Object.entries(values).map(([name, value]) => [name, meant(name, value)]);
  const words = (attributes: Sent["attributes"], empty: null | "") => ({
    words: true,
    attributes: attributes.map(([name, value]): [string, unknown] => [name, String(value ?? "") || empty]),
  });

  const said = attributes(body);
  const asked = attributes(query);
  if (unknown !== undefined) (said.length > 0 ? said : asked).push([unknown, "1"]);
  return {
    method,
    collection,
    token,
    ...(target === undefined ? {} : { id: target }),
    ...(special === undefined
      ? {}
      : { special: typeof special === "string" ? special : tagOf(account, target, special) }),
    query: words(asked, ""),
    body: json ? { words: false, attributes: said } : words(said, null),
  };
}

/** The id that is meant, of an account's own point of view. */
export function idOf(world: World, account: Account, { kind, of, n }: Which, target?: string): string {
  const lists = {
    mine: [...account[kind].values()],
    this: [...account.messages.values()].filter(({ conversation_id }) => conversation_id === target),
    pinned: [...account.conversations.values()].flatMap(
      ({ pinned_message_id }) => account.messages.get(pinned_message_id ?? "") ?? [],
    ),
    any: world[kind],
    missing: [],
  };
  return nth<{ id: string }>(lists[of], n)?.id ?? NO_ID;
}

function tagOf({ tags }: Account, target: string | undefined, { state, n, among }: State): string {
  const { current, past = [] } = tags.get(target ?? "") ?? {};
  const tag = (state === "current" ? current : nth(past, n)) ?? '"unknown"';
  return among ? `"one", W/${tag} ,"other"` : tag;
}
