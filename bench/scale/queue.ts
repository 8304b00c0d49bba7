// How long a request waits for a database that executes one call at a time.
//
// M/G/1: calls come at random (Poisson), and each kind of call has its own time. By Pollaczek and Khinchine the wait is
// a sum of N rests of calls, where N is geometric with the busy share, and a rest is what is left of a call at a random
// moment. So its distribution is exact, up to the grid. M/D/1 is the case of one kind of call.

export interface Calls {
  /** Milliseconds that the database is busy for one. */
  ms: number;
  perSecond: number;
}

/** Milliseconds between two points of the grid. */
const GRID = 0.02;
/** The distribution ends when no more than this is left. */
const REST = 1e-6;

/** The part of the time in which the database is busy. From 1 on it can't follow. */
export const busyShare = (calls: Calls[]): number =>
  calls.reduce((sum, { ms, perSecond }) => sum + ms * perSecond, 0) / 1000;

/** The part of the calls that wait for at most so many milliseconds. */
export type Distribution = (ms: number) => number;

/** The wait, if the busy share is below 1. */
export function waiting(calls: Calls[]): Distribution {
  const busy = busyShare(calls);
  if (busy >= 1) throw new RangeError("The database is asked for more than it can do: the wait has no bound.");
  const rest = restOfCall(calls);
  const first = 1 - busy * rest[0]!;
  const probabilities = [(1 - busy) / first];
  const cumulated = [probabilities[0]!];
  while (1 - cumulated.at(-1)! > REST) {
    const at = probabilities.length;
    let sum = 0;
    for (let back = 1; back < rest.length && back <= at; back += 1) sum += rest[back]! * probabilities[at - back]!;
    probabilities.push((busy * sum) / first);
    cumulated.push(cumulated[at - 1]! + probabilities[at]!);
  }
  return (ms) => (ms < 0 ? 0 : (cumulated[Math.floor(ms / GRID + 1e-9)] ?? 1));
}

/** What is left of a call at a random moment, as probabilities of the points of the grid. */
function restOfCall(calls: Calls[]): number[] {
  const busy = busyShare(calls);
  const cells = Math.ceil(Math.max(0, ...calls.map(({ ms }) => ms)) / GRID);
  const rest = Array<number>(cells + 1).fill(0);
  if (busy === 0) return [1];
  for (const { ms, perSecond } of calls) {
    for (let cell = 0; cell * GRID < ms; cell += 1) {
      const part = ((Math.min(ms, (cell + 1) * GRID) - cell * GRID) * perSecond) / 1000 / busy;
      // Half of it to each end of the cell, so that the average stays.
      rest[cell]! += part / 2;
      rest[cell + 1]! += part / 2;
    }
  }
  return rest;
}

/** A part of the requests: all take so long, besides the wait. */
export interface Part {
  weight: number;
  ms: number;
  wait: Distribution;
}

/** The time within which this part of all requests is done (0.99: the 99th percentile). */
export function percentile(parts: Part[], share: number): number {
  const sum = parts.reduce((total, { weight }) => total + weight, 0);
  const done = (time: number) =>
    parts.reduce((total, { weight, ms, wait }) => total + weight * wait(time - ms), 0) / sum;
  let [low, high] = [0, 1];
  while (done(high) < share) high *= 2;
  while (high - low > GRID / 2) {
    const middle = (low + high) / 2;
    if (done(middle) < share) low = middle;
    else high = middle;
  }
  return high;
}
