// What a request costs before its token is known to be valid: reading the most tedious bodies, queries and headers
// takes at most five times as long as reading plain ones of the same size. Time is the least of many turns, and the
// turns of all requests alternate: a busy machine makes single turns longer, not the least of them. What seems to take
// too long has more turns, since other programs may have been in the way each time.

import assert from "node:assert/strict";
import http from "node:http";
import test from "node:test";
import { FORM, type Headers, JSON_TYPE, keyed } from "./support/http.ts";
import { COLLECTION, item, MESSAGES, NO_ID } from "./support/paths.ts";
import { hostname, port } from "./support/server.ts";
import { newToken } from "./support/tokens.ts";

const TURNS = 9;
const MAX_TURNS = 1000;
const RATIO = 5;

interface Sent {
  method: string;
  path: string;
  headers: Headers;
  body?: string;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
test.after(() => agent.destroy());

/** A token that could be valid. There is no database here, which would take most of the time. */
const authorization = { Authorization: `Bearer ${newToken()}`, "x-test-no-d1": "1" };

/** Sends it and returns how long the response took, in milliseconds. */
function time({ method, path, headers, body }: Sent) {
  return new Promise<number>((resolve, reject) => {
    const start = performance.now();
    const all = { ...authorization, ...headers, ...(body && { "Content-Length": String(Buffer.byteLength(body)) }) };
    const request = http.request({ agent, host: hostname, port, method, path, headers: all }, (response) => {
      response.resume();
      response.on("end", () => resolve(performance.now() - start));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Fails if one of the requests takes much longer than the plain one. */
function compare(title: string, plain: Sent, tedious: Record<string, Sent>) {
  test(title, async () => {
    const [expected, ...times] = [plain, ...Object.values(tedious)].map((request) => ({ request, least: Infinity }));
    const slow = () => times.filter(({ least }) => least > RATIO * expected!.least);
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      const counted = turn < TURNS ? times : slow();
      if (counted.length === 0) break;
      for (const each of [expected!, ...counted]) each.least = Math.min(each.least, await time(each.request));
    }
    for (const [at, name] of Object.keys(tedious).entries()) {
      const ratio = times[at]!.least / expected!.least;
      const plainly = `the ${expected!.least.toFixed(2)} ms of the plain one`;
      assert.ok(ratio <= RATIO, `${name}: ${ratio.toFixed(1)} times ${plainly}`);
    }
  });
}

/** A text repeated to a size. */
const filled = (size: number, text: string) => text.repeat(Math.ceil(size / text.length)).slice(0, size);
/** Different names, joined to a size. */
function named(size: number, separator: string, text: (number: number) => string) {
  const parts: string[] = [];
  for (let length = 0; length < size; length += parts.at(-1)!.length + separator.length) parts.push(text(parts.length));
  return parts.join(separator).slice(0, size);
}
/** As many names as there may be, equal but for their last characters. */
const similar = (size: number, separator: string, text: (name: string) => string) =>
  Array.from({ length: 64 }, (_, n) => text(filled(size / 64 - 8, "n") + String(n).padStart(2, "0"))).join(separator);

const KIB = 1024;
/** Cloudflare takes no longer ones. */
const URL_SIZE = 16 * KIB;

{
  const size = 128 * KIB;
  const post = (type: string, body: string, headers: Headers = {}): Sent => ({
    method: "POST",
    path: MESSAGES,
    headers: { "Content-Type": type, ...headers },
    body,
  });

  const form = (body: string) => post(FORM, body);
  const text = (unit: string) => `message=${unit.repeat(size)}`;
  compare("forms of 128 KiB", form(filled(size, text("x"))), {
    "different names": form(named(size, "&", (n) => n.toString(36))),
    "the same name": form(filled(size, "a&")),
    separators: form(filled(size, "&")),
    "64 similar names": form(similar(size, "&", (name) => name)),
    "a name without a value": form(filled(size, "x")),
    "percent-encoded text": form(filled(size, text("%c3%a9"))),
    "percent-encoding that ends wrongly": form(`${filled(size - 3, text("%41"))}%zz`),
    "different names, with an Idempotency-Key": post(
      FORM,
      named(size, "&", (n) => n.toString(36)),
      keyed("a"),
    ),
  });

  const json = (body: string) => post(JSON_TYPE, body);
  const member = (value: string) => `{"message":${value}}`;
  const room = size - member("").length;
  compare("JSON of 128 KiB", json(member(`"${filled(room - 2, "x")}"`)), {
    "different names": json(`{${named(size - 8, ",", (n) => `"${n.toString(36)}":0`)}`),
    "the same name": json(`{${filled(size - 2, '"a":0,')}"`),
    "64 similar names": json(`{${similar(size - 2, ",", (name) => `"${name}":0`)}}`),
    "a long name": json(`{"${filled(size - 6, "n")}":0}`),
    "nested lists": json(member("[".repeat(room / 2) + "]".repeat(room / 2))),
    "lists without an end": json(filled(size, `{"a":${"[".repeat(size)}`)),
    "nested objects": json(member(`${'{"a":'.repeat(room / 6 - 1)}0${"}".repeat(room / 6 - 1)}`)),
    "a list of numbers": json(member(`[${filled(room - 3, "0,")}0]`)),
    "a long number": json(member(filled(room, "1"))),
    "escaped text": json(member(`"${"\\u00e9".repeat(room / 6 - 1)}"`)),
    spaces: json(`${" ".repeat(size - 2)}{}`),
    "a mistake at the end": json(`${filled(size - 1, `{"a":"${"\\n".repeat(size)}`)}!`),
  });
}

{
  const size = 60 * KIB;
  const get = (path: string, headers: Headers = {}): Sent => ({ method: "GET", path, headers });
  // The platform takes its own time for a URL with many separators: so much as at a path that is not there.
  const queries = {
    "different names": named(URL_SIZE, "&", (n) => n.toString(36)),
    "the same name": filled(URL_SIZE, "a&"),
    "64 similar names": similar(URL_SIZE, "&", (name) => name),
    separators: filled(URL_SIZE, "&"),
    "percent-encoded text": filled(URL_SIZE, `contact_id=${"%41".repeat(URL_SIZE)}`),
  };
  for (const [name, query] of Object.entries(queries))
    compare(`a query of 16 KiB: ${name}`, get(`/v1/nothing?${query}`), { read: get(`${COLLECTION}?${query}`) });
  compare("paths of 16 KiB", get(filled(URL_SIZE, `/v1/nothing${"x".repeat(URL_SIZE)}`)), {
    "a long id": get(item(filled(URL_SIZE, "x"))),
    "many segments": get(filled(URL_SIZE, `${COLLECTION}${"/x".repeat(URL_SIZE)}`)),
    "percent-encoded segments": get(filled(URL_SIZE, `${COLLECTION}/${"%2e".repeat(URL_SIZE)}`)),
  });

  const read = (name: string, value: string) => get(item(NO_ID), { [name]: value });
  const sent = (type: string) => ({ method: "POST", path: MESSAGES, headers: { "Content-Type": type }, body: "a=b" });
  compare("headers of 60 KiB", read("If-None-Match", `"${filled(size - 2, "x")}"`), {
    tags: read("If-None-Match", filled(size, '"a",')),
    "weak tags": read("If-None-Match", filled(size, 'W/"a" , ')),
    commas: read("If-None-Match", filled(size, ",")),
    "commas and spaces, then one tag": read("If-None-Match", `${filled(size - 3, ", ")}"a"`),
    "a token": read("Authorization", `Bearer ${filled(size, "x")}`),
    "spaces before a token": read("Authorization", `Bearer${" ".repeat(size)}x`),
    "a scheme": read("Authorization", filled(size, "x")),
    "an address": read("CF-Connecting-IP", filled(size, "1:")),
    "a key": { ...sent(FORM), headers: { "Content-Type": FORM, ...keyed(`"${filled(size, "\\\\")}`) } },
    "parameters of a content type": sent(`${FORM}${"; charset=utf-8".repeat(size / 15)}`),
    "semicolons in a content type": sent(filled(size, ";")),
  });
}
