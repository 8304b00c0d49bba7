// openapi.yaml, read: its operations, its schemas, and whether a value is as a schema describes.

import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";

export type Schema = Record<string, any>;
export interface Operation {
  operationId: string;
  security: Record<string, string[]>[];
  parameters?: Schema[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, Schema>;
}

export const description = parse(readFileSync(new URL("../../openapi.yaml", import.meta.url), "utf8"));

const METHODS = ["get", "post", "put", "patch", "delete"];
/** The methods of a path that is described, in capitals. */
export const methodsOf = (path: string): string[] =>
  METHODS.filter((method) => method in description.paths[path]).map((method) => method.toUpperCase());
export const operationOf = (method: string, path: string): Operation => description.paths[path][method.toLowerCase()];
/** Whether an operation needs a token at all. */
export const needsToken = (operation: Operation): boolean => "token" in (operation.security[0] ?? {});
/** The one scope that an operation needs; undefined where none is. */
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

const FORMATS = {
  int64: true,
  uri: (text: string) => URL.canParse(text),
  "date-time": (text: string) => !Number.isNaN(Date.parse(text)),
} as const;
const ajv = new Ajv2020({ strict: false, formats: FORMATS });
/** References of a schema are to the whole description, which goes by this name. */
const absolute = <T>(thing: T): T =>
  JSON.parse(JSON.stringify(thing).replaceAll('"#/components/', '"openapi#/components/'));
ajv.addKeyword({
  keyword: "x-require-one-of",
  validate: (names: string[], value: Record<string, unknown>) => names.some((name) => (value[name] ?? "") !== ""),
});
ajv.addSchema(absolute(description), "openapi");

const compiled = new Map<Schema, ReturnType<typeof ajv.compile>>();

/** Why a value is not what the schema asks for; undefined when it is. */
export function complaint(schema: Schema, value: unknown): string | undefined {
  let validate = compiled.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(absolute(schema));
    compiled.set(schema, validate);
  }
  return validate(value) ? undefined : ajv.errorsText(validate.errors);
}

/** A word of a header, a query or a form as the value that its schema has it stand for. */
export function meaning(schema: Schema | undefined, word: string): unknown {
  const values: unknown[] = /^(0|-?[1-9]\d*|true|false)$/.test(word) ? [JSON.parse(word), word] : [word];
  return values.find((value) => schema !== undefined && complaint(schema, value) === undefined) ?? word;
}
