// The Worker as it is deployed, with an eye on its database: every answer also says in test-only headers how many calls
// to D1 it took and how many rows those read and wrote. Request headers which the Worker itself doesn't know ask for
// more: `x-test-trap` makes the named step of the next request to take it trap, as a panic does, `x-test-explain` for the query plans of what was run, `x-test-d1-failure` for calls that fail with that text,
// `x-test-no-d1` for a deployment without a database. `x-test-sql` goes past the Worker: its body is a statement to run.
import { Exchange } from "../../build/index.js";
import worker from "../../src/entry.js";

export default {
  async fetch(request, env, ctx) {
    if (request.headers.has("x-test-sql")) return query(env.DB, await request.json());
    const seen = { calls: 0, rowsRead: 0, rowsWritten: 0, statements: [] };
    const failure = request.headers.get("x-test-d1-failure");
    if (request.headers.has("x-test-trap")) trap(request.headers.get("x-test-trap"));
    const DB = request.headers.has("x-test-no-d1") ? undefined : observe(env.DB, seen, failure);
    const response = await worker.fetch(request, { ...env, DB }, ctx);
    const observed = new Response(response.body, response);
    observed.headers.set("x-test-d1-calls", seen.calls);
    observed.headers.set("x-test-d1-rows-read", seen.rowsRead);
    observed.headers.set("x-test-d1-rows-written", seen.rowsWritten);
    if (request.headers.has("x-test-explain")) {
      const plans = await Promise.all(seen.statements.map((statement) => explain(env.DB, statement)));
      observed.headers.set("x-test-d1-plans", encodeURIComponent(JSON.stringify(plans)));
    }
    return observed;
  },
};

/** Lets the next call of a step read outside the wasm's memory. */
function trap(step) {
  const real = Exchange.prototype[step];
  Exchange.prototype[step] = function (...values) {
    Exchange.prototype[step] = real;
    this.__wbg_ptr = 0xfffffff0;
    return real.apply(this, values);
  };
}

function observe(db, seen, failure) {
  const texts = new WeakMap();

  async function call(statements, run) {
    seen.calls += 1;
    seen.statements.push(...statements.map((statement) => texts.get(statement)));
    if (failure !== null) throw new Error(failure);
    const answer = await run();
    for (const { meta } of Array.isArray(answer) ? answer : [answer]) {
      seen.rowsRead += meta.rows_read;
      seen.rowsWritten += meta.rows_written;
    }
    return answer;
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
    prepare: (sql) => watch(db.prepare(sql), sql, []),
    batch: (statements) => call(statements, () => db.batch(statements)),
    exec: unobserved("exec"),
    withSession: unobserved("withSession"),
  };
  return new Proxy(db, {
    get: (target, name) => (Object.hasOwn(covers, name) ? covers[name] : Reflect.get(target, name)),
  });
}

async function query(db, { sql, params }) {
  try {
    const { results } = await db.prepare(sql).bind(...params).all();
    return Response.json({ results });
  } catch (error) {
    return Response.json({ error: String(error) });
  }
}

async function explain(db, { sql, params }) {
  const { results } = await db.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...params).all();
  return { sql, steps: results.map((row) => row.detail) };
}
