// The size of the Worker's wasm, and of each crate's code in it: `node bench/wasm-size.ts` after `npm run build`.
// The built module has no names, so the crates are those of the module before wasm-opt, which has names.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const bindgen = join(root, ".tools/bindgen/debug/bindgen");
if (!existsSync(bindgen)) throw new Error("There is no wasm-bindgen yet: run `npm run build` first.");
const scratch = mkdtempSync(join(tmpdir(), "wasm-size-"));
const compiled = join(root, "target/wasm32-unknown-unknown/release/conversations.wasm");
execFileSync(bindgen, [compiled, scratch]);

const built = readFileSync(join(root, "build/index_bg.wasm"));
const named = readFileSync(join(scratch, "index_bg.wasm"));
rmSync(scratch, { recursive: true });

const FUNCTION_IMPORT = 0;
const SECTION = { custom: 0, import: 2, code: 10, data: 11 };

/** Reads the WebAssembly binary format (core specification, section 5), as far as it is needed here. */
class Reader {
  at = 0;
  readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
  byte = () => this.bytes[this.at++]!;
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  }
  name() {
    const length = this.number();
    this.at += length;
    return this.bytes.toString("utf8", this.at - length, this.at);
  }
}

const reader = new Reader(named);
reader.at = 8;
let imported = 0;
let data = 0;
const sizes: number[] = [];
const names = new Map<number, string>();
while (reader.at < named.length) {
  const section = reader.byte();
  const size = reader.number();
  const end = reader.at + size;
  if (section === SECTION.import) {
    for (let left = reader.number(); left > 0; left -= 1) {
      reader.name();
      reader.name();
      const kind = reader.byte();
      if (kind !== FUNCTION_IMPORT) throw new Error(`this script does not support imports of kind ${kind} yet`);
      reader.number();
      imported += 1;
    }
  } else if (section === SECTION.code) {
    for (let left = reader.number(); left > 0; left -= 1) {
      const length = reader.number();
      sizes.push(length);
      reader.at += length;
    }
  } else if (section === SECTION.data) {
    data = size;
  } else if (section === SECTION.custom && reader.name() === "name") {
    while (reader.at < end) {
      const subsection = reader.byte();
      const subsectionEnd = reader.number() + reader.at;
      if (subsection === 1) {
        for (let left = reader.number(); left > 0; left -= 1) names.set(reader.number(), reader.name());
      }
      reader.at = subsectionEnd;
    }
  }
  reader.at = end;
}

/** The crate of a function: the first path in its name. */
const crateOf = (name: string): string => /([a-z_]\w*)(?:\[\w+\])?::/.exec(name)?.[1] ?? "(runtime)";

const byCrate = new Map<string, number>();
sizes.forEach((size, index) => {
  const crate = crateOf(names.get(index + imported) ?? "");
  byCrate.set(crate, (byCrate.get(crate) ?? 0) + size);
});

console.log(`built   ${built.length} bytes, ${gzipSync(built, { level: 9 }).length} gzipped`);
const code = sizes.reduce((sum, size) => sum + size, 0);
console.log(`before wasm-opt: ${code} bytes of code, ${data} of data (texts, SQL). Code by crate:`);
for (const [crate, size] of [...byCrate].sort((a, b) => b[1] - a[1]).slice(0, 20))
  console.log(`${String(size).padStart(8)}  ${crate}`);
