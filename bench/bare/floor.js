// The floor without limits and log.
import worker from "../floor/worker.js";
import { bare } from "./bare.js";

export default bare(worker);
