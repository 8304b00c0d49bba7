// The sweep, rung by a test: nothing else rings it in the tests' Worker.

import assert from "node:assert/strict";
import type { Headers } from "./http.ts";
import { origin } from "./server.ts";

export interface Swept {
  calls: number;
  rowsRead: number;
  rowsWritten: number;
  /** The line that the log got, and whether as an error. */
  log: any;
  failed: boolean;
}

/** One sweep, and what it took of D1. */
export async function sweep(headers: Headers = {}): Promise<Swept> {
  const response = await fetch(origin, { headers: { "x-test-sweep": "1", ...(headers as Record<string, string>) } });
  assert.equal(response.headers.get("x-test-d1-excess"), "", "beyond the limits of D1");
  const number = (name: string) => Number(response.headers.get(`x-test-d1-${name}`));
  const [{ stream, line }] = JSON.parse(decodeURIComponent(String(response.headers.get("x-test-log"))));
  return {
    calls: number("calls"),
    rowsRead: number("rows-read"),
    rowsWritten: number("rows-written"),
    log: JSON.parse(line),
    failed: stream === "error",
  };
}

/** Sweeps until nothing is left to do, and returns each sweep but the last, which found nothing. */
export async function sweepAll(): Promise<Swept[]> {
  const sweeps: Swept[] = [];
  for (;;) {
    const swept = await sweep();
    if (swept.rowsWritten === 0) return sweeps;
    sweeps.push(swept);
  }
}
