// What fails at `/inbox` says so, can be tried again, and never shows what was not asked for.

import assert from "node:assert/strict";
import { grant } from "../../support/accounts.ts";
import { ALL, base62, SCOPES } from "../../support/tokens.ts";
import { inBrowser } from "../browser.ts";
import {
  assertNames,
  contacts,
  each,
  eventually,
  filter,
  hold,
  inboxOf,
  names,
  openThread,
  preview,
  refuse,
  rows,
  signIn,
  texts,
  thread,
} from "./inbox.ts";

inBrowser("a filter that fails shows the error and Retry, and no list", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: { is_muted: 1 } });
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol"]);
  const repair = await refuse(page, /\/v1\/conversations\?.*muted=true/);
  await filter(page, "Muted").click();
  await page.getByRole("alert").getByText("It broke.").waitFor();
  assert.deepEqual(await names(page), []);
  assert.ok(!(await page.locator("#no-conversations").isVisible()), "an error is not an empty list");
  // What changes now does not make a list either.
  await alice.client.conversations.create({ contact_id: "dave" });
  const erin = await alice.client.conversations.create({ contact_id: "erin" });
  await alice.client.conversations.update(erin.id, { is_muted: true });
  await eventually(page, () => page.title(), "(2) Inbox – Conversations API");
  assert.deepEqual(await names(page), []);
  // Again, and it fails again.
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByRole("alert").getByText("It broke.").waitFor();
  assert.deepEqual(await names(page), []);
  await repair();
  await page.getByRole("button", { name: "Retry" }).click();
  await assertNames(page, ["carol", "erin"]);
  assert.ok(!(await page.getByRole("button", { name: "Retry" }).isVisible()));

  // Another filter repairs it, too.
  const repairAgain = await refuse(page, /\/v1\/conversations\?.*unread=true/);
  await filter(page, "Unread").click();
  await page.getByRole("alert").getByText("It broke.").waitFor();
  await filter(page, "Unread").click();
  await assertNames(page, ["carol", "erin"]);
  await repairAgain();
});

inBrowser("while a filter is being loaded, the list of the filter before it is not shown", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: { is_muted: 1 } });
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol"]);
  const muted = await hold(page, /\/v1\/conversations\?.*muted=true/);
  await filter(page, "Muted").click();
  await muted.arrived;
  assert.deepEqual(await names(page), []);
  await page.getByText("Loading conversations…").waitFor();
  muted.release();
  await assertNames(page, ["carol"]);
});

inBrowser("the response to an older filter does not replace the one to a newer filter", {}, async (page) => {
  const { alice } = await inboxOf({ bob: { last_opened_at: null }, carol: { is_muted: 1 }, dave: {} });
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol", "dave"]);
  const muted = await hold(page, /\/v1\/conversations\?.*muted=true/);
  await filter(page, "Muted").click();
  await muted.arrived;
  await filter(page, "Muted").click();
  await filter(page, "Unread").click();
  await assertNames(page, ["bob"]);
  muted.release();
  // A change that comes after all of it.
  await alice.client.conversations.create({ contact_id: "erin" });
  await assertNames(page, ["bob", "erin"]);
  assert.equal(await filter(page, "Muted").getAttribute("aria-checked"), "false");
});

inBrowser("an error while the list loads more keeps what there is, and Retry goes on", {}, async (page) => {
  const all = contacts(40);
  const { alice } = await inboxOf(each(all));
  const repair = await refuse(page, /\/v1\/conversations\?.*starting_after=/);
  await signIn(page, alice.token);
  await assertNames(page, all.slice(0, 30));
  await rows(page).last().scrollIntoViewIfNeeded();
  await page.getByRole("alert").getByText("It broke.").waitFor();
  assert.deepEqual(await names(page), all.slice(0, 30));
  await repair();
  await page.getByRole("button", { name: "Retry" }).click();
  await assertNames(page, all);
});

inBrowser("an error of a thread is shown in it, and Retry loads it", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  for (let i = 0; i < 40; i += 1)
    await alice.insertMessage(ids.bob!, { id: base62(i + 1, 16), contact_id: "bob", message: `Line ${i}` });
  const repair = await refuse(page, /\/v1\/messages\?conversation_id=/);
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await thread(page).getByRole("alert").getByText("It broke.").waitFor();
  assert.ok(!(await page.getByText("No messages yet").isVisible()), "an error is not an empty thread");
  // What arrives now does not make a thread either.
  await alice.say(ids.bob!, { message: "Line 40" });
  await eventually(page, () => preview(page, "bob").textContent(), "You: Line 40");
  assert.deepEqual(await texts(page), []);
  await repair();
  const repairOlder = await refuse(page, /\/v1\/messages\?.*starting_after=/);
  await thread(page).getByRole("button", { name: "Retry" }).click();
  await thread(page).getByText("Line 39", { exact: true }).waitFor();
  await page.evaluate("document.getElementById('messages').scrollTop = 0");
  await thread(page).getByRole("alert").getByText("It broke.").waitFor();
  await repairOlder();
  await thread(page).getByRole("button", { name: "Retry" }).click();
  await thread(page).getByText("Line 0", { exact: true }).waitFor();
});

inBrowser("the messages of a thread that was left do not appear in the next one", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await alice.say(ids.bob!, { message: "For bob" });
  await alice.say(ids.carol!, { message: "For carol" });
  await signIn(page, alice.token);
  const slow = await hold(page, new RegExp(`/v1/messages\\?.*${ids.bob}`));
  await openThread(page, "bob");
  await slow.arrived;
  await openThread(page, "carol");
  await thread(page).getByText("For carol").waitFor();
  slow.release();
  await alice.say(ids.carol!, { message: "Again" });
  await thread(page).getByText("Again").waitFor();
  await eventually(page, () => thread(page).locator(".text").allInnerTexts(), ["For carol", "Again"]);
});

inBrowser("if the list fails when the page opens, the page is live as soon as it is there", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  const repair = await refuse(page, /\/v1\/conversations\?.*sort=/);
  await signIn(page, alice.token);
  await page.getByRole("alert").getByText("It broke.").waitFor();
  await repair();
  await page.getByRole("button", { name: "Retry" }).click();
  await assertNames(page, ["bob"]);
  await alice.client.conversations.create({ contact_id: "carol" });
  await assertNames(page, ["bob", "carol"]);
});

inBrowser("what can't be an id matches nothing", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  await signIn(page, alice.token, "/inbox?search=no%20id");
  await page.getByText("No match", { exact: true }).waitFor();
  await page.getByRole("searchbox").fill("");
  await assertNames(page, ["bob"]);
});

inBrowser("a pinned message that was deleted in the meantime is not shown, and is no error", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {} });
  const first = await alice.say(ids.bob!, { message: "Pinned once" });
  for (let i = 0; i < 30; i += 1) await alice.say(ids.bob!, { message: `Line ${i}` });
  await alice.client.conversations.update(ids.bob!, { pinned_message_id: first.id });
  await signIn(page, await grant(alice.id, { scopes: ALL - SCOPES["events:read"]! }));
  await assertNames(page, ["bob"]);
  await alice.client.messages.delete(first.id);
  await openThread(page, "bob");
  await thread(page).getByText("Line 29", { exact: true }).waitFor();
  assert.ok(!(await page.locator("#pinned").isVisible()));
  assert.ok(!(await page.locator("#toast").isVisible()));
});
