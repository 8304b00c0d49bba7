// Random sequences of everything that callers can do, several accounts at once, against the model in `model.ts`: every
// answer is compared whole, and in the end all that is stored. What fails is shrunk to the few steps that it takes.
// What happens at the very same time is not tested here.
//
// The sequences are the same in every run. MODEL_SEED chooses others, MODEL_STEPS says how many steps there are in all.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { account, grant, type Account as RealAccount } from "../support/accounts.ts";
import type { Answer as RealAnswer } from "../support/audit.ts";
import { sql } from "../support/database.ts";
import { links } from "../support/expectations.ts";
import { FORM, JSON_TYPE, send } from "../support/http.ts";
import { hashOf, newToken } from "../support/tokens.ts";
import { type Choice, n, requests, resolve, stored, talk, type World } from "./choices.ts";
import {
  type Account,
  type Answer,
  answers,
  type Conversation,
  eventId,
  isReader,
  log,
  type Message,
  msOf,
  NEW_CONVERSATION,
  NEW_MESSAGE,
  newAccount,
  pageOfEvents,
  type Request,
  second,
  show,
  type Token,
  target,
} from "./model.ts";

const SEED = Number(process.env.MODEL_SEED ?? 1);
const STEPS = Number(process.env.MODEL_STEPS ?? 20_000);
/** The longest sequence. On average they are half as long. */
const LENGTH = 100;
/** Sequences under way at once. They have no account in common, so none sees another. */
const LANES = 8;

// ------------------------------------------------------------------------------------------------------- the two sides

/** The service: what the model's accounts and tokens are there, and what it was asked and answered. */
interface Service {
  accounts: Map<Account, RealAccount>;
  authorizations: Map<Token, string>;
  log: string[];
}

async function start(): Promise<{ model: World; real: Service }> {
  const accounts = new Map<Account, RealAccount>();
  const authorizations = new Map<Token, string>();
  for (const real of await Promise.all([account(), account()])) {
    const model = newAccount();
    accounts.set(model, real);
    authorizations.set({ account: model, good: true, scopes: 15 }, `Bearer ${real.token}`);
  }
  // Those that never open anything, in the hands of the first account.
  const [[known, { token }]] = [...accounts] as [[Account, RealAccount]];
  for (const authorization of ["", "Bearer", `Basic ${token}`])
    authorizations.set({ account: known, good: false, missing: true, scopes: 0 }, authorization);
  for (const text of [newToken(), `${token}0`, token.slice(0, -1), "x"])
    authorizations.set({ account: known, good: false, scopes: 15 }, `Bearer ${text}`);
  return {
    model: { tokens: [...authorizations.keys()], conversations: [], messages: [] },
    real: { accounts, authorizations, log: [] },
  };
}

/** The request as it is sent. */
function ask(
  { authorizations }: Service,
  { method, collection, id, query, body, special, token }: Request,
): Parameters<typeof send> {
  const form = (attributes: Request["body"]["attributes"]) =>
    new URLSearchParams(attributes.map(([name, value]) => [name, String(value ?? "")])).toString();
  const json = (attributes: Request["body"]["attributes"]) =>
    `{${attributes.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
  const parameters = query.attributes.length > 0 ? `?${form(query.attributes)}` : "";
  const path = `/v1/${collection}${id === undefined ? "" : `/${id}`}${parameters}`;
  const name =
    method === "POST" ? "Idempotency-Key" : method === "GET" || method === "HEAD" ? "If-None-Match" : "If-Match";
  const headers = { Authorization: authorizations.get(token), ...(special === undefined ? {} : { [name]: special }) };
  if (body.attributes.length === 0) return [method, path, headers];
  return body.words
    ? [method, path, { ...headers, "Content-Type": FORM }, form(body.attributes)]
    : [method, path, { ...headers, "Content-Type": JSON_TYPE }, json(body.attributes)];
}

const ABSENT = {
  location: undefined,
  authenticate: undefined,
  tag: undefined,
  replayed: undefined,
  links: {},
  body: undefined,
};

/** What the model says of a response. The rest is the same for all responses, and tests/support/audit.ts asserts it. */
function told(collection: string, answer: RealAnswer): Answer {
  const canonical = ([relation, link]: [string, string]) => {
    const { pathname, searchParams } = new URL(link, "http://host");
    assert.equal(pathname, `/v1/${collection}`);
    return [relation, target(collection, Object.fromEntries(searchParams))];
  };
  return {
    status: answer.status,
    location: answer.headers.location,
    authenticate: answer.headers["www-authenticate"],
    tag: answer.headers.etag,
    replayed: answer.headers["idempotent-replayed"] as string | undefined,
    links: Object.fromEntries(Object.entries(links(answer)).map(canonical)),
    body: answer.status >= 400 && answer.json ? { code: answer.json.code, param: answer.json.param } : answer.json,
  };
}

/** The object that an answer hides from a caller without the read scope, as another caller sees it. */
async function asReader(world: World, { authorizations }: Service, request: Request, answer: RealAnswer) {
  const id = answer.json?.id ?? request.id;
  if (answer.status >= 300 || id === undefined) return undefined;
  const reader = world.tokens.find(({ account }) => account === request.token.account)!;
  const path = `/v1/${request.collection}/${id}`;
  return (await send("GET", path, { Authorization: authorizations.get(reader) })).json;
}

async function compare(world: World, service: Service, request: Request): Promise<void> {
  const sent = ask(service, request);
  const before = Date.now();
  const answer = await send(...sent);
  const after = Date.now();
  const [method, path, { Authorization: _, ...headers } = {}, body = ""] = sent;
  const actual = told(request.collection, answer);
  const asked = `token ${world.tokens.indexOf(request.token)}: ${method} ${path} ${body} ${JSON.stringify(headers)}`;
  service.log.push(`${asked} -> ${answer.status} ${actual.tag ?? ""} ${answer.text}`.slice(0, 1000));

  const seen = isReader(request) ? answer.json : await asReader(world, service, request, answer);
  const chosen = {
    request: String(answer.headers["x-request-id"]),
    id: answer.json?.id ?? "",
    now: seen?.updated_at ?? seen?.created_at ?? 0,
    opened: seen?.last_opened_at ?? null,
    sent: before,
    responded: after,
    ...(actual.tag === undefined ? {} : { tag: actual.tag }),
  };
  const right = answers(request, chosen).map((expected) => ({ ...ABSENT, ...expected }));
  const expected = right.find((expected) => isDeepStrictEqual(actual, expected)) ?? right[0];
  assert.deepEqual(actual, expected);
  // The same, and in the same order.
  assert.equal(JSON.stringify(actual.body), JSON.stringify(expected?.body));

  if (answer.status === 201 && actual.replayed === undefined) {
    const made = request.token.account[request.collection].get(answer.json.id)!;
    const all: object[] = world[request.collection];
    assert.ok(!world[request.collection].some(({ id }) => id === made.id), `an id that was given before: ${made.id}`);
    all.push(made);
  }
}

/** A page of the log, after so many events. */
async function compareEvents({ accounts, log }: Service, model: Account, after: number, limit: number): Promise<void> {
  const position = after === 0 ? "" : `&starting_after=${eventId(model, after)}`;
  const path = `/v1/events?limit=${limit}${position}`;
  const answer = await accounts.get(model)!.get(path);
  const { tag: _, ...actual } = told("events", answer);
  log.push(`GET ${path} -> ${answer.status} ${answer.text}`.slice(0, 1000));
  const now = Math.ceil(Date.now() / 1000);
  const times = answer.json.data.map(({ created_at }: { created_at: number }) => created_at);
  for (const time of times) assert.ok(now - 3600 < time && time <= now, `an event at ${time}`);
  const { tag: __, ...expected } = { ...ABSENT, ...pageOfEvents(model, after, limit, times) };
  assert.deepEqual(actual, expected);
  // The same, and in the same order.
  assert.equal(JSON.stringify(actual.body), JSON.stringify(expected.body));
}

/** All that is stored is what the model holds, and the lists are in its order. */
async function compareContents(world: World, service: Service): Promise<void> {
  type Object = { id: string };
  const sorted = (objects: Object[]) => objects.sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const [model, real] of service.accounts) {
    const { conversations = [], messages = [], events = [] } = await real.everything();
    const objects = (rows: typeof messages): Object[] => rows.map((row) => JSON.parse(String(row.object)));
    assert.deepEqual(sorted(objects(conversations)), sorted([...model.conversations.values()].map(show) as Object[]));
    assert.deepEqual(sorted(objects(messages)), sorted([...model.messages.values()]));
    assert.deepEqual(
      events.map(({ seq, change, conversation_id, message_id, request_id }) => ({
        seq,
        type: `${message_id === null ? "conversation" : "message"}.${change}`,
        conversation_id,
        message_id,
        request_id,
      })),
      model.events.map((event, index) => ({ seq: index + 1, ...event })),
    );
    const token = world.tokens.find(({ account }) => account === model)!;
    for (const unread of ["true", "false"]) {
      const query: Request["query"]["attributes"] = [
        ["limit", "100"],
        ["sort", "last_active_at"],
        ["unread", unread],
      ];
      await compare(world, service, {
        method: "GET",
        collection: "conversations",
        query: { words: true, attributes: query },
        body: { words: true, attributes: [] },
        token,
      });
    }
  }
}

// ----------------------------------------------------------------------------------------------------------- the steps

type Command = fc.AsyncCommand<World, Service>;
type Perform<T> = (world: World, service: Service, choice: T) => Promise<unknown>;

const step = <T>(weight: number, name: string, choices: fc.Arbitrary<T>, perform: Perform<T>) => ({
  weight,
  arbitrary: choices.map(
    (choice): Command => ({
      check: () => true,
      run: async (world, service) => void (await perform(world, service, choice)),
      toString: () => `${name} ${fc.stringify(choice)}`,
    }),
  ),
});

const request = (weight: number, collection: "conversations" | "messages", verb: keyof typeof requests.messages) =>
  step<Choice>(weight, `${verb} ${collection}`, requests[collection][verb], (world, service, choice) =>
    compare(world, service, resolve(world, collection, choice)),
  );

const updatedMany = step(5, "update many conversations", requests.updateMany, (world, service, choice) =>
  compare(world, service, resolve(world, "conversations", choice)),
);

/** Several requests in one step, so that they stay together when a sequence is shrunk. */
const talked = step(6, "talk", talk, async (world, service, choices) => {
  for (const { kind, choice } of choices) await compare(world, service, resolve(world, kind, choice));
});

/** The operator grants a token. */
const granted = step(
  2,
  "grant",
  fc.record({
    n,
    scopes: fc.noBias(fc.integer({ min: 1, max: 15 })),
    expires_at: fc.constantFrom(null, null, 1, 253402300799),
  }),
  async ({ tokens }, { accounts, authorizations }, { n, scopes, expires_at }) => {
    const [model, real] = [...accounts][n % accounts.size]!;
    const token = { account: model, good: expires_at !== 1, scopes };
    authorizations.set(token, `Bearer ${await grant(real.id, { scopes, expires_at })}`);
    tokens.push(token);
  },
);

/** The operator revokes one, or its time has come. */
const revoked = step(
  1,
  "revoke",
  fc.record({ n, column: fc.constantFrom("revoked_at", "expires_at") }),
  async ({ tokens }, { authorizations }, { n, column }) => {
    const good = tokens.slice(2).filter(({ good }) => good);
    const token = good[n % good.length];
    if (token === undefined) return;
    token.good = false;
    const [, text = ""] = authorizations.get(token)!.split(" ");
    await sql(`UPDATE tokens SET ${column} = 1 WHERE hash = ?`, hashOf(text));
  },
);

/** More than a sequence of requests can make, and of other times than the few seconds in which they all happen. */
const filled = step(4, "fill", fc.record({ n, stored }), async (world, { accounts }, { n, stored }) => {
  const [model, real] = [...accounts][n % accounts.size]!;
  const made: { conversations: Conversation[]; messages: Message[] } = { conversations: [], messages: [] };
  for (const { who, messages, received, ...columns } of stored) {
    const { id, last_active_ms } = columns;
    const conversation = {
      ...NEW_CONVERSATION,
      ...who,
      ...columns,
      last_received_ms: received ? last_active_ms : null,
      created_at: second(msOf(id)),
    };
    if (model.conversations.has(conversation.id)) continue;
    model.conversations.set(conversation.id, conversation);
    made.conversations.push(conversation);
    for (const id of messages) {
      if (model.messages.has(id)) continue;
      const message = {
        ...NEW_MESSAGE,
        id,
        conversation_id: conversation.id,
        message: "Hello",
        created_at: second(msOf(id)),
      };
      model.messages.set(id, message);
      made.messages.push(message);
    }
  }
  for (const table of ["conversations", "messages"] as const) {
    const columns = Object.keys(made[table][0] ?? {});
    if (columns.length === 0) continue;
    await sql(
      `INSERT INTO ${table} (account_id, ${columns.join(", ")})
       SELECT ?, ${columns.map((column) => `value ->> '${column}'`).join(", ")} FROM json_each(?)`,
      real.id,
      JSON.stringify(made[table]),
    );
  }
  for (const object of [...made.conversations, ...made.messages]) log(model, object, "created", null);
  world.conversations.push(...made.conversations);
  world.messages.push(...made.messages);
});

/** A consumer reads the log. */
const followed = step(
  6,
  "events",
  fc.record({ n, after: fc.noBias(fc.nat(999)), limit: fc.integer({ min: 1, max: 20 }) }),
  async (_, service, { n, after, limit }) => {
    const model = [...service.accounts.keys()][n % service.accounts.size]!;
    await compareEvents(service, model, after % (model.events.length + 1), limit);
  },
);

const steps = fc.oneof(
  request(12, "conversations", "create"),
  request(20, "conversations", "list"),
  request(5, "conversations", "retrieve"),
  request(16, "conversations", "update"),
  request(5, "conversations", "delete"),
  updatedMany,
  request(14, "messages", "create"),
  request(8, "messages", "list"),
  request(4, "messages", "retrieve"),
  request(6, "messages", "update"),
  request(5, "messages", "delete"),
  talked,
  granted,
  revoked,
  filled,
  followed,
);

// ------------------------------------------------------------------------------------------------------------- the run

/** The first lane that failed, and until when it is shrunk. The others fall silent: it has all the machine. */
let failing: { lane: number; until: number } | undefined;
const SHRINKING = 300_000;

describe("whatever is asked in whatever order, the answers are the model's", { concurrency: LANES }, () => {
  for (let lane = 0; lane < LANES; lane += 1) {
    test(`sequences of seed ${SEED}, ${lane + 1} of ${LANES}`, async (t) => {
      let count = 0;
      const started = performance.now();
      const sequences = fc.commands([steps], { maxCommands: LENGTH, size: "max", disableReplayLog: true });
      const property = fc.asyncProperty(sequences, async (commands) => {
        if (failing !== undefined && (failing.lane !== lane || performance.now() > failing.until)) return;
        const { model, real } = await start();
        try {
          await fc.asyncModelRun(() => ({ model, real }), commands);
          await compareContents(model, real);
        } catch (error) {
          failing ??= { lane, until: performance.now() + SHRINKING };
          if (failing.lane !== lane) return;
          (error as Error).stack += `\n\nWhat was asked and answered:\n${real.log.join("\n")}`;
          throw error;
        } finally {
          count += real.log.length;
        }
      });
      await fc.assert(property, {
        seed: SEED * LANES + lane,
        numRuns: Math.ceil(STEPS / LANES / (LENGTH / 2)),
        includeErrorInReport: true,
      });
      t.diagnostic(`${count} requests, ${Math.round((1000 * count) / (performance.now() - started))} a second`);
    });
  }
});
