// The peer without limits and log.
import worker from "../peers/hono/index.ts";
import { bare } from "./bare.js";

export default bare(worker);
