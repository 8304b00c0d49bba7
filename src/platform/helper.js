// What Rust asks of the platform where crossing between wasm and JavaScript costs more than the work: each function
// here crosses once instead of many times. No policy lives here. `platform/mod.rs` says what each is for.

/** The headers that Rust reads. */
const HEADERS = [
  "authorization",
  "content-type",
  "content-encoding",
  "idempotency-key",
  "if-match",
  "if-none-match",
  "accept",
  "last-event-id",
  "cf-connecting-ip",
];
/** And those that it reads of an OPTIONS request. */
const PREFLIGHT_HEADERS = ["access-control-request-method", "access-control-request-headers"];

/** What a request says before its body, as `Head::parse` in http/head.rs reads it. */
export function head({ method, url, body, headers }) {
  let text = `${method} ${url}\n`;
  for (const name of method === "OPTIONS" ? PREFLIGHT_HEADERS : HEADERS) {
    const value = headers.get(name);
    if (value !== null) text += `${name}: ${value}\n`;
  }
  return body === null ? text : `${text}\n`;
}

/** The whole body as bytes, or undefined when it has more than `limit`. Then reads on up to `discarded` bytes: closing
 * the connection while the caller still sends would lose the response. */
export async function body({ body, headers }, limit, discarded) {
  const room = Math.min(headers.get("content-length") ?? limit, limit) + 1;
  const reader = body.getReader({ mode: "byob" });
  let { value, done } = await reader.readAtLeast(room, new Uint8Array(room));
  if (value.byteLength <= limit) return value;
  for (let length = value.byteLength; !done && length < discarded; length += value.byteLength) {
    ({ value, done } = await reader.read(new Uint8Array(room)));
  }
  return undefined;
}

/** How fresh the data must be, as a request says. */
export const bookmark = ({ headers }) => headers.get("x-d1-bookmark") ?? undefined;

/** Whether a limiter lets one more request through. */
export async function allows(limiter, key) {
  const { success } = await limiter.limit({ key });
  return success;
}

/** Runs the statements of `batch_json` in query.rs as one call. Gives what `Rows` there holds, and the objects of the
 * response, which stay here and come after those that were found before. `freshness` is undefined without replicas,
 * else the state of the database that must be seen. */
export async function batch(database, json, before, isShared, freshness) {
  const { limit, max_bytes, ...call } = JSON.parse(json);
  const session = freshness === undefined ? database : database.withSession(freshness);
  const run = async () => {
    const results = await callDatabase(session, call);
    return { results, calls: 1, bookmark: freshness === undefined ? undefined : session.getBookmark() };
  };
  const { results, calls, bookmark } = isShared ? await share(json, run) : await run();
  const cost = costOf(calls === 0 ? [] : results, before);
  const rows = results.find(({ results }) => results.length > 0)?.results ?? [];
  const { account, token, scopes, is_watched, outcome, replay, tag, beside } = rows[0] ?? {};
  const withObject = rows.filter(({ object }) => object != null);
  const found = before === undefined ? withObject : [...before.found, ...withObject];
  const shown = fitting(found.slice(0, limit), max_bytes);
  const end = found.length > limit ? undefined : rows.at(-1);
  const stopped = end?.stopped ?? undefined;
  return {
    ...cost,
    calls,
    bookmark,
    account,
    token,
    scopes,
    is_watched: is_watched === 1,
    outcome,
    replay,
    tag,
    found,
    beside,
    first: shown[0]?.position,
    last: shown.length < found.length ? shown.at(-1).position : (stopped ?? shown.at(-1)?.position),
    has_more: found.length > shown.length || stopped !== undefined,
    resume: stopped === undefined ? end?.resume : undefined,
    shown,
  };
}

/** Runs statements in one call, each with the caller's parameters first. */
const callDatabase = (database, { caller, statements }) =>
  database.batch(statements.map(({ sql, parameters }) => database.prepare(sql).bind(...caller, ...parameters)));

/** Keeps what was found only for its cost. */
export function forgetObjects(found) {
  found.found = [];
}

/** The numbers of the databases that are bound: 0 for `DB`, which has to be, 1 for `DB_1`. */
export function databases(env) {
  const numbers = Object.keys(env).flatMap((name) => {
    const number = /^DB_([1-9]\d{0,3})$/.exec(name)?.[1];
    return number !== undefined && env[name] ? [number] : [];
  });
  return [0, ...numbers.map(Number)];
}

/** The name of a database's binding. */
export const bindingOf = (number) => (number === 0 ? "DB" : `DB_${number}`);

/** Runs the statements of `batch_json` in every database, if there are several. Gives the names of those that do not
 * answer in time, separated by commas, or undefined where there is only one. */
export async function unavailable(env, json, milliseconds) {
  const names = databases(env).map(bindingOf);
  if (names.length === 1) return undefined;
  const call = JSON.parse(json);
  const timeout = sleep(milliseconds).then(() => Promise.reject());
  const answers = await Promise.allSettled(
    names.map((name) => Promise.race([timeout, Promise.try(callDatabase, env[name], call)])),
  );
  return names.filter((_, index) => answers[index].status === "rejected").join(", ");
}

/** What a call cost, the duration in microseconds, with what was spent before. */
function costOf(results, before) {
  const { duration = 0, rows_read = 0, rows_written = 0 } = before ?? {};
  const cost = { duration, rows_read, rows_written };
  for (const { meta } of results) {
    cost.duration += 1000 * meta.duration;
    cost.rows_read += meta.rows_read;
    cost.rows_written += meta.rows_written;
  }
  return cost;
}

/** Runs the statements of `batch_json` as one call. Gives the rows of the last one, and the cost of all. */
export async function rows(database, json) {
  const results = await callDatabase(database, JSON.parse(json));
  return { rows: results.at(-1).results, ...costOf(results) };
}

/** Calls that have not begun yet, by what they ask. */
const shared = new Map();

/** Makes one call to D1 for all who ask the same within a few milliseconds, as the listeners of a token do when the
 * bell rings. A call that has begun is not shared: it may not see what the bell rang for. `calls` is 0 where another
 * request made the call. */
async function share(question, run) {
  const call = shared.get(question);
  if (call === undefined) {
    const call = sleep(5).then(() => {
      shared.delete(question);
      return run();
    });
    shared.set(question, call);
    return call;
  }
  // The request that makes the call may have ended before it has begun.
  const answer = await Promise.race([call, sleep(1000)]);
  if (answer !== undefined) return { ...answer, calls: 0 };
  shared.delete(question);
  return run();
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const utf8 = new TextEncoder();

/** The first of the rows, one at least, whose objects have at most so many bytes. */
function fitting(rows, max_bytes) {
  // A character of JavaScript's is three bytes at most. So nearly all pages fit without being encoded.
  if (3 * rows.reduce((length, { object }) => length + object.length, 0) <= max_bytes) return rows;
  let bytes = 0;
  const beyond = rows.findIndex(({ object }, index) => {
    bytes += utf8.encode(object).length;
    return index > 0 && bytes > max_bytes;
  });
  return beyond === -1 ? rows : rows.slice(0, beyond);
}

/** A response. `headers` is a JSON object. */
export function respond(status, headers, body) {
  return new Response(body, { status, headers: JSON.parse(headers) });
}

/** The static file that a request asks for. */
export const findFile = (assets, request) => assets.fetch(request.clone());

/** A static file with its own headers and those that every response has. */
export function respondWithFile({ status, body, headers }, common) {
  const all = new Headers(JSON.parse(common));
  for (const [name, value] of headers) all.set(name, value);
  return new Response(body, { status, headers: all });
}

/** A response whose body is the objects that were found, between two texts. */
export function respondWithObjects(status, headers, before, { shown }, reversed, after) {
  const objects = shown.map(({ object }) => object);
  if (reversed) objects.reverse();
  return respond(status, headers, before + objects.join(",") + after);
}

/** The body of a response that is written bit by bit, as server-sent events. It is cut off when the wasm traps: then
 * what would write it is gone. */
export function openStream() {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const { promise, reject } = Promise.withResolvers();
  globalThis.underWay.add(reject);
  promise.catch((error) => writer.abort(error)).catch(() => {});
  return { readable, writer, close: () => globalThis.underWay.delete(reject) };
}

/** Writes a text to a stream. Settles when the caller has taken it, and fails when the caller has left. */
export const writeText = ({ writer }, text) => writer.write(utf8.encode(text));

/** Writes the events that were found to a stream. */
export const writeEvents = (stream, { shown }) =>
  writeText(
    stream,
    shown.map(({ position, type, object }) => `id: ${position}\nevent: ${type}\ndata: ${object}\n\n`).join(""),
  );

/** Ends a stream. */
export function closeStream({ writer, close }) {
  close();
  writer.close().catch(() => {});
}

/** The response that a stream is the body of. */
export const respondWithStream = (status, headers, { readable }) => respond(status, headers, readable);

/** Rings the bell of an account. */
export const ring = (bells, account, webhooks) =>
  bells.getByName(account).fetch("https://bell", { headers: { account, webhooks } });

/** Whether the account may have endpoints that the object does not know of. */
export const isForWebhooks = ({ headers }) => headers.get("webhooks") === "true";

/** When the alarms of the objects in this isolate ring, by the objects' storage: until they have rung, since one whose
 * time has come may still be under way. */
const alarms = new WeakMap();
/** The storages that know whose they are. */
const named = new WeakSet();

/** An alarm that is so many milliseconds late is lost. */
const MAX_ALARM_DELAY = 60_000;

/** Sets the alarm of an account's Durable Object, unless it rings before that time anyway. The object stores whose it
 * is: an alarm does not tell. If this fails, the sweep rings. */
export function setAlarm({ storage }, account, milliseconds) {
  const at = Date.now() + milliseconds;
  const set = alarms.get(storage);
  if (set <= at && set > Date.now() - MAX_ALARM_DELAY) return;
  alarms.set(storage, at);
  const stored = named.has(storage) ? undefined : storage.put("account", account);
  named.add(storage);
  Promise.all([stored, storage.setAlarm(at)]).catch(() => {
    alarms.delete(storage);
    named.delete(storage);
  });
}

/** Of a request to an account's Durable Object: the account that is rung for, or undefined. An alarm that rings is not
 * set any more. */
export function accountRung({ storage }, { headers }) {
  if (headers.has("alarm")) alarms.delete(storage);
  return headers.get("account") ?? undefined;
}

/** Sends a delivery. Gives the response's status, or why there is no whole one, and how many milliseconds it took. */
export async function post({ url, body, event_id }, timestamp, signature, milliseconds, bytes) {
  const headers = {
    "content-type": "application/json",
    "user-agent": "Conversations-Webhooks/1",
    "webhook-id": event_id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signature,
  };
  const begin = Date.now();
  const attempt = { status: undefined, error: undefined, retry_after: undefined };
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), milliseconds);
  try {
    const { signal } = controller;
    const response = await fetch(url, { method: "POST", body, headers, redirect: "manual", signal });
    attempt.status = response.status;
    attempt.retry_after = seconds(response.headers.get("retry-after"));
    await beginning(response, bytes);
  } catch {
    const failed = attempt.status === undefined ? "connection_failed" : "response_incomplete";
    attempt.error = controller.signal.aborted ? "timeout" : failed;
  }
  clearTimeout(timer);
  return { ...attempt, duration: Date.now() - begin };
}

/** What `Retry-After` says (RFC 9110, section 10.2.3): seconds, or a date. */
function seconds(text) {
  if (/^\d+$/.test(text)) return Number(text);
  // A date begins with the day of the week. Date.parse takes -5 and 1.5 for dates too.
  const date = /^[a-z]{3}/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}

/** Reads a response to its end, but not more than so many bytes. */
async function beginning({ body }, bytes) {
  const reader = body?.getReader();
  for (let read = 0; reader !== undefined && read < bytes; ) {
    const { value, done } = await reader.read();
    if (done) return;
    read += value.byteLength;
  }
  await reader?.cancel();
}

/** Admits a listener with its WebSocket, unless too many listen. */
export function admit(context, { headers }, ofToken, ofAccount) {
  const token = headers.get("token");
  if (context.getWebSockets(token).length >= ofToken || context.getWebSockets().length >= ofAccount)
    return new Response(null, { status: 429 });
  const [client, server] = Object.values(new WebSocketPair());
  context.acceptWebSocket(server, [token]);
  return new Response(null, { status: 101, webSocket: client });
}

/** Wakes the listeners. How many there are. */
export function wake(context) {
  const sockets = context.getWebSockets();
  for (const socket of sockets) {
    try {
      socket.send("");
    } catch {
      // It has just left.
    }
  }
  return sockets.length;
}

export const noContent = () => new Response(null, { status: 204 });

/** Listens to the bell of an account. Undefined when too many do. */
export async function listen(bells, account, token) {
  const headers = { token, upgrade: "websocket" };
  const { status, webSocket } = await bells.getByName(account).fetch("https://bell", { headers });
  if (status === 429) return undefined;
  webSocket.accept();
  const socket = { webSocket, isClosed: false, hasRung: false, wake: () => {} };
  const wake = () => {
    socket.hasRung = true;
    socket.wake();
  };
  webSocket.addEventListener("message", wake);
  for (const end of ["close", "error"]) {
    webSocket.addEventListener(end, () => {
      socket.isClosed = true;
      wake();
    });
  }
  return socket;
}

/** Waits for a ring, or until the time is over. Whether it rang since the last time. */
export async function rung(socket, milliseconds) {
  if (!socket.hasRung) {
    const { promise, resolve } = Promise.withResolvers();
    socket.wake = resolve;
    const timer = setTimeout(resolve, milliseconds);
    await promise;
    clearTimeout(timer);
  }
  const { hasRung } = socket;
  socket.hasRung = false;
  return hasRung;
}

/** Listens no more. */
export const leave = ({ webSocket }) => webSocket.close();
