// The floor with its D1 calls on show.
import worker from "../floor/worker.js";
import { observe } from "./observe.js";

export default observe(worker);
