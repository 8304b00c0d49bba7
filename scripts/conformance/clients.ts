// Clients that generators make with default settings, from the description as it is served. Each of them makes the same
// walk through the API (clients/), and checks that what it sent took effect.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { build } from "esbuild";
import { reporting, root, run, step } from "../shared.ts";

const walks = join(import.meta.dirname, "clients");
const tools = join(root, ".tools");
const cache = join(tools, "go-cache");

/** What a walk needs. */
interface Setting {
  /** Where the packages of requirements.txt are. */
  venv: string;
  /** A folder for the clients, which is removed afterwards. */
  folder: string;
  origin: string;
  /** Makes a token with the name `conformance`, of a new account. */
  newToken: (account: string) => Promise<string>;
  stop: AbortSignal;
}

/** Generates the clients, lets each of them walk, and fails if one can't. */
export async function walkGeneratedClients({ venv, folder, origin, newToken, stop }: Setting) {
  const bin = join(venv, "bin");
  const options = {
    cwd: folder,
    cancelSignal: stop,
    env: {
      PATH: [bin, process.env.PATH].join(delimiter),
      // Only what is already here: neither another Go nor a module. The client of Go needs none.
      GOTOOLCHAIN: "local",
      GOPROXY: "off",
      GOFLAGS: "-mod=mod",
      GOCACHE: cache,
      GOPATH: join(folder, "go-path"),
      GOTELEMETRY: "off",
    },
  };
  const python = async (walk: string, client: string) =>
    run(join(bin, "python"), [join(walks, walk), origin, await newToken(client)], {
      ...options,
      env: { ...options.env, PYTHONPATH: join(folder, client) },
    });
  const openapiGenerator = (language: string) =>
    run("openapi-generator-cli", ["generate", "-g", language, "-i", `${origin}/openapi.json`, "-o", language], options);

  await step("Python client of openapi-generator", async () => {
    await openapiGenerator("python");
    await python("openapi_generator.py", "python");
  });
  await step("Python client of openapi-python-client", async () => {
    const flags = ["--url", `${origin}/openapi.json`, "--output-path", "openapi-python-client"];
    await run("openapi-python-client", ["generate", ...flags], options);
    await python("openapi_python_client.py", "openapi-python-client");
  });
  await step("TypeScript client of @hey-api/openapi-ts", async (onLine) => {
    const modules = await installHeyApi(onLine);
    const flags = ["--input", `${origin}/openapi.json`, "--output", join(folder, "hey-api")];
    await run(process.execPath, [join(modules, "@hey-api", "openapi-ts", "bin", "run.js"), ...flags], options);
    const outfile = join(folder, "hey-api.mjs");
    const contents = 'export * from "./index"; export { createClient } from "./client";';
    await build({
      stdin: { contents, loader: "ts", resolveDir: join(folder, "hey-api") },
      outfile,
      bundle: true,
      format: "esm",
      logLevel: "error",
    });
    await run(process.execPath, [join(walks, "hey_api.ts"), outfile, origin, await newToken("hey-api")], options);
  });
  await step("Go client of openapi-generator", async () => {
    await openapiGenerator("go");
    const walk = join(folder, "go", "walk");
    mkdirSync(walk);
    copyFileSync(join(walks, "openapi_generator.go"), join(walk, "main.go"));
    await run("go", ["run", "./walk", origin, await newToken("go")], { ...options, cwd: join(folder, "go") });
  });
}

/** Installs @hey-api/openapi-ts, unless it is installed. It needs another TypeScript than this project. Returns the
 * folder of the packages. */
async function installHeyApi(onLine: (line: string) => void): Promise<string> {
  const folder = join(tools, "hey-api");
  const lock = join(walks, "package-lock.json");
  const installed = join(folder, "installed-package-lock.json");
  const modules = join(folder, "node_modules");
  if (existsSync(installed) && readFileSync(installed, "utf8") === readFileSync(lock, "utf8")) return modules;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(walks, file), join(folder, file));
  await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, ...reporting(onLine) });
  copyFileSync(lock, installed);
  return modules;
}
