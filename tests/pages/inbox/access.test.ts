// `/inbox` with tokens that may not do everything.

import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import { grant } from "../../support/accounts.ts";
import { ALL, SCOPES } from "../../support/tokens.ts";
import { inBrowser } from "../browser.ts";
import {
  assertNames,
  connection,
  eventually,
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

const without = (...scopes: string[]): number => scopes.reduce((rest, scope) => rest - SCOPES[scope]!, ALL);

async function assertDisabled(control: Locator, scope: string): Promise<void> {
  assert.equal(await control.getAttribute("aria-disabled"), "true");
  assert.equal(await control.getAttribute("title"), `The token lacks the scope \`${scope}\`.`);
}

inBrowser("a token without conversations:read is refused, and the page says why", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {} });
  await page.goto("/inbox");
  await page.getByLabel("Token").fill(await grant(alice.id, { scopes: without("conversations:read") }));
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "conversations:read" }).waitFor();
});

inBrowser("without conversations:write, what changes a conversation is disabled and says why", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: { last_opened_at: null }, carol: {} });
  await alice.say(ids.bob!, { contact_id: "bob" });
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.method()));
  await signIn(page, await grant(alice.id, { scopes: without("conversations:write") }));
  for (const action of ["Pin", "Mute", "Archive", "Delete"]) {
    const button = page.getByRole("button", { name: `${action} bob` });
    await assertDisabled(button, "conversations:write");
    await button.click({ force: true });
  }
  await page.keyboard.press("e");
  await toast(page).getByText("The token lacks the scope `conversations:write`.").waitFor();
  await openThread(page, "bob");
  await thread(page).getByText("Hello").waitFor();
  await assertDisabled(thread(page).getByRole("button", { name: "Pin the message" }), "conversations:write");
  await page.getByRole("button", { name: "More actions", exact: true }).click();
  for (const item of await page.getByRole("menuitem").all()) {
    await assertDisabled(item, "conversations:write");
    await item.click({ force: true });
  }
  await page.keyboard.press("Escape");
  await assertNames(page, ["bob", "carol"]);
  // It can still send.
  await input(page).fill("Good evening");
  await page.keyboard.press("Enter");
  await thread(page).getByText("Good evening").waitFor();
  assert.deepEqual([...new Set(requests)].sort(), ["GET", "POST"]);
});

inBrowser("without messages:write, nothing can be sent, and the form says why", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {} });
  await alice.say(ids.bob!, { contact_id: "bob", message: "Anyone there?" });
  await signIn(page, await grant(alice.id, { scopes: without("messages:write") }));
  await openThread(page, "bob");
  await thread(page).getByText("Anyone there?").waitFor();
  await assertDisabled(page.getByRole("button", { name: "Send" }), "messages:write");
  assert.equal(await input(page).getAttribute("readonly"), "");
  assert.equal(await input(page).getAttribute("title"), "The token lacks the scope `messages:write`.");
  assert.equal(await input(page).getAttribute("placeholder"), "The token lacks the scope `messages:write`.");
  // Until it is read, its row can be replaced under the pointer.
  await row(page, "bob").getByText("unread").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Pin bob" }).click();
  await page.getByRole("button", { name: "Unpin bob" }).waitFor();
  // A token with more scopes in the same tab can.
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await input(page).fill("Yes");
  await page.keyboard.press("Enter");
  await thread(page).getByText("Yes").waitFor();
});

inBrowser("without messages:read, the thread says why it shows nothing, and can still send", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  const { id } = await alice.say(ids.bob!, { contact_id: "bob", message: "Secret" });
  await alice.client.conversations.update(ids.bob!, { pinned_message_id: id });
  await signIn(page, await grant(alice.id, { scopes: without("messages:read") }));
  await assertNames(page, ["bob", "carol"]);
  assert.equal(await preview(page, "bob").textContent(), "");
  await openThread(page, "bob");
  await thread(page).getByRole("alert").getByText("The token lacks the scope `messages:read`.").waitFor();
  assert.ok(!(await page.getByText("No messages yet").isVisible()));
  assert.ok(!(await page.getByRole("button", { name: "Retry" }).isVisible()));
  await openThread(page, "carol");
  await input(page).fill("Blind");
  await page.keyboard.press("Enter");
  await eventually(page, () => input(page).inputValue(), "");
  await assertNames(page, ["carol", "bob"]);
  assert.deepEqual(await texts(page), []);
  assert.equal((await alice.get(`/v1/messages?conversation_id=${ids.carol}`)).json.data.length, 1);
});

inBrowser("a token without the scope events:read works, and the page says that nothing is live", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: { last_opened_at: null } });
  await alice.say(ids.bob!, { message: "Hello" });
  await signIn(page, await grant(alice.id, { scopes: without("events:read") }));
  await connection(page).getByText("No live updates. The token lacks the scope `events:read`.").waitFor();
  await assertNames(page, ["bob", "carol"]);
  await eventually(page, () => page.title(), "(1) Inbox – Conversations API");
  await openThread(page, "bob");
  await thread(page).getByText("Hello").waitFor();
  await input(page).fill("Good evening");
  await page.keyboard.press("Enter");
  await thread(page).getByText("Good evening").waitFor();
  await eventually(page, () => preview(page, "bob").textContent(), "You: Good evening");
  await page.getByRole("button", { name: "Pin carol" }).click();
  await assertNames(page, ["carol", "bob"]);
  await openThread(page, "carol");
  await row(page, "carol").getByText("unread").waitFor({ state: "detached" });
  await eventually(page, () => page.title(), "carol – Inbox");
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await connection(page).textContent(), "");
});
