// The only file, with entry.js, that knows the platform: its requests, its responses, its database. No API logic lives
// here. What it gives to the wasm and takes from it is text; edge.rs and d1.rs say how it is written.

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

/** SQL by the id that stands for it, for as long as the wasm's instance lives. */
const texts = new Map();

/** The wasm has a new instance, in which an id may stand for another statement. */
export function forget() {
  texts.clear();
}

/** Runs statements, `[id, ...parameters]` each, as one call. Gives D1's account of it and the row of the statement
 * that answers, as `duration read written` (the duration in microseconds) and, if there is a row, ` allowed`; then, if
 * there is one, a line break and the answer. `sql` gives the text of an id that is new. */
export async function send(DB, statements, answering, sql) {
  const prepare = (id) => {
    if (!texts.has(id)) texts.set(id, sql(id));
    return DB.prepare(texts.get(id));
  };
  const results = await DB.batch(JSON.parse(statements).map(([id, ...parameters]) => prepare(id).bind(...parameters)));
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
}

/** A response; its own headers as lines of `name TAB value`. The runtime leaves the body of an answer to HEAD away. */
export function respond(status, lines, body) {
  return new Response(body, { status, headers: headers(lines) });
}

/** The last resort, when the wasm itself can't answer: the error object of `src/error.rs`, made without it. */
export function failed(origin) {
  const request_id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  const body = {
    type: "api_error",
    code: "internal_error",
    message: "Something went wrong here. It is safe to try again; quote the request id if it stays.",
    param: null,
    documentation_url: `${origin}/#internal_error`,
    request_id,
  };
  const lines = `x-request-id\t${request_id}\nserver-timing\td1;dur=0.000;desc="0 rows read, 0 written"\ncontent-type\tapplication/json; charset=utf-8`;
  return respond(500, lines, JSON.stringify(body));
}

/** The static file of the request's path, with the headers of `lines` besides its own. */
export async function file(assets, request, lines) {
  const found = await assets.fetch(request);
  const all = headers(lines);
  for (const name of ["cache-control", "content-type", "etag"]) {
    if (found.headers.has(name)) all[name] = found.headers.get(name);
  }
  return new Response(found.body, { status: found.status, headers: all });
}

function headers(lines) {
  const all = { ...COMMON };
  for (const line of lines.split("\n")) {
    const tab = line.indexOf("\t");
    all[line.slice(0, tab)] = line.slice(tab + 1);
  }
  return all;
}
