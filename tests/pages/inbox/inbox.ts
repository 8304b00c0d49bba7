// What the tests of the inbox share: an account with conversations, and the parts of the page.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Page } from "playwright-core";
import { type Account, account } from "../../support/accounts.ts";
import type { Row } from "../../support/database.ts";
import { MAX_WAIT_MS } from "../browser.ts";

/** An account with a conversation for each contact, the most recently active first. */
export async function inboxOf(contacts: Record<string, Row>): Promise<{ alice: Account; ids: Record<string, string> }> {
  const alice = await account();
  const ids: Record<string, string> = {};
  let active = 1_700_000_000;
  for (const [contact, columns] of Object.entries(contacts)) {
    active -= 60;
    ids[contact] = await alice.insert({
      contact_id: contact,
      last_active_at: active,
      last_opened_at: active,
      ...columns,
    });
  }
  return { alice, ids };
}

/** The names of so many contacts. */
export const contacts = (count: number): string[] => Array.from({ length: count }, (_, i) => `contact${i + 100}`);

/** The same columns for all of them. */
export const each = (names: string[], columns: Row = {}): Record<string, Row> =>
  Object.fromEntries(names.map((name) => [name, columns]));

/**
 * From the next document on, toasts close by themselves only when the test says so, however slow it is. Returns what
 * says so: it does what the page would do after the time of each toast.
 */
export async function holdToasts(page: Page): Promise<() => Promise<void>> {
  await page.addInitScript(`if (window.timesOut === undefined) {
    const { setTimeout, clearTimeout } = window;
    const toasts = new Map();
    window.setTimeout = (run, milliseconds, ...rest) => {
      const isToast = milliseconds === 8000;
      const id = setTimeout(isToast ? () => {} : run, milliseconds, ...rest);
      if (isToast) toasts.set(id, run);
      return id;
    };
    window.clearTimeout = (id) => {
      toasts.delete(id);
      clearTimeout(id);
    };
    window.timesOut = () => {
      const due = [...toasts.values()];
      toasts.clear();
      for (const run of due) run();
    };
  }`);
  return () => page.evaluate("timesOut()");
}

export async function signIn(page: Page, token: string, url = "/inbox"): Promise<void> {
  await holdToasts(page);
  await page.goto(url);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("group", { name: "Filters" }).waitFor();
}

export const list = (page: Page) => page.getByRole("list", { name: "Conversations" });
export const rows = (page: Page) => list(page).getByRole("listitem");
export const row = (page: Page, contact: string) => rows(page).filter({ hasText: contact });
export const names = (page: Page) => rows(page).locator(".name").allInnerTexts();
export const preview = (page: Page, contact: string) => row(page, contact).locator(".preview");
export const filter = (page: Page, name: string) => page.getByRole("switch", { name });
export const search = (page: Page) => page.getByRole("searchbox", { name: "Search by contact or group id" });

/** Waits until the page is as expected. */
export async function eventually<T>(page: Page, look: () => T | Promise<T>, expected: T): Promise<void> {
  for (const end = Date.now() + MAX_WAIT_MS; Date.now() < end; ) {
    if (isDeepStrictEqual(await look(), expected)) return;
    // Nothing can change more often than once a frame.
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))");
  }
  assert.deepEqual(await look(), expected);
}

/** Waits until the list shows exactly these conversations. */
export const assertNames = (page: Page, expected: string[]) => eventually(page, () => names(page), expected);

/** Waits until the page has this URL. */
export const assertUrl = (page: Page, expected: string) =>
  eventually(page, () => page.url().slice(new URL(page.url()).origin.length), expected);

export const toast = (page: Page) => page.locator("#toast");
export const focused = (page: Page) =>
  page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText");

export const thread = (page: Page) => page.getByRole("region", { name: "Messages" });
export const texts = (page: Page) => thread(page).locator(".text").allInnerTexts();
export const input = (page: Page) => page.getByLabel("Message", { exact: true });
export const connection = (page: Page) => page.locator("#connection");

export async function openThread(page: Page, contact: string): Promise<void> {
  await row(page, contact)
    .getByRole("button", { name: new RegExp(`^${contact}`) })
    .click();
  await page.getByRole("heading", { name: contact, exact: true }).waitFor();
}

/** Chooses an action from the menu of the open conversation. */
export async function choose(page: Page, action: string): Promise<void> {
  await page.getByRole("button", { name: "More actions", exact: true }).click();
  await page.getByRole("menuitem", { name: action, exact: true }).click();
}

/** Holds the responses to the requests that match, until it is told to let them go. */
export async function hold(page: Page, url: string | RegExp) {
  const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await page.route(url, async (route) => {
    const response = await route.fetch();
    arrived.resolve();
    await released.promise;
    // A request that the page has cancelled gets no response.
    await route.fulfill({ response }).catch(() => {});
  });
  return { arrived: arrived.promise, release: () => released.resolve() };
}

/** Fails the requests that match, with an error that is not retried, until it is told to stop. */
export async function refuse(page: Page, url: string | RegExp): Promise<() => Promise<void>> {
  const body = JSON.stringify({ type: "api_error", code: "internal_error", message: "It broke.", request_id: "R1" });
  await page.route(url, (route) => route.fulfill({ status: 418, contentType: "application/json", body }));
  return () => page.unroute(url);
}
