// The pages with read replicas that lag: what was done in a tab, the tab shows.

import "../support/replicas.ts";
import assert from "node:assert/strict";
import type { Page, Request } from "playwright-core";
import { catchUp, REPLICAS } from "../replication/replicas.ts";
import { account } from "../support/accounts.ts";
import { COLLECTION } from "../support/paths.ts";
import { inBrowser } from "./browser.ts";

const [NEAREST] = REPLICAS;
/** A browser next to a replica. */
const nearby = { extraHTTPHeaders: { "x-test-nearest": NEAREST } };

const rows = (page: Page) => page.getByRole("list", { name: "Conversations" }).getByRole("listitem");
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

/** Opens the inbox of a new account with these conversations. */
async function openInbox(page: Page, contacts: string[]): Promise<void> {
  const alice = await account();
  for (const contact of contacts) await alice.post(COLLECTION, `contact_id=${contact}`);
  await page.goto("/inbox");
  await page.getByLabel("Token").fill(alice.token);
  await followed(page, () => button(page, "Sign in").click());
  await rows(page).first().waitFor();
}

/** Does what loads the page, and waits until it follows the changes: then no response changes the bookmark. Returns the
 * first request that reads from the API. */
async function followed(page: Page, load: () => Promise<unknown>): Promise<Request> {
  const first = page.waitForRequest((request) => request.method() === "GET" && request.url().includes("/v1/"));
  const isStream = (type: string | undefined) => type?.startsWith("text/event-stream") === true;
  await Promise.all([page.waitForResponse((response) => isStream(response.headers()["content-type"])), load()]);
  return first;
}

/** The bookmark of a request, and the copy that answered it. */
async function read(request: Request): Promise<[bookmark: string | undefined, copy: string | undefined]> {
  return [request.headers()["x-d1-bookmark"], (await request.response())?.headers()["x-test-d1-copies"]];
}

inBrowser("after a reload, the inbox goes on with the bookmark that it had", nearby, async (page) => {
  await openInbox(page, ["bob"]);
  await catchUp(NEAREST);
  const [bookmark, copy] = await read(await followed(page, () => page.reload()));
  assert.match(bookmark ?? "none", /^\d+\.[0-9a-f-]{59}$/);
  assert.equal(copy, NEAREST);
  await rows(page).filter({ hasText: "bob" }).waitFor();
  assert.equal(await page.evaluate("sessionStorage.getItem('bookmark')"), null);
});

inBrowser("after a reload, the inbox shows what was changed before", nearby, async (page) => {
  await openInbox(page, ["bob"]);
  await catchUp(NEAREST);
  await button(page, "Mute bob").click();
  await button(page, "Unmute bob").waitFor();
  await followed(page, () => page.reload());
  await button(page, "Unmute bob").waitFor();
});

inBrowser("after a write at its end, a page leaves no bookmark", nearby, async (page) => {
  await openInbox(page, ["bob", "carol"]);
  await catchUp(NEAREST);
  await button(page, "Delete bob").click();
  const [bookmark, copy] = await read(await followed(page, () => page.reload()));
  assert.deepEqual([bookmark, copy], [undefined, "primary"]);
});

inBrowser("pages of one tab share the bookmark, and signing out forgets it", nearby, async (page) => {
  await openInbox(page, ["bob"]);
  await catchUp(NEAREST);
  const first = page.waitForRequest((request) => request.url().includes("/v1/webhooks"));
  await page.goto("/webhooks");
  assert.equal((await read(await first))[1], NEAREST);
  await button(page, "Sign out").click();
  await page.goto("/inbox");
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
});
