// Holds every answer of every API test against the API's own description, openapi.yaml: its status, its headers, its type
// and its body must be described, and so must all of a request that was accepted. What can't be described has a rule of
// its own: paths and methods that are not there, and OPTIONS.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";

type Schema = Record<string, any>;
type Words = Record<string, string | string[] | undefined>;
export interface Operation {
  operationId: string;
  security: Record<string, string[]>[];
  parameters?: Schema[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, Schema>;
}

export const description = parse(readFileSync(new URL("../openapi.yaml", import.meta.url), "utf8"), { merge: true });

const METHODS = ["get", "post", "put", "patch", "delete"];
/** The methods of a path that is described, in capitals. */
export const methodsOf = (path: string): string[] =>
  METHODS.filter((method) => method in description.paths[path]).map((method) => method.toUpperCase());
export const operationOf = (method: string, path: string): Operation => description.paths[path][method.toLowerCase()];
/** The one scope that an operation needs; undefined where no token is needed. */
export const scopeOf = (operation: Operation): string | undefined => operation.security[0]?.token?.[0];

/** What a reference names, or what isn't one as it is. */
export function resolved(thing: Schema): Schema {
  const { $ref, ...rest } = thing;
  if ($ref === undefined) return thing;
  const named = $ref
    .split("/")
    .slice(1)
    .reduce((at: Schema, name: string) => at[name], description);
  return { ...resolved(named), ...rest };
}

// --------------------------------------------------------------------------------------------------------- the schemas

const ajv = new Ajv2020({ strict: false, formats: { int64: true, uri: (text) => URL.canParse(text) } });
/** References of a schema are to the whole description, which goes by this name. */
const absolute = <T>(thing: T): T =>
  JSON.parse(JSON.stringify(thing).replaceAll('"#/components/', '"openapi#/components/'));
ajv.addSchema(absolute(description), "openapi");

const compiled = new Map<Schema, ReturnType<typeof ajv.compile>>();

/** Why a value is not what the schema asks for; undefined when it is. */
export function complaint(schema: Schema, value: unknown): string | undefined {
  let validate = compiled.get(schema);
  if (validate === undefined) compiled.set(schema, (validate = ajv.compile(absolute(schema))));
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}

/** A word of a header, a query or a form as the value that its schema has it stand for. */
function meaning(schema: Schema | undefined, word: string): unknown {
  const values: unknown[] = /^(-?(0|[1-9]\d*)|true|false)$/.test(word) ? [JSON.parse(word), word] : [word];
  return values.find((value) => schema !== undefined && complaint(schema, value) === undefined) ?? word;
}

// ------------------------------------------------------------------------------------------------------------ the check

/** Headers that are HTTP's own, the runtime's, or the tests'. */
const UNDESCRIBED =
  /^(connection|content-length|content-type|date|keep-alive|transfer-encoding|cf-cache-status|x-test-.+)$/;
/** Pages for people, and what they are made of. */
const PAGES = /^\/(inbox|assets\/.*)?$/;

/** The path as the platform reads it, and the described path that it is one of. */
function find(target: string): { path: string; route?: string; query: URLSearchParams } {
  const { pathname: path, searchParams: query } = new URL(target, "http://host");
  const matches = (route: string) => new RegExp(`^${route.replace("{id}", "[^/]+")}$`).test(path);
  return { path, route: Object.keys(description.paths).find(matches), query };
}

/** Fails unless the answer to a request is described. */
export function assertDescribed(method: string, target: string, status: number, headers: Words, text: string): void {
  const what = `${method} ${target.slice(0, 200)} answered ${status} ${JSON.stringify(headers)} ${text.slice(0, 1000)}`;
  const { path, route } = find(target);
  if (method === "OPTIONS" && headers["access-control-allow-methods"] !== undefined)
    return assert.equal(status, 204, what);
  if (route === undefined) {
    const page = PAGES.test(path) && (status < 400 || status === 405);
    return assert.ok(page || status === 404, `a path that is not described: ${what}`);
  }
  const methods = methodsOf(route).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  if (!methods.includes(method)) {
    assert.equal(status, method === "OPTIONS" ? 204 : 405, `a method that is not described: ${what}`);
    return assert.equal(headers.allow, [...methods, "OPTIONS"].join(", "), what);
  }

  const response = operationOf(method === "HEAD" ? "GET" : method, route).responses[status];
  assert.ok(response !== undefined, `a status that is not described: ${what}`);
  const { headers: described = {}, content } = resolved(response);
  const names = Object.fromEntries(
    Object.keys(described).map((name) => [name.toLowerCase(), resolved(described[name])]),
  );
  for (const [name, { required, schema }] of Object.entries(names)) {
    const value = headers[name];
    if (value === undefined) assert.ok(!required, `no ${name}: ${what}`);
    else assert.equal(complaint(schema, meaning(schema, String(value))), undefined, `${name}: ${what}`);
  }
  const strangers = Object.keys(headers).filter((name) => !(name in names) && !UNDESCRIBED.test(name));
  assert.deepEqual(strangers, [], `headers that are not described: ${what}`);

  const type = headers["content-type"]?.toString().split(";")[0];
  if (content === undefined)
    return assert.ok(text === "" && (type === undefined || status === 304), `a body that is not described: ${what}`);
  assert.ok(type !== undefined && type in content, `a type that is not described: ${what}`);
  if (method !== "HEAD") assert.equal(complaint(content[type].schema, JSON.parse(text)), undefined, what);
}

/** Fails when a request was accepted of which something is not described. */
export function assertAcceptable(
  method: string,
  target: string,
  headers: Words,
  body: string | undefined,
  status: number,
): void {
  const { path, route, query } = find(target);
  if (status >= 400 || method === "OPTIONS" || route === undefined) return;
  const what = `${method} ${target.slice(0, 200)} ${JSON.stringify(headers)} ${body?.slice(0, 1000)} was accepted`;
  const operation = operationOf(method === "HEAD" ? "GET" : method, route);
  const all: Schema[] = [...(description.paths[route].parameters ?? []), ...(operation.parameters ?? [])].map(resolved);
  const sent: Words = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  for (const parameter of all) {
    const word = {
      path: path.split("/")[3],
      query: query.get(parameter.name) ?? undefined,
      header: sent[parameter.name.toLowerCase()],
    }[parameter.in as string];
    if (word === undefined) assert.ok(!parameter.required, `${parameter.name}: ${what}`);
    else
      assert.equal(
        complaint(parameter.schema, meaning(parameter.schema, String(word).trim())),
        undefined,
        `${parameter.name}: ${what}`,
      );
  }
  const known = all.filter((parameter) => parameter.in === "query").map(({ name }) => name);
  if (path.startsWith("/v1/"))
    assert.deepEqual(
      [...query.keys()].filter((name) => !known.includes(name)),
      [],
      what,
    );

  if (operation.requestBody === undefined) return;
  if (!body) return assert.ok(!operation.requestBody.required, `without a body: ${what}`);
  const type = String(sent["content-type"]).split(";")[0]!.trim().toLowerCase();
  const schema = operation.requestBody.content[type]?.schema;
  assert.ok(schema !== undefined, `its type is not described: ${what}`);
  const { properties } = resolved(schema);
  const value = type.endsWith("json")
    ? JSON.parse(body)
    : Object.fromEntries([...new URLSearchParams(body)].map(([name, word]) => [name, meaning(properties[name], word)]));
  assert.equal(complaint(schema, value), undefined, what);
}
