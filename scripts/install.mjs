// The first step of every npm script: installs the npm packages when package-lock.json has changed. One of them is the
// Node that runs all the other steps. This file runs on the machine's own Node, before there are packages.
// @ts-check
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const LOCK = ".tools/npm-ci.lock";
const INSTALLED = "node_modules/.installed-package-lock.json";
const NODE = "node_modules/.bin/node";

try {
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new Error(`Node 20 or newer is required, this is ${process.versions.node}. See https://nodejs.org.`);
  }
  if (!isInstalled()) {
    mkdirSync(".tools", { recursive: true });
    while (!lock()) await delay(200);
    try {
      if (!isInstalled()) install();
    } finally {
      rmSync(LOCK);
    }
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (process.env.npm_lifecycle_event === "pretest") console.log("0 passed, 1 failed");
  process.exitCode = 1;
}

function isInstalled() {
  return existsSync(INSTALLED) && readFileSync(INSTALLED, "utf8") === readFileSync("package-lock.json", "utf8");
}

function install() {
  console.error("Installing the npm packages (about half a minute)");
  // npm must not run on the Node in node_modules, which it is about to replace.
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.endsWith("node_modules/.bin"));
  // The scripts of esbuild and workerd only save the start of a second process, and could download a program that the
  // lock file does not pin. .npmrc turns scripts off too, but an npm before 11 does not know that setting.
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, error } = spawnSync("npm", ["ci", ...options], {
    env: { ...process.env, PATH: path.join(delimiter) },
    // stdout belongs to the command that runs afterwards.
    stdio: ["ignore", process.stderr, process.stderr],
  });
  if (status !== 0)
    throw new Error(`npm ci failed${error ? `: ${error.message}` : ""}. Check the network and the disk.`);
  checkNode();
  copyFileSync("package-lock.json", INSTALLED);
}

/** npm says nothing when it skips an optional package: there is none for this machine, or it could not be fetched. */
function checkNode() {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const names = Object.keys(packages[""].optionalDependencies);
  const pinned = names.map((name) => `v${packages[`node_modules/${name}`].version}`);
  const { stdout } = spawnSync(NODE, ["--version"], { encoding: "utf8" });
  if (!pinned.includes(stdout?.trim())) {
    throw new Error(
      `npm did not install Node ${pinned[0]}. This machine is ${process.platform} ${process.arch}, and there are ` +
        `${names.join(", ")}. If one of them is for this machine, check the network and run the command again.`,
    );
  }
}

/** Takes the lock unless a running process holds it. proper-lockfile, which the build uses, is not installed yet. */
function lock() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  try {
    process.kill(Number(readFileSync(LOCK, "utf8")), 0);
  } catch (error) {
    // The owner was killed.
    if (codeOf(error) === "ESRCH") rmSync(LOCK, { force: true });
  }
  return false;
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
