// The client as a package: its types match openapi.yaml, it can be built, and the examples in its README, joined to one
// program, compile and print what they say.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { account } from "../support/accounts.ts";
import { api } from "../support/http.ts";
import { origin } from "../support/server.ts";

const client = fileURLToPath(new URL("../../clients/typescript", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "conversations-client-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs a program from the client's development dependencies. */
function run(script: string, ...args: string[]): void {
  const program = join(client, "node_modules", script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: client, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
}
const tsc = (...args: string[]) => run("typescript/bin/tsc", ...args);

/** Installs the built package in the scratch folder. */
function install(): void {
  const installed = join(scratch, "node_modules", "conversations-client");
  mkdirSync(installed, { recursive: true });
  tsc("--outDir", join(installed, "dist"));
  cpSync(join(client, "package.json"), join(installed, "package.json"));
}

test("the types match openapi.yaml", () => {
  const { types } = JSON.parse(readFileSync(join(client, "package.json"), "utf8")).scripts;
  const [generator, ...args] = types.split(" ");
  assert.equal(generator, "openapi-typescript");
  run("openapi-typescript/bin/cli.js", ...args, "--check");
});

test("the package has no dependencies", () => {
  const manifest = JSON.parse(readFileSync(join(client, "package.json"), "utf8"));
  assert.deepEqual(
    Object.keys(manifest).filter((name) => /dependencies/i.test(name)),
    ["devDependencies"],
  );
});

test("the README's examples compile against the built package, and print what they say", async (t) => {
  install();
  const alice = await account();
  const readme = readFileSync(join(client, "README.md"), "utf8");
  const examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!);
  const program = examples
    .join("\n")
    .replaceAll("https://conversations.example.com", origin)
    .replaceAll(/self_\w{36}/g, alice.token);
  const file = join(scratch, "readme.mts");
  writeFileSync(file, program);
  const compilerOptions = { strict: true, noEmit: true, target: "es2022", module: "nodenext", types: [] };
  writeFileSync(join(scratch, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  tsc("-p", scratch);

  const printed: string[] = [];
  t.mock.method(console, "log", (...values: unknown[]) => void printed.push(values.map(String).join(" ")));
  const worker = (await import(pathToFileURL(file).href)).default;
  t.mock.restoreAll();
  const expected = [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text!);
  assert.ok(expected.length >= 8);
  assert.deepEqual(printed, expected);

  const env = { TOKEN: alice.token, API: { fetch: (url: string, init: RequestInit) => fetch(url, init) } };
  const response: Response = await worker.fetch(new Request("https://worker.example"), env);
  assert.deepEqual(await response.json(), (await api(alice.token).get("/v1/conversations?unread=true")).json.data);
});
