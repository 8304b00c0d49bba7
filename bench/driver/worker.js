// The driver: runs inside workerd beside the Workers under test and calls them over service bindings, one request
// after the other, so that no socket and no proxy is part of what is measured. Also runs SQL on the databases, to fill
// them. Spoken to by bench/world.ts alone.

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

  /** Sends `count` requests of a plan, beginning with the one at `offset`, and reads every answer to its end. */
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

  /** Collects the driver's own garbage, so that nobody's measurement has to. */
  collect() {
    globalThis.gc();
  },

  /** Sends every request of a plan and gives the answers. */
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

  /** Runs statements, each a transaction of its own, and gives the rows of the last. */
  async sql({ database, statements }, env) {
    let answer;
    for (const { sql, params = [] } of statements) {
      answer = await env[database]
        .prepare(sql)
        .bind(...params)
        .all();
    }
    return answer.results;
  },
};
