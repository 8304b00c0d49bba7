// Every operation of the API, from openapi.yaml: a new one is covered by the tests of all operations as soon as it is
// described there, with an example of its body and of each attribute and parameter.

import assert from "node:assert/strict";
import { FORM, JSON_TYPE } from "./http.ts";
import {
  complaint,
  description,
  methodsOf,
  needsToken,
  operationOf,
  resolved,
  type Schema,
  scopeOf,
} from "./openapi.ts";

const KIB = 1024;

export type Attributes = Record<string, unknown>;

export interface Operation {
  /** As a test names it: `GET /v1/conversations`. */
  name: string;
  id: string;
  method: string;
  /** With `{id}` where an id belongs. */
  path: string;
  /** Undefined where any token will do. */
  scope: string | undefined;
  /** The status of a request that succeeds for the first time, for a caller who may read the object. */
  success: number;
  /** The schemas of its query parameters, by name, each with an example. */
  query: Record<string, Schema>;
  /** The names of its header parameters. */
  headers: string[];
  body?: Body;
  /** Bytes. */
  maxBody: number;
}

export interface Body {
  example: Attributes;
  /** Every attribute, each with its own example. */
  all: Attributes;
  /** The schemas of its attributes, by name. */
  form: Record<string, Schema>;
  json: Record<string, Schema>;
  /** The attributes that must be there. Where one of several must be, the first of them. */
  required: string[];
  /** Attributes of the object that this operation cannot set. */
  immutable: string[];
}

/** The value of an attribute as a form has it. Ids are separated by commas, the members of another list by spaces. */
export const wordOf = (name: string, value: unknown): string =>
  Array.isArray(value) ? value.join(name === "ids" ? "," : " ") : String(value);
export const formOf = (attributes: Attributes = {}): string =>
  new URLSearchParams(Object.entries(attributes).map(([name, value]) => [name, wordOf(name, value)])).toString();

/** Fails because something is missing in the description. */
export const lacking = (what: string): never => assert.fail(`openapi.yaml: ${what}`);

/** The schema of an operation's successful response. */
function responseSchema(method: string, path: string): Schema | undefined {
  const { responses } = operationOf(method, path);
  const [success] = Object.keys(responses).filter((status) => status.startsWith("2"));
  const schema = resolved(responses[success!]!).content?.["application/json"].schema;
  return schema && resolved(schema);
}

function exampleOf(schema: Schema): unknown {
  const { example, oneOf } = resolved(schema);
  return example ?? (oneOf === undefined ? lacking(`no example in ${JSON.stringify(schema)}`) : exampleOf(oneOf[0]));
}

function bodyOf(method: string, path: string): Body | undefined {
  const { requestBody, operationId } = operationOf(method, path);
  if (requestBody === undefined) return undefined;
  const [form, json] = [FORM, JSON_TYPE].map((type) => resolved(requestBody.content[type]!.schema)) as [Schema, Schema];
  const example = json.example ?? lacking(`${operationId} has no example of its body`);
  assert.equal(complaint(json, example), undefined, `the example of ${operationId}`);
  const attributes = Object.keys(json.properties);
  // A creation may show more of the object than an update does.
  const collection = path.replace(/\/\{id\}$/, "");
  const created = methodsOf(collection).includes("POST") ? responseSchema("POST", collection) : undefined;
  const object: string[] = (created ?? responseSchema(method, path))?.required ?? [];
  // A body that shares no attribute with the object, as a rotation's, does not describe the object.
  const describes = attributes.some((name) => object.includes(name));
  return {
    example,
    all: Object.fromEntries(attributes.map((name) => [name, exampleOf(json.properties[name])])),
    form: form.properties,
    json: json.properties,
    required: json.required ?? json["x-require-one-of"]?.slice(0, 1) ?? [],
    immutable: describes ? object.filter((name) => !attributes.includes(name)) : [],
  };
}

/** A text of up to 10,000 characters needs a larger body. The limit is the same for every method of the path. */
const isLarge = (path: string): boolean =>
  methodsOf(path)
    .flatMap((method) => Object.values(bodyOf(method, path)?.json ?? {}))
    .some((schema) => resolved(schema).maxLength >= 10_000);

/** All operations that need a token. */
export const OPERATIONS: Operation[] = Object.keys(description.paths).flatMap((path) =>
  methodsOf(path).flatMap((method): Operation[] => {
    const operation = operationOf(method, path);
    if (!needsToken(operation)) return [];
    const parameters = (operation.parameters ?? []).map(resolved);
    const successes = Object.keys(operation.responses).filter((status) => status.startsWith("2"));
    const withObject = successes.filter((status) => resolved(operation.responses[status]!).content !== undefined);
    return [
      {
        name: `${method} ${path}`,
        id: operation.operationId,
        method,
        path,
        scope: scopeOf(operation),
        success: Math.max(...(withObject.length > 0 ? withObject : successes).map(Number)),
        query: Object.fromEntries(
          parameters
            .filter((each) => each.in === "query")
            .map(({ name, schema }) => [name, { ...resolved(schema), example: exampleOf(schema) }]),
        ),
        headers: parameters.filter((each) => each.in === "header").map(({ name }) => name),
        body: bodyOf(method, path),
        maxBody: isLarge(path) ? 128 * KIB : 16 * KIB,
      },
    ];
  }),
);

export const operation = (id: string): Operation =>
  OPERATIONS.find((each) => each.id === id) ?? assert.fail(`openapi.yaml has no operation ${id}`);

/** Operations, and HEAD wherever there is GET. */
export const METHODS_AND_PATHS: Pick<Operation, "method" | "path" | "scope">[] = OPERATIONS.flatMap((each) =>
  each.method === "GET" ? [each, { ...each, method: "HEAD" }] : [each],
);

/** A kind of object: created at a collection, with a path of its own. */
export interface Kind {
  /** `/v1/conversations`. */
  collection: string;
  create: Operation;
  retrieve: Operation;
  /** What the examples of openapi.yaml call the object. */
  exampleId: string;
}

export const KINDS: Kind[] = OPERATIONS.flatMap((create) => {
  const retrieve = OPERATIONS.find(({ method, path }) => method === "GET" && path === `${create.path}/{id}`);
  if (create.method !== "POST" || retrieve === undefined) return [];
  const exampleId = responseSchema("GET", retrieve.path)?.example?.id ?? lacking(`${retrieve.id} has no example`);
  return [{ collection: create.path, create, retrieve, exampleId }];
});

export const kindAt = (collection: string): Kind =>
  KINDS.find((kind) => kind.collection === collection) ?? lacking(`${collection} has no example`);
