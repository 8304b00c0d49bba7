// Whatever is sent: a clear 4xx that names the attribute at fault, and nothing stored, changed or lost. That it is the
// error object, never a 5xx and never the runtime's own page is asserted on every answer, in tests/harness.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import {
  type Account, type Answer, COLLECTION, FORM, JSON_TYPE, NO_ID, account, assertError, idsOf, item, origin, raw,
} from "./harness.ts";

interface Case {
  name: string;
  send: (alice: Account, id: string) => Promise<Answer>;
  status: number;
  code: string;
  param?: string | null;
}

/** Runs the table on one account with one conversation, which must look the same after every row. */
function refused(title: string, cases: Case[]): void {
  test(title, async () => {
    const alice = await account();
    const id = await alice.insert({ group_id: "team", archived_at: 5 });
    await alice.insertMessage(id);
    const before = await alice.contents();
    for (const { name, send, status, code, param = null } of cases) {
      const answer = await send(alice, id);
      assert.deepEqual(
        { status: answer.status, code: answer.json?.code, param: answer.json?.param },
        { status, code, param },
        `${name}: ${answer.status} ${answer.text}`,
      );
      assert.deepEqual(await alice.contents(), before, `${name}: something was stored or lost`);
    }
  });
}

/** How a text looks in a title: short, and printable. */
const shown = (text: string | Buffer): string => JSON.stringify(text.toString()).slice(0, 60);

const NUL_AND_CONTROLS = ["%00", "a%00", "a%00b", "%01", "%0A", "a%0D%0Ab", "%7F", "%1B[31m"];
const MALFORMED_ENCODING = ["%", "%1", "%zz", "a%", "%%", "%u0041", "%ff", "%C3%28", "%ED%A0%80", "%F4%90%80%80", "%C0%AF"];
const SQL_FRAGMENTS = [
  "'", "%27", "%27%20OR%20%271%27=%271", "1;DROP%20TABLE%20conversations;--", "a%27);DELETE%20FROM%20conversations;--",
  "%22%20OR%20%22%22=%22", "x%27/**/UNION/**/SELECT/**/hash/**/FROM/**/tokens--", "?1", "%25",
];
const NO_REFERENCES = [
  ...MALFORMED_ENCODING, ...NUL_AND_CONTROLS, ...SQL_FRAGMENTS,
  "a+b", "+a", "a/b", "..", "a.b", "%C3%A9", "%F0%9F%98%80", "a".repeat(65), "a".repeat(4000), "a,b", "a@b", "{a}",
];
const NO_BOOLEANS = [
  ...MALFORMED_ENCODING, "TRUE", "True", "FALSE", "1", "0", "yes", "no", "on", "t", "+true", "true+", "true%00", "%00", "null",
  "undefined", "true,false", "%27true%27", "%22true%22", "[]", "tru", "truee",
];
const NO_NUMBERS = [
  ...MALFORMED_ENCODING, ...SQL_FRAGMENTS, "-1", "-0", "%2B1", "+1", "1+", "1.0", "1.", ".5", "1e1", "1E1", "0x10", "1_0", "1,0",
  "ten", "NaN", "Infinity", "true", "null", "1%00", "%001", "9".repeat(40), "9223372036854775808", "18446744073709551616",
  "%D9%A1%D9%A0", "%EF%BC%91",
];
const NO_IDS = [
  ...MALFORMED_ENCODING, ...SQL_FRAGMENTS, "", "a", "a".repeat(15), "a".repeat(17), "a".repeat(4000), "aaaaaaaaaaaaaaa-",
  "aaaaaaaaaaaaaaa_", "aaaaaaaaaaaaaaa%00", "aaaaaaaaaaaaaaa+", "aaaaaaaaaaaaaa%C3%A9", "null",
];

describe("query parameters of the list", () => {
  const query = (text: string, code: string, param: string): Case => ({
    name: shown(text), send: (alice) => alice.get(`${COLLECTION}?${text}`), status: 400, code, param,
  });
  const values = (name: string, bad: string[]): Case[] => bad.map((value) => query(`${name}=${value}`, "parameter_invalid", name));

  refused("limit", values("limit", ["", "0", "101", "1000", "00", "01", ...NO_NUMBERS]));
  for (const name of ["muted", "archived", "pinned"]) refused(name, values(name, ["", ...NO_BOOLEANS]));
  for (const name of ["group_id", "contact_id"]) refused(name, values(name, ["", ...NO_REFERENCES]));
  for (const name of ["starting_after", "ending_before"]) refused(name, values(name, NO_IDS));
  refused("a name without a value", ["limit", "muted", "group_id", "starting_after"].map((name) => query(name, "parameter_invalid", name)));
  refused("strangers", [
    query("page=2", "parameter_unknown", "page"),
    query("limit=1&offset=10", "parameter_unknown", "offset"),
    query("Limit=1", "parameter_unknown", "Limit"),
    query("limit[]=1", "parameter_unknown", "limit[]"),
    query("limit%00=1", "parameter_unknown", "limit\0"),
    query("is_muted=true", "parameter_unknown", "is_muted"),
    query("access_token=x", "parameter_unknown", "access_token"),
    query("%C3%A9=1", "parameter_unknown", "é"),
    query("account_id=1", "parameter_unknown", "account_id"),
    query(`${"x".repeat(5000)}=1`, "parameter_unknown", "x".repeat(64)),
    query(`${"%F0%9F%98%80".repeat(100)}=1`, "parameter_unknown", "😀".repeat(64)),
  ]);
  refused("one sent twice", [
    query("limit=1&limit=1", "parameter_duplicate", "limit"),
    query("limit=1&limit=2", "parameter_duplicate", "limit"),
    query("muted=true&limit=1&muted=false", "parameter_duplicate", "muted"),
    query("limit=1&l%69mit=1", "parameter_duplicate", "limit"),
    query(`starting_after=${NO_ID}&starting_after=${NO_ID}`, "parameter_duplicate", "starting_after"),
  ]);
  refused("a malformed name", [
    ...["%zz", "%", "%ff"].map((name) => query(`${name}=1`, "parameter_invalid", name === "%ff" ? "%ff" : name)),
  ]);
});

describe("query parameters where there are none to send", () => {
  refused("they are strangers to every other endpoint", (["get", "put", "patch", "delete"] as const).flatMap((verb) => [
    { name: verb, send: (alice: Account, id: string) => alice[verb](`${item(id)}?limit=1`), status: 400, code: "parameter_unknown", param: "limit" },
    { name: verb, send: (alice: Account, id: string) => alice[verb](`${item(id)}?is_muted=true`), status: 400, code: "parameter_unknown", param: "is_muted" },
    { name: verb, send: (alice: Account, id: string) => alice[verb](`${item(id)}?x=%zz`), status: 400, code: "parameter_invalid", param: "x" },
  ]));
  refused("to a create as well", [
    { name: "contact_id", send: (alice) => alice.post(`${COLLECTION}?contact_id=bob`, "contact_id=bob"), status: 400, code: "parameter_unknown", param: "contact_id" },
  ]);
});

// ------------------------------------------------------------------------------------------------------------ bodies

/** The endpoints that take a body: where it goes, and what must be in it besides the case's own attribute. */
const CREATE = { verb: "POST", path: () => COLLECTION };
const PUT = { verb: "PUT", path: item };
const PATCH = { verb: "PATCH", path: item };
const WRITES = [CREATE, PUT, PATCH];

type Write = typeof PUT | typeof CREATE;

const body = (write: Write, type: string, bytes: string | Buffer, code: string, param: string | null, status = 400): Case => ({
  name: `${write.verb} ${type} ${shown(bytes)}`,
  send: (alice, id) => alice.send(write.verb, write.path(id), { "Content-Type": type }, bytes),
  status, code, param,
});
const form = (write: Write, text: string, code: string, param: string): Case => body(write, FORM, text, code, param);
const json = (write: Write, text: string, code: string, param: string | null): Case => body(write, JSON_TYPE, text, code, param);

const JSON_NO_NUMBERS = [
  "-1", "253402300800", "1.5", "1.0", "705103200.0", "1e3", "1E3", "1e400", "-1e400", "1e-400", "9".repeat(40), "9223372036854775808",
  "-9223372036854775809", '"705103200"', '""', "true", "[]", "[1]", "{}",
];
const JSON_NO_BOOLEANS = ["null", "0", "1", '"true"', '"false"', '""', "[]", "[true]", "{}", "1.0", '{"is_muted":true}'];
const JSON_NO_REFERENCES = [
  '""', '"a b"', '"a\\u0000b"', '"\\u0000"', '"\\n"', '"é"', '"\\ud83d\\ude00"', '"\\ud800"', `"${"a".repeat(65)}"`, `"${"a".repeat(16000)}"`,
  '"\'; DROP TABLE conversations; --"', '"../../x"', "1", "1.5", "true", "false", "[]", '["a"]', "{}", '{"$ne":null}',
  "[".repeat(5000) + "]".repeat(5000), '{"a":'.repeat(2000) + "1" + "}".repeat(2000),
];

describe("attributes of a form", () => {
  for (const name of ["contact_id", "group_id"]) {
    refused(`create: ${name}`, NO_REFERENCES.map((value) => form(CREATE, `${name}=${value}`, "parameter_invalid", name)));
    refused(`create: ${name} beside a good one`, NO_REFERENCES.map((value) =>
      form(CREATE, `${name === "group_id" ? "contact_id" : "group_id"}=ok&${name}=${value}`, "parameter_invalid", name)));
  }
  refused("create: distinct", ["", ...NO_BOOLEANS].map((value) => form(CREATE, `contact_id=bob&distinct=${value}`, "parameter_invalid", "distinct")));
  for (const write of [PUT, PATCH]) {
    for (const name of ["is_pinned", "is_muted"]) {
      refused(`${write.verb}: ${name}`, ["", ...NO_BOOLEANS].map((value) => form(write, `archived_at=9&${name}=${value}`, "parameter_invalid", name)));
    }
    refused(`${write.verb}: archived_at`, ["253402300800", "00", ...NO_NUMBERS].map((value) => form(write, `is_muted=true&archived_at=${value}`, "parameter_invalid", "archived_at")));
    refused(`${write.verb}: pinned_message_id`, [NO_ID, ...NO_IDS.filter((value) => value !== "")].map((value) =>
      form(write, `is_muted=true&pinned_message_id=${value}`, "parameter_invalid", "pinned_message_id")));
  }
});

describe("attributes of JSON", () => {
  for (const name of ["contact_id", "group_id"]) {
    refused(`create: ${name}`, JSON_NO_REFERENCES.map((value) => json(CREATE, `{"${name}":${value}}`, "parameter_invalid", name)));
  }
  refused("create: distinct", JSON_NO_BOOLEANS.map((value) => json(CREATE, `{"contact_id":"bob","distinct":${value}}`, "parameter_invalid", "distinct")));
  for (const write of [PUT, PATCH]) {
    for (const name of ["is_pinned", "is_muted"]) {
      refused(`${write.verb}: ${name}`, JSON_NO_BOOLEANS.map((value) => json(write, `{"archived_at":9,"${name}":${value}}`, "parameter_invalid", name)));
    }
    refused(`${write.verb}: archived_at`, JSON_NO_NUMBERS.map((value) => json(write, `{"is_muted":true,"archived_at":${value}}`, "parameter_invalid", "archived_at")));
    refused(`${write.verb}: pinned_message_id`, [`"${NO_ID}"`, ...JSON_NO_REFERENCES].map((value) =>
      json(write, `{"is_muted":true,"pinned_message_id":${value}}`, "parameter_invalid", "pinned_message_id")));
  }
});

describe("attributes that don't belong", () => {
  for (const write of WRITES) {
    const good = write === CREATE ? "contact_id=bob" : "is_muted=true";
    const goodJson = write === CREATE ? '"contact_id":"bob"' : '"is_muted":true';
    const strangers = ["account_id", "name", "Contact_id", "contact_id ", "contact_id\0", "é", "__proto__", "constructor", "state", "x".repeat(5000)];
    refused(`${write.verb}: strangers`, strangers.flatMap((name) => [
      form(write, `${good}&${encodeURIComponent(name)}=1`, "parameter_unknown", name.slice(0, 64)),
      json(write, `{${goodJson},${JSON.stringify(name)}:1}`, "parameter_unknown", name.slice(0, 64)),
      json(write, `{${JSON.stringify(name)}:null,${goodJson}}`, "parameter_unknown", name.slice(0, 64)),
    ]));
    const fixed = write === CREATE
      ? ["id", "pinned_message_id", "is_pinned", "is_muted", "last_active_at", "last_opened_at", "created_at", "archived_at"]
      : ["id", "contact_id", "group_id", "last_active_at", "last_opened_at", "created_at"];
    refused(`${write.verb}: what can't be chosen`, fixed.flatMap((name) => [
      form(write, `${good}&${name}=true`, "parameter_immutable", name),
      json(write, `{${goodJson},"${name}":null}`, "parameter_immutable", name),
      json(write, `{"${name}":1,${goodJson}}`, "parameter_immutable", name),
    ]));
    const twice = write === CREATE ? ["contact_id", "bob"] : ["is_muted", "true"];
    const [name = "", value = ""] = twice;
    const quoted = write === CREATE ? `"${value}"` : value;
    refused(`${write.verb}: one sent twice`, [
      form(write, `${name}=${value}&${name}=${value}`, "parameter_duplicate", name),
      form(write, `${name}=${value}&${name}=`, "parameter_duplicate", name),
      form(write, `${name}=${value}&${name.replace("_", "%5F")}=${value}`, "parameter_duplicate", name),
      json(write, `{"${name}":${quoted},"${name}":${quoted}}`, "parameter_duplicate", name),
      json(write, `{"${name}":${quoted},"${name.replace("_", "\\u005f")}":null}`, "parameter_duplicate", name),
      json(write, `{"x":1,"x":1}`, "parameter_duplicate", "x"),
    ]);
  }
  refused("distinct is for a create alone", [PUT, PATCH].map((write) => form(write, "distinct=true", "parameter_unknown", "distinct")));
  for (const verb of ["GET", "DELETE"]) {
    refused(`${verb}: any attribute`, [
      form({ verb, path: item }, "is_muted=true", "parameter_unknown", "is_muted"),
      json({ verb, path: item }, '{"contact_id":"bob"}', "parameter_unknown", "contact_id"),
      json({ verb, path: item }, "[]", "body_malformed", null),
    ]);
  }
});

describe("bodies that are not what they say", () => {
  const NOT_AN_OBJECT = [
    "[]", "[{}]", "null", "true", "1", "1.5", '"contact_id"', "{", "}", "{}{}", "{} x", '{"contact_id":"bob"', '{"contact_id":"bob",}',
    "{'contact_id':'bob'}", "{contact_id:\"bob\"}", '{"contact_id"}', '{"contact_id":}', '{"contact_id":01}', '{"contact_id":+1}',
    '{"contact_id":.5}', '{"contact_id":NaN}', '{"contact_id":undefined}', '{"contact_id":"a\nb"}', '{"contact_id":"\\x41"}', " ", "\n",
    "\0", '{"contact_id":"bob"}\0', "\ufeff{}", "// x\n{}", "contact_id=bob", "nul", "[".repeat(10000), '{"a":'.repeat(3000), '{"\\ud800":1}',
  ];
  const NOT_UTF8 = [
    Buffer.from([0xff]), Buffer.from('{"contact_id":"\xff"}', "latin1"), Buffer.from('{"contact_id":"\xc3("}', "latin1"),
    Buffer.from('{"\xff":1}', "latin1"), Buffer.from('{"contact_id":"bob"}', "utf16le"), Buffer.from('{"contact_id":"\xed\xa0\x80"}', "latin1"),
  ];
  for (const write of WRITES) {
    refused(`${write.verb}: not a JSON object`, NOT_AN_OBJECT.map((text) => json(write, text, "body_malformed", null)));
    refused(`${write.verb}: JSON that is not UTF-8`, NOT_UTF8.map((bytes) => body(write, JSON_TYPE, bytes, "body_malformed", null)));
    const name = write === CREATE ? "contact_id" : "pinned_message_id";
    refused(`${write.verb}: a form that is not UTF-8`, [Buffer.from("\xff", "latin1"), Buffer.from("a\xc3(", "latin1")].map((value) =>
      body(write, FORM, Buffer.concat([Buffer.from(`${name}=`), value]), "parameter_invalid", name)));
  }
});

describe("bodies of other types", () => {
  const TYPES = [
    "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonx", "application/json-patch+json", "application/merge-patch+json",
    "application", "/", ";", "json", "application/json, text/plain", "application/json; charset=latin1", "application/json; charset=utf-16",
    "application/x-www-form-urlencoded; charset=iso-8859-1", "application/octet-stream", "x".repeat(5000),
  ];
  for (const write of WRITES) {
    const attributes = write === CREATE ? "contact_id=bob" : "is_muted=true";
    refused(`${write.verb}: 415`, [
      ...TYPES.map((type) => body(write, type, attributes, "media_type_unsupported", null, 415)),
      {
        name: "no content type", status: 415, code: "media_type_unsupported",
        send: (alice, id) => alice.send(write.verb, write.path(id), {}, attributes),
      },
      ...["gzip", "br", "deflate", "x", "gzip, identity"].map((encoding) => ({
        name: `Content-Encoding: ${encoding}`, status: 415, code: "media_type_unsupported",
        send: (alice: Account, id: string) =>
          alice.send(write.verb, write.path(id), { "Content-Type": FORM, "Content-Encoding": encoding }, attributes),
      })),
    ]);
  }
});

test("a content type without a body is a request without attributes", async () => {
  const alice = await account();
  const id = await alice.insert();
  for (const type of [FORM, JSON_TYPE, "text/plain", "nonsense"]) {
    for (const length of ["Content-Length: 0\r\n", "", "Transfer-Encoding: chunked\r\n"]) {
      const head = `HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: Bearer ${alice.token}\r\nContent-Type: ${type}\r\n${length}Connection: close\r\n\r\n`;
      const rest = length.startsWith("Transfer") ? "0\r\n\r\n" : "";
      assert.equal((await raw(`PUT ${item(id)} ${head}${rest}`)).json.id, id);
      assert.equal((await raw(`GET ${item(id)} ${head}${rest}`)).json.id, id);
      assertError(await raw(`POST ${COLLECTION} ${head}${rest}`), 400, "parameter_missing", "contact_id");
    }
  }
});

describe("bodies of more than 16 KiB", () => {
  const KIB_16 = 16 * 1024;
  const pad = (start: string, length: number, end = ""): string => start + "x".repeat(length - start.length - end.length) + end;
  /** Without a Content-Length, in chunks of 1 KiB. */
  const chunked = (alice: Account, verb: string, path: string, type: string, text: string): Promise<Answer> => {
    const chunks = text.match(/[^]{1,1024}/g) ?? [];
    return raw(
      `${verb} ${path} HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: Bearer ${alice.token}\r\nContent-Type: ${type}\r\n` +
        `Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
        chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("") + "0\r\n\r\n",
    );
  };
  for (const write of WRITES) {
    refused(`${write.verb}: 413, with and without a Content-Length`, [KIB_16 + 1, 5 * KIB_16, 16 * KIB_16].flatMap((size) =>
      ([[FORM, pad("contact_id=", size)], [JSON_TYPE, pad('{"contact_id":"', size, '"}')], ["text/plain", pad("", size)]] as const).flatMap(([type, text]) => [
        { ...body(write, type, text, "body_too_large", null, 413), name: `${write.verb} ${type} ${size}` },
        {
          name: `${write.verb} ${type} ${size} chunked`, status: 413, code: "body_too_large",
          send: (alice: Account, id: string) => chunked(alice, write.verb, write.path(id), type, text),
        },
      ])));
    const name = write === CREATE ? "contact_id" : "pinned_message_id";
    refused(`${write.verb}: exactly 16 KiB is read`, [
      form(write, pad(`${name}=`, KIB_16), "parameter_invalid", name),
      json(write, pad(`{"${name}":"`, KIB_16, '"}'), "parameter_invalid", name),
      {
        name: "chunked", status: 400, code: "parameter_invalid", param: name,
        send: (alice, id) => chunked(alice, write.verb, write.path(id), FORM, pad(`${name}=`, KIB_16)),
      },
    ]);
  }

  test("a small body in chunks is a body like any other", async () => {
    const alice = await account();
    assert.equal((await chunked(alice, "POST", COLLECTION, FORM, "contact_id=bob")).status, 201);
  });
});

// -------------------------------------------------------------------------------------------------- paths and verbs

describe("paths", () => {
  const UNKNOWN = [
    "/v1", "/v1/", "/v2/conversations", "/V1/conversations", "/v1/Conversations", "/v1/conversation", "/v1/conversations/", "/v1//conversations",
    "//v1/conversations", "/v1/conversations/a/b", `/v1/conversations/${NO_ID}/`, `/v1/conversations/${NO_ID}/messages`, "/v1/conversations//",
    "/v1/conversations%2f", "/v1/conversations%00", "/v1/conversations%zz", "/v1/%63onversations%ff", "/%", "/%zz", "/%ff%fe", "/%00", "/'", "/;--",
    "/.env", "/index.php", "/v1/conversations;x=1", `/${"x".repeat(8000)}`, `/v1/conversations/${"a/".repeat(4000)}`, `/v1/conversations${"/".repeat(8000)}`,
  ];
  refused("unknown ones are 404 for every verb", UNKNOWN.flatMap((path) =>
    ["GET", "POST", "PROPFIND"].map((verb) => ({
      name: `${verb} ${path.slice(0, 60)}`, status: 404, code: "path_unknown", send: (alice: Account) => alice.send(verb, path),
    }))));

  const STRANGE_IDS = ["%", "%zz", "%ff", "%00", "%2F", "'", "%27%20OR%201=1--", "a b".replace(" ", "+"), "é".replace("é", "%C3%A9"), "*", "null", ":id", "x".repeat(8000)];
  refused("ids that can't be ids name nothing", STRANGE_IDS.flatMap((id) =>
    ["GET", "PUT", "PATCH", "DELETE"].map((verb) => ({
      name: `${verb} ${id.slice(0, 60)}`, status: 404, code: "resource_missing", send: (alice: Account) => alice.send(verb, item(id)),
    }))));

  test("a query of 8 kB is read to its end", async () => {
    const alice = await account();
    const id = await alice.insert();
    assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?${"&".repeat(8000)}limit=1`)), [id]);
  });
});

describe("verbs", () => {
  const STRANGE = ["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "PURGE", "TRACE", "REPORT", "NOTIFY", "SUBSCRIBE", "QUERY"];
  const send = (verb: string, path: (id: string) => string) => (alice: Account, id: string) =>
    raw(`${verb} ${path(id)} HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: Bearer ${alice.token}\r\nConnection: close\r\n\r\n`);
  refused("the collection has none but GET, HEAD, POST and OPTIONS", ["PUT", "PATCH", "DELETE", ...STRANGE].map((verb) => ({
    name: verb, status: 405, code: "method_not_allowed", send: send(verb, () => COLLECTION),
  })));
  refused("an item has none but GET, HEAD, PUT, PATCH, DELETE and OPTIONS", ["POST", ...STRANGE].map((verb) => ({
    name: verb, status: 405, code: "method_not_allowed", send: send(verb, item),
  })));
});
