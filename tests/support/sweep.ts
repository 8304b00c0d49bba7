// The sweep, rung by a test: nothing else rings it in the tests' Worker.

import assert from "node:assert/strict";
import { home } from "./configuration.ts";
import type { Headers } from "./http.ts";
import { origin } from "./server.ts";

export interface Swept {
  calls: number;
  rowsRead: number;
  rowsWritten: number;
  /** The line that the log got, and whether as an error. */
  log: any;
  failed: boolean;
  /** The lines of all databases. */
  logs: any[];
}

/** One sweep, and what it took of the database that has the accounts of the tests, or of the one that the headers are
 * about. */
export async function sweep(headers: Headers = {}): Promise<Swept> {
  const response = await fetch(origin, { headers: { "x-test-sweep": "1", ...(headers as Record<string, string>) } });
  assert.equal(response.headers.get("x-test-d1-excess"), "", "beyond the limits of D1");
  const number = (name: string) => Number(response.headers.get(`x-test-d1-${name}`));
  const lines: { stream: string; log: any }[] = JSON.parse(
    decodeURIComponent(String(response.headers.get("x-test-log"))),
  ).map(({ stream, line }: { stream: string; line: string }) => ({ stream, log: JSON.parse(line) }));
  for (const { stream, log } of lines) assert.equal(stream, log.status < 500 ? "log" : "error");
  const logs = lines.map(({ log }) => log).sort((a, b) => a.database.localeCompare(b.database));
  const of = headers["x-test-d1-of"] ?? home.binding;
  const log = logs.find(({ database }) => database === of);
  return {
    calls: number("calls"),
    rowsRead: number("rows-read"),
    rowsWritten: number("rows-written"),
    log,
    failed: log.status >= 500,
    logs,
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
