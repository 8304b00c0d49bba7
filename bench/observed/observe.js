// Wraps a Worker so that a header of every response has its calls to D1, with statements and parameters.
// The request header `x-bench-statements` sets STATEMENTS of the floor.

export const observe = (worker) => ({
  async fetch(request, env, ctx) {
    const calls = [];
    const given = request.headers.get("x-bench-statements");
    const STATEMENTS = given === null ? undefined : JSON.parse(decodeURIComponent(given));
    const inner = new Request(request);
    inner.headers.delete("x-bench-statements");
    const response = await worker.fetch(inner, { ...env, STATEMENTS, DB: watch(env.DB, calls) }, ctx);
    const observed = new Response(response.body, response);
    observed.headers.set("x-bench-d1", encodeURIComponent(JSON.stringify(calls)));
    return observed;
  },
});

function watch(db, calls) {
  const texts = new WeakMap();
  const statement = (prepared, sql, params) => {
    texts.set(prepared, { sql, params });
    const { bind } = prepared;
    prepared.bind = (...values) => statement(bind.apply(prepared, values), sql, values);
    for (const name of ["all", "run", "first", "raw"]) {
      const method = prepared[name];
      prepared[name] = (...args) => {
        calls.push([texts.get(prepared)]);
        return method.apply(prepared, args);
      };
    }
    return prepared;
  };
  const covers = {
    prepare: (sql) => statement(db.prepare(sql), sql, []),
    batch: (statements) => {
      calls.push(statements.map((each) => texts.get(each)));
      return db.batch(statements);
    },
    exec: (sql) => {
      calls.push([{ sql, params: [] }]);
      return db.exec(sql);
    },
    withSession: () => {
      throw new TypeError("bench/observed/observe.js does not support sessions yet.");
    },
  };
  return new Proxy(db, {
    get: (target, name) => (Object.hasOwn(covers, name) ? covers[name] : Reflect.get(target, name)),
  });
}
