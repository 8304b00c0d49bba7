// `/inbox` with the keyboard alone.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { item } from "../../support/paths.ts";
import { base62 } from "../../support/tokens.ts";
import { inBrowser } from "../browser.ts";
import {
  assertNames,
  contacts,
  each,
  eventually,
  filter,
  focused,
  inboxOf,
  input,
  openThread,
  row,
  signIn,
  thread,
} from "./inbox.ts";

const pressing =
  (page: Page) =>
  async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };

/** Presses Tab until it has gone through the page once. Returns what had the focus. */
async function tabStops(page: Page): Promise<string[]> {
  const stops: string[] = [];
  // The browser's own controls come after the last stop, as the body.
  await page.evaluate(
    "document.activeElement.blur(); document.querySelector('h1').tabIndex = -1; document.querySelector('h1').focus()",
  );
  for (let i = 0; i < 100; i += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(`{
      const { activeElement } = document;
      activeElement.closest("#conversations") ? "conversations" : activeElement.closest("#message-list") ? "messages"
        : activeElement === document.body ? "end"
        : activeElement.id || activeElement.ariaLabel || activeElement.textContent;
    }`);
    if (at === "end") return stops;
    stops.push(String(at));
  }
  return stops;
}

inBrowser("the keyboard is enough for everything", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {} });
  const press = pressing(page);
  await page.goto("/inbox");
  await page.keyboard.type(alice.token);
  await press("Enter");
  await row(page, "dave").waitFor();
  assert.equal(await focused(page), "Conversations");
  // Past the search and the four switches to the first conversation, then to its actions.
  await press("Tab", "Tab", "Tab", "Tab", "Tab", "Tab");
  assert.match(String(await focused(page)), /^bob/);
  await press("ArrowRight", "ArrowRight", "ArrowRight");
  assert.equal(await focused(page), "Archive bob");
  await press("Enter");
  await assertNames(page, ["carol", "dave"]);
  // The next conversation has the focus.
  assert.match(String(await focused(page)), /^carol/);
  await press("ArrowDown");
  assert.match(String(await focused(page)), /^dave/);
  await press("Enter");
  await page.getByRole("heading", { name: "dave" }).waitFor();
  assert.equal(await focused(page), "dave");
  // To the menu of the conversation, where Escape leaves only the menu.
  await press("Tab", "Enter");
  await page.getByRole("menu").waitFor();
  await press("ArrowDown", "ArrowDown");
  assert.equal(await focused(page), "Mute");
  await press("Escape");
  await page.getByRole("menu").waitFor({ state: "hidden" });
  assert.equal(await focused(page), "More actions");
  await press("Enter", "ArrowUp", "ArrowUp", "Home", "ArrowDown", "Enter");
  await page.getByRole("button", { name: "Unpin dave" }).waitFor();
  await press("Tab");
  await page.keyboard.type("Good evening");
  await press("Shift+Enter");
  await page.keyboard.type("and good night");
  await press("Enter");
  await thread(page).getByText("Good evening").waitFor();
  assert.equal(
    (await alice.get(`/v1/messages?conversation_id=${ids.dave}`)).json.data[0].message,
    "Good evening\nand good night",
  );
  await press("Escape");
  assert.match(String(await focused(page)), /^dave/);
  // The newest action was the pin, the one before it the archive.
  await press("Control+z", "Control+z");
  await assertNames(page, ["dave", "bob", "carol"]);
});

inBrowser("each list is one Tab stop, however long it is", {}, async (page) => {
  const { alice, ids } = await inboxOf(each(contacts(30)));
  for (let i = 0; i < 30; i += 1)
    await alice.insertMessage(ids.contact100!, {
      id: base62(i + 1, 16),
      contact_id: "bob",
      message: `Line ${i}, https://example.org/${i}`,
    });
  await signIn(page, alice.token);
  await openThread(page, "contact100");
  await thread(page).getByText("Line 29,").waitFor();
  const stops = await tabStops(page);
  assert.deepEqual(
    stops.filter((stop) => ["conversations", "messages"].includes(stop)),
    ["conversations", "messages"],
  );
  assert.deepEqual(stops.slice(-4), ["More actions", "messages", "text", "send-button"]);
});

inBrowser("the arrow keys go through the messages, their links and their actions", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {} });
  for (const message of ["One", "Two https://example.org/2", "Three"])
    await alice.say(ids.bob!, { contact_id: "bob", message });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await thread(page).getByText("Three").waitFor();
  const press = pressing(page);
  await press("Tab", "Tab");
  assert.match(String(await focused(page)), /Three/);
  await press("ArrowUp");
  assert.match(String(await focused(page)), /Two/);
  await press("ArrowRight");
  assert.equal(await focused(page), "https://example.org/2");
  await press("ArrowRight");
  assert.equal(await focused(page), "Pin the message “Two https://example.org/2”");
  await press("Enter");
  await page.locator("#pinned").getByText("Two").waitFor();
  await press("ArrowLeft", "ArrowUp");
  assert.match(String(await focused(page)), /One/);
  await press("ArrowUp");
  assert.match(String(await focused(page)), /One/);
  await press("End");
  assert.match(String(await focused(page)), /Three/);
  await press("Home");
  assert.match(String(await focused(page)), /One/);
  // Tab leaves the list, and comes back to where it was.
  await press("Tab");
  assert.equal(await page.evaluate("document.activeElement.id"), "text");
  await press("Shift+Tab");
  assert.match(String(await focused(page)), /One/);
});

inBrowser("j and k go through the list, e archives and # deletes", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {}, erin: {} });
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol", "dave", "erin"]);
  const press = pressing(page);
  await press("j");
  assert.match(String(await focused(page)), /^bob/);
  await press("j", "j", "k");
  assert.match(String(await focused(page)), /^carol/);
  await press("e");
  await assertNames(page, ["bob", "dave", "erin"]);
  assert.notEqual((await alice.get(item(ids.carol!))).json.archived_at, null);
  assert.match(String(await focused(page)), /^dave/);
  await press("#");
  await assertNames(page, ["bob", "erin"]);
  await page.locator("#toast").getByText("dave and its messages will be deleted permanently.").waitFor();
  assert.match(String(await focused(page)), /^erin/);
  await press("Control+z", "Control+z");
  await assertNames(page, ["bob", "carol", "dave", "erin"]);
});

inBrowser("j and k in a thread open the next conversation and the one before it", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: {}, dave: {} });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  const press = pressing(page);
  await press("j");
  await page.getByRole("heading", { name: "carol" }).waitFor();
  await press("j");
  await page.getByRole("heading", { name: "dave" }).waitFor();
  await press("j", "k");
  await page.getByRole("heading", { name: "carol" }).waitFor();
  await press("e");
  await page.getByText("Select a conversation.").waitFor();
  await assertNames(page, ["bob", "dave"]);
});

inBrowser("keys are text in a form, and do nothing before the user has signed in", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: {} });
  await page.goto("/inbox");
  await page.locator("h1").click();
  await page.keyboard.press("?");
  assert.ok(!(await page.getByRole("dialog").isVisible()));
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await input(page).focus();
  await page.keyboard.type("j k e # ?");
  assert.equal(await input(page).inputValue(), "j k e # ?");
  await page.keyboard.press("Control+z");
  await eventually(page, async () => (await input(page).inputValue()) !== "j k e # ?", true);
  await page.getByRole("searchbox").focus();
  await page.keyboard.type("e#");
  assert.equal(await page.getByRole("searchbox").inputValue(), "e#");
  await assertNames(page, ["bob", "carol"]);
  await filter(page, "Muted").focus();
  await page.keyboard.press("Control+e");
  await page.getByRole("button", { name: "More actions", exact: true }).press("Enter");
  await page.getByRole("menuitem", { name: "Archive" }).press("e");
  await page.keyboard.press("#");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await assertNames(page, ["bob", "carol"]);
});

inBrowser("? opens a dialog with the keys", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  await signIn(page, alice.token);
  await row(page, "bob").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog", { name: "Keyboard shortcuts" });
  await dialog.waitFor();
  const text = String(await dialog.textContent());
  for (const key of ["j", "k", "e", "#", "?", "Ctrl", "Esc"]) assert.ok(text.includes(key), key);
  // The keys do nothing behind the dialog.
  await page.keyboard.press("e");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.match(String(await focused(page)), /^bob/);
  await assertNames(page, ["bob"]);
  await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
  await dialog.waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await dialog.waitFor({ state: "hidden" });
});
