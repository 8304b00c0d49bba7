// `npm run conformance`: runs Schemathesis with all its checks against a running `npm start`. It generates valid and
// invalid requests from openapi.yaml, singly and in sequences, and compares the responses with it. Before that, PyPI's
// package of Standard Webhooks verifies deliveries, and clients that generators make of the description are tried.
import { randomInt } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, Server, stateFolder } from "../tests/scripts/processes.ts";
import { command, options, stopSignal, wholeNumber } from "./cli.ts";
import { walkGeneratedClients } from "./conformance/clients.ts";
import { localDatabase } from "./d1.ts";
import { Failure, reporting, root, run, step } from "./shared.ts";
import { createToken, listTokens, SCOPES } from "./tokens.ts";

const USAGE = `Usage: npm run conformance [-- --examples 50] [--seed N] [--only OPERATION] [--clients]

  --examples N        the number of requests, and of sequences, for each operation (default: 50)
  --seed N            repeat the run that printed this seed (default: a new seed)
  --only OPERATION    test only this operation, by its operationId
  --clients           try only the generated clients`;

const MAX_MINUTES = 20;

const folder = join(root, "scripts", "conformance");
const requirements = join(folder, "requirements.txt");
const venv = join(root, ".tools", "conformance");

await command(USAGE, async (args) => {
  const { values } = options(args, {
    examples: { type: "string", default: "50" },
    seed: { type: "string" },
    only: { type: "string" },
    clients: { type: "boolean" },
  });
  const examples = wholeNumber("examples", values.examples);
  const seed = wholeNumber("seed", values.seed ?? String(randomInt(1, 1_000_000)));
  const stop = stopSignal();
  await install();
  console.log(`seed ${seed}`);

  using state = stateFolder();
  const port = await freePort();
  await using server = new Server(port, state.path);
  await step("Server", () => server.greeting());

  // Two accounts. Neither may see the objects of the other.
  const database = localDatabase(state.path);
  const newToken = (account: string) =>
    createToken(database, { account, name: "conformance", scopes: Object.keys(SCOPES), expiresAt: null });
  const secrets: { account: string; token: string }[] = [];
  for (const account of ["alice", "bob"]) secrets.push({ account, token: await newToken(account) });
  const auth = secrets.map(({ account, token }) => ({
    name: account,
    fixedHeaders: [{ name: "Authorization", value: `Bearer ${token}` }],
  }));
  const tokens = join(state.path, "tokens.json");
  writeFileSync(tokens, JSON.stringify({ auth }), { mode: 0o600 });

  const origin = `http://127.0.0.1:${port}`;
  await step("Verify deliveries", () =>
    run(join(venv, "bin", "python"), [join(folder, "deliveries.py"), origin, secrets[0]!.token]),
  );

  const clients = join(state.path, "clients");
  mkdirSync(clients);
  await walkGeneratedClients({ venv, folder: clients, origin, newToken, stop });
  if (values.clients) return;

  const own = (await listTokens([database], undefined)).map(({ id }) => id).join(",");
  const only = values.only === undefined ? [] : ["--include-operation-id", values.only];
  const flags = ["--seed", String(seed), "--max-examples", String(examples), "--generation-database", "none", ...only];
  const result = await run(
    join(venv, "bin", "schemathesis"),
    ["--config-file", join(folder, "schemathesis.toml"), "run", `${origin}/openapi.json`, ...flags],
    {
      cwd: state.path,
      stdout: "inherit",
      stderr: "inherit",
      all: false,
      reject: false,
      cancelSignal: stop,
      timeout: MAX_MINUTES * 60_000,
      env: {
        CONFORMANCE_HOOKS: join(folder, "hooks.py"),
        CONFORMANCE_TOKENS: tokens,
        CONFORMANCE_OWN: own,
      },
    },
  );
  if (result.timedOut) throw new Failure(`Schemathesis did not end within ${MAX_MINUTES} minutes.`);
  process.exitCode = result.exitCode ?? 1;
});

/** Makes a Python environment with the packages of requirements.txt, unless there is one. */
async function install() {
  const installed = join(venv, "installed-requirements.txt");
  if (existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(requirements, "utf8")) return;
  const supported = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
  if ((await run("python3", ["-c", supported], { reject: false })).failed) {
    throw new Failure(
      "Conformance tests need Python 3.11 or newer with venv and pip, as `python3`: install python3 and python3-venv " +
        "(Debian, Ubuntu), or Python from https://www.python.org.",
    );
  }
  await step("Install Schemathesis and the generators (once)", async (onLine) => {
    const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "-r", requirements];
    await run("python3", ["-m", "venv", "--clear", venv]);
    await run(join(venv, "bin", "python"), pip, reporting(onLine));
  });
  copyFileSync(requirements, installed);
}
