// The API's law as plain code: what is stored, and what every request answers. It knows nothing of HTTP, SQL, the Worker
// or the clock: what the service chooses (ids, the time) it is told, from the answer that the service gave. Who asks and
// compares is `model.test.ts`.

export interface Conversation {
  id: string;
  contact_id: string | null;
  group_id: string | null;
  pinned_message_id: string | null;
  is_pinned: boolean;
  is_muted: boolean;
  last_active_at: number | null;
  last_opened_at: number | null;
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

/** What an object is when it is new, its attributes in the order of the answers. */
export const NEW_CONVERSATION: Conversation = {
  id: "", contact_id: null, group_id: null, pinned_message_id: null, is_pinned: false, is_muted: false,
  last_active_at: null, last_opened_at: null, created_at: 0, archived_at: null,
};
export const NEW_MESSAGE: Message = {
  id: "", conversation_id: "", contact_id: null, message: "", read_at: null, created_at: 0, updated_at: null,
};

/** What belongs together and to nobody else. */
export interface Account {
  conversations: Map<string, Conversation>;
  messages: Map<string, Message>;
}

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
  token: Token;
}

/** What the service chose, as its answer shows it. */
export interface Chosen {
  id: string;
  now: number;
}

export interface Answer {
  status: number;
  location?: string;
  authenticate?: string;
  /** The targets of the Link header by their relation, as `target` writes them. */
  links?: Record<string, string>;
  /** Absent where there is none; of an error what a program reads. */
  body?: unknown;
}

/** The bits of `Token.scopes`. */
export const SCOPES = { "conversations:read": 1, "conversations:write": 2, "messages:read": 4, "messages:write": 8 };

/** A list's path and parameters in one way of many that mean the same. */
export function target(collection: string, parameters: Record<string, unknown>): string {
  const all = Object.entries({ limit: 10, sort: "created_at", ...parameters }).map(([name, value]) => `${name}=${value}`);
  return `/v1/${collection}?${all.sort().join("&")}`;
}

/** Where a conversation stands in a list of this order: texts, the greatest comes first. */
export function position({ id, last_active_at }: Pick<Conversation, "id" | "last_active_at">, sort?: string): string {
  return (sort === "last_active_at" ? String(last_active_at === null ? 0 : last_active_at + 1).padStart(12, "0") : "") + id;
}

export const isUnread = ({ last_active_at, last_opened_at }: Conversation): boolean =>
  last_opened_at === null || (last_active_at !== null && last_active_at > last_opened_at);

// ---------------------------------------------------------------------------------------------------------------- values

/** Reads a value; undefined when it is not of the type. */
type Reader = (value: unknown, word: boolean) => unknown;

const flag: Reader = (value, word) => {
  if (word) return value === "true" ? true : value === "false" ? false : undefined;
  return typeof value === "boolean" ? value : undefined;
};

const whole = (least: number, most: number): Reader => (value, word) => {
  const number = word && /^(0|[1-9]\d*)$/.test(String(value)) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= least && number <= most ? number : undefined;
};

const text = (pattern: RegExp): Reader => (value) => (typeof value === "string" && pattern.test(value) ? value : undefined);

const nullable = (reader: Reader): Reader => (value, word) => (value === null ? null : reader(value, word));

const time = whole(0, 253402300799);
const reference = text(/^[A-Za-z0-9_-]{1,64}$/);
const id = text(/^[A-Za-z0-9]{16}$/);
const activity = text(/^\d{12}[A-Za-z0-9]{16}$/);
const words = text(/^[^\0]{1,10000}$/u);

// ---------------------------------------------------------------------------------------------------------------- errors

const error = (status: number, code: string, param: string | null = null): Answer => ({ status, body: { code, param } });
const invalid = (param: string): Answer => error(400, "parameter_invalid", param);
const missing = (param: string | null = null): Answer => error(404, "resource_missing", param);
const unauthorized = (status: number, code: string, rest = ""): Answer =>
  ({ ...error(status, code), authenticate: `Bearer realm="conversations"${rest}` });

/** Puts the values that were sent in `values` and gives all that is wrong with them. */
function faults({ attributes, words }: Sent, takes: Record<string, Reader>, fields: string[], values: Record<string, unknown>): Answer[] {
  const seen = new Set<string>();
  return attributes.flatMap(([name, value]) => {
    if (seen.has(name)) return [error(400, "parameter_duplicate", name)];
    seen.add(name);
    const reader = takes[name];
    if (reader === undefined) return [error(400, fields.includes(name) ? "parameter_immutable" : "parameter_unknown", name)];
    values[name] = reader(value, words);
    return values[name] === undefined ? [invalid(name)] : [];
  });
}

// ---------------------------------------------------------------------------------------------------------------- pages

/** A page of a list, and the links to its neighbours. */
function page<Row>(collection: string, rows: Row[], at: (row: Row) => string, values: Record<string, any>): Answer {
  const { starting_after: after, ending_before: before, ...kept } = values;
  const limit = kept["limit"] ?? 10;
  const list = rows.sort((a, b) => (at(a) < at(b) ? 1 : -1));
  const beyond = list.filter((row) => (before === undefined ? after === undefined || at(row) < after : at(row) > before));
  const data = before === undefined ? beyond.slice(0, limit) : beyond.slice(-limit);
  const has_more = beyond.length > limit;

  const links: Record<string, string> = {};
  const [first, last] = [data[0], data.at(-1)];
  // Where the walk came from there is always something to go back to.
  if (last !== undefined && (before !== undefined || has_more)) links["next"] = target(collection, { ...kept, starting_after: at(last) });
  if (first !== undefined && (before !== undefined ? has_more : after !== undefined)) links["prev"] = target(collection, { ...kept, ending_before: at(first) });
  return { status: 200, links, body: { has_more, data } };
}

// --------------------------------------------------------------------------------------------------------------- the law

/** What a verb of a collection or of an object takes and does. */
interface Operation {
  query?: (sort: unknown) => Record<string, Reader>;
  body?: Record<string, Reader>;
  perform: (account: Account, values: Record<string, any>, path: string, chosen: Chosen) => Answer;
}

const paging = (position: Reader) => ({ limit: whole(1, 100), starting_after: position, ending_before: position });

const CONVERSATIONS: Record<string, Operation> = {
  list: {
    query: (sort) => ({
      ...paging(sort === "last_active_at" ? activity : id),
      sort: text(/^(created_at|last_active_at)$/),
      muted: flag, archived: flag, pinned: flag, unread: flag, contact_id: reference, group_id: reference,
    }),
    perform({ conversations }, values) {
      const matches = (conversation: Conversation): boolean => Object.entries({
        muted: conversation.is_muted,
        archived: conversation.archived_at !== null,
        pinned: conversation.is_pinned,
        unread: isUnread(conversation),
        contact_id: conversation.contact_id,
        group_id: conversation.group_id,
      }).every(([name, value]) => values[name] === undefined || values[name] === value);
      return page("conversations", [...conversations.values()].filter(matches), (row) => position(row, values["sort"]), values);
    },
  },

  create: {
    body: { contact_id: nullable(reference), group_id: nullable(reference), distinct: flag },
    perform({ conversations }, { contact_id = null, group_id = null, distinct }, _, chosen) {
      if (contact_id === null && group_id === null) return error(400, "parameter_missing", "contact_id");
      const same = [...conversations.values()].filter((other) => other.contact_id === contact_id && other.group_id === group_id);
      const [oldest] = same.sort((a, b) => (a.id < b.id ? -1 : 1));
      if (distinct && oldest !== undefined) return { status: 200, location: `/v1/conversations/${oldest.id}`, body: oldest };
      const conversation = { ...NEW_CONVERSATION, id: chosen.id, contact_id, group_id, created_at: chosen.now };
      conversations.set(conversation.id, conversation);
      return { status: 201, location: `/v1/conversations/${conversation.id}`, body: conversation };
    },
  },

  retrieve: { perform: ({ conversations }, _, path) => shown(conversations.get(path)) },

  update: {
    body: { pinned_message_id: nullable(id), is_pinned: flag, is_muted: flag, archived_at: nullable(time), last_opened_at: nullable(time) },
    perform({ conversations, messages }, values, path) {
      const conversation = conversations.get(path);
      if (conversation === undefined) return missing();
      const pin = values["pinned_message_id"] ?? null;
      // All or nothing: with a pin that can't be, no other attribute changes either.
      if (pin !== null && messages.get(pin)?.conversation_id !== path) return invalid("pinned_message_id");
      return shown(Object.assign(conversation, values));
    },
  },

  delete: {
    perform({ conversations, messages }, _, path) {
      for (const message of messages.values()) if (message.conversation_id === path) messages.delete(message.id);
      return conversations.delete(path) ? { status: 204 } : missing();
    },
  },
};

const MESSAGES: Record<string, Operation> = {
  list: {
    query: () => ({ ...paging(id), conversation_id: id }),
    perform({ messages }, values) {
      const matches = (message: Message) => [undefined, message.conversation_id].includes(values["conversation_id"]);
      return page("messages", [...messages.values()].filter(matches), ({ id }) => id, values);
    },
  },

  create: {
    body: { conversation_id: id, message: words, contact_id: nullable(reference) },
    perform({ conversations, messages }, { conversation_id, message: said, contact_id = null }, _, { id, now }) {
      if (conversation_id === undefined) return error(400, "parameter_missing", "conversation_id");
      if (said === undefined) return error(400, "parameter_missing", "message");
      const conversation = conversations.get(conversation_id);
      if (conversation === undefined) return missing("conversation_id");
      const message = { ...NEW_MESSAGE, id, conversation_id, contact_id, message: said, created_at: now };
      messages.set(id, message);
      conversation.last_active_at = now;
      // Whoever says something has the conversation open.
      if (contact_id === null) conversation.last_opened_at = now;
      return { status: 201, location: `/v1/messages/${id}`, body: message };
    },
  },

  retrieve: { perform: ({ messages }, _, path) => shown(messages.get(path)) },

  update: {
    body: { message: words, read_at: nullable(time) },
    perform({ messages }, values, path, { now }) {
      const message = messages.get(path);
      if (message === undefined) return missing();
      if (Object.keys(values).length > 0) Object.assign(message, values, { updated_at: now });
      return shown(message);
    },
  },

  delete: {
    perform({ conversations, messages }, _, path) {
      const conversation = conversations.get(messages.get(path)?.conversation_id ?? "");
      if (conversation?.pinned_message_id === path) conversation.pinned_message_id = null;
      return messages.delete(path) ? { status: 204 } : missing();
    },
  },
};

const shown = (object: object | undefined): Answer => (object === undefined ? missing() : { status: 200, body: object });

const COLLECTIONS = { conversations: CONVERSATIONS, messages: MESSAGES };

/** All attributes of an object: those that an endpoint doesn't take can't be chosen there. */
const FIELDS = {
  conversations: Object.keys(NEW_CONVERSATION),
  messages: Object.keys(NEW_MESSAGE),
};

const VERBS = { GET: "retrieve", HEAD: "retrieve", PUT: "update", PATCH: "update", DELETE: "delete", POST: "create" };

/** What a request may be answered, and does. That is one answer alone, but where several of its values are wrong. */
export function answers(request: Request, chosen: Chosen): Answer[] {
  const given = withBody(request, chosen);
  return request.method === "HEAD" ? given.map(({ body: _, ...head }) => head) : given;
}

function withBody({ method, collection, id: path, query, body, token }: Request, chosen: Chosen): Answer[] {
  const reads = method === "GET" || method === "HEAD";
  const scope = `${collection}:${reads ? "read" : "write"}` as keyof typeof SCOPES;
  if (token.missing) return [unauthorized(401, "token_missing")];
  if (!token.good) return [unauthorized(401, "token_invalid", ', error="invalid_token"')];
  if ((token.scopes & SCOPES[scope]) === 0) return [unauthorized(403, "scope_insufficient", `, error="insufficient_scope", scope="${scope}"`)];
  if (path !== undefined && id(path, true) === undefined) return [missing()];

  const verb = reads && path === undefined ? "list" : VERBS[method];
  const operation = COLLECTIONS[collection][verb]!;
  const sort = query.attributes.find(([name]) => name === "sort")?.[1];
  const values: Record<string, unknown> = {};
  const wrong = [
    ...faults(query, operation.query?.(sort) ?? {}, [], values),
    ...faults(body, operation.body ?? {}, operation.body === undefined ? [] : FIELDS[collection], values),
  ];
  if ("starting_after" in values && "ending_before" in values) wrong.push(invalid("ending_before"));
  return wrong.length > 0 ? wrong : [operation.perform(token.account, values, path ?? "", chosen)];
}

/** The second in which an id was made: the milliseconds are in its leading characters. */
export function secondOf(id: string): number {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return Math.floor([...id.slice(0, 7)].reduce((number, digit) => number * 62 + digits.indexOf(digit), 0) / 1000);
}

/** Whether what the service chose for an object can be: its id and the times of its creation and its last change. */
export function isPlausible(object: { id: string; created_at: number; updated_at?: number | null }): boolean {
  const changed = object.updated_at ?? object.created_at;
  return id(object.id, true) !== undefined
    && object.created_at === secondOf(object.id)
    && time(changed, false) !== undefined && changed >= object.created_at;
}
