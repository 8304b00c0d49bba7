// `npm run build`: the Worker's wasm with its glue code, and the pages, in build/, for src/entry.js and wrangler.toml.
// Not worker-build: it compiles OpenSSL's bindings, whose headers a bare machine lacks, and downloads tools by itself.
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, lock } from "proper-lockfile";
import { command, options } from "./cli.ts";
import "./rust.ts";
import { Failure, reporting, root, run, step } from "./shared.ts";
import { securityExpiry } from "./site/texts.ts";

const TARGET = "wasm32-unknown-unknown";
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
const BINDGEN = "scripts/bindgen";
/** All that build/ is made from, once cargo has made the wasm. */
const INPUTS = [
  WASM,
  "Cargo.{toml,lock}",
  "openapi.yaml",
  "package-lock.json",
  "scripts/{build,site}.ts",
  `${BINDGEN}/*`,
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
  checkVersions();
  const { stdout: library } = await run("rustc", ["--print", "target-libdir", "--target", TARGET]);
  if (!existsSync(library)) {
    await step(`Add the Rust target ${TARGET}`, (onLine) =>
      run("rustup", ["target", "add", TARGET], reporting(onLine)),
    );
  }

  // Cargo.toml says why the type of the crate stands here.
  const worker = [
    "rustc",
    "--lib",
    "--crate-type",
    "cdylib",
    "--release",
    "--target",
    TARGET,
    "--target-dir",
    "target",
  ];
  const bindgen = ["build", "--manifest-path", `${BINDGEN}/Cargo.toml`, "--target-dir", join(tools, "bindgen")];
  // Side by side: the end of the Worker's compilation uses only one core.
  await step("Compile the Worker and wasm-bindgen", (onLine) =>
    Promise.all([worker, bindgen].map((args) => run("cargo", [...args, "--locked"], reporting(onLine)))),
  );

  const hash = `${hashOf(INPUTS)} ${securityExpiry()}`;
  const stamp = join(root, "build", ".hash");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const [fresh, old] = [join(tools, "build-new"), join(tools, "build-old")];
  rmSync(fresh, { recursive: true, force: true });
  rmSync(old, { recursive: true, force: true });
  await step("Bind and optimize the wasm", async () => {
    await run(join(tools, "bindgen", "debug", "bindgen"), [WASM, fresh]);
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

/** The glue and its generator must have the same version. */
function checkVersions() {
  const versionIn = (lock: string, crate: string) =>
    new RegExp(`^name = "${crate}"\nversion = "(.+)"`, "m").exec(readFileSync(join(root, lock), "utf8"))?.[1];
  const used = versionIn("Cargo.lock", "wasm-bindgen");
  const generator = versionIn(`${BINDGEN}/Cargo.lock`, "wasm-bindgen-cli-support");
  if (used === generator) return;
  throw new Failure(
    `Cargo.lock has wasm-bindgen ${used}, but ${BINDGEN}/Cargo.lock has wasm-bindgen-cli-support ${generator}. They ` +
      `must have the same version: change it in ${BINDGEN}/Cargo.toml, then run ` +
      `\`cargo update --manifest-path ${BINDGEN}/Cargo.toml\`.`,
  );
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
