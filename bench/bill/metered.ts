// The peer with the rows that D1 read and wrote in a `Server-Timing` header, as this project's Worker has them.
import type { App } from "../peers/hono/app.ts";
import peer from "./peer/index.ts";

type Meta = { rows_read: number; rows_written: number };

export default {
  async fetch(request: Request, env: App["Bindings"]): Promise<Response> {
    const metas: Meta[] = [];
    const response = await peer.fetch(request, { ...env, DB: metered(env.DB, metas) });
    const sum = (name: keyof Meta) => metas.reduce((total, meta) => total + meta[name], 0);
    const headers = new Headers(response.headers);
    headers.set("Server-Timing", `d1;desc="${sum("rows_read")} rows read, ${sum("rows_written")} written"`);
    return new Response(response.body, { status: response.status, headers });
  },
};

/** The database, which adds the meta of every statement to `metas`. Drizzle uses these methods of D1 and no others. */
function metered(db: any, metas: Meta[]) {
  const result = (answer: any) => {
    metas.push(answer.meta);
    return answer;
  };
  // `batch` takes only D1's own statements, so these get the methods.
  const statement = (own: any) => {
    const { bind, all } = own;
    own.bind = (...params: unknown[]) => statement(bind.apply(own, params));
    own.all = async () => result(await all.call(own));
    own.run = own.all;
    // `raw` of D1 tells no meta. It is the same query, with the rows as lists.
    own.raw = async () => (await own.all()).results.map(Object.values);
    return own;
  };
  return {
    prepare: (sql: string) => statement(db.prepare(sql)),
    batch: async (statements: unknown[]) => (await db.batch(statements)).map(result),
  };
}
