// The limiter of every Worker in the world: counts in memory, called over a service binding, and limits nobody. The one
// that wrangler runs locally is a Durable Object that writes each count to SQLite, which takes several times as long as
// the request itself; the deployed one keeps its counters on the Worker's own machine.
import { WorkerEntrypoint } from "cloudflare:workers";

const counts = new Map();

export default class extends WorkerEntrypoint {
  limit({ key }) {
    counts.set(key, (counts.get(key) ?? 0) + 1);
    return { success: true };
  }
}
