// Scripts, styles and images of the pages. Their names have a hash of their contents, so browsers keep them for ever.

import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { build, type Plugin } from "esbuild";

/** A file with a hash in its name. */
interface Asset {
  path: string;
  /** The scripts that it needs before it can run. */
  imports: string[];
}

/** Writes the files to `assets/` in a folder. Returns each by the path that it has in site/. */
export async function makeAssets(site: string, folder: string, data: Record<string, unknown>) {
  const sources = [...globSync(join(site, "scripts", "*.ts")), ...globSync(join(site, "assets", "*"))];
  const { metafile } = await build({
    absWorkingDir: site,
    entryPoints: sources,
    outdir: join(folder, "assets"),
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    plugins: [made(data)],
    loader: { ".svg": "copy" },
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    logLevel: "error",
    metafile: true,
  });
  const pathOf = (output: string) => `/assets/${basename(output)}`;
  const assets = new Map<string, Asset>();
  for (const [output, { entryPoint, inputs, imports }] of Object.entries(metafile.outputs)) {
    // A file that is only copied has no entry point, but one input.
    const source = join(site, entryPoint ?? Object.keys(inputs)[0] ?? "");
    if (!sources.includes(source)) continue;
    assets.set(pathOf(source.replace(/\.ts$/, ".js")), {
      path: pathOf(output),
      imports: imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => pathOf(path)),
    });
  }
  return assets;
}

/** Modules that the build makes: `made:NAME` exports the data of this name. */
const made = (data: Record<string, unknown>): Plugin => ({
  name: "made",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^made:/ }, ({ path }) => ({ path: path.slice("made:".length), namespace: "made" }));
    onLoad({ filter: /^/, namespace: "made" }, ({ path }) => ({
      contents: JSON.stringify(data[path]),
      loader: "json",
    }));
  },
});

/** A page with the hashed names of its files. It asks for all scripts at once, not for one after the other. */
export function withHashedNames(page: string, assets: ReadonlyMap<string, Asset>): string {
  const found: Asset[] = [];
  const html = page.replaceAll(/(?<= (?:href|src)=")\/assets\/[^"]+/g, (path) => {
    const asset = assets.get(path);
    if (asset === undefined) throw new Error(`site/ has no file for ${path}`);
    found.push(asset);
    return asset.path;
  });
  const preloads = found.flatMap(({ imports }) => imports).map((path) => `<link rel="modulepreload" href="${path}">\n`);
  return html.replace("<body>", `${preloads.join("")}<body>`);
}
