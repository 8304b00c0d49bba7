// Wrong attributes in forms and in JSON: a 400 that names the attribute, on every operation.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { account } from "../support/accounts.ts";
import { assertError } from "../support/expectations.ts";
import { FORM, JSON_TYPE } from "../support/http.ts";
import { type Mistake, mistake, withBody } from "../support/mistakes.ts";
import { type Attributes, formOf, OPERATIONS, type Operation, operation, wordOf } from "../support/operations.ts";
import { COLLECTION, MESSAGES, messageItem, NO_ID, TOKEN_COLLECTION } from "../support/paths.ts";
import { refused, shown } from "./refused.ts";
import { MALFORMED_ENCODING, wrongJson, wrongWords } from "./values.ts";

const form = (operation: Operation, text: string, code: string, param: string | null): Mistake =>
  mistake(operation, { name: shown(text), ...withBody(FORM, text), code, param });
const json = (operation: Operation, text: string, code: string, param: string | null): Mistake =>
  mistake(operation, { name: shown(text), ...withBody(JSON_TYPE, text), code, param });

/** The members of a JSON object, to be followed by others. */
const membersOf = (attributes: Attributes): string => JSON.stringify(attributes).slice(1, -1);
const joined = (separator: string, ...parts: string[]): string => parts.filter(Boolean).join(separator);
const without = (attributes: Attributes, name: string): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([other]) => other !== name));

/** The names of all attributes of the API. */
const NAMES = new Set(OPERATIONS.flatMap(({ body }) => [...Object.keys(body?.json ?? {}), ...(body?.immutable ?? [])]));

for (const operation of OPERATIONS) {
  const { name: title, body, maxBody } = operation;
  const known = Object.keys(body?.json ?? {});
  const immutable = body?.immutable ?? [];
  const example = body?.example ?? {};
  const fits = (text: string) => Buffer.byteLength(text) < maxBody - 1000;

  describe(`${title}: attributes`, () => {
    for (const name of known) {
      // Each value stands beside as few other attributes as can be, the next one beside all of them: no valid attribute
      // beside a wrong one may be written either.
      const others = [without(example, name), without(body!.all, name)] as const;
      const beside = (n: number): Attributes => others[n % 2]!;
      refused(`wrong values of ${name} in a form`, [
        ...wrongWords(body!.form[name]!)
          .filter(fits)
          .map((word, n) =>
            form(operation, joined("&", formOf(beside(n)), `${name}=${word}`), "parameter_invalid", name),
          ),
      ]);
      refused(`wrong values of ${name} in JSON`, [
        ...wrongJson(body!.json[name]!)
          .filter(fits)
          .map((value, n) =>
            json(operation, `{${joined(",", membersOf(beside(n)), `"${name}":${value}`)}}`, "parameter_invalid", name),
          ),
      ]);
      const quoted = JSON.stringify(body!.all[name]);
      const value = encodeURIComponent(wordOf(name, body!.all[name]));
      const encoded = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
      const escaped = `\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
      refused(`${name} sent twice`, [
        form(operation, `${name}=${value}&${name}=${value}`, "parameter_duplicate", name),
        form(operation, `${name}=${value}&${name}=`, "parameter_duplicate", name),
        form(operation, `${name}=${value}&${encoded}=${value}`, "parameter_duplicate", name),
        json(operation, `{"${name}":${quoted},"${name}":${quoted}}`, "parameter_duplicate", name),
        json(operation, `{"${name}":${quoted},"${escaped}":null}`, "parameter_duplicate", name),
      ]);
    }

    for (const name of body?.required ?? [])
      refused(`${name} missing`, [
        form(operation, formOf(without(example, name)), "parameter_missing", name),
        json(operation, JSON.stringify(without(example, name)), "parameter_missing", name),
      ]);

    const unknown = [
      "account_id",
      "Contact_id",
      "contact_id ",
      "contact_id\0",
      "é",
      "__proto__",
      "constructor",
      "state",
      "object",
      "x".repeat(5000),
      ...NAMES,
    ].filter((name) => !known.includes(name) && !immutable.includes(name));
    refused("unknown attributes, and those of other operations", [
      ...unknown.flatMap((name) => [
        form(
          operation,
          joined("&", formOf(example), `${encodeURIComponent(name)}=1`),
          "parameter_unknown",
          name.slice(0, 64),
        ),
        json(
          operation,
          `{${joined(",", membersOf(example), `${JSON.stringify(name)}:1`)}}`,
          "parameter_unknown",
          name.slice(0, 64),
        ),
        json(
          operation,
          `{${joined(",", `${JSON.stringify(name)}:null`, membersOf(example))}}`,
          "parameter_unknown",
          name.slice(0, 64),
        ),
      ]),
      json(operation, `{"x":1}`, "parameter_unknown", "x"),
    ]);
    refused("malformed percent-encoding", [
      ...MALFORMED_ENCODING.map((word) =>
        form(operation, joined("&", formOf(example), `x=${word}`), "parameter_invalid", "x"),
      ),
    ]);
    refused("an unknown attribute sent twice", [
      json(operation, `{"x":1,"x":1}`, "parameter_duplicate", "x"),
      form(operation, "x=1&x=1", "parameter_duplicate", "x"),
    ]);
    const most = Array.from({ length: 64 }, (_, n) => `a${n}`);
    refused("more than 64 attributes, before any other mistake of them is found", [
      ...["b", "a0", "%zz", "b&a0&%zz"].map((more) =>
        form(operation, [...most, more].join("&"), "parameters_too_many", null),
      ),
      ...['"b":0}', '"a0":0}', '"b":!', '"b"'].map((more) =>
        json(operation, `{${most.map((name) => `"${name}":0,`).join("")}${more}`, "parameters_too_many", null),
      ),
      form(operation, most.join("&"), "parameter_unknown", "a0"),
      json(operation, `{${most.map((name) => `"${name}":0`).join()}}`, "parameter_unknown", "a0"),
    ]);
    if (immutable.length > 0)
      refused("attributes of the object that this operation cannot set", [
        ...immutable.flatMap((name) => [
          form(operation, `${formOf(example)}&${name}=true`, "parameter_immutable", name),
          json(operation, `{${membersOf(example)},"${name}":null}`, "parameter_immutable", name),
          json(operation, `{"${name}":1,${membersOf(example)}}`, "parameter_immutable", name),
        ]),
      ]);
  });
}

// ------------------------------------------------------------------------ values that no schema can tell to be wrong

for (const id of ["updateConversation", "patchConversation"])
  describe(`${operation(id).name}: pinned_message_id`, () => {
    refused("a message that does not exist", [
      form(operation(id), `is_muted=true&pinned_message_id=${NO_ID}`, "parameter_invalid", "pinned_message_id"),
      json(operation(id), `{"is_muted":true,"pinned_message_id":"${NO_ID}"}`, "parameter_invalid", "pinned_message_id"),
    ]);
  });

describe("POST /v1/messages: conversation_id", () => {
  const send = operation("createMessage");
  const missing = { status: 404, code: "resource_missing", param: "conversation_id" };
  refused("a conversation that does not exist", [
    mistake(send, { ...withBody(FORM, `conversation_id=${NO_ID}&message=Hello`), ...missing }),
    mistake(send, {
      ...withBody(JSON_TYPE, `{"conversation_id":"${NO_ID}","message":"Hello","contact_id":"bob"}`),
      ...missing,
    }),
  ]);
  refused("no attribute that is required", [
    json(send, '{"contact_id":null}', "parameter_missing", "conversation_id"),
    form(send, "", "parameter_missing", "conversation_id"),
  ]);
});

describe("POST /v1/tokens: expires_at", () => {
  const create = operation("createToken");
  refused(
    "a time in the past",
    ["0", "1"].flatMap((time) => [
      form(create, `name=CI&scopes=messages:read&expires_at=${time}`, "parameter_invalid", "expires_at"),
      json(create, `{"name":"CI","scopes":"messages:read","expires_at":${time}}`, "parameter_invalid", "expires_at"),
    ]),
  );
});

test("a message says how many parameters there may be, and where there are too many", async () => {
  const alice = await account();
  const many = Array.from({ length: 65 }, (_, n) => `a${n}=1`).join("&");
  const answers = { query: await alice.get(`${COLLECTION}?${many}`), body: await alice.post(COLLECTION, many) };
  for (const [place, answer] of Object.entries(answers)) {
    assertError(answer, 400, "parameters_too_many");
    assert.match(answer.json.message, new RegExp(`\\b${place}\\b.*\\b64\\b`));
  }
});

/** The characters of ranges of code points. */
const charactersOf = (...ranges: [from: number, to: number][]): string[] =>
  ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, n) => String.fromCodePoint(from + n)));
const CONTROLS = charactersOf([0, 0x1f], [0x7f, 0x9f]);

test("a message's text has no control character but tab, line feed and carriage return", async () => {
  const alice = await account();
  const conversation_id = await alice.insert();
  const { id } = await alice.say(conversation_id);
  for (const character of CONTROLS) {
    const message = `a${character}b`;
    const taken = ["\t", "\n", "\r"].includes(character);
    const [sent, changed] = [
      await alice.post(MESSAGES, { conversation_id, message }),
      await alice.put(messageItem(id), { message }),
    ];
    assert.deepEqual([sent.status, changed.status], taken ? [201, 200] : [400, 400], JSON.stringify(message));
    for (const answer of [sent, changed]) {
      if (taken) assert.equal(answer.json.message, message);
      else assertError(answer, 400, "parameter_invalid", "message");
    }
  }
  const joined = "👩\u200d💻 \u202b❤\ufe0f";
  assert.equal((await alice.say(conversation_id, { message: joined })).message, joined);
  const { message } = (await alice.post(MESSAGES, { conversation_id, message: "\u0007" })).json;
  assert.match(message, /`message`.*control characters.*tab, line feed and carriage return/);
});

test("a token's name has no control, no invisible and no direction-changing character", async () => {
  const alice = await account();
  const create = (name: string) => alice.post(TOKEN_COLLECTION, { name, scopes: "messages:read" });
  const hidden = charactersOf(
    [0xad, 0xad],
    [0x61c, 0x61c],
    [0x180e, 0x180e],
    [0x200b, 0x200f],
    [0x2028, 0x202e],
    [0x2060, 0x206f],
    [0xfe00, 0xfe0f],
    [0xfeff, 0xfeff],
    [0xfff9, 0xfffb],
    [0xe0001, 0xe0001],
    [0xe0020, 0xe007f],
    [0xe01ef, 0xe01ef],
  );
  for (const character of [...CONTROLS, ...hidden])
    assertError(await create(`a${character}b`), 400, "parameter_invalid", "name");
  for (const name of ["Läden 😀", "שלום", "店 2", "e\u0301"]) assert.equal((await create(name)).json.name, name);
});
