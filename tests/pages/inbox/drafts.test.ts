// What the user writes at `/inbox` and has not sent yet.

import assert from "node:assert/strict";
import { grant } from "../../support/accounts.ts";
import { sql } from "../../support/database.ts";
import { inBrowser } from "../browser.ts";
import { assertNames, eventually, inboxOf, input, openThread, signIn, texts, thread, toast } from "./inbox.ts";

inBrowser("a draft survives another thread, Escape and a reload", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await input(page).fill("For bob,\nnot yet sent");
  await openThread(page, "carol");
  assert.equal(await input(page).inputValue(), "");
  await input(page).fill("For carol");
  await openThread(page, "bob");
  assert.equal(await input(page).inputValue(), "For bob,\nnot yet sent");
  await input(page).press("Escape");
  await page.getByText("Select a conversation.").waitFor();
  await openThread(page, "carol");
  assert.equal(await input(page).inputValue(), "For carol");
  await page.reload();
  await page.getByRole("heading", { name: "carol" }).waitFor();
  assert.equal(await input(page).inputValue(), "For carol");
  await openThread(page, "bob");
  assert.equal(await input(page).inputValue(), "For bob,\nnot yet sent");
  for (const id of [ids.bob, ids.carol])
    assert.deepEqual((await alice.get(`/v1/messages?conversation_id=${id}`)).json.data, []);
});

inBrowser("a draft is gone after it was sent or emptied, and when the user signs out", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: {} });
  const drafts = () => page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('draft')).length");
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await input(page).fill("Sent");
  assert.equal(await drafts(), 1);
  await page.keyboard.press("Enter");
  await thread(page).getByText("Sent").waitFor();
  await eventually(page, drafts, 0);
  await openThread(page, "carol");
  await openThread(page, "bob");
  assert.equal(await input(page).inputValue(), "");

  await input(page).fill("Not a good idea");
  await input(page).fill("");
  assert.equal(await drafts(), 0);

  await input(page).fill("Secret");
  await page.getByRole("button", { name: "Sign out" }).click();
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
  assert.equal(await page.locator("#text").inputValue(), "");
  await signIn(page, alice.token);
  await openThread(page, "bob");
  assert.equal(await input(page).inputValue(), "");
});

inBrowser("what the user writes while a message is being sent stays", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: {} });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  const released = Promise.withResolvers<void>();
  await page.route("**/v1/messages", async (route) => {
    await released.promise;
    await route.continue();
  });
  await input(page).fill("One");
  await page.keyboard.press("Enter");
  await input(page).fill("Two");
  await openThread(page, "carol");
  await input(page).fill("Three");
  released.resolve();
  await openThread(page, "bob");
  await thread(page).getByText("One").waitFor();
  assert.equal(await input(page).inputValue(), "Two");
  await openThread(page, "carol");
  assert.equal(await input(page).inputValue(), "Three");
});

inBrowser("the draft of a conversation that was deleted is gone", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await input(page).fill("Too late");
  await alice.client.conversations.delete(ids.bob!);
  await assertNames(page, ["carol"]);
  const left = "Object.values(sessionStorage).filter((value) => value.includes('Too late')).length";
  await eventually(page, () => page.evaluate(left), 0);
});

inBrowser("a draft survives a token that expires, for a new token of the same account only", {}, async (page) => {
  const [{ alice }, { alice: mallory }] = [await inboxOf({ bob: {} }), await inboxOf({ bob: {} })];
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await input(page).fill("Still here");
  await sql("UPDATE tokens SET revoked_at = 1 WHERE account_id = ?", alice.id);
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: /token/i }).waitFor();

  await page.getByLabel("Token").fill(await grant(alice.id));
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "bob" }).waitFor();
  assert.equal(await input(page).inputValue(), "Still here");

  await sql("UPDATE tokens SET revoked_at = 1 WHERE account_id = ?", alice.id);
  await input(page).press("Enter");
  await page.getByLabel("Token").fill(mallory.token);
  await page.keyboard.press("Enter");
  await toast(page).getByText("This conversation does not exist.").waitFor();
  await openThread(page, "bob");
  assert.equal(await input(page).inputValue(), "");
});

inBrowser(
  "a message stays in the form after an error, and sending it again does not send it twice, not even after a reload",
  {},
  async (page) => {
    const { alice, ids } = await inboxOf({ bob: {} });
    await signIn(page, alice.token);
    await openThread(page, "bob");
    // The API executes the request, but its response is lost. A 418 is not retried.
    let lost = 0;
    await page.route("**/v1/messages", async (route) => {
      if (route.request().method() !== "POST" || lost === 2) return route.fallback();
      lost += 1;
      await route.fetch();
      await route.fulfill({ status: 418, contentType: "text/plain", body: "" });
    });
    await input(page).fill("Once");
    await page.keyboard.press("Enter");
    await toast(page).getByText("Unexpected response").waitFor();
    assert.equal(await input(page).inputValue(), "Once");
    await page.reload();
    await page.getByRole("heading", { name: "bob" }).waitFor();
    await thread(page).getByText("Once").waitFor();
    await input(page).focus();
    await page.keyboard.press("Enter");
    await toast(page).getByText("Unexpected response").waitFor();
    await page.keyboard.press("Enter");
    await eventually(page, () => input(page).inputValue(), "");
    assert.deepEqual(await texts(page), ["Once"]);
    assert.equal((await alice.get(`/v1/messages?conversation_id=${ids.bob}`)).json.data.length, 1);
  },
);
