// The length of lines, which neither rustfmt nor Biome limits in comments and texts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { root } from "../../scripts/shared.ts";

test("no line of a source file is longer than 120 columns", () => {
  const patterns = ["*.rs", "*.ts", "*.mjs", "*.js", "*.sql", ":!clients/typescript/src/schema.ts"];
  const files = execFileSync("git", ["ls-files", "-z", ...patterns], { cwd: root, encoding: "utf8" }).split("\0");
  assert.ok(files.includes("scripts/build.ts"));
  const long = files.filter(Boolean).flatMap((file) =>
    readFileSync(`${root}/${file}`, "utf8")
      .split("\n")
      .flatMap((line, index) => ([...line].length > 120 ? [`${file}:${index + 1}`] : [])),
  );
  assert.deepEqual(long, []);
});
