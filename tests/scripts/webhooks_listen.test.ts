// `npm run webhooks -- listen`, beside an `npm start` of its own.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { ConversationsClient } from "../../clients/typescript/src/index.ts";
import { freePort, npmRun, Script, Server, stateFolder, tokenIn } from "./processes.ts";

const state = stateFolder();
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const here = ["--url", url, "--persist-to", state.path];
let server: Server;
let token: string;
let client: ConversationsClient;
before(async () => {
  server = new Server(port, state.path);
  token = tokenIn(await server.greeting());
  client = new ConversationsClient({ token, baseUrl: url });
});
after(async () => {
  await server.signal("SIGTERM");
  state[Symbol.dispose]();
});

/** A running listener, once its endpoint exists. */
async function listen(...args: string[]) {
  const listener = new Script(["run", "--silent", "webhooks", "--", "listen", ...here, ...args]);
  await listener.until("stderr", "Press Ctrl-C");
  return listener;
}

const endpoints = async () => (await client.webhooks.list()).data;

test("each change is a line, in the order of the log, and the endpoint goes with Ctrl-C and with SIGTERM", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using listener = await listen();
    const conversation = await client.conversations.create({ contact_id: "someone" });
    const message = await client.messages.create({ conversation_id: conversation.id, message: "Hello" });
    await client.conversations.delete(conversation.id);
    await listener.until("stdout", "conversation.deleted");
    const events = (await client.events.list({ limit: 100 })).data.slice(-3);
    const shown = listener.output.stdout.split("\n").filter((line) => line !== "");
    assert.deepEqual(
      shown.map((line) => line.split(/ {2,}/)),
      events.map(({ id, type, created_at, message_id }) => [
        new Date(1000 * created_at).toISOString().replace(".000Z", "Z"),
        id,
        type,
        `conversation ${conversation.id}`,
        ...(message_id === null ? [] : [`message ${message.id}`]),
      ]),
    );
    assert.equal((await endpoints()).length, 1);
    await listener.signal(signal);
    assert.match(listener.output.stderr, /is deleted\.\n$/);
    assert.deepEqual(await endpoints(), []);
  }
});

test("--types chooses events, and --json prints what was delivered", async () => {
  await using listener = await listen("--types", "message.created message.deleted", "--json", "--token", token);
  const { id } = await client.conversations.create({ contact_id: "someone" });
  await client.messages.create({ conversation_id: id, message: "Hello\nWorld" });
  await listener.until("stdout", "\n");
  const [line, rest] = listener.output.stdout.split("\n");
  const [event] = (await client.events.list({ limit: 100 })).data.slice(-1);
  const timestamp = new Date(1000 * event!.created_at).toISOString().replace(".000Z", "Z");
  assert.deepEqual(JSON.parse(line!), { type: "message.created", timestamp, data: event });
  assert.equal(rest, "");
  await listener.signal("SIGINT");
});

test("a request without a valid signature is refused, and not printed", async () => {
  await using listener = await listen();
  const [endpoint] = (await endpoints()).filter(({ url }) => listener.output.stderr.includes(url));
  const forged = { "webhook-id": "1", "webhook-timestamp": String(Math.floor(Date.now() / 1000)) };
  for (const headers of [{}, { ...forged, "webhook-signature": "v1,Zm9yZ2Vk" }]) {
    const response = await fetch(endpoint!.url, { method: "POST", headers, body: '{"type":"message.created"}' });
    assert.equal(response.status, 400);
  }
  await listener.until("stderr", "no delivery of this endpoint: No matching signature found");
  await listener.signal("SIGINT");
  assert.equal(listener.output.stdout, "");
});

test("the endpoint goes when the reader of the pipe has left", async () => {
  const before = await endpoints();
  await using listener = await listen();
  listener.child.stdout!.destroy();
  const { id } = await client.conversations.create({ contact_id: "someone" });
  await client.conversations.delete(id);
  assert.equal(await listener.ended(), 0, listener.output.stderr);
  assert.deepEqual(await endpoints(), before);
});

test("if the API is gone at the end, the command fails and says that the endpoint is left", async () => {
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  const api = createServer((_, response) => {
    response
      .writeHead(201, { "Content-Type": "application/json" })
      .end(JSON.stringify({ id: "WebhookLeft00000", secret }));
  });
  await once(api.listen(0, "127.0.0.1"), "listening");
  const { port } = api.address() as { port: number };
  await using listener = await listen("--url", `http://127.0.0.1:${port}`);
  api.close();
  api.closeAllConnections();
  await listener.signal("SIGINT");
  assert.match(listener.output.stderr, /The endpoint WebhookLeft00000 is not deleted: Can't reach the server/);
});

test("invalid arguments are refused with a reason on stderr", async () => {
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  const refusals: [number, RegExp, ...string[]][] = [
    [2, /command is missing/],
    [2, /Unknown command 'send'/, "send"],
    [2, /--url is 'example'/, "listen", "--url", "example"],
    [1, /has no token: start the API with `npm start`/, "listen", "--persist-to", `${state.path}/none`],
    [1, /Can't reach the server/, "listen", "--url", nowhere, "--token", token],
    [1, /types/, "listen", ...here, "--types", "message.sent"],
    [1, /token/, "listen", ...here, "--token", `${token}x`],
  ];
  for (const [code, reason, ...args] of refusals) {
    const answer = await npmRun("webhooks", ...args);
    assert.equal(answer.code, code, args.join(" "));
    assert.match(answer.stderr, reason);
    assert.doesNotMatch(answer.stderr, /\n +at /, "a stack trace");
    assert.equal(answer.stdout, "");
  }
});
