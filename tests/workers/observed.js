// The Worker as it is deployed, with its databases and its log observed: every response also says in test-only headers
// how many calls to D1 it took and to which databases, how many rows those read and wrote, which limits of D1 they
// exceeded, and what was logged. Request headers that the Worker itself doesn't know ask for more:
//   x-test-explain      the query plans of what was run, with its parameters
//   x-test-clock        the database's clock is so many seconds ahead
//   x-test-clock-from   not before the statement of this number, counted from 1
//   x-test-d1-of        the headers about D1 and gates hold for calls to the database of this binding: without it, to
//                       the one that has the accounts of the tests
//   x-test-d1-failure   calls to D1 fail with this text (percent-encoded), before anything was done
//   x-test-d1-lost      the same, after everything was done
//   x-test-d1-failures  only so many calls fail, the first ones
//   x-test-d1-failures-from  the first that fails is this one, counted from 1
//   x-test-no-d1        there is no database
//   x-test-last-use     the response waits for what goes on after it, and the header of this name says in how many calls
//                       the day of a token's last use was written, and how many rows. These are not counted elsewhere
//   x-test-last-use-failure  these calls fail
//   x-test-gate         calls to D1 wait before they do anything, until the gate of this name is opened
//   x-test-gate-after   the same, after everything was done
//   x-test-gate-from    the first call that waits is this one, counted from 1
//   x-test-reached      goes past the Worker: answers once a call waits at the gate of this name
//   x-test-open         goes past the Worker: opens the gate of this name
//   x-test-limiters     the rate limiters are "full", also without the variable LIMITS: "undocumented", "failing", or
//                       there are none: "absent"
//   x-test-arrived      the request has "reached" the name once a limiter is asked, which is before its body is read
//   x-test-webhook-key  the secret WEBHOOK_KEY is this text; there is none if it is empty
//   x-test-no-loopback-webhooks  there is no variable ALLOW_LOOPBACK_WEBHOOKS
//   x-test-objects      goes past the Worker: from now on the headers of this request about D1 and gates hold for the
//                       calls of the Durable Objects
//   x-test-objects-log  goes past the Worker: what these have logged since the last time
//   x-test-trap         the wasm traps, as TRAPS below says
//   x-test-timers       goes past the Worker: from now on time in this isolate goes so many times as fast
//   x-test-sweep        the scheduled event happens, with the same environment, in place of the request
//   x-test-memory       goes past the Worker: the size of the wasm's memory in bytes
//   x-test-sql          goes past the Worker: its body is a list of statements to run in the database of this binding
// Those about read replicas are in replicated.js.
import { initSync, respondAfterTrap } from "../../build/index.js";
import worker, { Account } from "../../src/entry.js";
import { excessOfResult, excessOfStatement, LIMITS } from "./d1_limits.js";
import { control, withReplicas } from "./replicated.js";

/** What was logged, line by line, by the id of the request, or as "sweep" or "deliveries". A panic's own message has
 * none of them. */
const logged = new Map();
for (const name of ["log", "error"]) {
  console[name] = (line) => {
    if (!line.startsWith("{")) return;
    const { request_id, route } = JSON.parse(line);
    const id = ["sweep", "deliveries"].includes(route) ? route : request_id;
    logged.set(id, [...(logged.get(id) ?? []), { stream: name, line }]);
  };
}

/** What happens to the calls to D1 of all Durable Objects. */
let headersForObjects = new Headers();
let faultsOfObjects = faults(headersForObjects, {});

/** What a request, or an object, has taken of D1. */
const nothingSeen = () => ({
  calls: 0,
  databases: [],
  rowsRead: 0,
  rowsWritten: 0,
  statements: [],
  excess: [],
  lastUse: { calls: 0, databases: [], rowsRead: 0, rowsWritten: 0 },
});

/** The Durable Object, with its database observed. */
class ObservedAccount extends Account {
  constructor(context, env) {
    // An object's life has any number of calls.
    const seen = { ...nothingSeen(), calls: -Infinity };
    const [, number] = /^(?:(\d+)\.)?\d+$/.exec(context.id.name);
    const ofAccount = number === undefined ? "DB" : `DB_${number}`;
    const failure = (name) => {
      if (name !== ofAccount) throw new Error(`the object ${context.id.name} asks ${name}`);
      if (seen.excess.length > 0) throw new Error(`beyond the limits of D1: ${seen.excess}`);
      return faultsOfObjects(name);
    };
    const bound = withReplicas(env, ofAccount, headersForObjects);
    super(context, {
      ...env,
      ...observed(
        bound,
        () => seen,
        failure,
        (sql) => sql,
      ),
    });
  }
}

export { ObservedAccount as Account };

export default {
  async fetch(request, env, ctx) {
    const bound = withReplicas(env, home(env), request.headers);
    if (request.headers.has("x-test-sql")) return query(bound[request.headers.get("x-test-sql")], await request.json());
    if (request.headers.has("x-test-replicas")) return control(env, home(env), await request.json());
    if (request.headers.has("x-test-reached"))
      return new Response(await happened(`reached ${request.headers.get("x-test-reached")}`));
    if (request.headers.has("x-test-timers"))
      return new Response(speedUp(Number(request.headers.get("x-test-timers"))));
    if (request.headers.has("x-test-memory")) return new Response(initSync().memory.buffer.byteLength);
    if (request.headers.has("x-test-open")) return new Response(happen(`opened ${request.headers.get("x-test-open")}`));
    if (request.headers.has("x-test-objects")) {
      headersForObjects = new Headers(request.headers);
      faultsOfObjects = faults(headersForObjects, env);
      return new Response();
    }
    if (request.headers.has("x-test-objects-log")) {
      const lines = logged.get("deliveries") ?? [];
      logged.delete("deliveries");
      return Response.json(lines);
    }
    const [seen, elsewhere] = [nothingSeen(), nothingSeen()];
    seen.lastUseFails = request.headers.has("x-test-last-use-failure");
    const isSweep = request.headers.has("x-test-sweep");
    // A sweep has a line in the log for each database, and what a test counts is of one.
    const seenOf = (name) => (isSweep && name !== of(request.headers, env) ? elsewhere : seen);
    const databases = observed(bound, seenOf, faults(request.headers, env), clock(request.headers));
    if (request.headers.has("x-test-no-d1")) databases[home(env)] = undefined;
    const [limiters, limited] = observeLimits(env, request.headers);
    const observedEnv = { ...env, ...limiters, ...webhooks(env, request.headers), ...databases };
    TRAPS[request.headers.get("x-test-trap")]?.(observedEnv, request);
    const after = [];
    const context = {
      waitUntil(promise) {
        after.push(promise);
        ctx.waitUntil(promise);
      },
    };
    const response = isSweep ? await sweep(observedEnv, context) : await worker.fetch(request, observedEnv, context);
    const told = new Response(response.body, response);
    if (request.headers.has("x-test-last-use")) {
      await Promise.allSettled(after);
      told.headers.set("x-test-last-use", JSON.stringify(seen.lastUse));
    }
    told.headers.set("x-test-d1-calls", seen.calls);
    told.headers.set("x-test-d1-databases", seen.databases.join(" "));
    told.headers.set("x-test-d1-copies", (bound[home(env)].answered ?? []).join(" "));
    told.headers.set("x-test-d1-rows-read", seen.rowsRead);
    told.headers.set("x-test-d1-rows-written", seen.rowsWritten);
    told.headers.set("x-test-d1-excess", seen.excess.join(" "));
    told.headers.set("x-test-limited", JSON.stringify(limited));
    const id = response.headers.get("x-request-id");
    told.headers.set("x-test-log", encodeURIComponent(JSON.stringify(logged.get(id) ?? [])));
    logged.delete(id);
    if (request.headers.has("x-test-explain")) {
      const plans = await Promise.all(seen.statements.map((statement) => explain(env[home(env)], statement)));
      told.headers.set("x-test-d1-plans", encodeURIComponent(JSON.stringify(plans)));
    }
    return told;
  },
};

/** Makes timers and the clock of the Worker faster, so that a test need not wait. */
function speedUp(times) {
  const { setTimeout } = globalThis;
  globalThis.setTimeout = (task, milliseconds, ...rest) => setTimeout(task, milliseconds / times, ...rest);
  const Real = Date;
  const begin = Real.now();
  globalThis.Date = class extends Real {
    static now = () => begin + times * (Real.now() - begin);

    constructor(...given) {
      super(...(given.length > 0 ? given : [Date.now()]));
    }
  };
}

/** One minute is over. */
async function sweep(env, ctx) {
  await worker.scheduled({ cron: "* * * * *", scheduledTime: Date.now() }, env, ctx);
  return new Response(null, { status: 204, headers: { "x-request-id": "sweep" } });
}

/** The database that has the accounts of the tests. */
const home = (env) => env.TEST_HOME ?? "DB";

/** The database for which the headers about D1 hold. */
const of = (headers, env) => headers.get("x-test-d1-of") ?? home(env);

/** What happens to each call to a database before it does anything, and afterwards. */
function faults(headers, env) {
  let left = Number(headers.get("x-test-d1-failures") ?? Infinity);
  let before = Number(headers.get("x-test-d1-failures-from") ?? 1) - 1;
  let ungated = Number(headers.get("x-test-gate-from") ?? 1) - 1;
  const fault = (failing, text, name) => async () => {
    if (name !== null) {
      happen(`reached ${name}`);
      await happened(`opened ${name}`);
    }
    if (failing && text !== null) throw new Error(decodeURIComponent(text));
  };
  return (name) => {
    if (name !== of(headers, env)) return { before() {}, after() {} };
    const failing = before-- <= 0 && left-- > 0;
    const gated = ungated-- <= 0;
    const gate = (name) => (gated ? headers.get(name) : null);
    return {
      before: fault(failing, headers.get("x-test-d1-failure"), gate("x-test-gate")),
      after: fault(failing, headers.get("x-test-d1-lost"), gate("x-test-gate-after")),
    };
  };
}

/** Moves the clock that a statement reads. The number of a statement is its place in the transaction. */
function clock(headers) {
  const [ahead, from] = ["x-test-clock", "x-test-clock-from"].map((name) => Number(headers.get(name) ?? 0));
  return (sql, number) => {
    if (/\b(julianday|strftime|date|time|datetime)\s*\(|\bcurrent_/i.test(sql))
      throw new TypeError(`tests/workers/observed.js does not know this clock: ${sql}`);
    return ahead === 0 || number < from ? sql : sql.replaceAll(/unixepoch\([^)]*\)/g, `($& + ${ahead})`);
  };
}

/** What has happened, by name: true, or who waits for it. */
const events = new Map();

function happen(name) {
  if (events.get(name) === true) return;
  const waiting = events.get(name) ?? [];
  events.set(name, true);
  for (const resolve of waiting) resolve();
}

/** Waits until something has happened in another request. One without a timer of its own would count as one that hangs,
 * and a promise lives and dies with the request that made it. */
async function happened(name) {
  if (events.get(name) === true) return;
  const { promise, resolve } = Promise.withResolvers();
  events.set(name, [...(events.get(name) ?? []), resolve]);
  await Promise.race([promise, scheduler.wait(60_000)]);
}

/** The rate limiters, and which of them are asked for which key. */
function observeLimits(env, headers) {
  const [state, arrived] = [headers.get("x-test-limiters"), headers.get("x-test-arrived")];
  const asked = [];
  const watch = (name) => ({
    limit: async (options) => {
      asked.push([name, options.key]);
      if (arrived !== null) happen(`reached ${arrived}`);
      if (state === "failing") throw new Error("no limiter");
      return state === "full" || state === "undocumented" ? { success: false } : env[name].limit(options);
    },
  });
  const limiter = (name) => [name, state === "absent" ? undefined : watch(name)];
  const limits = state === "undocumented" ? undefined : env.LIMITS;
  return [{ ...Object.fromEntries(["ACCOUNT_LIMIT", "ADDRESS_LIMIT"].map(limiter)), LIMITS: limits }, asked];
}

/** What the Worker needs for webhooks, as the operator has set it. */
function webhooks({ WEBHOOK_KEY, ALLOW_LOOPBACK_WEBHOOKS }, headers) {
  return {
    WEBHOOK_KEY: (headers.get("x-test-webhook-key") ?? WEBHOOK_KEY) || undefined,
    ALLOW_LOOPBACK_WEBHOOKS: headers.has("x-test-no-loopback-webhooks") ? undefined : ALLOW_LOOPBACK_WEBHOOKS,
  };
}

/** Ways in which the wasm traps, given the bindings that the Worker gets. */
const TRAPS = {
  /** `worker::Delay`, with which Rust waits before a second call to D1, unwraps what setTimeout returns. */
  panic(env) {
    const failure = new Error("D1_ERROR: Network connection lost.");
    const database = { prepare: () => ({ bind() {} }), batch: () => Promise.reject(failure) };
    env[home(env)] = { ...database, withSession: () => database };
    const { setTimeout } = globalThis;
    globalThis.setTimeout = () => {
      globalThis.setTimeout = setTimeout;
      throw new Error("no timer");
    };
  },

  /** An access out of bounds while Rust takes the database out of the bindings. */
  memory(env) {
    Object.defineProperty(env, home(env), { get: accessOutOfBounds });
  },

  /** At the same place, calls from Rust to JavaScript to Rust, without end. */
  overflow(env, request) {
    const again = () => void respondAfterTrap(request, "calls itself");
    const get = () => {
      const { log, error } = console;
      [console.log, console.error] = [again, again];
      try {
        again();
      } finally {
        [console.log, console.error] = [log, error];
      }
    };
    Object.defineProperty(env, home(env), { get });
  },

  /** An access out of bounds when Rust makes the request's promise, before it waits for anything. */
  synchronous() {
    const Real = Promise;
    globalThis.Promise = new Proxy(Real, {
      get: (_, name) => Real[name].bind(Real),
      construct() {
        globalThis.Promise = Real;
        accessOutOfBounds();
      },
    });
  },
};

/** Already instantiated by entry.js: `initSync` gives the same instance. */
const accessOutOfBounds = () => initSync().__wbindgen_free(0xfffffff0, 16, 8);

/** The databases, each observed. `seenOf` says where what a database does is counted. */
function observed(env, seenOf, failure, moved) {
  const names = Object.keys(env).filter((name) => /^DB(_\d+)?$/.test(name));
  return Object.fromEntries(names.map((name) => [name, observe(env[name], name, seenOf(name), failure, moved)]));
}

function observe(db, name, seen, failure, moved) {
  let prepared = 0;
  const texts = new WeakMap();

  async function call(statements, run) {
    prepared = 0;
    const asked = statements.map((statement) => texts.get(statement));
    if (asked.every(({ sql }) => sql.includes("SET last_used_at"))) return callForLastUse(asked, run);
    seen.calls += 1;
    seen.databases.push(name);
    seen.statements.push(...asked);
    if (seen.calls > LIMITS.queriesPerInvocation) seen.excess.push("queriesPerInvocation");
    seen.excess.push(...asked.flatMap(excessOfStatement));
    const { before, after } = failure(name);
    await before();
    const answer = await run();
    await after();
    for (const result of [answer].flat()) {
      seen.rowsRead += result.meta.rows_read;
      seen.rowsWritten += result.meta.rows_written;
      seen.excess.push(...excessOfResult(result));
    }
    return answer;
  }

  /** It is made after the response, so what it takes is counted for itself. */
  async function callForLastUse(asked, run) {
    const { lastUse } = seen;
    lastUse.calls += 1;
    lastUse.databases.push(name);
    seen.excess.push(...asked.flatMap(excessOfStatement));
    if (seen.lastUseFails) throw new Error("D1_ERROR: Network connection lost.");
    const results = await run();
    for (const { meta } of results) {
      lastUse.rowsRead += meta.rows_read;
      lastUse.rowsWritten += meta.rows_written;
    }
    return results;
  }

  // Statements stay what they are, so that `batch` takes them; their own methods are covered by counting ones.
  function watch(statement, sql, params) {
    texts.set(statement, { sql, params });
    const { bind, all, run } = statement;
    statement.bind = (...values) => watch(bind.apply(statement, values), sql, values);
    statement.all = () => call([statement], () => all.call(statement));
    statement.run = () => call([statement], () => run.call(statement));
    statement.first = async (column) => {
      const row = (await statement.all()).results[0] ?? null;
      return row === null || column === undefined || column === null ? row : row[column];
    };
    statement.raw = unobserved("raw");
    return statement;
  }

  const unobserved = (name) => () => {
    throw new TypeError(`tests/workers/observed.js can't see what ${name}() costs: teach it first.`);
  };
  const covers = {
    prepare: (text) => {
      prepared += 1;
      const sql = moved(text, prepared);
      return watch(db.prepare(sql), sql, []);
    },
    batch: (statements) => call(statements, () => db.batch(statements)),
    exec: unobserved("exec"),
    withSession: (freshness) => observe(db.withSession(freshness), name, seen, failure, moved),
    getBookmark: () => db.getBookmark(),
  };
  return new Proxy(db, {
    get: (target, name) => (Object.hasOwn(covers, name) ? covers[name] : Reflect.get(target, name)),
  });
}

async function query(db, statements) {
  try {
    const answers = await db.batch(statements.map(({ sql, params }) => db.prepare(sql).bind(...params)));
    return Response.json({ results: answers.map(({ results }) => results), bookmark: db.getBookmark?.() });
  } catch (error) {
    return Response.json({ error: String(error) });
  }
}

async function explain(db, { sql, params }) {
  const { results } = await db
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...params)
    .all();
  return { sql, params, steps: results.map((row) => row.detail) };
}
