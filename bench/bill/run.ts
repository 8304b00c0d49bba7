// `npm run bill`: what a million message cycles cost, with this project's Worker and with the peer, and what a million
// deliveries of webhooks cost.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, options } from "../../scripts/cli.ts";
import { Failure, root, step } from "../../scripts/shared.ts";
import { FULL, measureCycles, QUICK, start } from "./cycle.ts";
import { measureDeliveries } from "./deliveries.ts";
import { bill, deliveryTable } from "./money.ts";

const USAGE = `Usage: npm run bill [-- --quick]

Measures the rows of a message cycle and of a delivery with local D1, prints what a million of each cost, and writes
that to docs/COSTS.md. Takes a minute.

  --quick    measure in a small account, and write nothing`;

await command(USAGE, async (args) => {
  const { quick } = options(args, { quick: { type: "boolean" } }).values;
  const size = quick ? QUICK : FULL;
  const workers = await start();
  try {
    const ours = await step("measure this project's Worker", () => measureCycles(workers.ours, size));
    const peer = await step("measure Hono + Drizzle", () => measureCycles(workers.peer, size));
    const deliveries = await step("measure deliveries", () => measureDeliveries(workers.ours));
    const tables = { "message cycles": bill(ours, peer).table, deliveries: deliveryTable(deliveries) };
    console.log(Object.values(tables).join("\n\n"));
    if (!quick) for (const [name, table] of Object.entries(tables)) write(name, table);
  } finally {
    await workers.close();
  }
});

/** Replaces a table of docs/COSTS.md. */
function write(name: string, table: string): void {
  const [begin, end] = [`<!-- ${name}: written by npm run bill -->\n\n`, `\n\n<!-- end of ${name} -->`];
  const file = join(root, "docs", "COSTS.md");
  const page = readFileSync(file, "utf8");
  const [from, to] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  if (from < begin.length || to < from) throw new Failure(`docs/COSTS.md has no place for the table of ${name}.`);
  writeFileSync(file, page.slice(0, from) + table + page.slice(to));
}
