// `npm start`: the API on this machine, on the database that embeds D1, with a token to call it with.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { command, misuse, options } from "./cli.ts";
import { localDatabase, migrate } from "./d1.ts";
import { Failure, node, root, step, wranglerScript } from "./shared.mjs";
import { createToken, SCOPES } from "./tokens.ts";

const USAGE = `Usage: npm start [-- --port 8787] [--persist-to DIR]

  --port N            the port on 127.0.0.1 (default: 8787)
  --persist-to DIR    where the data is kept (default: .wrangler/state)`;

await command(USAGE, async (args) => {
  const { values } = options(args, { port: { type: "string", default: "8787" }, "persist-to": { type: "string" } });
  const port = Number(values.port);
  if (!/^\d+$/.test(values.port) || port < 1 || port > 65535)
    misuse(`--port is '${values.port}', it takes a number from 1 to 65535`);
  await refuseTakenPort(port);

  const database = localDatabase(values["persist-to"]);
  mkdirSync(database.folder, { recursive: true });
  await step("database", () => migrate(database));

  const address = `http://127.0.0.1:${port}`;
  const server = serve(port, database.folder);
  const stop = () => server.kill("SIGTERM");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  const ended = once(server, "exit");
  try {
    const token = await step("server", () => ready(address, join(database.folder, "local-token"), server));
    if (token !== undefined) greet(address, token, await newestId(address, token));
    const [code, signal] = await ended;
    if (!server.killed && code !== 0)
      throw new Failure(`The server has ended by itself (${signal ?? `exit code ${code}`}).`);
  } finally {
    stop();
    await ended;
  }

  /** Waits until the API answers, and gives the token it answers to: the kept one, or a new one if the database doesn't
   * know that; nothing if the server was stopped meanwhile. */
  async function ready(address: string, file: string, server: ChildProcess): Promise<string | undefined> {
    let token = readToken(file);
    let made = false;
    while (server.exitCode === null && server.signalCode === null && !server.killed) {
      const status = await list(address, token).then(
        (answer) => answer.status,
        () => undefined,
      );
      if (status === 200) return token;
      if ((status === 401 || status === 403) && !made) {
        made = true;
        token = await createToken(database, {
          account: "local",
          name: "npm start",
          scopes: Object.keys(SCOPES),
          expiresAt: null,
        });
        writeFileSync(file, `${token}\n`, { mode: 0o600 });
      } else if (status !== undefined)
        throw new Failure(`The server answers ${status}; what it says about that stands above.`);
      else await delay(50);
    }
    if (server.killed) return undefined;
    throw new Failure("The server could not start; what it says about that stands above.");
  }
});

/** wrangler with the built Worker, its messages on stderr. */
function serve(port: number, folder: string): ChildProcess {
  const flags = [
    "--local",
    "--ip",
    "127.0.0.1",
    "--port",
    String(port),
    "--inspector-port",
    "0",
    "--persist-to",
    folder,
  ];
  const quiet = ["--show-interactive-dev-session=false", "--log-level", "log"];
  return spawn(node, [wranglerScript, "dev", ...flags, ...quiet], { cwd: root, stdio: ["ignore", 2, 2] });
}

async function refuseTakenPort(port: number) {
  const probe = createServer();
  try {
    await once(probe.listen(port, "127.0.0.1"), "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(
      code === "EADDRINUSE"
        ? `Port ${port} is taken, perhaps by another \`npm start\`: stop that (\`lsof -i :${port}\` tells who it is), or use another port: npm start -- --port ${port < 65535 ? port + 1 : 8787}`
        : `Port ${port} can't be used (${code}): try another, npm start -- --port 8787`,
    );
  }
  probe.close();
  await once(probe, "close");
}

function list(address: string, token: string) {
  return fetch(`${address}/v1/conversations?limit=1`, { headers: { Authorization: `Bearer ${token}` } });
}

/** The newest conversation, for the example of an update. */
async function newestId(address: string, token: string): Promise<string | undefined> {
  const page = (await (await list(address, token)).json()) as { data: { id: string }[] };
  return page.data[0]?.id;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "none-yet";
  }
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

Update a conversation${id ? "" : " (with the id that creating one answers in place of this example's)"}
curl -X PUT ${conversations}/${id ?? "xgQQXg3hrtjh7AvZ"} \\
  -H "Authorization: Bearer ${token}" \\
  -d 'is_muted'=true

Ctrl-C stops it; the data stays.`);
}
