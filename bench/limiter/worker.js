// The limiter of every Worker in the world: counts in memory, called over a service binding, and limits nobody. The one
// that wrangler runs locally writes each count to a file, which takes more CPU than the request itself and milliseconds
// besides; the deployed one counts in memory next to the Worker.
import { WorkerEntrypoint } from "cloudflare:workers";

const counts = new Map();

export default class extends WorkerEntrypoint {
  limit({ key }) {
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return { success: count < Infinity };
  }
}
