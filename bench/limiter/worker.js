// The limiter of all Workers here. It is called over a service binding, counts in memory, and lets every request
// through. wrangler's local one is a Durable Object that writes each count to SQLite. That takes several times as long
// as the request. The deployed one keeps its counters on the machine of the Worker.
import { WorkerEntrypoint } from "cloudflare:workers";

const counts = new Map();

export default class extends WorkerEntrypoint {
  limit({ key }) {
    counts.set(key, (counts.get(key) ?? 0) + 1);
    return { success: true };
  }
}
