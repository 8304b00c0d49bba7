// The page at `/webhooks`. The endpoints are real receivers on loopback.

import assert from "node:assert/strict";
import type { Locator, Page } from "playwright-core";
import type { Webhook } from "../../clients/typescript/src/index.ts";
import { type Account, account, grant } from "../support/accounts.ts";
import { insert, sql } from "../support/database.ts";
import { WEBHOOKS } from "../support/paths.ts";
import { NOWHERE } from "../support/requests.ts";
import { origin } from "../support/server.ts";
import { ALL, randomId, SCOPES } from "../support/tokens.ts";
import { type Endpoint, endpoint, eventsOf, logged, receiver } from "../webhooks/endpoint.ts";
import { isSignedWith, status } from "../webhooks/receiver.ts";
import { inBrowser, MAX_WAIT_MS, PHONE, violations } from "./browser.ts";

/**
 * Opens the page. Its clock stands still until the test moves it on: so nothing waits for the next refresh, and none
 * comes between two steps of a test, however slow they are.
 */
async function signIn(page: Page, token: string): Promise<void> {
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 1000);
  await page.addInitScript(`{
    const { fetch } = window;
    const done = () => { window.asking -= 1; };
    window.asking = 0;
    window.fetch = (...request) => {
      window.asking += 1;
      const answer = fetch(...request);
      answer.then((response) => response.clone().arrayBuffer()).then(done, done);
      return answer;
    };
  }`);
  await page.goto("/webhooks");
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Endpoints" }).waitFor();
}

/** Waits until it is so, after as many refreshes as that takes. The clock would let a request that is under way time
 * out, so it waits for that first. */
async function refreshed(page: Page, isSo: () => Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + MAX_WAIT_MS; Date.now() < end; ) {
    if (await isSo()) return true;
    if (!(await page.evaluate("window.asking > 0"))) await page.clock.runFor(3000);
  }
  return false;
}

/** Waits until the page shows it. */
async function appears(page: Page, locator: Locator): Promise<void> {
  assert.ok(await refreshed(page, () => locator.first().isVisible()), `the page never shows ${locator}`);
}

/** Waits until the list shows exactly these endpoints. */
async function assertNames(page: Page, expected: string[]): Promise<void> {
  const names = () => page.locator("#endpoints .name").allInnerTexts();
  await refreshed(page, async () => String(await names()) === String(expected));
  assert.deepEqual(await names(), expected);
}

const row = (page: Page, name: string) =>
  page.getByRole("list", { name: "Endpoints" }).getByRole("button", { name: new RegExp(`^${name}`) });
const attempts = (page: Page) => page.getByRole("list", { name: "Attempts" }).getByRole("listitem");
const fact = (page: Page, name: string) =>
  page.locator("#facts > div").filter({ has: page.getByRole("term").getByText(name, { exact: true }) });
const toast = (page: Page) => page.locator("#toast");
const dialog = (page: Page, name: string) => page.getByRole("dialog", { name });
const secretField = (page: Page) => page.getByRole("textbox", { name: "Secret", exact: true });
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
const focused = (page: Page) =>
  page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText");

async function open(page: Page, name: string): Promise<void> {
  await appears(page, row(page, name));
  await row(page, name).click();
  await page.getByRole("heading", { name }).waitFor();
}

/** Closes the dialog with a secret. After that the page does not have it any more. */
async function closeSecret(page: Page): Promise<void> {
  await press(page, "Done");
  const secret = () => page.locator("#secret").inputValue();
  for (const end = Date.now() + MAX_WAIT_MS; Date.now() < end && (await secret()) !== ""; );
  assert.equal(await secret(), "");
}

/** The only endpoint of the account, as the API shows it. */
async function only(alice: Account): Promise<Webhook> {
  const { data } = await alice.client.webhooks.list();
  assert.equal(data.length, 1);
  return data[0]!;
}

/** A page with one endpoint, which is open. */
async function opened(page: Page, attributes: Parameters<typeof endpoint>[1] = {}) {
  const alice = await account();
  const hook = await endpoint(alice, { description: "Search index", ...attributes });
  await signIn(page, alice.token);
  await open(page, "Search index");
  return { alice, hook };
}

/** So many changes, each delivered. Returns the ids of their events. */
async function delivered(alice: Account, hook: Endpoint, count: number): Promise<string[]> {
  for (let n = 0; n < count; n += 1) await alice.client.conversations.create({ contact_id: `contact${n}` });
  await hook.take(count);
  await hook.upToDate();
  return logged(alice);
}

inBrowser(
  "a new endpoint shows its secret once, and gets the events of its types, signed with it",
  { permissions: ["clipboard-read", "clipboard-write"] },
  async (page) => {
    const alice = await account();
    const target = await receiver();
    await signIn(page, alice.token);
    await appears(page, page.getByText("No endpoints."));
    await press(page, "New endpoint");
    await page.getByLabel("URL").fill(target.url);
    await page.getByLabel("Description").fill("Search index");
    // To choose a type is to choose "Only these types".
    await page.getByLabel("message.created").check();
    await page.getByLabel("message.deleted").check();
    await press(page, "Create");

    await dialog(page, "The endpoint is ready").getByText("This is the only time that the secret is shown.").waitFor();
    const secret = await secretField(page).inputValue();
    assert.match(secret, /^whsec_/);
    await press(page, "Copy");
    await page.getByText("Copied.").waitFor();
    assert.equal(await page.evaluate("navigator.clipboard.readText()"), secret);
    await closeSecret(page);
    assert.equal(await focused(page), "Search index");

    const { id, url, types } = await only(alice);
    assert.deepEqual([url, types], [target.url, ["message.created", "message.deleted"]]);
    await alice.say(await alice.insert());
    const [delivery] = await target.take(1);
    assert.equal(delivery!.json.type, "message.created");
    assert.ok(isSignedWith(secret, delivery!));
    await appears(page, attempts(page).filter({ hasText: "Delivered, 204" }));
    await appears(page, attempts(page).filter({ hasText: delivery!.id }).filter({ hasText: "message.created" }));
    await appears(page, fact(page, "Last event").getByText(`${delivery!.id} (message.created)`));
    await appears(page, fact(page, "Delivery").getByText("Up to date"));
    await appears(page, page.getByText("The last attempt: 1 delivered, 0 failed."));
    assert.equal((await alice.client.webhooks.attempts(id)).data.length, 1);
  },
);

inBrowser(
  "a failed attempt has its status, and its endpoint says since when and can be tried now",
  {},
  async (page) => {
    // After a failure there would be another attempt five seconds later, so it asks for an hour.
    const { alice, hook } = await opened(page, { reply: status(503, { "Retry-After": "3600" }) });
    await alice.client.conversations.create({ contact_id: "bob" });
    await hook.take(1);
    await appears(page, attempts(page).filter({ hasText: "Failed, 503" }));
    await appears(page, row(page, "Search index").getByText("Failing"));
    await appears(page, fact(page, "State").getByText(/All attempts have failed since .* Next attempt: /));
    await appears(page, fact(page, "Delivery").getByText("1 event behind"));
    await appears(page, page.getByText("0 delivered, 1 failed."));

    hook.receiver.reply = status(204);
    await press(page, "Try now");
    await hook.take(1);
    await appears(page, attempts(page).filter({ hasText: "Delivered, 204" }));
    await appears(page, row(page, "Search index").getByText("Enabled"));
    await appears(page, page.getByText("The last 2 attempts: 1 delivered, 1 failed."));
    assert.ok(!(await page.getByRole("button", { name: "Try now" }).isVisible()));
  },
);

inBrowser("an attempt without a whole response says why", {}, async (page) => {
  const { alice, hook } = await opened(page);
  const kinds = [
    ["timeout", null, "Timeout"],
    ["connection_failed", null, "Connection failed"],
    ["response_incomplete", 200, "Failed, 200: incomplete response"],
    ["url_forbidden", null, "URL not allowed"],
  ] as const;
  for (const [slot, [error, code]] of kinds.entries())
    await insert("webhook_attempts", {
      account_id: alice.id,
      webhook_id: hook.id,
      slot,
      number: slot,
      event_id: randomId(),
      type: "message.created",
      created_at: 0,
      status: code,
      error,
      duration: 15_000,
    });
  await hook.set("attempts = 4");
  for (const [, , words] of kinds) await appears(page, attempts(page).filter({ hasText: words }));
  await appears(page, page.getByText("The last 4 attempts: 0 delivered, 4 failed. Median 15.0 s, longest 15.0 s."));
});

inBrowser("a ping is sent also to a disabled endpoint, and its result is among the attempts", {}, async (page) => {
  const { alice, hook } = await opened(page);
  await alice.client.webhooks.update(hook.id, { status: "disabled" });
  await press(page, "Ping");
  await toast(page).getByText("Ping sent.").waitFor();
  const [ping] = await hook.take(1);
  assert.equal(ping!.json.type, "webhook.ping");
  await appears(page, attempts(page).filter({ hasText: "webhook.ping" }).filter({ hasText: "Delivered, 204" }));
  assert.equal(await attempts(page).getByRole("button").count(), 0);
});

inBrowser("events are delivered again: those after one among the attempts, or all in the log", {}, async (page) => {
  const { alice, hook } = await opened(page);
  const ids = await delivered(alice, hook, 3);
  const replay = (id: string) => page.getByRole("button", { name: `Replay the events after ${id}` });
  await appears(page, replay(ids[1]!));
  // After the last one there is nothing to replay.
  assert.equal(await replay(ids[2]!).count(), 0);
  await replay(ids[0]!).click();
  await dialog(page, "Replay events").getByRole("button", { name: "Replay" }).click();
  await toast(page).getByText("Position moved: Search index.").waitFor();
  assert.deepEqual(eventsOf(await hook.take(2)), ids.slice(1));
  await hook.upToDate();

  await press(page, "Replay…");
  await page.getByLabel("From the oldest event in the log").check();
  await dialog(page, "Replay events").getByRole("button", { name: "Replay" }).click();
  await toast(page).getByText("Position moved: Search index.").waitFor();
  assert.deepEqual(eventsOf(await hook.take(3)), ids);
});

inBrowser("from the oldest event means the oldest that the log still has", {}, async (page) => {
  const { alice, hook } = await opened(page);
  const ids = await delivered(alice, hook, 4);
  await sql("DELETE FROM events WHERE account_id = ? AND seq <= 2", alice.id);
  await press(page, "Replay…");
  await page.getByLabel("From the oldest event in the log").check();
  await dialog(page, "Replay events").getByRole("button", { name: "Replay" }).click();
  assert.deepEqual(eventsOf(await hook.take(2)), ids.slice(2));
});

inBrowser("a position that the log does not have, or that is none, is refused at its field", {}, async (page) => {
  const { alice, hook } = await opened(page);
  const ids = await delivered(alice, hook, 2);
  await press(page, "Replay…");
  const replay = dialog(page, "Replay events");
  for (const [position, message] of [
    ["", "`last_event_id` must be"],
    ["nonsense", "`last_event_id` must be"],
    [`${ids[0]!.slice(0, 9)}zzzzzzz`, "position"],
  ] as const) {
    await page.getByLabel("Event id").fill(position);
    await replay.getByRole("button", { name: "Replay" }).click();
    await replay.getByRole("alert").getByText(message).waitFor();
    assert.equal(await focused(page), "Event id");
    assert.equal(await page.getByLabel("Event id").getAttribute("aria-invalid"), "true");
  }
  await page.getByLabel("Event id").fill(ids[0]!);
  await page.keyboard.press("Enter");
  assert.deepEqual(eventsOf(await hook.take(1)), [ids[1]]);
});

inBrowser("without the scope events:read the page cannot find the oldest event, and says so", {}, async (page) => {
  const alice = await account();
  const hook = await endpoint(alice, { description: "Search index" });
  await signIn(page, await grant(alice.id, { scopes: ALL - SCOPES["events:read"]! }));
  await open(page, "Search index");
  await press(page, "Replay…");
  await page.getByLabel("From the oldest event in the log").check();
  const replay = dialog(page, "Replay events");
  await replay.getByRole("button", { name: "Replay" }).click();
  await replay.getByRole("alert").getByText("the token needs the scope `events:read`").waitFor();
  // The position can be moved to now all the same.
  await alice.client.webhooks.update(hook.id, { status: "disabled" });
  await alice.client.conversations.create({ contact_id: "bob" });
  await page.getByLabel("From now").check();
  await replay.getByRole("button", { name: "Replay" }).click();
  await toast(page).getByText("Position moved: Search index.").waitFor();
  assert.equal((await only(alice)).behind, 0);
});

inBrowser("a disabled endpoint gets nothing, and goes on where it stopped when it is enabled", {}, async (page) => {
  const { alice, hook } = await opened(page);
  await press(page, "Disable");
  await toast(page).getByText("Disabled: Search index.").waitFor();
  await fact(page, "State").getByText("It was turned off.").waitFor();
  await alice.client.conversations.create({ contact_id: "bob" });
  await appears(page, row(page, "Search index").getByText("1 event behind"));
  assert.equal(hook.receiver.deliveries.length, 0);
  await press(page, "Enable");
  await toast(page).getByText("Enabled: Search index.").waitFor();
  await hook.take(1);
  await appears(page, row(page, "Search index").getByText("Up to date"));
});

for (const [reason, words] of [
  ["position_expired", "The log no longer has the event where it stopped."],
  ["requested", "It was turned off."],
] as const)
  inBrowser(
    `an endpoint whose position has expired is enabled where the user chooses (${reason})`,
    {},
    async (page) => {
      const { alice, hook } = await opened(page);
      const ids = await delivered(alice, hook, 4);
      await hook.set(`is_enabled = 0, disabled_reason = '${reason}', seq = 1, last_event_id = '${ids[0]}'`);
      await sql("DELETE FROM events WHERE account_id = ? AND seq <= 2", alice.id);
      await appears(page, fact(page, "State").getByText(words));
      await press(page, "Enable");
      const enable = dialog(page, "Enable the endpoint");
      await enable.waitFor();
      assert.ok(await page.getByLabel("From the oldest event in the log").isChecked());
      await enable.getByRole("button", { name: "Enable" }).click();
      await toast(page).getByText("Enabled: Search index.").waitFor();
      assert.deepEqual(eventsOf(await hook.take(2)), ids.slice(2));
    },
  );

inBrowser("a rotation shows the new secret once, and the old one also signs for the time chosen", {}, async (page) => {
  const { alice, hook } = await opened(page);
  await press(page, "Rotate secret…");
  await page.getByLabel("The old secret also signs").selectOption("for 24 more hours");
  await press(page, "Rotate");
  await dialog(page, "The new secret").getByText("The old secret also signs until").waitFor();
  const secret = await secretField(page).inputValue();
  await closeSecret(page);
  assert.notEqual(secret, hook.secrets[0]);
  hook.secrets = [secret, ...hook.secrets];
  await alice.client.conversations.create({ contact_id: "bob" });
  await hook.take(1);

  await press(page, "Rotate secret…");
  await page.getByLabel("The old secret also signs").selectOption("no longer");
  await press(page, "Rotate");
  await dialog(page, "The new secret").waitFor();
  hook.secrets = [await secretField(page).inputValue()];
  await closeSecret(page);
  await alice.client.conversations.create({ contact_id: "carol" });
  await hook.take(1);
});

inBrowser("an endpoint is deleted only after the page has asked", {}, async (page) => {
  const { alice, hook } = await opened(page);
  await press(page, "Delete…");
  const ask = dialog(page, "Delete Search index?");
  assert.equal(await focused(page), "Cancel");
  await ask.getByRole("button", { name: "Cancel" }).click();
  assert.equal((await only(alice)).id, hook.id);
  await press(page, "Delete…");
  await ask.getByRole("button", { name: "Delete" }).click();
  await toast(page).getByText("Deleted: Search index.").waitFor();
  await page.getByText("No endpoints.").waitFor();
  await page.getByText("Select an endpoint.").waitFor();
  assert.equal(await focused(page), "Endpoints");
  assert.equal((await alice.client.webhooks.list()).data.length, 0);
});

inBrowser("a setting that the API refuses stays in the form, with the reason at its field", {}, async (page) => {
  const alice = await account();
  await signIn(page, alice.token);
  await press(page, "New endpoint");
  const form = dialog(page, "New endpoint");
  const url = page.getByLabel("URL");
  await url.fill("ftp://example.com");
  await press(page, "Create");
  await form.getByRole("alert").getByText("`url` must be").waitFor();
  assert.deepEqual([await url.getAttribute("aria-invalid"), await url.inputValue()], ["true", "ftp://example.com"]);
  assert.equal(await page.evaluate("document.activeElement.id"), "url");
  await url.fill("https://example.com");
  await page.getByLabel("Only these types").check();
  await press(page, "Create");
  await form.getByRole("alert").getByText("`types` must be").waitFor();
  assert.equal(await url.getAttribute("aria-invalid"), null);
  await page.getByLabel("All types").check();
  await page.getByLabel("Description").fill("a\u202eb");
  await press(page, "Create");
  await form.getByRole("alert").getByText("`description` must be").waitFor();
  assert.equal((await alice.client.webhooks.list()).data.length, 0);
  await press(page, "Cancel");
  // The form begins anew.
  await press(page, "New endpoint");
  assert.deepEqual([await url.inputValue(), await form.locator(".problem").textContent()], ["", ""]);
});

inBrowser(
  "a creation whose response was lost is sent again with the same key, and has its secret",
  {},
  async (page) => {
    const alice = await account();
    await signIn(page, alice.token);
    let lost = false;
    await page.route("**/v1/webhooks", async (route) => {
      if (route.request().method() !== "POST" || lost) return route.fallback();
      lost = true;
      await route.fetch();
      // A 418 is not retried.
      await route.fulfill({ status: 418, contentType: "text/plain", body: "" });
    });
    await press(page, "New endpoint");
    await page.getByLabel("URL").fill(NOWHERE);
    await press(page, "Create");
    await dialog(page, "New endpoint").getByRole("alert").getByText("Unexpected response").waitFor();
    await press(page, "Create");
    await dialog(page, "The endpoint is ready").waitFor();
    assert.match(await secretField(page).inputValue(), /^whsec_/);
    await only(alice);
  },
);

inBrowser("an edit changes what was edited, and nothing that another client has changed since", {}, async (page) => {
  const { alice, hook } = await opened(page);
  await press(page, "Edit…");
  const form = dialog(page, "Edit the endpoint");
  await form.waitFor();
  assert.equal(await page.getByLabel("URL").inputValue(), hook.receiver.url);
  assert.ok(await page.getByLabel("All types").isChecked());
  await page.getByLabel("Description").fill("");
  await page.getByLabel("conversation.updated").check();
  await press(page, "Save");
  await toast(page).getByText(`Saved: ${hook.receiver.url}.`).waitFor();
  const { description, types } = await only(alice);
  assert.deepEqual([description, types], [null, ["conversation.updated"]]);

  await press(page, "Edit…");
  await form.waitFor();
  await page.getByLabel("message.deleted").check();
  await alice.client.webhooks.update(hook.id, { types: ["message.created"] });
  await press(page, "Save");
  await form
    .getByRole("alert")
    .getByText(/changed/)
    .waitFor();
  assert.deepEqual((await only(alice)).types, ["message.created"]);
  await press(page, "Cancel");
  await press(page, "Edit…");
  await form.waitFor();
  assert.ok(await page.getByLabel("message.created").isChecked());
  assert.ok(!(await page.getByLabel("message.deleted").isChecked()));
});

inBrowser("the page follows what other clients create, change and delete", {}, async (page) => {
  const alice = await account();
  const { webhooks } = alice.client;
  const one = await webhooks.create({ url: NOWHERE, description: "One" });
  await signIn(page, alice.token);
  await assertNames(page, ["One"]);
  const two = await webhooks.create({ url: NOWHERE, description: "Two" });
  await assertNames(page, ["Two", "One"]);
  await open(page, "Two");
  await webhooks.update(two.id, { description: "Zwei" });
  await assertNames(page, ["Zwei", "One"]);
  await page.getByRole("heading", { name: "Zwei" }).waitFor();
  await page.getByRole("button", { name: "Ping" }).focus();
  await webhooks.update(one.id, { status: "disabled" });
  await appears(page, row(page, "One").getByText("Disabled"));
  assert.equal(await focused(page), "Ping");
  await webhooks.delete(two.id);
  await assertNames(page, ["One"]);
  await page.getByText("Select an endpoint.").waitFor();
  assert.equal(await focused(page), "Endpoints");
});

inBrowser("new attempts come on top, and what the reader sees does not jump", {}, async (page) => {
  const { alice, hook } = await opened(page, { types: ["conversation.created"] });
  await delivered(alice, hook, 30);
  await appears(page, attempts(page).nth(29));
  const seen = attempts(page).nth(20);
  const handle = await seen.elementHandle();
  await seen.scrollIntoViewIfNeeded();
  await handle!.evaluate((element: any) => element.scrollIntoView({ block: "start" }));
  const top = async () => (await handle!.boundingBox())!.y;
  const before = await top();
  await delivered(alice, hook, 1);
  await appears(page, attempts(page).nth(30));
  // The same element, at the same place.
  assert.ok(await handle!.evaluate((element: any) => element.isConnected));
  // Scrolling is to whole pixels, the height of a row is not.
  assert.ok(Math.abs((await top()) - before) < 2, `${await top()} ${before}`);
});

inBrowser("a hidden page asks for nothing, and is up to date when it is shown again", {}, async (page) => {
  const alice = await account();
  await signIn(page, alice.token);
  // The first list needs no clock, and with it no request is under way.
  await page.getByText("No endpoints.").waitFor();
  const show = (state: string) =>
    page.evaluate(`{
      Object.defineProperty(document, "hidden", { value: ${state === "hidden"}, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }`);
  await show("hidden");
  await alice.client.webhooks.create({ url: NOWHERE, description: "One" });
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.clock.runFor(60_000);
  assert.deepEqual(asked, []);
  await show("visible");
  await row(page, "One").waitFor();
});

inBrowser("without a connection the page says so, and goes on when there is one again", {}, async (page) => {
  await page.addInitScript(`{
    const { fetch } = window;
    window.isOffline = false;
    window.fetch = (...request) => isOffline ? Promise.reject(new TypeError("Failed to fetch")) : fetch(...request);
  }`);
  const { alice } = await opened(page);
  await page.evaluate("window.isOffline = true");
  const connection = page.locator("#connection");
  await appears(page, connection.getByText("Not up to date. Can't reach the server. Check your connection."));
  await alice.client.webhooks.create({ url: NOWHERE, description: "One" });
  await page.evaluate("window.isOffline = false");
  await appears(page, row(page, "One"));
  assert.equal(await connection.textContent(), "");
});

inBrowser("a token that is revoked ends the session, also from a dialog", {}, async (page) => {
  const { alice } = await opened(page);
  await press(page, "Delete…");
  await sql("UPDATE tokens SET revoked_at = 1 WHERE account_id = ?", alice.id);
  await dialog(page, "Delete Search index?").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("alert").filter({ hasText: /token/i }).waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
  assert.equal(await page.locator("#endpoints li").count(), 0);
});

inBrowser("a token without the scope webhooks:write is told so, and still opens the inbox", {}, async (page) => {
  const alice = await account();
  await alice.insert({ contact_id: "bob" });
  await page.goto("/inbox");
  await page.getByLabel("Token").fill(await grant(alice.id, { scopes: ALL - SCOPES["webhooks:write"]! }));
  await press(page, "Sign in");
  await page.getByText("bob").first().waitFor();
  await page.getByRole("link", { name: "Webhooks" }).click();
  await page.getByRole("alert").getByText("Use one with the scope `webhooks:write`.").waitFor();
  await page.getByRole("link", { name: "Inbox" }).click();
  await page.getByText("bob").first().waitFor();
});

inBrowser("where the server has no signing key, the page says who can change that", {}, async (page) => {
  const { token } = await account();
  const headers = { Authorization: `Bearer ${token}`, "x-test-webhook-key": "" };
  const answer = await fetch(origin + WEBHOOKS, { headers });
  const text = await answer.text();
  assert.equal(answer.status, 503, text);
  await page.clock.install();
  await page.addInitScript(`fetch = async () => new Response(${JSON.stringify(text)}, { status: 503 });`);
  await page.goto("/webhooks");
  await page.getByLabel("Token").fill(token);
  await press(page, "Sign in");
  await appears(page, page.getByRole("alert").getByText("Its operator can set the secret `WEBHOOK_KEY`."));
});

inBrowser("a token opens all pages of the tab, until the user signs out", {}, async (page) => {
  const { alice } = await opened(page);
  await page.reload();
  await row(page, "Search index").waitFor();
  assert.ok(!page.url().includes(alice.token));
  assert.equal(await page.evaluate("JSON.stringify({ ...localStorage }) + document.cookie"), "{}");
  await page.getByRole("link", { name: "Inbox" }).click();
  await page.getByRole("group", { name: "Filters" }).waitFor();
  await page.getByRole("link", { name: "Webhooks" }).click();
  await row(page, "Search index").waitFor();
  await press(page, "Sign out");
  assert.equal(await page.evaluate("document.activeElement.id"), "token");
  assert.equal(await page.locator("#endpoints li").count(), 0);
  await page.reload();
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
});

inBrowser("the keyboard is enough for everything", {}, async (page) => {
  const alice = await account();
  const target = await receiver();
  const keys = async (...names: string[]) => {
    for (const name of names) await page.keyboard.press(name);
  };
  await page.goto("/webhooks");
  await page.keyboard.type(alice.token);
  await keys("Enter");
  await page.getByText("No endpoints.").waitFor();
  assert.equal(await focused(page), "Endpoints");
  await keys("Tab");
  assert.equal(await focused(page), "New endpoint");
  await keys("Enter");
  await page.keyboard.type(target.url);
  await keys("Tab");
  await page.keyboard.type("Search index");
  await keys("Enter");
  await dialog(page, "The endpoint is ready").waitFor();
  assert.equal(await focused(page), "Copy");
  await keys("Tab", "Enter");
  assert.equal(await focused(page), "Search index");
  // Past the region, which scrolls, to the actions.
  await keys("Tab", "Tab");
  assert.equal(await focused(page), "Ping");
  await keys("Enter");
  const [ping] = await target.take(1);
  assert.equal(ping!.json.type, "webhook.ping");
  await keys("Tab", "Tab", "Enter");
  await row(page, "Search index").getByText("Disabled").waitFor();
  assert.equal(await focused(page), "Enable");
  await keys("Tab", "Enter");
  await dialog(page, "Edit the endpoint").waitFor();
  await keys("Escape");
  assert.equal(await focused(page), "Edit…");
  await keys("Escape");
  assert.match(String(await focused(page)), /^Search index/);
  await keys("Enter");
  assert.equal(await focused(page), "Search index");
});

for (const colorScheme of ["light", "dark"] as const) {
  inBrowser(`it is accessible, ${colorScheme}`, { colorScheme }, async (page) => {
    const alice = await account();
    const hook = await endpoint(alice, { description: "Search index" });
    const failing = await endpoint(alice, { description: "Old", reply: status(500) });
    await alice.client.conversations.create({ contact_id: "bob" });
    await Promise.all([hook.take(1), failing.take(1)]);
    const { id } = await alice.client.webhooks.create({ url: NOWHERE });
    await alice.client.webhooks.update(id, { status: "disabled" });
    await page.goto("/webhooks");
    assert.deepEqual(await violations(page), []);
    await signIn(page, alice.token);
    // axe waits by the clock of the page.
    await page.clock.resume();
    await open(page, "Old");
    await appears(page, attempts(page).filter({ hasText: "Failed, 500" }));
    await appears(page, row(page, "Old").getByText("Failing"));
    await press(page, "Try now");
    await toast(page).getByText("Trying again").waitFor();
    assert.deepEqual(await violations(page), []);
    for (const [button, name] of [
      ["New endpoint", "New endpoint"],
      ["Edit…", "Edit the endpoint"],
      ["Replay…", "Replay events"],
      ["Rotate secret…", "Rotate the secret"],
      ["Delete…", "Delete Old?"],
    ] as const) {
      await press(page, button);
      await dialog(page, name).waitFor();
      assert.deepEqual(await violations(page), [], name);
      await dialog(page, name).getByRole("button", { name: "Cancel" }).click();
    }
    await press(page, "New endpoint");
    await page.getByLabel("URL").fill("none");
    await press(page, "Create");
    await dialog(page, "New endpoint").getByRole("alert").getByText("`url`").waitFor();
    assert.deepEqual(await violations(page), []);
    await press(page, "Cancel");
    await press(page, "Rotate secret…");
    await press(page, "Rotate");
    await dialog(page, "The new secret").waitFor();
    assert.deepEqual(await violations(page), []);
  });
}

inBrowser(
  "a phone shows either the list or the endpoint",
  { viewport: PHONE, hasTouch: true, isMobile: true },
  async (page) => {
    const alice = await account();
    const hook = await endpoint(alice, { description: "w".repeat(100) });
    await alice.client.conversations.create({ contact_id: "bob" });
    await hook.take(1);
    await alice.client.webhooks.create({ url: `${NOWHERE}/${"w".repeat(900)}` });
    await signIn(page, alice.token);
    const width = () => page.evaluate("document.documentElement.scrollWidth");
    await appears(page, row(page, "www"));
    assert.equal(await width(), PHONE.width);
    await row(page, "www").tap();
    await appears(page, attempts(page).filter({ hasText: "Delivered, 204" }));
    assert.equal(await width(), PHONE.width);
    assert.ok(!(await page.getByRole("button", { name: "New endpoint" }).isVisible()));
    for (const button of ["Edit…", "Replay…", "Rotate secret…", "Delete…"]) {
      await press(page, button);
      const { width: wide } = (await page.getByRole("dialog").boundingBox())!;
      assert.ok(wide < PHONE.width, button);
      await press(page, "Cancel");
    }
    await page.getByRole("button", { name: "Back to endpoints" }).tap();
    await page.getByRole("button", { name: "New endpoint" }).waitFor();
    assert.match(String(await focused(page)), /^www/);
    await row(page, "http").tap();
    await page.getByText("No attempts yet.").waitFor();
    assert.equal(await width(), PHONE.width);
  },
);
