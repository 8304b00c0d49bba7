// The static files that the Worker serves, made from site/ and openapi.yaml. Part of `npm run build`.
import { cpSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { root } from "./shared.ts";
import { makeAssets, withHashedNames } from "./site/assets.ts";
import { Description } from "./site/description.ts";
import { referencePage } from "./site/page.ts";
import { tryOperations } from "./site/requests.ts";
import { makeTexts } from "./site/texts.ts";

/** Writes the files to a folder. */
export async function makePages(folder: string) {
  const site = join(root, "site");
  const sources = ["assets", "scripts", "styles", "tsconfig.json"].map((name) => join(site, name));
  cpSync(site, folder, { recursive: true, filter: (path) => !sources.includes(path) });

  const source = readFileSync(join(root, "openapi.yaml"), "utf8");
  const document = parse(source);
  makeTexts(folder, source, document);
  writeFileSync(join(folder, "openapi.json"), JSON.stringify(document));

  const description = new Description(document);
  const assets = await makeAssets(site, folder, { operations: tryOperations(description.operations()) });
  for (const path of globSync(join(site, "*.html"))) {
    const name = basename(path);
    const html = readFileSync(path, "utf8");
    const page = name === "index.html" ? referencePage(html, description) : html;
    writeFileSync(join(folder, name), withHashedNames(page, assets));
  }
}
