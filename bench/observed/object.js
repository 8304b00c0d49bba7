// This project's Worker, with one more path: what the Durable Objects have done so far.
import worker, { Account as Observed } from "../../src/entry.js";

const seen = { requests: 0, alarmsSet: 0, calls: 0, rowsRead: 0, rowsWritten: 0 };

export class Account extends Observed {
  constructor(context, env) {
    const { storage } = context;
    const { setAlarm } = storage;
    storage.setAlarm = (...args) => {
      seen.alarmsSet += 1;
      return setAlarm.apply(storage, args);
    };
    super(context, { ...env, DB: counted(env.DB) });
  }

  /** An alarm calls it too. */
  fetch(request) {
    seen.requests += 1;
    return super.fetch(request);
  }
}

export default {
  ...worker,
  fetch: (request, env, context) =>
    request.url.endsWith("/bench-object") ? Response.json(seen) : worker.fetch(request, env, context),
};

/** The database, whose `batch` is counted: the objects call D1 in no other way. */
const counted = (db) => ({
  prepare: (sql) => db.prepare(sql),
  batch: async (statements) => {
    const results = await db.batch(statements);
    seen.calls += 1;
    for (const { meta } of results) {
      seen.rowsRead += meta.rows_read;
      seen.rowsWritten += meta.rows_written;
    }
    return results;
  },
});
