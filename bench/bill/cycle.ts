// A message cycle: its requests, the account that it is measured in, and the rows that D1 reads and writes for it, in
// this project's Worker and in the peer.
import assert from "node:assert/strict";
import { root } from "../../scripts/shared.ts";
import { TOKEN, TOKEN_HASH } from "../cases.ts";
import type { Use } from "./deliveries.ts";
import { KINDS, type Request, STEPS } from "./steps.ts";
import "../../tests/quiet.ts";

const { createTestHarness, experimental_readRawConfig } = await import("wrangler");

/** Rows of a step, as the average of all cycles. */
export interface Rows {
  read: number;
  written: number;
}

export interface Size {
  /** Conversations in the account. */
  conversations: number;
  /** Each in a conversation of its own. A multiple of five, so that one in five is in a conversation of a group. */
  cycles: number;
}
export const FULL: Size = { conversations: 5000, cycles: 100 };
export const QUICK: Size = { conversations: 300, cycles: 10 };

/** Messages in a conversation before its cycle. */
const MESSAGES = 20;

/** A Worker that is measured. */
export interface Worker {
  send: Send;
  /** What its Durable Objects have done so far. */
  object: () => Promise<Use>;
}

/** Runs both Workers, each with an account of its own. */
export async function start() {
  const { rawConfig } = experimental_readRawConfig({ config: `${root}/wrangler.toml` });
  const { compatibility_date, vars } = rawConfig;
  // The limit allows fewer requests than fill the account, and wrangler's own limiter takes longer than a request.
  const services = ["ACCOUNT_LIMIT", "ADDRESS_LIMIT"].map((binding) => ({ binding, service: "limiter" }));
  const d1 = { binding: "DB", database_name: "peer", database_id: "peer" };
  const server = createTestHarness({
    root,
    workers: [
      {
        config: {
          ...rawConfig,
          main: "bench/observed/object.js",
          vars: { ...vars, WEBHOOK_KEY: "the key of the bill's webhooks, any text", ALLOW_LOOPBACK_WEBHOOKS: true },
          ratelimits: undefined,
          assets: undefined,
          build: {},
          services,
        } as never,
      },
      {
        config: {
          name: "peer",
          main: "bench/bill/metered.ts",
          compatibility_date,
          vars,
          services,
          d1_databases: [{ ...d1, migrations_dir: "bench/bill/peer/migrations" }],
        } as never,
      },
      { config: { name: "limiter", main: "bench/limiter/worker.js", compatibility_date } },
    ],
  });
  await server.listen();

  async function worker(name: string, tables: string[]): Promise<Worker> {
    const handle = server.getWorker<{ DB: any }>(name);
    await handle.applyD1Migrations("DB");
    const { DB } = await handle.getEnv();
    for (const sql of tables) await DB.prepare(sql).run();
    return {
      send: caller(handle.fetch),
      object: async () => (await handle.fetch("/bench-object")).json() as Promise<Use>,
    };
  }
  const ours = await worker(rawConfig.name!, [
    "INSERT INTO accounts (id, name, created_at) VALUES (1, 'bill', 0)",
    `INSERT INTO tokens (hash, id, account_id, name, scopes, created_at)
     VALUES ('${TOKEN_HASH}', 'billbillbillbill', 1, 'bill', 79, 0)`,
  ]);
  const peer = await worker("peer", [
    "INSERT INTO accounts (id, name) VALUES (1, 'bill')",
    `INSERT INTO tokens (hash, account_id, scopes) VALUES ('${TOKEN_HASH}', 1, 15)`,
  ]);
  return { close: () => server.close(), ours, peer };
}

/** Sends a request, which must succeed, and returns what it answered and the rows that D1 read and wrote for it. */
function caller(fetch: (url: string, init: object) => Promise<any>) {
  return async ([method, path, body]: Request): Promise<{ json: any; rows: Rows }> => {
    const response = await fetch(path, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text: string = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    const timing = /desc="(\d+) rows read, (\d+) written"/.exec(response.headers.get("server-timing"));
    return {
      json: text === "" ? null : JSON.parse(text),
      rows: { read: Number(timing![1]), written: Number(timing![2]) },
    };
  };
}
type Send = ReturnType<typeof caller>;

/** Fills the account and returns the average rows of each step of the cycles. */
export async function measureCycles({ send }: Worker, { conversations, cycles }: Size): Promise<Rows[]> {
  const subjects = await fill(send, conversations, cycles);
  const sums = STEPS.map(() => ({ read: 0, written: 0 }));
  for (const conversation of subjects) {
    await checkUnread(send, conversation, false);
    for (const [at, { request }] of STEPS.entries()) {
      const { json, rows } = await send(request(conversation));
      if (json.data !== undefined) assert.equal(json.data.length, 10);
      sums[at]!.read += rows.read;
      sums[at]!.written += rows.written;
      if (at === 0) await checkUnread(send, conversation, true);
    }
    await checkUnread(send, conversation, false);
  }
  return sums.map(({ read, written }) => ({ read: read / cycles, written: written / cycles }));
}

/** Checks that the conversation is, or is not, the unread one with the latest activity: each cycle must change that. */
async function checkUnread(send: Send, conversation: string, unread: boolean): Promise<void> {
  const { json } = await send(["GET", "/v1/conversations?sort=last_active_at&unread=true&limit=1"]);
  assert.equal(json.data[0]?.id === conversation, unread, `${conversation} must ${unread ? "" : "not "}be unread`);
}

/** Makes the conversations of the account, and returns those of the cycles: they are read, not archived, and the only
 * ones with messages, so a list by activity has no archived conversation to skip. A quarter of the others have flags,
 * in all combinations. The rest are unread. */
async function fill(send: Send, conversations: number, cycles: number): Promise<string[]> {
  const create = (n: number) =>
    send([
      "POST",
      "/v1/conversations",
      n % KINDS === 0 ? { group_id: `group-${n % 7}` } : { contact_id: `contact-${n}` },
    ]);
  const subjects = await inTurn(cycles, async (n) => (await create(n)).json.id as string);
  for (let message = 0; message < MESSAGES; message += 1) {
    await inTurn(cycles, (at) =>
      send(["POST", "/v1/messages", { conversation_id: subjects[at], message: `Message ${message}` }]),
    );
  }
  await inTurn(conversations - cycles, async (n) => {
    const { json } = await create(n);
    const flags = FLAGS[n % (4 * FLAGS.length)];
    if (flags !== undefined) await send(["PUT", `/v1/conversations/${json.id}`, flags]);
  });
  return subjects;
}

/** All combinations of flags. */
const FLAGS = [false, true].flatMap((is_pinned) =>
  [false, true].flatMap((is_muted) =>
    [null, 1_700_000_000].flatMap((archived_at) =>
      [null, 1_700_000_000].map((last_opened_at) => ({ is_pinned, is_muted, archived_at, last_opened_at })),
    ),
  ),
);

/** Does something for each number, several at a time, and returns what came of each. */
async function inTurn<T>(count: number, work: (n: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    for (let n = next++; n < count; n = next++) results[n] = await work(n);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  return results;
}
