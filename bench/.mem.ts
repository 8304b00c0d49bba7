import { memory } from "./figures.ts";
import { bundle } from "./world.ts";
import { join } from "node:path";
import { root } from "../scripts/shared.mjs";
const file = await bundle("observed-memory-1m", join(root, "wrangler.toml"), "bench/observed/memory.js");
let last = 0;
const samples = await memory(file, 1_000_000, (line) => { if (Date.now() - last > 20000) { last = Date.now(); console.log(line); } });
console.log(JSON.stringify(samples, null, 1));
