// `npm start` in its own state folder. One test, because each part continues with the state of the previous one.
import assert from "node:assert/strict";
import { globSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseEnv } from "node:util";
import { localDatabase, query } from "../../scripts/d1.ts";
import { hashOf } from "../../scripts/tokens.ts";
import { ensureWebhookKey } from "../../scripts/webhook-key.ts";
import { curl, freePort, run, Server, stateFolder, tokenIn } from "./processes.ts";

const commands = (greeting: string) => greeting.match(/^curl (.*\\\n)*.*$/gm)!;
async function answer(command: string) {
  const { status, body } = await curl(command);
  return { status, body };
}

test("start, call, stop, start again, kill, start again", { timeout: 300_000 }, async (t) => {
  using state = stateFolder();
  const port = await freePort();
  const assertStopped = async (server: Server) => {
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`), "something still listens");
    assert.doesNotMatch(server.output.stderr, /error|\n +at /i);
  };
  let token = "";
  let created: { id: string; is_muted: boolean };

  await t.test("the printed commands work unchanged", async (t) => {
    await using server = new Server(port, state.path);
    const greeting = await server.greeting();
    token = tokenIn(greeting);
    assert.equal(statSync(join(state.path, "local-token")).mode & 0o777, 0o600);
    const [list, create] = commands(greeting);
    assert.deepEqual(await answer(list), { status: 200, body: { has_more: false, data: [] } });
    const creation = await answer(create);
    assert.equal(creation.status, 201);
    created = creation.body;
    const webhook = { url: "http://127.0.0.1:9999" };
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const { status } = await fetch(`http://127.0.0.1:${port}/v1/webhooks`, {
      method: "POST",
      headers,
      body: JSON.stringify(webhook),
    });
    assert.equal(status, 201, "an endpoint on this machine");

    await t.test("a second server on the same port fails and names another port", async () => {
      await using second = new Server(port, state.path);
      assert.equal(await second.ended(), 1);
      assert.match(second.output.stderr, new RegExp(`Port ${port} is taken.*--port ${port + 1}`));
    });
    let last = "";
    const query = "nowhere=stored-4711";
    const refusal = await fetch(`http://127.0.0.1:${port}/v1/conversations?${query}`);
    assert.equal(refusal.status, 401);
    for (const [, name, page] of greeting.matchAll(/^(API reference|Inbox|Webhook endpoints): (.+)$/gm)) {
      const response = await fetch(page!);
      assert.deepEqual(
        [response.status, response.headers.get("content-type")],
        [200, "text/html; charset=utf-8"],
        name,
      );
      last = response.headers.get("x-request-id")!;
    }
    const lines = await server.log(last);
    assert.deepEqual(
      lines.map(({ method, route, status }) => [method, route, status]),
      [
        ["GET", "/v1/conversations", 200],
        ["POST", "/v1/conversations", 201],
        ["POST", "/v1/webhooks", 201],
        ["GET", "/v1/conversations", 401],
        ["GET", null, 200],
        ["GET", null, 200],
        ["GET", null, 200],
      ],
      "the log has one line for each request, and none for those of the command itself",
    );
    await server.signal("SIGINT");
    await assertStopped(server);
    const files = globSync("**", { cwd: state.path, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = files.map((entry) => join(entry.parentPath, entry.name));
    assert.deepEqual(
      paths.filter((path) => readFileSync(path).includes(query)),
      [],
      "a file that has the URL of a request",
    );
    assert.ok(
      paths.some((path) => path.includes("miniflare-D1DatabaseObject")),
      "the files of the database",
    );
  });

  await t.test("the second start has the same token and the same data", async () => {
    await using server = new Server(port, state.path);
    const greeting = await server.greeting();
    assert.equal(tokenIn(greeting), token);
    const [list, , update] = commands(greeting);
    assert.deepEqual((await answer(list)).body, { has_more: false, data: [created] });
    created = { ...created, is_muted: true };
    assert.deepEqual(await answer(update), { status: 200, body: created });
    await server.signal("SIGKILL");
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`), "something still listens");
  });

  await t.test("after SIGKILL the token and the data are the same", async () => {
    await using server = new Server(port, state.path);
    const greeting = await server.greeting();
    assert.equal(tokenIn(greeting), token);
    assert.deepEqual((await answer(commands(greeting)[0])).body, { has_more: false, data: [created] });
    const [seed] = /^npm run seed.*$/m.exec(greeting)!;
    assert.equal((await run("sh", ["-c", seed!])).code, 0);
    assert.equal((await answer(commands(greeting)[0])).body.data.length, 10, "the printed command adds conversations");
    await server.signal("SIGTERM");
    await assertStopped(server);
  });
});

test("a stored token that lacks a scope is replaced by one that has all", async () => {
  using state = stateFolder();
  const database = localDatabase(state.path);
  const scopes = async (token: string) => {
    const [[row]] = await query(database, `SELECT scopes FROM tokens WHERE hash = '${hashOf(token)}'`);
    return row!.scopes;
  };
  const start = async () => {
    await using server = new Server(await freePort(), state.path);
    const token = tokenIn(await server.greeting());
    await server.signal("SIGTERM");
    return token;
  };
  const earlier = await start();
  assert.equal(await scopes(earlier), 127);
  await query(database, `UPDATE tokens SET scopes = 63`);
  const later = await start();
  assert.notEqual(later, earlier);
  assert.deepEqual([await scopes(earlier), await scopes(later)], [63, 127]);
});

test("a file of secrets gets a key if it has none, and keeps everything else", async () => {
  using folder = stateFolder();
  const file = join(folder.path, ".dev.vars");
  await Promise.all(Array.from({ length: 5 }, () => ensureWebhookKey(file)));
  const made = readFileSync(file, "utf8");
  assert.match(made, /^WEBHOOK_KEY=[\w-]{43}\n$/, "one key, although five asked for it at the same time");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  await ensureWebhookKey(file);
  assert.equal(readFileSync(file, "utf8"), made);

  for (const text of ["# mine\nOTHER=1", "OTHER=1\n", "# WEBHOOK_KEY=no\nOTHER=1\n", "WEBHOOK_KEY=\nOTHER=1\n"]) {
    writeFileSync(file, text);
    await ensureWebhookKey(file);
    const completed = readFileSync(file, "utf8");
    assert.ok(completed.startsWith(text));
    const { WEBHOOK_KEY: key, ...others } = parseEnv(completed);
    assert.match(key!, /^[\w-]{43}$/);
    assert.deepEqual(others, { OTHER: "1" });
  }
  for (const text of ["WEBHOOK_KEY='mine'", "export WEBHOOK_KEY=mine\n"]) {
    writeFileSync(file, text);
    await ensureWebhookKey(file);
    assert.equal(readFileSync(file, "utf8"), text);
  }
});

test("invalid options are refused", async () => {
  using state = stateFolder();
  await using server = new Server(99999, state.path);
  assert.equal(await server.ended(), 2);
  assert.match(server.output.stderr, /'99999'.*1 to 65535/);
});
