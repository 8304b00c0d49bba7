// The client as a package: its types match openapi.yaml, its tarball works for every kind of import, and the examples
// in its README, joined to one program, compile and print what they say.

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { account } from "../support/accounts.ts";
import { api } from "../support/http.ts";
import { origin } from "../support/server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const client = join(root, "clients", "typescript");
const scratch = mkdtempSync(join(tmpdir(), "conversations-client-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const manifest = JSON.parse(readFileSync(join(client, "package.json"), "utf8"));

/** The output of a program, which must succeed. */
function run(program: string, args: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${error ?? ""}${stdout}${stderr}`);
  return stdout;
}
/** Runs a program from the development dependencies of the client. */
const runTool = (script: string, args: string[], cwd: string) =>
  run(process.execPath, [join(client, "node_modules", script), ...args], cwd);
/** Checks the types of files with these options of the compiler. */
const check = (files: string[], ...options: string[]) =>
  runTool("typescript/bin/tsc", ["--strict", "--noEmit", "--target", "es2022", ...options, ...files], app);

/** The examples of a language in the README, joined to one program. */
function examples(language: string): string {
  const readme = readFileSync(join(client, "README.md"), "utf8");
  return [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((block) => block[1] === language)
    .map(([, , code]) => code!)
    .join("\n");
}

/** Packs a copy of the client: a build in its own folder could be in the way of another one. */
function pack(): string {
  const copy = join(scratch, "copy");
  for (const name of ["LICENSE", "README.md", "build.mjs", "package.json", "src", "tsconfig.json"])
    cpSync(join(client, name), join(copy, name), { recursive: true });
  symlinkSync(join(client, "node_modules"), join(copy, "node_modules"));
  run("npm", ["pack", "--pack-destination", scratch], copy);
  return join(scratch, `${manifest.name}-${manifest.version}.tgz`);
}

const tarball = pack();
/** The folder of a program that uses the package, and has nothing else installed. */
const app = join(scratch, "app");
mkdirSync(app);
writeFileSync(join(app, "package.json"), "{}");
run("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", tarball], app);
const installed = join(app, "node_modules", manifest.name);

test("the types match openapi.yaml", () => {
  const [generator, ...args] = manifest.scripts.types.split(" ");
  assert.equal(generator, "openapi-typescript");
  runTool("openapi-typescript/bin/cli.js", [...args, "--check"], client);
});

test("the package has no dependencies, and the version of the API", () => {
  assert.deepEqual(
    Object.keys(manifest).filter((name) => /dependencies/i.test(name)),
    ["devDependencies"],
  );
  const [, version] = /^version = "(.*)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))!;
  assert.equal(manifest.version, version);
});

test("the tarball has the build, the README and the licence, and nothing else", () => {
  const files = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.|^LICENSE$/.test(name),
  );
  const sources = readdirSync(join(client, "src")).map((name) => name.replace(/\.ts$/, ""));
  const built = ["cjs", "esm"].flatMap((folder) =>
    sources.flatMap((name) => [`dist/${folder}/${name}.d.ts`, `dist/${folder}/${name}.js`]),
  );
  const others = ["LICENSE", "README.md", "dist/cjs/package.json", "package.json"];
  assert.deepEqual(files.map((name) => name.replaceAll("\\", "/")).sort(), [...built, ...others].sort());
});

test("publint and Are the types wrong? find nothing, for node10, node16 and bundler", () => {
  run(process.execPath, [join(root, "node_modules/publint/src/cli.js"), "run", tarball, "--strict"], app);
  const cli = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
  const { analysis } = JSON.parse(run(process.execPath, [cli, tarball, "--format", "json"], app));
  assert.deepEqual(analysis.problems, []);
  const { resolutions } = analysis.entrypoints["."];
  assert.deepEqual(Object.keys(resolutions).sort(), ["bundler", "node10", "node16-cjs", "node16-esm"]);
  for (const { resolution } of Object.values<{ resolution: object }>(resolutions)) assert.ok(resolution);
});

/** A program in TypeScript that fails to compile if a type of the package is `any`. */
const TYPED = `
  import { type Conversation, ConversationsClient, RateLimitError } from "${manifest.name}";
  export async function first(client: ConversationsClient): Promise<string | null> {
    const { data } = await client.conversations.list({ limit: 1 });
    const [conversation]: Conversation[] = data;
    // @ts-expect-error: a flag is a boolean
    const flag: string = conversation!.is_muted;
    // @ts-expect-error: not a class of the package
    void (new RateLimitError() as ConversationsClient);
    void flag;
    return conversation?.contact_id ?? null;
  }
`;

for (const [resolution, module, extensions] of [
  ["node10", "commonjs", ["ts"]],
  ["node16", "node16", ["mts", "cts"]],
  ["bundler", "esnext", ["ts"]],
] as const) {
  test(`the types are found and right with the module resolution ${resolution}`, () => {
    const files = extensions.map((extension) => `${resolution}.${extension}`);
    for (const file of files) writeFileSync(join(app, file), TYPED);
    check(files, "--module", module, "--moduleResolution", resolution);
  });
}

for (const [kind, extension, load] of [
  ["ES modules", "mjs", `import { ConversationsClient, NotFoundError } from "${manifest.name}";`],
  ["CommonJS, as the README says", "cjs", examples("js")],
] as const) {
  test(`a program in ${kind} uses the package`, async () => {
    const { token } = await account();
    const program = `${load}
      const client = new ConversationsClient(${JSON.stringify({ baseUrl: origin, token })});
      client.conversations.create({ contact_id: "bob" }).then(async ({ id }) => {
        const { data } = await client.conversations.list();
        await client.conversations.delete(id);
        const error = await client.conversations.retrieve(id).catch((error) => error);
        console.log(data.length, data[0].id === id, error instanceof NotFoundError);
      });
    `;
    writeFileSync(join(app, `program.${extension}`), program);
    const { stdout } = await promisify(execFile)(process.execPath, [`program.${extension}`], { cwd: app });
    assert.equal(stdout, "1 true true\n");
  });
}

test("a bundle of the whole client is at most 7 KB, compressed", async () => {
  const entryPoints = [join(installed, "dist/esm/index.js")];
  const { outputFiles } = await build({ entryPoints, bundle: true, minify: true, format: "esm", write: false });
  const size = gzipSync(outputFiles[0]!.contents).length;
  assert.ok(size > 1000 && size <= 7000, `${size} bytes`);
});

test("the README's examples compile against the built package, and print what they say", async (t) => {
  const alice = await account();
  const program = examples("ts")
    .replaceAll("https://conversations.example.com", origin)
    .replaceAll(/self_\w{36}/g, alice.token);
  const file = join(app, "readme.mts");
  writeFileSync(file, program);
  check(["readme.mts"], "--module", "nodenext");

  const printed: string[] = [];
  const log = (...values: unknown[]) => void printed.push(values.map(String).join(" "));
  t.mock.method(console, "log", log);
  const debug = t.mock.method(console, "debug", () => {});
  const worker = (await import(pathToFileURL(file).href)).default;
  t.mock.restoreAll();
  const expected = [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text!);
  assert.ok(expected.length >= 8);
  assert.deepEqual(printed, expected);
  assert.equal(debug.mock.callCount(), 1);
  // The time and the request id are others each time.
  const shape = (line: string) => line.replace(/\d+ ms/, "12 ms").replace(/\w{16}$/, "VblPx28fUJxQZqx1");
  assert.deepEqual(
    debug.mock.calls.map(({ arguments: [line] }: { arguments: unknown[] }) => shape(String(line))),
    [...program.matchAll(/^\/\/ (GET .*)$/gm)].map(([, line]) => line),
  );

  const env = { TOKEN: alice.token, API: { fetch: (url: string, init: RequestInit) => fetch(url, init) } };
  const response: Response = await worker.fetch(new Request("https://worker.example"), env);
  assert.deepEqual(await response.json(), (await api(alice.token).get("/v1/conversations?unread=true")).json.data);
});
