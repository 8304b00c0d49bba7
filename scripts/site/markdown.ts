// Markdown and text as HTML.

import { Marked } from "marked";

/** What stands for the origin of the deployment until the page's script replaces it. */
const EXAMPLE_ORIGIN = "https://conversations.example.com";

/** A heading of a guide. */
export interface Heading {
  id: string;
  text: string;
  level: number;
}

/** The text with the characters of HTML escaped. */
export const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** HTML in which `{origin}` is the place for the origin of this deployment. */
export const withOrigin = (html: string): string =>
  html.replaceAll("{origin}", `<span class="origin">${EXAMPLE_ORIGIN}</span>`);

/** A block of code. */
export const code = (text: string): string => `<pre><code>${withOrigin(escapeHtml(text))}</code></pre>`;

/** A heading that is a link to itself. Its content is HTML. */
export const headingWithLink = (level: number, id: string, content: string, attributes = ""): string =>
  `<h${level} id="${id}"${attributes}><a href="#${id}">${content}</a></h${level}>\n`;

/** The anchor of a heading: `Follow changes` is `follow_changes`. The anchor of an error's section is its code. */
export const anchor = (heading: string): string => heading.toLowerCase().replaceAll(/\W+/g, "_");

/** Renders text in Markdown. */
export function markdown(text: string): string {
  return guides(text).html;
}

/** Renders the guides, and lists their headings. The page's title is above them, so their levels begin with h2. */
export function guides(text: string): { html: string; headings: Heading[] } {
  const headings: Heading[] = [];
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        const heading = { id: anchor(text), text, level: depth + 1 };
        headings.push(heading);
        return headingWithLink(heading.level, heading.id, this.parser.parseInline(tokens));
      },
      code: ({ text }) => code(text),
    },
  });
  return { html: withOrigin(marked.parse(text, { async: false })), headings };
}
