// The floor with its D1 calls in a header.
import worker from "../floor/worker.js";
import { observe } from "./observe.js";

export default observe(worker);
