// What can be done with a conversation at `/inbox`, and undone.

import assert from "node:assert/strict";
import { item } from "../../support/paths.ts";
import { inBrowser } from "../browser.ts";
import { assertNames, choose, eventually, holdToasts, inboxOf, openThread, row, signIn, toast } from "./inbox.ts";

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
  const closeToasts = await holdToasts(page);
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
  await closeToasts();
  assert.equal((await deleted).status(), 204);
  assert.equal((await alice.get(item(ids.bob!))).status, 404);

  // The page unloads.
  await page.getByRole("button", { name: "Delete carol" }).click();
  await page.goto("/health");
  await eventually(page, async () => (await alice.get(item(ids.carol!))).status, 404);
  assert.equal((await alice.get(item(ids.dave!))).status, 200);
});

inBrowser("Ctrl-Z undoes one action after the other, the newest first", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {}, dave: {}, erin: {} });
  await signIn(page, alice.token);
  await page.getByRole("button", { name: "Pin dave" }).click();
  await assertNames(page, ["dave", "bob", "carol", "erin"]);
  await page.getByRole("button", { name: "Archive bob" }).click();
  await assertNames(page, ["dave", "carol", "erin"]);
  await page.getByRole("button", { name: "Delete carol" }).click();
  await assertNames(page, ["dave", "erin"]);
  await page.getByRole("button", { name: "Delete erin" }).click();
  await assertNames(page, ["dave"]);
  for (const expected of [
    ["dave", "erin"],
    ["dave", "carol", "erin"],
    ["dave", "bob", "carol", "erin"],
    ["bob", "carol", "dave", "erin"],
  ]) {
    await page.keyboard.press("Control+z");
    await assertNames(page, expected);
  }
  await page.keyboard.press("Control+z");
  await page.getByText("There is nothing to undo.").waitFor();
  assert.equal((await alice.get("/v1/conversations?pinned=false&archived=false")).json.data.length, 4);
  for (const id of Object.values(ids)) assert.equal((await alice.get(item(id))).status, 200);
});

inBrowser("an action can be undone after its toast has closed, a deletion can't", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  const closeToasts = await holdToasts(page);
  await signIn(page, alice.token);
  await page.getByRole("button", { name: "Mute bob" }).click();
  await page.getByRole("button", { name: "Unmute bob" }).waitFor();
  await page.getByRole("button", { name: "Delete carol" }).click();
  await page.mouse.move(0, 0);
  const deleted = page.waitForResponse((response) => response.request().method() === "DELETE");
  await closeToasts();
  await deleted;
  await eventually(page, () => toast(page).isVisible(), false);
  await page.keyboard.press("Control+z");
  await page.getByRole("button", { name: "Mute bob", exact: true }).waitFor();
  assert.equal((await alice.get(item(ids.bob!))).json.is_muted, false);
  assert.equal((await alice.get(item(ids.carol!))).status, 404);
});

inBrowser("the Undo buttons of several toasts are under the same pointer", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: { contact_id: "c".repeat(64) }, dave: {} });
  await signIn(page, alice.token);
  const undo = toast(page).getByRole("button", { name: "Undo" });
  const boxes = [];
  for (const action of ["Pin bob", `Mute ${"c".repeat(64)}`, "Archive dave"]) {
    await page.getByRole("button", { name: action }).click();
    await toast(page).getByText(action.split(" ")[1]!).waitFor();
    boxes.push((await undo.boundingBox())!);
  }
  for (const box of boxes) assert.deepEqual(box, boxes[0]);
  // So one place on the screen undoes all of them.
  const { x, y, width, height } = boxes.at(-1)!;
  await page.mouse.click(x + width / 2, y + height / 2);
  await assertNames(page, ["bob", "c".repeat(64), "dave"]);
  await toast(page)
    .getByText(/^Muted/)
    .waitFor();
  await page.mouse.click(x + width / 2, y + height / 2);
  await page.getByRole("button", { name: `Mute ${"c".repeat(64)}`, exact: true }).waitFor();
  await toast(page)
    .getByText(/^Pinned/)
    .waitFor();
  await page.mouse.click(x + width / 2, y + height / 2);
  await page.getByRole("button", { name: "Pin bob", exact: true }).waitFor();
});

inBrowser("the menu of the open conversation has all actions", {}, async (page) => {
  const { alice, ids } = await inboxOf({ bob: {}, carol: {} });
  const bob = async () => (await alice.get(item(ids.bob!))).json;
  await signIn(page, alice.token);
  await openThread(page, "bob");
  await choose(page, "Pin");
  await page.getByRole("button", { name: "Unpin bob" }).waitFor();
  await choose(page, "Unpin");
  await page.getByRole("button", { name: "Pin bob", exact: true }).waitFor();
  await choose(page, "Mute");
  await page.getByRole("button", { name: "Unmute bob" }).waitFor();
  await choose(page, "Mark as unread");
  await row(page, "bob").getByText("unread").waitFor();
  await page.getByText("Select a conversation.").waitFor();
  assert.equal((await bob()).last_opened_at, null);
  await openThread(page, "bob");
  // It is read before the next action: the response to that would be older than the one to the action.
  await row(page, "bob").getByText("unread").waitFor({ state: "detached" });
  await choose(page, "Archive");
  await assertNames(page, ["carol"]);
  await choose(page, "Unarchive");
  await assertNames(page, ["bob", "carol"]);
  await choose(page, "Delete");
  await assertNames(page, ["carol"]);
  await page.getByText("Select a conversation.").waitFor();
  await page.keyboard.press("Control+z");
  await assertNames(page, ["bob", "carol"]);
});

inBrowser("a deletion that fails brings the conversation back", {}, async (page) => {
  const { alice } = await inboxOf({ bob: {}, carol: {} });
  const closeToasts = await holdToasts(page);
  await signIn(page, alice.token);
  await page.route("**/v1/conversations/*", (route) =>
    route.request().method() === "DELETE" ? route.fulfill({ status: 418, body: "" }) : route.fallback(),
  );
  await page.getByRole("button", { name: "Delete bob" }).click();
  await assertNames(page, ["carol"]);
  await page.mouse.move(0, 0);
  await closeToasts();
  await toast(page).getByText("Unexpected response").waitFor();
  await assertNames(page, ["bob", "carol"]);
});
