// Wrong query parameters: a 400 that names the parameter, on every operation.

import { describe } from "node:test";
import { position } from "../support/expectations.ts";
import { type Mistake, mistake, mistakesOf } from "../support/mistakes.ts";
import { OPERATIONS, type Operation, operation } from "../support/operations.ts";
import { NO_ID } from "../support/paths.ts";
import { refused, shown } from "./refused.ts";
import { MALFORMED_ENCODING, wrongWords } from "./values.ts";

const wrong = (operation: Operation, query: string, code: string, param: string | null): Mistake =>
  mistake(operation, { name: shown(query), query, code, param });

/** The names of all parameters and attributes of the API. */
const NAMES = new Set(OPERATIONS.flatMap(({ query, body }) => Object.keys({ ...query, ...body?.json })));

for (const operation of OPERATIONS) {
  const parameters = Object.entries(operation.query);
  describe(`${operation.name}: query parameters`, () => {
    refused("one mistake of every kind", mistakesOf(operation));

    for (const [name, schema] of parameters) {
      refused(`wrong values of ${name}`, [
        ...wrongWords(schema).map((word) => wrong(operation, `${name}=${word}`, "parameter_invalid", name)),
        wrong(operation, name, "parameter_invalid", name),
      ]);
      const encoded = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
      refused(`${name} sent twice`, [
        wrong(operation, `${name}=${schema.example}&${name}=${schema.example}`, "parameter_duplicate", name),
        wrong(operation, `${name}=${schema.example}&${name}=x`, "parameter_duplicate", name),
        wrong(operation, `${name}=${schema.example}&x=1&${encoded}=${schema.example}`, "parameter_duplicate", name),
      ]);
    }

    const most = Array.from({ length: 64 }, (_, n) => `a${n}`);
    refused("more than 64 parameters, before any other mistake of them is found", [
      ...["b", "a0", "%zz"].map((more) => wrong(operation, [...most, more].join("&"), "parameters_too_many", null)),
      wrong(operation, `${most.join("&&")}&`, "parameter_unknown", "a0"),
    ]);

    refused("parameters of other operations", [
      ...[...NAMES]
        .filter((name) => !(name in operation.query))
        .map((name) => wrong(operation, `${name}=true`, "parameter_unknown", name)),
    ]);

    refused("unknown parameters", [
      wrong(operation, "page=2", "parameter_unknown", "page"),
      wrong(operation, "offset=10", "parameter_unknown", "offset"),
      ...("order" in operation.query ? [] : [wrong(operation, "order=desc", "parameter_unknown", "order")]),
      wrong(operation, "revoked=true", "parameter_unknown", "revoked"),
      wrong(operation, "Limit=1", "parameter_unknown", "Limit"),
      wrong(operation, "limit[]=1", "parameter_unknown", "limit[]"),
      wrong(operation, "limit%00=1", "parameter_unknown", "limit\0"),
      wrong(operation, "access_token=x", "parameter_unknown", "access_token"),
      wrong(operation, "%C3%A9=1", "parameter_unknown", "é"),
      wrong(operation, "account_id=1", "parameter_unknown", "account_id"),
      wrong(operation, "last_active_at=5", "parameter_unknown", "last_active_at"),
      wrong(operation, `${"x".repeat(5000)}=1`, "parameter_unknown", "x".repeat(64)),
      wrong(operation, `${"%F0%9F%98%80".repeat(100)}=1`, "parameter_unknown", "😀".repeat(64)),
      ...parameters
        .slice(0, 1)
        .map(([name, { example }]) => wrong(operation, `${name}=${example}&x=1`, "parameter_unknown", "x")),
    ]);

    refused("malformed percent-encoding", [
      ...["%zz", "%", "%ff"].map((name) => wrong(operation, `${name}=1`, "parameter_invalid", name)),
      ...MALFORMED_ENCODING.map((value) => wrong(operation, `x=${value}`, "parameter_invalid", "x")),
    ]);

    if ("ending_before" in operation.query)
      refused("both cursors", [
        wrong(operation, `starting_after=${NO_ID}&ending_before=${NO_ID}`, "parameter_invalid", "ending_before"),
      ]);
  });
}

describe("GET /v1/conversations: cursors", () => {
  const list = operation("listConversations");
  const POSITIONS_OF_NO_ORDER = [
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
  for (const name of ["starting_after", "ending_before"]) {
    refused(`${name} in order of creation: a position of the order of activity`, [
      wrong(list, `${name}=${position(NO_ID, 5)}`, "parameter_invalid", name),
    ]);
    refused(`${name} in order of activity: an id, and malformed positions`, [
      ...[...wrongWords(list.query[name]!), NO_ID, ...POSITIONS_OF_NO_ORDER].map((word) =>
        wrong(list, `sort=last_active_at&${name}=${word}`, "parameter_invalid", name),
      ),
    ]);
  }
  refused("both cursors in order of activity", [
    wrong(
      list,
      `sort=last_active_at&starting_after=${position(NO_ID, 5)}&ending_before=${position(NO_ID, 5)}`,
      "parameter_invalid",
      "ending_before",
    ),
  ]);
});
