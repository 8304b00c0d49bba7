// The empty Worker with a ready-made 401, without limits and log.
import worker from "../empty/ready.js";
import { bare } from "./bare.js";

export default bare(worker);
