// What was measured, read from where it is documented: rows and sizes from docs/, CPU times from the benchmark.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, root } from "../../scripts/shared.ts";
import { STEPS } from "../bill/steps.ts";

export interface Step {
  title: string;
  isWrite: boolean;
  rowsRead: number;
  rowsWritten: number;
  /** CPU time of the Worker, with the local D1's. */
  cpuMs: number;
  /** For how long the database is busy. */
  busyMs: number;
}

export interface Measured {
  /** The requests of a message cycle. */
  steps: Step[];
  /** CPU time of a request that does not call the database. */
  workerMs: number;
  /** Of a row with its indexes. */
  bytes: {
    contactConversation: number;
    groupConversation: number;
    message100: number;
    message1000: number;
    conversationEvent: number;
    messageEvent: number;
    key: number;
  };
  /** The rows of an idempotency key of a message. */
  key: { rowsRead: number; rowsWritten: number };
}

/** What the database does for a call besides SQL: at most the CPU time of a retrieve that a 401, which calls no
 * database, does not take. */
const overhead = (cpu: (key: string) => number) => cpu("retrieve") - cpu("unauthorized");

const page = (name: string) => readFileSync(join(root, "docs", `${name}.md`), "utf8");

/** The numbers in a row of a table, from the first column after the title. */
function row(name: string, title: string): number[] {
  const line = page(name)
    .split("\n")
    .find((line) => line.startsWith(`| ${title} |`));
  if (line === undefined) throw new Failure(`docs/${name}.md has no row '${title}'`);
  const cells = line.split("|").slice(2, -1);
  return cells.map((cell) => Number(/[\d.]+/.exec(cell.replaceAll(",", ""))?.[0]));
}

export function measured(): Measured {
  const results = JSON.parse(readFileSync(join(root, "bench", "results.json"), "utf8"));
  const cpu = (key: string): number =>
    results.cases.find((one: { key: string }) => one.key === key).cpu_us.ours.median / 1000;
  const withKey = row("COSTS", "send a message, with an `Idempotency-Key`");
  const withoutKey = row("COSTS", "send a message that keeps the conversation unread, or read");
  const bytes = (kind: string) => row("SCALING", kind)[0]!;
  return {
    steps: STEPS.map(({ title, cpu: key }) => {
      const [rowsRead, rowsWritten] = row("COSTS", title) as [number, number];
      const [sqlMs] = row("SCALING", title) as [number];
      const isWrite = rowsWritten > 0;
      return { title, isWrite, rowsRead, rowsWritten, cpuMs: cpu(key), busyMs: overhead(cpu) + sqlMs };
    }),
    workerMs: cpu("unauthorized"),
    bytes: {
      contactConversation: bytes("conversation with a contact"),
      groupConversation: bytes("conversation with a group"),
      message100: bytes("message of 100 characters"),
      message1000: bytes("message of 1,000 characters"),
      conversationEvent: bytes("event of a conversation"),
      messageEvent: bytes("event of a message"),
      key: bytes("idempotency key of a message of 100 characters"),
    },
    key: { rowsRead: withKey[0]! - withoutKey[0]!, rowsWritten: withKey[1]! - withoutKey[1]! },
  };
}
