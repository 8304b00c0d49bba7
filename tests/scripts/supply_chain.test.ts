// Everything that runs here is pinned, and no npm package runs a script when it is installed.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { root } from "../../scripts/shared.ts";
import { run } from "./processes.ts";

const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const manifest = JSON.parse(read("package.json"));

/** Where to look for the lock files: not in what Git ignores. */
const TRACKED = { cwd: root, exclude: ["**/node_modules", "**/target", ".tools", ".wrangler"] };
const CARGO_LOCK = "**/Cargo.lock";
const CARGO_LOCKS = globSync(CARGO_LOCK, TRACKED);

interface Locked {
  integrity?: string;
  resolved?: string;
  link?: boolean;
  hasInstallScript?: boolean;
  version?: string;
}
const locked: Record<string, Locked> = JSON.parse(read("package-lock.json")).packages;
/** Without this project and its workspaces, which are no packages of a registry. */
const packages = Object.entries(locked).filter(([path, { link }]) => path.startsWith("node_modules/") && !link);

test("each package-lock.json has the hash of every package, and no address of a registry", () => {
  assert.ok(packages.length > 100);
  const others = Object.entries<Locked>(JSON.parse(read("scripts/conformance/clients/package-lock.json")).packages);
  assert.ok(others.length > 10);
  for (const [path, { integrity, resolved }] of [...packages, ...others.slice(1)]) {
    assert.match(integrity ?? "", /^sha512-[A-Za-z0-9+/]{86}==$/, path);
    assert.equal(resolved, undefined, path);
  }
});

test("package.json names every package that has an install script, and allows none of them", () => {
  const scripted = packages.filter(([, { hasInstallScript }]) => hasInstallScript);
  const names = scripted.map(([path]) => path.split("node_modules/").at(-1));
  assert.deepEqual(manifest.allowScripts, Object.fromEntries(names.map((name) => [name, false])));
  assert.match(read(".npmrc"), /^strict-allow-scripts=true$/m);
});

test("Node is one version for every machine, and it is the one that runs this test", () => {
  const names = Object.keys(manifest.optionalDependencies);
  assert.deepEqual(
    names.map((name) => locked[`node_modules/${name}`]?.version),
    names.map(() => process.versions.node),
  );
});

test("every GitHub Action is pinned by its commit, with its version beside it", () => {
  const workflows = globSync(".github/workflows/*.yml", { cwd: root });
  const uses = workflows.flatMap((file) => read(file).match(/\buses:.*/g) ?? []);
  assert.ok(uses.length > 0);
  for (const line of uses) assert.match(line, /^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

test("cargo installs tools by exact version and with their lock files", () => {
  const files = [".github/workflows/*.yml", "scripts/*.ts", "*.md"].flatMap((glob) => globSync(glob, { cwd: root }));
  const installs = files.flatMap((file) => read(file).match(/\bcargo install .+/g) ?? []);
  assert.ok(installs.length > 0);
  for (const line of installs) assert.match(line, /^cargo install .*--locked .*\b[a-z-]+@\d+\.\d+\.\d+\b/);
});

test("every crate is of crates.io, by version and hash, and every build uses the lock files", () => {
  for (const lock of CARGO_LOCKS) {
    const crates = read(lock).split("[[package]]").slice(1);
    const own = crates.filter((crate) => !crate.includes("\nsource = "));
    assert.ok(crates.length > 30 && own.length <= 2, lock);
    for (const crate of crates.filter((crate) => !own.includes(crate))) {
      assert.match(crate, /\nsource = "registry\+https:\/\/github\.com\/rust-lang\/crates\.io-index"\n/);
      assert.match(crate, /\nchecksum = "[0-9a-f]{64}"\n/);
    }
  }
  assert.match(read("scripts/build.ts"), /run\("cargo", \[\.\.\.args, "--locked"\]/);
});

test("a build fails if the generator of the glue has another version than wasm-bindgen", async () => {
  const folder = mkdtempSync(join(tmpdir(), "conversations versions-"));
  try {
    cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "package.json"), read("package.json"));
    const [, version] = /name = "wasm-bindgen"\nversion = "(.+)"/.exec(read("Cargo.lock")) ?? assert.fail("no version");
    writeFileSync(join(folder, "Cargo.lock"), '[[package]]\nname = "wasm-bindgen"\nversion = "0.0.1"\n');
    const { code, stderr } = await run(process.execPath, ["scripts/build.ts"], { cwd: folder });
    assert.equal(code, 1, stderr);
    const expected = `wasm-bindgen 0.0.1, but scripts/bindgen/Cargo.lock has wasm-bindgen-cli-support ${version}.`;
    assert.ok(stderr.includes(expected), stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("pip installs packages by version and hash", () => {
  const requirements = read("scripts/conformance/requirements.txt")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll("\\\n", " ")
    .trim()
    .split("\n");
  assert.ok(requirements.length > 10);
  for (const line of requirements) assert.match(line, /^[\w.-]+==[\w.]+( +--hash=sha256:[0-9a-f]{64})+ *$/);
});

test("rust-toolchain.toml names one Rust, which is new enough for Cargo.toml", () => {
  const [, channel] = /^channel = "(1\.\d+\.\d+)"$/m.exec(read("rust-toolchain.toml")) ?? assert.fail("no version");
  const [, oldest] = /^rust-version = "(.+)"$/m.exec(read("Cargo.toml"))!;
  assert.ok(channel!.localeCompare(oldest!, "en", { numeric: true }) >= 0);
});

test("Dependabot updates every file that pins something", () => {
  const { updates } = parse(read(".github/dependabot.yml"));
  const covered = updates.flatMap((update: { "package-ecosystem": string; directory: string; directories: string[] }) =>
    (update.directories ?? [update.directory]).map((folder) => `${update["package-ecosystem"]} ${folder}`),
  );
  const folderOf = (file: string) => `/${file.split("/").slice(0, -1).join("/")}`;
  const found = [
    ["npm", "{,scripts/*/*/}package-lock.json"],
    ["cargo", CARGO_LOCK],
    ["pip", "scripts/*/requirements.txt"],
    ["rust-toolchain", "rust-toolchain.toml"],
  ].flatMap(([ecosystem, glob]) => globSync(glob!, TRACKED).map((file) => `${ecosystem} ${folderOf(file)}`));
  assert.deepEqual(covered.toSorted(), [...found, "github-actions /"].toSorted());
});

describe("scripts/install.mjs", () => {
  const VERSION = "99.0.0";

  /** A project with a package that has Node for a kind of machine, and one with an install script. */
  function project(cpu: string): { path: string } & Disposable {
    const path = mkdtempSync(join(tmpdir(), "conversations install-"));
    const node = { name: "node-there", version: VERSION, os: [process.platform], cpu: [cpu], bin: { node: "node" } };
    const scripts = { install: `echo ran > ${JSON.stringify(join(path, "ran"))}` };
    const dependencies = {
      "node-there": pack(path, node, { node: `#!/bin/sh\necho v${VERSION}\n` }),
      scripted: pack(path, { name: "scripted", version: "1.0.0", scripts }),
    };
    const { "node-there": optional, ...required } = dependencies;
    const own = { dependencies: required, optionalDependencies: { "node-there": optional } };
    const packages = {
      "": own,
      "node_modules/node-there": { ...node, resolved: optional, optional: true },
      "node_modules/scripted": { version: "1.0.0", resolved: required.scripted, hasInstallScript: true },
    };
    writeFileSync(join(path, "package.json"), JSON.stringify(own));
    writeFileSync(join(path, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, packages }));
    return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
  }

  /** Makes the archive of a package, and returns how package.json names it. */
  function pack(
    folder: string,
    about: Record<string, unknown> & { name: string },
    files: Record<string, string> = {},
  ): string {
    const source = join(folder, about.name, "package");
    mkdirSync(source, { recursive: true });
    for (const [file, content] of Object.entries({ ...files, "package.json": JSON.stringify(about) }))
      writeFileSync(join(source, file), content, { mode: 0o755 });
    execFileSync("tar", ["-czf", join(folder, `${about.name}.tgz`), "-C", join(source, ".."), "package"]);
    return `file:${about.name}.tgz`;
  }

  async function install(path: string) {
    const child = spawn(process.execPath, [join(root, "scripts/install.mjs")], { cwd: path, stdio: "pipe" });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    const [code] = await once(child, "close");
    return { code, stderr };
  }

  test("installs the packages without running their scripts", async () => {
    using here = project(process.arch);
    const { code, stderr } = await install(here.path);
    assert.equal(code, 0, stderr);
    assert.ok(existsSync(join(here.path, "node_modules/scripted/package.json")));
    assert.ok(!existsSync(join(here.path, "ran")), "a script ran");
  });

  test("fails if no pinned Node is for this machine", async () => {
    using here = project("another");
    const { code, stderr } = await install(here.path);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`did not install Node v99\\.0\\.0\\..*${process.platform} ${process.arch}.*node-there`),
    );
    assert.ok(!existsSync(join(here.path, "node_modules/.installed-package-lock.json")), "it counts as installed");
  });
});
