// What the Worker weighs: every deployment uploads it, every cold start instantiates it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { gzipSync } from "node:zlib";

const BUDGET = 142_200;

test(`the wasm is at most ${BUDGET} bytes, gzipped`, () => {
  const wasm = readFileSync(new URL("../build/index_bg.wasm", import.meta.url));
  const size = gzipSync(wasm, { level: 9 }).length;
  assert.ok(size <= BUDGET, `${size} bytes; \`node bench/wasm-size.ts\` says whose they are`);
});
