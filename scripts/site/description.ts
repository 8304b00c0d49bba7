// Reads openapi.yaml as the reference page shows it: operations, their inputs and responses, and the objects in them.

/** An OpenAPI document, or a part of one. */
export type Node = any;

/** A parameter, or an attribute of a body or an object. */
export interface Field {
  name: string;
  description: string;
  isRequired: boolean;
  schema: Schema;
}

/** What a value can be. */
export interface Schema {
  /** The name of the schema if the description has one. */
  name: string | null;
  types: string[];
  isNullable: boolean;
  /** In a form, an empty value is allowed and means null. */
  canBeEmpty: boolean;
  values: string[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  default?: unknown;
  example?: unknown;
  items: Schema | null;
  fields: Field[];
}

/** A request body in one content type. */
export interface Body {
  type: string;
  description: string;
  fields: Field[];
  example: unknown;
}

/** A response to an operation. */
export interface Reply {
  status: string;
  description: string;
  headers: Field[];
  contents: { type: string; schema: Schema }[];
}

/** A method of a path, or a request that the API sends. */
export interface Operation {
  id: string;
  method: string;
  path: string;
  tag: string;
  summary: string;
  description: string;
  needsToken: boolean;
  /** The API sends this request. */
  isIncoming: boolean;
  parameters: Record<"path" | "query" | "header", Field[]>;
  bodies: Body[];
  replies: Reply[];
  /** The id of the operation that does the same with another method of the path. */
  sameAs: string | null;
  /** An example of the id in the path: the id of the example of such an object. Empty without an id in the path. */
  exampleId: string;
}

const METHODS = ["get", "post", "put", "patch", "delete"];
export const JSON_TYPE = "application/json";
export const FORM_TYPE = "application/x-www-form-urlencoded";

/** Reads one description. */
export class Description {
  readonly #document: Node;

  constructor(document: Node) {
    this.#document = document;
  }

  get title(): string {
    return this.#document.info.title;
  }

  get version(): string {
    return this.#document.info.version;
  }

  get summary(): string {
    return this.#document.info.summary;
  }

  /** The guides, in Markdown. */
  get guides(): string {
    return this.#document.info.description;
  }

  get tags(): { name: string; description: string }[] {
    return this.#document.tags;
  }

  /** All operations in the order of the description, and after them the requests that the API sends. */
  operations(): Operation[] {
    const { paths, webhooks = {} } = this.#document;
    const of = (group: Node, isIncoming: boolean) =>
      Object.entries<Node>(group).flatMap(([path, item]) => {
        const operations: Operation[] = [];
        for (const method of METHODS.filter((method) => item[method] !== undefined)) {
          const operation = this.#operation(path, method, item, isIncoming);
          operation.sameAs = operations.find((other) => doTheSame(other, operation))?.id ?? null;
          operations.push(operation);
        }
        return operations;
      });
    const operations = [...of(paths, false), ...of(webhooks, true)];
    for (const operation of operations) operation.exampleId = exampleId(operation, operations);
    return operations;
  }

  /** The named objects that responses and requests of the API contain, by name. */
  objects(operations: Operation[]): [name: string, fields: Field[]][] {
    const found = new Map<string, Field[]>();
    const visit = (schema: Schema) => {
      if (schema.name !== null && schema.fields.length > 0 && elementOf(schema) === null)
        found.set(schema.name, schema.fields);
      if (schema.items !== null) visit(schema.items);
      for (const field of schema.fields) visit(field.schema);
    };
    for (const { replies, isIncoming, bodies } of operations) {
      for (const { contents } of replies) for (const { schema } of contents) visit(schema);
      if (isIncoming) for (const { fields } of bodies) for (const field of fields) visit(field.schema);
    }
    return [...found].filter(([name]) => name !== "Error").concat([...found].filter(([name]) => name === "Error"));
  }

  #operation(path: string, method: string, item: Node, isIncoming: boolean): Operation {
    const node = item[method];
    const parameters = [...(item.parameters ?? []), ...(node.parameters ?? [])].map((each) => this.#resolve(each));
    const placed = (place: string) =>
      parameters
        .filter((each) => each.in === place)
        .map((each) => this.#field(each.name, each, each.required === true));
    const body = this.#resolve(node.requestBody ?? {});
    return {
      id: node.operationId,
      method: method.toUpperCase(),
      path,
      tag: node.tags[0],
      summary: node.summary,
      description: node.description ?? "",
      needsToken: (node.security ?? this.#document.security ?? []).length > 0,
      isIncoming,
      parameters: { path: placed("path"), query: placed("query"), header: placed("header") },
      bodies: Object.entries<Node>(body.content ?? {}).map(([type, { schema, example }]) => ({
        type,
        description: this.#resolve(schema).description ?? "",
        fields: this.#schema(schema).fields,
        example: example ?? this.#schema(schema).example ?? {},
      })),
      replies: Object.entries<Node>(node.responses).map(([status, response]) => this.#reply(status, response)),
      sameAs: null,
      exampleId: "",
    };
  }

  #reply(status: string, reference: Node): Reply {
    const { description, headers = {}, content = {} } = this.#resolve(reference);
    return {
      status,
      description,
      headers: Object.entries<Node>(headers).map(([name, header]) => this.#field(name, this.#resolve(header), false)),
      contents: Object.entries<Node>(content).map(([type, { schema }]) => ({ type, schema: this.#schema(schema) })),
    };
  }

  #field(name: string, { description, schema }: Node, isRequired: boolean): Field {
    return { name, description: description ?? this.#descriptionOf(schema), isRequired, schema: this.#schema(schema) };
  }

  /** The description of a schema, or of the schema that it takes its values from. */
  #descriptionOf(node: Node): string {
    const { description, oneOf = [], anyOf = [] } = this.#resolve(node);
    return (
      description ?? [...oneOf, ...anyOf].map((each) => this.#descriptionOf(each)).find((text) => text !== "") ?? ""
    );
  }

  #schema(node: Node): Schema {
    const resolved = this.#resolve(node);
    const { properties = {}, required = [], enum: values, const: only } = resolved;
    // Alternatives that only say which attributes must come together are in the text.
    const alternatives: Schema[] = [...(resolved.oneOf ?? []), ...(resolved.anyOf ?? [])]
      .filter((each: Node) => each.properties === undefined && each.required === undefined)
      .map((each: Node) => this.#schema(each));
    const types = [resolved.type ?? []].flat();
    const constant = only === undefined ? [] : [only];
    const first = alternatives.find(({ types }) => types.length > 0);
    const merged: Schema = {
      name: nameOf(node) ?? first?.name ?? null,
      types: [
        ...new Set([...types.filter((type: string) => type !== "null"), ...alternatives.flatMap((a) => a.types)]),
      ],
      isNullable: types.includes("null") || alternatives.some(({ isNullable }) => isNullable),
      canBeEmpty: only === "" || alternatives.some(({ canBeEmpty }) => canBeEmpty),
      values: [
        ...(values ?? constant).filter((value: unknown) => value !== null && value !== ""),
        ...alternatives.flatMap((a) => a.values),
      ].map(String),
      minimum: resolved.minimum ?? first?.minimum,
      maximum: resolved.maximum ?? first?.maximum,
      maxLength: resolved.maxLength ?? first?.maxLength,
      default: resolved.default ?? first?.default,
      example: resolved.example ?? first?.example,
      items: resolved.items === undefined ? (first?.items ?? null) : this.#schema(resolved.items),
      fields: first?.fields ?? [],
    };
    if (Object.keys(properties).length > 0)
      merged.fields = Object.entries<Node>(properties).map(([name, property]) =>
        this.#field(name, { schema: property }, required.includes(name)),
      );
    if (merged.types.length === 0 && merged.values.length > 0) merged.types = ["string"];
    return merged;
  }

  /** What a reference names. Its own attributes win over those of its target. */
  #resolve(node: Node): Node {
    if (node.$ref === undefined) return node;
    const { $ref, ...own } = node;
    const target = $ref
      .slice(2)
      .split("/")
      .reduce((at: Node, key: string) => at[key.replaceAll("~1", "/").replaceAll("~0", "~")], this.#document);
    return { ...this.#resolve(target), ...own };
  }
}

/** The name of the schema that a node refers to. */
const nameOf = (node: Node): string | null => node.$ref?.split("/").at(-1) ?? null;

/** What a list contains, if the schema is a list. */
export function elementOf({ fields }: Schema): Schema | null {
  return (
    fields.find(({ name }) => name === "data" && fields.some((other) => other.name === "has_more"))?.schema.items ??
    null
  );
}

/** The resource that a path belongs to: `webhooks` for `/v1/webhooks/{id}/ping`. */
export const resourceOf = (path: string): string => path.split("/")[2] ?? "";

function exampleId({ path, parameters }: Operation, operations: Operation[]): string {
  const [id] = parameters.path;
  if (id === undefined) return "";
  const retrieval = operations.find(
    ({ path: other, method }) => method === "GET" && other === `/v1/${resourceOf(path)}/{id}`,
  );
  const object = retrieval?.replies[0]?.contents[0]?.schema.example as { id?: string } | undefined;
  return object?.id ?? String(id.schema.example);
}

/** Whether two methods of a path are one operation. */
const doTheSame = (one: Operation, other: Operation): boolean =>
  one.description === other.description && JSON.stringify(one.bodies) === JSON.stringify(other.bodies);
