// The API's law as plain code: what is stored, and what every request answers. It knows nothing of HTTP, SQL or the
// Worker. What the service chooses (ids, the time) it is told, from the response, and checks against what it holds and
// against the clock. Who asks and compares is `model.test.ts`.

import { isDeepStrictEqual } from "node:util";
import { BASE62, base62 } from "../support/tokens.ts";

/** A conversation, with its times in milliseconds. `show` makes of it what the API shows. */
export interface Conversation {
  id: string;
  contact_id: string | null;
  group_id: string | null;
  pinned_message_id: string | null;
  is_pinned: boolean;
  is_muted: boolean;
  /** The last message. Its id begins with this time, so it is known exactly. */
  last_active_ms: number | null;
  /** The last opening. Of an opening now, the earliest time that it can have been: see `openedAt`. */
  last_opened_ms: number | null;
  /** The last message of a contact. */
  last_received_ms: number | null;
  created_at: number;
  archived_at: number | null;
}

export interface Message {
  id: string;
  conversation_id: string;
  contact_id: string | null;
  message: string;
  read_at: number | null;
  created_at: number;
  updated_at: number | null;
}

/** What an object is when it is new, its attributes in the order of the responses. */
export const NEW_CONVERSATION: Conversation = {
  id: "",
  contact_id: null,
  group_id: null,
  pinned_message_id: null,
  is_pinned: false,
  is_muted: false,
  last_active_ms: null,
  last_opened_ms: null,
  last_received_ms: null,
  created_at: 0,
  archived_at: null,
};
export const NEW_MESSAGE: Message = {
  id: "",
  conversation_id: "",
  contact_id: null,
  message: "",
  read_at: null,
  created_at: 0,
  updated_at: null,
};

export const second = (ms: number): number => Math.floor(ms / 1000);

/** An object as the API shows it: its times in seconds, and not when the last message of a contact came. */
export function show(object: object): object {
  if (!("last_active_ms" in object)) return object;
  const {
    last_active_ms,
    last_opened_ms,
    last_received_ms: _,
    created_at,
    archived_at,
    last_message,
    ...rest
  } = object as Conversation & { last_message?: Message | null };
  const shown = (ms: number | null) => (ms === null ? null : second(ms));
  return {
    ...rest,
    last_active_at: shown(last_active_ms),
    last_opened_at: shown(last_opened_ms),
    created_at,
    archived_at,
    ...(last_message === undefined ? {} : { last_message }),
  };
}

/** Objects of one kind by their ids. */
class Objects<T> extends Map<string, T> {
  /** When the newest was created, in milliseconds. It counts also when it was deleted. */
  newest = -1;

  override set(id: string, object: T): this {
    this.newest = Math.max(this.newest, msOf(id));
    return super.set(id, object);
  }
}

/** A change of a conversation, or of a message, and the request that made it. Null: it was stored past the API. */
export interface Event {
  type: string;
  conversation_id: string;
  message_id: string | null;
  request_id: string | null;
}

/** The objects of one account. */
export interface Account {
  conversations: Objects<Conversation>;
  messages: Objects<Message>;
  /** By the object's id: the tag of the state that it is in, once an answer has shown it, and those of the states
   * before. */
  tags: Map<string, { current?: string; past: string[] }>;
  /** What was asked and answered with each Idempotency-Key. */
  keys: Map<string, { content: string; answer: Answer }>;
  /** The log of its changes, in order. */
  events: Event[];
}

export const newAccount = (): Account => ({
  conversations: new Objects(),
  messages: new Objects(),
  tags: new Map(),
  keys: new Map(),
  events: [],
});

/** What a caller shows: nothing that is a token (`missing`), or one that opens an account while it is good. */
export interface Token {
  missing?: true;
  good: boolean;
  scopes: number;
  account: Account;
}

/** Names and values in the order sent. A word is the text of a form or a query, which may be meant as any type. */
export interface Sent {
  words: boolean;
  attributes: [name: string, value: unknown][];
}

export interface Request {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  collection: "conversations" | "messages";
  /** As the path has it; absent where the path is the collection's. */
  id?: string;
  query: Sent;
  body: Sent;
  /** `Idempotency-Key` of a POST; `If-None-Match` where an object is read, `If-Match` where it is written. */
  special?: string;
  token: Token;
}

/** What the service chose, as its response shows it, and when it did so. */
export interface Chosen {
  /** The id of the request. */
  request: string;
  /** The id of the object. */
  id: string;
  /** When it was changed last, or created. */
  now: number;
  /** When it was opened last. */
  opened: number | null;
  tag?: string;
  /** The clock in milliseconds when the request was sent, and when its response was there. */
  sent: number;
  responded: number;
}

export interface Answer {
  status: number;
  location?: string;
  authenticate?: string;
  tag?: string;
  replayed?: string;
  /** The targets of the Link header by their relation, as `target` writes them. */
  links?: Record<string, string>;
  /** Absent where there is none; of an error what a program reads. */
  body?: object;
}

/** The bits of `Token.scopes`. */
export const SCOPES = { "conversations:read": 1, "conversations:write": 2, "messages:read": 4, "messages:write": 8 };

/** A list's path and parameters in one way of many that mean the same. */
export function target(collection: string, parameters: Record<string, unknown>): string {
  const all = Object.entries({ limit: 10, sort: "created_at", ...parameters }).map(
    ([name, value]) => `${name}=${value}`,
  );
  return `/v1/${collection}?${all.sort().join("&")}`;
}

/** Where a conversation stands in a list of this order: texts, the greatest comes first. */
export function position({ id, last_active_ms }: Pick<Conversation, "id" | "last_active_ms">, sort?: string): string {
  return (sort === "last_active_at" ? base62(last_active_ms ?? 0, 7) : "") + id;
}

export const isUnread = ({ last_opened_ms, last_received_ms }: Conversation): boolean =>
  last_opened_ms === null || (last_received_ms !== null && last_received_ms > last_opened_ms);

// --------------------------------------------------------------------------------------------------------------- clock

/** The second at which the service did something that can't be before any of these: the one it shows, if it can be. */
function secondShown(shown: number, { sent, responded }: Chosen, ...notBefore: (number | null)[]): number {
  const earliest = Math.max(second(sent), ...notBefore.map((time) => time ?? 0));
  const latest = Math.max(second(responded), earliest);
  return shown > earliest && shown <= latest ? shown : earliest;
}

/** The id of a new object, if it can be: it ends like the request's id, and begins with the time, which is later than
 * these. Otherwise, what it should be. */
function newId({ id, request, sent, responded }: Chosen, ...earlier: (number | null)[]): string {
  const next = 1 + Math.max(...earlier.map((ms) => ms ?? -1));
  const [least, most] = [Math.max(sent, next), Math.max(responded, next)];
  const isRight = msOf(id) >= least && msOf(id) <= most && id.slice(7) === request.slice(7);
  return isRight ? id : `${base62(least, 7)} to ${base62(most, 7)} and ${request.slice(7)}, not ${id}`;
}

/** The time of an opening in this second, in milliseconds. An earlier second means its end. The current one or a later
 * one means now, after the last message. The API shows no more than the second of now, so the model takes the earliest
 * time that it can have been: until the next message, the conversation is read either way. That also holds where the
 * wanted second ended during the request, and the opening was now or at its end. */
function openedAt(wanted: number, chosen: Chosen, last_active_ms: number | null): number {
  const { opened, sent, responded } = chosen;
  if (wanted < second(sent)) return 1000 * wanted + 999;
  const earliest = Math.max(sent, last_active_ms ?? 0);
  // After a message of the future an opening now would show: this one was at the end of its second.
  const hasEnded = opened === wanted && wanted < second(responded);
  if (hasEnded && wanted < second(earliest)) return 1000 * wanted + 999;
  return Math.max(earliest, 1000 * secondShown(opened ?? 0, chosen, second(earliest)));
}

// -------------------------------------------------------------------------------------------------------------- values

/** Reads a value; undefined when it is not of the type. */
type Reader = (value: unknown, word: boolean) => unknown;

const flag: Reader = (value, word) => {
  if (word) return value === "true" ? true : value === "false" ? false : undefined;
  return typeof value === "boolean" ? value : undefined;
};

const whole =
  (least: number, most: number): Reader =>
  (value, word) => {
    const number = word && /^(0|[1-9]\d*)$/.test(String(value)) ? Number(value) : value;
    return typeof number === "number" && Number.isInteger(number) && number >= least && number <= most
      ? number
      : undefined;
  };

const text =
  (pattern: RegExp): Reader =>
  (value) =>
    typeof value === "string" && pattern.test(value) ? value : undefined;

const nullable =
  (reader: Reader): Reader =>
  (value, word) =>
    value === null ? null : reader(value, word);

const time = whole(0, 253402300799);
const reference = text(/^[A-Za-z0-9_-]{1,64}$/);
const id = text(/^[A-Za-z0-9]{16}$/);
const activity = text(/^[A-Za-z0-9]{23}$/);
/** One to a hundred different ones. */
const ids: Reader = (value, word) => {
  const all: unknown = word ? String(value ?? "").split(",") : value;
  if (!Array.isArray(all) || all.length < 1 || all.length > 100 || new Set(all).size < all.length) return undefined;
  return all.every((each) => id(each, word) !== undefined) ? all : undefined;
};
const words = text(/^(\P{Cc}|[\t\n\r]){1,10000}$/u);

// -------------------------------------------------------------------------------------------------------------- errors

const error = (status: number, code: string, param: string | null = null): Answer => ({
  status,
  body: { code, param },
});
const invalid = (param: string): Answer => error(400, "parameter_invalid", param);
const missing = (param: string | null = null): Answer => error(404, "resource_missing", param);
const unauthorized = (status: number, code: string, rest = ""): Answer => ({
  ...error(status, code),
  authenticate: `Bearer realm="conversations"${rest}`,
});

/** Puts the values that were sent in `values` and gives all that is wrong with them. */
function faults(
  { attributes, words }: Sent,
  takes: Record<string, Reader>,
  fields: string[],
  values: Record<string, unknown>,
): Answer[] {
  const seen = new Set<string>();
  return attributes.flatMap(([name, value]) => {
    if (seen.has(name)) return [error(400, "parameter_duplicate", name)];
    seen.add(name);
    const reader = takes[name];
    if (reader === undefined)
      return [error(400, fields.includes(name) ? "parameter_immutable" : "parameter_unknown", name)];
    values[name] = reader(value, words);
    return values[name] === undefined ? [invalid(name)] : [];
  });
}

// ---------------------------------------------------------------------------------------------------------------- tags

function tagsOf({ tags }: Account, id: string): { current?: string; past: string[] } {
  const known = tags.get(id) ?? { past: [] };
  tags.set(id, known);
  return known;
}

/** An object is in another state: its tag will be one that it never had. */
function changed(account: Account, id: string): void {
  const tags = tagsOf(account, id);
  if (tags.current !== undefined) tags.past.push(tags.current);
  delete tags.current;
}

/** An answer that shows the state an object is in. */
function tagged(account: Account, id: string, { tag }: Chosen, answer: Answer): Answer {
  const tags = tagsOf(account, id);
  if (tags.current === undefined && tag !== undefined && !tags.past.includes(tag)) tags.current = tag;
  return { ...answer, tag: tags.current ?? "one that no state before had" };
}

const TAGS = /^\s*\*\s*$|^[\s,]*(W\/)?"[^"\s]*"(\s*,[\s,]*(W\/)?"[^"\s]*")*\s*(,[\s,]*)?$/;

/** Whether a list of tags names the state that an object is in. The states before this one are no help. */
function names(list: string, { tags }: Account, id: string): boolean {
  return list === "*" || [...list.matchAll(/"[^"]*"/g)].some(([tag]) => tag === tags.get(id)?.current);
}

// -------------------------------------------------------------------------------------------------------------- events

/** An object was changed: what kind of change it was, and the request that made it. */
export function log(
  { events }: Account,
  object: Conversation | Message,
  change: string,
  request_id: string | null,
): void {
  events.push(
    "conversation_id" in object
      ? { type: `message.${change}`, conversation_id: object.conversation_id, message_id: object.id, request_id }
      : { type: `conversation.${change}`, conversation_id: object.id, message_id: null, request_id },
  );
}

/** The id of the n-th event, counted from 1, and of the position before the first. */
export function eventId({ events }: Account, n: number): string {
  const request = events[n - 1]?.request_id ?? "0".repeat(16);
  return n.toString(16).padStart(9, "0") + request.slice(9);
}

/** A page of the log after so many events: the objects are as they are now. The times are those that it showed. */
export function pageOfEvents(account: Account, after: number, limit: number, times: number[]): Answer {
  const { events, conversations, messages } = account;
  const shown = (object: object | undefined) => (object === undefined ? null : show(object));
  const data = events.slice(after, after + limit).map(({ type, conversation_id, message_id, request_id }, index) => ({
    id: eventId(account, after + index + 1),
    type,
    created_at: times[index],
    conversation_id,
    message_id,
    request_id,
    conversation: shown(conversations.get(conversation_id)),
    message: shown(messages.get(message_id ?? "")),
  }));
  const links = { next: target("events", { limit, starting_after: eventId(account, after + data.length) }) };
  return { status: 200, links, body: { has_more: after + data.length < events.length, data } };
}

/** Whether an update left a conversation as it was. Of an opening now the model does not know the millisecond. If it
 * was the last one of its second, opening at the end of that second is no change: the tag tells. */
function isSame(before: Conversation, after: Conversation, isTagSame: boolean): boolean {
  const [was, is] = [before.last_opened_ms, after.last_opened_ms];
  if (!isDeepStrictEqual({ ...before, last_opened_ms: is }, after)) return false;
  return was === is || (was !== null && is === 1000 * second(was) + 999 && isTagSame);
}

// --------------------------------------------------------------------------------------------------------------- pages

/** The position before or after another: one with the previous or the next id, where there is such an id. */
function beside(position: string, step: 1n | -1n): string {
  const id =
    [...position.slice(-16)].reduce((number, digit) => number * 62n + BigInt(BASE62.indexOf(digit)), 0n) + step;
  if (id < 0n || id >= 62n ** 16n) return position;
  const digits = Array.from({ length: 16 }, (_, n) => BASE62[Number((id / 62n ** BigInt(15 - n)) % 62n)]);
  return position.slice(0, -16) + digits.join("");
}

const bytesOf = (object: object): number => new TextEncoder().encode(JSON.stringify(show(object))).length;

/** The first of the rows, one at least, that have a megabyte together. */
function fitting<Row extends object>(rows: Row[]): Row[] {
  let bytes = 0;
  return rows.filter((row, index) => {
    bytes += bytesOf(row);
    return index === 0 || bytes <= 1_000_000;
  });
}

/** A page of a list, and the links to its neighbours. */
function page<Row extends object>(
  collection: string,
  rows: Row[],
  at: (row: Row) => string,
  values: Record<string, any>,
): Answer {
  const { starting_after: after, ending_before: before, ...kept } = values;
  const limit = kept.limit ?? 10;
  const isTurned = kept.order === "asc";
  const list = rows.sort((a, b) => (at(a) < at(b) !== isTurned ? 1 : -1));
  const isAfter = (a: string, b: string) => (isTurned ? a > b : a < b);
  const beyond = list.filter((row) =>
    before === undefined ? after === undefined || isAfter(at(row), after) : isAfter(before, at(row)),
  );
  const data =
    before === undefined ? fitting(beyond.slice(0, limit)) : fitting(beyond.slice(-limit).reverse()).reverse();
  const has_more = beyond.length > data.length;

  const links: Record<string, string> = {};
  const [first, last] = [data[0], data.at(-1)];
  // Where the walk came from there is always something to go back to. An empty page leads back to the cursor's object.
  if (before !== undefined || has_more)
    links.next = target(collection, {
      ...kept,
      starting_after: last === undefined ? beside(before, isTurned ? -1n : 1n) : at(last),
    });
  if (before !== undefined ? has_more : after !== undefined)
    links.prev = target(collection, {
      ...kept,
      ending_before: first === undefined ? beside(after, isTurned ? 1n : -1n) : at(first),
    });
  const count = { value: Math.min(list.length, 1000), relation: list.length > 1000 ? "gte" : "eq" };
  const total = String(kept.include).includes("total_count") ? { total_count: count } : {};
  return { status: 200, links, body: { has_more, data, ...total } };
}

// ------------------------------------------------------------------------------------------------------------- the law

/** A request that is well-formed, with the values it sent. */
interface Asked {
  account: Account;
  values: Record<string, any>;
  /** The id in the path. */
  path: string;
  special?: string;
  chosen: Chosen;
  /** Those of the token. */
  scopes: number;
}

/** What a verb takes, what of that it needs, and what it does. */
interface Operation {
  query?: (sort: unknown) => Record<string, Reader>;
  body?: Record<string, Reader>;
  /** The first attribute that is needed and not there. */
  lacks?: (values: Record<string, any>) => string | undefined;
  perform: (asked: Asked) => Answer;
}

const paging = (position: Reader, include: RegExp) => ({
  limit: whole(1, 100),
  starting_after: position,
  ending_before: position,
  order: text(/^(asc|desc)$/),
  since: time,
  until: time,
  include: text(include),
});

/** Whether an object was created in the period that a list is of. */
const isOf = ({ since, until }: Record<string, any>, { created_at }: { created_at: number }): boolean =>
  created_at >= (since ?? 0) && created_at < (until ?? Number.POSITIVE_INFINITY);

/** The newest message of a conversation, as a caller with these scopes sees it. */
function lastMessage({ messages }: Account, { id }: Conversation, scopes: number): Message | null {
  const all = [...messages.values()].filter(({ conversation_id }) => conversation_id === id);
  const newest = all.sort((a, b) => (a.id < b.id ? 1 : -1))[0];
  return (scopes & SCOPES["messages:read"]) === 0 ? null : (newest ?? null);
}

const shown =
  (kind: "conversations" | "messages") =>
  ({ account, path, special, chosen }: Asked): Answer => {
    const object = account[kind].get(path);
    if (object === undefined) return missing();
    // The tag is learned first: a caller who has it already is told so with it.
    const answer = tagged(account, path, chosen, { status: 200, body: object });
    return special !== undefined && names(special, account, path) ? { status: 304, tag: answer.tag! } : answer;
  };

/** Whether a write may be: the answer where it may not. */
function refused(kind: "conversations" | "messages", { account, path, special, chosen }: Asked): Answer | undefined {
  if (!account[kind].has(path)) return missing();
  if (special === undefined || names(special, account, path)) return undefined;
  return tagged(account, path, chosen, error(412, "precondition_failed", "If-Match"));
}

function newConversation(
  account: Account,
  chosen: Chosen,
  contact_id: string | null,
  group_id: string | null,
): Conversation {
  const id = newId(chosen, account.conversations.newest);
  // Its id tells when it was created, unless ids are in the far future.
  const isNear = msOf(id) < chosen.sent + 3_600_000;
  const created_at = isNear ? second(msOf(id)) : secondShown(chosen.now, chosen);
  return { ...NEW_CONVERSATION, id, contact_id, group_id, created_at };
}

const CONVERSATIONS: Record<string, Operation> = {
  list: {
    query: (sort) => ({
      ...paging(
        sort === "last_active_at" ? activity : id,
        /^(last_message|total_count|last_message,total_count|total_count,last_message)$/,
      ),
      sort: text(/^(created_at|last_active_at)$/),
      muted: flag,
      archived: flag,
      pinned: flag,
      unread: flag,
      contact_id: reference,
      group_id: reference,
    }),
    perform({ account, values, scopes }) {
      const matches = (conversation: Conversation): boolean =>
        isOf(values, conversation) &&
        Object.entries({
          muted: conversation.is_muted,
          archived: conversation.archived_at !== null,
          pinned: conversation.is_pinned,
          unread: isUnread(conversation),
          contact_id: conversation.contact_id,
          group_id: conversation.group_id,
        }).every(([name, value]) => values[name] === undefined || values[name] === value);
      return page(
        "conversations",
        [...account.conversations.values()].filter(matches).map((row) => ({
          ...row,
          ...(/last_message/.test(values.include) ? { last_message: lastMessage(account, row, scopes) } : {}),
        })),
        (row) => position(row, values.sort),
        values,
      );
    },
  },

  create: {
    body: { contact_id: nullable(reference), group_id: nullable(reference), distinct: flag },
    lacks: ({ contact_id, group_id }) => ((contact_id ?? group_id ?? null) === null ? "contact_id" : undefined),
    perform({ account, values: { contact_id = null, group_id = null, distinct }, chosen }) {
      const same = [...account.conversations.values()].filter(
        (other) => other.contact_id === contact_id && other.group_id === group_id,
      );
      const [oldest] = same.sort((a, b) => (a.id < b.id ? -1 : 1));
      const isThere = distinct === true && oldest !== undefined;
      const conversation = isThere ? oldest : newConversation(account, chosen, contact_id, group_id);
      account.conversations.set(conversation.id, conversation);
      if (!isThere) log(account, conversation, "created", chosen.request);
      const location = `/v1/conversations/${conversation.id}`;
      return tagged(account, conversation.id, chosen, { status: isThere ? 200 : 201, location, body: conversation });
    },
  },

  retrieve: { perform: shown("conversations") },

  update: {
    body: {
      pinned_message_id: nullable(id),
      is_pinned: flag,
      is_muted: flag,
      archived_at: nullable(time),
      last_opened_at: nullable(time),
    },
    perform(asked) {
      const { account, values, path } = asked;
      const conversation = account.conversations.get(path);
      if (conversation === undefined) return missing();
      const pin = values.pinned_message_id ?? null;
      // All or nothing: with a pin that can't be, no other attribute changes either.
      if (pin !== null && account.messages.get(pin)?.conversation_id !== path) return invalid("pinned_message_id");
      const refusal = refused("conversations", asked);
      if (refusal !== undefined) return refusal;
      const before = { ...conversation };
      const { last_opened_at, ...rest } = values;
      Object.assign(conversation, rest);
      if (last_opened_at === null) conversation.last_opened_ms = null;
      if (typeof last_opened_at === "number")
        conversation.last_opened_ms = openedAt(last_opened_at, asked.chosen, conversation.last_active_ms);
      if (!isSame(before, conversation, asked.chosen.tag === tagsOf(account, path).current)) {
        changed(account, path);
        log(account, conversation, "updated", asked.chosen.request);
      }
      return tagged(account, path, asked.chosen, { status: 200, body: conversation });
    },
  },

  updateMany: {
    body: { ids, is_pinned: flag, is_muted: flag, archived_at: nullable(time), last_opened_at: nullable(time) },
    lacks: (values) => (values.ids === undefined ? "ids" : undefined),
    perform({ account, values: { ids, last_opened_at, ...rest }, chosen }) {
      const wanted: string[] = ids;
      const found = wanted.filter((id) => account.conversations.has(id));
      for (const id of [...found].sort()) {
        const conversation = account.conversations.get(id)!;
        const before = { ...conversation };
        Object.assign(conversation, rest);
        if (last_opened_at === null) conversation.last_opened_ms = null;
        if (typeof last_opened_at === "number")
          conversation.last_opened_ms = openedAt(last_opened_at, chosen, conversation.last_active_ms);
        if (isDeepStrictEqual(before, conversation)) continue;
        changed(account, id);
        log(account, conversation, "updated", chosen.request);
      }
      const data = found.map((id) => account.conversations.get(id)!);
      return { status: 200, body: { data, missing: wanted.filter((id) => !found.includes(id)) } };
    },
  },

  delete: {
    perform(asked) {
      const { conversations, messages } = asked.account;
      const refusal = refused("conversations", asked);
      if (refusal !== undefined) return refusal;
      log(asked.account, conversations.get(asked.path)!, "deleted", asked.chosen.request);
      for (const message of messages.values()) if (message.conversation_id === asked.path) messages.delete(message.id);
      conversations.delete(asked.path);
      return { status: 204 };
    },
  },
};

const MESSAGES: Record<string, Operation> = {
  list: {
    query: () => ({ ...paging(id, /^total_count$/), conversation_id: id }),
    perform({ account, values }) {
      const matches = (message: Message) =>
        isOf(values, message) && [undefined, message.conversation_id].includes(values.conversation_id);
      return page("messages", [...account.messages.values()].filter(matches), ({ id }) => id, values);
    },
  },

  create: {
    body: { conversation_id: id, message: words, contact_id: nullable(reference) },
    lacks: (values) => ["conversation_id", "message"].find((name) => values[name] === undefined),
    perform({ account, values: { conversation_id, message: said, contact_id = null }, chosen }) {
      const conversation = account.conversations.get(conversation_id);
      if (conversation === undefined) return missing("conversation_id");
      const { last_active_ms, last_opened_ms } = conversation;
      const id = newId(chosen, account.messages.newest, last_active_ms, last_opened_ms);
      const now = msOf(id);
      const message = { ...NEW_MESSAGE, id, conversation_id, contact_id, message: said, created_at: second(now) };
      account.messages.set(id, message);
      conversation.last_active_ms = now;
      // The account's own message also opens the conversation, a contact's makes it unread.
      if (contact_id === null) conversation.last_opened_ms = now;
      else conversation.last_received_ms = now;
      changed(account, conversation_id);
      log(account, message, "created", chosen.request);
      return tagged(account, id, chosen, { status: 201, location: `/v1/messages/${id}`, body: message });
    },
  },

  retrieve: { perform: shown("messages") },

  update: {
    body: { message: words, read_at: nullable(time) },
    perform(asked) {
      const { account, values, path, chosen } = asked;
      const refusal = refused("messages", asked);
      if (refusal !== undefined) return refusal;
      const message = account.messages.get(path)!;
      if (!isDeepStrictEqual({ ...message, ...values }, message)) {
        const { created_at, updated_at } = message;
        Object.assign(message, values, { updated_at: secondShown(chosen.now, chosen, created_at, updated_at) });
        changed(account, path);
        log(account, message, "updated", chosen.request);
      }
      return tagged(account, path, chosen, { status: 200, body: message });
    },
  },

  delete: {
    perform(asked) {
      const { account, path } = asked;
      const refusal = refused("messages", asked);
      if (refusal !== undefined) return refusal;
      log(account, account.messages.get(path)!, "deleted", asked.chosen.request);
      const conversation = account.conversations.get(account.messages.get(path)!.conversation_id)!;
      if (conversation.pinned_message_id === path) {
        conversation.pinned_message_id = null;
        changed(account, conversation.id);
      }
      account.messages.delete(path);
      return { status: 204 };
    },
  },
};

const COLLECTIONS = { conversations: CONVERSATIONS, messages: MESSAGES };

/** All attributes of an object: those that an endpoint doesn't take can't be chosen there. */
const FIELDS = { conversations: Object.keys(show(NEW_CONVERSATION)), messages: Object.keys(NEW_MESSAGE) };

const VERBS = { GET: "retrieve", HEAD: "retrieve", PUT: "update", PATCH: "update", DELETE: "delete", POST: "create" };

/** The body of an answer as the API shows it: an object, or a page of objects. */
const showAll = (body: object): object =>
  "data" in body ? { ...body, data: (body.data as object[]).map(show) } : show(body);

/** Whether the caller may read what the request is about. */
export const isReader = ({ collection, token }: Request): boolean =>
  (token.scopes & SCOPES[`${collection}:read`]) !== 0;

/** The answer to a caller who may write but not read: of an object only the id that the service chose. */
function unread({ method }: Request, { body, ...head }: Answer): Answer {
  if (head.status >= 300 || body === undefined) return { ...head, ...(body && { body }) };
  return method === "POST" ? { ...head, body: { id: (body as { id: string }).id } } : { ...head, status: 204 };
}

/** What a request may be answered, and does. That is one answer alone, but where several of its values are wrong. */
export function answers(request: Request, chosen: Chosen): Answer[] {
  const given = withBody(request, chosen).map((answer) => (isReader(request) ? answer : unread(request, answer)));
  return given.map(({ body, ...head }) =>
    body === undefined || request.method === "HEAD" ? head : { ...head, body: showAll(body) },
  );
}

function withBody({ method, collection, id: path, query, body, special, token }: Request, chosen: Chosen): Answer[] {
  const reads = method === "GET" || method === "HEAD";
  const scope = `${collection}:${reads ? "read" : "write"}` as keyof typeof SCOPES;
  if (token.missing) return [unauthorized(401, "token_missing")];
  if (!token.good) return [unauthorized(401, "token_invalid", ', error="invalid_token"')];
  if ((token.scopes & SCOPES[scope]) === 0)
    return [unauthorized(403, "scope_insufficient", `, error="insufficient_scope", scope="${scope}"`)];

  const ofMany = path === undefined ? { GET: "list", HEAD: "list", PATCH: "updateMany" }[method as string] : undefined;
  const verb = ofMany ?? VERBS[method];
  const operation = COLLECTIONS[collection][verb]!;
  const sort = query.attributes.find(([name]) => name === "sort")?.[1];
  const values: Record<string, unknown> = {};
  const header = method === "POST" ? "Idempotency-Key" : reads ? "If-None-Match" : "If-Match";
  const right = method === "POST" ? /^[!-~]{1,255}$/ : TAGS;
  const unreadable = special !== undefined && !right.test(special) ? [invalid(header)] : [];
  // A malformed id names nothing.
  if (path !== undefined && id(path, true) === undefined) return [...unreadable, missing()];
  const wrong = [
    ...unreadable,
    ...faults(query, operation.query?.(sort) ?? {}, [], values),
    ...faults(body, operation.body ?? {}, operation.body === undefined ? [] : FIELDS[collection], values),
  ];
  if ("starting_after" in values && "ending_before" in values) wrong.push(invalid("ending_before"));
  if (wrong.length > 0) return wrong;
  const lacking = operation.lacks?.(values);
  if (lacking !== undefined) return [error(400, "parameter_missing", lacking)];

  const perform = () =>
    operation.perform({
      account: token.account,
      values,
      path: path ?? "",
      chosen,
      scopes: token.scopes,
      ...(special === undefined ? {} : { special }),
    });
  return [
    verb === "create" && special !== undefined
      ? once(token.account, special, JSON.stringify([collection, body]), chosen, perform)
      : perform(),
  ];
}

/** Does what a key stands for the first time; afterwards its answer is what was answered then. */
function once(account: Account, key: string, content: string, chosen: Chosen, perform: () => Answer): Answer {
  const { keys, messages } = account;
  const before = keys.get(key);
  if (before === undefined) {
    const answer = perform();
    keys.set(key, { content, answer: structuredClone(answer) });
    return answer;
  }
  if (before.content !== content) return error(422, "idempotency_key_reused", "Idempotency-Key");
  const again = { ...before.answer, replayed: "true" };
  if (before.answer.body === undefined || bytesOf(before.answer.body) <= 2048) return again;
  // A large message is not stored a second time: it is shown as it is, or by its id when it is gone.
  const { id } = before.answer.body as Message;
  const message = messages.get(id);
  return message === undefined ? { ...again, body: { id } } : tagged(account, id, chosen, { ...again, body: message });
}

/** When an id was made, in milliseconds: they are in its leading characters. */
export function msOf(id: string): number {
  return [...id.slice(0, 7)].reduce((number, digit) => number * 62 + BASE62.indexOf(digit), 0);
}
