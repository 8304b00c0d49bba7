// This project's Worker without limits and log.
import worker, { Account } from "../../src/entry.js";
import { bare } from "./bare.js";

export { Account };
export default bare(worker);
