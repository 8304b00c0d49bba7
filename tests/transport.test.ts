// Transport: https or nothing, and the headers that tell browsers and caches so. That every response has `nosniff` and
// the `Cache-Control` of its kind is asserted in tests/support/audit.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "./support/accounts.ts";
import { api, send } from "./support/http.ts";
import { METHODS_AND_PATHS } from "./support/operations.ts";
import { COLLECTION, item, MESSAGES, NO_ID } from "./support/paths.ts";
import { dispatch, origin } from "./support/server.ts";
import { newToken } from "./support/tokens.ts";

const HOST = "api.self.chat";
/** Everything that can be asked for, with an id that no object has. */
const TARGETS = [
  ...METHODS_AND_PATHS.map(({ method, path }) => ({ method, path: path.replace("{id}", NO_ID) })),
  ...["/", "/inbox", "/webhooks", "/openapi.json", "/health", "/v1/nothing"].map((path) => ({ method: "GET", path })),
  { method: "OPTIONS", path: COLLECTION },
  { method: "PROPFIND", path: COLLECTION },
];

test("plain HTTP is a 403 that says https, before anything of the request is looked at", async () => {
  const alice = await account();
  const before = await alice.everything();
  for (const { method, path } of TARGETS) {
    const body = ["POST", "PUT", "PATCH"].includes(method) ? "contact_id=bob" : undefined;
    for (const headers of [
      { Authorization: `Bearer ${alice.token}` },
      { "Access-Control-Request-Method": "GET" },
      {},
    ] as Record<string, string>[]) {
      const response = await dispatch(`http://${HOST}${path}`, { method, headers, body });
      const what = `${method} ${path} ${Object.keys(headers)}`;
      assert.equal(response.status, 403, what);
      assert.equal(response.headers.get("x-test-d1-calls"), "0", what);
      assert.equal(response.headers.get("x-test-limited"), "[]", what);
      assert.equal(response.headers.get("cache-control"), "private, no-store", what);
      assert.equal(response.headers.get("strict-transport-security"), null, "RFC 6797, section 7.2");
      if (method === "HEAD") continue;
      const error = (await response.json()) as Record<string, string>;
      assert.deepEqual(
        [error.type, error.code, error.param, error.documentation_url],
        ["invalid_request", "https_required", null, `https://${HOST}/#https_required`],
        what,
      );
      assert.match(String(error.message), /https.*token/);
    }
  }
  assert.deepEqual(await alice.everything(), before);
});

test("plain HTTP works on loopback, whatever its name, and nowhere else", async () => {
  const { token } = await account();
  const status = async (host: string) => {
    const response = await dispatch(`http://${host}${COLLECTION}`, { headers: { Authorization: `Bearer ${token}` } });
    return response.status;
  };
  for (const host of ["localhost", "localhost:8787", "a.localhost", "127.0.0.1:8787", "127.1.2.3", "[::1]", "[::1]:80"])
    assert.equal(await status(host), 200, host);
  for (const host of [
    "localhost.self.chat",
    "127.0.0.1.self.chat",
    "notlocalhost",
    "0.0.0.0",
    "10.0.0.1",
    "128.0.0.1:8787",
    "[::2]",
    "[::ffff:127.0.0.1]",
  ])
    assert.equal(await status(host), 403, host);
});

test("a header cannot make plain HTTP look like https", async () => {
  const headers = { "X-Forwarded-Proto": "https", Forwarded: "proto=https;host=localhost", "CF-Visitor": "https" };
  assert.equal((await dispatch(`http://${HOST}/health`, { headers })).status, 403);
});

test("over https every response asks browsers for https for two years, of this host alone", async () => {
  const { token } = await account();
  for (const { method, path } of TARGETS) {
    for (const headers of [
      { Authorization: `Bearer ${token}` },
      { "Access-Control-Request-Method": "GET" },
      {},
    ] as Record<string, string>[]) {
      const response = await dispatch(`https://${HOST}${path}`, { method, headers });
      await response.body?.cancel();
      assert.notEqual(response.status, 403, `${method} ${path}`);
      assert.equal(response.headers.get("strict-transport-security"), "max-age=63072000", `${method} ${path}`);
      assert.equal(response.headers.get("x-content-type-options"), "nosniff", `${method} ${path}`);
    }
  }
});

test("no cache may store messages, tokens and errors; of the rest a browser may, and must ask again", async () => {
  const alice = await account();
  const id = await alice.insert();
  const { id: message } = await alice.say(id);
  for (const [path, expected] of [
    [MESSAGES, "private, no-store"],
    [`${MESSAGES}/${message}`, "private, no-store"],
    ["/v1/tokens", "private, no-store"],
    [COLLECTION, "private, no-cache"],
    [item(id), "private, no-cache"],
    ["/health", "private, no-cache"],
    [item(NO_ID), "private, no-store"],
    ["/v1/nothing", "private, no-store"],
  ] as const) {
    assert.equal((await alice.get(path)).headers["cache-control"], expected, path);
    assert.equal((await alice.head(path)).headers["cache-control"], expected, `HEAD ${path}`);
  }
  assert.equal((await api(newToken()).get(COLLECTION)).headers["cache-control"], "private, no-store");
  const fault = await alice.get(COLLECTION, undefined, { "x-test-trap": "memory" });
  assert.deepEqual([fault.status, fault.headers["cache-control"]], [500, "private, no-store"]);
});

test("pages stay alone in their window, and in no frame", async () => {
  for (const path of ["/", "/inbox", "/webhooks"]) {
    const { headers } = await send("GET", path);
    assert.equal(headers["cross-origin-opener-policy"], "same-origin", path);
    assert.equal(headers["x-frame-options"], "DENY", path);
    assert.match(String(headers["content-security-policy"]), /frame-ancestors 'none'/, path);
  }
});

test("every static file has nosniff once, and its own Cache-Control", async () => {
  for (const path of ["/", "/inbox", "/webhooks", "/openapi.json"]) {
    const { headers } = await file(path);
    assert.equal(headers.get("cache-control"), "public, max-age=0, must-revalidate", path);
    const again = await fetch(`${origin}${path}`, { headers: { "If-None-Match": headers.get("etag")! } });
    await again.body?.cancel();
    assert.equal(again.status, 304, path);
  }
});

test("a page's files have a hash in their names, and browsers keep them", async () => {
  for (const page of ["/", "/inbox", "/webhooks"]) {
    const html = await (await fetch(`${origin}${page}`)).text();
    const paths = [...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
    assert.deepEqual([...new Set(paths.map((path) => path.split(".").at(-1)))].sort(), ["css", "js", "svg"], page);
    for (const path of paths) {
      assert.match(path, /-[0-9A-Z]{8}\.(?:css|js|svg)$/, page);
      const { headers } = await file(path);
      assert.equal(headers.get("cache-control"), "public, max-age=31536000, immutable", path);
    }
  }
});

/** A static file. */
async function file(path: string): Promise<Response> {
  const response = await fetch(`${origin}${path}`);
  await response.body?.cancel();
  assert.equal(response.status, 200, path);
  assert.equal(response.headers.get("x-content-type-options"), "nosniff", path);
  return response;
}
