// What generators of clients need of openapi.yaml. `npm run conformance` tries some of them; here is what they stumble
// over, and what would make a client that compiles send something else than it was told.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { RE2JS } from "re2js";
import { parse } from "yaml";
import { FORM, JSON_TYPE, send } from "./support/http.ts";
import { description, methodsOf, operationOf, resolved, type Schema } from "./support/openapi.ts";

const source = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
const { components } = description;
const operations = Object.keys(description.paths).flatMap((path) =>
  methodsOf(path).map((method) => ({ path, ...operationOf(method, path) })),
);
const bodies = operations.flatMap(({ operationId, requestBody }) =>
  requestBody === undefined ? [] : [{ operationId, content: requestBody.content }],
);

/** Every object of a document, with its place. */
function* nodesOf(node: unknown, place = ""): Generator<[place: string, node: Schema]> {
  if (typeof node !== "object" || node === null) return;
  yield [place, node];
  for (const [name, child] of Object.entries(node)) yield* nodesOf(child, `${place}/${name}`);
}
const nodes = [...nodesOf(description)].filter(([place]) => !/\/examples?(\/|$)/.test(place));

test("JSON stands before forms: many generators send the first type", () => {
  assert.ok(bodies.length > 10);
  for (const { operationId, content } of bodies) assert.deepEqual(Object.keys(content), [JSON_TYPE, FORM], operationId);
});

test("a form and JSON have schemas of their own, and a form has only values that a form can have", () => {
  const users = new Map<string, string>();
  for (const { operationId, content } of bodies)
    for (const [type, { schema }] of Object.entries(content)) {
      const user = users.get(schema.$ref) ?? type;
      assert.equal(user, type, `${operationId}: ${schema.$ref}`);
      users.set(schema.$ref, type);
      if (type === FORM)
        for (const [name, property] of Object.entries<Schema>(resolved(schema).properties))
          for (const each of [resolved(property).type].flat())
            assert.ok(["string", "integer", "boolean"].includes(each), `${operationId}: ${name} is ${each}`);
    }
});

test("openapi.yaml has no merge keys, and parsers take it as it is", () => {
  const text = source("openapi.yaml");
  assert.doesNotMatch(text, /<<\s*:/);
  assert.deepEqual(parse(text, { version: "1.1" }), parse(text, { version: "1.2" }));
});

test("every pattern is in ASCII, and means something to RE2 and to JavaScript", () => {
  const patterns = nodes.flatMap(([place, { pattern }]) => (typeof pattern === "string" ? [[place, pattern]] : []));
  assert.ok(patterns.length > 20);
  for (const [place, pattern] of patterns as [string, string][]) {
    assert.match(pattern, /^\^[ -~]*\$$/, place);
    assert.doesNotMatch(pattern, /\\u/, place);
    RE2JS.compile(pattern);
    new RegExp(pattern, "u");
  }
  assert.throws(() => RE2JS.compile("^(?!a)"));
});

test("a choice is only between a value and null: generators lose required attributes and types in others", () => {
  for (const [place, node] of nodes) {
    if (place.endsWith("/properties")) continue;
    for (const word of ["anyOf", "allOf", "not", "if"]) assert.equal(node[word], undefined, `${place}: ${word}`);
    if (Array.isArray(node.oneOf) && !place.endsWith("Attempt/properties/type"))
      assert.deepEqual(node.oneOf.slice(1), [{ type: "null" }], place);
    if (Array.isArray(node.required))
      for (const name of node.required) assert.ok(name in node.properties, `${place}: ${name}`);
  }
});

test("the schema of a parameter is a reference or has a type, not both", () => {
  const parameters = [...nodesOf(description)].filter(([, node]) => typeof node.in === "string" && node.schema);
  assert.ok(parameters.length > 20);
  for (const [place, { schema }] of parameters)
    assert.ok(schema.$ref === undefined ? schema.type !== undefined : Object.keys(schema).length === 1, place);
});

test("every link names an operation, its parameters, and attributes of the response", () => {
  let links = 0;
  for (const [name, response] of Object.entries<Schema>(components.responses))
    for (const [key, link] of Object.entries<Schema>(response.links ?? {})) {
      links += 1;
      const place = `${name}.${key}`;
      assert.deepEqual(Object.keys(link), ["operationId", "parameters"], place);
      const target = operations.find(({ operationId }) => operationId === link.operationId);
      assert.ok(target, place);
      const known = [...(description.paths[target.path].parameters ?? []), ...(target.parameters ?? [])].map(resolved);
      const { properties } = resolved(response.content[JSON_TYPE].schema);
      for (const [parameter, expression] of Object.entries<string>(link.parameters)) {
        assert.ok(
          known.some((each) => each.name === parameter),
          `${place}: ${parameter}`,
        );
        const [, attribute] =
          /^\$response\.body#\/([a-z_]+)$/.exec(expression) ?? assert.fail(`${place}: ${expression}`);
        assert.ok(attribute! in properties, `${place}: ${attribute}`);
      }
    }
  assert.ok(links > 10);
});

test("names are unique for languages in which all of them are types, functions or files of one package", () => {
  const kinds = ["schemas", "responses", "parameters"].flatMap((kind) => Object.keys(components[kind]));
  const types = kinds.map((name) => name.replaceAll(/[^0-9A-Za-z]/g, "").toLowerCase());
  assert.deepEqual(
    types.filter((name, index) => types.indexOf(name) !== index),
    [],
  );
  // `NewX` is the function that makes an X.
  for (const name of types) assert.ok(!types.includes(`new${name}`), name);
  const ids = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  const tags = new Set(nodes.flatMap(([place, { tags }]) => (place.startsWith("/paths/") && tags) || []));
  for (const [place, node] of nodesOf(description.webhooks))
    for (const tag of place.endsWith("/post") ? node.tags : []) assert.ok(!tags.has(tag), `${place}: ${tag}`);
});

test("there is one version: Cargo.toml's", async () => {
  const [, version] = /^version = "(.+)"/m.exec(source("Cargo.toml"))!;
  const lock = JSON.parse(source("package-lock.json")).packages;
  const [, locked] = /name = "conversations"\nversion = "(.+)"/.exec(source("Cargo.lock"))!;
  const { json: health } = await send("GET", "/health");
  const { json: served } = await send("GET", "/openapi.json");
  const schemas = components.schemas;
  for (const [place, found] of Object.entries({
    "Cargo.lock": locked,
    "package.json": JSON.parse(source("package.json")).version,
    "package-lock.json": lock[""].version,
    "the client": JSON.parse(source("clients/typescript/package.json")).version,
    "the client in package-lock.json": lock["clients/typescript"].version,
    "openapi.yaml": description.info.version,
    "/openapi.json": served.info.version,
    "/health": health.version,
    "the example of /health": schemas.Health.example.version,
    "the example of a version": schemas.Health.properties.version.example,
    "the example of a description": schemas.Description.properties.info.example.version,
  }))
    assert.equal(found, version, place);
});
