// What the request form of the page must know of each operation.

import type { Input, TryOperation } from "../../site/scripts/reference/operation.ts";
import { type Body, type Field, type Operation, resourceOf } from "./description.ts";

/** The longest value that a field on one line is for. */
const MAX_LINE = 255;

/** The operations that the form can send, by their ids. */
export function tryOperations(operations: Operation[]): Record<string, TryOperation> {
  const own = operations.filter(({ isIncoming, sameAs }) => !isIncoming && sameAs === null);
  return Object.fromEntries(own.map((operation) => [operation.id, tryOperation(operation, operations)]));
}

function tryOperation(operation: Operation, operations: Operation[]): TryOperation {
  const { method, path, parameters, bodies, needsToken, description } = operation;
  const inputs = (fields: Field[], example?: object) => fields.map((field) => input(field, operation, example));
  return {
    methods: [method, ...operations.filter(({ sameAs }) => sameAs === operation.id).map(({ method }) => method)],
    path,
    resource: resourceOf(path),
    needsToken,
    pathInputs: inputs(parameters.path),
    query: inputs(parameters.query),
    headers: [...inputs(parameters.header), ...accept(operation)],
    bodies: bodies.map(({ type, fields, example }: Body) => ({ type, inputs: inputs(fields, example as object) })),
    // The first sentence of a deletion says what is lost.
    warning: method === "DELETE" ? /^.*?\.(?= |$)/s.exec(description)![0].replaceAll("`", "") : null,
  };
}

/** A field of the form. What the example of the body has is sent at first, and so is what is required. */
function input({ name, isRequired, schema }: Field, operation: Operation, body?: object): Input {
  const example = body ?? {};
  const shown =
    name in example ? (example as Record<string, unknown>)[name] : name === "id" ? operation.exampleId : schema.example;
  return {
    name,
    isRequired,
    isSent: isRequired || name in example,
    type: schema.items === null ? (schema.types[0] ?? "string") : "array",
    values: schema.types.includes("boolean") ? ["true", "false"] : schema.values,
    isNullable: schema.isNullable || schema.canBeEmpty,
    isLong: body !== undefined && (schema.maxLength ?? 0) > MAX_LINE,
    value: shown === undefined || shown === null ? "" : [shown].flat().join(" "),
    resource: referredResource(name, operation.path),
  };
}

/** The resource whose ids a field takes, or null. */
function referredResource(name: string, path: string): string | null {
  if (["id", "ids", "starting_after", "ending_before"].includes(name)) return resourceOf(path);
  if (/^last.event.id$/i.test(name)) return "events";
  return /(?:^|_)(conversation|message)_id$/.exec(name)?.[1]?.concat("s") ?? null;
}

/** If a response can have several content types, the reader chooses. */
function accept({ replies }: Operation): Input[] {
  const types = replies[0]!.contents.map(({ type }) => type);
  if (types.length < 2) return [];
  const name = "Accept";
  return [
    {
      name,
      isRequired: false,
      isSent: false,
      type: "string",
      values: types,
      isNullable: false,
      isLong: false,
      value: types[1]!,
      resource: null,
    },
  ];
}
