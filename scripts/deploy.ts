// `npm run deploy`: deploys this folder to Cloudflare, the first time and every later time. The database gets its
// migrations before the new code uses them. Before, it writes down how to go back; afterwards, it checks the result.
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { command, misuse, options } from "./cli.ts";
import { boundDatabases, type Database, FIRST, migrate, numberOf, query, wrangler } from "./d1.ts";
import { Failure, root, run, step } from "./shared.ts";
import { createToken, hashOf, revokeToken } from "./tokens.ts";
import { newWebhookKey, WEBHOOK_KEY } from "./webhook-key.ts";

const USAGE = `Usage: npm run deploy [-- --wait 60]

Signs in to Cloudflare if necessary, creates the D1 databases that do not exist, applies the migrations, and deploys
the Worker. A Worker without the secret ${WEBHOOK_KEY} gets a new one. Instead of signing in you can set
CLOUDFLARE_API_TOKEN, and CLOUDFLARE_ACCOUNT_ID for one of several accounts.
Then it sends requests to the deployed Worker, and prints how to go back.

  --wait SECONDS    how long to wait until the deployed Worker answers (default: 60)`;

/** Git ignores it. One line of JSON for each deployment. */
const LOG = join(root, ".wrangler", "deployments.log");
const TRY_MILLISECONDS = 500;
/** The account of the tokens with which this command checks the deployed Worker. */
const CHECK_ACCOUNT = "deploy-check";
const CHECK_TOKEN_SECONDS = 300;

/** What was deployed before, and the state of each database. Null the first time. */
type Before = { version: string | null; bookmarks: Bookmark[] };
type Bookmark = { binding: string; bookmark: string | null };

await command(USAGE, async (args) => {
  const { values } = options(args, { wait: { type: "string", default: "60" } });
  if (!/^\d{1,4}$/.test(values.wait)) misuse(`--wait is '${values.wait}', it must be a number of seconds`);
  await signIn();
  // `wrangler deploy` finds a database without an id in wrangler.toml by its name. It is created here beforehand, so
  // that its tables exist before the first request.
  const bound = boundDatabases();
  const databases = bound.map(({ binding }): Database => ({ binding, remote: true }));
  const existing: { name: string }[] = JSON.parse(await step("Databases", () => wrangler("d1", "list", "--json")));
  const isNew = (name: string) => !existing.some((database) => database.name === name);
  for (const { name } of bound.filter(({ name }) => isNew(name))) {
    await step(`Create the database "${name}"`, () => wrangler("d1", "create", name, "--update-config=false"));
  }
  const before: Before = await step("Write down how to go back", async () => ({
    version: await currentVersion(),
    bookmarks: await Promise.all(
      bound.map(async ({ binding, name }) => ({ binding, bookmark: isNew(name) ? null : await bookmarkOf(binding) })),
    ),
  }));
  const hasKey = await step("Secrets", hasWebhookKey);
  await record(before);
  const shown = before.bookmarks.map(({ binding, bookmark }) => `${labelOf(binding)} ${bookmark ?? "none"}`);
  console.error(`Before this deployment: version ${before.version ?? "none"}, ${shown.join(", ")}`);

  try {
    await step("Migrations", () => Promise.all(databases.map(migrate)));
    if (!hasKey) await step("Endpoints", () => refuseAnotherKey(databases));
    const url = await deploy({ withNewKey: !hasKey });
    await step(`Check ${url}`, () => check(url, databases, 1000 * Number(values.wait)));
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n\nThe deployment failed. ${wayBack(before)}`);
  }
  console.error(`
The deployed Worker answers. ${wayBack(before)}

Next, create a token for the URL above:
  npm run --silent token -- create --account NAME --remote`);
});

async function signIn() {
  try {
    await wrangler("whoami", "--json");
  } catch {
    if (!process.stdin.isTTY) {
      throw new Failure(
        "Not signed in to Cloudflare: set CLOUDFLARE_API_TOKEN, or run `npm run deploy` in a terminal to sign in.",
      );
    }
    await interactive(["login"]);
  }
}

/** Runs a wrangler command that may ask questions. */
async function interactive([action, ...options]: [string, ...string[]], env: Record<string, string> = {}) {
  const terminal = { stdin: "inherit", stdout: "inherit", stderr: "inherit", all: false } as const;
  const { failed } = await run("wrangler", [action, ...options], { ...terminal, reject: false, env });
  if (failed) throw new Failure(`wrangler ${action} failed, see above.`);
}

/** The version that gets the most requests. Null if the Worker was never deployed. */
async function currentVersion(): Promise<string | null> {
  const { stdout, all, failed } = await run("wrangler", ["deployments", "status", "--json"], { reject: false });
  if (failed) {
    if (/\[code: 10007\]|has no deployments/.test(all)) return null;
    throw new Failure(`The version that is deployed now is unknown, so nothing was changed:\n${all}`);
  }
  const { versions }: { versions: { version_id: string; percentage: number }[] } = JSON.parse(stdout);
  return versions.toSorted((a, b) => b.percentage - a.percentage)[0]?.version_id ?? null;
}

/** A database's state now, for Time Travel. */
async function bookmarkOf(binding: string): Promise<string> {
  return JSON.parse(await wrangler("d1", "time-travel", "info", binding, "--json")).bookmark;
}

/** What the bookmark of a database is called: where there is one database, it needs no name. */
function labelOf(binding: string): string {
  return binding === FIRST ? "bookmark" : `bookmark_${binding}`;
}

/** Whether the Worker has the secret WEBHOOK_KEY. One that was never deployed may have it already. */
async function hasWebhookKey(): Promise<boolean> {
  const { stdout, all, failed } = await run("wrangler", ["secret", "list"], { reject: false });
  if (failed) {
    if (/Worker ".+" not found/.test(all)) return false;
    throw new Failure(`The secrets of the Worker are unknown, so nothing was changed:\n${all}`);
  }
  const secrets: { name: string }[] = JSON.parse(stdout);
  return secrets.some(({ name }) => name === WEBHOOK_KEY);
}

/** Fails if there are endpoints already: with a new key they would all have other secrets than their receivers. */
async function refuseAnotherKey(databases: Database[]) {
  const all = await Promise.all(databases.map((database) => query(database, "SELECT id FROM webhooks LIMIT 1")));
  if (all.every(([endpoints]) => endpoints!.length === 0)) return;
  throw new Failure(
    `The database has endpoints of webhooks, but the Worker has no secret ${WEBHOOK_KEY}. Set the key that it had:\n` +
      `  npx wrangler secret put ${WEBHOOK_KEY}\n` +
      "If that key is lost, set another text of at least 32 characters, and rotate the secret of every endpoint.",
  );
}

async function record({ version, bookmarks }: Before) {
  const { stdout, failed } = await run("git", ["describe", "--always", "--dirty", "--abbrev=40"], { reject: false });
  const states = Object.fromEntries(bookmarks.map(({ binding, bookmark }) => [labelOf(binding), bookmark]));
  const line = { time: new Date().toISOString(), version, ...states, commit: failed ? null : stdout };
  mkdirSync(join(LOG, ".."), { recursive: true });
  appendFileSync(LOG, `${JSON.stringify(line)}\n`);
}

/** Deploys the Worker and returns its URL. A new key comes with the code: there is no version without it. */
async function deploy({ withNewKey }: { withNewKey: boolean }): Promise<string> {
  const output = join(root, ".wrangler", "deploy-output.jsonl");
  rmSync(output, { force: true });
  const scratch = mkdtempSync(join(tmpdir(), "conversations-"));
  try {
    const file = join(scratch, "secrets.json");
    if (withNewKey) writeFileSync(file, JSON.stringify({ [WEBHOOK_KEY]: newWebhookKey() }), { mode: 0o600 });
    const secrets = withNewKey ? ["--secrets-file", file] : [];
    await interactive(["deploy", ...secrets], { WRANGLER_OUTPUT_FILE_PATH: output });
  } finally {
    rmSync(scratch, { recursive: true });
  }
  const entries: { type: string; targets?: string[] }[] = readFileSync(output, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const targets = entries.find(({ type }) => type === "deploy")?.targets ?? [];
  // A target is a URL, a domain, a route such as "example.com/*", or something else, such as a schedule.
  for (const target of targets) {
    const [, scheme = "https", host] = /^(?:(https?):\/\/)?((?:[\w-]+\.)+[\w-]+(?::\d+)?)(?=[/ ]|$)/.exec(target) ?? [];
    if (host !== undefined) return `${scheme}://${host}`;
  }
  throw new Failure(`The Worker has no address to check: ${targets.join(", ") || "none"}. See wrangler.toml.`);
}

/** Checks that the Worker and its databases answer, that it refuses a caller without a token, and that it lists the
 * conversations of a caller with one, from each database. */
async function check(url: string, databases: Database[], milliseconds: number) {
  await answering(`${url}/health`, milliseconds);
  const list = `${url}/v1/conversations?limit=1`;
  await expected(list, undefined, 401, ({ code }) => code === "token_missing");
  await Promise.all(databases.map((database) => checkDatabase(list, database)));
}

async function checkDatabase(list: string, database: Database) {
  const number = numberOf(database.binding);
  const secret = await createToken(database, {
    // No two databases have an account with the same name.
    account: number ? `${CHECK_ACCOUNT}-${number}` : CHECK_ACCOUNT,
    name: "npm run deploy",
    scopes: ["conversations:read"],
    expiresAt: Math.floor(Date.now() / 1000) + CHECK_TOKEN_SECONDS,
  });
  try {
    await expected(list, secret, 200, ({ data }) => Array.isArray(data));
  } finally {
    const [[row]] = await query(database, `SELECT id FROM tokens WHERE hash = '${hashOf(secret)}'`);
    await revokeToken([database], String(row!.id));
  }
}

/** Waits until the health check succeeds: Cloudflare needs some seconds to deploy a version everywhere, and longer for
 * a new address. */
async function answering(url: string, milliseconds: number) {
  for (const end = Date.now() + milliseconds; ; await delay(TRY_MILLISECONDS)) {
    try {
      return await expected(url, undefined, 200, ({ status }) => status === "ok");
    } catch (error) {
      if (Date.now() >= end) throw error;
    }
  }
}

/** Sends a GET request. Fails if the response is another one than the expected one. */
async function expected(
  url: string,
  token: string | undefined,
  status: number,
  fits: (body: Record<string, unknown>) => boolean,
) {
  const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const what = `GET ${url} ${token === undefined ? "without" : "with"} a token`;
  let response: Response;
  try {
    response = await fetch(url, { headers });
  } catch (error) {
    throw new Failure(`${what}: no response (${String((error as Error).cause ?? error)}).`);
  }
  const id = response.headers.get("X-Request-Id");
  const text = await response.text();
  if (response.status !== status || id === null || !fits(parsed(text))) {
    throw new Failure(
      `${what}: expected ${status}, got ${response.status} (X-Request-Id: ${id}):\n${text.slice(0, 1000)}`,
    );
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** How to undo a deployment, and what is lost. */
function wayBack({ version, bookmarks }: Before): string {
  const states = bookmarks.filter(({ bookmark }) => bookmark !== null);
  if (version === null && states.length === 0) return "It is the first one: there is nothing to go back to.";
  const code = version
    ? `
  npx wrangler rollback ${version}
      restores the code. The tables stay as they are now, and no data is lost.
      Not possible for a version from before the Durable Object: docs/OPERATIONS.md says what to do.`
    : "";
  const restore = ({ binding, bookmark }: Bookmark) =>
    `\n  npx wrangler d1 time-travel restore ${binding} --bookmark=${bookmark}`;
  const data = states.length
    ? `${states.map(restore).join("")}
      restores the tables and the data. Every change since this deployment began is lost.
      Possible for 30 days (7 on the Free plan).`
    : "";
  return `To go back, see docs/OPERATIONS.md ("Go back"), then:${code}${data}`;
}
