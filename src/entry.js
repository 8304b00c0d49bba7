// The Worker's module: instantiates the wasm once per isolate and hands it the events. No API logic lives here.
import module from "../build/index_bg.wasm";
import { fetch, initSync } from "../build/index.js";

// Rust's futures go on in a microtask. The runtime's own queueMicrotask costs some 20 µs a call, a promise next to nothing.
const settled = Promise.resolve();
globalThis.queueMicrotask = (task) => void settled.then(task);

initSync({ module });

export default { fetch };
