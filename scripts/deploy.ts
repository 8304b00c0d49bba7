// `npm run deploy`: from this folder to a live URL, the first time and every later one. The database gets its
// migrations before the new code is there to use them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { command, options } from "./cli.ts";
import { migrate, wrangler } from "./d1.ts";
import { Failure, node, root, step, wranglerScript } from "./shared.mjs";

const USAGE = `Usage: npm run deploy

Signs in to Cloudflare if need be (or uses CLOUDFLARE_API_TOKEN, and CLOUDFLARE_ACCOUNT_ID where there are several
accounts), makes the database, applies its migrations, and deploys the Worker.`;

await command(USAGE, async (args) => {
  options(args, {});
  await signIn();
  // wrangler finds a database without an id in wrangler.toml by its name, here as well as in `wrangler deploy`. Made
  // beforehand, it can have its tables before the first request, and wrangler.toml stays as it is.
  const name = databaseName();
  const databases: { name: string }[] = JSON.parse(
    (await step("databases", () => wrangler("d1", "list", "--json"))).stdout,
  );
  if (!databases.some((database) => database.name === name)) {
    await step(`make the database "${name}"`, () => wrangler("d1", "create", name, "--update-config=false"));
  }
  await step("migrations", () => migrate({ remote: true }));
  await interactive("deploy");
  console.error(`
Next, a token for the URL above:
  npm run --silent token -- create --account NAME --remote`);
});

async function signIn() {
  try {
    await step("sign-in", () => wrangler("whoami", "--json"));
  } catch {
    if (!process.stdin.isTTY) {
      throw new Failure(
        "Not signed in to Cloudflare: set CLOUDFLARE_API_TOKEN, or run `npm run deploy` in a terminal to sign in with a browser.",
      );
    }
    await interactive("login");
  }
}

/** Runs a wrangler command that may ask something. */
async function interactive(...args: string[]) {
  const child = spawn(node, [wranglerScript, ...args], { cwd: root, stdio: "inherit" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Failure(`wrangler ${args.join(" ")} failed; what it says about that stands above.`);
}

function databaseName(): string {
  const name = /^database_name = "(.+)"/m.exec(readFileSync(join(root, "wrangler.toml"), "utf8"))?.[1];
  if (!name) throw new Failure('wrangler.toml names no database: it needs a line database_name = "...".');
  return name;
}
