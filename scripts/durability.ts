// `npm run durability`: kills a running server during writes, restarts it on the same data, and repeats that. Each
// client has its own conversations and waits for each response, so a kill leaves it at most one unanswered write. Its
// objects must then be exactly as before or as after that write, and the log of changes must have the events of the
// writes that were done, and no other. Power cuts are not tested: the operating system survives a kill and still writes
// its buffers to the disk.
import { randomInt } from "node:crypto";
import { cpSync, globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isDeepStrictEqual } from "node:util";
import { random } from "../tests/random.ts";
import { freePort, Server, stateFolder, tokenIn } from "../tests/scripts/processes.ts";
import { command, options, stopSignal, wholeNumber } from "./cli.ts";
import { Failure } from "./shared.ts";

const USAGE = `Usage: npm run durability [-- --kills 20] [--seed N] [--lose | --lose-event]

  --kills N    how often to kill the server (default: 20)
  --seed N     repeat the choices of the run that printed this seed (default: a new seed)
  --lose       delete an acknowledged message from the database after the last kill, to see it reported
  --lose-event delete the newest event of the log from the database after the last kill, to see it reported`;

const CLIENTS = 8;
/** The time limit of a start and the writes until the kill, on a busy machine. The sum of all limits is checked. */
const SECONDS_PER_KILL = 60;

type Attributes = Record<string, string | number | boolean | null>;
/** A conversation or a message, as the API returns it. */
type Resource = Attributes & { id: string };
/** Conversations and messages by id: all, or those of one client. */
type Contents = Map<string, Resource>;
/** A request, the status that acknowledges it, and the contents after it, given the server's id and time. */
type Write = {
  method: string;
  path: string;
  attributes?: Attributes;
  status: number;
  after: (id: string, now: number) => Contents;
};
type Client = {
  name: string;
  below: (bound: number) => number;
  contents: Contents;
  unanswered?: { write: Write; since: number };
  /** The events of the writes that were acknowledged since the last kill. */
  events: Event[];
};
/** What a write is in the log of changes. Of a write without an answer the request is not known. */
type Event = { type: string; conversation: string; message: string | null; request: string | null };
type Call = (
  method: string,
  path: string,
  attributes?: Attributes,
) => Promise<{ status: number; body: any; request: string | null }>;

const now = () => Math.floor(Date.now() / 1000);
const isMessage = (resource: Resource) => "conversation_id" in resource;
const short = (resource: object | undefined) =>
  resource === undefined ? "nothing" : JSON.stringify(resource).replace(/x{20,}/, "x…");

await command(USAGE, async (args) => {
  const { values } = options(args, {
    kills: { type: "string", default: "20" },
    seed: { type: "string" },
    lose: { type: "boolean" },
    "lose-event": { type: "boolean" },
  });
  const kills = wholeNumber("kills", values.kills);
  const seed = wholeNumber("seed", values.seed ?? String(randomInt(1, 1_000_000)));
  console.log(`seed ${seed}`);
  const started = Date.now();
  const below = random(seed);
  const clients = Array.from(
    { length: CLIENTS },
    (_, n): Client => ({ name: `client${n}`, below: random(seed + n + 1), contents: new Map(), events: [] }),
  );
  const sum = { acknowledged: 0, lost: 0, half: 0, done: 0, undone: 0 };
  const problems: string[] = [];

  using state = stateFolder();
  // Deletes in the end what killed servers leave in the folder for temporary files.
  using scratch = stateFolder();
  process.env.TMPDIR = scratch.path;
  const port = await freePort();
  let server: Server | undefined;
  const start = async () => {
    server = new Server(port, state.path);
    return callerOf(port, tokenIn(await server.greeting()));
  };
  // Requests to a stopped server fail, and so does the command.
  const limit = SECONDS_PER_KILL * (kills + 2);
  const stop = AbortSignal.any([stopSignal(), AbortSignal.timeout(limit * 1000)]);
  stop.addEventListener("abort", () => void server?.signal("SIGKILL"));

  try {
    let call = await start();
    let position = "";
    for (let kill = 1; kill <= kills; kill += 1) {
      const acknowledged = await load(clients, call, 50 + below(200), () => server!.signal("SIGKILL"));
      const killed = now();
      stop.throwIfAborted();
      if (values.lose && kill === kills) lose(clients, state.path);
      if (values["lose-event"] && kill === kills) loseEvent(state.path);
      const { contents: stored, complaints } = inspect(state.path);
      call = await start();
      const found = await everything(call);
      problems.push(...complaints);
      if (!isDeepStrictEqual(found, stored)) {
        problems.push("The API does not return what was in the database after the kill.");
      }

      const logged = await log(call, position);
      position = logged.position;
      const results = clients.map((client) => judge(client, found, killed));
      problems.push(
        ...judgeEvents(
          results.flatMap(({ events }) => events),
          logged.events,
        ),
      );
      const count = (word: "lost" | "half" | "done" | "undone") => {
        const all = results.map((result) => result[word]).reduce((a, b) => a + b);
        sum[word] += all;
        return all;
      };
      problems.push(...results.flatMap((result) => result.problems));
      sum.acknowledged += acknowledged;
      console.log(
        `kill ${kill}: ${acknowledged} writes acknowledged, lost ${count("lost")}; ` +
          `unanswered: ${count("done")} done, ${count("undone")} not done, ${count("half")} half done; ` +
          `${found.size} objects stored`,
      );
    }
  } catch (error) {
    throw stop.aborted ? new Failure(`Stopped by a signal or after the limit of ${limit} seconds.`) : error;
  } finally {
    await server?.signal("SIGKILL");
  }
  for (const problem of problems.slice(0, 20)) console.log(problem);
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(
    `${kills} kills, ${sum.acknowledged} acknowledged writes, lost ${sum.lost}; ` +
      `unanswered: ${sum.done} done, ${sum.undone} not done, ${sum.half} half done (${seconds} s)`,
  );
  if (problems.length > 0) process.exitCode = 1;
});

// --- the writes

/** All clients write until this many writes are acknowledged, then the server is killed. Returns how many were
 * acknowledged in the end: responses that were on their way count. */
async function load(clients: Client[], call: Call, until: number, kill: () => Promise<void>): Promise<number> {
  let acknowledged = 0;
  let killed: Promise<void> | undefined;
  await Promise.all(
    clients.map(async (client) => {
      while (killed === undefined) {
        const write = choose(client);
        client.unanswered = { write, since: now() };
        const answer = await call(write.method, write.path, write.attributes).catch((error: Error) => {
          if (killed === undefined)
            throw new Failure(`${write.method} ${write.path} got no answer: ${error.cause ?? error.message}`);
        });
        if (answer === undefined) return;
        const { id, created_at, updated_at } = answer.body ?? {};
        const contents = write.after(id, updated_at ?? created_at);
        client.events.push(...eventOf(client.contents, contents, answer.request));
        client.contents = contents;
        client.unanswered = undefined;
        if (answer.status !== write.status || (id && !isDeepStrictEqual(answer.body, client.contents.get(id)))) {
          const request = `${write.method} ${write.path} ${JSON.stringify(write.attributes)}`;
          throw new Failure(`${request} got the response ${answer.status} ${JSON.stringify(answer.body)}`);
        }
        acknowledged += 1;
        if (acknowledged === until) killed = kill();
      }
    }),
  );
  await killed;
  return acknowledged;
}

/** A client's next write, of any kind, to its own objects. */
function choose({ name, below, contents }: Client): Write {
  const one = <T>(list: T[]): T => list[below(list.length)]!;
  const conversations = [...contents.values()].filter((resource) => !isMessage(resource));
  const messages = [...contents.values()].filter(isMessage);
  const and = (...resources: Resource[]): Contents =>
    new Map([...contents, ...resources.map((resource) => [resource.id, resource] as const)]);
  const text = () => `${name} ${"x".repeat(one([1, 100, 5000]))}`;
  const kind = below(100);

  if (conversations.length === 0 || kind < 15) {
    const attributes = { contact_id: name, group_id: one([null, "team"]) };
    const rest = {
      pinned_message_id: null,
      is_pinned: false,
      is_muted: false,
      last_active_at: null,
      last_opened_at: null,
      archived_at: null,
    };
    return {
      method: "POST",
      path: "/v1/conversations",
      attributes,
      status: 201,
      after: (id, now) => and({ id, ...attributes, ...rest, created_at: now }),
    };
  }
  const conversation = one(conversations);
  if (messages.length === 0 || kind < 50) {
    const attributes = { conversation_id: conversation.id, message: text(), contact_id: one([null, "bob"]) };
    return {
      method: "POST",
      path: "/v1/messages",
      attributes,
      status: 201,
      after: (id, now) =>
        and(
          { id, ...attributes, read_at: null, created_at: now, updated_at: null },
          { ...conversation, last_active_at: now, ...(attributes.contact_id === null ? { last_opened_at: now } : {}) },
        ),
    };
  }
  const own = messages.filter((message) => message.conversation_id === conversation.id);
  if (kind < 70) {
    const attributes: Attributes = {
      is_pinned: one([true, false]),
      last_opened_at: one([null, below(1_000_000)]),
      ...one<Attributes>([
        { is_muted: one([true, false]) },
        { archived_at: one([null, below(1_000_000)]) },
        { pinned_message_id: one([null, ...own.map(({ id }) => id)]) },
      ]),
    };
    return {
      method: "PUT",
      path: `/v1/conversations/${conversation.id}`,
      attributes,
      status: 200,
      after: () => and({ ...conversation, ...attributes }),
    };
  }
  const message = one(messages);
  if (kind < 80) {
    const attributes = one<Attributes>([
      { message: text() },
      { read_at: below(1_000_000) },
      { message: text(), read_at: null },
    ]);
    return {
      method: "PUT",
      path: `/v1/messages/${message.id}`,
      attributes,
      status: 200,
      after: (_, now) => {
        const isChanged = !isDeepStrictEqual({ ...message, ...attributes }, message);
        return and({ ...message, ...attributes, updated_at: isChanged ? now : message.updated_at! });
      },
    };
  }
  const [path, gone] =
    kind < 92
      ? [`/v1/messages/${message.id}`, [message]]
      : [`/v1/conversations/${conversation.id}`, [conversation, ...own]];
  return {
    method: "DELETE",
    path,
    status: 204,
    after: () => {
      const ids = new Set(gone.map(({ id }) => id));
      const rest = [...contents.values()].filter(({ id }) => !ids.has(id));
      return new Map(
        rest.map((resource) => [
          resource.id,
          ids.has(String(resource.pinned_message_id)) ? { ...resource, pinned_message_id: null } : resource,
        ]),
      );
    },
  };
}

// --- the check

/** Compares a client's stored objects with what is allowed, and makes them the client's contents for the next kill. */
function judge(client: Client, all: Contents, killed: number) {
  const { name, contents, unanswered } = client;
  // Every text that a client sends begins with its name.
  const found: Contents = new Map(
    [...all].filter(
      ([, resource]) => String(isMessage(resource) ? resource.message : resource.contact_id).split(" ")[0] === name,
    ),
  );
  const afters: Contents[] = [];
  if (unanswered !== undefined) {
    const ids = [...found.keys()].filter((id) => !contents.has(id));
    for (const id of ids.length > 0 ? ids : ["none"]) {
      for (let time = unanswered.since; time <= killed; time += 1) afters.push(unanswered.write.after(id, time));
    }
  }
  const differing = (expected: Contents) =>
    [...new Set([...expected.keys(), ...found.keys()])].filter(
      (id) => !isDeepStrictEqual(expected.get(id), found.get(id)),
    );
  const [nearest] = [contents, ...afters]
    .map((expected) => ({ expected, done: expected !== contents, ids: differing(expected) }))
    .sort((a, b) => a.ids.length - b.ids.length);
  // A difference in what the unanswered write changes is a write done by half. Any other is an acknowledged write lost.
  const half = nearest!.ids.filter((id) => afters.some((after) => !isDeepStrictEqual(after.get(id), contents.get(id))));
  const { method, path, attributes } = unanswered?.write ?? {};
  const request = unanswered ? `\n  unanswered:   ${method} ${path} ${short(attributes)}` : "";
  const wrong = nearest!.ids.length > 0;
  const result = {
    lost: nearest!.ids.length - half.length,
    half: half.length > 0 ? 1 : 0,
    done: unanswered && !wrong && nearest!.done ? 1 : 0,
    undone: unanswered && !wrong && !nearest!.done ? 1 : 0,
    events: [...client.events, ...(wrong ? [] : eventOf(contents, nearest!.expected, null))],
    problems: nearest!.ids.map(
      (id) =>
        `${half.includes(id) ? "HALF" : "LOST"} ${name}, ${id}\n` +
        `  acknowledged: ${short(contents.get(id))}\n  found:        ${short(found.get(id))}${request}`,
    ),
  };
  client.contents = found;
  client.unanswered = undefined;
  client.events = [];
  return result;
}

/** The event of a write that turned these contents into those, if it changed anything. */
function eventOf(before: Contents, after: Contents, request: string | null): Event[] {
  const differing = [...new Set([...before.keys(), ...after.keys()])]
    .map((id) => [before.get(id), after.get(id)] as const)
    .filter(([was, is]) => !isDeepStrictEqual(was, is));
  const event = ([was, is]: (typeof differing)[number]): Event => {
    const change = was === undefined ? "created" : is === undefined ? "deleted" : "updated";
    const resource = (is ?? was)!;
    return isMessage(resource)
      ? { type: `message.${change}`, conversation: String(resource.conversation_id), message: resource.id, request }
      : { type: `conversation.${change}`, conversation: resource.id, message: null, request };
  };
  const events = differing.map(event);
  // A conversation that is deleted takes its messages with it. What a message changes in its conversation is its event.
  const only =
    events.find(({ type }) => type === "conversation.deleted") ??
    events.find(({ message }) => message !== null) ??
    events[0];
  return only === undefined ? [] : [only];
}

/** Compares the events of the writes that were done with those in the log. */
function judgeEvents(expected: Event[], logged: Event[]): string[] {
  const describe = ({ type, conversation, message, request }: Event) =>
    `${type} ${conversation} ${message ?? ""} of ${request ?? "an unanswered request"}`;
  const left = [...logged];
  // Those of acknowledged writes first: only they name their request.
  const lost = [...expected]
    .sort((a, b) => Number(a.request === null) - Number(b.request === null))
    .filter((event) => {
      const at = left.findIndex((found) =>
        isDeepStrictEqual({ ...found, request: event.request && found.request }, event),
      );
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  return [
    ...lost.map((event) => `LOST EVENT ${describe(event)}`),
    ...left.map((event) => `EVENT OF NO WRITE ${describe(event)}`),
  ];
}

function callerOf(port: number, token: string): Call {
  return async (method, path, attributes) => {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers,
      body: attributes && JSON.stringify(attributes),
    });
    const text = await response.text();
    const body = text === "" ? undefined : JSON.parse(text);
    return { status: response.status, body, request: response.headers.get("x-request-id") };
  };
}

/** All conversations and messages, from the API's lists. */
async function everything(call: Call): Promise<Contents> {
  const contents: Contents = new Map();
  for (const path of ["/v1/conversations", "/v1/messages"]) {
    for (let after = "", more = true; more; ) {
      const { body } = await call("GET", `${path}?limit=100${after}`);
      for (const resource of body.data) contents.set(resource.id, resource);
      after = `&starting_after=${body.data.at(-1)?.id}`;
      more = body.has_more;
    }
  }
  return contents;
}

/** The events after a position of the log, and the position after them. */
async function log(call: Call, position: string): Promise<{ events: Event[]; position: string }> {
  const events: Event[] = [];
  for (let more = true; more; ) {
    const { body } = await call("GET", `/v1/events?limit=100${position && `&starting_after=${position}`}`);
    for (const { id, type, conversation_id: conversation, message_id: message, request_id: request } of body.data) {
      events.push({ type, conversation, message, request });
      position = id;
    }
    more = body.has_more;
  }
  return { events, position };
}

/** The database as the kill left it. Reads a copy: opening the file would repair it, which the server must do. */
function inspect(folder: string): { contents: Contents; complaints: string[] } {
  using copy = stateFolder();
  cpSync(join(folder, "v3", "d1"), join(copy.path, "v3", "d1"), { recursive: true });
  using database = open(copy.path);
  const complaints = ["integrity_check", "foreign_key_check"].flatMap((check) =>
    database
      .prepare(`PRAGMA ${check}`)
      .all()
      .map((row) => `${check}: ${JSON.stringify(row)}`)
      .filter((line) => !line.endsWith('{"integrity_check":"ok"}')),
  );
  const gaps = database
    .prepare("SELECT account_id, count(*) AS events, max(seq) AS last FROM events GROUP BY account_id")
    .all()
    .filter(({ events, last }) => events !== last);
  complaints.push(...gaps.map((row) => `The numbers of events have a gap: ${JSON.stringify(row)}`));
  const resources = database.prepare("SELECT object FROM conversations UNION ALL SELECT object FROM messages").all();
  return {
    contents: new Map(
      resources.map(({ object }) => JSON.parse(String(object))).map((resource) => [resource.id, resource]),
    ),
    complaints,
  };
}

/** Deletes a message that must be the same whether the unanswered write of its client was done or not. */
function lose(clients: Client[], folder: string) {
  const sure = clients.flatMap(({ contents, unanswered }) => {
    const after = unanswered?.write.after("none", 0) ?? contents;
    return [...contents.values()].filter(
      (resource) => isMessage(resource) && isDeepStrictEqual(after.get(resource.id), resource),
    );
  });
  if (sure.length === 0) throw new Failure("There is no message to delete. Use another seed.");
  using database = open(folder);
  database.prepare("DELETE FROM messages WHERE id = ?").run(sure[0]!.id);
}

/** Deletes the newest event, which is one of the writes since the last kill. */
function loseEvent(folder: string) {
  using database = open(folder);
  database.exec("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)");
}

/** The file with the tables. The runtime has another file beside it. */
function open(folder: string): DatabaseSync {
  for (const file of globSync("v3/d1/*/*.sqlite", { cwd: folder })) {
    const database = new DatabaseSync(join(folder, file));
    if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'conversations'").get() !== undefined)
      return database;
    database.close();
  }
  throw new Failure(`There is no database in ${folder}.`);
}
