// The reference page: the guides and the operations of openapi.yaml in the frame of site/index.html.

import type { Description, Field, Operation } from "./description.ts";
import { anchor, escapeHtml, guides, type Heading, headingWithLink, markdown } from "./markdown.ts";
import { list, methodLabel, objectSection, operationSection, type Sections } from "./operations.ts";
import { LANGUAGES } from "./samples.ts";

/** Puts the contents of the page into its frame. */
export function referencePage(frame: string, description: Description): string {
  const operations = description.operations();
  const objects = description.objects(operations);
  const { html, headings } = guides(description.guides);
  const names = objects.map(([name]) => name);
  const sections: Sections = { objects: new Set(names), headers: commonHeaders(operations) };
  const tagSections = description.tags.map((tag) => {
    const own = operations.filter((operation) => operation.tag === tag.name);
    const id = `tag/${anchor(tag.name)}`;
    const heading = headingWithLink(2, id, tag.name);
    return heading + markdown(tag.description) + own.map((each) => operationSection(each, sections)).join("");
  });
  const parts: Record<string, string> = {
    title: escapeHtml(description.title),
    version: escapeHtml(description.version),
    navigation: navigation(headings, description, operations, names),
    languages: languages(),
    guides: `<div class="guides">\n${html}</div>`,
    operations: tagSections.join(""),
    objects: objects.map((object) => objectSection(object, sections)).join(""),
    headers: list([...sections.headers.values()], sections.objects),
  };
  const page = frame.replaceAll(/<!--(\w+)-->/g, (_, name: string) => {
    if (parts[name] === undefined) throw new Error(`site/index.html has an unknown part: ${name}`);
    return parts[name];
  });
  assertAnchors(page);
  return page;
}

/** The links to everything on the page. */
function navigation(headings: Heading[], { tags }: Description, operations: Operation[], objects: string[]): string {
  const group = (title: string, links: string[]) =>
    `<p>${title}</p>\n<ul>\n${links.map((link) => `<li>${link}</li>\n`).join("")}</ul>\n`;
  const link = (id: string, text: string, label = "") => `<a href="#${id}">${escapeHtml(text)}${label}</a>`;
  const topics = headings.filter(({ level }) => level === 2);
  return [
    group(
      "Guides",
      topics.map(({ id, text }) => link(id, text)),
    ),
    ...tags.map(({ name }) =>
      group(
        name,
        operations
          .filter(({ tag, sameAs }) => tag === name && sameAs === null)
          .map(({ id, summary, method, isIncoming }) => link(id, summary, isIncoming ? "" : ` ${methodLabel(method)}`)),
      ),
    ),
    group("Objects", [...objects.map((name) => link(name, name)), link("response_headers", "Response headers")]),
  ].join("");
}

/** The choice of the language for all samples, which works without JavaScript. */
function languages(): string {
  return Object.entries(LANGUAGES)
    .map(([id, title], index) => {
      const checked = index === 0 ? " checked" : "";
      return `<label><input type="radio" name="language" id="language-${id}" value="${id}"${checked}>${title}</label>`;
    })
    .join("\n");
}

/** The headers that more than half of all responses have, as most of them describe them. */
function commonHeaders(operations: Operation[]): Sections["headers"] {
  const replies = operations.filter(({ isIncoming }) => !isIncoming).flatMap(({ replies }) => replies);
  const all = replies.flatMap(({ headers }) => headers);
  const common = new Map<string, Field>();
  for (const [name, fields] of Map.groupBy(all, ({ name }) => name))
    if (fields.length > replies.length / 2) common.set(name, mostCommon(fields));
  return common;
}

const mostCommon = (fields: Field[]): Field =>
  [...Map.groupBy(fields, ({ description }) => description).values()].sort((a, b) => b.length - a.length)[0]![0]!;

/** Every anchor must exist once, and every link in the page must lead to one. */
function assertAnchors(page: string): void {
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);
  const repeated = ids.filter((id, index) => ids.indexOf(id) !== index);
  if (repeated.length > 0) throw new Error(`The reference page has an anchor twice: ${repeated.join(", ")}`);
  const dead = [...page.matchAll(/ href="#([^"]+)"/g)].map(([, id]) => id!).filter((id) => !ids.includes(id));
  if (dead.length > 0) throw new Error(`The reference page has links without an anchor: ${dead.join(", ")}`);
}
