// The only file, with entry.js, that knows the platform: its requests, its responses, its database. No API logic lives
// here. What it gives to the wasm and takes from it is text; edge.rs and d1.rs say how it is written.

/** What browsers may read of a response besides its body (Fetch standard, CORS protocol). */
const EXPOSED = [
  "Allow",
  "ETag",
  "Idempotent-Replayed",
  "Link",
  "Location",
  "RateLimit-Policy",
  "Retry-After",
  "Server-Timing",
  "WWW-Authenticate",
  "X-Request-Id",
].join(", ");

/** The headers that every response has. */
const COMMON = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": EXPOSED,
  "cache-control": "private, no-cache",
};

/** The one header besides that matters to a method. */
const SPECIAL = {
  GET: "if-none-match",
  HEAD: "if-none-match",
  POST: "idempotency-key",
  PUT: "if-match",
  PATCH: "if-match",
  DELETE: "if-match",
  OPTIONS: "access-control-request-method",
};

/** What a request says before its body, a line each, in the order in which `Head::parse` reads them. */
export function head(request) {
  const { headers, method } = request;
  const special = method in SPECIAL ? headers.get(SPECIAL[method]) : null;
  const start = `${method}\n${request.url}`;
  const middle = `${headers.get("authorization") ?? ""}\n${special === null ? "" : `:${special}`}`;
  if (request.body === null) return `${start}\n\n${middle}\n\n`;
  return `${start}\nbody\n${middle}\n${headers.get("content-type") ?? ""}\n${headers.get("content-encoding") ?? ""}`;
}

/** Whether one more request by this key is within the limit. A limiter that fails or isn't there limits nobody. */
export async function within(limiter, key) {
  if (limiter === undefined) return true;
  return limiter.limit({ key }).then(
    ({ success }) => success,
    () => true,
  );
}

/** Who is calling, as far as the network knows: an address, of IPv6 the /64 that one subscriber has. */
export function address(request) {
  const address = request.headers.get("cf-connecting-ip") ?? "";
  if (!address.includes(":")) return address;
  const [left, right] = address.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const groups =
    right === undefined ? left : [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}

/** Writes a request's line to the log. */
export function write(status, line) {
  if (status < 500) console.log(line);
  else console.error(line);
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

/** Runs statements, `[id, ...parameters]` each, as one call. Gives D1's account of it, `duration read written` (the duration
 * in microseconds) and, if the statement that answers found a row, ` account allowed`; and the answer, null where there is
 * none. `sql` gives the text of an id that is new. */
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
  const cost = `${Math.round(duration * 1000)} ${read} ${written}`;
  const [row] = results[answering].results;
  return row === undefined ? [cost, null] : [`${cost} ${row.account} ${row.allowed}`, row.answer];
}

/** The positions and the objects of a page, from its lines of `position TAB object`. */
export function pageOf(answer) {
  if (answer === null) return [null, []];
  const [positions, objects] = [[], []];
  for (const line of answer.split("\n")) {
    const tab = line.indexOf("\t");
    positions.push(line.slice(0, tab));
    objects.push(line.slice(tab + 1));
  }
  return [positions.join("\n"), objects];
}

/** A response of its own headers, as lines of `name TAB value`, and after an empty line the body, if there is one, or with
 * `objects` what the body of a page is made of. The runtime leaves the body of an answer to HEAD away. */
export function respond(status, text, objects) {
  const end = text.indexOf("\n\n");
  if (end < 0) return new Response(null, { status, headers: headers(text) });
  const body = text.slice(end + 2);
  return new Response(objects === undefined ? body : page(body, objects), {
    status,
    headers: headers(text.slice(0, end)),
  });
}

/** The body of a page: which objects on the first line, on the second what comes after them, then what comes before. */
function page(text, objects) {
  const [which, after, before] = text.split("\n");
  const [count, order] = which.split(" ");
  const shown = objects.slice(0, Number(count));
  if (order === "backwards") shown.reverse();
  return `${before}${shown.join(",")}${after}`;
}

/** The last resort, when the wasm itself can't answer: the error object of `src/error.rs` and the line of `src/log.rs`,
 * made without it. */
export function failed({ method, url }, cause) {
  const request_id = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  const body = {
    type: "api_error",
    code: "internal_error",
    message:
      "Something went wrong here. Quote the request id if it stays; with an Idempotency-Key trying again is safe.",
    param: null,
    documentation_url: `${new URL(url).origin}/#internal_error`,
    request_id,
  };
  write(
    500,
    JSON.stringify({
      request_id,
      method,
      route: null,
      status: 500,
      account: null,
      code: body.code,
      cause: String(cause?.stack ?? cause),
    }),
  );
  const lines = `x-request-id\t${request_id}\nserver-timing\td1;dur=0.000;desc="0 rows read, 0 written"\ncontent-type\tapplication/json; charset=utf-8`;
  return respond(500, `${lines}\n\n${JSON.stringify(body)}`);
}

/** A static file, with the headers of `lines` besides its own. */
export function file(found, lines) {
  return new Response(found.body, {
    status: found.status,
    headers: { ...headers(lines), ...Object.fromEntries(found.headers) },
  });
}

function headers(lines) {
  const all = { ...COMMON };
  for (const line of lines.split("\n")) {
    const tab = line.indexOf("\t");
    all[line.slice(0, tab)] = line.slice(tab + 1);
  }
  return all;
}
