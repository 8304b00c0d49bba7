// The static files that the Worker serves, made from site/, openapi.yaml and the renderer. Part of `npm run build`.
import { cpSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import scalar from "@scalar/fastify-api-reference";
import { build } from "esbuild";
import { parse } from "yaml";
import { root } from "./shared.ts";

/** Writes the files to a folder. */
export async function makePages(folder: string) {
  const site = join(root, "site");
  const sources = [join(site, "scripts"), join(site, "tsconfig.json")];
  cpSync(site, folder, { recursive: true, filter: (path) => !sources.includes(path) });

  const description = parse(readFileSync(join(root, "openapi.yaml"), "utf8"));
  writeFileSync(join(folder, "openapi.json"), JSON.stringify(description));

  await build({
    entryPoints: globSync(join(site, "scripts", "*.ts")),
    outdir: join(folder, "assets"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    logLevel: "error",
  });
  writeFileSync(join(folder, "assets", "scalar.js"), renderer());
}

/** Scalar's API reference as one script. Its own package has 250 dependencies. Its plugin for Fastify has sixteen and
 * contains the same script, which it gives to a Fastify server, or to this stand-in for one. */
function renderer(): string {
  let script = "";
  const reply = {
    header: () => reply,
    send: (text: string) => {
      script = text;
    },
  };
  const route = ({ url, handler }: { url: string; handler: (request: unknown, reply: unknown) => void }) => {
    if (url.endsWith(".js")) handler({}, reply);
  };
  const fastify = { route, hasPlugin: () => false };
  scalar(fastify as never, { configuration: { url: "/openapi.json" } }, () => {});
  if (script === "") throw new Error("@scalar/fastify-api-reference has no script: its routes have changed.");
  const licence = readFileSync(join(root, "node_modules", "@scalar", "fastify-api-reference", "LICENSE"), "utf8");
  return `/*! Scalar\n${licence}*/\n${script}`;
}
