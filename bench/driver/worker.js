// The driver: runs in workerd beside the measured Workers and calls them over service bindings, one request after the
// other, so that the figures include no socket and no proxy. It also runs the SQL that fills the databases. Only
// bench/world.ts calls it.

/** Lists of requests by name, sent once. */
const plans = new Map();

export default {
  async fetch(request, env) {
    const order = await request.json();
    try {
      return Response.json((await ORDERS[order.do](order, env)) ?? null);
    } catch (error) {
      return Response.json({ error: String(error?.stack ?? error) }, { status: 500 });
    }
  },
};

const ORDERS = {
  /** Keeps a list of requests under a name. */
  plan({ name, requests }) {
    plans.set(
      name,
      requests.map(({ path, ...init }) => ({ url: `https://api.self.chat${path}`, init })),
    );
  },

  /** Sends `count` requests of a plan, from the one at `offset` on, and reads every response to its end. */
  async run({ worker, name, count, offset, status }, env) {
    const service = env[worker];
    const plan = plans.get(name);
    for (let at = offset; at < offset + count; at += 1) {
      const { url, init } = plan[at % plan.length];
      const response = await service.fetch(url, init);
      const body = await response.text();
      if (response.status !== status) throw new Error(`${worker} ${name}: ${response.status} ${body}`);
    }
  },

  /** Collects the driver's garbage before a measurement, so that it is not part of one. */
  collect() {
    globalThis.gc();
  },

  /** Sends every request of a plan and returns the responses. */
  async answers({ worker, name }, env) {
    const answers = [];
    for (const { url, init } of plans.get(name)) {
      const response = await env[worker].fetch(url, init);
      answers.push({
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await response.text(),
      });
    }
    return answers;
  },

  /** Runs statements in one transaction, and returns the rows of the last one. */
  async sql({ database, statements }, env) {
    const d1 = env[database];
    const answers = await d1.batch(statements.map(({ sql, params = [] }) => d1.prepare(sql).bind(...params)));
    return answers.at(-1).results;
  },
};
