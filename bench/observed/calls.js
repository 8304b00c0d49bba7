// This project's Worker, with one more path: the number of its D1 calls so far.
import worker, { Account } from "../../src/entry.js";

export { Account };

let calls = 0;

export default {
  fetch(request, env, ctx) {
    if (request.url.endsWith("/bench-d1-calls")) return Response.json(calls);
    return worker.fetch(request, { ...env, DB: counted(env.DB) }, ctx);
  },
};

/** The database, whose `batch` is counted: the Worker calls D1 in no other way. */
const counted = (db) =>
  new Proxy(db, {
    get(target, name) {
      if (name === "batch") calls += 1;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
