// The code samples on the page at `/`: each makes the request that it stands for.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";
import { origin } from "../support/server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "conversations-samples-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const FORM_TYPE = "application/x-www-form-urlencoded";
const description: any = await (await fetch(`${origin}/openapi.json`)).json();
const page = await (await fetch(`${origin}/`)).text();

/** The operations with samples. */
const operations = Object.entries<any>(description.paths).flatMap(([path, item]) =>
  ["get", "post", "put", "patch", "delete"]
    .filter((method) => item[method] !== undefined && page.includes(`data-try="${item[method].operationId}"`))
    .map((method) => ({ method: method.toUpperCase(), path, ...item[method] })),
);

/** The samples of an operation, by language. */
function samplesOf(id: string): Record<string, string> {
  const section = page.split('<section class="operation">').find((each) => each.includes(`<h3 id="${id}"`))!;
  const blocks = section.matchAll(/<div class="sample (\w+)"><p>(\w+)<\/p><pre><code>(.*?)<\/code><\/pre>/gs);
  // Without a method of the client, curl stands in its place.
  const shown = [...blocks].filter(([, language, title]) => language === title!.toLowerCase());
  return Object.fromEntries(shown.map(([, language, , html]) => [language, textOf(html!)]));
}

const textOf = (html: string): string =>
  html
    .replaceAll(/<[^>]+>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");

/** A request that a sample makes. */
interface Made {
  method: string;
  url: string;
  authorization: string | null;
  type: string | null;
  body: string;
}

function assertIsOperation(made: Made, operation: any, language: string): void {
  const label = `${operation.operationId} in ${language}`;
  const url = new URL(made.url);
  const pattern = new RegExp(`^${operation.path.replace(/\{id\}/g, "[0-9A-Za-z]{16}").replaceAll(".", "\\.")}$`);
  assert.equal(made.method, operation.method, label);
  assert.equal(url.origin, "https://conversations.example.com", label);
  assert.match(url.pathname, pattern, label);
  assert.equal(made.authorization, operation.security.length > 0 ? "Bearer secret" : null, label);
  const content = operation.requestBody?.content ?? {};
  const [type, media] = Object.entries<any>(content).find(([type]) => type === made.type) ?? [null, null];
  assert.equal(made.type, type, label);
  assert.equal(media === null, operation.requestBody === undefined, label);
  if (media === null) return;
  const schema = description.components.schemas[media.schema.$ref.split("/").at(-1)];
  const sent = type === FORM_TYPE ? Object.fromEntries(new URLSearchParams(made.body)) : JSON.parse(made.body);
  const example = schema.example as Record<string, unknown>;
  const expected = Object.fromEntries(Object.entries(example).map(([name, value]) => [name, String(value)]));
  assert.deepEqual(sent, type === FORM_TYPE ? expected : example, label);
}

test("every operation has samples, and with the client if it is one of an account", () => {
  for (const { operationId, security } of operations) {
    const expected = [...(security.length > 0 ? ["typescript"] : []), "curl", "fetch", "python"];
    assert.deepEqual(Object.keys(samplesOf(operationId)), expected, operationId);
  }
});

test("the samples with the client compile", () => {
  const files = operations.flatMap(({ operationId }) => {
    const { typescript } = samplesOf(operationId);
    if (typescript === undefined) return [];
    const file = join(scratch, `${operationId}.ts`);
    writeFileSync(file, `${typescript}\nexport {};\n`);
    return [file];
  });
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      typeRoots: [join(root, "node_modules", "@types")],
      paths: { "conversations-client": [join(root, "clients", "typescript", "src", "index.ts")] },
      noUnusedLocals: false,
    },
    include: [],
    files,
  };
  writeFileSync(join(scratch, "tsconfig.json"), JSON.stringify(config));
  writeFileSync(join(scratch, "package.json"), '{ "type": "module" }');
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", scratch], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

test("the samples of curl make the request of their operation", () => {
  for (const operation of operations) {
    const command = samplesOf(operation.operationId).curl!;
    // The shell takes the command apart. It prints the words instead of starting curl.
    const script = `curl() { printf '%s\\0' "$@"; }\n${command}`;
    const { stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8", env: { ...process.env, TOKEN: "secret" } });
    assertIsOperation(requestOfCurl(stdout.split("\0").slice(0, -1)), operation, "curl");
  }
});

/** The request of curl with these words. */
function requestOfCurl(words: string[]): Made {
  const made: Made = { method: "GET", url: "", authorization: null, type: null, body: "" };
  const pairs: string[] = [];
  let isGet = false;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "-G") isGet = true;
    else if (word === "-X") made.method = words.shift()!;
    else if (word === "-H") made.authorization = words.shift()!.replace(/^Authorization: /, "");
    else if (word === "-d") pairs.push(words.shift()!);
    else if (word === "--data-urlencode") pairs.push(words.shift()!.replace(/(?<==).*/s, encodeURIComponent));
    else made.url = word;
  }
  if (pairs.length === 0) return made;
  if (isGet) return { ...made, url: `${made.url}?${pairs.join("&")}` };
  return { ...made, method: made.method === "GET" ? "POST" : made.method, type: FORM_TYPE, body: pairs.join("&") };
}

test("the samples of fetch make the request of their operation", async () => {
  for (const operation of operations) {
    const made: Made[] = [];
    const stub = async (url: string, { method = "GET", headers, body = "" }: any = {}) => {
      const sent = new Headers(headers);
      const [authorization, type] = [sent.get("authorization"), sent.get("content-type")];
      made.push({ method, url, authorization, type, body });
      return { status: 200, json: async () => null };
    };
    const run = `return (async () => { ${samplesOf(operation.operationId).fetch!} })();`;
    await new Function("fetch", "process", "console", run)(stub, { env: { TOKEN: "secret" } }, { log() {} });
    assert.equal(made.length, 1, operation.operationId);
    assertIsOperation(made[0]!, operation, "fetch");
  }
});

/** Stands for the package `requests`, and runs the samples from its input. */
const RUNNER = `
import contextlib, io, json, sys, types, urllib.parse
made = []
def call(method):
    def send(url, headers=None, params=None, json=None):
        query = "?" + urllib.parse.urlencode(params) if params else ""
        made.append({"method": method, "url": url + query, "headers": headers or {}, "json": json})
        return types.SimpleNamespace(status_code=200, json=lambda: None)
    return send
names = ["get", "post", "put", "patch", "delete"]
sys.modules["requests"] = types.SimpleNamespace(**{name: call(name.upper()) for name in names})
for sample in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()):
        exec(sample, {})
print(json.dumps(made))
`;
const hasPython = spawnSync("python3", ["--version"]).status === 0;

test("the samples of Python make the request of their operation", { skip: !hasPython && "no python3" }, () => {
  const samples = operations.map(({ operationId }) => samplesOf(operationId).python);
  const env = { ...process.env, TOKEN: "secret" };
  const input = JSON.stringify(samples);
  const { stdout, stderr } = spawnSync("python3", ["-c", RUNNER], { input, env, encoding: "utf8" });
  assert.notEqual(stdout, "", stderr);
  const made: any[] = JSON.parse(stdout);
  assert.equal(made.length, operations.length);
  for (const [index, { method, url, headers, json }] of made.entries()) {
    const type = json === null ? null : "application/json";
    const authorization = headers.Authorization ?? null;
    assertIsOperation({ method, url, authorization, type, body: JSON.stringify(json) }, operations[index], "Python");
  }
});
