// The cron trigger of `npm start`: locally none fires by itself, so the sweep is started over HTTP.
import { setTimeout as delay } from "node:timers/promises";

/** Where wrangler's local server takes a request for the scheduled event. */
const PATH = "/cdn-cgi/local/scheduled";
const MINUTE = 60_000;

/** Starts the sweep now and then every minute, until the server has ended. */
export async function triggerSweep(address: string, ended: AbortSignal) {
  for (let shown = false; !ended.aborted; ) {
    const problem = await fetch(address + PATH, { signal: ended }).then(
      async (response) => {
        const text = await response.text();
        return text === "ok" ? undefined : `${response.status} ${text.slice(0, 200)}`;
      },
      (error: Error) => error.message,
    );
    // Once, not every minute.
    if (problem !== undefined && !shown && !ended.aborted) {
      shown = true;
      console.error(`The sweep could not be started: ${problem}`);
    }
    await delay(MINUTE, undefined, { signal: ended }).catch(() => {});
  }
}
