// The message of an error names the mistake that was made, and not another one: what is sent in the wrong place, under
// almost the right name, or with the wrong Content-Type.

import { describe } from "node:test";
import { FORM, type Headers, JSON_TYPE } from "../support/http.ts";
import { mistake, withBody } from "../support/mistakes.ts";
import { formOf, OPERATIONS } from "../support/operations.ts";
import { type Case, refused, shown } from "./refused.ts";

const JSON_BODY = '{"contact_id":"bob"}';

/** Other ways in which people and libraries write a name. */
const variantsOf = (name: string): string[] =>
  [
    name.toUpperCase(),
    name.replaceAll("_", "-"),
    name.replaceAll("_", ""),
    name.replaceAll(/_(.)/g, (_, letter) => letter.toUpperCase()),
    `${name[0]!.toUpperCase()}${name.slice(1)}`,
    `${name}[]`,
    `${name} `,
  ].filter((variant) => variant !== name);

/** A name as a message can show it. */
const isShown = (name: string): boolean => /^[!-~]{1,64}$/.test(name);
const escaped = (text: string): string => text.replaceAll(/[[\]]/g, "\\$&");

for (const operation of OPERATIONS) {
  const { name: title, body, query } = operation;
  const [inQuery, inBody] = [Object.keys(query), Object.keys(body?.json ?? {})];
  const unknown = (name: string, message: RegExp, place: "query" | "body"): Case => {
    const pair = `${encodeURIComponent(name)}=1`;
    const where = place === "query" ? { query: pair } : withBody(FORM, pair);
    return { ...mistake(operation, { name: pair, code: "parameter_unknown", param: name, ...where }), message };
  };

  describe(`${title}: messages`, () => {
    if (inBody.length > 0)
      refused("an attribute in the query belongs in the body", [
        ...inBody
          .filter((name) => !inQuery.includes(name))
          .map((name) =>
            unknown(name, new RegExp(`^Parameter \`${name}\` belongs in the body, not in the query\\.$`), "query"),
          ),
      ]);
    if (inQuery.length > 0)
      refused("a parameter in the body belongs in the query", [
        ...inQuery
          .filter((name) => !inBody.includes(name) && !body?.immutable.includes(name))
          .map((name) =>
            unknown(name, new RegExp(`^Parameter \`${name}\` belongs in the query, not in the body\\.$`), "body"),
          ),
      ]);

    for (const [place, here] of [
      ["query", inQuery],
      ["body", inBody],
    ] as const) {
      const cases = here.flatMap((name) =>
        variantsOf(name).map((variant) => {
          const named = isShown(variant) ? ` \`${escaped(variant)}\`` : "";
          const message = new RegExp(
            `^Unknown parameter${named}\\. Did you mean \`${name}\`\\? Supported in the ${place}: `,
          );
          return unknown(variant, message, place);
        }),
      );
      if (cases.length > 0) refused(`a name in the ${place} that is almost right`, cases);
    }
    refused("an unknown name: what is supported, and where", [
      unknown("nonsense", supported("query", inQuery), "query"),
      unknown("nonsense", supported("body", inBody), "body"),
    ]);

    const text = (type: string, content: string | Buffer, message: RegExp, wrong = {}): Case => ({
      ...mistake(operation, {
        name: `${type} ${shown(content)}`,
        ...withBody(type, content),
        code: "body_malformed",
        ...wrong,
      }),
      message,
    });
    const json = body === undefined ? JSON_BODY : JSON.stringify(body.example);
    refused("JSON with the type of a form, as curl sends it", [
      ...[json, ` \n${json}`, "[]", `[${json}]`, encodeURIComponent(json), '{"message":"100% &amp;"}'].map((content) =>
        text(FORM, content, /looks like JSON.*`Content-Type: application\/json`/),
      ),
    ]);
    refused("a form with the type of JSON", [
      ...[formOf(body?.example) || "contact_id=bob", "x=1&y=2", "types[]=a"].map((content) =>
        text(JSON_TYPE, content, /looks like a form.*`Content-Type: application\/x-www-form-urlencoded`/),
      ),
    ]);
    refused("JSON that is no object", [
      ...(
        [
          ["[]", "a list"],
          ['"x"', "a string"],
          [JSON.stringify(json), "a string"],
          ["1", "a number"],
          ["null", "null"],
          ["true", "a boolean"],
        ] as const
      ).map(([content, kind]) => text(JSON_TYPE, content, new RegExp(`must be a JSON object, .*, not ${kind}\\.$`))),
    ]);
    refused("JSON that ends too early, at each place", [
      ...Array.from({ length: json.length - 1 }, (_, end) =>
        text(JSON_TYPE, Buffer.from(json).subarray(0, end + 1), /ends before its JSON object does|not valid UTF-8/),
      ),
      text(JSON_TYPE, `${json.slice(0, -1)}\n`, /ends before its JSON object does/),
    ]);
    refused("a byte order mark, and another encoding", [
      text(JSON_TYPE, `\ufeff${json}`, /byte order mark/),
      text(FORM, "\ufeffx=1", /byte order mark/),
      text(JSON_TYPE, Buffer.from(`\ufeff${json}`, "utf16le"), /byte order mark/),
      text(JSON_TYPE, Buffer.from(json, "utf16le"), /not valid UTF-8/),
    ]);
    refused("a lone surrogate, in a value and in a name", [
      ...['"\\ud800"', '"a\\udfffb"', '["\\ud83d","\\ude00"]', '{"a":"\\ud800"}'].map((value) =>
        text(JSON_TYPE, `{"x":${value}}`, /^Parameter `x` has a lone surrogate/, {
          code: "parameter_invalid",
          param: "x",
        }),
      ),
      text(JSON_TYPE, '{"\\ud800":1}', /^The body has a lone surrogate/),
    ]);
    const untyped = (headers: Headers, message: RegExp): Case => ({
      ...mistake(operation, { headers, body: JSON_BODY, status: 415, code: "media_type_unsupported" }),
      message,
    });
    refused("another Content-Type, or none", [
      untyped({}, /^The body has no Content-Type\. .*`Content-Type: application\/json`/),
      ...["multipart/form-data; boundary=x", "text/plain;charset=UTF-8", "application/vnd.api+json"].map((type) =>
        untyped(
          { "Content-Type": type },
          new RegExp(
            `^Content-Type \`${type.split(";")[0]!.replace("+", "\\+")}\` is not supported\\. Send JSON with `,
          ),
        ),
      ),
    ]);
    refused("a name that is sent twice", [
      { ...mistake(operation, { query: "x=1&x=2", code: "parameter_duplicate", param: "x" }), message: /Send it once/ },
      text(FORM, "x=1&x=2", /Send it once/, { code: "parameter_duplicate", param: "x" }),
    ]);
    if (body !== undefined && body.immutable.length > 0)
      refused("an attribute of the object that cannot be set", [
        ...body.immutable.map((name) =>
          text(JSON_TYPE, JSON.stringify({ [name]: 1 }), new RegExp(`^Parameter \`${name}\` can't be set here\\. `), {
            code: "parameter_immutable",
            param: name,
          }),
        ),
      ]);
  });
}

function supported(place: string, names: string[]): RegExp {
  const end = names.length === 0 ? `No parameter is supported in the ${place}` : `Supported in the ${place}: .+`;
  return new RegExp(`^Unknown parameter \`nonsense\`\\. ${end}\\.$`);
}
