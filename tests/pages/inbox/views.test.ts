// The URLs of `/inbox`: every view has one, Back works, and a reload shows the same.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { Account } from "../../support/accounts.ts";
import { base62 } from "../../support/tokens.ts";
import { inBrowser, PHONE } from "../browser.ts";
import {
  assertNames,
  assertUrl,
  contacts,
  each,
  eventually,
  filter,
  focused,
  inboxOf,
  names,
  openThread,
  row,
  rows,
  search,
  signIn,
  texts,
  thread,
  toast,
} from "./inbox.ts";

/** The first row that is not above the visible part of the list. */
const firstRow = (page: Page): Promise<string> =>
  page.evaluate(`{
    const { top } = document.getElementById("scroll").getBoundingClientRect();
    const all = [...document.querySelectorAll("#conversations > li")];
    all.find((row) => row.getBoundingClientRect().bottom > top + 1)?.querySelector(".name").textContent ?? "";
  }`);

const firstMessage = (page: Page): Promise<string> =>
  page.evaluate(`{
    const { top } = document.getElementById("messages").getBoundingClientRect();
    const all = [...document.querySelectorAll("#message-list > li")];
    all.find((line) => line.getBoundingClientRect().bottom > top + 1)?.querySelector(".text").textContent ?? "";
  }`);

/** Stores messages `Line 0`, `Line 1` and so on. */
async function fill(alice: Account, conversation: string, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1)
    await alice.insertMessage(conversation, { id: base62(i + 1, 16), contact_id: "bob", message: `Line ${i}` });
}

inBrowser("a thread, a filter and a search have URLs, and Back and Forward go through them", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: { is_muted: 1 }, dave: { is_muted: 1 } });
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol", "dave"]);
  await assertUrl(page, "/inbox");
  await openThread(page, "bob");
  await assertUrl(page, `/inbox?conversation=${ids.bob}`);
  await openThread(page, "carol");
  await assertUrl(page, `/inbox?conversation=${ids.carol}`);
  await page.keyboard.press("Escape");
  await assertUrl(page, "/inbox");
  await filter(page, "Muted").click();
  await assertUrl(page, "/inbox?muted=true");
  await search(page).fill("dave");
  await page.keyboard.press("Enter");
  await assertUrl(page, "/inbox?muted=true&search=dave");
  await assertNames(page, ["dave"]);

  await page.goBack();
  await assertUrl(page, "/inbox?muted=true");
  await assertNames(page, ["carol", "dave"]);
  assert.equal(await search(page).inputValue(), "");
  await page.goBack();
  await assertNames(page, ["bob", "carol", "dave"]);
  assert.equal(await filter(page, "Muted").getAttribute("aria-checked"), "false");
  await page.goBack();
  await page.getByRole("heading", { name: "carol" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "bob" }).waitFor();
  await row(page, "bob").locator("[aria-current=true]").waitFor();
  await page.goBack();
  await page.getByText("Select a conversation.").waitFor();
  assert.match(String(await focused(page)), /^bob/);
  await page.goForward();
  await page.getByRole("heading", { name: "bob" }).waitFor();
  assert.equal(await focused(page), "bob");
});

inBrowser("a reload keeps the thread, the filters and the search", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: { is_muted: 1 }, dave: { is_muted: 1 } });
  await alice.say(ids.bob!, { message: "Hello" });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await filter(page, "Muted").click();
  await search(page).fill("carol");
  await page.keyboard.press("Enter");
  await assertNames(page, ["carol"]);
  const url = page.url();
  await page.reload();
  await assertNames(page, ["carol"]);
  await page.getByRole("heading", { name: "bob" }).waitFor();
  await thread(page).getByText("Hello").waitFor();
  assert.equal(page.url(), url);
  assert.equal(await filter(page, "Muted").getAttribute("aria-checked"), "true");
  assert.equal(await search(page).inputValue(), "carol");
});

inBrowser("a link to a view works in a tab that is not signed in yet", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: { archived_at: 1 } });
  await alice.say(ids.carol!, { message: "Hello" });
  await signIn(page, alice.token, `/inbox?archived=true&conversation=${ids.carol}`);
  await assertNames(page, ["carol"]);
  await page.getByRole("heading", { name: "carol" }).waitFor();
  await thread(page).getByText("Hello").waitFor();
});

inBrowser("a reload, and Back, keep the position in the list", {}, async (page) => {
  const all = contacts(120);
  const { alice } = await inboxOf({ ...each(all), muted: { is_muted: 1 } });
  await signIn(page, alice.token);
  await eventually(
    page,
    async () => {
      await rows(page).last().scrollIntoViewIfNeeded();
      return (await names(page)).length > 85;
    },
    true,
  );
  await page.evaluate("document.querySelectorAll('#conversations > li')[70].scrollIntoView()");
  await assertUrl(page, "/inbox?row=70");
  assert.equal(await firstRow(page), "contact170");
  await page.reload();
  await eventually(page, () => firstRow(page), "contact170");
  await assertUrl(page, "/inbox?row=70");
  await filter(page, "Muted").click();
  await assertNames(page, ["muted"]);
  await assertUrl(page, "/inbox?muted=true");
  await page.goBack();
  await eventually(page, () => firstRow(page), "contact170");
  await openThread(page, "contact171");
  await page.goBack();
  await eventually(page, () => firstRow(page), "contact170");
});

inBrowser("a reload keeps the position in the thread", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await fill(alice, ids.bob!, 150);
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await thread(page).getByText("Line 149", { exact: true }).waitFor();
  await assertUrl(page, `/inbox?conversation=${ids.bob}`);
  await eventually(
    page,
    async () => {
      await thread(page).getByRole("listitem").first().scrollIntoViewIfNeeded();
      return (await texts(page)).includes("Line 20");
    },
    true,
  );
  await thread(page)
    .getByText("Line 33", { exact: true })
    .evaluate((text) => text.scrollIntoView());
  await page.evaluate("document.querySelector('#messages').scrollTop += 1");
  await eventually(page, () => firstMessage(page), "Line 33");
  await assertUrl(page, `/inbox?conversation=${ids.bob}&message=${base62(34, 16)}`);
  await page.reload();
  await thread(page).getByText("Line 33", { exact: true }).waitFor();
  await eventually(page, () => firstMessage(page), "Line 33");
  // Everything to the newest message is there.
  assert.deepEqual(
    (await texts(page)).slice(-117),
    Array.from({ length: 117 }, (_, i) => `Line ${33 + i}`),
  );
  await openThread(page, "carol");
  await assertUrl(page, `/inbox?conversation=${ids.carol}`);
});

inBrowser("the URL of a conversation that does not exist says so, and shows the list", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  for (const id of ["0000000000000000", "not-an-id"]) {
    await signIn(page, alice.token, `/inbox?conversation=${id}`);
    await toast(page).getByText("This conversation does not exist.").waitFor();
    await assertUrl(page, "/inbox");
    await assertNames(page, ["bob"]);
    await page.getByRole("button", { name: "Sign out" }).click();
  }
});

inBrowser("a URL that makes no sense is an inbox like any other", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: { archived_at: 1 } });
  await signIn(page, alice.token, "/inbox?row=-5&muted=1&pinned=false&message=x&other=<b>&row=2");
  await assertNames(page, ["bob"]);
});

inBrowser("after signing out, the URL says nothing about the account", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {} });
  await signIn(page, alice.token, `/inbox?search=bob&conversation=${ids.bob}`);
  await page.getByRole("heading", { name: "bob" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await assertUrl(page, "/inbox");
});

inBrowser("on a phone, Back leaves the thread", { viewport: PHONE, hasTouch: true, isMobile: true }, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await rows(page).first().waitFor({ state: "hidden" });
  await page.goBack();
  await rows(page).first().waitFor();
  await page.goForward();
  await page.getByRole("heading", { name: "bob" }).waitFor();
});
