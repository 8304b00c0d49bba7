// A request whose caller goes away leaves nothing in the wasm's memory. 1,500 requests of each kind would show it: each
// left 1.8 kB when it did, and one with a long URL 11 kB. `ABORTS=100000 npm test -- --only tests/aborts.test.ts` sends
// more.

import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { account } from "./support/accounts.ts";
import { FORM, keyed, textOf } from "./support/http.ts";
import { COLLECTION, item, MESSAGES, messageItem, NO_ID } from "./support/paths.ts";
import { hostname, origin, port } from "./support/server.ts";
import { newToken } from "./support/tokens.ts";

const COUNT = Number(process.env.ABORTS ?? 1500);
const AT_ONCE = 32;
/** Requests after which the memory has about its working size, and bytes that it varies by: how many requests wait at
 * the same time is chance. */
const WARM_UP = 1000;
const WORKING_BYTES = 1024 * 1024;

const alice = await account();
const authorized = { Authorization: `Bearer ${alice.token}` };
const chunked = { "Transfer-Encoding": "chunked" };
const long = `?${"x".repeat(8000)}`;

/** What is sent before the connection is closed. */
const KINDS = {
  "a part of the head": textOf("GET", COLLECTION, authorized).slice(0, -10),
  "the head of a POST": textOf("POST", COLLECTION + long, { ...authorized, "Content-Length": "1000" }),
  "half of a body": textOf(
    "POST",
    MESSAGES,
    { ...authorized, "Content-Type": FORM, "Content-Length": "60000" },
    `message=${"x".repeat(30_000)}`,
  ),
  "a request that D1 works on": textOf("GET", `${COLLECTION}?limit=100`, authorized),
  "a write that D1 works on": textOf(
    "POST",
    COLLECTION,
    { ...authorized, "Content-Type": FORM, "Content-Length": "14" },
    "contact_id=bob",
  ),
  "a request with an unknown token": textOf("GET", COLLECTION + long, { Authorization: `Bearer ${newToken()}` }),
  "a request with a malformed token": textOf("POST", COLLECTION + long, { Authorization: "Bearer x", ...chunked }),
  "long headers": textOf("GET", item(NO_ID), { ...authorized, "If-None-Match": '"a",'.repeat(2000) }),
  "half of a body in chunks": textOf(
    "POST",
    MESSAGES,
    { ...authorized, "Content-Type": FORM, ...chunked },
    `7530\r\nmessage=${"x".repeat(29_992)}\r\n`,
  ),
  "the beginning of a body too large": textOf(
    "PUT",
    messageItem(NO_ID) + long,
    { ...authorized, "Content-Type": FORM, "Content-Length": "100000000" },
    "x".repeat(200_000),
  ),
  "a write with a key that D1 works on": textOf(
    "POST",
    COLLECTION + long,
    { ...authorized, ...keyed("a"), "Content-Type": FORM, "Content-Length": "14" },
    "contact_id=bob",
  ),
  "HEAD, OPTIONS, a preflight, an unknown path, a page and the health check, all at once": [
    textOf("HEAD", COLLECTION + long, authorized),
    textOf("OPTIONS", COLLECTION + long),
    textOf("OPTIONS", COLLECTION + long, { "Access-Control-Request-Method": "POST" }),
    textOf("GET", `/v1/nothing${long}`),
    textOf("GET", `/inbox${long}`),
    textOf("GET", `/health${long}`),
  ]
    .join("")
    .replaceAll("Connection: close\r\n", ""),
};

for (const [kind, bytes] of Object.entries(KINDS)) {
  test(`${kind}, then nothing: the wasm's memory does not grow`, async () => {
    await abort(bytes, WARM_UP);
    const before = await memory();
    await abort(bytes, COUNT);
    const growth = (await memory()) - before;
    assert.ok(growth <= WORKING_BYTES, `${growth} bytes after ${COUNT} requests`);
    assert.equal((await alice.get(COLLECTION)).status, 200);
  });
}

/** Sends so many requests and closes each connection as soon as the bytes are sent. */
async function abort(bytes: string, count: number) {
  let left = count;
  const sender = async () => {
    for (; left > 0; left -= 1) await sendAndClose(bytes);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
}

function sendAndClose(bytes: string) {
  return new Promise<void>((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => socket.write(bytes, () => socket.resetAndDestroy()));
    socket.on("close", () => resolve());
    socket.on("error", (error: NodeJS.ErrnoException) => (error.code === "ECONNRESET" ? undefined : reject(error)));
  });
}

/** Bytes of the wasm's memory. */
async function memory() {
  return Number(await (await fetch(origin, { headers: { "x-test-memory": "1" } })).text());
}
