// `npm run bill`: what a million message cycles cost, with this project's Worker and with the peer.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, options } from "../../scripts/cli.ts";
import { Failure, root, step } from "../../scripts/shared.ts";
import { FULL, QUICK, start } from "./cycle.ts";
import { bill } from "./money.ts";

const USAGE = `Usage: npm run bill [-- --quick]

Measures the rows of a message cycle with local D1, prints what a million of them cost, and writes that to
docs/COSTS.md. Takes a minute.

  --quick    measure in a small account, and write nothing`;

const BEGIN = "<!-- message cycles: written by npm run bill -->\n\n";
const END = "\n\n<!-- end of message cycles -->";

await command(USAGE, async (args) => {
  const { quick } = options(args, { quick: { type: "boolean" } }).values;
  const size = quick ? QUICK : FULL;
  const workers = await start();
  try {
    const ours = await step("measure this project's Worker", () => workers.ours(size));
    const peer = await step("measure Hono + Drizzle", () => workers.peer(size));
    const { table } = bill(ours, peer);
    console.log(table);
    if (!quick) write(table);
  } finally {
    await workers.close();
  }
});

function write(table: string): void {
  const file = join(root, "docs", "COSTS.md");
  const page = readFileSync(file, "utf8");
  const [from, to] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)];
  if (from < BEGIN.length || to < from) throw new Failure("docs/COSTS.md has no place for the table any more.");
  writeFileSync(file, page.slice(0, from) + table + page.slice(to));
}
