// Several processes write to the local database: a busy server, `npm run token` and `npm run seed`. None of them fails,
// and what was acknowledged is there. If a process never gives the lock back, the others say so.
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { freePort, npmRun, Server, stateFolder, token, tokenIn } from "./processes.ts";

const WRITERS = 8;
const WRITER = { name: "writer", scopes: "conversations:read conversations:write messages:read messages:write" };
const OPTIONS = { timeout: 300_000 };

type Answer = { status: number; headers: Headers; body: any };
type Call = (method: string, path: string, attributes?: Record<string, string>) => Promise<Answer>;

const callerOf =
  (port: number, token: string): Call =>
  async (method, path, attributes) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}` },
      body: attributes && new URLSearchParams(attributes),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };

/** The ids of all objects of a list. */
async function idsOf(call: Call, list: string): Promise<string[]> {
  const ids: string[] = [];
  for (let more = true, query = ""; more; query = `&starting_after=${ids.at(-1)}`) {
    const { status, body } = await call("GET", `${list}&limit=100${query}`);
    assert.equal(status, 200);
    ids.push(...body.data.map(({ id }: { id: string }) => id));
    more = body.has_more;
  }
  return ids.sort();
}

/** Writes until it is told to stop. What was acknowledged must be there, once. */
async function write(call: Call, contact_id: string, stop: AbortSignal) {
  const conversation = await call("POST", "/v1/conversations", { contact_id });
  const [conversations, messages] = [[conversation.body.id], [] as string[]];
  const answers = [conversation];
  for (let n = 0; !stop.aborted; n += 1) {
    const attributes = { conversation_id: conversations[0], message: `Message ${n}` };
    const message = await call("POST", "/v1/messages", attributes);
    messages.push(message.body.id);
    const update = await call("PUT", `/v1/conversations/${conversations[0]}`, { is_muted: String(n % 2 === 0) });
    const another = await call("POST", "/v1/conversations", { contact_id });
    conversations.push(another.body.id);
    answers.push(message, update, another);
  }
  return {
    statuses: answers.map(({ status }) => status),
    async check() {
      assert.deepEqual(await idsOf(call, `/v1/conversations?contact_id=${contact_id}`), conversations.sort());
      assert.deepEqual(await idsOf(call, `/v1/messages?conversation_id=${conversation.body.id}`), messages.sort());
    },
  };
}

test("eight writers and the command-line tools beside them: nothing fails", OPTIONS, async (t: TestContext) => {
  using state = stateFolder();
  const port = await freePort();
  await using server = new Server(port, state.path);
  const call = callerOf(port, tokenIn(await server.greeting()));
  // A token each: they write more than one token may.
  const tokens = await Promise.all(Array.from({ length: WRITERS }, () => call("POST", "/v1/tokens", WRITER)));
  const stop = new AbortController();
  const writers = tokens.map(({ body }, n) => write(callerOf(port, body.token), `writer-${n}`, stop.signal));

  const here = ["--persist-to", state.path];
  const succeeded = async (tool: ReturnType<typeof npmRun>) => {
    const { code, stdout, stderr } = await tool;
    assert.equal(code, 0, stderr);
    return stdout;
  };
  try {
    const create = (name: string) => succeeded(token("create", "--account", "Beside", "--name", name, ...here));
    const statuses = (secrets: string[]) =>
      Promise.all(secrets.map(async (secret) => (await callerOf(port, secret.trim())("GET", "/v1/messages")).status));
    const secrets = await Promise.all(["one", "two", "three"].map(create));
    assert.deepEqual(await statuses(secrets), [200, 200, 200]);
    const [listed] = await Promise.all([
      succeeded(token("list", "--account", "Beside", "--json", ...here)),
      succeeded(npmRun("seed", ...here)),
    ]);
    const ids = JSON.parse(listed).map(({ id }: { id: string }) => id);
    assert.equal(ids.length, 3);
    await Promise.all(ids.map((id: string) => succeeded(token("revoke", id, ...here))));
    assert.deepEqual(await statuses(secrets), [401, 401, 401]);
  } finally {
    stop.abort();
  }
  const statuses = (await Promise.all(writers)).flatMap((writer) => writer.statuses);
  assert.deepEqual(
    statuses.filter((status) => status !== 200 && status !== 201),
    [],
  );
  for (const writer of await Promise.all(writers)) await writer.check();
  t.diagnostic(`${statuses.length} writes`);
  await server.signal("SIGTERM");
});

test(
  "if the lock is never given back, writes are a 503, reads work, and a tool says why it fails",
  OPTIONS,
  async () => {
    using state = stateFolder();
    const port = await freePort();
    await using server = new Server(port, state.path);
    const call = callerOf(port, tokenIn(await server.greeting()));
    const { body: conversation } = await call("POST", "/v1/conversations", { contact_id: "bob" });
    const path = `/v1/conversations/${conversation.id}`;
    const write = () =>
      Promise.all([
        call("POST", "/v1/conversations", { contact_id: "bob" }),
        call("POST", "/v1/messages", { conversation_id: conversation.id, message: "Hello" }),
        call("PUT", path, { is_muted: "true" }),
        call("POST", "/v1/tokens", WRITER),
        call("DELETE", path),
      ]);
    const everything = () =>
      Promise.all(
        ["/v1/conversations", "/v1/messages", "/v1/tokens", path].map(async (list) => (await call("GET", list)).body),
      );
    const before = await everything();

    using other = lock(state.path);
    const refusal = token("create", "--account", "local", "--persist-to", state.path);
    for (const { status, headers, body } of await write()) {
      assert.deepEqual([status, body.code, headers.get("retry-after")], [503, "database_unavailable", "1"]);
      assert.match(body.message, /another process/i);
    }
    assert.deepEqual(await everything(), before, "a write that was refused did something");
    const { code, stdout, stderr } = await refusal;
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /The local database is locked\. Another process has been writing to it for 10 seconds\./);
    assert.doesNotMatch(stderr, /\n +at /, "a stack trace");
    assert.deepEqual(await everything(), before, "a tool that failed did something");

    // Both wait for the lock. The tool has ten seconds to start and to get it.
    const created = token("create", "--account", "local", "--persist-to", state.path);
    assert.equal((await call("PUT", path, { is_muted: "true" })).status, 503);
    const waiting = call("PUT", path, { is_muted: "true" });
    assert.equal((await call("GET", path)).body.is_muted, false);
    other.release();
    assert.equal((await waiting).status, 200);
    assert.equal((await created).code, 0);
    const { headers, body } = await call("GET", path);
    assert.equal(body.is_muted, true);
    // A sweep that met the lock has a line too.
    const requests = (await server.log(headers.get("x-request-id")!)).filter(({ method }) => method !== "SCHEDULED");
    const refused = requests.filter(({ status }) => status === 503);
    assert.equal(refused.length, 6, "the log has a line for each request, also for one that fails");
    await server.signal("SIGTERM");
  },
);

/** Locks the database in a state folder, as a process that writes to it does. */
function lock(folder: string): Disposable & { release(): void } {
  const [file] = globSync(join(folder, "v3/d1/miniflare-D1DatabaseObject/*.sqlite")).filter(
    (file) => !file.endsWith("metadata.sqlite"),
  );
  const database = new DatabaseSync(file!);
  database.exec("BEGIN IMMEDIATE");
  return {
    release: () => database.exec("COMMIT"),
    [Symbol.dispose]: () => database.close(),
  };
}
