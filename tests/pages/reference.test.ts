// The page at `/`: the API reference.

import assert from "node:assert/strict";
import test from "node:test";
import type { Page } from "playwright-core";
import { account } from "../support/accounts.ts";
import { send } from "../support/http.ts";
import { origin } from "../support/server.ts";
import { inBrowser, PHONE, violations } from "./browser.ts";

const description: any = await (await fetch(`${origin}/openapi.json`)).json();
const operations = Object.values<any>(description.paths).flatMap((path) =>
  Object.values<any>(path).filter((operation) => operation.summary),
);
const codes: string[] = description.components.schemas.Error.properties.code.enum;

async function open(page: Page, hash = ""): Promise<void> {
  await page.goto(`/${hash}`);
  await page.getByRole("heading", { name: "First call" }).waitFor();
}

/** Waits until an element is in view. Runs in the page. */
const inView = (element: any): Promise<void> =>
  new Promise((resolve) =>
    new (globalThis as any).IntersectionObserver(
      (entries: any[]) => entries.some((entry) => entry.isIntersecting) && resolve(),
    ).observe(element),
  );

const heading = (page: Page, code: string) => page.locator(`h2[id="api/${code}"]`);

inBrowser("it begins with the guides, with this origin in the commands", {}, async (page) => {
  await open(page);
  for (const name of ["First call", "Tokens", "Paging", "Follow changes", "Retries", "Errors"]) {
    await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor({ state: "attached" });
  }
  await page.getByText(`curl -G ${origin}/v1/conversations`).first().waitFor();
  assert.doesNotMatch(String(await page.locator("body").textContent()), /\{origin\}/);
});

inBrowser(
  "it lists every endpoint of the API description",
  { viewport: { width: 1280, height: 1600 } },
  async (page) => {
    await open(page);
    const menu = page.locator("aside");
    for (const { name } of description.tags.slice(1)) await menu.getByRole("link", { name, exact: true }).click();
    for (const { summary } of operations) await menu.getByText(summary, { exact: true }).waitFor();
  },
);

inBrowser("the documentation_url of every error leads to its section", {}, async (page) => {
  for (const code of codes) {
    // The link may open a new page, or change the hash of an open one.
    if (code === codes[0] || code === "method_not_allowed") await open(page, `#${code}`);
    else await page.evaluate(`location.hash = "${code}"`);
    await heading(page, code).waitFor();
    await heading(page, code).evaluate(inView);
    assert.equal(await heading(page, code).textContent(), code);
  }
});

inBrowser("a request is sent with the reader's token, and the response is shown", {}, async (page) => {
  const alice = await account();
  const id = await alice.insert({ contact_id: "bob" });
  await open(page);
  await page.getByPlaceholder("Token").fill(alice.token);
  await page.getByRole("link", { name: "List conversations" }).first().click();
  await page.getByRole("button", { name: /^Test Request.*get \/v1\/conversations\)/ }).click();
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === "/v1/conversations");
  await page.getByRole("dialog").getByRole("button", { name: /^Send/ }).first().click();
  const answer = await answered;
  assert.equal(answer.status(), 200);
  assert.equal(await answer.request().headerValue("authorization"), `Bearer ${alice.token}`);
  await page.getByRole("dialog").getByText("200 OK").waitFor();
  await page.getByRole("dialog").getByText(id).waitFor();
});

inBrowser("the token is stored nowhere", {}, async (page) => {
  const { token } = await account();
  await open(page);
  await page.getByPlaceholder("Token").fill(token);
  await page.getByRole("heading", { name: "First call" }).click();
  const stored = await page.evaluate(
    "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href])",
  );
  assert.ok(!String(stored).includes(token), String(stored));
});

for (const colorScheme of ["light", "dark"] as const) {
  inBrowser(
    `it follows the system's ${colorScheme} colour scheme, and is accessible`,
    { colorScheme },
    async (page) => {
      await open(page);
      const background = String(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
      const [red = 0] = /\d+/.exec(background)!.map(Number);
      assert.equal(red < 128, colorScheme === "dark", background);
      assert.deepEqual(await violations(page), []);
      await page.getByRole("link", { name: /^List conversations/ }).click();
      await page
        .getByRole("button", { name: /^Test Request/ })
        .first()
        .waitFor();
      assert.deepEqual(await violations(page), []);
    },
  );
}

inBrowser("it fits a phone", { viewport: PHONE }, async (page) => {
  await open(page);
  assert.equal(await page.evaluate("document.documentElement.scrollWidth"), PHONE.width);
  await page.getByRole("button", { name: "Open Menu" }).click();
  await page
    .getByRole("link", { name: /^List conversations/ })
    .locator("visible=true")
    .click();
  await page.getByRole("heading", { name: "List conversations" }).waitFor();
});

test("the security policy allows only scripts from the Worker and requests to it", async () => {
  for (const path of ["/", "/inbox", "/webhooks"]) {
    const { headers } = await send("GET", path);
    const policy = new Map(
      String(headers["content-security-policy"])
        .split("; ")
        .map((directive) => directive.split(/ (.*)/s) as [string, string]),
    );
    assert.equal(policy.get("default-src"), "'none'", path);
    assert.equal(policy.get("script-src"), "'self'", path);
    assert.equal(policy.get("connect-src"), "'self'", path);
    assert.equal(policy.get("style-src"), path === "/" ? "'self' 'unsafe-inline'" : "'self'", path);
    for (const name of ["base-uri", "form-action", "frame-ancestors"])
      assert.equal(policy.get(name), "'none'", `${path} ${name}`);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["referrer-policy"], "no-referrer", path);
  }
});
