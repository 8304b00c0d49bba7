// Bodies that are not what they say, of other media types, and too large: on every operation.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { account } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { assertError } from "../support/expectations.ts";
import { FORM, type Headers, JSON_TYPE, raw, textOf } from "../support/http.ts";
import { type Mistake, mistake, withBody } from "../support/mistakes.ts";
import { formOf, OPERATIONS, type Operation, operation } from "../support/operations.ts";
import { COLLECTION, item, MESSAGES } from "../support/paths.ts";
import { example } from "../support/requests.ts";
import { type Case, refused, shown } from "./refused.ts";

const KIB = 1024;
const MIB = KIB * KIB;

const NOT_AN_OBJECT = [
  "[]",
  "[{}]",
  "null",
  "true",
  "1",
  "1.5",
  '"contact_id"',
  "{",
  "}",
  "{}{}",
  "{} x",
  '{"contact_id":"bob"',
  '{"contact_id":"bob",}',
  "{'contact_id':'bob'}",
  '{contact_id:"bob"}',
  '{"contact_id"}',
  '{"contact_id":}',
  '{"contact_id":01}',
  '{"contact_id":+1}',
  '{"contact_id":.5}',
  '{"contact_id":NaN}',
  '{"contact_id":undefined}',
  '{"contact_id":"a\nb"}',
  '{"contact_id":"\\x41"}',
  " ",
  "\n",
  "\0",
  '{"contact_id":"bob"}\0',
  "\ufeff{}",
  "// x\n{}",
  "contact_id=bob",
  "nul",
  "[".repeat(10000),
  '{"a":'.repeat(3000),
  '{"\\ud800":1}',
];
const NOT_UTF8 = [
  Buffer.from([0xff]),
  Buffer.from('{"contact_id":"\xff"}', "latin1"),
  Buffer.from('{"contact_id":"\xc3("}', "latin1"),
  Buffer.from('{"\xff":1}', "latin1"),
  Buffer.from('{"contact_id":"bob"}', "utf16le"),
  Buffer.from('{"contact_id":"\xed\xa0\x80"}', "latin1"),
];
const OTHER_TYPES = [
  "text/plain",
  "application/xml",
  "multipart/form-data; boundary=x",
  "application/jsonx",
  "application/json-patch+json",
  "application/merge-patch+json",
  "application",
  "/",
  ";",
  "json",
  "application/json, text/plain",
  "application/json; charset=latin1",
  "application/json; charset=utf-16",
  "application/x-www-form-urlencoded; charset=iso-8859-1",
  "application/octet-stream",
  "x".repeat(5000),
];

for (const operation of OPERATIONS) {
  const malformed = (body: string | Buffer): Mistake =>
    mistake(operation, { name: shown(body), ...withBody(JSON_TYPE, body), code: "body_malformed" });
  const unsupported = (what: string, headers: Headers): Mistake => {
    const body = formOf(operation.body?.example) || "x=1";
    return mistake(operation, { name: what, headers, body, status: 415, code: "media_type_unsupported" });
  };
  describe(`${operation.name}: bodies`, () => {
    refused("not a JSON object", NOT_AN_OBJECT.map(malformed));
    refused("JSON that is not UTF-8", NOT_UTF8.map(malformed));
    refused(
      "a form that is not UTF-8",
      ["\xff", "a\xc3("].map((value) =>
        mistake(operation, {
          ...withBody(FORM, Buffer.from(`x=${value}`, "latin1")),
          code: "parameter_invalid",
          param: "x",
        }),
      ),
    );
    refused("other media types and encodings", [
      ...OTHER_TYPES.map((type) => unsupported(shown(type), { "Content-Type": type })),
      unsupported("no content type", {}),
      ...["gzip", "br", "deflate", "x", "gzip, identity"].map((encoding) =>
        unsupported(`Content-Encoding: ${encoding}`, { "Content-Type": FORM, "Content-Encoding": encoding }),
      ),
    ]);
  });
}

test("a content type without a body is a request without attributes", async () => {
  const alice = await account();
  const id = await alice.insert();
  for (const type of [FORM, JSON_TYPE, "text/plain", "nonsense"]) {
    for (const length of [{ "Content-Length": "0" }, {}, { "Transfer-Encoding": "chunked" }]) {
      const headers = { Authorization: `Bearer ${alice.token}`, "Content-Type": type, ...length };
      const rest = "Transfer-Encoding" in length ? "0\r\n\r\n" : "";
      assert.equal((await raw(textOf("PUT", item(id), headers, rest))).json.id, id);
      assert.equal((await raw(textOf("GET", item(id), headers, rest))).json.id, id);
      assertError(await raw(textOf("POST", COLLECTION, headers, rest)), 400, "parameter_missing", "contact_id");
      assertError(await raw(textOf("POST", MESSAGES, headers, rest)), 400, "parameter_missing", "conversation_id");
    }
  }
});

// --------------------------------------------------------------------------------------------------------------- size

const pad = (start: string, length: number, end = ""): string =>
  start + "x".repeat(length - start.length - end.length) + end;

/** Sends a body without a Content-Length, in chunks. */
function chunked(token: string, method: string, path: string, type: string, text: string, size = KIB): Promise<Answer> {
  const chunks: string[] = [];
  for (let at = 0; at < text.length; at += size) chunks.push(text.slice(at, at + size));
  const body = [...chunks, ""].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": type, "Transfer-Encoding": "chunked" };
  return raw(textOf(method, path, headers, body));
}

/** The same mistake, sent in chunks. */
const inChunks = (operation: Operation, wrong: Mistake, type: string, text: string, size = KIB): Case => ({
  ...wrong,
  name: `${wrong.name}, in chunks of ${size}`,
  send: ({ account, real }) =>
    chunked(account.token, operation.method, real(example(operation).target), type, real(text), size),
});

/** The start of a form and of a JSON object that a too long value of one attribute makes as long as need be. */
function paddable({ body }: Operation): { name: string; form: string; json: string } {
  const name = Object.keys(body!.json).at(-1)!;
  const { [name]: _, ...others } = body!.example;
  const form = formOf({ ...others, [name]: "" });
  const members = JSON.stringify(others).slice(1, -1);
  return { name, form, json: `{${members}${members && ","}"${name}":"` };
}

for (const operation of OPERATIONS) {
  if (operation.body === undefined) continue;
  const { maxBody } = operation;
  const { name, form, json } = paddable(operation);
  const tooLarge = (size: number): Case[] =>
    (
      [
        [FORM, pad(form, size)],
        [JSON_TYPE, pad(json, size, '"}')],
        ["text/plain", pad("", size)],
      ] as const
    ).flatMap(([type, text]) => {
      const wrong = mistake(operation, {
        name: `${type}, ${size} bytes`,
        ...withBody(type, text),
        status: 413,
        code: "body_too_large",
      });
      return [wrong, ...[KIB, 100_000].map((chunk) => inChunks(operation, wrong, type, text, chunk))];
    });
  describe(`${operation.name}: a body of at most ${maxBody / KIB} KiB`, () => {
    refused("a larger one is a 413, with and without a Content-Length", [
      ...[maxBody + 1, 5 * maxBody, MIB, 4 * MIB].flatMap(tooLarge),
    ]);
    const whole = (type: string, text: string) =>
      mistake(operation, { name: type, ...withBody(type, text), code: "parameter_invalid", param: name });
    refused("one of exactly that size is read", [
      whole(FORM, pad(form, maxBody)),
      whole(JSON_TYPE, pad(json, maxBody, '"}')),
      inChunks(operation, whole(FORM, ""), FORM, pad(form, maxBody)),
    ]);
  });
}

describe("large bodies, again and again", () => {
  const tooLarge = (operation: Operation, size: number): Mistake => {
    const text = pad(paddable(operation).form, size);
    return mistake(operation, { name: `${size}`, ...withBody(FORM, text), status: 413, code: "body_too_large" });
  };
  const [create, send] = [operation("createConversation"), operation("createMessage")];
  refused("1 MiB and 4 MiB, on connections that are kept", [
    ...Array.from({ length: 10 }, () => [MIB, 4 * MIB])
      .flat()
      .flatMap((size) => [create, send].map((each) => tooLarge(each, size))),
  ]);
  refused("1 MiB and 4 MiB, in chunks", [
    ...Array.from({ length: 5 }, () => [MIB, 4 * MIB])
      .flat()
      .map((size) => inChunks(send, tooLarge(send, size), FORM, pad("message=", size))),
  ]);

  test("twenty at once", async () => {
    const alice = await account();
    const text = pad("contact_id=", MIB);
    for (const answer of await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 2 ? alice.post(COLLECTION, text) : chunked(alice.token, "POST", COLLECTION, FORM, text),
      ),
    )) {
      assertError(answer, 413, "body_too_large");
    }
  });

  test("a small body in chunks is read like any other", async () => {
    const alice = await account();
    assert.equal((await chunked(alice.token, "POST", COLLECTION, FORM, "contact_id=bob")).status, 201);
  });
});
