// Chooses the Rust of this machine, for the commands that run it.
import { spawnSync } from "node:child_process";
import { root } from "./shared.ts";

// Where rustup may not install the Rust that rust-toolchain.toml names, its default one is used: `rust-version` in
// Cargo.toml still says which will do.
if (process.env.RUSTUP_AUTO_INSTALL === "0") {
  const { status, stderr } = spawnSync("rustc", ["--version"], { cwd: root, encoding: "utf8" });
  const [chosen] =
    status === 0 ? [] : (spawnSync("rustup", ["default"], { encoding: "utf8" }).stdout?.split(" ") ?? []);
  if (chosen && /is not installed/.test(stderr)) {
    process.env.RUSTUP_TOOLCHAIN = chosen;
    console.error(`Using the Rust ${chosen}: the one that rust-toolchain.toml names is not installed.`);
  }
}
