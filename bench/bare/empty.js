// The empty Worker without limits and log.
import worker from "../empty/worker.js";
import { bare } from "./bare.js";

export default bare(worker);
