// Holds every response of every API test against openapi.yaml: its status, headers, media type and body must be
// described, and so must every part of a request that was accepted. Unknown paths, other methods and OPTIONS have rules
// of their own.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { complaint, description, meaning, methodsOf, operationOf, resolved, type Schema } from "./openapi.ts";

type Words = Record<string, string | string[] | undefined>;

/** Headers that are HTTP's own, the runtime's, or the tests'. */
const UNDESCRIBED =
  /^(connection|content-length|content-type|date|keep-alive|transfer-encoding|cf-cache-status|x-test-.+)$/;
const ID: Schema = { $ref: "#/components/schemas/Id" };
const EVENT: Schema = { $ref: "#/components/schemas/Event" };
const STREAM = "text/event-stream";
/** Pages for people with what they are made of, and texts. */
const PAGES = /^\/(inbox|webhooks|openapi\.yaml|llms\.txt|favicon\.ico|\.well-known\/security\.txt|assets\/.*)?$/;

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
    return void assert.equal(status, 204, what);
  if (route === undefined) {
    const page = PAGES.test(path) && (status < 400 || status === 405);
    return void assert.ok(page || status === 404, `a path that is not described: ${what}`);
  }
  const methods = methodsOf(route).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  if (!methods.includes(method)) {
    assert.equal(status, method === "OPTIONS" ? 204 : 405, `a method that is not described: ${what}`);
    return void assert.equal(headers.allow, [...methods, "OPTIONS"].join(", "), what);
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
  const undescribed = Object.keys(headers).filter((name) => !(name in names) && !UNDESCRIBED.test(name));
  assert.deepEqual(undescribed, [], `headers that are not described: ${what}`);

  const type = headers["content-type"]?.toString().split(";")[0];
  if (content === undefined)
    return void assert.ok(
      text === "" && (type === undefined || status === 304),
      `a body that is not described: ${what}`,
    );
  assert.ok(type !== undefined && type in content, `a type that is not described: ${what}`);
  if (method === "HEAD") return;
  if (type === STREAM) {
    for (const [, data] of text.matchAll(/^data: (.*)$/gm))
      assert.equal(complaint(EVENT, JSON.parse(data!)), undefined, `${data} in ${what}`);
    return;
  }
  const json = JSON.parse(text);
  // What a creation answers to a caller without the read scope, and to a repetition when a large message is gone, is
  // described in words: in the schema it would make a union of every created object.
  const idAlone = method === "POST" && status < 300 && isDeepStrictEqual(Object.keys(json), ["id"]);
  const schema = idAlone ? { type: "object", properties: { id: ID } } : content[type].schema;
  assert.equal(complaint(schema, json), undefined, what);
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
  if (!body) return void assert.ok(!operation.requestBody.required, `without a body: ${what}`);
  const type = String(sent["content-type"]).split(";")[0]!.trim().toLowerCase();
  const schema = operation.requestBody.content[type]?.schema;
  assert.ok(schema !== undefined, `its type is not described: ${what}`);
  const { properties } = resolved(schema);
  const value = type.endsWith("json")
    ? JSON.parse(body)
    : Object.fromEntries([...new URLSearchParams(body)].map(([name, word]) => [name, meaning(properties[name], word)]));
  assert.equal(complaint(schema, value), undefined, what);
}
