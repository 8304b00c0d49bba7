// The page at `/`: the API's description, rendered by Scalar. What a reader does on it stays between the page and this
// Worker: everything of Scalar's that would speak to somebody else is off, and the page's policy forbids it besides.
export {};

declare const Scalar: { createApiReference(element: string, configuration: object): unknown };

const description = await (await fetch("/openapi.json")).json();
// The guides' commands name the very deployment they are read on.
description.info.description = description.info.description.replaceAll("{origin}", location.origin);

Scalar.createApiReference("#reference", {
  content: description,
  servers: [{ url: location.origin }],
  // `documentation_url` of an error is `/#` and its code: the anchor of the heading of that name.
  generateHeadingSlug: ({ slug }: { slug: string }) => slug.replaceAll("-", "_"),
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  withDefaultFonts: false,
  showDeveloperTools: "never",
  hideClientButton: true,
});
