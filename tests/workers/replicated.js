// Read replicas around a D1 database, by the rules of D1's sessions. A replica is a D1 database of its own, with a copy
// of all rows that the primary had at some time: what it answers is what D1 answers. Only the bookmarks are made here.
// Request headers ask for more:
//   x-test-nearest   the copy that is the nearest to the caller: the name of its binding, or "primary". Without it all
//                    take turns, and some of those that lag too much catch up first
//   x-test-outage    the copies that do not answer, separated by commas
//   x-test-sessions  "real": the sessions are those of D1 itself, which has no replicas here
//   x-test-replicas  goes past the Worker: the body is {"remember": NAME}, which keeps the primary's state under this
//                    name, or {"bring": COPY, "to": NAME}, which brings a replica to it

/** How many writes to the primary have begun, and ended. Their number names a state: a response that was given when so
 * many writes had begun has seen no others, and a copy made when all of them had ended has all. */
let begun = 0;
let ended = 0;

/** The replicas: what each has, and how often that has changed. One that was never brought to a state has none. */
const replicas = new Map();
/** States of the primary, by name. */
const remembered = new Map();
/** How many calls have chosen a copy by themselves, and how often that one lagged too much. */
let turns = 0;
let lags = 0;

/** One in so many that lag catches up, unless a copy has more rows than this to make. */
const LAGS_UNTIL_CAUGHT_UP = 4;
const MAX_ROWS_TO_CATCH_UP = 3000;
let isTooLarge = false;

/** The state of a replica that is brought to another one. */
const ON_ITS_WAY = -1;

const FIRST_PRIMARY = "first-primary";
const LOST = "D1_ERROR: Network connection lost.";

const bookmarkOf = (state) => `00000000-${state.toString(16).padStart(8, "0")}-00000000-${"0".repeat(32)}`;
const copiesOf = (env) => Object.keys(env).filter((name) => name.startsWith("COPY_"));

/** The bindings, with replicas around this database if there are any. */
export function withReplicas(env, name, headers) {
  const isReplicated = copiesOf(env).length > 0 && headers.get("x-test-sessions") !== "real";
  return isReplicated ? { ...env, [name]: new Replicated(env, env[name], headers) } : env;
}

/** What a request with x-test-replicas asks for. */
export async function control(env, name, { remember, bring, to }) {
  if (remember !== undefined) remembered.set(remember, await stateOf(env[name]));
  else await bringTo(env, bring, remembered.get(to));
  return Response.json({ bookmark: bookmarkOf(begun) });
}

class Replicated {
  /** The copies that have answered, in order. */
  answered = [];
  #env;
  #primary;
  #headers;

  constructor(env, primary, headers) {
    this.#env = env;
    this.#primary = primary;
    this.#headers = headers;
  }

  prepare(sql) {
    return this.#primary.prepare(sql);
  }

  async batch(statements) {
    const { results } = await this.#ask("primary", statements);
    return results;
  }

  /** The state that a call outside of any session has left. */
  getBookmark() {
    return bookmarkOf(begun);
  }

  withSession(constraint) {
    let bookmark = constraint === FIRST_PRIMARY ? null : constraint;
    return {
      prepare: (sql) => this.prepare(sql),
      batch: async (statements) => {
        const copy = bookmark === null || statements.some(writes) ? "primary" : await this.#nearest(bookmark);
        const { results, state } = await this.#ask(copy, statements);
        // A session never forgets what it has seen.
        if (bookmark === null || bookmark < bookmarkOf(state)) bookmark = bookmarkOf(state);
        return results;
      },
      getBookmark: () => bookmark,
    };
  }

  /** The copy that answers a read that must see this state. */
  async #nearest(bookmark) {
    const isDown = (copy) => (this.#headers.get("x-test-outage") ?? "").split(",").includes(copy);
    const isFresh = (copy) => replicas.has(copy) && bookmarkOf(replicas.get(copy).state) >= bookmark;
    const chosen = this.#headers.get("x-test-nearest");
    const all = ["primary", ...copiesOf(this.#env)];
    const copy = chosen ?? all[turns++ % all.length];
    if (copy === "primary" || isDown(copy)) return "primary";
    if (chosen === null && !isFresh(copy) && lags++ % LAGS_UNTIL_CAUGHT_UP === 0) await this.#catchUp(copy);
    return isFresh(copy) ? copy : "primary";
  }

  async #catchUp(copy) {
    // Another request brings it to a state.
    if (isTooLarge || replicas.get(copy)?.state === ON_ITS_WAY) return;
    const before = replicas.get(copy);
    begin(copy);
    const { state, tables } = await stateOf(this.#primary);
    isTooLarge = tables.reduce((rows, table) => rows + table.rows.length, 0) > MAX_ROWS_TO_CATCH_UP;
    if (!isTooLarge) await bringTo(this.#env, copy, { state, tables });
    else if (before === undefined) replicas.delete(copy);
    else replicas.set(copy, before);
  }

  /** Asks a copy. Gives what it answers, and the state that it has seen. */
  async #ask(copy, statements) {
    if (copy !== "primary") {
      const { state, version } = replicas.get(copy);
      const results = await this.#env[copy].batch(statements);
      if (results.some(({ meta }) => meta.rows_written > 0)) throw new Error(`a write in ${copy}`);
      // The replica was brought to another state while it was asked, so it may have answered from either.
      if (replicas.get(copy).version !== version) return this.#ask("primary", statements);
      this.answered.push(copy);
      return { results, state };
    }
    if ((this.#headers.get("x-test-outage") ?? "").split(",").includes("primary")) throw new Error(LOST);
    const isWrite = statements.some(writes);
    if (isWrite) begun += 1;
    try {
      const results = await this.#primary.batch(statements);
      this.answered.push("primary");
      return { results, state: begun };
    } finally {
      if (isWrite) ended += 1;
    }
  }
}

/** Whether a statement writes. */
const writes = ({ statement }) =>
  /\b(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER)\b/i.test(statement.replaceAll(/--.*|'[^']*'/g, ""));

/** The state that the primary is in: all rows. It is exact if no write was under way. */
async function stateOf(primary) {
  const tables = await run(
    primary,
    `SELECT name FROM sqlite_schema
     WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*' AND name <> 'd1_migrations'`,
  );
  for (;;) {
    const state = begun;
    const isQuiet = begun === ended;
    const rows = await primary.batch(tables.map(({ name }) => primary.prepare(`SELECT * FROM ${name}`)));
    if (isQuiet && state === begun)
      return { state, tables: tables.map(({ name }, index) => ({ name, rows: rows[index].results })) };
  }
}

/** Until a replica is in its new state it answers nothing. */
function begin(copy) {
  replicas.set(copy, { state: ON_ITS_WAY, version: (replicas.get(copy)?.version ?? 0) + 1 });
}

/** Brings a replica to a state. */
async function bringTo(env, copy, { state, tables }) {
  const replica = env[copy];
  begin(copy);
  // A replica writes nothing by itself.
  const triggers = await run(replica, "SELECT name FROM sqlite_schema WHERE type = 'trigger'");
  const all = await Promise.all(
    tables.map(async ({ name, rows }) => {
      const columns = await run(replica, `SELECT name FROM pragma_table_xinfo('${name}') WHERE hidden = 0`);
      return { name, rows, columns: columns.map((column) => column.name) };
    }),
  );
  // A table that a test has made for itself is in the primary alone.
  const copied = all.filter(({ columns }) => columns.length > 0);
  await replica.batch([
    replica.prepare("PRAGMA defer_foreign_keys = ON"),
    ...triggers.map(({ name }) => replica.prepare(`DROP TRIGGER ${name}`)),
    ...copied.map(({ name }) => replica.prepare(`DELETE FROM ${name}`)),
    ...copied.flatMap(({ name, rows, columns }) => {
      const values = columns.map((column) => `value ->> '${column}'`);
      const sql = `INSERT INTO ${name} (${columns}) SELECT ${values} FROM json_each(?)`;
      return pagesOf(rows).map((page) => replica.prepare(sql).bind(`[${page}]`));
    }),
  ]);
  replicas.set(copy, { state, version: replicas.get(copy).version + 1 });
}

const PAGE_BYTES = 500_000;

/** The rows in JSON, in pages of bounded size. */
function pagesOf(rows) {
  const pages = [];
  let bytes = Infinity;
  for (const row of rows) {
    const json = JSON.stringify(row);
    bytes += json.length;
    if (bytes > PAGE_BYTES) {
      pages.push([]);
      bytes = json.length;
    }
    pages.at(-1).push(json);
  }
  return pages;
}

async function run(db, sql) {
  const { results } = await db.prepare(sql).all();
  return results;
}
