// A copy of this project whose wrangler.toml binds several databases. A setting of the scripts for another
// wrangler.toml would be there for the tests alone.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/shared.ts";
import { run, Script } from "./processes.ts";

export class Project implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "conversations project-"));

  /** The scripts' own way to the databases: it reads the copy's wrangler.toml. */
  d1(): Promise<typeof import("../../scripts/d1.ts")> {
    return import(join(this.folder, "scripts", "d1.ts"));
  }

  constructor(databases: number) {
    // What the scripts and wrangler read. `build` stays as it is: the copy has no sources to make it from.
    for (const path of ["scripts", "src", "migrations", "build", "clients", "package.json", "tests/random.ts"]) {
      cpSync(join(root, path), join(this.folder, path), {
        recursive: true,
        filter: (path) => !path.includes("node_modules"),
      });
    }
    symlinkSync(join(root, "node_modules"), join(this.folder, "node_modules"));
    const toml = readFileSync(join(root, "wrangler.toml"), "utf8").replace(/^\[build\]\n([^[].*\n)*/m, "");
    const more = Array.from({ length: databases - 1 }, (_, n) => {
      const names = `binding = "DB_${n + 1}"\ndatabase_name = "conversations-${n + 1}"`;
      return `\n[[d1_databases]]\n${names}\nmigrations_dir = "migrations"\n`;
    });
    writeFileSync(join(this.folder, "wrangler.toml"), toml + more.join(""));
  }

  /** Runs a script to its end. */
  run(script: string, args: string[], env: Record<string, string> = {}) {
    return run(process.execPath, [join(this.folder, "scripts", `${script}.ts`), ...args], { cwd: this.folder, env });
  }

  /** A running `npm start`, without the build. */
  start(port: number, state: string): Script {
    const args = [join(this.folder, "scripts", "start.ts"), "--port", String(port), "--persist-to", state];
    return new Script(args, process.execPath, this.folder);
  }

  [Symbol.dispose]() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
