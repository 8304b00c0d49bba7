// The pages with read replicas that lag as much as they may: what was done in a tab, the tab shows.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { Conversations } from "../../clients/typescript/src/index.ts";
import { arrival, newToken, origin, seen } from "../client/replicas.ts";
import { inBrowser } from "./browser.ts";

async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Opens the inbox of a new account with these conversations, and waits until it follows the changes. */
async function inboxOf(page: Page, contacts: string[]): Promise<void> {
  const token = await newToken();
  const client = new Conversations({ token, baseUrl: origin });
  for (const contact_id of contacts) await client.conversations.create({ contact_id });
  await page.goto("/inbox");
  await followed(page, () => signIn(page, token));
  await rows(page).first().waitFor();
}

const rows = (page: Page) => page.getByRole("list", { name: "Conversations" }).getByRole("listitem");
const press = async (page: Page, name: string) => {
  await page.getByRole("button", { name, exact: true }).click();
};

/** Loads the page, until its stream is open. Then no request runs that would change the bookmark. */
async function followed(page: Page, load: () => Promise<unknown>): Promise<void> {
  const isStream = (response: { headers(): Record<string, string> }) =>
    response.headers()["content-type"]?.startsWith("text/event-stream") === true;
  await Promise.all([page.waitForResponse(isStream), load()]);
}

inBrowser("after a reload, the inbox goes on with the bookmark that it had", { baseURL: origin }, async (page) => {
  await inboxOf(page, ["bob"]);
  await followed(page, () => page.reload());
  const before = seen.length;
  await followed(page, () => page.reload());
  const [first] = seen.slice(before);
  assert.match(first!.bookmark ?? "none", /^0\.[0-9a-f-]+$/);
  assert.ok(first!.byReplica, "no replica has answered");
  assert.equal(await page.evaluate("sessionStorage.getItem('bookmark')"), null);
});

inBrowser("after a reload, the inbox shows what was changed before", { baseURL: origin }, async (page) => {
  await inboxOf(page, ["bob"]);
  await followed(page, () => page.reload());
  await press(page, "Mute bob");
  await page.getByRole("button", { name: "Unmute bob", exact: true }).waitFor();
  await followed(page, () => page.reload());
  await page.getByRole("button", { name: "Unmute bob", exact: true }).waitFor();
});

inBrowser(
  "a page that sends a write while it unloads leaves no bookmark: the next page reads the newest data",
  { baseURL: origin },
  async (page) => {
    await inboxOf(page, ["bob", "carol"]);
    await press(page, "Delete bob");
    const before = seen.length;
    await Promise.all([arrival("DELETE"), followed(page, () => page.reload())]);
    assert.equal(seen.slice(before).find(({ method }) => method === "GET")!.bookmark, null);
  },
);

inBrowser("pages of one tab share the bookmark, and signing out forgets it", { baseURL: origin }, async (page) => {
  await inboxOf(page, ["bob"]);
  const before = seen.length;
  await page.goto("/webhooks");
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  assert.notEqual(seen.slice(before).find(({ url }) => url.startsWith("/v1/webhooks"))!.bookmark, null);
  await press(page, "Sign out");
  await page.goto("/inbox");
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
});
