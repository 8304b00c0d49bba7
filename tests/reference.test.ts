// Each curl line of the reference, sent byte for byte as curl sends it, and answered as the reference shows.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { FIELDS } from "./support/expectations.ts";
import { raw } from "./support/http.ts";
import { EXAMPLE } from "./support/reference.ts";
import { origin } from "./support/server.ts";

const HOST = origin.slice("http://".length);

/** What curl puts on the wire for the options the reference uses: -G, -X, -H and -d. */
function curl(token: string, path: string, { get = false, verb = "", data = "" } = {}): Promise<Answer> {
  const method = verb || (data === "" || get ? "GET" : "POST");
  const body = get ? "" : data;
  return raw(
    `${method} ${path}${get ? `?${data}` : ""} HTTP/1.1\r\n` +
      `Host: ${HOST}\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\nAuthorization: Bearer ${token}\r\n` +
      (body === "" ? "" : `Content-Length: ${body.length}\r\nContent-Type: application/x-www-form-urlencoded\r\n`) +
      `Connection: close\r\n\r\n${body}`,
  );
}

/** An account that holds the two conversations of the reference's examples. */
async function example() {
  const holder = await account();
  const { id, contact_id, last_active_at, last_opened_at, created_at } = EXAMPLE;
  await holder.insert({ id, contact_id, last_active_at, last_opened_at, created_at });
  await holder.insert({ id: "hSIhXBhNe8X1d8Et" });
  return holder;
}

test("curl -G …/v1/conversations -d limit=10", async () => {
  const { token } = await example();
  const { status, json, text } = await curl(token, "/v1/conversations", { get: true, data: "limit=10" });
  assert.equal(status, 200);
  assert.ok(text.startsWith(`{"has_more":false,"data":[${JSON.stringify(EXAMPLE)},{"id":"hSIhXBhNe8X1d8Et",`), text);
  assert.equal(json.data.length, 2);
});

test("curl …/v1/conversations -d 'contact_id'=\"WAz8eIbvDR60rouK\"", async () => {
  const { token } = await example();
  const { status, json } = await curl(token, "/v1/conversations", { data: "contact_id=WAz8eIbvDR60rouK" });
  assert.equal(status, 201);
  const { id, created_at } = json;
  assert.deepEqual(Object.keys(json), FIELDS);
  assert.deepEqual(json, { ...EXAMPLE, id, created_at, last_active_at: null, last_opened_at: null });
});

test("curl …/v1/conversations/xgQQXg3hrtjh7AvZ", async () => {
  const { token } = await example();
  const { status, text } = await curl(token, "/v1/conversations/xgQQXg3hrtjh7AvZ");
  assert.equal(status, 200);
  assert.equal(text, JSON.stringify(EXAMPLE));
});

test("curl -X PUT …/v1/conversations/xgQQXg3hrtjh7AvZ -d 'is_muted'=true", async () => {
  const { token } = await example();
  const { status, text } = await curl(token, "/v1/conversations/xgQQXg3hrtjh7AvZ", {
    verb: "PUT",
    data: "is_muted=true",
  });
  assert.equal(status, 200);
  assert.equal(text, JSON.stringify({ ...EXAMPLE, is_muted: true }));
});

test("curl -X DELETE …/v1/conversations/xgQQXg3hrtjh7AvZ", async () => {
  const { token, contents } = await example();
  const { status, text } = await curl(token, "/v1/conversations/xgQQXg3hrtjh7AvZ", { verb: "DELETE" });
  assert.equal(status, 204);
  assert.equal(text, "");
  assert.deepEqual(
    (await contents()).conversations.map(({ id }) => id),
    ["hSIhXBhNe8X1d8Et"],
  );
});

test("all documented parameters of the list, and all attributes of an update, can be combined", async () => {
  const { token } = await example();
  const filters = "limit=10&muted=false&archived=false&pinned=false&group_id=WAz8eIbvDR60rouK";
  assert.equal(
    (await curl(token, "/v1/conversations", { get: true, data: filters })).text,
    '{"has_more":false,"data":[]}',
  );
  const changes = "is_pinned=true&is_muted=true&archived_at=705103200&pinned_message_id=";
  const { text } = await curl(token, "/v1/conversations/xgQQXg3hrtjh7AvZ", { verb: "PUT", data: changes });
  assert.equal(text, JSON.stringify({ ...EXAMPLE, is_pinned: true, is_muted: true, archived_at: 705103200 }));
});
