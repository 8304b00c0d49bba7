// The limits of D1's documentation, which tests/support/audit.ts holds every answer of every test to: that each is
// noticed.

import assert from "node:assert/strict";
import test from "node:test";
import { excessOfResult, excessOfStatement, LIMITS } from "./workers/d1_limits.js";

const statement = (sql: string, ...params: unknown[]): string[] => excessOfStatement({ sql, params });
const list = (count: number): string => Array(count).fill("1").join(",");

test("a statement, its parameters, its functions and its patterns have limits", () => {
  assert.deepEqual(statement("SELECT ?1", "x"), []);
  assert.deepEqual(statement(`SELECT '${"x".repeat(LIMITS.statement)}'`), ["statement"]);
  assert.deepEqual(statement("SELECT 1", ...Array(101).fill(1)), ["parameters"]);
  assert.deepEqual(statement(`SELECT json_array(${list(32)})`), []);
  assert.deepEqual(statement(`SELECT json_array('(', ${list(32)})`), ["functionArguments"]);
  assert.deepEqual(statement(`SELECT 1 GLOB '${"x".repeat(50)}'`), []);
  assert.deepEqual(statement(`SELECT 1 GLOB '${"é".repeat(26)}'`), ["pattern"]);
  assert.deepEqual(statement("SELECT 1 LIKE ?1", "x"), ["pattern"]);
  assert.deepEqual(statement("SELECT ?1", "é".repeat(1_000_001)), ["value"]);
});

test("a row, a result and a duration have limits", () => {
  const result = (rows: object[], duration = 1) => excessOfResult({ results: rows, meta: { duration } });
  const row = { a: "x".repeat(1_000_000), b: null, c: 7 };
  assert.deepEqual(result([row, row, row]), []);
  assert.deepEqual(result([{ ...row, d: row.a }]), ["value"]);
  assert.deepEqual(result(Array(51).fill(row)), ["result"]);
  assert.deepEqual(result([], 30_001), ["milliseconds"]);
});
