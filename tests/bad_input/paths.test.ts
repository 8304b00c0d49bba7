// Unknown paths, malformed ids and methods that a path does not have: 404 and 405.

import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { account } from "../support/accounts.ts";
import { idsOf } from "../support/expectations.ts";
import { raw, textOf } from "../support/http.ts";
import { mistake } from "../support/mistakes.ts";
import { OPERATIONS, type Operation } from "../support/operations.ts";
import { COLLECTION, NO_ID } from "../support/paths.ts";
import { type Case, refused } from "./refused.ts";

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
  "/v1/token/",
  "/v1/Token",
  "/v1/tokens/a/b",
  "/v1/tokens//rotate",
  `/v1/tokens/${NO_ID}/rotate/`,
  `/v1/conversations/${NO_ID}/rotate`,
  `/${"x".repeat(8000)}`,
  `/v1/conversations/${"a/".repeat(4000)}`,
  `/v1/conversations${"/".repeat(8000)}`,
];

/** An operation's path and method, each perhaps another one. Sent as bytes: no client may correct them. */
const misdirected = (operation: Operation, code: string, status: number, target: string, method: string): Case => {
  const wrong = mistake(operation, { name: `${method} ${target.slice(0, 60)}`, target, code, status });
  return {
    ...wrong,
    send: ({ account, real }) => raw(textOf(method, real(target), { Authorization: `Bearer ${account.token}` })),
  };
};

const PATHS = [...new Map(OPERATIONS.map((operation) => [operation.path, operation])).values()];

describe("unknown paths are a 404 for every method", () => {
  const missing = (operation: Operation, target: string): Case[] =>
    ["GET", "POST", "PROPFIND"].map((method) => misdirected(operation, "path_unknown", 404, target, method));
  refused(
    "of no resource, misspelt or malformed",
    UNKNOWN.flatMap((target) => missing(OPERATIONS[0]!, target)),
  );
  for (const operation of PATHS) {
    const path = operation.path.replace("{id}", NO_ID);
    refused(`nearly ${operation.path}`, [
      ...[
        `${path}/`,
        `${path}//`,
        `/${path}`,
        path.replace("/v1/", "/v1//"),
        path.replace("/v1/", "/v2/"),
        path.replace("/v1/", "/V1/"),
        path.replace(/\/v1\/(.)/, (_, first: string) => `/v1/${first.toUpperCase()}`),
        path.replace(/(\/v1\/\w+)s/, "$1"),
        `${path}/x/y`,
        // After an id these would belong to the id.
        ...(path.endsWith(NO_ID) ? [] : [`${path}%2f`, `${path}%00`, `${path};x=1`]),
      ]
        // The path of tokens without its s is one, too.
        .filter((target) => !PATHS.some(({ path }) => path === target))
        .flatMap((target) => missing(operation, target)),
    ]);
  }
});

describe("malformed ids are a 404", () => {
  const MALFORMED_IDS = [
    "%",
    "%zz",
    "%ff",
    "%00",
    "%2F",
    "'",
    "%27%20OR%201=1--",
    "a+b",
    "%C3%A9",
    "*",
    "null",
    ":id",
    "x".repeat(8000),
  ];
  for (const operation of OPERATIONS) {
    if (!operation.path.includes("{id}")) continue;
    refused(operation.name, [
      ...MALFORMED_IDS.map((id) =>
        mistake(operation, {
          name: id.slice(0, 60),
          target: operation.path.replace("{id}", () => id),
          status: 404,
          code: "resource_missing",
        }),
      ),
    ]);
  }
});

test("a query of 8 kB is read to its end", async () => {
  const alice = await account();
  const id = await alice.insert();
  assert.deepEqual(idsOf(await alice.get(`${COLLECTION}?${"&".repeat(8000)}limit=1`)), [id]);
});

describe("methods that a path does not have are a 405", () => {
  const METHODS = [
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    ...[
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
    ],
  ];
  for (const operation of PATHS) {
    const taken = OPERATIONS.filter(({ path }) => path === operation.path).map(({ method }) => method);
    refused(operation.path, [
      ...METHODS.filter((method) => !taken.includes(method)).map((method) =>
        misdirected(operation, "method_not_allowed", 405, operation.path.replace("{id}", NO_ID), method),
      ),
    ]);
  }
});
