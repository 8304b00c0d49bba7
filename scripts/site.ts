// The static files that the Worker serves, made from site/ and openapi.yaml: `node scripts/site.ts FOLDER`. Part of
// `npm run build`.
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "./shared.mjs";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("Usage: node scripts/site.ts FOLDER");

rmSync(folder, { recursive: true, force: true });
cpSync(join(root, "site"), folder, { recursive: true });

/** The description as the API serves it, of the version that is built. */
const description = parse(readFileSync(join(root, "openapi.yaml"), "utf8"), { merge: true });
description.info.version = /^version = "(.+)"/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))![1];
writeFileSync(join(folder, "openapi.json"), JSON.stringify(description));
