// Whatever is sent: a clear 4xx that names the attribute at fault, and nothing stored, changed or lost. That it is the
// error object, never a 5xx and never the runtime's own page is asserted on every answer, in tests/support/audit.ts.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { type Account, account } from "./support/accounts.ts";
import type { Answer } from "./support/audit.ts";
import { assertError, idsOf, position } from "./support/expectations.ts";
import { FORM, JSON_TYPE, raw } from "./support/http.ts";
import {
  COLLECTION,
  item,
  MESSAGES,
  messageItem,
  NO_ID,
  rotation,
  TOKEN_COLLECTION,
  tokenItem,
} from "./support/paths.ts";
import { origin } from "./support/server.ts";

interface Case {
  name: string;
  send: (alice: Account, id: string, message: string) => Promise<Answer>;
  status: number;
  code: string;
  param?: string | null;
}

/** Runs the table on one account with one conversation and its message, which must look the same after every row. */
function refused(title: string, cases: Case[]): void {
  test(title, async () => {
    const alice = await account();
    const id = await alice.insert({ group_id: "team", archived_at: 5 });
    const message = await alice.insertMessage(id);
    const before = await alice.everything();
    for (const { name, send, status, code, param = null } of cases) {
      const answer = await send(alice, id, message);
      assert.deepEqual(
        { status: answer.status, code: answer.json?.code, param: answer.json?.param },
        { status, code, param },
        `${name}: ${answer.status} ${answer.text}`,
      );
      assert.deepEqual(await alice.everything(), before, `${name}: something was stored or lost`);
    }
  });
}

/** How a text looks in a title: short, and printable. */
const shown = (text: string | Buffer): string => JSON.stringify(text.toString()).slice(0, 60);

const NUL_AND_CONTROLS = ["%00", "a%00", "a%00b", "%01", "%0A", "a%0D%0Ab", "%7F", "%1B[31m"];
const MALFORMED_ENCODING = [
  "%",
  "%1",
  "%zz",
  "a%",
  "%%",
  "%u0041",
  "%ff",
  "%C3%28",
  "%ED%A0%80",
  "%F4%90%80%80",
  "%C0%AF",
];
const SQL_FRAGMENTS = [
  "'",
  "%27",
  "%27%20OR%20%271%27=%271",
  "1;DROP%20TABLE%20conversations;--",
  "a%27);DELETE%20FROM%20conversations;--",
  "%22%20OR%20%22%22=%22",
  "x%27/**/UNION/**/SELECT/**/hash/**/FROM/**/tokens--",
  "?1",
  "%25",
];
const NO_REFERENCES = [
  ...MALFORMED_ENCODING,
  ...NUL_AND_CONTROLS,
  ...SQL_FRAGMENTS,
  "a+b",
  "+a",
  "a/b",
  "..",
  "a.b",
  "%C3%A9",
  "%F0%9F%98%80",
  "a".repeat(65),
  "a".repeat(4000),
  "a,b",
  "a@b",
  "{a}",
];
const NO_BOOLEANS = [
  ...MALFORMED_ENCODING,
  "TRUE",
  "True",
  "FALSE",
  "1",
  "0",
  "yes",
  "no",
  "on",
  "t",
  "+true",
  "true+",
  "true%00",
  "%00",
  "null",
  "undefined",
  "true,false",
  "%27true%27",
  "%22true%22",
  "[]",
  "tru",
  "truee",
];
const NO_NUMBERS = [
  ...MALFORMED_ENCODING,
  ...SQL_FRAGMENTS,
  "-1",
  "-0",
  "%2B1",
  "+1",
  "1+",
  "1.0",
  "1.",
  ".5",
  "1e1",
  "1E1",
  "0x10",
  "1_0",
  "1,0",
  "ten",
  "NaN",
  "Infinity",
  "true",
  "null",
  "1%00",
  "%001",
  "9".repeat(40),
  "9223372036854775808",
  "18446744073709551616",
  "%D9%A1%D9%A0",
  "%EF%BC%91",
];
const NO_IDS = [
  ...MALFORMED_ENCODING,
  ...SQL_FRAGMENTS,
  "",
  "a",
  "a".repeat(15),
  "a".repeat(17),
  "a".repeat(4000),
  "aaaaaaaaaaaaaaa-",
  "aaaaaaaaaaaaaaa_",
  "aaaaaaaaaaaaaaa%00",
  "aaaaaaaaaaaaaaa+",
  "aaaaaaaaaaaaaa%C3%A9",
  "null",
];

const query =
  (path: string) =>
  (text: string, code: string, param: string): Case => ({
    name: shown(text),
    send: (alice) => alice.get(`${path}?${text}`),
    status: 400,
    code,
    param,
  });
/** What every list refuses. */
function refusedByAll(path: string): void {
  const bad = query(path);
  const values = (name: string, wrong: string[]): Case[] =>
    wrong.map((value) => bad(`${name}=${value}`, "parameter_invalid", name));
  refused("limit", values("limit", ["", "0", "101", "1000", "00", "01", ...NO_NUMBERS]));
  for (const name of ["starting_after", "ending_before"]) refused(name, values(name, [...NO_IDS, position(NO_ID, 5)]));
  refused("strangers", [
    bad("page=2", "parameter_unknown", "page"),
    bad("limit=1&offset=10", "parameter_unknown", "offset"),
    bad("Limit=1", "parameter_unknown", "Limit"),
    bad("limit[]=1", "parameter_unknown", "limit[]"),
    bad("limit%00=1", "parameter_unknown", "limit\0"),
    bad("is_muted=true", "parameter_unknown", "is_muted"),
    bad("access_token=x", "parameter_unknown", "access_token"),
    bad("%C3%A9=1", "parameter_unknown", "é"),
    bad("account_id=1", "parameter_unknown", "account_id"),
    bad(`${"x".repeat(5000)}=1`, "parameter_unknown", "x".repeat(64)),
    bad(`${"%F0%9F%98%80".repeat(100)}=1`, "parameter_unknown", "😀".repeat(64)),
  ]);
  refused("one sent twice", [
    bad("limit=1&limit=1", "parameter_duplicate", "limit"),
    bad("limit=1&limit=2", "parameter_duplicate", "limit"),
    bad("limit=1&l%69mit=1", "parameter_duplicate", "limit"),
    bad(`starting_after=${NO_ID}&starting_after=${NO_ID}`, "parameter_duplicate", "starting_after"),
  ]);
  refused(
    "a malformed name",
    ["%zz", "%", "%ff"].map((name) => bad(`${name}=1`, "parameter_invalid", name)),
  );
}

describe("query parameters of the list of conversations", () => {
  const bad = query(COLLECTION);
  const values = (name: string, wrong: string[], beside = ""): Case[] =>
    wrong.map((value) => bad(`${beside}${name}=${value}`, "parameter_invalid", name));
  refusedByAll(COLLECTION);
  for (const name of ["muted", "archived", "pinned", "unread"]) refused(name, values(name, ["", ...NO_BOOLEANS]));
  for (const name of ["group_id", "contact_id"]) refused(name, values(name, ["", ...NO_REFERENCES]));
  refused(
    "sort",
    values("sort", [
      "",
      "id",
      "created",
      "CREATED_AT",
      "-created_at",
      "created_at,id",
      "created_at%00",
      "last_opened_at",
      "desc",
      "null",
      ...SQL_FRAGMENTS,
      ...MALFORMED_ENCODING,
    ]),
  );
  const NO_POSITIONS = [
    ...NO_IDS,
    NO_ID,
    `00070510320${NO_ID}`,
    `0000705103200${NO_ID}`,
    `00070510320x${NO_ID}`,
    `-00705103200${NO_ID}`,
    `%2B00705103200${NO_ID}`,
    `+00705103200${NO_ID}`,
    `000705103200${NO_ID}0`,
    `000705103200${NO_ID.slice(1)}`,
    `000705103200${NO_ID.slice(1)}-`,
    `000705103200${NO_ID.slice(1)}%C3%A9`,
    `00070510320%D9%A0${NO_ID}`,
    `000705103200.${NO_ID}`,
    "0".repeat(27),
    "0".repeat(29),
    `000705103200%00${NO_ID.slice(1)}`,
    `00070510320%C3%A9${NO_ID}`,
    `00070510320%C3%A9${NO_ID.slice(1)}`,
  ];
  for (const name of ["starting_after", "ending_before"])
    refused(`${name} in order of activity`, values(name, NO_POSITIONS, "sort=last_active_at&"));
  refused("both cursors in order of activity", [
    bad(
      `sort=last_active_at&starting_after=${position(NO_ID, 5)}&ending_before=${position(NO_ID, 5)}`,
      "parameter_invalid",
      "ending_before",
    ),
  ]);
  refused(
    "a name without a value",
    ["limit", "muted", "group_id", "starting_after", "unread", "sort"].map((name) =>
      bad(name, "parameter_invalid", name),
    ),
  );
  refused("strangers of its own", [
    bad(`conversation_id=${NO_ID}`, "parameter_unknown", "conversation_id"),
    bad("order=desc", "parameter_unknown", "order"),
    bad("sort=last_active_at&last_active_at=5", "parameter_unknown", "last_active_at"),
  ]);
  refused("one of its own sent twice", [
    bad("muted=true&limit=1&muted=false", "parameter_duplicate", "muted"),
    bad("sort=created_at&sort=last_active_at", "parameter_duplicate", "sort"),
    bad("unread=true&unread=true", "parameter_duplicate", "unread"),
  ]);
});

describe("query parameters of the list of messages", () => {
  const bad = query(MESSAGES);
  refusedByAll(MESSAGES);
  refused(
    "conversation_id",
    NO_IDS.map((value) => bad(`conversation_id=${value}`, "parameter_invalid", "conversation_id")),
  );
  refused(
    "a name without a value",
    ["limit", "conversation_id", "starting_after"].map((name) => bad(name, "parameter_invalid", name)),
  );
  refused(
    "what only conversations have",
    [
      "muted=true",
      "unread=true",
      "sort=created_at",
      "group_id=team",
      "contact_id=bob",
      "archived=false",
      "pinned=true",
    ].map((text) => bad(text, "parameter_unknown", text.slice(0, text.indexOf("=")))),
  );
  refused("conversation_id sent twice", [
    bad(`conversation_id=${NO_ID}&conversation_id=${NO_ID}`, "parameter_duplicate", "conversation_id"),
  ]);
});

describe("query parameters of the list of tokens", () => {
  const bad = query(TOKEN_COLLECTION);
  refusedByAll(TOKEN_COLLECTION);
  refused(
    "what only other lists have",
    ["muted=true", "conversation_id=x", "sort=created_at", "name=x", "scopes=messages:read", "revoked=true"].map(
      (text) => bad(text, "parameter_unknown", text.slice(0, text.indexOf("="))),
    ),
  );
  refused("both cursors", [
    bad(`starting_after=${NO_ID}&ending_before=${NO_ID}`, "parameter_invalid", "ending_before"),
  ]);
});

describe("query parameters where there are none to send", () => {
  refused(
    "they are strangers to every other endpoint",
    (["get", "put", "patch", "delete"] as const).flatMap((verb) => [
      {
        name: verb,
        send: (alice: Account, id: string) => alice[verb](`${item(id)}?limit=1`),
        status: 400,
        code: "parameter_unknown",
        param: "limit",
      },
      {
        name: verb,
        send: (alice: Account, id: string) => alice[verb](`${item(id)}?is_muted=true`),
        status: 400,
        code: "parameter_unknown",
        param: "is_muted",
      },
      {
        name: verb,
        send: (alice: Account, id: string) => alice[verb](`${item(id)}?x=%zz`),
        status: 400,
        code: "parameter_invalid",
        param: "x",
      },
      {
        name: verb,
        send: (alice: Account, id: string, message: string) =>
          alice[verb](`${messageItem(message)}?conversation_id=${id}`),
        status: 400,
        code: "parameter_unknown",
        param: "conversation_id",
      },
      {
        name: verb,
        send: (alice: Account, _id: string, message: string) => alice[verb](`${messageItem(message)}?x=%zz`),
        status: 400,
        code: "parameter_invalid",
        param: "x",
      },
    ]),
  );
  refused("to a token's as well", [
    ...(["get", "delete"] as const).map((verb) => ({
      name: verb,
      send: (alice: Account) => alice[verb](`${tokenItem(NO_ID)}?limit=1`),
      status: 400,
      code: "parameter_unknown",
      param: "limit",
    })),
    {
      name: "rotate",
      send: (alice) => alice.post(`${rotation(NO_ID)}?grace_period=1`),
      status: 400,
      code: "parameter_unknown",
      param: "grace_period",
    },
  ]);
  refused("to a create as well", [
    {
      name: "name",
      send: (alice) => alice.post(`${TOKEN_COLLECTION}?name=x`, "name=x&scopes=messages:read"),
      status: 400,
      code: "parameter_unknown",
      param: "name",
    },
    {
      name: "contact_id",
      send: (alice) => alice.post(`${COLLECTION}?contact_id=bob`, "contact_id=bob"),
      status: 400,
      code: "parameter_unknown",
      param: "contact_id",
    },
    {
      name: "conversation_id",
      status: 400,
      code: "parameter_unknown",
      param: "conversation_id",
      send: (alice, id) => alice.post(`${MESSAGES}?conversation_id=${id}`, `conversation_id=${id}&message=Hello`),
    },
  ]);
});

// ------------------------------------------------------------------------------------------------------------ bodies

/** An endpoint that takes a body. */
interface Write {
  verb: string;
  name: string;
  path: (id: string, message: string) => string;
  /** What must be in the body, or may be, besides the case's own attribute; and the first of it alone. */
  good: [name: string, value: string | boolean | number][];
  /** An attribute of text, and the largest body in bytes. */
  text: string;
  limit: number;
  /** What exists and can't be chosen here. */
  fixed: string[];
}

const KIB = 1024;
const FIXED = ["id", "contact_id", "group_id", "last_active_at", "created_at"];
const CREATE: Write = {
  verb: "POST",
  name: "POST",
  path: () => COLLECTION,
  good: [["contact_id", "bob"]],
  text: "contact_id",
  limit: 16 * KIB,
  fixed: [
    "id",
    "pinned_message_id",
    "is_pinned",
    "is_muted",
    "last_active_at",
    "last_opened_at",
    "created_at",
    "archived_at",
  ],
};
const PUT: Write = {
  verb: "PUT",
  name: "PUT",
  path: item,
  good: [["is_muted", true]],
  text: "pinned_message_id",
  limit: 16 * KIB,
  fixed: FIXED,
};
const PATCH: Write = { ...PUT, verb: "PATCH", name: "PATCH" };
const SEND: Write = {
  verb: "POST",
  name: "POST a message",
  path: () => MESSAGES,
  good: [
    ["conversation_id", NO_ID],
    ["message", "Hello"],
  ],
  text: "contact_id",
  limit: 64 * KIB,
  fixed: ["id", "read_at", "created_at", "updated_at"],
};
const PUT_MESSAGE: Write = {
  verb: "PUT",
  name: "PUT a message",
  path: (_id, message) => messageItem(message),
  good: [["message", "Hello"]],
  text: "message",
  limit: 64 * KIB,
  fixed: ["id", "conversation_id", "contact_id", "created_at", "updated_at"],
};
const PATCH_MESSAGE: Write = { ...PUT_MESSAGE, verb: "PATCH", name: "PATCH a message" };
const MINT: Write = {
  verb: "POST",
  name: "POST a token",
  path: () => TOKEN_COLLECTION,
  good: [
    ["name", "CI"],
    ["scopes", "messages:read"],
  ],
  text: "name",
  limit: 16 * KIB,
  fixed: ["id", "token", "created_at", "revoked_at"],
};
const ROTATE: Write = {
  verb: "POST",
  name: "POST a rotation",
  path: () => rotation(NO_ID),
  good: [["grace_period", 60]],
  text: "grace_period",
  limit: 16 * KIB,
  fixed: [],
};
const WRITES = [CREATE, PUT, PATCH, SEND, PUT_MESSAGE, PATCH_MESSAGE, MINT, ROTATE];

const formOf = ({ good }: Write): string => good.map(([name, value]) => `${name}=${value}`).join("&");
const membersOf = ({ good }: Write): string => good.map(([name, value]) => `"${name}":${JSON.stringify(value)}`).join();

type Target = Pick<Write, "verb" | "path">;

const body = (
  write: Target,
  type: string,
  bytes: string | Buffer,
  code: string,
  param: string | null,
  status = 400,
): Case => ({
  name: `${write.verb} ${type} ${shown(bytes)}`,
  send: (alice, id, message) => alice.send(write.verb, write.path(id, message), { "Content-Type": type }, bytes),
  status,
  code,
  param,
});
const form = (write: Target, text: string, code: string, param: string): Case => body(write, FORM, text, code, param);
const json = (write: Target, text: string, code: string, param: string | null): Case =>
  body(write, JSON_TYPE, text, code, param);

const JSON_NO_NUMBERS = [
  "-1",
  "253402300800",
  "1.5",
  "1.0",
  "705103200.0",
  "1e3",
  "1E3",
  "1e400",
  "-1e400",
  "1e-400",
  "9".repeat(40),
  "9223372036854775808",
  "-9223372036854775809",
  '"705103200"',
  '""',
  "true",
  "[]",
  "[1]",
  "{}",
];
const JSON_NO_BOOLEANS = [
  "null",
  "0",
  "1",
  '"true"',
  '"false"',
  '""',
  "[]",
  "[true]",
  "{}",
  "1.0",
  '{"is_muted":true}',
];
const JSON_NO_REFERENCES = [
  '""',
  '"a b"',
  '"a\\u0000b"',
  '"\\u0000"',
  '"\\n"',
  '"é"',
  '"\\ud83d\\ude00"',
  '"\\ud800"',
  `"${"a".repeat(65)}"`,
  `"${"a".repeat(16000)}"`,
  '"\'; DROP TABLE conversations; --"',
  '"../../x"',
  "1",
  "1.5",
  "true",
  "false",
  "[]",
  '["a"]',
  "{}",
  '{"$ne":null}',
  "[".repeat(5000) + "]".repeat(5000),
  `${'{"a":'.repeat(2000)}1${"}".repeat(2000)}`,
];

describe("attributes of a form", () => {
  for (const name of ["contact_id", "group_id"]) {
    refused(
      `create: ${name}`,
      NO_REFERENCES.map((value) => form(CREATE, `${name}=${value}`, "parameter_invalid", name)),
    );
    refused(
      `create: ${name} beside a good one`,
      NO_REFERENCES.map((value) =>
        form(
          CREATE,
          `${name === "group_id" ? "contact_id" : "group_id"}=ok&${name}=${value}`,
          "parameter_invalid",
          name,
        ),
      ),
    );
  }
  refused(
    "create: distinct",
    ["", ...NO_BOOLEANS].map((value) =>
      form(CREATE, `contact_id=bob&distinct=${value}`, "parameter_invalid", "distinct"),
    ),
  );
  for (const write of [PUT, PATCH]) {
    for (const name of ["is_pinned", "is_muted"]) {
      refused(
        `${write.verb}: ${name}`,
        ["", ...NO_BOOLEANS].map((value) => form(write, `archived_at=9&${name}=${value}`, "parameter_invalid", name)),
      );
    }
    for (const name of ["archived_at", "last_opened_at"]) {
      refused(
        `${write.verb}: ${name}`,
        ["253402300800", "00", ...NO_NUMBERS].map((value) =>
          form(write, `is_muted=true&${name}=${value}`, "parameter_invalid", name),
        ),
      );
    }
    refused(
      `${write.verb}: pinned_message_id`,
      [NO_ID, ...NO_IDS.filter((value) => value !== "")].map((value) =>
        form(write, `is_muted=true&pinned_message_id=${value}`, "parameter_invalid", "pinned_message_id"),
      ),
    );
  }
});

describe("attributes of JSON", () => {
  for (const name of ["contact_id", "group_id"]) {
    refused(
      `create: ${name}`,
      JSON_NO_REFERENCES.map((value) => json(CREATE, `{"${name}":${value}}`, "parameter_invalid", name)),
    );
  }
  refused(
    "create: distinct",
    JSON_NO_BOOLEANS.map((value) =>
      json(CREATE, `{"contact_id":"bob","distinct":${value}}`, "parameter_invalid", "distinct"),
    ),
  );
  for (const write of [PUT, PATCH]) {
    for (const name of ["is_pinned", "is_muted"]) {
      refused(
        `${write.verb}: ${name}`,
        JSON_NO_BOOLEANS.map((value) => json(write, `{"archived_at":9,"${name}":${value}}`, "parameter_invalid", name)),
      );
    }
    for (const name of ["archived_at", "last_opened_at"]) {
      refused(
        `${write.verb}: ${name}`,
        JSON_NO_NUMBERS.map((value) => json(write, `{"is_muted":true,"${name}":${value}}`, "parameter_invalid", name)),
      );
    }
    refused(
      `${write.verb}: pinned_message_id`,
      [`"${NO_ID}"`, ...JSON_NO_REFERENCES].map((value) =>
        json(write, `{"is_muted":true,"pinned_message_id":${value}}`, "parameter_invalid", "pinned_message_id"),
      ),
    );
  }
});

describe("attributes of a message", () => {
  const TOO_LONG = ["x".repeat(10_001), "é".repeat(10_001)];
  const NO_TEXTS = [
    "",
    ...MALFORMED_ENCODING,
    "%00",
    "a%00",
    "%00a",
    "a%00b",
    ...TOO_LONG.slice(0, 1),
    "%C3%A9".repeat(10_001),
  ];
  const JSON_NO_TEXTS = [
    "null",
    '""',
    '"\\u0000"',
    '"a\\u0000b"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"a\\ud83d"',
    ...[...TOO_LONG, "😀".repeat(10_001)].map((text) => JSON.stringify(text)),
    "0",
    "1",
    "1.5",
    "true",
    "false",
    "[]",
    '["a"]',
    "{}",
    '{"text":"a"}',
  ];
  const JSON_NO_IDS = [
    "null",
    '""',
    '"a"',
    `"${NO_ID}0"`,
    `"${NO_ID.slice(1)}-"`,
    '"aaaaaaaaaaaaaa\\u0000a"',
    '"aaaaaaaaaaaaaaé"',
    `"${"a".repeat(16_000)}"`,
    "1",
    "1111111111111111",
    "true",
    "[]",
    `["${NO_ID}"]`,
    "{}",
  ];
  const start = (id: string) => `conversation_id=${id}`;
  refused("POST: message", [
    ...NO_TEXTS.map((value) => form(SEND, `${start(NO_ID)}&message=${value}`, "parameter_invalid", "message")),
    ...JSON_NO_TEXTS.map((value) =>
      json(SEND, `{"conversation_id":"${NO_ID}","message":${value}}`, "parameter_invalid", "message"),
    ),
  ]);
  refused("POST: conversation_id", [
    ...NO_IDS.map((value) =>
      form(SEND, `message=Hello&conversation_id=${value}`, "parameter_invalid", "conversation_id"),
    ),
    ...JSON_NO_IDS.map((value) =>
      json(SEND, `{"message":"Hello","conversation_id":${value}}`, "parameter_invalid", "conversation_id"),
    ),
  ]);
  refused("POST: contact_id", [
    ...NO_REFERENCES.map((value) =>
      form(SEND, `${formOf(SEND)}&contact_id=${value}`, "parameter_invalid", "contact_id"),
    ),
    ...JSON_NO_REFERENCES.map((value) =>
      json(SEND, `{${membersOf(SEND)},"contact_id":${value}}`, "parameter_invalid", "contact_id"),
    ),
  ]);
  refused(
    "POST: to a conversation that isn't there",
    [
      form(SEND, formOf(SEND), "resource_missing", "conversation_id"),
      json(SEND, `{${membersOf(SEND)},"contact_id":"bob"}`, "resource_missing", "conversation_id"),
    ].map((each) => ({ ...each, status: 404 })),
  );
  refused("POST: something missing", [
    form(SEND, "", "parameter_missing", "conversation_id"),
    form(SEND, "message=Hello", "parameter_missing", "conversation_id"),
    form(SEND, start(NO_ID), "parameter_missing", "message"),
    json(SEND, '{"contact_id":null}', "parameter_missing", "conversation_id"),
  ]);
  for (const write of [PUT_MESSAGE, PATCH_MESSAGE]) {
    refused(`${write.verb}: message`, [
      ...NO_TEXTS.map((value) => form(write, `read_at=5&message=${value}`, "parameter_invalid", "message")),
      ...JSON_NO_TEXTS.map((value) => json(write, `{"read_at":5,"message":${value}}`, "parameter_invalid", "message")),
    ]);
    refused(`${write.verb}: read_at`, [
      ...["253402300800", "00", ...NO_NUMBERS].map((value) =>
        form(write, `message=Hi&read_at=${value}`, "parameter_invalid", "read_at"),
      ),
      ...JSON_NO_NUMBERS.map((value) =>
        json(write, `{"message":"Hi","read_at":${value}}`, "parameter_invalid", "read_at"),
      ),
    ]);
  }
});

describe("attributes of a token", () => {
  const NO_NAMES = [
    "",
    "+",
    "%20%20",
    ...MALFORMED_ENCODING,
    ...["%00", "a%00", "a%0Ab", "a%7F", "%1B[31m", "%E2%80%A8", "%C2%85"],
    "x".repeat(65),
    "%C3%A9".repeat(65),
  ];
  const NO_SCOPES = [
    "",
    "+",
    "messages",
    "messages:",
    ":read",
    "messages:READ",
    "Messages:read",
    "messages:read+",
    "+messages:read",
    "messages:read++messages:write",
    "messages:read,messages:write",
    "messages:read%09messages:write",
    "messages:read%0Amessages:write",
    "messages:read+messages:read",
    "messages:read+x",
    "tokens:read",
    "*",
    "all",
    "1",
    "31",
    "messages:read%00",
    ...MALFORMED_ENCODING,
    ...SQL_FRAGMENTS,
  ];
  const JSON_NO_TEXTS = [
    "null",
    '""',
    '" "',
    '"a\\u0000"',
    '"a\\nb"',
    '"\\ud800"',
    `"${"x".repeat(65)}"`,
    "1",
    "true",
    "[]",
    '["messages:read"]',
    "{}",
  ];
  const name = "name=CI",
    scopes = "scopes=messages:read";
  refused("name", [
    ...NO_NAMES.map((value) => form(MINT, `${scopes}&name=${value}`, "parameter_invalid", "name")),
    ...JSON_NO_TEXTS.map((value) =>
      json(MINT, `{"scopes":"messages:read","name":${value}}`, "parameter_invalid", "name"),
    ),
  ]);
  refused("scopes", [
    ...NO_SCOPES.map((value) => form(MINT, `${name}&scopes=${value}`, "parameter_invalid", "scopes")),
    ...JSON_NO_TEXTS.map((value) => json(MINT, `{"name":"CI","scopes":${value}}`, "parameter_invalid", "scopes")),
  ]);
  refused("expires_at", [
    ...["0", "1", "253402300800", "00", ...NO_NUMBERS].map((value) =>
      form(MINT, `${name}&${scopes}&expires_at=${value}`, "parameter_invalid", "expires_at"),
    ),
    ...["0", ...JSON_NO_NUMBERS.filter((value) => value !== '""')].map((value) =>
      json(MINT, `{"name":"CI","scopes":"messages:read","expires_at":${value}}`, "parameter_invalid", "expires_at"),
    ),
  ]);
  refused("grace_period", [
    ...["", "86401", "00", ...NO_NUMBERS].map((value) =>
      form(ROTATE, `grace_period=${value}`, "parameter_invalid", "grace_period"),
    ),
    ...["null", "86401", ...JSON_NO_NUMBERS].map((value) =>
      json(ROTATE, `{"grace_period":${value}}`, "parameter_invalid", "grace_period"),
    ),
  ]);
  refused(
    "a rotation takes nothing else",
    ["name", "scopes", "expires_at", "id"].map((other) =>
      form(ROTATE, `grace_period=1&${other}=x`, "parameter_unknown", other),
    ),
  );
  refused(
    "a malformed key, beside a good body",
    [MINT, ROTATE, CREATE, SEND].map((write) => ({
      name: write.name,
      status: 400,
      code: "parameter_invalid",
      param: "Idempotency-Key",
      send: (alice: Account, id: string, message: string) =>
        alice.send(
          write.verb,
          write.path(id, message),
          { "Content-Type": FORM, "Idempotency-Key": '"' },
          formOf(write),
        ),
    })),
  );
});

describe("attributes that don't belong", () => {
  for (const write of WRITES) {
    const [good, goodJson] = [formOf(write), membersOf(write)];
    const strangers = [
      "account_id",
      "name",
      "Contact_id",
      "contact_id ",
      "contact_id\0",
      "é",
      "__proto__",
      "constructor",
      "state",
      "object",
      "x".repeat(5000),
    ].filter((name) => !write.good.some(([known]) => known === name));
    refused(
      `${write.name}: strangers`,
      strangers.flatMap((name) => [
        form(write, `${good}&${encodeURIComponent(name)}=1`, "parameter_unknown", name.slice(0, 64)),
        json(write, `{${goodJson},${JSON.stringify(name)}:1}`, "parameter_unknown", name.slice(0, 64)),
        json(write, `{${JSON.stringify(name)}:null,${goodJson}}`, "parameter_unknown", name.slice(0, 64)),
      ]),
    );
    refused(
      `${write.name}: what can't be chosen`,
      write.fixed.flatMap((name) => [
        form(write, `${good}&${name}=true`, "parameter_immutable", name),
        json(write, `{${goodJson},"${name}":null}`, "parameter_immutable", name),
        json(write, `{"${name}":1,${goodJson}}`, "parameter_immutable", name),
      ]),
    );
    const [name, value] = write.good[0]!;
    const quoted = JSON.stringify(value);
    refused(`${write.name}: one sent twice`, [
      form(write, `${name}=${value}&${name}=${value}`, "parameter_duplicate", name),
      form(write, `${name}=${value}&${name}=`, "parameter_duplicate", name),
      form(write, `${name}=${value}&${name.replace("_", "%5F")}=${value}`, "parameter_duplicate", name),
      json(write, `{"${name}":${quoted},"${name}":${quoted}}`, "parameter_duplicate", name),
      json(write, `{"${name}":${quoted},"${name.replace("_", "\\u005f")}":null}`, "parameter_duplicate", name),
      json(write, `{"x":1,"x":1}`, "parameter_duplicate", "x"),
    ]);
  }
  refused(
    "distinct is for a create alone",
    [PUT, PATCH, SEND].map((write) => form(write, `${formOf(write)}&distinct=true`, "parameter_unknown", "distinct")),
  );
  for (const verb of ["GET", "DELETE"]) {
    refused(`${verb}: any attribute`, [
      form({ verb, path: item }, "is_muted=true", "parameter_unknown", "is_muted"),
      json({ verb, path: item }, '{"contact_id":"bob"}', "parameter_unknown", "contact_id"),
      json({ verb, path: item }, "[]", "body_malformed", null),
      form({ verb, path: PUT_MESSAGE.path }, "message=Hi", "parameter_unknown", "message"),
      form({ verb, path: () => tokenItem(NO_ID) }, "name=x", "parameter_unknown", "name"),
      json({ verb, path: PUT_MESSAGE.path }, '{"read_at":5}', "parameter_unknown", "read_at"),
    ]);
  }
});

describe("bodies that are not what they say", () => {
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
  for (const write of WRITES) {
    refused(
      `${write.name}: not a JSON object`,
      NOT_AN_OBJECT.map((text) => json(write, text, "body_malformed", null)),
    );
    refused(
      `${write.name}: JSON that is not UTF-8`,
      NOT_UTF8.map((bytes) => body(write, JSON_TYPE, bytes, "body_malformed", null)),
    );
    refused(
      `${write.name}: a form that is not UTF-8`,
      [Buffer.from("\xff", "latin1"), Buffer.from("a\xc3(", "latin1")].map((value) =>
        body(write, FORM, Buffer.concat([Buffer.from(`${write.text}=`), value]), "parameter_invalid", write.text),
      ),
    );
  }
});

describe("bodies of other types", () => {
  const TYPES = [
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
  for (const write of WRITES) {
    const attributes = formOf(write);
    refused(`${write.name}: 415`, [
      ...TYPES.map((type) => body(write, type, attributes, "media_type_unsupported", null, 415)),
      {
        name: "no content type",
        status: 415,
        code: "media_type_unsupported",
        send: (alice, id, message) => alice.send(write.verb, write.path(id, message), {}, attributes),
      },
      ...["gzip", "br", "deflate", "x", "gzip, identity"].map((encoding) => ({
        name: `Content-Encoding: ${encoding}`,
        status: 415,
        code: "media_type_unsupported",
        send: (alice: Account, id: string, message: string) =>
          alice.send(
            write.verb,
            write.path(id, message),
            { "Content-Type": FORM, "Content-Encoding": encoding },
            attributes,
          ),
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
      assertError(await raw(`POST ${MESSAGES} ${head}${rest}`), 400, "parameter_missing", "conversation_id");
    }
  }
});

describe("bodies of more than 16 KiB, 64 KiB where a message's text travels", () => {
  const MIB = KIB * KIB;
  const pad = (start: string, length: number, end = ""): string =>
    start + "x".repeat(length - start.length - end.length) + end;
  /** Without a Content-Length, in chunks. */
  const chunked = (
    alice: Account,
    verb: string,
    path: string,
    type: string,
    text: string,
    size = KIB,
  ): Promise<Answer> => {
    const chunks: string[] = [];
    for (let at = 0; at < text.length; at += size) chunks.push(text.slice(at, at + size));
    return raw(
      `${verb} ${path} HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: Bearer ${alice.token}\r\nContent-Type: ${type}\r\n` +
        `Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
        chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("") +
        "0\r\n\r\n",
    );
  };
  /** With and without a Content-Length, as any type. */
  const tooLarge = (write: Write, size: number): Case[] =>
    (
      [
        [FORM, pad(`${write.text}=`, size)],
        [JSON_TYPE, pad(`{"${write.text}":"`, size, '"}')],
        ["text/plain", pad("", size)],
      ] as const
    ).flatMap(([type, text]) => [
      { ...body(write, type, text, "body_too_large", null, 413), name: `${write.verb} ${type} ${size}` },
      ...[KIB, 100_000].map((chunk) => ({
        name: `${write.verb} ${type} ${size} chunked`,
        status: 413,
        code: "body_too_large",
        send: (alice: Account, id: string, message: string) =>
          chunked(alice, write.verb, write.path(id, message), type, text, chunk),
      })),
    ]);
  for (const write of WRITES) {
    const { text: name, limit } = write;
    refused(
      `${write.name}: 413, with and without a Content-Length`,
      [limit + 1, 5 * limit, MIB, 4 * MIB].flatMap((size) => tooLarge(write, size)),
    );
    refused(`${write.name}: exactly ${limit / KIB} KiB is read`, [
      form(write, pad(`${name}=`, limit), "parameter_invalid", name),
      json(write, pad(`{"${name}":"`, limit, '"}'), "parameter_invalid", name),
      {
        name: "chunked",
        status: 400,
        code: "parameter_invalid",
        param: name,
        send: (alice, id, message) => chunked(alice, write.verb, write.path(id, message), FORM, pad(`${name}=`, limit)),
      },
    ]);
  }
  refused(
    "1 MiB and 4 MiB again and again, on connections that are kept",
    Array.from({ length: 10 }, () => [MIB, 4 * MIB])
      .flat()
      .flatMap((size) =>
        [CREATE, SEND].map((write) => body(write, FORM, pad(`${write.text}=`, size), "body_too_large", null, 413)),
      ),
  );
  refused(
    "the same in chunks",
    Array.from({ length: 5 }, () => [MIB, 4 * MIB])
      .flat()
      .map((size) => ({
        name: `${size} chunked`,
        status: 413,
        code: "body_too_large",
        send: (alice: Account) => chunked(alice, "POST", MESSAGES, FORM, pad("message=", size)),
      })),
  );
  test("twenty at once", async () => {
    const alice = await account();
    const text = pad("contact_id=", MIB);
    for (const answer of await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 2 ? alice.post(COLLECTION, text) : chunked(alice, "POST", COLLECTION, FORM, text),
      ),
    )) {
      assertError(answer, 413, "body_too_large");
    }
  });

  test("a small body in chunks is a body like any other", async () => {
    const alice = await account();
    assert.equal((await chunked(alice, "POST", COLLECTION, FORM, "contact_id=bob")).status, 201);
  });
});

// -------------------------------------------------------------------------------------------------- paths and verbs

describe("paths", () => {
  const UNKNOWN = [
    "/v1",
    "/v1/",
    "/v2/conversations",
    "/V1/conversations",
    "/v1/Conversations",
    "/v1/conversation",
    "/v1/conversations/",
    "/v1//conversations",
    "//v1/conversations",
    "/v1/conversations/a/b",
    `/v1/conversations/${NO_ID}/`,
    `/v1/conversations/${NO_ID}/messages`,
    "/v1/conversations//",
    "/v1/conversations%2f",
    "/v1/conversations%00",
    "/v1/conversations%zz",
    "/v1/%63onversations%ff",
    "/%",
    "/%zz",
    "/%ff%fe",
    "/%00",
    "/'",
    "/;--",
    "/.env",
    "/index.php",
    "/v1/conversations;x=1",
    "/v1/messages/",
    "/v1/message",
    "/v1/Messages",
    "/v1//messages",
    "/v1/messages/a/b",
    `/v1/messages/${NO_ID}/`,
    "/v1/messages%2f",
    "/v1/tokens/",
    "/v1/token",
    "/v1/tokens/a/b",
    "/v1/tokens//rotate",
    `/v1/tokens/${NO_ID}/rotate/`,
    `/v1/conversations/${NO_ID}/rotate`,
    `/${"x".repeat(8000)}`,
    `/v1/conversations/${"a/".repeat(4000)}`,
    `/v1/conversations${"/".repeat(8000)}`,
  ];
  refused(
    "unknown ones are 404 for every verb",
    UNKNOWN.flatMap((path) =>
      ["GET", "POST", "PROPFIND"].map((verb) => ({
        name: `${verb} ${path.slice(0, 60)}`,
        status: 404,
        code: "path_unknown",
        send: (alice: Account) => alice.send(verb, path),
      })),
    ),
  );

  const STRANGE_IDS = [
    "%",
    "%zz",
    "%ff",
    "%00",
    "%2F",
    "'",
    "%27%20OR%201=1--",
    "a b".replace(" ", "+"),
    "é".replace("é", "%C3%A9"),
    "*",
    "null",
    ":id",
    "x".repeat(8000),
  ];
  refused(
    "ids that can't be ids name nothing",
    STRANGE_IDS.flatMap((id) =>
      ["GET", "PUT", "PATCH", "DELETE"].map((verb) => ({
        name: `${verb} ${id.slice(0, 60)}`,
        status: 404,
        code: "resource_missing",
        send: (alice: Account) => alice.send(verb, item(id)),
      })),
    ),
  );
  refused(
    "nor any token",
    STRANGE_IDS.flatMap((id) => [
      ...["GET", "DELETE"].map((verb) => ({
        name: `${verb} ${id.slice(0, 60)}`,
        status: 404,
        code: "resource_missing",
        send: (alice: Account) => alice.send(verb, tokenItem(id)),
      })),
      {
        name: `rotate ${id.slice(0, 60)}`,
        status: 404,
        code: "resource_missing",
        send: (alice: Account) => alice.send("POST", rotation(id)),
      },
    ]),
  );
  refused(
    "nor any message",
    STRANGE_IDS.flatMap((id) =>
      ["GET", "PUT", "PATCH", "DELETE"].map((verb) => ({
        name: `${verb} ${id.slice(0, 60)}`,
        status: 404,
        code: "resource_missing",
        send: (alice: Account) => alice.send(verb, messageItem(id)),
      })),
    ),
  );

  test("a query of 8 kB is read to its end", async () => {
    const alice = await account();
    const id = await alice.insert();
    assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?${"&".repeat(8000)}limit=1`)), [id]);
  });
});

describe("verbs", () => {
  const STRANGE = [
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "PURGE",
    "TRACE",
    "REPORT",
    "NOTIFY",
    "SUBSCRIBE",
    "QUERY",
  ];
  const send = (verb: string, path: Write["path"]) => (alice: Account, id: string, message: string) =>
    raw(
      `${verb} ${path(id, message)} HTTP/1.1\r\nHost: ${origin.slice(7)}\r\nAuthorization: Bearer ${alice.token}\r\nConnection: close\r\n\r\n`,
    );
  refused(
    "a collection has none but GET, HEAD, POST and OPTIONS",
    [COLLECTION, MESSAGES, TOKEN_COLLECTION].flatMap((path) =>
      ["PUT", "PATCH", "DELETE", ...STRANGE].map((verb) => ({
        name: `${verb} ${path}`,
        status: 405,
        code: "method_not_allowed",
        send: send(verb, () => path),
      })),
    ),
  );
  refused(
    "an item has none but GET, HEAD, PUT, PATCH, DELETE and OPTIONS",
    [item, PUT_MESSAGE.path].flatMap((path) =>
      ["POST", ...STRANGE].map((verb) => ({
        name: verb,
        status: 405,
        code: "method_not_allowed",
        send: send(verb, path),
      })),
    ),
  );
});
