// A thread at `/inbox`: its messages, their links and directions, and the pinned message.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { item } from "../../support/paths.ts";
import { base62 } from "../../support/tokens.ts";
import { inBrowser } from "../browser.ts";
import {
  assertNames,
  choose,
  eventually,
  inboxOf,
  input,
  openThread,
  preview,
  row,
  signIn,
  texts,
  thread,
} from "./inbox.ts";

inBrowser("a thread shows messages, sends a message and pins a message", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: { last_opened_at: null } });
  const bob = async () => (await alice.get(item(ids.bob!))).json;
  await alice.say(ids.bob!, { contact_id: "bob", message: "Good morning" });
  await signIn(page, alice.token);
  await row(page, "bob").getByText("unread").waitFor();
  await openThread(page, "bob");
  await thread(page).getByText("Good morning").waitFor();
  await row(page, "bob").getByText("unread").waitFor({ state: "detached" });
  assert.ok((await bob()).last_opened_at >= (await bob()).last_active_at);

  await input(page).fill("<b>Hello</b> & goodbye");
  await page.getByRole("button", { name: "Send" }).click();
  await thread(page).getByText("<b>Hello</b> & goodbye").waitFor();
  await eventually(page, () => input(page).inputValue(), "");
  await eventually(page, () => preview(page, "bob").textContent(), "You: <b>Hello</b> & goodbye");

  await thread(page).getByRole("button", { name: "Pin the message “<b>Hello" }).click();
  await page.locator("#pinned").getByText("<b>Hello</b>").waitFor();
  assert.notEqual((await bob()).pinned_message_id, null);
  await page.getByRole("button", { name: "Unpin the message" }).click();
  await page.locator("#pinned").waitFor({ state: "hidden" });
  assert.equal((await bob()).pinned_message_id, null);

  await choose(page, "Mark as unread");
  await row(page, "bob").getByText("unread").waitFor();
  assert.equal((await bob()).last_opened_at, null);
});

/** How far a message is from the top of the visible part. */
const offsetOf = (page: Page, text: string): Promise<number> =>
  page.evaluate(`{
    const box = document.getElementById("messages").getBoundingClientRect();
    const line = [...document.querySelectorAll("#message-list .text")].find((p) => p.textContent === "${text}");
    Math.round(line.getBoundingClientRect().top - box.top);
  }`);

inBrowser("older messages come as the user scrolls up, and what is visible stays where it is", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {} });
  for (let i = 0; i < 100; i += 1)
    await alice.insertMessage(ids.bob!, { id: base62(i + 1, 16), contact_id: "bob", message: `Line ${i}` });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await thread(page).getByText("Line 99", { exact: true }).waitFor();
  const count = () => thread(page).getByRole("listitem").count();
  assert.equal(await count(), 30);
  // The newest message is at the bottom, and visible.
  assert.ok((await offsetOf(page, "Line 99")) > 0);

  const next = await (async () => {
    const [arrived, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await page.route(/\/v1\/messages\?.*starting_after=/, async (route) => {
      arrived.resolve();
      await released.promise;
      await route.continue();
    });
    return { arrived: arrived.promise, release: () => released.resolve() };
  })();
  await page.evaluate("document.getElementById('messages').scrollTop = 50");
  await next.arrived;
  await page.getByText("Loading older messages…").waitFor();
  next.release();
  await eventually(page, async () => (await count()) >= 60, true);
  await page.getByText("Loading older messages…").waitFor({ state: "hidden" });
  // The first of the messages that were there has not moved, but for the line that said what was loading.
  assert.ok(Math.abs((await offsetOf(page, "Line 70")) - 0) < 60, String(await offsetOf(page, "Line 70")));

  await page.evaluate("document.getElementById('messages').scrollTop = 0");
  await eventually(page, async () => (await count()) >= 90, true);
  await page.evaluate("document.getElementById('messages').scrollTop = 0");
  await eventually(page, count, 100);
  assert.deepEqual(
    await texts(page),
    Array.from({ length: 100 }, (_, i) => `Line ${i}`),
  );
  // A new message does not move what the user reads.
  await page.evaluate("document.getElementById('messages').scrollTop = 300");
  const before = await offsetOf(page, "Line 5");
  await alice.say(ids.bob!, { contact_id: "bob", message: "Line 100" });
  await eventually(page, count, 101);
  assert.equal(await offsetOf(page, "Line 5"), before);
});

inBrowser(
  "a thread that does not fill the window loads older messages until it does",
  {
    viewport: { width: 1200, height: 3000 },
  },
  async (page) => {
    const { alice, ids } = await inboxOf({ bob: {} });
    for (let i = 0; i < 50; i += 1)
      await alice.insertMessage(ids.bob!, { id: base62(i + 1, 16), contact_id: "bob", message: `Line ${i}` });
    await signIn(page, alice.token);
    await openThread(page, "bob");
    await eventually(page, () => thread(page).getByRole("listitem").count(), 50);
  },
);

inBrowser("https URLs in messages are links, and nothing else is", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {} });
  const links = async () => {
    const found = await thread(page).locator("a").all();
    return Promise.all(found.map(async (a) => [await a.textContent(), await a.getAttribute("href")]));
  };
  const plain = [
    "http://example.org/",
    "javascript:alert(1)",
    "https://",
    "https://name@example.org/",
    "https://bank.example:password@example.org/",
    "https://[oops]/",
    '<a href="https://example.org" onclick="alert(1)">',
  ];
  for (const message of plain.slice(0, -1)) await alice.say(ids.bob!, { contact_id: "bob", message });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await eventually(page, () => texts(page), plain.slice(0, -1));
  assert.deepEqual(await links(), []);

  const linked: [message: string, text: string, href: string][] = [
    [plain.at(-1)!, "https://example.org", "https://example.org/"],
    ["See https://example.org/a?b=c#d.", "https://example.org/a?b=c#d", "https://example.org/a?b=c#d"],
    ["(https://example.org/x_(y)), or", "https://example.org/x_(y)", "https://example.org/x_(y)"],
    ["HTTPS://EXAMPLE.ORG/A!?", "HTTPS://EXAMPLE.ORG/A", "https://example.org/A"],
    ["https://münchen.example/ü", "https://münchen.example/ü", "https://xn--mnchen-3ya.example/%C3%BC"],
  ];
  for (const [message] of linked) await alice.say(ids.bob!, { contact_id: "bob", message });
  await eventually(page, () => texts(page), [...plain.slice(0, -1), ...linked.map(([message]) => message)]);
  assert.deepEqual(
    await links(),
    linked.map(([, text, href]) => [text, href]),
  );
  for (const a of await thread(page).locator("a").all()) {
    assert.equal(await a.getAttribute("target"), "_blank");
    assert.equal(await a.getAttribute("rel"), "noopener noreferrer");
  }
});

inBrowser("each text has the direction of its language", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  const { id } = await alice.say(ids.bob!, { contact_id: "bob", message: "مرحبا! كيف حالك؟" });
  await alice.say(ids.carol!, { contact_id: "carol", message: "Hello" });
  await alice.put(item(ids.bob!), { pinned_message_id: id });
  await signIn(page, alice.token);
  const directionOf = (selector: string) =>
    page.evaluate(`getComputedStyle(document.querySelector("${selector}")).direction`);
  await eventually(page, () => preview(page, "bob").textContent(), "مرحبا! كيف حالك؟");
  assert.equal(await directionOf(`[data-id='${ids.bob}'] .preview [dir]`), "rtl");
  assert.equal(await directionOf(`[data-id='${ids.carol}'] .preview [dir]`), "ltr");
  await openThread(page, "bob");
  await thread(page).getByText("مرحبا").waitFor();
  assert.equal(await directionOf("#message-list .text"), "rtl");
  assert.equal(await directionOf("#pinned [dir]"), "rtl");
  await input(page).fill("أهلا");
  assert.equal(await directionOf("#text"), "rtl");
  await input(page).fill("Hello");
  assert.equal(await directionOf("#text"), "ltr");
  await openThread(page, "carol");
  await thread(page).getByText("Hello").waitFor();
  assert.equal(await directionOf("#message-list .text"), "ltr");
  await assertNames(page, ["carol", "bob"]);
});
