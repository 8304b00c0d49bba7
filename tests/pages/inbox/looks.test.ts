// `/inbox` for everyone: without accessibility violations, in light and dark, and on a phone.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { item } from "../../support/paths.ts";
import { inBrowser, PHONE, violations } from "../browser.ts";
import { assertNames, focused, inboxOf, openThread, row, signIn, thread, toast } from "./inbox.ts";

const ON_A_PHONE = { viewport: PHONE, hasTouch: true, isMobile: true };

for (const [name, options] of Object.entries({
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  "on a phone": ON_A_PHONE,
  "on a phone, dark": { ...ON_A_PHONE, colorScheme: "dark" },
} as const)) {
  inBrowser(`it is accessible, ${name}`, options, async (page) => {
    const { alice, ids } = await inboxOf({
      bob: { last_opened_at: null, is_pinned: 1 },
      carol: { is_muted: 1, last_opened_at: null },
    });
    const { id } = await alice.say(ids.bob!, { contact_id: "bob", message: "See https://example.org/" });
    await alice.say(ids.bob!, { message: "Thanks for https://example.org/" });
    await alice.say(ids.carol!, { contact_id: "carol", message: "مرحبا" });
    await alice.put(item(ids.bob!), { pinned_message_id: id });
    const assertAccessible = async () => assert.deepEqual(await violations(page), []);
    await page.goto("/inbox");
    await assertAccessible();
    await signIn(page, alice.token);
    await assertNames(page, ["bob", "carol"]);
    await assertAccessible();
    const isPhone = name.startsWith("on a phone");
    if (isPhone) {
      await page.getByRole("button", { name: "More actions for carol" }).click();
      await assertAccessible();
      await page.getByRole("menuitem", { name: "Pin" }).click();
    } else await page.getByRole("button", { name: "Pin carol" }).click();
    await toast(page).getByText("Pinned").waitFor();
    await assertAccessible();
    await openThread(page, "bob");
    await page.locator("#pinned").waitFor();
    await thread(page).getByText("Thanks").waitFor();
    await assertAccessible();
    await page.getByRole("button", { name: "More actions", exact: true }).click();
    await page.getByRole("menu").waitFor();
    await assertAccessible();
    await page.keyboard.press("Escape");
    await page.goto("/inbox?search=erin");
    await page.getByText("No match", { exact: true }).waitFor();
    await assertAccessible();
    await page.locator("h1").click();
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await assertAccessible();
  });
}

inBrowser("a phone shows either the list or the thread", ON_A_PHONE, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, ["c".repeat(64)]: {} });
  await alice.say(ids.bob!, { message: "w".repeat(500) });
  await signIn(page, alice.token);
  const width = () => page.evaluate("document.documentElement.scrollWidth");
  assert.equal(await width(), PHONE.width);
  await row(page, "bob").getByRole("button", { name: /^bob/ }).tap();
  await page.getByText("w".repeat(500), { exact: true }).last().waitFor();
  assert.equal(await width(), PHONE.width);
  assert.ok(!(await page.getByRole("switch", { name: "Pinned" }).isVisible()));
  await page.getByRole("button", { name: "Back to conversations" }).tap();
  await page.getByRole("switch", { name: "Pinned" }).waitFor();
  assert.match(String(await focused(page)), /^bob/);
});

/** What can be touched and is smaller than a finger. Links in a text are as high as their line. */
const smallTargets = (page: Page): Promise<string[]> =>
  page.evaluate(`[...document.querySelectorAll("button, input, textarea, select, nav a")]
    .filter((target) => target.checkVisibility() && !target.closest("[inert]"))
    .map((target) => [target, target.getBoundingClientRect()])
    .filter(([, { width, height }]) => width > 0 && (width < 44 || height < 44))
    .map(([target, { width, height }]) => (target.ariaLabel ?? target.textContent) + " " + width + "x" + height)`);

inBrowser(
  "on a phone, everything that can be touched is at least 44 pixels wide and high",
  ON_A_PHONE,
  async (page) => {
    const { alice, ids } = await inboxOf({ bob: { is_pinned: 1 }, carol: {} });
    const { id } = await alice.say(ids.bob!, { contact_id: "bob" });
    await alice.put(item(ids.bob!), { pinned_message_id: id });
    await page.goto("/inbox");
    assert.deepEqual(await smallTargets(page), []);
    await signIn(page, alice.token);
    await assertNames(page, ["bob", "carol"]);
    assert.deepEqual(await smallTargets(page), []);
    await page.getByRole("button", { name: "More actions for bob" }).tap();
    await page.getByRole("menuitem", { name: "Mute" }).waitFor();
    assert.deepEqual(await smallTargets(page), []);
    await page.getByRole("menuitem", { name: "Mute" }).tap();
    await toast(page).getByRole("button", { name: "Undo" }).waitFor();
    assert.deepEqual(await smallTargets(page), []);
    await openThread(page, "bob");
    await thread(page).getByText("Hello").tap();
    await thread(page).getByRole("button", { name: "Unpin this message" }).waitFor();
    assert.deepEqual(await smallTargets(page), []);
    await page.goto("/inbox?search=erin");
    await page.getByRole("button", { name: "Clear filters" }).waitFor();
    assert.deepEqual(await smallTargets(page), []);
  },
);

inBrowser("on a phone, the rare actions are in a menu", ON_A_PHONE, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  await alice.say(ids.bob!, { contact_id: "bob", message: "Hello" });
  await signIn(page, alice.token);
  await assertNames(page, ["bob", "carol"]);
  for (const action of ["Pin", "Mute", "Archive", "Delete"])
    assert.ok(!(await page.getByRole("button", { name: `${action} bob` }).isVisible()), action);
  const more = page.getByRole("button", { name: "More actions for bob" });
  await more.tap();
  // The click of a tap comes a little after it.
  await page.getByRole("menu").waitFor();
  assert.deepEqual(await page.getByRole("menuitem").allInnerTexts(), ["Pin", "Mute", "Archive", "Delete"]);
  assert.equal(await more.getAttribute("aria-expanded"), "true");
  // A touch elsewhere closes it, and so does a second one on its button.
  await page.getByRole("heading", { name: "Inbox" }).tap();
  await page.getByRole("menu").waitFor({ state: "hidden" });
  assert.equal(await more.getAttribute("aria-expanded"), "false");
  await more.tap();
  await page.getByRole("menu").waitFor();
  await more.tap();
  await page.getByRole("menu").waitFor({ state: "hidden" });
  await more.tap();
  await page.getByRole("menuitem", { name: "Archive" }).tap();
  await assertNames(page, ["carol"]);

  // The action of a message appears when it is touched.
  await toast(page).getByRole("button", { name: "Undo" }).tap();
  await assertNames(page, ["bob", "carol"]);
  await openThread(page, "bob");
  await thread(page).getByText("Hello").waitFor();
  const pin = thread(page).getByRole("button", { name: "Pin the message" });
  assert.ok(!(await pin.isVisible()));
  await thread(page).getByText("Hello").tap();
  await pin.tap();
  await page.locator("#pinned").getByText("Hello").waitFor();
});
