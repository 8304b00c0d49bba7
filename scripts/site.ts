// The static files that the Worker serves, made from site/, openapi.yaml and the renderer: `node scripts/site.ts FOLDER`.
// Part of `npm run build`.
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import scalar from "@scalar/fastify-api-reference";
import { build } from "esbuild";
import { parse } from "yaml";
import { root } from "./shared.mjs";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("Usage: node scripts/site.ts FOLDER");

const site = join(root, "site");
const assets = join(folder, "assets");
rmSync(folder, { recursive: true, force: true });
cpSync(site, folder, {
  recursive: true,
  filter: (path) => path !== join(site, "scripts") && path !== join(site, "tsconfig.json"),
});

/** The description as the API serves it, of the version that is built. */
const description = parse(readFileSync(join(root, "openapi.yaml"), "utf8"), { merge: true });
description.info.version = /^version = "(.+)"/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))![1];
writeFileSync(join(folder, "openapi.json"), JSON.stringify(description));

await build({
  entryPoints: globSync(join(site, "scripts", "*.ts")),
  outdir: assets,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  logLevel: "error",
});
writeFileSync(join(assets, "scalar.js"), renderer());

/** Scalar's API reference as one script. Its own package brings 250 others; the plugin for Fastify has the same script in
 * it and sixteen, and serves it to whoever takes the part of Fastify. */
function renderer(): string {
  let script = "";
  const reply = { header: () => reply, send: (text: string) => (script = text) };
  const route = ({ url, handler }: { url: string; handler: (request: unknown, reply: unknown) => void }) => {
    if (url.endsWith(".js")) handler({}, reply);
  };
  const fastify = { route, hasPlugin: () => false };
  scalar(fastify as never, { configuration: { url: "/openapi.json" } }, () => {});
  if (script === "") throw new Error("@scalar/fastify-api-reference has no script: its routes have changed.");
  const licence = readFileSync(join(root, "node_modules", "@scalar", "fastify-api-reference", "LICENSE"), "utf8");
  return `/*! Scalar\n${licence}*/\n${script}`;
}
