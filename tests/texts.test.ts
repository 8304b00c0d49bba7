// The files for programs that are no pages: what they say, their types, and that caches may keep them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { parse } from "yaml";
import { securityExpiry } from "../scripts/site/texts.ts";
import { send } from "./support/http.ts";
import { description, methodsOf } from "./support/openapi.ts";
import { origin } from "./support/server.ts";

const source = readFileSync(new URL("../openapi.yaml", import.meta.url), "utf8");
const DAY = 24 * 60 * 60 * 1000;

/** A file with the type that it must have, which is cached and revalidated, or kept for a time. */
async function file(path: string, type: RegExp, cache = "public, max-age=0, must-revalidate"): Promise<string> {
  const { status, headers, text } = await send("GET", path);
  assert.deepEqual([status, headers["cache-control"]], [200, cache], path);
  assert.match(String(headers["content-type"]), type, path);
  const again = await send("GET", path, { "If-None-Match": headers.etag });
  assert.deepEqual([again.status, again.text], [304, ""], path);
  assert.equal((await send("HEAD", path)).headers["content-type"], headers["content-type"], path);
  assert.equal((await send("POST", path)).status, 405, path);
  return text;
}

test("/openapi.yaml is the description, which says the same as /openapi.json", async () => {
  const text = await file("/openapi.yaml", /^application\/yaml; charset=utf-8$/);
  assert.equal(text, source);
  assert.deepEqual(parse(text), (await send("GET", "/openapi.json")).json);
});

test("/llms.txt has a title, a summary, all the guides as text, every endpoint, and links that work", async () => {
  const text = await file("/llms.txt", /^text\/plain; charset=utf-8$/);
  assert.match(text, /^# Conversations API\n\n> .+\n\n/);
  const lines = new Set(text.split("\n"));
  for (const line of description.info.description.split("\n"))
    if (!line.startsWith("#")) assert.ok(lines.has(line), line);
  const headings = text.match(/^#+ .*/gm)!;
  assert.equal(headings.filter((each) => each.startsWith("# ")).length, 1);
  for (const [, heading] of description.info.description.matchAll(/^(#+ .*)/gm))
    assert.ok(headings.includes(`#${heading}`), heading);
  for (const path of Object.keys(description.paths))
    for (const method of methodsOf(path)) assert.match(text, new RegExp(`^- \`${method} ${path}\`: .+$`, "m"));
  const links = [...text.matchAll(/\]\((\/[^)]*)\)/g)].map(([, link]) => link!);
  assert.ok(links.includes("/openapi.json") && links.includes("/openapi.yaml"));
  for (const link of new Set(links)) assert.equal((await send("GET", link)).status, 200, link);
});

test("/favicon.ico is an icon in several sizes", async () => {
  await file("/favicon.ico", /^image\/(x-icon|vnd\.microsoft\.icon)$/, "public, max-age=86400");
  const response = await fetch(`${origin}/favicon.ico`);
  const bytes = Buffer.from(await response.arrayBuffer());
  const count = bytes.readUInt16LE(4);
  assert.deepEqual([bytes.readUInt16LE(0), bytes.readUInt16LE(2)], [0, 1]);
  const sizes = Array.from({ length: count }, (_, index) => {
    const entry = bytes.subarray(6 + 16 * index);
    const image = bytes.subarray(entry.readUInt32LE(12), entry.readUInt32LE(12) + entry.readUInt32LE(8));
    assert.equal(image.toString("latin1", 1, 4), "PNG");
    assert.equal(image.readUInt32BE(16), entry[0]);
    return entry[0];
  });
  assert.deepEqual(sizes, [16, 32, 48]);
});

test("/.well-known/security.txt says whom to tell, as RFC 9116, and until when that is right", async () => {
  const text = await file("/.well-known/security.txt", /^text\/plain; charset=utf-8$/);
  const fields = text
    .trim()
    .split("\n")
    .map((line) => line.split(": "));
  assert.deepEqual(
    fields.map(([name]) => name),
    ["Contact", "Expires", "Preferred-Languages"],
  );
  const { Contact, Expires } = Object.fromEntries(fields);
  assert.equal(Contact, "mailto:security@self.chat");
  assert.match(Expires, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const left = (Date.parse(Expires) - Date.now()) / DAY;
  assert.ok(left > 60 && left < 366, Expires);
});

test("what is built on any day says an expiry that is months away, and less than a year", () => {
  for (let day = Date.UTC(2026, 0, 1); day < Date.UTC(2030, 0, 1); day += DAY) {
    const left = (Date.parse(securityExpiry(new Date(day))) - day) / DAY;
    assert.ok(left > 300 && left < 366, `${new Date(day).toISOString()}: ${left} days`);
  }
});

test("no other file of the well-known folder, and no file beside these, is served", async () => {
  for (const path of ["/.well-known/", "/.well-known/change-password", "/security.txt", "/llms-full.txt", "/_headers"])
    assert.equal((await send("GET", path)).status, 404, path);
});
