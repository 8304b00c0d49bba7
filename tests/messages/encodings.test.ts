// 10,000 characters are a valid text in every encoding, and 10,001 are not: as a form and as JSON, with and without
// escapes.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError, assertMessage } from "../support/expectations.ts";
import { FORM, JSON_TYPE } from "../support/http.ts";
import { MESSAGES, messageItem } from "../support/paths.ts";

type Attributes = Record<string, string>;

/** Every UTF-16 code unit as an escape: 12 bytes for a character outside the Basic Multilingual Plane. */
const escaped = (text: string) =>
  Array.from({ length: text.length }, (_, n) => `\\u${text.charCodeAt(n).toString(16).padStart(4, "0")}`).join("");
/** Every byte of UTF-8 as an escape: 12 bytes for such a character, too. */
const percentEncoded = (text: string) => Buffer.from(text).toString("hex").replace(/../g, "%$&");

const members = (attributes: Attributes, encode: (text: string) => string) =>
  `{${Object.entries(attributes).map(([name, value]) => `"${name}":"${encode(value)}"`)}}`;

const ENCODINGS: [name: string, type: string, encode: (attributes: Attributes) => string][] = [
  ["a form", FORM, (attributes) => new URLSearchParams(attributes).toString()],
  [
    "a form, every byte percent-encoded",
    FORM,
    (attributes) =>
      Object.entries(attributes)
        .map(([name, value]) => `${name}=${percentEncoded(value)}`)
        .join("&"),
  ],
  ["JSON", JSON_TYPE, (attributes) => JSON.stringify(attributes)],
  ["JSON, every character escaped", JSON_TYPE, (attributes) => members(attributes, escaped)],
];

for (const [name, type, encode] of ENCODINGS) {
  for (const character of ["x", "é", "漢", "😀"]) {
    test(`${name}: 10,000 times ${character} is a valid text, 10,001 times is not`, async () => {
      const alice = await account();
      const conversation_id = await alice.insert();
      const id = await alice.insertMessage(conversation_id);
      const [message, longer] = [character.repeat(10_000), character.repeat(10_001)];
      // The longest value of every other attribute.
      const others = { conversation_id, contact_id: "c".repeat(64) };
      const send = (method: string, path: string, attributes: Attributes) =>
        alice.send(method, path, { "Content-Type": type }, encode(attributes));

      const created = await send("POST", MESSAGES, { ...others, message });
      assert.equal(created.status, 201, created.text.slice(0, 300));
      assertMessage(created.json, { ...others, message });
      assertError(await send("POST", MESSAGES, { ...others, message: longer }), 400, "parameter_invalid", "message");

      for (const method of ["PUT", "PATCH"]) {
        const updated = await send(method, messageItem(id), { message });
        assert.equal(updated.status, 200, updated.text.slice(0, 300));
        assertMessage(updated.json, { id, message });
        assertError(await send(method, messageItem(id), { message: longer }), 400, "parameter_invalid", "message");
      }
    });
  }
}
