// The page at `/`: the API reference.

import assert from "node:assert/strict";
import test from "node:test";
import type { Locator, Page, Request } from "playwright-core";
import { account } from "../support/accounts.ts";
import { send } from "../support/http.ts";
import { origin } from "../support/server.ts";
import { inBrowser, PHONE, violations } from "./browser.ts";

const description: any = await (await fetch(`${origin}/openapi.json`)).json();
const operations = [...Object.values<any>(description.paths), ...Object.values<any>(description.webhooks)].flatMap(
  (path) => Object.values<any>(path).filter((operation) => operation.summary),
);
const codes: string[] = description.components.schemas.Error.properties.code.enum;
const guides = [...description.info.description.matchAll(/^# (.+)$/gm)].map(([, name]) => name!);

async function open(page: Page, hash = ""): Promise<void> {
  await page.goto(`/${hash}`);
  await page.getByRole("heading", { name: "First call" }).waitFor();
}

/** Opens the request form of an operation. */
async function tryIt(page: Page, id: string): Promise<Locator> {
  await page.locator(`[data-try="${id}"]`).click();
  const form = page.locator("section", { has: page.locator(`#${id}`) }).getByRole("form", { name: "Request" });
  await form.waitFor();
  return form;
}

const fillToken = (form: Locator, token: string) => form.getByLabel("Token", { exact: true }).fill(token);

/** Sends the request of a form. Returns what was sent, after the response is shown. */
async function sendForm(page: Page, form: Locator, status: string): Promise<Request> {
  const sent = page.waitForRequest((request) => /\/(v1|health)/.test(new URL(request.url()).pathname));
  await form.getByRole("button", { name: "Send", exact: true }).click();
  await form.getByRole("status").filter({ hasText: status }).waitFor();
  return sent;
}

/** The JSON of the response in a form. Its status is shown before all of it has arrived, its lines only then. */
async function bodyOf(form: Locator): Promise<any> {
  const body = form.locator(".body");
  await body.filter({ hasText: /^\{\n.*\n\}$/s }).waitFor();
  return JSON.parse((await body.textContent())!);
}

/** Waits until an element is in view. Runs in the page. */
const inView = (element: any): Promise<void> =>
  new Promise((resolve) =>
    new (globalThis as any).IntersectionObserver(
      (entries: any[]) => entries.some((entry) => entry.isIntersecting) && resolve(),
    ).observe(element),
  );

inBrowser(
  "guides, operations and samples can be read without JavaScript",
  { javaScriptEnabled: false },
  async (page) => {
    await open(page);
    for (const name of guides) await page.getByRole("heading", { name, exact: true, level: 2 }).first().waitFor();
    for (const { summary } of operations)
      await page.getByRole("heading", { name: summary, exact: true }).first().waitFor();
    const section = page.locator("section", { has: page.locator("#createConversation") });
    await section.getByText("import { ConversationsClient }").waitFor();
    await page.getByText("Python", { exact: true }).first().click();
    await section.getByText("requests.post(").waitFor();
    assert.equal(await section.getByRole("button", { name: "Try it" }).isVisible(), false);
  },
);

inBrowser("it begins with the guides, with this origin in the commands", {}, async (page) => {
  await open(page);
  await page.getByText(`curl -G ${origin}/v1/conversations`).first().waitFor();
  assert.doesNotMatch(String(await page.locator("body").textContent()), /\{origin\}|conversations\.example\.com/);
});

inBrowser("the contents lead to every guide and every operation", {}, async (page) => {
  await open(page);
  const menu = page.getByRole("navigation", { name: "Contents" });
  const same = new Set(operations.filter(({ summary }) => / \(PATCH\)$/.test(summary)));
  const links = await menu.getByRole("link").allTextContents();
  const shown = links.map((text) => text.replace(/ [A-Z]+$/, ""));
  const expected = [...guides, ...operations.filter((each) => !same.has(each)).map(({ summary }) => summary)];
  assert.deepEqual(
    expected.filter((name) => !shown.includes(name)),
    [],
  );
  await menu.getByRole("link", { name: "Send a message" }).click();
  await page.getByRole("heading", { name: "Send a message" }).evaluate(inView);
  await menu.locator("[aria-current]", { hasText: "Send a message" }).waitFor();
});

inBrowser("the samples are in the language that the reader chose, also at the next visit", {}, async (page) => {
  await open(page, "#listMessages");
  const section = page.locator("section", { has: page.locator("#listMessages") });
  await section.getByText("client.messages.list(").waitFor();
  await page.getByRole("radio", { name: "TypeScript" }).focus();
  await page.keyboard.press("ArrowRight");
  await section.getByText("curl -G").waitFor();
  await page.reload();
  await section.getByText("curl -G").waitFor();
  assert.equal(await section.getByText("client.messages.list(").isVisible(), false);
});

const CLIPBOARD = { permissions: ["clipboard-read", "clipboard-write"] };

inBrowser("a sample can be copied", CLIPBOARD, async (page) => {
  await open(page, "#deleteMessage");
  const section = page.locator("section", { has: page.locator("#deleteMessage") });
  await page.getByRole("radio", { name: "Python" }).check({ force: true });
  // It says so for two seconds.
  const copies = section.getByRole("button", { name: "Copied" }).waitFor();
  await section.getByRole("button", { name: "Copy" }).click();
  await copies;
  const copied = String(await page.evaluate("navigator.clipboard.readText()"));
  assert.equal(copied, await section.locator(".python code").textContent());
  assert.match(copied, /requests\.delete\(/);
});

inBrowser("the documentation_url of every error leads to its section", {}, async (page) => {
  for (const code of codes) {
    // The link may open a new page, or change the hash of an open one.
    if (code === codes[0] || code === "method_not_allowed") await open(page, `#${code}`);
    else await page.evaluate(`location.hash = "${code}"`);
    const heading = page.locator(`h3[id="${code}"]`);
    await heading.evaluate(inView);
    assert.equal(await heading.textContent(), code);
  }
});

inBrowser("links of earlier versions of this page still work", {}, async (page) => {
  for (const [old, name] of [
    ["api/follow_changes", "Follow changes"],
    ["description/first-call", "First call"],
    ["api/tag/conversations/POST/v1/conversations", "Create a conversation"],
    ["tag/messages/GET/v1/messages/{id}", "Retrieve a message"],
    ["tag/webhooks", "Webhooks"],
  ] as const) {
    await open(page, `#${old}`);
    await page.getByRole("heading", { name, exact: true }).evaluate(inView);
  }
});

inBrowser("the request form is loaded when it is wanted", {}, async (page) => {
  const scripts: string[] = [];
  page.on("request", (request) => {
    if (request.resourceType() === "script") scripts.push(new URL(request.url()).pathname);
  });
  await open(page);
  await page.waitForLoadState("networkidle");
  assert.deepEqual(
    scripts.map((path) => path.replace(/-\w+\.js$/, "")),
    ["/assets/reference"],
  );
  const form = await tryIt(page, "health");
  assert.ok(scripts.length > 1);
  await page.locator(`[data-try="health"]`).click();
  await form.waitFor({ state: "detached" });
});

inBrowser("an update sends exactly what the form shows", {}, async (page) => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "bob" });
  await open(page, "#updateConversation");
  const form = await tryIt(page, "updateConversation");
  await fillToken(form, `Bearer ${alice.token} `);
  await form.getByLabel("id", { exact: true }).fill(id);
  const body = form.getByRole("group", { name: "Body" });
  await body.getByLabel("last_opened_at", { exact: true }).fill("705103200");
  await body.getByLabel("archived_at", { exact: true }).fill("");
  const shown = await form.locator(".command").textContent();
  const request = await sendForm(page, form, "200 OK");
  const expected = { is_muted: true, archived_at: null, last_opened_at: 705103200 };
  assert.deepEqual(JSON.parse(request.postData()!), expected);
  assert.equal(
    shown,
    `curl -X PUT ${origin}/v1/conversations/${id} \\\n  -H "Authorization: Bearer $TOKEN" \\\n` +
      `  -H 'Content-Type: application/json' \\\n  --data-raw '${request.postData()}'`,
  );
  const { authorization, "content-type": type } = await request.allHeaders();
  assert.deepEqual([authorization, type], [`Bearer ${alice.token}`, "application/json"]);
  assert.deepEqual((await alice.get(`/v1/conversations/${id}`)).json.is_muted, true);

  // The same as a form, with PATCH.
  await form.getByLabel("Method").selectOption("PATCH");
  await form.getByLabel("Body as").selectOption("Form");
  await body.getByLabel("is_muted", { exact: true }).selectOption("false");
  const second = await sendForm(page, form, "200 OK");
  assert.equal(second.method(), "PATCH");
  assert.equal(second.postData(), "is_muted=false");
  assert.match((await form.locator(".command").textContent())!, /-X PATCH .*--data-raw is_muted=false$/s);
  assert.deepEqual((await alice.get(`/v1/conversations/${id}`)).json.is_muted, false);
});

inBrowser("a response is shown with its status, headers, body and time", {}, async (page) => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "bob" });
  await open(page, "#listConversations");
  const form = await tryIt(page, "listConversations");
  await fillToken(form, alice.token);
  await form.getByLabel("limit", { exact: true }).fill("1");
  const request = await sendForm(page, form, "200 OK");
  assert.equal(request.url(), `${origin}/v1/conversations?limit=1`);
  assert.match((await form.getByRole("status").textContent())!, /^200 OK · \d+ ms$/);
  await form.locator(".body").getByText(id).waitFor();
  await form.getByText("Response headers").click();
  await form.getByText(/^x-request-id: \w{16}$/m).waitFor();

  await form.getByLabel("limit", { exact: true }).fill("no number");
  await sendForm(page, form, "400 Bad Request");
  await form.locator(".body").getByText("parameter_invalid").first().waitFor();
});

inBrowser("the id of a new object is offered in the forms that need it", {}, async (page) => {
  const alice = await account();
  await open(page);
  const creation = await tryIt(page, "createConversation");
  await fillToken(creation, alice.token);
  await sendForm(page, creation, "201 Created");
  const { id } = await bodyOf(creation);

  const message = await tryIt(page, "createMessage");
  assert.equal(await message.getByRole("combobox", { name: "conversation_id", exact: true }).inputValue(), id);
  await sendForm(page, message, "201 Created");
  const { id: sent } = await bodyOf(message);

  const retrieval = await tryIt(page, "retrieveMessage");
  assert.equal(await retrieval.getByLabel("id", { exact: true }).inputValue(), sent);
  await sendForm(page, retrieval, "200 OK");
});

inBrowser("a deletion says what it deletes, and asks nothing", {}, async (page) => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "bob" });
  await open(page, "#deleteConversation");
  const form = await tryIt(page, "deleteConversation");
  await fillToken(form, alice.token);
  await form.getByText("Deletes the conversation and all its messages").waitFor();
  await form.getByLabel("id", { exact: true }).fill("");
  await form.getByRole("button", { name: "Send", exact: true }).click();
  await form.getByText("Enter the id first").waitFor();
  await form.getByLabel("id", { exact: true }).fill(id);
  await sendForm(page, form, "204 No Content");
  assert.equal((await alice.get(`/v1/conversations/${id}`)).status, 404);
});

inBrowser("a stream is shown as it arrives, until it is stopped", {}, async (page) => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "bob" });
  await open(page, "#listEvents");
  const form = await tryIt(page, "listEvents");
  await fillToken(form, alice.token);
  await form.getByLabel("Accept", { exact: true }).selectOption("text/event-stream");
  await sendForm(page, form, "200 OK");
  await alice.say(id, { message: "Good morning." });
  await form.locator(".body").getByText("Good morning.").waitFor();
  await form.getByRole("button", { name: "Stop" }).click();
  await form.getByRole("status").filter({ hasText: "Stopped." }).waitFor();
  assert.equal(await form.getByRole("button", { name: "Stop" }).isVisible(), false);
});

inBrowser("a long poll can be stopped", {}, async (page) => {
  const alice = await account();
  await open(page, "#listEvents");
  const form = await tryIt(page, "listEvents");
  await fillToken(form, alice.token);
  await form.getByLabel("starting_after", { exact: true }).fill("now");
  await form.getByLabel("wait", { exact: true }).fill("30");
  await form.getByRole("button", { name: "Send", exact: true }).click();
  await form.getByText("Waiting for the response…").waitFor();
  await form.getByRole("button", { name: "Stop" }).click();
  await form.getByRole("status").filter({ hasText: "Stopped." }).waitFor();
});

const stored = (page: Page) =>
  page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])");

inBrowser("the token is stored nowhere, unless the reader keeps it for the tab", {}, async (page) => {
  const { token } = await account();
  await open(page);
  const form = await tryIt(page, "listConversations");
  await fillToken(form, token);
  assert.ok(!String(await stored(page)).includes(token));
  // The forms of the page have one token.
  const other = await tryIt(page, "listMessages");
  assert.equal(await other.getByLabel("Token", { exact: true }).inputValue(), token);

  await form.getByLabel("Keep for this tab").check();
  await page.reload();
  const again = await tryIt(page, "listConversations");
  assert.equal(await again.getByLabel("Token", { exact: true }).inputValue(), token);
  assert.ok(await again.getByLabel("Keep for this tab").isChecked());
  await sendForm(page, again, "200 OK");

  await again.getByLabel("Keep for this tab").uncheck();
  assert.ok(!String(await stored(page)).includes(token));
});

inBrowser("everything can be done with the keyboard", {}, async (page) => {
  const alice = await account();
  await open(page);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to the contents");
  await page.keyboard.press("Enter");
  await page.locator('[data-try="listConversations"]').focus();
  await page.keyboard.press("Enter");
  const form = page.getByRole("form", { name: "Request" });
  await form.waitFor();
  // The form has the focus: its first field is the token.
  await page.keyboard.insertText(alice.token);
  await page.keyboard.press("Enter");
  await form.getByRole("status").filter({ hasText: "200 OK" }).waitFor();
});

for (const colorScheme of ["light", "dark"] as const) {
  inBrowser(
    `it follows the system's ${colorScheme} colour scheme, and is accessible`,
    { colorScheme },
    async (page) => {
      const alice = await account();
      await open(page);
      const background = String(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
      const [red = 0] = /\d+/.exec(background)!.map(Number);
      assert.equal(red < 128, colorScheme === "dark", background);
      for (const id of ["createConversation", "deleteMessage", "listEvents"]) {
        const form = await tryIt(page, id);
        await fillToken(form, alice.token);
      }
      await page.getByRole("form").first().getByRole("button", { name: "Send" }).click();
      await page.getByText("201 Created").waitFor();
      await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
      assert.deepEqual(await violations(page), []);
    },
  );
}

inBrowser("it fits a phone", { viewport: PHONE, isMobile: true, hasTouch: true }, async (page) => {
  await open(page);
  await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), PHONE.width);
  await page.getByRole("button", { name: "Contents" }).tap();
  const menu = page.getByRole("navigation", { name: "Contents" });
  await menu.getByRole("link", { name: /^List conversations/ }).tap();
  await menu.waitFor({ state: "hidden" });
  await page.getByRole("heading", { name: "List conversations" }).evaluate(inView);
  const form = await tryIt(page, "createMessage");
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), PHONE.width);
  const button = await form.getByRole("button", { name: "Send", exact: true }).boundingBox();
  assert.ok(button!.height >= 44);
});

test("each operation shows all its parameters, attributes in each content type, and statuses", async () => {
  const page = await (await fetch(`${origin}/`)).text();
  const resolve = (node: any): any =>
    node.$ref === undefined
      ? node
      : node.$ref
          .slice(2)
          .split("/")
          .reduce((at: any, key: string) => at[key], description);
  for (const item of Object.values<any>(description.paths))
    for (const [method, operation] of Object.entries<any>(item)) {
      if (operation.summary === undefined || (method === "patch" && item.put !== undefined)) continue;
      const section = page
        .split('<section class="operation">')
        .find((each) => each.includes(`id="${operation.operationId}"`))!;
      const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
      for (const { name } of parameters)
        assert.ok(section.includes(`<dt><code>${name}</code>`), `${operation.operationId} ${name}`);
      for (const [type, { schema }] of Object.entries<any>(resolve(operation.requestBody ?? {}).content ?? {})) {
        const [, body] = section.split(`<code>${type}</code></summary>`);
        for (const name of Object.keys(resolve(schema).properties))
          assert.ok(
            body!.split("</details>")[0]!.includes(`<dt><code>${name}</code>`),
            `${operation.operationId} ${type} ${name}`,
          );
      }
      for (const status of Object.keys(operation.responses))
        assert.ok(section.includes(`<dt><code>${status}</code></dt>`), `${operation.operationId} ${status}`);
    }
});

test("the page shows the version of the description", async () => {
  const page = await (await fetch(`${origin}/`)).text();
  assert.ok(page.includes(`Version ${description.info.version}`));
});

test("the security policy allows only scripts and styles from the Worker and requests to it", async () => {
  for (const path of ["/", "/inbox", "/webhooks"]) {
    const { headers } = await send("GET", path);
    const policy = new Map(
      String(headers["content-security-policy"])
        .split("; ")
        .map((directive) => directive.split(/ (.*)/s) as [string, string]),
    );
    assert.equal(policy.get("default-src"), "'none'", path);
    for (const name of ["script-src", "style-src", "connect-src"])
      assert.equal(policy.get(name), "'self'", `${path} ${name}`);
    for (const name of ["base-uri", "form-action", "frame-ancestors"])
      assert.equal(policy.get(name), "'none'", `${path} ${name}`);
    assert.equal(policy.get("require-trusted-types-for"), "'script'", path);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["referrer-policy"], "no-referrer", path);
  }
});
