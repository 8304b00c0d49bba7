// `npm start`: the API on this machine, with the local D1 database and a token.
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { command, misuse, options, stopSignal } from "./cli.ts";
import { type LocalDatabase, localDatabase, localDatabases, migrate } from "./d1.ts";
import { ringSweep } from "./ring.ts";
import { Failure, run, step } from "./shared.ts";
import { createToken, databaseOf, SCOPES, storedToken, storeToken } from "./tokens.ts";
import { DEV_VARS, ensureWebhookKey } from "./webhook-key.ts";

const USAGE = `Usage: npm start [-- --port 8787] [--persist-to DIR]

  --port N            the port on 127.0.0.1 (default: 8787)
  --persist-to DIR    the folder of the data (default: .wrangler/state)`;

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
  const databases = await localDatabases(values["persist-to"]);
  await step(databases.length === 1 ? "Database" : "Databases", () => Promise.all(databases.map(migrate)));

  await ensureWebhookKey(DEV_VARS);

  const stop = stopSignal();
  const server = serve(port, database.folder, stop);
  const ended = new AbortController();
  void server.finally(() => ended.abort());
  try {
    const address = `http://127.0.0.1:${port}`;
    const token = await ready(address, database, databases, ended.signal);
    if (token !== undefined) greet(address, token, await newestId(address, token));
    void ringSweep(address, ended.signal);
    const { failed, exitCode } = await server;
    if (failed && !stop.aborted) throw new Failure(`The server ended with exit code ${exitCode}, see above.`);
  } finally {
    server.kill();
    await server;
  }
});

/** wrangler with the built Worker. Its messages go to stderr. */
function serve(port: number, folder: string, cancelSignal: AbortSignal) {
  const address = ["--local", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0"];
  // What an earlier version stored of the URLs goes too.
  rmSync(join(folder, "v3", "observability"), { recursive: true, force: true });
  // Only here: a deployed Worker must send nothing to its own network.
  const vars = ["--var", "ALLOW_LOOPBACK_WEBHOOKS:true"];
  const quiet = ["--show-interactive-dev-session=false", "--log-level", "log"];
  return run("wrangler", ["dev", ...address, "--persist-to", folder, ...vars, ...quiet], {
    stdout: process.stderr,
    stderr: "inherit",
    all: false,
    reject: false,
    // No traces, which would store every URL, and no page that shows all data.
    env: { X_LOCAL_OBSERVABILITY: "false", X_LOCAL_EXPLORER: "false" },
    cancelSignal,
    // Only wrangler itself ends workerd properly.
    forceKillAfterDelay: false,
  });
}

/** Waits until the API answers and returns a token that it accepts: the stored one, or else a new one. Returns nothing
 * if the server ended. */
async function ready(address: string, database: LocalDatabase, databases: LocalDatabase[], ended: AbortSignal) {
  let token = storedToken(database) ?? "none-yet";
  for (let created = false; !ended.aborted; ) {
    // What needs the newest scope: a token that an earlier version has stored lacks it.
    // On a busy machine wrangler itself responds with 500 until the Worker runs.
    const status = await list(address, "webhooks", token).then(
      ({ headers, status }) => (headers.has("X-Request-Id") ? status : undefined),
      () => undefined,
    );
    if (status === 200) return token;
    if ((status === 401 || status === 403) && !created) {
      created = true;
      token = await createToken((await databaseOf(databases, ACCOUNT)) ?? database, {
        account: ACCOUNT,
        name: "npm start",
        scopes: Object.keys(SCOPES),
        expiresAt: null,
      });
      storeToken(database, token);
    } else if (status === undefined) await delay(50);
    else throw new Failure(`The server responds with status ${status}, see above.`);
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

function list(address: string, objects: string, token: string) {
  return fetch(`${address}/v1/${objects}?limit=1`, { headers: { Authorization: `Bearer ${token}` } });
}

/** The id of the newest conversation, for the example of an update. */
async function newestId(address: string, token: string): Promise<string | undefined> {
  const page = (await (await list(address, "conversations", token)).json()) as { data: { id: string }[] };
  return page.data[0]?.id;
}

function greet(address: string, token: string, id: string | undefined) {
  const conversations = `${address}/v1/conversations`;
  console.log(`
Ready on ${address}

Token: ${token}

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
