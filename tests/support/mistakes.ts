// Requests with one mistake each, for every operation: what the tests of all operations need of wrong requests. Wrong
// values, types and sizes at length: tests/bad_input.test.ts.

import type { Answer } from "./audit.ts";
import { FORM, type Headers, JSON_TYPE } from "./http.ts";
import type { Operation } from "./operations.ts";
import { type Caller, example, type World } from "./requests.ts";

/** A request, in the terms of the examples, and the error that it must get. */
export interface Mistake {
  name: string;
  operation: Operation;
  /** Path and query. */
  target: string;
  headers: Headers;
  body?: string | Buffer;
  status: number;
  code: string;
  param: string | null;
}

type Wrong = Partial<Omit<Mistake, "operation">> & { code: string };

/** The operation's example but for what is wrong. */
export function mistake(operation: Operation, { query, ...wrong }: Wrong & { query?: string }): Mistake {
  const { target, body } = example(operation);
  const text = "body" in wrong ? wrong.body : body && JSON.stringify(body);
  return {
    name: wrong.code,
    operation,
    target: query === undefined ? target : `${target}?${query}`,
    headers: text === undefined ? {} : { "Content-Type": JSON_TYPE },
    body: text,
    status: 400,
    param: null,
    ...wrong,
  };
}

/** A body of another type, or with another mistake than its values. */
export const withBody = (type: string, body: string | Buffer) => ({ headers: { "Content-Type": type }, body });

/** The headers of conditional requests. */
export const CONDITIONS = ["If-Match", "If-None-Match"];

/** A malformed value of each header that an operation may have. */
const MALFORMED_HEADERS: Record<string, string> = {
  "Idempotency-Key": '"',
  "If-Match": "x",
  "If-None-Match": "x",
  "Last-Event-ID": "x",
};

/** A header that means something only with another one. */
const ONLY_WITH: Record<string, Headers> = { "Last-Event-ID": { Accept: "text/event-stream" } };

/** One parameter more than a query may have. */
const MANY = Array.from({ length: 65 }, (_, n) => `a${n}`).join("&");

export function mistakesOf(operation: Operation): Mistake[] {
  const { path, body, maxBody, headers } = operation;
  const wrong = (mistakes: (Wrong & { query?: string })[]) => mistakes.map((each) => mistake(operation, each));
  return [
    ...wrong([
      { name: "an unknown parameter", query: "x=1", code: "parameter_unknown", param: "x" },
      { name: "a malformed parameter", query: "x=%zz", code: "parameter_invalid", param: "x" },
      { name: "too many parameters", query: MANY, code: "parameters_too_many" },
      { name: "an unknown attribute", ...withBody(FORM, "x=1"), code: "parameter_unknown", param: "x" },
      { name: "not a JSON object", ...withBody(JSON_TYPE, "["), code: "body_malformed" },
      { name: "another media type", ...withBody("text/plain", "x"), status: 415, code: "media_type_unsupported" },
      { name: "a body too large", ...withBody(FORM, "x".repeat(maxBody + 1)), status: 413, code: "body_too_large" },
    ]),
    ...[
      ...headers.map((name) => [`a malformed ${name}`, name, MALFORMED_HEADERS[name]] as const),
      ...CONDITIONS.filter((name) => !headers.includes(name)).map((name) => [`an ${name}`, name, "*"] as const),
    ].map(([title, name, value]) =>
      mistake(operation, {
        name: title,
        headers: { ...(body && { "Content-Type": JSON_TYPE }), ...ONLY_WITH[name], [name]: value },
        code: "parameter_invalid",
        param: name,
      }),
    ),
    ...(path.includes("{id}")
      ? wrong([{ name: "a malformed id", target: path.replace("{id}", "x"), status: 404, code: "resource_missing" }])
      : []),
    ...(body?.required ?? [])
      .slice(0, 1)
      .map((param) =>
        mistake(operation, { name: "no attributes", ...withBody(JSON_TYPE, "{}"), code: "parameter_missing", param }),
      ),
    ...(body?.immutable ?? []).slice(0, 1).map((name) =>
      mistake(operation, {
        name: "an attribute that cannot be chosen",
        ...withBody(JSON_TYPE, JSON.stringify({ ...body!.example, [name]: "x" })),
        code: "parameter_immutable",
        param: name,
      }),
    ),
  ];
}

/** Sends a mistake to a world, as its account or as another caller. */
export function sendMistake(
  { account, real }: World,
  { operation, target, headers, body }: Mistake,
  more: Headers = {},
  caller: Caller = account,
): Promise<Answer> {
  const bytes = typeof body === "string" ? real(body) : body;
  return caller.send(operation.method, real(target), { ...headers, ...more }, bytes);
}
