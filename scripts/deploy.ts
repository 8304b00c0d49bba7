// `npm run deploy`: deploys this folder to Cloudflare, the first time and every later time. The database gets its
// migrations before the new code uses them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { command, options } from "./cli.ts";
import { migrate, wrangler } from "./d1.ts";
import { Failure, root, run, step } from "./shared.ts";

const USAGE = `Usage: npm run deploy

Signs in to Cloudflare if necessary, creates the D1 database if there is none, applies the migrations, and deploys the
Worker. Instead of signing in you can set CLOUDFLARE_API_TOKEN, and CLOUDFLARE_ACCOUNT_ID for one of several accounts.`;

await command(USAGE, async (args) => {
  options(args, {});
  await signIn();
  // `wrangler deploy` finds a database without an id in wrangler.toml by its name. It is created here beforehand, so
  // that its tables exist before the first request.
  const name = databaseName();
  const databases: { name: string }[] = JSON.parse(await step("Databases", () => wrangler("d1", "list", "--json")));
  if (!databases.some((database) => database.name === name)) {
    await step(`Create the database "${name}"`, () => wrangler("d1", "create", name, "--update-config=false"));
  }
  await step("Migrations", () => migrate({ remote: true }));
  await interactive("deploy");
  console.error(`
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
    await interactive("login");
  }
}

/** Runs a wrangler command that may ask questions. */
async function interactive(action: string) {
  const { failed } = await run("wrangler", [action], { stdio: "inherit", all: false, reject: false });
  if (failed) throw new Failure(`wrangler ${action} failed, see above.`);
}

function databaseName(): string {
  const name = /^database_name = "(.+)"/m.exec(readFileSync(join(root, "wrangler.toml"), "utf8"))?.[1];
  if (!name) throw new Failure('wrangler.toml needs a line database_name = "...".');
  return name;
}
