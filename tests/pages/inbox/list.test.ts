// The list of conversations at `/inbox`, and signing in.

import assert from "node:assert/strict";
import { account } from "../../support/accounts.ts";
import { item } from "../../support/paths.ts";
import { newToken } from "../../support/tokens.ts";
import { inBrowser } from "../browser.ts";
import {
  assertNames,
  contacts,
  each,
  eventually,
  filter,
  hold,
  inboxOf,
  list,
  names,
  openThread,
  preview,
  row,
  rows,
  search,
  signIn,
} from "./inbox.ts";

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

for (const pasted of ["Bearer TOKEN", "  bearer  TOKEN \n", "Authorization: Bearer TOKEN"])
  inBrowser(`what is pasted for a token may be ${JSON.stringify(pasted)}`, {}, async (page) => {
    const { alice } = await inboxOf({ bob: {} });
    await signIn(page, pasted.replace("TOKEN", alice.token));
    await row(page, "bob").waitFor();
    assert.equal(await page.evaluate("sessionStorage.getItem('token')"), alice.token);
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

inBrowser("pinned conversations come first, then the most recently active ones", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: { is_pinned: 1 }, dave: {}, erin: { is_pinned: 1 } });
  await signIn(page, alice.token);
  await assertNames(page, ["carol", "erin", "bob", "dave"]);
  await page.getByRole("button", { name: "Pin dave" }).click();
  await assertNames(page, ["carol", "dave", "erin", "bob"]);
  await page.getByRole("button", { name: "Unpin carol" }).click();
  await assertNames(page, ["dave", "erin", "bob", "carol"]);
});

inBrowser("the list loads more as the user scrolls, each conversation once and in order", {}, async (page) => {
  // More than a page of pinned ones, and of others.
  const all = contacts(75);
  const isPinned = (name: string) => Number(name.slice(7)) % 2 === 1;
  const { alice } = await inboxOf(Object.fromEntries(all.map((name) => [name, { is_pinned: Number(isPinned(name)) }])));
  const expected = [...all.filter(isPinned), ...all.filter((name) => !isPinned(name))];
  await signIn(page, alice.token);
  await rows(page).first().waitFor();
  const first = await names(page);
  assert.ok(first.length < all.length, "not everything at once");
  assert.deepEqual(first, expected.slice(0, first.length));
  for (let shown = first; shown.length < all.length; ) {
    await rows(page).last().scrollIntoViewIfNeeded();
    await eventually(page, async () => (await names(page)).length > shown.length, true);
    shown = await names(page);
    assert.deepEqual(shown, expected.slice(0, shown.length));
  }
});

inBrowser("rows that disappear make room for more", {}, async (page) => {
  const all = contacts(40);
  const { alice, ids } = await inboxOf(each(all));
  await signIn(page, alice.token);
  await eventually(page, async () => (await names(page)).length, 30);
  const archived = all.slice(0, 28);
  for (const name of archived) await alice.client.conversations.update(ids[name]!, { archived_at: 1 });
  await assertNames(page, all.slice(28));
});

inBrowser("a conversation that becomes active comes first, wherever it was", {}, async (page) => {
  const all = contacts(40);
  const { alice, ids } = await inboxOf(each(all));
  await signIn(page, alice.token);
  await assertNames(page, all.slice(0, 30));
  await alice.say(ids.contact139!);
  await assertNames(page, ["contact139", ...all.slice(0, 30)]);
  // This one is not loaded, and does not belong among those that are.
  await alice.client.conversations.update(ids.contact135!, { is_muted: true });
  await alice.say(ids.contact138!);
  await assertNames(page, ["contact138", "contact139", ...all.slice(0, 30)]);
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
  await assertNames(page, ["pinned", "both", "unread", "muted"]);
  for (const [name, expected] of [
    ["Unread", ["unread"]],
    ["Pinned", ["pinned", "both"]],
    ["Muted", ["both", "muted"]],
    ["Archived", ["archived"]],
  ] as const) {
    await filter(page, name).click();
    await assertNames(page, [...expected]);
    assert.equal(await filter(page, name).getAttribute("aria-checked"), "true");
    await filter(page, name).click();
    await assertNames(page, ["pinned", "both", "unread", "muted"]);
  }
  await filter(page, "Pinned").click();
  await filter(page, "Muted").click();
  await assertNames(page, ["both"]);
});

inBrowser(
  "an unread conversation that is opened stays in the list of unread ones until it is left",
  {},
  async (page) => {
    const { alice } = await inboxOf({ bob: { last_opened_at: null }, carol: { last_opened_at: null } });
    await signIn(page, alice.token, "/inbox?unread=true");
    await openThread(page, "bob");
    await row(page, "bob").getByText("unread").waitFor({ state: "detached" });
    await assertNames(page, ["bob", "carol"]);
    await openThread(page, "carol");
    await assertNames(page, ["carol"]);
  },
);

inBrowser("the search finds the conversations of a contact and of a group", {}, async (page) => {
  const { alice } = await inboxOf({
    a: { contact_id: "choir" },
    b: { contact_id: "bob", is_pinned: 1 },
    c: { contact_id: "bob", group_id: "choir" },
    d: { contact_id: null, group_id: "choir", is_pinned: 1 },
    e: { contact_id: "choir", group_id: "choir" },
    f: { contact_id: "bob", archived_at: 1 },
  });
  await signIn(page, alice.token);
  await eventually(page, async () => (await names(page)).length, 5);
  await search(page).fill("choir");
  await page.keyboard.press("Enter");
  await assertNames(page, ["Group choir", "choir", "bob in group choir", "choir in group choir"]);
  await search(page).fill(" bob ");
  await page.keyboard.press("Enter");
  await assertNames(page, ["bob", "bob in group choir"]);
  await filter(page, "Archived").click();
  await assertNames(page, ["bob"]);
  await filter(page, "Archived").click();
  // What another client changes is found, too.
  await alice.client.conversations.create({ contact_id: "carol" });
  await alice.client.conversations.create({ contact_id: "bob", group_id: "tennis" });
  await assertNames(page, ["bob", "bob in group choir", "bob in group tennis"]);
  await search(page).fill("");
  await eventually(page, async () => (await names(page)).length, 7);
});

inBrowser("a search of more conversations than a page loads them in order", {}, async (page) => {
  const all = contacts(70);
  // Every other one is found by its contact, the others by their group.
  const columns = (name: string) =>
    Number(name.slice(7)) % 2 === 0 ? { contact_id: "bob", group_id: name } : { contact_id: name, group_id: "bob" };
  const { alice } = await inboxOf(Object.fromEntries(all.map((name) => [name, columns(name)])));
  const expected = all.map((name) =>
    Number(name.slice(7)) % 2 === 0 ? `bob in group ${name}` : `${name} in group bob`,
  );
  await signIn(page, alice.token, "/inbox?search=bob");
  await rows(page).first().waitFor();
  await eventually(
    page,
    async () => {
      await rows(page).last().scrollIntoViewIfNeeded();
      return (await names(page)).length;
    },
    70,
  );
  assert.deepEqual(await names(page), expected);
});

inBrowser(
  "each row has the beginning of the last message, and its sender where that is not clear",
  {},
  async (page) => {
    const { alice, ids } = await inboxOf({
      bob: {},
      carol: {},
      choir: { contact_id: null, group_id: "choir" },
      dave: {},
    });
    await alice.say(ids.bob!, { contact_id: "bob", message: "From bob" });
    await alice.say(ids.carol!, { message: "From me" });
    const last = await alice.say(ids.choir!, { contact_id: "erin", message: "From erin" });
    await signIn(page, alice.token);
    await eventually(page, () => preview(page, "bob").textContent(), "From bob");
    await eventually(page, () => preview(page, "carol").textContent(), "You: From me");
    await eventually(page, () => preview(page, "choir").textContent(), "erin: From erin");
    await eventually(page, () => preview(page, "dave").textContent(), "");

    const before = await alice.say(ids.dave!, { contact_id: "dave", message: "Something <b>new</b>" });
    await eventually(page, () => preview(page, "dave").textContent(), "Something <b>new</b>");
    const newest = await alice.say(ids.dave!, { contact_id: "dave", message: "Something newer" });
    await eventually(page, () => preview(page, "dave").textContent(), "Something newer");
    await alice.client.messages.update(newest.id, { message: "Something else" });
    await eventually(page, () => preview(page, "dave").textContent(), "Something else");
    await alice.client.messages.delete(newest.id);
    await eventually(page, () => preview(page, "dave").textContent(), "Something <b>new</b>");
    await alice.client.messages.delete(before.id);
    await eventually(page, () => preview(page, "dave").textContent(), "");
    await alice.client.messages.update(last.id, { message: "From erin, again" });
    await eventually(page, () => preview(page, "choir").textContent(), "erin: From erin, again");
  },
);

inBrowser("a conversation that comes into the list has its last message", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: { archived_at: 1 }, carol: {} });
  await alice.say(ids.bob!, { contact_id: "bob", message: "From the archive" });
  await signIn(page, alice.token);
  await assertNames(page, ["carol"]);
  await alice.client.conversations.update(ids.bob!, { archived_at: null });
  await assertNames(page, ["bob", "carol"]);
  await eventually(page, () => preview(page, "bob").textContent(), "From the archive");
});

inBrowser(
  "the title has the number of unread conversations, and the name of the one that is open",
  {},
  async (page) => {
    const { alice, ids } = await inboxOf({
      bob: { last_opened_at: null },
      carol: { last_opened_at: null },
      dave: { last_opened_at: null, archived_at: 1 },
      erin: {},
    });
    const title = (expected: string) => eventually(page, () => page.title(), expected);
    await signIn(page, alice.token);
    await title("(2) Inbox – Conversations API");
    await openThread(page, "bob");
    await title("(1) bob – Inbox");
    await alice.say(ids.erin!, { contact_id: "erin" });
    await title("(2) bob – Inbox");
    await page.keyboard.press("Escape");
    await title("(2) Inbox – Conversations API");
    await alice.client.conversations.delete(ids.carol!);
    await alice.client.conversations.update(ids.erin!, { last_opened_at: 253402300799 });
    await title("Inbox – Conversations API");
    await alice.say(ids.erin!, { contact_id: "erin" });
    await title("(1) Inbox – Conversations API");
    await page.getByRole("button", { name: "Sign out" }).click();
    await title("Inbox – Conversations API");
  },
);

inBrowser("an empty list says why it is empty", {}, async (page) => {
  const alice = await account();
  await signIn(page, alice.token);
  await page.getByText("No conversations yet", { exact: true }).waitFor();
  assert.ok(!(await page.getByRole("button", { name: "Clear filters" }).isVisible()));
  await filter(page, "Muted").click();
  await page.getByText("No match", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByText("No conversations yet", { exact: true }).waitFor();
  await search(page).fill("bob");
  await page.keyboard.press("Enter");
  await page.getByText("No match", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.getByText("No conversations yet", { exact: true }).waitFor();
  assert.equal(await search(page).inputValue(), "");

  const { id } = await alice.client.conversations.create({ contact_id: "bob" });
  await assertNames(page, ["bob"]);
  assert.ok(!(await page.locator("#no-conversations").isVisible()));
  await page.getByRole("button", { name: "Archive bob" }).click();
  await page.getByText("All conversations are archived", { exact: true }).waitFor();
  await page.reload();
  await page.getByText("All conversations are archived", { exact: true }).waitFor();
  await alice.delete(item(id));
  await page.reload();
  await page.getByText("No conversations yet", { exact: true }).waitFor();
});

inBrowser("what is being loaded says so", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {} });
  const lists = await hold(page, /\/v1\/conversations\?.*sort=/);
  await signIn(page, alice.token);
  await page.getByText("Loading conversations…").waitFor();
  assert.equal(await list(page).getAttribute("aria-busy"), "true");
  assert.ok(!(await page.locator("#no-conversations").isVisible()));
  lists.release();
  await assertNames(page, ["bob"]);
  await page.getByText("Loading conversations…").waitFor({ state: "hidden" });
  assert.equal(await list(page).getAttribute("aria-busy"), "false");

  const messages = await hold(page, /\/v1\/messages\?.*conversation_id=/);
  await openThread(page, "bob");
  await page.getByText("Loading messages…").waitFor();
  assert.ok(!(await page.getByText("No messages yet").isVisible()));
  messages.release();
  await page.getByText("No messages yet", { exact: true }).waitFor();
  await page.getByText("Loading messages…").waitFor({ state: "hidden" });
  await alice.say(ids.bob!);
  await page.getByText("No messages yet").waitFor({ state: "hidden" });
});
