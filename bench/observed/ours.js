// This project's Worker with its D1 calls in a header.
import worker, { Account } from "../../src/entry.js";
import { observe } from "./observe.js";

export { Account };
export default observe(worker);
