// Operations and objects as HTML.

import {
  type Body,
  elementOf,
  type Field,
  FORM_TYPE,
  JSON_TYPE,
  type Operation,
  type Reply,
  type Schema,
} from "./description.ts";
import { code, escapeHtml, headingWithLink, markdown } from "./markdown.ts";
import { LANGUAGES, samplesOf } from "./samples.ts";

/** What has a section of its own on the page. */
export interface Sections {
  /** The names of objects. */
  objects: ReadonlySet<string>;
  /** Headers that most responses have. */
  headers: ReadonlyMap<string, Field>;
}

/** The section of an operation. */
export function operationSection(operation: Operation, sections: Sections): string {
  const { id, summary, description, sameAs } = operation;
  const attributes = ` data-route="${operation.method} ${escapeHtml(operation.path)}"`;
  const heading = `${headingWithLink(3, id, escapeHtml(summary), attributes)}${route(operation)}`;
  if (sameAs !== null) {
    const same = `<p>Does the same as <a href="#${sameAs}">the operation above</a>.</p>\n`;
    return `<section class="operation">\n${heading}${same}</section>\n`;
  }
  return `<section class="operation">
<div class="text">
${heading}${markdown(description)}${inputs(operation, sections)}${replies(operation, sections)}</div>
<div class="examples">
${operation.isIncoming ? "" : samples(operation)}${exampleReply(operation)}</div>
</section>
`;
}

/** The section of an object. */
export function objectSection([name, fields]: [string, Field[]], { objects }: Sections): string {
  const entries = list(fields, objects, markOptional);
  return `<section class="object">
${headingWithLink(3, name, name)}${entries}</section>
`;
}

type Mark = (field: Field) => string | null;

const markRequired: Mark = ({ isRequired }) => (isRequired ? "required" : null);

/** In responses almost all attributes are always present. */
const markOptional: Mark = ({ isRequired }) => (isRequired ? null : "optional");

/** A list of fields: attributes, parameters or headers. */
export function list(fields: Field[], objects: Sections["objects"], markOf: Mark = () => null): string {
  const entries = fields.map((field) => {
    const { name, description, schema } = field;
    const mark = markOf(field);
    const marked = mark === null ? "" : ` <b>${mark}</b>`;
    const head = `<code>${name}</code> <span>${typeOf(schema, objects)}</span>${marked}`;
    return `<dt>${head}</dt><dd>${markdown(description)}</dd>\n`;
  });
  return `<dl>\n${entries.join("")}</dl>\n`;
}

/** A method and a path. */
function route({ method, path, isIncoming }: Operation): string {
  const target = isIncoming ? "the URL of your endpoint" : `<code>${escapeHtml(path)}</code>`;
  return `<p class="route">${methodLabel(method)} ${target}</p>\n`;
}

export const methodLabel = (method: string): string => `<b class="${method.toLowerCase()}">${method}</b>`;

function inputs({ parameters, bodies }: Operation, { objects }: Sections): string {
  const { path, query, header } = parameters;
  const listed = (fields: Field[]) => list(fields, objects, markRequired);
  const body = ({ type, description, fields }: Body, index: number) =>
    details(`${BODY_TITLES[type]} <code>${type}</code>`, `${markdown(description)}${listed(fields)}`, index === 0);
  return [
    path.length > 0 ? `<h4>Path</h4>\n${listed(path)}` : "",
    query.length > 0 ? `<h4>Query</h4>\n${listed(query)}` : "",
    ...bodies.map(body),
    header.length > 0 ? details(`Request headers ${names(header)}`, listed(header)) : "",
  ].join("");
}

const BODY_TITLES: Record<string, string> = { [JSON_TYPE]: "Body as JSON", [FORM_TYPE]: "Body as a form" };

function replies({ replies, isIncoming }: Operation, sections: Sections): string {
  const isError = ({ status }: Reply) => status >= "400" && !isIncoming;
  const entries = (some: Reply[]) =>
    `<dl class="replies">\n${some.map((reply) => replyEntry(reply, sections)).join("")}</dl>\n`;
  const errors = replies.filter(isError);
  const body = `<p>The body is an ${objectLink("Error")}. Its <a href="#errors">code</a> says what is wrong.</p>\n`;
  const codes = errors.map(({ status }) => `<code>${status}</code>`).join(" ");
  return [
    "<h4>Responses</h4>\n",
    entries(replies.filter((reply) => !isError(reply))),
    errors.length === 0 ? "" : details(`Errors ${codes}`, body + entries(errors)),
  ].join("");
}

function replyEntry({ status, description, headers, contents }: Reply, { headers: common, objects }: Sections): string {
  const body = status < "400" ? contents.map(({ type, schema }) => returns(type, schema, objects)).join("") : "";
  const own = headers.filter((header) => common.get(header.name)?.description !== header.description);
  const described = own.length === 0 ? "" : details(`Headers ${names(own)}`, list(own, objects));
  return `<dt><code>${status}</code></dt><dd>${markdown(description)}${body}${described}</dd>\n`;
}

function returns(type: string, schema: Schema, objects: Sections["objects"]): string {
  const element = elementOf(schema);
  if (element !== null) {
    const others = schema.fields.filter(({ name }) => !["has_more", "data"].includes(name));
    const further = others.length === 0 ? "" : list(others, objects, markOptional);
    const data = `<code>data</code>, a list of ${objectLink(element.name!)}`;
    return `<p>Returns <code>has_more</code> and ${data}.</p>\n${further}`;
  }
  if (type !== JSON_TYPE)
    return `<p>As <code>${type}</code>: ${escapeHtml(schema.name ?? schema.types.join(", "))}.</p>\n`;
  return schema.name === null ? list(schema.fields, objects) : `<p>Returns ${objectLink(schema.name)}.</p>\n`;
}

const objectLink = (name: string): string => `<a href="#${name}"><code>${name}</code></a>`;

function samples(operation: Operation): string {
  const written = samplesOf(operation);
  const blocks = Object.entries(LANGUAGES).map(([language, title]) => {
    const text = written[language as keyof typeof LANGUAGES];
    // The client has a method for each operation of an account. Other operations need no token and no client.
    const [caption, shown] = text === undefined ? [LANGUAGES.curl, written.curl!] : [title, text];
    return `<div class="sample ${language}"><p>${caption}</p>${code(shown)}</div>\n`;
  });
  return `<div class="samples">
${blocks.join("")}</div>
<p class="actions"><button type="button" data-copy>Copy</button>
<button type="button" data-try="${operation.id}">Try it</button></p>
`;
}

function exampleReply({ replies, isIncoming, bodies }: Operation): string {
  if (isIncoming)
    return `<p class="caption">Body of the request</p>\n${code(JSON.stringify(bodies[0]!.example, null, 2))}\n`;
  const shown = replies.find(({ status }) => status === "201") ?? replies[0];
  const content = shown?.contents.find(({ type }) => type === JSON_TYPE);
  if (content?.schema.example === undefined) return "";
  const body = code(JSON.stringify(content.schema.example, null, 2));
  return `<p class="caption">Response <code>${shown!.status}</code></p>\n${body}\n`;
}

function details(summary: string, content: string, isOpen = false): string {
  return `<details${isOpen ? " open" : ""}><summary>${summary}</summary>\n${content}</details>\n`;
}

const names = (fields: Field[]): string => fields.map(({ name }) => `<code>${name}</code>`).join(" ");

/** A schema in words. Objects of the page are links. */
function typeOf(schema: Schema, objects: Sections["objects"]): string {
  const { name, types, values, minimum, maximum, maxLength, isNullable, canBeEmpty, items } = schema;
  const kinds =
    name !== null && objects.has(name)
      ? [objectLink(name)]
      : items !== null
        ? [`list of ${typeOf(items, objects)}`]
        : values.length > 0
          ? [values.map((value) => `<code>${escapeHtml(value)}</code>`).join(", ")]
          : types;
  // The largest timestamp is the end of the year 9999, which says nothing here.
  const isBounded = minimum !== undefined && maximum !== undefined && schema.name !== "Timestamp";
  const notes = [
    [...kinds, ...(isNullable ? ["null"] : []), ...(canBeEmpty ? ["empty"] : [])].join(" or "),
    ...(isBounded ? [`${number(minimum)} to ${number(maximum)}`] : []),
    ...(maxLength === undefined ? [] : [`at most ${number(maxLength)} characters`]),
    ...(schema.default === undefined ? [] : [`default <code>${escapeHtml(String(schema.default))}</code>`]),
  ];
  return notes.join(", ");
}

const number = (value: number): string => value.toLocaleString("en");
