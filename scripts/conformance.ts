// `npm run conformance`: Schemathesis against a running `npm start`, all its checks on. It makes requests out of
// openapi.yaml, right ones and wrong ones, one by one and in sequences, and holds the answers against it.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, Server, stateFolder } from "../tests/scripts/processes.ts";
import { command, options, wholeNumber } from "./cli.ts";
import { localDatabase } from "./d1.ts";
import { Failure, root, run, step } from "./shared.mjs";
import { createToken, listTokens, SCOPES } from "./tokens.ts";

const USAGE = `Usage: npm run conformance [-- --examples 50] [--seed N] [--only OPERATION]

  --examples N        how many requests, and sequences of them, are made up for each operation (default: 50)
  --seed N            makes the choices of an earlier run again (default: a new seed, which is printed)
  --only OPERATION    only this operation, by its operationId`;

/** What a run may take at most. */
const PATIENCE = 20 * 60_000;

const folder = join(root, "scripts", "conformance");
const requirements = join(folder, "requirements.txt");
const venv = join(root, ".tools", "schemathesis");

await command(USAGE, async (args) => {
  const { values } = options(args, {
    examples: { type: "string", default: "50" },
    seed: { type: "string" },
    only: { type: "string" },
  });
  const examples = wholeNumber("examples", values.examples);
  const seed = wholeNumber("seed", values.seed ?? String(randomInt(1, 1_000_000)));
  await install();
  console.log(`seed ${seed}`);

  using state = stateFolder();
  const port = await freePort();
  await using server = new Server(port, state.path);
  await step("server", () => server.greeting());

  // Of two accounts, neither of which may see anything of the other's.
  const database = localDatabase(state.path);
  const auth = [];
  for (const account of ["alice", "bob"]) {
    const token = await createToken(database, {
      account,
      name: "conformance",
      scopes: Object.keys(SCOPES),
      expiresAt: null,
    });
    auth.push({ name: account, fixedHeaders: [{ name: "Authorization", value: `Bearer ${token}` }] });
  }
  const tokens = join(state.path, "tokens.json");
  writeFileSync(tokens, JSON.stringify({ auth }), { mode: 0o600 });

  const own = (await listTokens(database, undefined)).map(({ id }) => id).join(",");
  const only = values.only === undefined ? [] : ["--include-operation-id", values.only];
  const flags = ["--seed", String(seed), "--max-examples", String(examples), "--generation-database", "none", ...only];
  const schemathesis = spawn(
    join(venv, "bin", "schemathesis"),
    ["--config-file", join(folder, "schemathesis.toml"), "run", `http://127.0.0.1:${port}/openapi.json`, ...flags],
    {
      cwd: state.path,
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        CONFORMANCE_HOOKS: join(folder, "hooks.py"),
        CONFORMANCE_TOKENS: tokens,
        CONFORMANCE_OWN: own,
      },
    },
  );
  process.exitCode = await endOf(schemathesis);
});

/** Waits for the end of a program, which has it sooner when this one is stopped, and gives its exit code. */
async function endOf(child: ChildProcess): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  const timer = setTimeout(() => child.kill(), PATIENCE);
  const [code] = await once(child, "close");
  clearTimeout(timer);
  if (code === null)
    throw new Failure(
      `Schemathesis was stopped, by a signal or because it was not done after ${PATIENCE / 60_000} minutes.`,
    );
  return code;
}

/** Makes a Python environment of what requirements.txt says, unless there is one. */
async function install() {
  const stamp = join(venv, ".stamp");
  const wanted = readFileSync(requirements, "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const python = spawnSync("python3", ["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"], {
    stdio: "ignore",
  });
  if (python.status !== 0) {
    throw new Failure(
      "Schemathesis needs Python 3.11 or newer with venv and pip, as `python3`: install python3 and python3-venv (Debian, Ubuntu), " +
        "or Python from https://www.python.org.",
    );
  }
  rmSync(venv, { recursive: true, force: true });
  mkdirSync(venv, { recursive: true });
  await step("schemathesis (once)", async (onLine) => {
    await run("python3", ["-m", "venv", venv], { onLine });
    await run(
      join(venv, "bin", "python"),
      ["-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "-r", requirements],
      { onLine },
    );
  });
  writeFileSync(stamp, wanted);
}
