// The commands' way to the local databases (scripts/local.ts): what works there must also work with deployed D1.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { localDatabase, measured, migrate, query } from "../../scripts/d1.ts";
import { stateFolder } from "./processes.ts";

const state = stateFolder();
after(() => state[Symbol.dispose]());
const database = localDatabase(state.path);
before(() => migrate(database));

test("what exceeds a limit of D1 fails", async () => {
  const terms = (count: number) => Array(count).fill("SELECT 1").join(" UNION ALL ");
  const numbers = (count: number) => Array(count).fill("1").join(",");
  const parameters = (count: number) => {
    const places = Array(count).fill("?").join(",");
    return { sql: `SELECT 1 WHERE 1 IN (${places})`, parameters: Array(count).fill(1) };
  };
  for (const [allowed, refused] of [
    [`SELECT '${"x".repeat(99_000)}'`, `SELECT '${"x".repeat(100_000)}'`],
    [terms(5), terms(6)],
    [parameters(100), parameters(101)],
    [`SELECT json_array(${numbers(32)})`, `SELECT json_array(${numbers(33)})`],
    [`SELECT 'a' LIKE '${"x".repeat(50)}'`, `SELECT 'a' LIKE '${"x".repeat(51)}'`],
    ["SELECT length(zeroblob(1000000) || zeroblob(900000))", "SELECT length(zeroblob(1000000) || zeroblob(1000001))"],
  ] as const) {
    await query(database, allowed);
    await assert.rejects(query(database, refused));
  }
});

test("statements are one transaction: if one fails, none has an effect", async () => {
  const insert = "INSERT INTO accounts (name, created_at) VALUES ('Whole', 0)";
  await assert.rejects(query(database, insert, insert), /UNIQUE/);
  const orphan = `INSERT INTO conversations (account_id, id, contact_id, created_at)
    VALUES (4711, '0000000000000001', 'c', 0)`;
  await assert.rejects(query(database, insert, orphan), /FOREIGN KEY/);
  assert.deepEqual(await query(database, "SELECT count(*) AS n FROM accounts"), [[{ n: 0 }]]);
});

test("each statement has its rows, and a number is a REAL, as in D1", async () => {
  const typed = { sql: "SELECT typeof(?) AS type, ? AS text, ? AS missing", parameters: [7, "é", null] };
  assert.deepEqual(await query(database, "SELECT 1 AS n WHERE 0", "SELECT 1 AS n UNION ALL SELECT 2", typed), [
    [],
    [{ n: 1 }, { n: 2 }],
    [{ type: "real", text: "é", missing: null }],
  ]);
});

test("the size is that of the pages in use", async () => {
  const { bytes: empty } = await measured(database, "SELECT 1");
  const { bytes: full } = await measured(database, "CREATE TABLE filler AS SELECT zeroblob(500000) AS bytes");
  assert.ok(full - empty >= 500_000 && full - empty < 510_000);
  assert.equal((await measured(database, "DROP TABLE filler")).bytes, empty);
});

test("a second migration changes nothing, and several at the same time apply each once", async () => {
  const other = stateFolder();
  try {
    const fresh = localDatabase(other.path);
    await Promise.all([migrate(fresh), migrate(fresh), migrate(fresh)]);
    const schema = "SELECT sql FROM sqlite_schema ORDER BY name";
    const noted = "SELECT name FROM d1_migrations ORDER BY id";
    assert.deepEqual(await query(fresh, schema, noted), await query(database, schema, noted));
    await migrate(fresh);
    assert.deepEqual(await query(fresh, schema, noted), await query(database, schema, noted));
  } finally {
    other[Symbol.dispose]();
  }
});
