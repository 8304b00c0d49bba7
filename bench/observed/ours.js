// This project's Worker with its D1 calls in a header.
import worker from "../../src/entry.js";
import { observe } from "./observe.js";

export default observe(worker);
