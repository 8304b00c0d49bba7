// Starts Chromium for the tests of the pages. Nothing is downloaded here. It is the browser in the environment variable
// CHROMIUM, the one that npm installs (Linux x64), or an installed one. If none starts, the tests are skipped and say
// why.
//
// Every page passes `audit`: no error in the console, no violation of its security policy, and no request to another
// origin.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { origin } from "../support/server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const npm = join(root, "node_modules", "@sparticuz", "chromium");

const INSTALLED = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** A browser that has not started after this time never starts. */
const MAX_START_MS = 180_000;

/** Unpacks npm's Chromium with its fonts and libraries, once for each version. */
async function unpacked(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(npm, "package.json"), "utf8"));
  const folder = join(root, ".tools", `chromium-${version}`);
  if (existsSync(folder)) return folder;
  const { inflate } = await import("@sparticuz/chromium");
  mkdirSync(join(root, ".tools"), { recursive: true });
  const fresh = mkdtempSync(`${folder}-`);
  // `inflate` unpacks into this folder.
  const { TMPDIR } = process.env;
  process.env.TMPDIR = fresh;
  try {
    for (const part of ["chromium.br", "fonts.tar.br", "al2023.tar.br"]) await inflate(join(npm, "bin", part));
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(folder)) throw error; // otherwise another process has unpacked it
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
  return folder;
}

async function start(): Promise<Browser | string> {
  const named = process.env.CHROMIUM;
  if (named !== undefined) return chromium.launch({ executablePath: named, timeout: MAX_START_MS });
  const problems: string[] = [];
  if (process.platform === "linux" && process.arch === "x64" && existsSync(npm)) {
    try {
      const folder = await unpacked();
      const fonts = existsSync("/etc/fonts") ? {} : { FONTCONFIG_PATH: join(folder, "fonts") };
      const env = { LD_LIBRARY_PATH: join(folder, "al2023", "lib"), ...fonts };
      return await chromium.launch({
        executablePath: join(folder, "chromium"),
        timeout: MAX_START_MS,
        env: { ...process.env, ...env } as Record<string, string>,
      });
    } catch (error) {
      problems.push(`npm's does not start: ${String(error).split("\n").slice(0, 2).join(" ")}`);
    }
  }
  for (const executablePath of INSTALLED.filter((path) => existsSync(path))) {
    try {
      return await chromium.launch({ executablePath, timeout: MAX_START_MS });
    } catch (error) {
      problems.push(`${executablePath} does not start: ${String(error).split("\n")[0]}`);
    }
  }
  return `no Chromium: ${problems.join("; ") || "set CHROMIUM to the path of one"}`;
}

const browser = await start();
const skip = typeof browser === "string" ? browser : false;
after(async () => {
  if (typeof browser !== "string") await browser.close();
});

/** What a page does not show within this time, it will never show. Many times what a slow and busy machine takes. */
export const MAX_WAIT_MS = 60_000;

export const PHONE = { width: 360, height: 740 };

/** A test with a page in a new browser context, without history and storage. */
export function inBrowser(name: string, options: BrowserContextOptions, body: (page: Page) => Promise<void>): void {
  test(name, { skip }, async () => {
    if (typeof browser === "string") return;
    const context = await browser.newContext({ baseURL: origin, reducedMotion: "reduce", ...options });
    context.setDefaultTimeout(MAX_WAIT_MS);
    try {
      const page = await context.newPage();
      const faults = audit(page);
      await body(page);
      // The page may be asking for something still. Its end is no fault of a route that is about to answer.
      await page.unrouteAll({ behavior: "ignoreErrors" });
      assert.deepEqual(faults, []);
    } finally {
      await context.close();
    }
  });
}

/** Watches a page. The result collects everything that no page may do. */
function audit(page: Page): string[] {
  const faults: string[] = [];
  page.on("console", (message) => {
    // Chromium logs every 4xx response. Whether a 4xx is right is for the test to say.
    const byChromium = /^Failed to load resource: the server responded with a status of 4/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !byChromium)
      faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.stack ?? error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !["data:", "blob:", "about:"].includes(url.protocol))
      faults.push(`a request to ${url.origin}`);
  });
  return faults;
}

const axe = readFileSync(join(root, "node_modules", "axe-core", "axe.min.js"), "utf8");

/** The serious and critical accessibility violations that axe finds, one line each. */
export async function violations(page: Page): Promise<string[]> {
  // The page's security policy forbids scripts, so this uses the protocol of the developer tools.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
    expression: `axe.run({ resultTypes: ["violations"] }).then(({ violations }) => JSON.stringify(violations))`,
    awaitPromise: true,
  });
  assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
  await session.detach();
  const found: { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }[] = JSON.parse(
    result.value,
  );
  return found
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} ${target.join(" ")}: ${failureSummary.replace(/\s+/g, " ")}`),
    );
}
