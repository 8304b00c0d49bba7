// This project's Worker without limits and log.
import worker from "../../src/entry.js";
import { bare } from "./bare.js";

export default bare(worker);
