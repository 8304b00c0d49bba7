// The platform's half of edge.rs and d1.rs. Crossing between wasm and JavaScript is what a request costs most of, next
// to D1 itself: so everything crosses at once, as one text a function. No API logic lives here.

/** What browsers may read of a response besides its body (Fetch standard, CORS protocol). */
const EXPOSED = "Allow, Link, Location, Retry-After, Server-Timing, WWW-Authenticate, X-Request-Id";

/** The headers that every response has. */
const COMMON = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": EXPOSED,
  "cache-control": "private, no-cache",
};

/** What a request says before its body, a line each, in the order in which `Head::parse` reads them. */
export function head(request) {
  const { headers } = request;
  return [
    request.method,
    request.url,
    request.body === null ? "" : "body",
    headers.get("authorization"),
    headers.get("content-type"),
    headers.get("content-encoding"),
    headers.get("access-control-request-method"),
  ].join("\n");
}

/** The whole body as bytes, or undefined when it is larger than `limit`. Then up to `patience` bytes are let through and
 * dropped: a connection closed on a caller who is still sending takes the answer with it. */
export async function body(request, limit, patience) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.byteLength;
    if (length <= limit) chunks.push(chunk);
    if (length > patience) break;
  }
  if (length > limit) return undefined;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** SQL by the id that stands for it, for as long as the isolate lives. */
const SQL = new Map();

export function define(id, sql) {
  SQL.set(id, sql);
}

/** Runs statements, `[id, ...parameters]` each, as one call. Gives D1's account of it and the row of the statement
 * that answers, as `duration read written` (the duration in microseconds) and, if there is a row, ` allowed`; then, if there is one, a line break and
 * the answer. Throws D1's message, and nothing where there is no database. */
export async function send(env, statements, answering) {
  const { DB } = env;
  if (DB === undefined) throw undefined;
  try {
    const results = await DB.batch(JSON.parse(statements).map(([id, ...parameters]) => DB.prepare(SQL.get(id)).bind(...parameters)));
    let duration = 0;
    let read = 0;
    let written = 0;
    for (const { meta } of results) {
      duration += meta.duration;
      read += meta.rows_read;
      written += meta.rows_written;
    }
    const [row] = results[answering].results;
    const account = `${Math.round(duration * 1000)} ${read} ${written}`;
    if (row === undefined) return account;
    return row.answer === null ? `${account} ${row.allowed}` : `${account} ${row.allowed}\n${row.answer}`;
  } catch (error) {
    throw String(error?.message ?? error);
  }
}

/** A response; its own headers as lines of `name TAB value`. The runtime leaves the body of an answer to HEAD away. */
export function respond(status, lines, body) {
  return new Response(body, { status, headers: headers(lines) });
}

/** The static file of the request's path, with the headers of `lines` besides its own. */
export async function asset(env, request, lines) {
  const file = await env.ASSETS.fetch(request);
  const own = Object.fromEntries(["cache-control", "content-type", "etag"].flatMap((name) => file.headers.get(name) === null ? [] : [[name, file.headers.get(name)]]));
  return new Response(file.body, { status: file.status, headers: { ...headers(lines), ...own } });
}

function headers(lines) {
  const all = { ...COMMON };
  for (const line of lines.split("\n")) {
    const tab = line.indexOf("\t");
    all[line.slice(0, tab)] = line.slice(tab + 1);
  }
  return all;
}
