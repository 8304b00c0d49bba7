// `npm run build`: the Worker's wasm with its glue code, and the pages, in build/, for src/entry.js and wrangler.toml.
// Not worker-build: it compiles OpenSSL's bindings, whose headers a bare machine lacks, and downloads tools by itself.
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, lock } from "proper-lockfile";
import { command, options } from "./cli.ts";
import { reporting, root, run, step } from "./shared.ts";
import { securityExpiry } from "./site/texts.ts";

const TARGET = "wasm32-unknown-unknown";
// The reset is for src/entry.js, which makes a new instance after a trap.
const BINDGEN_FLAGS = [
  "--target",
  "web",
  "--no-typescript",
  "--out-name",
  "index",
  "--experimental-reset-state-function",
];
/** Classes that the `worker` crate exports for features that this project does not use: they would stay in the wasm. */
const UNUSED_CLASSES = /containerstartupoptions|intounderlying|minifyconfig|r2range/;
// The features that rustc uses and the runtime supports; any other stays out of the module.
const FEATURES = [
  "--enable-mutable-globals",
  "--enable-sign-ext",
  "--enable-nontrapping-float-to-int",
  "--enable-bulk-memory",
  "--enable-multivalue",
  "--enable-reference-types",
  "--enable-exception-handling",
];

const WASM = `target/${TARGET}/release/conversations.wasm`;
/** All that build/ is made from, once cargo has made the wasm. */
const INPUTS = [
  WASM,
  "Cargo.{toml,lock}",
  "openapi.yaml",
  "package-lock.json",
  "scripts/{build,site}.ts",
  "scripts/site/*",
  "{site,clients/typescript/src}/**/*",
];

await command("Usage: npm run build", async (args) => {
  options(args, {});
  const tools = join(root, ".tools");
  const lockfilePath = join(tools, "build.lock");
  mkdirSync(tools, { recursive: true });
  if (await check(root, { lockfilePath })) console.error("Waiting for another build in this folder to end");
  const unlock = await lock(root, { lockfilePath, retries: { forever: true, factor: 1, minTimeout: 200 } });
  try {
    await build(tools);
  } finally {
    await unlock();
  }
});

async function build(tools: string) {
  const { stdout: library } = await run("rustc", ["--print", "target-libdir", "--target", TARGET]);
  if (!existsSync(library)) {
    await step(`Add the Rust target ${TARGET}`, (onLine) =>
      run("rustup", ["target", "add", TARGET], reporting(onLine)),
    );
  }

  // The glue code and its generator must have the same version.
  const version = /name = "wasm-bindgen"\nversion = "(.+)"/.exec(readFileSync(join(root, "Cargo.lock"), "utf8"))![1];
  const folder = join(tools, `wasm-bindgen-${version}`);
  const bindgen = join(folder, "bin", "wasm-bindgen");
  if (!existsSync(bindgen)) {
    // A debug build of the tool takes half the time and is fast enough.
    const install = ["install", "--debug", "--locked", "--root", folder, `wasm-bindgen-cli@${version}`];
    await step(`Install wasm-bindgen ${version} (once, one to three minutes)`, (onLine) =>
      run("cargo", install, reporting(onLine)),
    );
  }

  // Cargo.toml says why the type of the crate stands here.
  const compile = ["rustc", "--lib", "--crate-type", "cdylib", "--release", "--locked", "--target", TARGET];
  await step("Compile the Worker", (onLine) => run("cargo", [...compile, "--target-dir", "target"], reporting(onLine)));

  const hash = `${hashOf(INPUTS)} ${securityExpiry()}`;
  const stamp = join(root, "build", ".hash");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const [fresh, old] = [join(tools, "build-new"), join(tools, "build-old")];
  rmSync(fresh, { recursive: true, force: true });
  rmSync(old, { recursive: true, force: true });
  await step("Bind and optimize the wasm", async () => {
    await run(bindgen, [...BINDGEN_FLAGS, "--out-dir", fresh, WASM]);
    const module = join(fresh, "index_bg.wasm");
    const glue = readFileSync(join(fresh, "index.js"), "utf8");
    const used = [...new Set(glue.match(/(?<=\bwasm\.)\w+/g))].filter((name) => !UNUSED_CLASSES.test(name));
    const graph = join(tools, "exports.json");
    const root = { name: "glue", root: true, reaches: used };
    writeFileSync(graph, JSON.stringify([root, ...used.map((name) => ({ name, export: name }))]));
    await run("wasm-metadce", [...FEATURES, "--graph-file", graph, module, "-o", module]);
    await run("wasm-opt", ["-Oz", ...FEATURES, module, "-o", module]);
  });
  await step("Make the pages", async () => {
    const { makePages } = await import("./site.ts");
    await makePages(join(fresh, "site"));
  });
  writeFileSync(join(fresh, ".hash"), hash);
  // Readers of build/ see the old Worker or the new one, never a part.
  if (existsSync(join(root, "build"))) renameSync(join(root, "build"), old);
  renameSync(fresh, join(root, "build"));
  rmSync(old, { recursive: true, force: true });
}

/** A hash of the names and contents of files. */
function hashOf(patterns: string[]) {
  const hash = createHash("sha256");
  const files = globSync(patterns, { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const path of files.map(({ parentPath, name }) => join(parentPath, name)).sort()) {
    hash.update(`${path}\0`).update(readFileSync(path));
  }
  return hash.digest("hex");
}
