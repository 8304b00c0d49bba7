// What a run measures.
import type { Memory, StartUp } from "./figures.ts";

/** Microseconds per request, of every round. */
export interface Times {
  cpu: number[];
  wall: number[];
  /** Requests in a round. */
  count: number;
}
export interface Measured {
  key: string;
  title: string;
  workers: Record<string, Times>;
}
export interface Results {
  measuredAt: string;
  quick: boolean;
  /** Without limits and log. */
  bare: boolean;
  sizes: Record<string, number>;
  rounds: number;
  clock: string;
  cases: Measured[];
  d1Calls: Record<string, number>;
  wasm: { bytes: number; gzip: number };
  machine: string;
  commit: string;
  versions: Record<string, string>;
  /** Only if all cases are measured, with limits and log. */
  startUp?: StartUp;
  memory?: Memory[];
}
