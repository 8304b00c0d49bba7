// `npm run durability`: writes against a running server that is killed whole in the midst of them, again and again, and
// started anew on what it left. Each client has conversations of its own and waits for each answer, so a kill leaves it at
// most one unanswered write: what is found afterwards must be its world before that write or its world after it, to the
// last attribute. Not looked at: a power cut. The operating system outlives a kill, and with it what it was handed.
import { randomInt } from "node:crypto";
import { cpSync, globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { isDeepStrictEqual } from "node:util";
import { random } from "../tests/random.ts";
import { freePort, Server, stateFolder, tokenIn } from "../tests/scripts/processes.ts";
import { command, options, wholeNumber } from "./cli.ts";
import { Failure, seconds } from "./shared.mjs";

const USAGE = `Usage: npm run durability [-- --kills 20] [--seed N] [--lose]

  --kills N    how many times the server is killed (default: 20)
  --seed N     makes the choices of an earlier run again (default: a new seed, which is printed)
  --lose       takes an acknowledged message out of the database after the last kill, to see it reported`;

const CLIENTS = 8;
/** What a start of the server and the writes up to its kill may take, on a busy machine. All of them together, and one
 * more, are held to it. */
const PATIENCE = 30_000;

type Attributes = Record<string, string | number | boolean | null>;
/** A conversation or a message, as the API shows it. */
type Thing = Attributes & { id: string };
/** Conversations and messages by id: all there are, or all that one client made. */
type World = Map<string, Thing>;
/** A request, the status that acknowledges it, and the world after it, whatever id and time the server chooses. */
type Write = {
  method: string;
  path: string;
  attributes?: Attributes;
  status: number;
  after: (id: string, now: number) => World;
};
type Client = {
  name: string;
  below: (bound: number) => number;
  world: World;
  unanswered?: { write: Write; since: number };
};
type Call = (method: string, path: string, attributes?: Attributes) => Promise<{ status: number; body: any }>;

const now = () => Math.floor(Date.now() / 1000);
const isMessage = (thing: Thing) => "conversation_id" in thing;
const short = (thing: object | undefined) =>
  thing === undefined ? "nothing" : JSON.stringify(thing).replace(/x{20,}/, "x…");

await command(USAGE, async (args) => {
  const { values } = options(args, {
    kills: { type: "string", default: "20" },
    seed: { type: "string" },
    lose: { type: "boolean" },
  });
  const kills = wholeNumber("kills", values.kills);
  const seed = wholeNumber("seed", values.seed ?? String(randomInt(1, 1_000_000)));
  console.log(`seed ${seed}`);
  const started = Date.now();
  const below = random(seed);
  const clients = Array.from(
    { length: CLIENTS },
    (_, n): Client => ({ name: `client${n}`, below: random(seed + n + 1), world: new Map() }),
  );
  const sum = { acknowledged: 0, lost: 0, half: 0, done: 0, undone: 0 };
  const problems: string[] = [];

  using state = stateFolder();
  // What killed servers leave behind is gone in the end, too.
  using scratch = stateFolder();
  process.env.TMPDIR = scratch.path;
  const port = await freePort();
  let server: Server | undefined;
  const start = async () => {
    server = new Server(port, state.path);
    return callerOf(port, tokenIn(await server.greeting()));
  };
  // Whoever waits for the server fails when it is gone; this is why it is.
  let stopped: string | undefined;
  const stop = (why: string) => {
    stopped ??= why;
    void server?.signal("SIGKILL");
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stop(`Stopped by ${signal}.`));
  const bound = PATIENCE * (kills + 2);
  const timer = setTimeout(() => stop(`Not done after ${bound / 1000} seconds.`), bound);

  try {
    let call = await start();
    for (let kill = 1; kill <= kills; kill += 1) {
      const acknowledged = await load(clients, call, 50 + below(200), () => server!.signal("SIGKILL"));
      const killed = now();
      if (stopped !== undefined) throw new Failure(stopped);
      if (values.lose && kill === kills) lose(clients, state.path);
      const { world: stored, complaints } = inspect(state.path);
      call = await start();
      const found = await everything(call);
      problems.push(...complaints);
      if (!isDeepStrictEqual(found, stored))
        problems.push("The API shows something else than the database held after the kill.");

      const results = clients.map((client) => judge(client, found, killed));
      const count = (word: "lost" | "half" | "done" | "undone") => {
        const all = results.map((result) => result[word]).reduce((a, b) => a + b);
        sum[word] += all;
        return all;
      };
      problems.push(...results.flatMap((result) => result.problems));
      sum.acknowledged += acknowledged;
      console.log(
        `kill ${kill}: ${acknowledged} writes acknowledged, lost ${count("lost")}; ` +
          `of the unanswered ${count("done")} done, ${count("undone")} not, ${count("half")} by half; ${found.size} things there`,
      );
    }
  } catch (error) {
    throw stopped === undefined ? error : new Failure(stopped);
  } finally {
    clearTimeout(timer);
    await server?.signal("SIGKILL");
  }
  for (const problem of problems.slice(0, 20)) console.log(problem);
  console.log(
    `${kills} kills, ${sum.acknowledged} acknowledged writes, lost ${sum.lost}; ` +
      `${sum.done} unanswered ones done, ${sum.undone} not, ${sum.half} by half (${seconds(started)})`,
  );
  if (problems.length > 0) process.exitCode = 1;
});

// ----------------------------------------------------------------------------------------------------------- the writes

/** All clients write until so many writes are acknowledged, then everything is killed, whatever is under way. Gives how
 * many were acknowledged in the end: answers that were sent before the kill count. */
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
        client.world = write.after(id, updated_at ?? created_at);
        client.unanswered = undefined;
        if (answer.status !== write.status || (id && !isDeepStrictEqual(answer.body, client.world.get(id)))) {
          throw new Failure(
            `${write.method} ${write.path} ${JSON.stringify(write.attributes)} answered ${answer.status} ${JSON.stringify(answer.body)}`,
          );
        }
        acknowledged += 1;
        if (acknowledged === until) killed = kill();
      }
    }),
  );
  await killed;
  return acknowledged;
}

/** A client's next write: of every kind the API has, on what the client made. */
function choose({ name, below, world }: Client): Write {
  const one = <T>(list: T[]): T => list[below(list.length)]!;
  const conversations = [...world.values()].filter((thing) => !isMessage(thing));
  const messages = [...world.values()].filter(isMessage);
  const and = (...things: Thing[]): World => new Map([...world, ...things.map((thing) => [thing.id, thing] as const)]);
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
      after: (_, now) => and({ ...message, ...attributes, updated_at: now }),
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
      const rest = [...world.values()].filter(({ id }) => !ids.has(id));
      return new Map(
        rest.map((thing) => [
          thing.id,
          ids.has(String(thing.pinned_message_id)) ? { ...thing, pinned_message_id: null } : thing,
        ]),
      );
    },
  };
}

// ---------------------------------------------------------------------------------------------------- what is found then

/** Compares what is found of a client's with what may be there, and takes it for the client's world from then on. */
function judge(client: Client, all: World, killed: number) {
  const { name, world, unanswered } = client;
  // Every text a client sends begins with its name.
  const found: World = new Map(
    [...all].filter(([, thing]) => String(isMessage(thing) ? thing.message : thing.contact_id).split(" ")[0] === name),
  );
  const afters: World[] = [];
  if (unanswered !== undefined) {
    const ids = [...found.keys()].filter((id) => !world.has(id));
    for (const id of ids.length > 0 ? ids : ["none"]) {
      for (let time = unanswered.since; time <= killed; time += 1) afters.push(unanswered.write.after(id, time));
    }
  }
  const differing = (expected: World) =>
    [...new Set([...expected.keys(), ...found.keys()])].filter(
      (id) => !isDeepStrictEqual(expected.get(id), found.get(id)),
    );
  const [nearest] = [world, ...afters]
    .map((expected) => ({ done: expected !== world, ids: differing(expected) }))
    .sort((a, b) => a.ids.length - b.ids.length);
  // What the unanswered write would have changed is half done, anything else was acknowledged and is lost.
  const half = nearest!.ids.filter((id) => afters.some((after) => !isDeepStrictEqual(after.get(id), world.get(id))));
  const wrong = nearest!.ids.length > 0;
  const result = {
    lost: nearest!.ids.length - half.length,
    half: half.length > 0 ? 1 : 0,
    done: unanswered && !wrong && nearest!.done ? 1 : 0,
    undone: unanswered && !wrong && !nearest!.done ? 1 : 0,
    problems: nearest!.ids.map(
      (id) =>
        `${half.includes(id) ? "HALF" : "LOST"} ${name}, ${id}\n  acknowledged: ${short(world.get(id))}\n  found:        ${short(found.get(id))}` +
        (unanswered
          ? `\n  unanswered:   ${unanswered.write.method} ${unanswered.write.path} ${short(unanswered.write.attributes)}`
          : ""),
    ),
  };
  client.world = found;
  client.unanswered = undefined;
  return result;
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
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
}

/** All conversations and messages, as the API lists them. */
async function everything(call: Call): Promise<World> {
  const world: World = new Map();
  for (const path of ["/v1/conversations", "/v1/messages"]) {
    for (let page, after = ""; page === undefined || page.has_more; after = `&starting_after=${page.data.at(-1).id}`) {
      page = (await call("GET", `${path}?limit=100${after}`)).body;
      for (const thing of page.data) world.set(thing.id, thing);
      if (page.data.length === 0) break;
    }
  }
  return world;
}

/** The database as the kill left it, read from a copy: whoever opens the file itself mends what the server must. */
function inspect(folder: string): { world: World; complaints: string[] } {
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
  const things = database.prepare("SELECT object FROM conversations UNION ALL SELECT object FROM messages").all();
  return {
    world: new Map(things.map(({ object }) => JSON.parse(String(object))).map((thing) => [thing.id, thing])),
    complaints,
  };
}

/** Takes a message out that must be there, whether the unanswered write of its client was done or not. */
function lose(clients: Client[], folder: string) {
  const sure = clients.flatMap(({ world, unanswered }) =>
    [...world.values()].filter(
      (thing) => isMessage(thing) && (unanswered?.write.after("none", 0).has(thing.id) ?? true),
    ),
  );
  if (sure.length === 0) throw new Failure("There is no message to lose: try another seed.");
  using database = open(folder);
  database.prepare("DELETE FROM messages WHERE id = ?").run(sure[0]!.id);
}

/** The file that holds the tables; beside it is one of the runtime's own. */
function open(folder: string): DatabaseSync {
  for (const file of globSync("v3/d1/*/*.sqlite", { cwd: folder })) {
    const database = new DatabaseSync(join(folder, file));
    if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'conversations'").get() !== undefined)
      return database;
    database.close();
  }
  throw new Failure(`There is no database in ${folder}.`);
}
