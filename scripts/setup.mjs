// Everything a command needs before it can run: npm's packages, the Rust tools, the built Worker. Each is made only
// when it is missing or out of date, which a stamp (a hash of what it was made from) tells in milliseconds.
// @ts-check
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { withLock } from "./lock.mjs";
import { bin, Failure, node, root, run, step } from "./shared.mjs";

const TARGET = "wasm32-unknown-unknown";
// With a way to instantiate again after a trap, which src/entry.js takes.
const RESET = ["--experimental-reset-state-function"];
const BINDGEN_FLAGS = ["--target", "web", "--no-typescript", "--out-name", "index", ...RESET];
// What rustc and the runtime both know by now; everything not named here stays out of the module.
const OPT_FLAGS = [
  "-Os",
  "--enable-mutable-globals",
  "--enable-sign-ext",
  "--enable-nontrapping-float-to-int",
  "--enable-bulk-memory",
  "--enable-multivalue",
  "--enable-reference-types",
  "--enable-exception-handling",
];

/** @param {string[]} parts */
const at = (...parts) => join(root, ...parts);
const tools = at(".tools");

/** The glue code and its generator must be of the very same version, so Cargo.lock says which. */
function bindgenVersion() {
  const version = /name = "wasm-bindgen"\nversion = "(.+)"/.exec(readFileSync(at("Cargo.lock"), "utf8"))?.[1];
  if (!version) throw new Failure("Cargo.lock names no wasm-bindgen: restore the file from git.");
  return version;
}
const bindgenRoot = () => join(tools, `wasm-bindgen-${bindgenVersion()}`);
const bindgen = () => join(bindgenRoot(), "bin", "wasm-bindgen");

/** @typedef {"packages" | "rust" | "lints" | "build" | "site"} Need */
/** @type {Record<Need, { after: Need[], ready: () => boolean, make: () => Promise<void> }>} */
const NEEDS = {
  /** npm's packages, exactly as locked. */
  packages: {
    after: [],
    ready: () => stampIs(at("node_modules"), packagesHash()),
    make: () =>
      step("npm packages", async (onLine) => {
        // npm must not run on the Node inside the folder it is about to replace.
        const PATH = (process.env.PATH ?? "")
          .split(delimiter)
          .filter((folder) => folder !== bin)
          .join(delimiter);
        await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
          env: { ...process.env, PATH },
          onLine,
        });
        stamp(at("node_modules"), packagesHash());
      }),
  },

  /** The compiler's wasm target and wasm-bindgen. */
  rust: {
    after: [],
    ready: () => existsSync(bindgen()) && hasTarget(),
    make: async () => {
      if (!hasTarget()) {
        await step(`Rust target ${TARGET}`, (onLine) => run("rustup", ["target", "add", TARGET], { onLine }));
      }
      if (existsSync(bindgen())) return;
      // A debug build of the tool: half the time to make, and fast enough for what it does here.
      await step(`wasm-bindgen ${bindgenVersion()} (once, one to three minutes)`, (onLine) =>
        run(
          "cargo",
          ["install", "--debug", "--locked", "--root", bindgenRoot(), `wasm-bindgen-cli@${bindgenVersion()}`],
          { onLine },
        ),
      );
    },
  },

  /** cargo fmt and cargo clippy, which rustup's minimal profile leaves out. */
  lints: {
    after: ["rust"],
    ready: () => succeeds("cargo", ["fmt", "--version"]) && succeeds("cargo", ["clippy", "--version"]),
    make: async () => {
      await step("rustfmt and clippy", (onLine) =>
        run("rustup", ["component", "add", "rustfmt", "clippy"], { onLine }),
      );
    },
  },

  /** The Worker's wasm and its glue code in build/, which src/entry.js imports. */
  build: {
    after: ["packages", "rust"],
    ready: () => existsSync(at("node_modules")) && stampIs(at("build"), buildHash()),
    make: async () => {
      const hash = buildHash(); // taken first: what changes during the build is built the next time
      const fresh = join(tools, "build-new");
      const wasm = at("target", TARGET, "release", "conversations.wasm");
      const cargo = ["build", "--release", "--locked", "--target", TARGET, "--target-dir", at("target")];
      await step("compile the Worker", (onLine) => run("cargo", cargo, { onLine }));
      await step("bind and shrink it", async () => {
        rmSync(fresh, { recursive: true, force: true });
        await run(bindgen(), [...BINDGEN_FLAGS, "--out-dir", fresh, wasm]);
        const out = join(fresh, "index_bg.wasm");
        await run(node, [join(bin, "wasm-opt"), ...OPT_FLAGS, out, "-o", out]);
      });
      stamp(fresh, hash);
      // Renamed as a whole, so that whoever looks sees the old Worker or the new one.
      const old = join(tools, "build-old");
      rmSync(old, { recursive: true, force: true });
      if (existsSync(at("build"))) renameSync(at("build"), old);
      renameSync(fresh, at("build"));
    },
  },

  /** The static files in build/site/, which wrangler.toml names. */
  site: {
    after: ["build"],
    ready: () =>
      NEEDS.build.ready() &&
      existsSync(at("build", "site")) &&
      existsSync(SITE_STAMP) &&
      readFileSync(SITE_STAMP, "utf8") === siteHash(),
    make: async () => {
      const hash = siteHash();
      const fresh = join(tools, "site-new");
      await step("pages", () => run(node, [at("scripts", "site.ts"), fresh]));
      rmSync(at("build", "site"), { recursive: true, force: true });
      renameSync(fresh, at("build", "site"));
      writeFileSync(SITE_STAMP, hash); // beside the folder: what is in it is served
    },
  },
};

/** Makes what is asked for and not there yet; two processes at once do it one after the other.
 * @param {Need[]} needs */
export async function setUp(needs) {
  if (needs.every((need) => NEEDS[need].ready())) return;
  const problems = missingOnThisMachine(needs.some((need) => need !== "packages"));
  if (problems.length > 0)
    throw new Failure(["Before this can run:", ...problems.map((problem) => `- ${problem}`)].join("\n"));
  mkdirSync(tools, { recursive: true });
  await withLock(join(tools, "lock"), async () => {
    /** @type {Map<Need, Promise<void>>} */
    const made = new Map();
    /** @param {Need} need @returns {Promise<void>} */
    const make = (need) => {
      const going =
        made.get(need) ??
        Promise.all(NEEDS[need].after.map(make)).then(async () => {
          if (!NEEDS[need].ready()) await NEEDS[need].make();
        });
      made.set(need, going);
      return going;
    };
    // Side by side where nothing has to wait, and to the end even when one fails.
    const results = await Promise.allSettled(needs.map(make));
    await Promise.allSettled(made.values());
    for (const result of results) if (result.status === "rejected") throw result.reason;
  });
}

/** What this machine lacks, all of it, each with what to do.
 * @param {boolean} rust whether Rust is needed too @returns {string[]} */
function missingOnThisMachine(rust) {
  const problems = [];
  if (Number(process.versions.node.split(".")[0]) < 20) {
    problems.push(`Node 20 or newer is needed, this is ${process.versions.node}: see https://nodejs.org.`);
  }
  if (!succeeds("npm", ["--version"]))
    problems.push("npm is not on the PATH: it comes with Node, see https://nodejs.org.");
  if (!rust) return problems;

  const wanted = /^rust-version = "(.+)"/m.exec(readFileSync(at("Cargo.toml"), "utf8"))?.[1] ?? "0";
  const rustc = spawnSync("rustc", ["--version"], { cwd: root, encoding: "utf8" });
  const rustup = succeeds("rustup", ["--version"]);
  const version = /^rustc (\d+\.\d+\.\d+)/.exec(rustc.stdout ?? "")?.[1];
  if (!version || !succeeds("cargo", ["--version"])) {
    problems.push(
      rustup
        ? "rustup has no working toolchain: run `rustup default stable`."
        : "Rust is missing: run `curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh` (see https://rustup.rs), then open a new shell.",
    );
  } else {
    if (olderThan(version, wanted)) {
      problems.push(
        `Rust ${wanted} or newer is needed, this is ${version}: ` +
          (rustup
            ? "run `rustup update stable`."
            : "update it where it came from, or install it from https://rustup.rs."),
      );
    }
    if (!rustup && !hasTarget()) {
      problems.push(
        `This Rust has no ${TARGET} target and there is no rustup to add it: install the distribution's package for it, or Rust from https://rustup.rs.`,
      );
    }
  }
  if (!succeeds("cc", ["--version"])) {
    problems.push(
      process.platform === "darwin"
        ? "A C compiler is missing: run `xcode-select --install` (the Xcode command line tools)."
        : "A C compiler and linker (`cc`) is missing: install `build-essential` (Debian, Ubuntu), or `gcc` and `libc-dev`.",
    );
  }
  return problems;
}

/** @param {string} version @param {string} wanted */
function olderThan(version, wanted) {
  const [a, b] = [version, wanted].map((text) => text.split(".").map(Number));
  return a[0] !== b[0]
    ? a[0] < b[0]
    : (a[1] ?? 0) !== (b[1] ?? 0)
      ? (a[1] ?? 0) < (b[1] ?? 0)
      : (a[2] ?? 0) < (b[2] ?? 0);
}

/** @param {string} program @param {string[]} args */
const succeeds = (program, args) => spawnSync(program, args, { cwd: root, stdio: "ignore" }).status === 0;

function hasTarget() {
  const sysroot = spawnSync("rustc", ["--print", "sysroot"], { cwd: root, encoding: "utf8" });
  return sysroot.status === 0 && existsSync(join(sysroot.stdout.trim(), "lib", "rustlib", TARGET, "lib"));
}

const packagesHash = () => hashOf([at("package-lock.json")]);

const buildHash = () =>
  hashOf([
    ...[
      "Cargo.toml",
      "Cargo.lock",
      "rust-toolchain.toml",
      join(".cargo", "config.toml"),
      join("scripts", "setup.mjs"),
    ].map((file) => at(file)),
    at("node_modules", "binaryen", "package.json"),
    ...filesIn("src"),
  ]);

const SITE_STAMP = at("build", ".site-stamp");
const siteHash = () =>
  hashOf([
    ...["openapi.yaml", "Cargo.toml", "package-lock.json", join("scripts", "site.ts")].map((file) => at(file)),
    ...filesIn("site"),
    ...filesIn(join("clients", "typescript", "src")),
  ]);

/** All files of a folder, however deep; none where it isn't there.
 * @param {string} folder */
const filesIn = (folder) =>
  existsSync(at(folder))
    ? readdirSync(at(folder), { recursive: true, encoding: "utf8" })
        .map((name) => at(folder, name))
        .filter((path) => statSync(path).isFile())
        .sort()
    : [];

/** One hash of the names and contents of files; a file that isn't there counts as such.
 * @param {string[]} files */
function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const content = existsSync(file) ? readFileSync(file) : "";
    hash.update(`${file.slice(root.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** @param {string} folder */
const stampFile = (folder) => join(folder, ".stamp");
/** @param {string} folder @param {string} hash */
const stamp = (folder, hash) => writeFileSync(stampFile(folder), hash);
/** @param {string} folder @param {string} hash */
const stampIs = (folder, hash) => existsSync(stampFile(folder)) && readFileSync(stampFile(folder), "utf8") === hash;
