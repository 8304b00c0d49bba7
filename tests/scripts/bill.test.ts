// `npm run bill` in a small account, what docs/COSTS.md has of it, and the indexes of the peer that it compares with.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { before, test } from "node:test";
import { drizzle } from "drizzle-orm/d1";
import { getTableConfig } from "drizzle-orm/sqlite-core";
import { ASSUMED, PRICES } from "../../bench/bill/money.ts";
import { listQuery, page } from "../../bench/bill/peer/conversations.ts";
import { conversations } from "../../bench/bill/peer/schema.ts";
import { root } from "../../scripts/shared.ts";
import { npmRun } from "./processes.ts";

const costs = readFileSync(join(root, "docs", "COSTS.md"), "utf8");

let cycles: string;
let deliveries: string;
before(async () => {
  const { code, stdout, stderr } = await npmRun("bill", "--quick");
  assert.equal(code, 0, stderr);
  [cycles, deliveries] = stdout.trim().split("\n\n") as [string, string];
});

test("a million message cycles cost less than with Hono and Drizzle", () => {
  const [ours, peer] = [
    ...cycles
      .split("\n")
      .at(-1)!
      .matchAll(/\$(\d+\.\d\d)/g),
  ].map(([, dollars]) => Number(dollars));
  assert.ok(ours! > 0 && ours! < peer!, cycles);
});

test("docs/COSTS.md has the tables, in which the size of the account makes no difference", () => {
  for (const table of [cycles, deliveries])
    assert.ok(costs.includes(`\n\n${table}\n\n`), `docs/COSTS.md has other figures: run \`npm run bill\`\n${table}`);
});

test("docs/COSTS.md says how long a delivery is assumed to take", () => {
  const { receiverMs, d1Ms } = ASSUMED;
  assert.match(costs, new RegExp(`${receiverMs} ms for the receiver, and ${d1Ms} ms for\\s+each call to D1`));
});

test("docs/COSTS.md has the prices that the tables are made of", () => {
  const million = (price: number) => `$${(price * 1e6).toFixed(price < 0.01e-6 ? 3 : 2)}`;
  for (const [what, price] of [
    ["a million requests", PRICES.request],
    ["a million ms of CPU time", PRICES.cpuMs],
    ["a million rows read", PRICES.rowRead],
    ["a million rows written", PRICES.rowWritten],
    ["requests to Durable Objects | 1 million", PRICES.objectRequest],
    ["duration, in GB-s: 128 MB for the time in which an object runs | 400,000", PRICES.objectGbSecond],
    ["rows written in the storage of objects: one for each alarm that is set | 50 million", PRICES.rowWritten],
  ] as const) {
    const line = `| ${what} | ${million(price)} |`;
    assert.ok(costs.includes(`\n${line}\n`), line);
  }
});

test("every index of the peer's conversations serves the list that it is for, without a sort", () => {
  const LISTS = {
    conversations_by_account: "",
    conversations_by_activity: "sort=last_active_at",
    conversations_inbox: "sort=last_active_at&archived=false",
    conversations_unread: "sort=last_active_at&unread=true",
    conversations_archived: "archived=true",
    conversations_pinned: "pinned=true",
    conversations_muted: "muted=true",
    conversations_by_contact: "contact_id=someone",
    conversations_by_group: "group_id=team",
    conversations_by_group_activity: "sort=last_active_at&group_id=team",
  };
  assert.deepEqual(
    getTableConfig(conversations).indexes.map((index) => index.config.name),
    Object.keys(LISTS),
  );
  using database = new DatabaseSync(":memory:");
  for (const file of globSync(join(root, "bench/bill/peer/migrations/*.sql")))
    database.exec(readFileSync(file, "utf8"));
  const db = drizzle({} as never);
  for (const [index, list] of Object.entries(LISTS)) {
    const wanted = listQuery.parse(Object.fromEntries(new URLSearchParams(list)));
    const { sql, params } = page(db, 1, wanted).toSQL();
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...(params as (string | number)[]));
    assert.match(
      plan.map(({ detail }) => detail).join("\n"),
      new RegExp(`^SEARCH conversations USING INDEX ${index} \\([^\n]*$`),
    );
  }
});
