// `npm run deploy` in a copy of the scripts, with a wrangler that records its calls, and with a server in place of the
// deployed Worker.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../../scripts/shared.ts";

const VERSION = "11111111-2222-3333-4444-555555555555";
const BOOKMARK = "00000085-0000024c-00004c6d-8e61117bf38d7adb71b934ebbf891683";
const TOKEN_ID = "00DeployCheck000";

type Reply = [status: number, body: string];

interface Situation {
  /** What wrangler prints for a command that begins so, instead of what `WRANGLER` prints. The longest counts. */
  prints?: Record<string, string>;
  /** Commands that fail, by their beginning, and what they print. */
  fails?: Record<string, string>;
  /** Lines at the end of wrangler.toml. */
  toml?: string;
  /** What the deployed Worker responds, instead of what `WORKER` says. */
  responds?: Record<string, Reply>;
}

const WRANGLER = {
  "d1 list": JSON.stringify([{ name: "conversations" }]),
  "deployments status": JSON.stringify({
    versions: [
      { version_id: "another", percentage: 10 },
      { version_id: VERSION, percentage: 90 },
    ],
  }),
  "d1 time-travel info": JSON.stringify({ bookmark: BOOKMARK }),
  "secret list": JSON.stringify([{ name: "WEBHOOK_KEY", type: "secret_text" }]),
  "d1 execute": JSON.stringify([{ results: [{ id: TOKEN_ID }] }]),
};
const WORKER: Record<string, Reply> = {
  "/health": [200, '{"status":"ok","version":"0.1.0"}'],
  "/v1/conversations?limit=1": [401, '{"code":"token_missing","message":"A token is required."}'],
  "/v1/conversations?limit=1, with a token": [200, '{"has_more":false,"data":[]}'],
};

/** Stands in for wrangler: prints and fails as `situation.json` says, and records its calls. */
const FAKE = `#!${process.execPath}
import { appendFileSync, readFileSync } from "node:fs";
const situation = JSON.parse(readFileSync(new URL("situation.json", import.meta.url)));
const call = process.argv.slice(2).join(" ");
appendFileSync(new URL("calls", import.meta.url), JSON.stringify(call) + "\\n");
const longestFirst = (list) => Object.entries(list).sort(([one], [other]) => other.length - one.length);
const find = (list) => longestFirst(list).find(([start]) => call.startsWith(start))?.[1];
const failure = find(situation.fails);
console.log(failure ?? find(situation.prints) ?? "");
const [action, option, secrets] = process.argv.slice(2);
if (option === "--secrets-file") appendFileSync(new URL("secrets", import.meta.url), readFileSync(secrets) + "\\n");
if (failure === undefined && action === "deploy") {
  const entry = { type: "deploy", targets: ["schedule: * * * * *", situation.address] };
  appendFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, JSON.stringify({ type: "wrangler-session" }) + "\\n");
  appendFileSync(process.env.WRANGLER_OUTPUT_FILE_PATH, JSON.stringify(entry) + "\\n");
}
process.exitCode = failure === undefined ? 0 : 1;
`;

/** Runs the command and returns what it printed, every call and request in their order, the secrets that it uploaded,
 * and the lines of its log. */
async function deploy({ prints, fails = {}, toml = "", responds }: Situation = {}) {
  const folder = mkdtempSync(join(tmpdir(), "conversations deploy-"));
  const bin = join(folder, "node_modules", ".bin");
  const calls = join(bin, "calls");
  const tokens: string[] = [];
  const worker: Server = createServer(({ url = "", headers }, response) => {
    const { authorization } = headers;
    if (authorization !== undefined) tokens.push(authorization.replace("Bearer ", ""));
    const request = authorization === undefined ? url : `${url}, with a token`;
    appendFileSync(calls, `${JSON.stringify(`GET ${request}`)}\n`);
    const [status, body] = { ...WORKER, ...responds }[request] ?? [404, ""];
    response.writeHead(status, { "X-Request-Id": "r1" }).end(body);
  });
  try {
    await once(worker.listen(0, "127.0.0.1"), "listening");
    const { port } = worker.address() as { port: number };
    mkdirSync(bin, { recursive: true });
    for (const name of ["execa", "listr2", "proper-lockfile", "smol-toml"])
      symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    for (const path of ["scripts", "src", "wrangler.toml", "package.json"])
      cpSync(join(root, path), join(folder, path), { recursive: true });
    appendFileSync(join(folder, "wrangler.toml"), toml);
    const situation = { prints: { ...WRANGLER, ...prints }, fails, address: `http://127.0.0.1:${port}` };
    writeFileSync(join(bin, "situation.json"), JSON.stringify(situation));
    writeFileSync(join(bin, "package.json"), '{"type":"module"}');
    writeFileSync(join(bin, "wrangler"), FAKE, { mode: 0o755 });

    const script = join(folder, "scripts", "deploy.ts");
    const child = spawn(process.execPath, [script, "--wait", "0"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    const [code] = await once(child, "close");
    return {
      code,
      output,
      tokens,
      calls: lines(calls),
      secrets: lines(join(bin, "secrets")),
      log: lines(join(folder, ".wrangler", "deployments.log")),
    };
  } finally {
    worker.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function lines(file: string): any[] {
  try {
    return readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

const ORDER = [
  "whoami --json",
  "d1 list --json",
  "deployments status --json",
  "d1 time-travel info DB --json",
  "secret list",
  "d1 migrations apply DB --remote",
  "deploy",
  "GET /health",
  "GET /v1/conversations?limit=1",
  "d1 execute DB --remote --json --command INSERT",
  "GET /v1/conversations?limit=1, with a token",
  "d1 execute DB --remote --json --command SELECT",
  "d1 execute DB --remote --json --command UPDATE",
];
const inOrder = (calls: string[]) =>
  calls.map((call) =>
    call.replace(/(--command \w+)[\s\S]*/, "$1").replace(/ --(update-config=false|secrets-file .*)/, ""),
  );
/** The command goes on to here, and no further. */
const until = (call: string) => ORDER.slice(0, ORDER.indexOf(call) + 1);

function assertWayBack(output: string): void {
  assert.ok(output.includes(`npx wrangler rollback ${VERSION}\n`), output);
  assert.ok(output.includes(`npx wrangler d1 time-travel restore DB --bookmark=${BOOKMARK}\n`), output);
}

test("the bookmark is written down before the migrations, and the deployed Worker is checked", async () => {
  const { code, output, calls, log, tokens } = await deploy();
  assert.equal(code, 0, output);
  assert.deepEqual(inOrder(calls), ORDER);
  assertWayBack(output);
  assert.match(output, /The deployed Worker answers\./);
  assert.equal(log.length, 1);
  const [{ time, commit: _, ...before }] = log;
  assert.deepEqual(before, { version: VERSION, bookmark: BOOKMARK });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 600_000);

  const [secret] = tokens;
  const [insert, , revoke] = calls.filter((call) => call.startsWith("d1 execute"));
  assert.ok(insert.includes(createHash("sha256").update(secret!).digest("hex")), "another token");
  assert.ok(revoke.includes(Buffer.from(TOKEN_ID).toString("hex")), "another token is revoked");
  assert.ok(![output, ...calls].some((text) => text.includes(secret!)), "the secret is shown");
});

const ENDPOINTS = "d1 execute DB --remote --json --command SELECT id FROM webhooks LIMIT 1";
const NO_ENDPOINT = { [ENDPOINTS]: JSON.stringify([{ results: [] }]) };

test("the first deployment creates the database, and has nothing to go back to", async () => {
  const missing = ["This Worker does not exist on your account. [code: 10007]", "The Worker has no deployments."];
  for (const { code, output, calls, log } of await Promise.all(
    missing.map((text) =>
      deploy({
        prints: { "d1 list": "[]", ...NO_ENDPOINT },
        fails: { "deployments status": text, "secret list": 'Worker "conversations" not found.' },
      }),
    ),
  )) {
    assert.equal(code, 0, output);
    const order = ["whoami --json", "d1 list --json", "d1 create conversations", "deployments status --json"];
    const [secrets, deployed] = [ORDER.indexOf("secret list"), ORDER.indexOf("deploy")];
    const endpoints = "d1 execute DB --remote --json --command SELECT";
    const further = [...ORDER.slice(secrets, deployed), endpoints, ...ORDER.slice(deployed)];
    assert.deepEqual(inOrder(calls), [...order, ...further]);
    assert.match(output, /It is the first one: there is nothing to go back to\./);
    assert.doesNotMatch(output, /wrangler rollback|time-travel/);
    assert.deepEqual([log[0].version, log[0].bookmark], [null, null]);
  }
});

const SECOND = '\n[[d1_databases]]\nbinding = "DB_1"\ndatabase_name = "more"\nmigrations_dir = "migrations"\n';

test("each of several databases is created, written down, migrated and checked", async () => {
  const both = JSON.stringify([{ name: "conversations" }, { name: "more" }]);
  const [added, again] = await Promise.all([
    deploy({ toml: SECOND }),
    deploy({ toml: SECOND, prints: { "d1 list": both } }),
  ]);
  for (const { code, output, calls, tokens } of [added!, again!]) {
    assert.equal(code, 0, output);
    for (const binding of ["DB", "DB_1"]) assert.ok(calls.includes(`d1 migrations apply ${binding} --remote`));
    const names = tokens.map((token) => token.slice(0, -36)).sort();
    assert.deepEqual(names, ["self_", "self_1_"], "each database has a token of the check");
    const accounts = calls.filter((call) => call.includes("INSERT INTO accounts"));
    for (const [binding, account] of [
      ["DB", "deploy-check"],
      ["DB_1", "deploy-check-1"],
    ]) {
      const hex = `x'${Buffer.from(account!).toString("hex")}'`;
      assert.ok(
        accounts.some((call) => call.startsWith(`d1 execute ${binding} `) && call.includes(hex)),
        account,
      );
    }
    assertWayBack(output);
  }
  assert.ok(added!.calls.includes("d1 create more --update-config=false"));
  assert.deepEqual([added!.log[0].bookmark, added!.log[0].bookmark_DB_1], [BOOKMARK, null]);
  assert.doesNotMatch(added!.output, /restore DB_1/);

  assert.ok(!again!.calls.some((call) => call.startsWith("d1 create")));
  assert.deepEqual([again!.log[0].bookmark, again!.log[0].bookmark_DB_1], [BOOKMARK, BOOKMARK]);
  assert.ok(again!.output.includes(`npx wrangler d1 time-travel restore DB_1 --bookmark=${BOOKMARK}\n`));
});

test("a Worker without WEBHOOK_KEY gets a new one together with its code", async () => {
  const results = await Promise.all([
    deploy({ prints: { ...NO_ENDPOINT, "secret list": '[{"name":"ANOTHER","type":"secret_text"}]' } }),
    deploy({ prints: { ...NO_ENDPOINT, "secret list": "[]" } }),
  ]);
  for (const { code, output, calls, secrets } of results) {
    assert.equal(code, 0, output);
    assert.equal(secrets.length, 1);
    const { WEBHOOK_KEY: key, ...others } = secrets[0];
    assert.match(key, /^[\w-]{43}$/);
    assert.deepEqual(others, {});
    assert.ok(![output, ...calls].some((text) => text.includes(key)), "the key is shown");
    const file = /--secrets-file (.+)$/.exec(calls.find((call) => call.startsWith("deploy --secrets-file")))![1]!;
    assert.ok(!existsSync(file), "the key is left on the disk");
  }
  assert.notEqual(results[0].secrets[0].WEBHOOK_KEY, results[1].secrets[0].WEBHOOK_KEY);
});

test("a key that exists is never replaced", async () => {
  const { code, calls, secrets } = await deploy();
  assert.equal(code, 0);
  assert.deepEqual(secrets, []);
  assert.ok(calls.includes("deploy"));
});

test("if there are endpoints, but no key, the command deploys nothing and says how to set it", async () => {
  const { code, output, calls, secrets } = await deploy({
    prints: { "secret list": "[]", [ENDPOINTS]: JSON.stringify([{ results: [{ id: "0000000000000001" }] }]) },
  });
  assert.equal(code, 1);
  assert.match(output, /npx wrangler secret put WEBHOOK_KEY/);
  assert.deepEqual(secrets, []);
  assert.deepEqual(calls.at(-1), ENDPOINTS);
});

test("if the secrets are unknown, nothing is changed", async () => {
  const { code, output, calls, log } = await deploy({ fails: { "secret list": "no permission [code: 10000]" } });
  assert.equal(code, 1);
  assert.match(output, /no permission/);
  assert.deepEqual([inOrder(calls), log], [until("secret list"), []]);
});

for (const [command, last] of [
  ["deployments status", "deployments status --json"],
  ["d1 time-travel", "d1 time-travel info DB --json"],
])
  test(`if the way back is unknown (${command}), nothing is changed`, async () => {
    const { code, output, calls, log } = await deploy({ fails: { [command!]: "no permission [code: 10000]" } });
    assert.equal(code, 1);
    assert.match(output, /no permission/);
    assert.deepEqual([inOrder(calls), log], [until(last!), []]);
  });

for (const [command, last] of [
  ["d1 migrations", "d1 migrations apply DB --remote"],
  ["deploy", "deploy"],
])
  test(`if wrangler ${command} fails, the command fails and says how to go back`, async () => {
    const fails = { [command!]: "it broke" };
    const { code, output, calls, log } = await deploy(
      command === "deploy"
        ? { fails: { "deployments status": "The Worker has no deployments.", ...fails } }
        : { fails },
    );
    assert.equal(code, 1);
    assert.match(output, /it broke/);
    assert.deepEqual(inOrder(calls), until(last!));
    if (command === "deploy") assert.ok(output.includes(`--bookmark=${BOOKMARK}`));
    else assertWayBack(output);
    assert.equal(log.length, 1);
  });

const UNAVAILABLE: Reply = [503, '{"code":"database_unavailable"}'];
const WRONG: Record<string, Reply[]> = {
  "/health": [UNAVAILABLE, [200, "<html>"], [200, "{}"]],
  "/v1/conversations?limit=1": [UNAVAILABLE, [200, '{"has_more":false,"data":[]}']],
  "/v1/conversations?limit=1, with a token": [UNAVAILABLE, [200, "null"], [401, '{"code":"token_invalid"}']],
};

for (const [request, replies] of Object.entries(WRONG))
  test(`if GET ${request} is not answered as expected, the command fails and says how to go back`, async () => {
    const results = await Promise.all(replies.map((reply) => deploy({ responds: { [request]: reply } })));
    for (const [n, { code, output, calls, tokens }] of results.entries()) {
      const [status, body] = replies[n]!;
      assert.equal(code, 1);
      assert.match(output, /expected \d+, got /);
      assert.ok(output.includes(`got ${status} (X-Request-Id: r1):\n${body}\n`), output);
      assertWayBack(output);
      assert.doesNotMatch(output, /Worker answers/);
      assert.deepEqual(inOrder(calls), tokens.length === 0 ? until(`GET ${request}`) : ORDER);
    }
  });

test("without a terminal the command does not ask to sign in, and changes nothing", async () => {
  const { code, output, calls } = await deploy({ fails: { whoami: "You are not authenticated." } });
  assert.equal(code, 1);
  assert.match(output, /CLOUDFLARE_API_TOKEN/);
  assert.deepEqual(calls, ["whoami --json"]);
});
