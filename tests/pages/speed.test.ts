// How soon the page at `/` can be read over a slow connection: 1.6 Mbit/s, 150 ms for each request, and a CPU slowed
// four times. What the first text waits for is counted in bytes, requests, and seconds that the page takes of the
// processor: these don't depend on what else the machine does. The time on a clock does, so it is only printed.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { inBrowser } from "./browser.ts";

const BITS_PER_SECOND = 1_600_000;
const LATENCY_MS = 150;
const CPU_SLOWDOWN = 4;
/** The time to the first text: on the line, and of the slowed processor. */
const MAX_MS = 1500;

/** Of the time to the first text, the connection may take this much. The rest is for the CPU. */
const MAX_TRANSFER_MS = 700;

/** The requests that the first text waits for follow each other: the page names its style sheet. */
const MAX_REQUESTS = 2;

interface Loaded {
  path: string;
  bytes: number;
}

/** Opens the page over the slow connection. Returns what was loaded, and when the first text was there. */
async function openSlowly(page: Page): Promise<{ loaded: Loaded[]; firstText: number }> {
  const session = await page.context().newCDPSession(page);
  const paths = new Map<string, string>();
  const loaded: Loaded[] = [];
  session.on("Network.requestWillBeSent", ({ requestId, request }) =>
    paths.set(requestId, new URL(request.url).pathname),
  );
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) =>
    loaded.push({ path: paths.get(requestId)!, bytes: encodedDataLength }),
  );
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  await session.send("Network.emulateNetworkConditions", {
    offline: false,
    latency: LATENCY_MS,
    downloadThroughput: BITS_PER_SECOND / 8,
    uploadThroughput: BITS_PER_SECOND / 8,
  });
  await session.send("Emulation.setCPUThrottlingRate", { rate: CPU_SLOWDOWN });
  await page.goto("/", { waitUntil: "load" });
  const firstText = await page.evaluate(`new Promise((resolve) => {
    const find = (list) => list.getEntriesByName("first-contentful-paint").forEach((entry) => resolve(entry.startTime));
    new PerformanceObserver(find).observe({ type: "paint", buffered: true });
  })`);
  return { loaded, firstText: Number(firstText) };
}

/** How many milliseconds of the processor, not slowed, the page takes until it is loaded. */
async function processorTime(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  await page.goto("/", { waitUntil: "load" });
  const { metrics } = await session.send("Performance.getMetrics");
  return 1000 * metrics.find(({ name }) => name === "TaskDuration")!.value;
}

inBrowser("the first text needs few bytes, requests and turns of the processor: 1.5 s in all", {}, async (page) => {
  const processor = CPU_SLOWDOWN * (await processorTime(page));
  const { loaded, firstText } = await openSlowly(page);
  const blocking = loaded.filter(({ path }) => path === "/" || path.endsWith(".css"));
  const bytes = blocking.reduce((sum, each) => sum + each.bytes, 0);
  const transfer = blocking.length * LATENCY_MS + (bytes * 8000) / BITS_PER_SECOND;
  console.log(
    `First text after ${Math.round(firstText)} ms on this machine now. On the line: ${Math.round(transfer)} ms, ` +
      `${blocking.length} requests, ${(bytes / 1000).toFixed(1)} kB; ${loaded.length} requests in all. ` +
      `Of the slowed processor: ${Math.round(processor)} ms.`,
  );
  assert.ok(firstText > 0 && processor > 0);
  assert.equal(blocking.length, MAX_REQUESTS, JSON.stringify(loaded));
  assert.ok(transfer < MAX_TRANSFER_MS, `${bytes} bytes take ${transfer} ms`);
  assert.ok(transfer + processor < MAX_MS, `${transfer} ms on the line, ${processor} ms of the processor`);
  // The whole text is there with them.
  await page.getByRole("heading", { name: "First call" }).waitFor();
  await page.getByRole("heading", { name: "List conversations" }).waitFor();
});

inBrowser("nothing else is loaded before the first text but one small script", {}, async (page) => {
  const { loaded } = await openSlowly(page);
  const others = loaded.filter(({ path }) => path !== "/" && !/\.(?:css|svg)$/.test(path));
  assert.deepEqual(
    others.map(({ path }) => path.replace(/-\w+\.js$/, "")),
    ["/assets/reference"],
  );
  assert.ok(others[0]!.bytes < 5000, `${others[0]!.bytes} bytes`);
});

inBrowser("with the request form, the page is smaller than 60 kB", {}, async (page) => {
  const session = await page.context().newCDPSession(page);
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await session.send("Network.enable");
  await page.goto("/", { waitUntil: "load" });
  await page.locator('[data-try="createConversation"]').click();
  await page.getByRole("form", { name: "Request" }).waitFor();
  console.log(`The page with the request form: ${(bytes / 1000).toFixed(1)} kB.`);
  assert.ok(bytes > 20_000 && bytes < 60_000, `${bytes} bytes`);
});
