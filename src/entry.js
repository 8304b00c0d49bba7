// The Worker's module: instantiates the wasm once per isolate and hands it the events. No API logic lives here.
import module from "../build/index_bg.wasm";
import { fetch, initSync } from "../build/index.js";

initSync({ module });

export default { fetch };
