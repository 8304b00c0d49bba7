// `npm run build`: makes dist/ for publishing, as ES modules and as CommonJS, each with its types.

import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const tsc = fileURLToPath(import.meta.resolve("typescript/bin/tsc"));

function compile(...args) {
  const { status } = spawnSync(process.execPath, [tsc, ...args], { cwd: folder, stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

// Nothing of an earlier build may be published.
rmSync(`${folder}/dist`, { recursive: true, force: true });
compile("--outDir", "dist/esm");
compile(
  "--outDir",
  "dist/cjs",
  "--module",
  "commonjs",
  "--moduleResolution",
  "node10",
  "--verbatimModuleSyntax",
  "false",
);
// In this package, a .js file is an ES module unless a nearer package.json says otherwise.
writeFileSync(`${folder}/dist/cjs/package.json`, `${JSON.stringify({ type: "commonjs" })}\n`);
