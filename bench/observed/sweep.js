// This project's Worker, with one more path: a sweep, and what it and a health check ask of the databases.
import worker, { Account } from "../../src/entry.js";

export { Account };

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    const isSweep = pathname === "/bench-sweep";
    if (!isSweep && pathname !== "/bench-health") return worker.fetch(request, env, context);
    const seen = { calls: 0, rowsRead: 0, rowsWritten: 0 };
    const observed = Object.fromEntries(
      Object.entries(env).map(([name, binding]) => [name, /^DB(_\d+)?$/.test(name) ? counted(binding, seen) : binding]),
    );
    const answer = await (isSweep
      ? worker.scheduled({ scheduledTime: 0 }, observed, context)
      : worker.fetch(new Request(new URL("/health", request.url)), observed, context));
    return Response.json({ ...seen, status: answer?.status });
  },
};

/** The database, which counts: the Worker calls D1 in no other way. */
const counted = (db, seen) => ({
  prepare: (sql) => db.prepare(sql),
  batch: async (statements) => {
    seen.calls += 1;
    const results = await db.batch(statements);
    for (const { meta } of results) {
      seen.rowsRead += meta.rows_read;
      seen.rowsWritten += meta.rows_written;
    }
    return results;
  },
});
