// A reporter for node:test that prints only the numbers of passed, failed and skipped tests, as JSON.
import type { TestEvent } from "node:test/reporters";

/** Counts tests, not suites. */
export default async function* count(events: AsyncIterable<TestEvent>) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details.type === "suite") continue;
    if (data.skip !== undefined || data.todo !== undefined) counts.skipped++;
    else if (type === "test:pass") counts.passed++;
    else counts.failed++;
  }
  yield JSON.stringify(counts);
}
