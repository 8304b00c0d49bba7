// Sends messages at a steady rate, and waits until they have arrived as events.
import { setTimeout as delay } from "node:timers/promises";

/** Where messages are sent to: the API's address, a token, and conversations that take turns. */
export interface Target {
  url: string;
  token: string;
  conversations: string[];
}

/** All events must arrive within this time after the last message was sent. */
const LAST_EVENT_SECONDS = 60;

/** When something happened to a message, by the message's id. */
export type Times = Map<string, number>;

/** Sends messages, and returns when the 201 of each came. */
export async function sendSteadily(target: Target, sends: number, perSecond: number) {
  const answered: Times = new Map();
  const [begin, sent] = [performance.now(), []] as [number, Promise<void>[]];
  for (let at = 0; at < sends; at += 1) {
    await delay(Math.max(0, begin + (1000 * at) / perSecond - performance.now()));
    sent.push(
      send(target, at).then(({ id, time }) => {
        answered.set(id, time);
      }),
    );
  }
  await Promise.all(sent);
  return answered;
}

/** Sends a message, and returns its id and when its 201 came. */
export async function send({ url, token, conversations }: Target, at: number): Promise<{ id: string; time: number }> {
  const response = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ conversation_id: conversations[at % conversations.length], message: "See you at eight." }),
  });
  const time = performance.now();
  const json: any = await response.json();
  if (response.status !== 201) throw new Error(`${response.status} ${JSON.stringify(json)}`);
  return { id: json.id, time };
}

/** Waits until each message has arrived everywhere, and returns the milliseconds that each took. */
export async function arrivals(answered: Times, everywhere: Times[]): Promise<number[]> {
  const isMissing = (arrived: Times) => [...answered.keys()].some((id) => !arrived.has(id));
  for (const end = performance.now() + 1000 * LAST_EVENT_SECONDS; everywhere.some(isMissing); await delay(20)) {
    if (performance.now() > end) throw new Error(`Events are missing at ${everywhere.filter(isMissing).length} places`);
  }
  return everywhere.flatMap((arrived) => [...answered].map(([id, time]) => arrived.get(id)! - time));
}

/** Milliseconds with one digit. */
export function percentiles(times: number[]): { p50: number; p99: number; max: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const percentile = (part: number) => Number(sorted[Math.floor(part * (sorted.length - 1))]!.toFixed(1));
  return { p50: percentile(0.5), p99: percentile(0.99), max: percentile(1) };
}
