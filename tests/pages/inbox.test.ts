// The page at `/inbox`.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { type Account, account, grant } from "../support/accounts.ts";
import { type Row, sql } from "../support/database.ts";
import { item } from "../support/paths.ts";
import { ALL, newToken, SCOPES } from "../support/tokens.ts";
import { inBrowser, PHONE, violations } from "./browser.ts";

/** An account with a conversation for each contact, the most recently active first. */
async function inboxOf(contacts: Record<string, Row>): Promise<{ alice: Account; ids: Record<string, string> }> {
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

async function signIn(page: Page, token: string): Promise<void> {
  await page.goto("/inbox");
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("group", { name: "Filters" }).waitFor();
}

const rows = (page: Page) => page.getByRole("list", { name: "Conversations" }).getByRole("listitem");
const row = (page: Page, contact: string) => rows(page).filter({ hasText: contact });
const names = (page: Page) => rows(page).locator(".name").allInnerTexts();

/** Waits until the list shows exactly these conversations. */
async function assertNames(page: Page, expected: string[]): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    if (String(await names(page)) === String(expected)) return;
    // Nothing can change more often than once a frame.
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))");
  }
  assert.deepEqual(await names(page), expected);
}

const toast = (page: Page) => page.locator("#toast");
const focused = (page: Page) =>
  page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText");

inBrowser("a token opens the inbox, and is stored only in this tab", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  await signIn(page, alice.token);
  await row(page, "bob").waitFor();
  assert.ok(!page.url().includes(alice.token));
  assert.equal(await page.evaluate("JSON.stringify({ ...localStorage }) + document.cookie"), "{}");
  await page.reload();
  await row(page, "bob").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.reload();
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
  assert.equal(await rows(page).count(), 0);
});

inBrowser("an unknown token shows the API's error message", {}, async (page) => {
  await page.goto("/inbox");
  await page.getByLabel("Token").fill(newToken());
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: /token/i }).waitFor();
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
});

inBrowser("without a connection, the page says so", {}, async (page) => {
  await page.clock.install();
  await page.addInitScript("fetch = async () => { throw new TypeError('Failed to fetch'); };");
  await page.goto("/inbox");
  await page.getByLabel("Token").fill(newToken());
  await page.keyboard.press("Enter");
  // Past the waits before the client's retries.
  await page.clock.runFor(10_000);
  await page.getByRole("alert").filter({ hasText: "Can't reach the server. Check your connection." }).waitFor();
});

inBrowser("conversations are sorted by activity, in pages", {}, async (page) => {
  const contacts = Array.from({ length: 23 }, (_, i) => `contact${i + 10}`);
  const { alice } = await inboxOf(Object.fromEntries(contacts.map((contact) => [contact, {}])));
  await signIn(page, alice.token);
  await assertNames(page, contacts.slice(0, 10));
  await page.getByRole("button", { name: "Older" }).click();
  await assertNames(page, contacts.slice(10, 20));
  await page.getByRole("button", { name: "Older" }).click();
  await assertNames(page, contacts.slice(20));
  assert.ok(await page.getByRole("button", { name: "Older" }).isDisabled());
  await page.getByRole("button", { name: "Newer" }).click();
  await assertNames(page, contacts.slice(10, 20));
});

inBrowser("a page whose conversations were all deleted is empty, and has a way back", {}, async (page) => {
  const contacts = Array.from({ length: 13 }, (_, i) => `contact${i + 10}`);
  const { alice, ids } = await inboxOf(Object.fromEntries(contacts.map((contact) => [contact, {}])));
  await signIn(page, alice.token);
  await assertNames(page, contacts.slice(0, 10));
  for (const contact of contacts.slice(10)) await alice.delete(item(ids[contact]!));
  await page.getByRole("button", { name: "Older" }).click();
  await page.getByText("No conversations.").first().waitFor();
  await assertNames(page, []);
  assert.ok(await page.getByRole("button", { name: "Older" }).isDisabled());
  await page.getByRole("button", { name: "Newer" }).click();
  await assertNames(page, contacts.slice(0, 10));
});

inBrowser("the filters are switches", {}, async (page) => {
  const { alice } = await inboxOf({
    unread: { last_opened_at: null },
    pinned: { is_pinned: 1 },
    muted: { is_muted: 1 },
    both: { is_muted: 1, is_pinned: 1 },
    archived: { archived_at: 1 },
  });
  await signIn(page, alice.token);
  await assertNames(page, ["unread", "pinned", "muted", "both"]);
  const flip = (name: string) => page.getByRole("switch", { name }).click();
  for (const [name, expected] of [
    ["Unread", ["unread"]],
    ["Pinned", ["pinned", "both"]],
    ["Muted", ["muted", "both"]],
    ["Archived", ["archived"]],
  ] as const) {
    await flip(name);
    await assertNames(page, [...expected]);
    assert.equal(await page.getByRole("switch", { name }).getAttribute("aria-checked"), "true");
    await flip(name);
  }
  await flip("Pinned");
  await flip("Muted");
  await assertNames(page, ["both"]);
});

inBrowser("pin, mute and archive take effect at once, and can be undone", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  const bob = async () => (await alice.get(item(ids.bob!))).json;
  await signIn(page, alice.token);
  for (const [act, back, name] of [
    ["Pin", "Unpin", "is_pinned"],
    ["Mute", "Unmute", "is_muted"],
  ] as const) {
    await page.getByRole("button", { name: `${act} bob` }).click();
    await page.getByRole("button", { name: `${back} bob` }).waitFor();
    assert.equal((await bob())[name], true);
    await toast(page).getByRole("button", { name: "Undo" }).click();
    await page.getByRole("button", { name: `${act} bob`, exact: true }).waitFor();
    assert.equal((await bob())[name], false);
  }
  await page.getByRole("button", { name: "Archive bob" }).click();
  await assertNames(page, ["carol"]);
  assert.notEqual((await bob()).archived_at, null);
  await toast(page).getByRole("button", { name: "Undo" }).click();
  await assertNames(page, ["bob", "carol"]);
  assert.equal((await bob()).archived_at, null);
});

inBrowser("deletion is permanent, so it can be undone until its request is sent", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {} });
  await page.clock.install();
  await signIn(page, alice.token);
  await page.getByRole("button", { name: "Delete bob" }).click();
  await toast(page).getByText("permanently").waitFor();
  await assertNames(page, ["carol", "dave"]);
  await toast(page).getByRole("button", { name: "Undo" }).click();
  await assertNames(page, ["bob", "carol", "dave"]);
  assert.equal((await alice.get(item(ids.bob!))).status, 200);

  // The toast closes after a time.
  await page.getByRole("button", { name: "Delete bob" }).click();
  await page.mouse.move(0, 0);
  assert.equal((await alice.get(item(ids.bob!))).status, 200);
  const deleted = page.waitForResponse((response) => response.request().method() === "DELETE");
  await page.clock.fastForward(10_000);
  assert.equal((await deleted).status(), 204);
  assert.equal((await alice.get(item(ids.bob!))).status, 404);

  // The page unloads.
  await page.getByRole("button", { name: "Delete carol" }).click();
  await page.goto("/health");
  for (let i = 0; (await alice.get(item(ids.carol!))).status !== 404; i += 1)
    assert.ok(i < 100, "it was never deleted");
  assert.equal((await alice.get(item(ids.dave!))).status, 200);
});

inBrowser("a thread shows messages, sends a message and pins a message", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: { last_opened_at: null } });
  const bob = async () => (await alice.get(item(ids.bob!))).json;
  for (let i = 0; i < 35; i += 1) await alice.say(ids.bob!, { contact_id: "bob", message: `Line ${i}` });
  await signIn(page, alice.token);
  await row(page, "bob").getByText("unread").waitFor();
  await row(page, "bob").getByRole("button", { name: /^bob/ }).click();
  const messages = page.getByRole("region", { name: "Messages" });
  await messages.getByText("Line 34", { exact: true }).waitFor();
  await row(page, "bob").getByText("unread").waitFor({ state: "detached" });
  assert.ok((await bob()).last_opened_at >= (await bob()).last_active_at);

  assert.equal(await messages.getByText("Line 4", { exact: true }).count(), 0);
  await messages.getByRole("button", { name: "Earlier messages" }).click();
  await messages.getByText("Line 0", { exact: true }).waitFor();

  await page.getByLabel("Message", { exact: true }).fill("<b>Hello</b> & goodbye");
  await page.getByRole("button", { name: "Send" }).click();
  await messages.getByText("<b>Hello</b> & goodbye").waitFor();
  assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "");

  await messages.getByRole("button", { name: "Pin the message “<b>Hello" }).click();
  await page.locator("#pinned").getByText("<b>Hello</b>").waitFor();
  assert.notEqual((await bob()).pinned_message_id, null);
  await page.getByRole("button", { name: "Unpin the message" }).click();
  await page.locator("#pinned").waitFor({ state: "hidden" });
  assert.equal((await bob()).pinned_message_id, null);

  await page.getByRole("button", { name: "Mark as unread" }).click();
  await row(page, "bob").getByText("unread").waitFor();
  assert.equal((await bob()).last_opened_at, null);
});

inBrowser(
  "a message stays in the form after an error, and sending it again does not send it twice",
  {},
  async (page) => {
    const { alice, ids } = await inboxOf({ bob: {} });
    await signIn(page, alice.token);
    await row(page, "bob").getByRole("button", { name: /^bob/ }).click();
    // The API executes the request, but its response is lost. A 418 is not retried.
    let lost = false;
    await page.clock.install();
    await page.route("**/v1/messages", async (route) => {
      if (route.request().method() !== "POST" || lost) return route.fallback();
      lost = true;
      await route.fetch();
      await route.fulfill({ status: 418, contentType: "text/plain", body: "" });
    });
    await page.getByLabel("Message", { exact: true }).fill("Once");
    await page.keyboard.press("Enter");
    await toast(page).getByText("Unexpected response").waitFor();
    assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "Once");
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Messages" }).getByText("Once").waitFor();
    assert.equal((await alice.get(`/v1/messages?conversation_id=${ids.bob}`)).json.data.length, 1);
  },
);

inBrowser("the keyboard is enough for everything", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {} });
  const press = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await page.goto("/inbox");
  await page.keyboard.type(alice.token);
  await press("Enter");
  await row(page, "dave").waitFor();
  assert.equal(await focused(page), "Conversations");
  // Past the four switches to the first conversation, then to its actions.
  await press("Tab", "Tab", "Tab", "Tab", "Tab");
  assert.match(String(await focused(page)), /^bob/);
  await press("Tab", "Tab", "Tab");
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
  await press("Tab", "Tab", "Tab");
  await page.keyboard.type("Good evening");
  await press("Shift+Enter");
  await page.keyboard.type("and good night");
  await press("Enter");
  await page.getByRole("region", { name: "Messages" }).getByText("Good evening").waitFor();
  assert.equal(
    (await alice.get(`/v1/messages?conversation_id=${ids.dave}`)).json.data[0].message,
    "Good evening\nand good night",
  );
  await press("Escape");
  assert.match(String(await focused(page)), /^dave/);
  // Tab goes through dave's actions and out of the list to the undo button.
  for (let i = 0; i < 10 && (await focused(page)) !== "Undo"; i += 1) await press("Tab");
  await press("Enter");
  // The message has made dave's conversation the most recently active one.
  await assertNames(page, ["dave", "bob", "carol"]);
});

const thread = (page: Page) => page.getByRole("region", { name: "Messages" });
const connection = (page: Page) => page.locator("#connection");
const openThread = async (page: Page, contact: string) => {
  await row(page, contact)
    .getByRole("button", { name: new RegExp(`^${contact}`) })
    .click();
  await page.getByRole("heading", { name: contact }).waitFor();
};

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
  for (let i = 0; (await alice.get("/v1/conversations?unread=true")).json.data.length !== 1; i += 1)
    assert.ok(i < 200, "it stays unread");
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
    await page.getByLabel("Message", { exact: true }).fill(text);
    await page.keyboard.press("Enter");
    await thread(page).getByText(text).waitFor();
  }
  // The events of the messages come before the event of this conversation.
  await alice.client.conversations.create({ contact_id: "carol" });
  await row(page, "carol").waitFor();
  assert.deepEqual(await thread(page).locator(".text").allInnerTexts(), ["One", "Two", "Three"]);
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

inBrowser("on a later page, a conversation that becomes active moves to the first page", {}, async (page) => {
  const contacts = Array.from({ length: 13 }, (_, i) => `contact${i + 10}`);
  const { alice, ids } = await inboxOf(Object.fromEntries(contacts.map((contact) => [contact, {}])));
  await signIn(page, alice.token);
  await page.getByRole("button", { name: "Older" }).click();
  await assertNames(page, contacts.slice(10));
  await alice.say(ids.contact21!);
  await assertNames(page, ["contact20", "contact22"]);
  await alice.client.conversations.update(ids.contact15!, { archived_at: 1 });
  await alice.client.conversations.update(ids.contact15!, { archived_at: null });
  await alice.client.conversations.update(ids.contact22!, { is_pinned: true });
  await page.getByRole("button", { name: "Unpin contact22" }).waitFor();
  await assertNames(page, ["contact20", "contact22"]);
});

inBrowser("what the user writes, and the focus, stay when something changes", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await alice.say(ids.bob!, { message: "One" });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await page.getByLabel("Message", { exact: true }).fill("Not yet sent");
  await alice.say(ids.bob!, { contact_id: "bob", message: "Two" });
  await thread(page).getByText("Two").waitFor();
  assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "Not yet sent");
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

inBrowser("a response that is older than a live change does not undo it", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: { is_pinned: 1 } });
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol"]);
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
  assert.deepEqual(await thread(page).locator(".text").allInnerTexts(), ["Before", "While it was away", "Afterwards"]);
});

inBrowser("after so long that its position has expired, the page loads everything again", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {} });
  await alice.say(ids.bob!, { message: "Before" });
  const { cut, restore } = await unreliable(page);
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await thread(page).getByText("Before").waitFor();
  await page.getByLabel("Message", { exact: true }).fill("Not yet sent");
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
  await assertNames(page, ["bob", "dave"]);
  assert.equal(await page.getByLabel("Message", { exact: true }).inputValue(), "Not yet sent");

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

inBrowser("a token without the scope events:read works, and the page says that nothing is live", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await alice.say(ids.bob!, { message: "Hello" });
  await signIn(page, await grant(alice.id, { scopes: ALL - SCOPES["events:read"]! }));
  await connection(page).getByText("No live updates. The token lacks the scope `events:read`.").waitFor();
  await assertNames(page, ["bob", "carol"]);
  await openThread(page, "bob");
  await thread(page).getByText("Hello").waitFor();
  await page.getByRole("button", { name: "Pin carol" }).click();
  await page.getByRole("button", { name: "Unpin carol" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await connection(page).textContent(), "");
});

for (const colorScheme of ["light", "dark"] as const) {
  inBrowser(`it is accessible, ${colorScheme}`, { colorScheme }, async (page) => {
    const { alice, ids } = await inboxOf({ bob: { last_opened_at: null, is_pinned: 1 }, carol: { is_muted: 1 } });
    const { id } = await alice.say(ids.bob!, { contact_id: "bob" });
    await alice.say(ids.bob!);
    await alice.put(item(ids.bob!), { pinned_message_id: id });
    await page.goto("/inbox");
    assert.deepEqual(await violations(page), []);
    await signIn(page, alice.token);
    await row(page, "bob").getByRole("button", { name: /^bob/ }).click();
    await page.locator("#pinned").waitFor();
    await page.getByRole("button", { name: "Pin carol" }).click();
    await toast(page).getByText("Pinned").waitFor();
    assert.deepEqual(await violations(page), []);
  });
}

inBrowser(
  "a phone shows either the list or the thread",
  { viewport: PHONE, hasTouch: true, isMobile: true },
  async (page) => {
    const { alice, ids } = await inboxOf({ bob: {}, ["c".repeat(64)]: {} });
    await alice.say(ids.bob!, { message: "w".repeat(500) });
    await signIn(page, alice.token);
    const width = () => page.evaluate("document.documentElement.scrollWidth");
    assert.equal(await width(), PHONE.width);
    await row(page, "bob").getByRole("button", { name: /^bob/ }).tap();
    await page.getByText("w".repeat(500), { exact: true }).waitFor();
    assert.equal(await width(), PHONE.width);
    assert.ok(!(await page.getByRole("switch", { name: "Pinned" }).isVisible()));
    await page.getByRole("button", { name: "Back to conversations" }).tap();
    await page.getByRole("switch", { name: "Pinned" }).waitFor();
    assert.match(String(await focused(page)), /^bob/);
  },
);
