// The page at `/inbox` follows what other clients change.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { sql } from "../../support/database.ts";
import { inBrowser } from "../browser.ts";
import {
  assertNames,
  connection,
  eventually,
  focused,
  inboxOf,
  input,
  openThread,
  preview,
  row,
  signIn,
  texts,
  thread,
  toast,
} from "./inbox.ts";

inBrowser("a message that another client sends appears in the list and in the open thread", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {} });
  await alice.say(ids.bob!, { message: "First" });
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol", "dave"]);
  await openThread(page, "bob");
  await thread(page).getByText("First").waitFor();

  await alice.say(ids.dave!, { contact_id: "dave" });
  await assertNames(page, ["dave", "bob", "carol"]);
  await row(page, "dave").getByText("unread").waitFor();

  await alice.say(ids.bob!, { contact_id: "bob", message: "Second" });
  await thread(page).getByText("Second").waitFor();
  await assertNames(page, ["bob", "dave", "carol"]);
  // The user sees it: the conversation is read, also for the API.
  await eventually(page, async () => (await alice.get("/v1/conversations?unread=true")).json.data.length, 1);
  await row(page, "bob").getByText("unread").waitFor({ state: "detached" });

  await alice.say(ids.carol!, { message: "From the account itself" });
  await assertNames(page, ["carol", "bob", "dave"]);
  assert.equal(await row(page, "carol").getByText("unread").count(), 0);
  assert.equal(await thread(page).getByRole("listitem").count(), 2);
});

inBrowser("a message that the page itself sends appears once", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  for (const text of ["One", "Two", "Three"]) {
    await input(page).fill(text);
    await page.keyboard.press("Enter");
    await thread(page).getByText(text).waitFor();
  }
  // The events of the messages come before the event of this conversation.
  await alice.client.conversations.create({ contact_id: "carol" });
  await row(page, "carol").waitFor();
  assert.deepEqual(await texts(page), ["One", "Two", "Three"]);
});

inBrowser("changed, pinned and deleted messages follow in the open thread", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {} });
  const [one, two] = [await alice.say(ids.bob!, { message: "One" }), await alice.say(ids.bob!, { message: "Two" })];
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await thread(page).getByText("Two").waitFor();
  await alice.client.messages.update(one.id, { message: "Changed" });
  await thread(page).getByText("Changed").waitFor();
  await alice.client.conversations.update(ids.bob!, { pinned_message_id: one.id });
  await page.locator("#pinned").getByText("Changed").waitFor();
  await thread(page).getByRole("button", { name: "Unpin this message" }).waitFor();
  await alice.client.messages.update(one.id, { message: "Changed again" });
  await page.locator("#pinned").getByText("Changed again").waitFor();
  await alice.client.messages.delete(one.id);
  await page.locator("#pinned").waitFor({ state: "hidden" });
  await thread(page).getByText("Changed").waitFor({ state: "detached" });
  await alice.client.messages.delete(two.id);
  await thread(page).getByText("Two").waitFor({ state: "detached" });
});

inBrowser("a conversation that another client deletes disappears, and its thread is closed", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  // The page is told of the deletion, and does not find out as it loads the messages.
  await page.getByText("No messages yet", { exact: true }).waitFor();
  await alice.client.conversations.delete(ids.bob!);
  await assertNames(page, ["carol"]);
  await toast(page).getByText("bob was deleted.").waitFor();
  await page.getByText("Select a conversation.").waitFor();
  assert.equal(await focused(page), "Conversations");
});

inBrowser("the list follows what another client creates, pins, mutes, archives and opens", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: { archived_at: 1 }, erin: {} });
  const { conversations } = alice.client;
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol", "erin"]);
  await conversations.update(ids.carol!, { is_pinned: true });
  await page.getByRole("button", { name: "Unpin carol" }).waitFor();
  await conversations.update(ids.carol!, { is_muted: true });
  await page.getByRole("button", { name: "Unmute carol" }).waitFor();
  await conversations.update(ids.bob!, { archived_at: 1 });
  await assertNames(page, ["carol", "erin"]);
  // Between the others, where its activity belongs.
  await conversations.update(ids.dave!, { archived_at: null });
  await assertNames(page, ["carol", "dave", "erin"]);
  await conversations.create({ contact_id: "frank" });
  await assertNames(page, ["carol", "dave", "erin", "frank"]);

  await page.getByRole("switch", { name: "Unread" }).click();
  await assertNames(page, ["frank"]);
  await alice.say(ids.erin!, { contact_id: "erin" });
  await assertNames(page, ["erin", "frank"]);
  await conversations.update(ids.erin!, { last_opened_at: 253402300799 });
  await assertNames(page, ["frank"]);
});

inBrowser("what the user writes, and the focus, stay when something changes", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await alice.say(ids.bob!, { message: "One" });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await input(page).fill("Not yet sent");
  await alice.say(ids.bob!, { contact_id: "bob", message: "Two" });
  await thread(page).getByText("Two").waitFor();
  assert.equal(await input(page).inputValue(), "Not yet sent");
  assert.equal(await page.evaluate("document.activeElement.id"), "text");
  await thread(page).getByRole("button", { name: "Pin the message “One" }).focus();
  await alice.say(ids.bob!, { contact_id: "bob", message: "Three" });
  await thread(page).getByText("Three").waitFor();
  assert.equal(await focused(page), "Pin the message “One”");
  await page.getByRole("button", { name: "Mute carol" }).focus();
  await alice.say(ids.carol!, { contact_id: "carol" });
  await assertNames(page, ["carol", "bob"]);
  assert.equal(await focused(page), "Mute carol");
});

inBrowser("the events of the page's own changes take no button from under the pointer", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  // The stream arrives when the test says so.
  await page.addInitScript(`{
    const { read } = ReadableStreamDefaultReader.prototype;
    const { promise, resolve } = Promise.withResolvers();
    window.arrive = resolve;
    ReadableStreamDefaultReader.prototype.read = async function () {
      const part = await read.call(this);
      await promise;
      return part;
    };
  }`);
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await input(page).fill("Hello");
  await page.keyboard.press("Enter");
  await eventually(page, () => preview(page, "bob").textContent(), "You: Hello");
  await page.getByRole("button", { name: "Mute bob" }).click();
  await page.getByRole("button", { name: "Unmute bob" }).waitFor();
  const elements = ["#conversations > li", "#message-list > li"];
  for (const element of elements) await page.evaluate(`document.querySelector("${element}").isTheSame = true`);
  await alice.client.conversations.create({ contact_id: "carol" });
  await page.evaluate("arrive()");
  await row(page, "carol").waitFor();
  for (const element of elements)
    assert.equal(await page.evaluate(`document.querySelector("${element}").isTheSame`), true, element);
});

inBrowser("a response that is older than a live change does not undo it", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: { is_pinned: 1 } });
  await signIn(page, alice.token);
  await assertNames(page, ["carol", "bob"]);
  // The page that the filter loads is from before the change, and arrives after it.
  const [read, changed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await page.route("**/v1/conversations?*pinned=true*", async (route) => {
    const response = await route.fetch();
    read.resolve();
    await changed.promise;
    await route.fulfill({ response });
  });
  await page.getByRole("switch", { name: "Pinned" }).click();
  await read.promise;
  await page.evaluate(`{
    const { decode } = TextDecoder.prototype;
    TextDecoder.prototype.decode = function (...args) {
      const text = decode.apply(this, args);
      if (text.includes("conversation.updated")) setTimeout(() => document.body.setAttribute("data-received", ""));
      return text;
    };
  }`);
  await alice.client.conversations.update(ids.bob!, { is_pinned: true });
  await page.locator("body[data-received]").waitFor();
  changed.resolve();
  await page.locator('#conversations[aria-busy="false"]').waitFor();
  await assertNames(page, ["bob", "carol"]);
});

/** Gives the test a switch for the connection of the page. */
async function unreliable(page: Page) {
  await page.addInitScript(`{
    const { fetch } = window;
    window.cut = new AbortController();
    window.fetch = (url, init) =>
      cut.signal.aborted
        ? Promise.reject(new TypeError("Failed to fetch"))
        : fetch(url, { ...init, signal: AbortSignal.any([init.signal, cut.signal]) });
  }`);
  return {
    async cut(): Promise<void> {
      await page.evaluate("cut.abort()");
      await connection(page).getByText("Not connected. Trying again…").waitFor();
    },
    async restore(): Promise<void> {
      // Browsers send this event, and the page does not wait any longer before its next attempt.
      await page.evaluate("window.cut = new AbortController(); dispatchEvent(new Event('online'))");
      await connection(page).getByText("Not connected").waitFor({ state: "detached" });
    },
  };
}

inBrowser("without a connection the page says so, and afterwards shows what it missed, once", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {} });
  const { cut, restore } = await unreliable(page);
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await alice.say(ids.bob!, { message: "Before" });
  await thread(page).getByText("Before").waitFor();
  await cut();
  await alice.say(ids.bob!, { contact_id: "bob", message: "While it was away" });
  await alice.client.conversations.delete(ids.carol!);
  await restore();
  await thread(page).getByText("While it was away").waitFor();
  await assertNames(page, ["bob", "dave"]);
  await alice.say(ids.bob!, { contact_id: "bob", message: "Afterwards" });
  await thread(page).getByText("Afterwards").waitFor();
  assert.deepEqual(await texts(page), ["Before", "While it was away", "Afterwards"]);
});

inBrowser("after so long that its position has expired, the page loads everything again", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {} });
  await alice.say(ids.bob!, { message: "Before" });
  const { cut, restore } = await unreliable(page);
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await thread(page).getByText("Before").waitFor();
  await input(page).fill("Not yet sent");
  await cut();
  await alice.say(ids.bob!, { contact_id: "bob", message: "While it was away" });
  await alice.client.conversations.delete(ids.carol!);
  await alice.client.conversations.update(ids.dave!, { is_pinned: true });
  await sql(
    "DELETE FROM events WHERE account_id = ?1 AND seq < (SELECT max(seq) FROM events WHERE account_id = ?1)",
    alice.id,
  );
  await restore();
  await thread(page).getByText("While it was away").waitFor();
  await page.getByRole("button", { name: "Unpin dave" }).waitFor();
  await assertNames(page, ["dave", "bob"]);
  assert.equal(await input(page).inputValue(), "Not yet sent");

  // The same when the open conversation is gone.
  await cut();
  await alice.client.conversations.delete(ids.bob!);
  await alice.client.conversations.update(ids.dave!, { is_pinned: false });
  await sql(
    "DELETE FROM events WHERE account_id = ?1 AND seq < (SELECT max(seq) FROM events WHERE account_id = ?1)",
    alice.id,
  );
  await restore();
  await toast(page).getByText("bob was deleted.").waitFor();
  await assertNames(page, ["dave"]);
});
