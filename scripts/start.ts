// `npm start`: the API on this machine, with the local D1 database and a token.
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { command, misuse, options, stopSignal } from "./cli.ts";
import { type Database, type LocalDatabase, localDatabase, localDatabases, migrate, query, text } from "./d1.ts";
import { Log } from "./log.ts";
import { Failure, run, step } from "./shared.ts";
import { triggerSweep } from "./sweep.ts";
import { createToken, databaseOf, hasToken, SCOPES, storedToken, storeToken } from "./tokens.ts";
import { DEV_VARS, ensureWebhookKey } from "./webhook-key.ts";

const USAGE = `Usage: npm start [-- --port 8787] [--persist-to DIR]

  --port N            the port on 127.0.0.1 (default: 8787)
  --persist-to DIR    the folder of the data (default: .wrangler/state)

Prints a token, the addresses of the pages and commands to try. Then stdout has the log of the Worker, one line of JSON
for each request, and stderr has the messages of wrangler.`;

/** The account of the token. */
const ACCOUNT = "local";

await command(USAGE, async (args) => {
  const { values } = options(args, { port: { type: "string", default: "8787" }, "persist-to": { type: "string" } });
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port < 1 || port > 65535) {
    misuse(`--port is '${values.port}', it must be a number from 1 to 65535`);
  }
  await refuseTakenPort(port);

  const database = localDatabase(values["persist-to"]);
  mkdirSync(database.folder, { recursive: true });
  const databases = localDatabases(values["persist-to"]);
  await step(databases.length === 1 ? "Database" : "Databases", () => Promise.all(databases.map(migrate)));

  await ensureWebhookKey(DEV_VARS);

  const home = (await databaseOf(databases, ACCOUNT)) ?? database;
  const token = await tokenFor(database, databases, home);
  const id = await newestId(home);

  const stop = stopSignal();
  const log = new Log();
  const server = serve(port, database.folder, log, stop);
  const ended = new AbortController();
  void server.finally(() => ended.abort());
  try {
    const address = `http://127.0.0.1:${port}`;
    await ready(address, log, ended.signal);
    if (!ended.signal.aborted) greet(address, token, id, values["persist-to"]);
    log.begin();
    void triggerSweep(address, ended.signal);
    const { failed, exitCode } = await server;
    if (failed && !stop.aborted) throw new Failure(`The server ended with exit code ${exitCode}, see above.`);
  } finally {
    log.begin();
    server.kill();
    await server;
  }
});

/** wrangler with the built Worker. The Worker's log goes to stdout, everything else to stderr. */
function serve(port: number, folder: string, log: Log, cancelSignal: AbortSignal) {
  const address = ["--local", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  // What an earlier version stored of the URLs goes too.
  rmSync(join(folder, "v3", "observability"), { recursive: true, force: true });
  // Only here: a deployed Worker must send nothing to its own network.
  const vars = ["--var", "ALLOW_LOOPBACK_WEBHOOKS:true"];
  const quiet = ["--show-interactive-dev-session=false", "--log-level", "log"];
  function* others(line: unknown) {
    if (!log.takes(String(line))) yield line;
  }
  return run("wrangler", ["dev", ...address, "--persist-to", folder, ...vars, ...quiet], {
    stdout: [others, process.stderr],
    stderr: [others, process.stderr],
    buffer: false,
    all: false,
    reject: false,
    // No traces, which would store every URL, and no page that shows all data.
    env: { X_LOCAL_OBSERVABILITY: "false", X_LOCAL_EXPLORER: "false" },
    cancelSignal,
    // Only wrangler itself ends workerd properly.
    forceKillAfterDelay: false,
  });
}

/** The stored token, or a new one if there is none that is valid and has all scopes. */
async function tokenFor(database: LocalDatabase, databases: LocalDatabase[], home: Database): Promise<string> {
  const scopes = Object.keys(SCOPES);
  const stored = storedToken(database);
  // One that an earlier version has stored lacks a newer scope.
  if (stored !== undefined && (await hasToken(databases, stored, scopes))) return stored;
  const token = await createToken(home, { account: ACCOUNT, name: "npm start", scopes, expiresAt: null });
  storeToken(database, token);
  return token;
}

/** The id of the newest conversation, for the example of an update. */
async function newestId(home: Database): Promise<string | undefined> {
  const [rows] = await query(
    home,
    `SELECT id FROM conversations
     WHERE account_id = (SELECT id FROM accounts WHERE name = ${text(ACCOUNT)}) AND NOT is_removed
     ORDER BY id DESC LIMIT 1`,
  );
  return rows![0]?.id as string | undefined;
}

/** Waits until the API answers, or the server has ended. */
async function ready(address: string, log: Log, ended: AbortSignal) {
  while (!ended.aborted) {
    const response = await fetch(`${address}/health`).catch(() => undefined);
    // On a busy machine wrangler itself responds with 500 until the Worker runs.
    const id = response?.headers.get("X-Request-Id");
    if (response === undefined || !id) await delay(50);
    else {
      if (response.ok) return log.leaveOut(id);
      throw new Failure(`The server responds with status ${response.status}, see above.`);
    }
  }
}

async function refuseTakenPort(port: number) {
  const probe = createServer();
  try {
    await once(probe.listen(port, "127.0.0.1"), "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const other = `npm start -- --port ${port < 65535 ? port + 1 : 8787}`;
    throw new Failure(
      code === "EADDRINUSE"
        ? `Port ${port} is taken, perhaps by another \`npm start\`. \`lsof -i :${port}\` shows the process. ` +
            `Stop it, or use another port: ${other}`
        : `Port ${port} can't be used (${code}). Use another port: npm start -- --port 8787`,
    );
  }
  probe.close();
  await once(probe, "close");
}

function greet(address: string, token: string, id: string | undefined, folder: string | undefined) {
  const conversations = `${address}/v1/conversations`;
  const options = folder === undefined ? "" : ` -- --persist-to '${folder.replaceAll("'", "'\\''")}'`;
  console.log(`
Ready on ${address}

API reference: ${address}/
Inbox: ${address}/inbox
Webhook endpoints: ${address}/webhooks

Token: ${token}

The pages ask for the token. The token has all scopes.

Add example conversations, in a second terminal
npm run seed${options}

List conversations
curl -G ${conversations} \\
  -H "Authorization: Bearer ${token}" \\
  -d limit=10

Create a conversation
curl ${conversations} \\
  -H "Authorization: Bearer ${token}" \\
  -d 'contact_id'="WAz8eIbvDR60rouK"

Update a conversation${id ? "" : " (replace the id with the one returned above)"}
curl -X PUT ${conversations}/${id ?? "xgQQXg3hrtjh7AvZ"} \\
  -H "Authorization: Bearer ${token}" \\
  -d 'is_muted'=true

Press Ctrl-C to stop. The data is kept.`);
}
