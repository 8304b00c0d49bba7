// The ids that responses have shown. The form offers them in the fields that take ids of their resource.

import { h } from "../shared/dom.ts";

/** How many ids of a resource the form offers: the newest ones. */
const MAX_IDS = 20;

const known = new Map<string, string[]>();

/** The newest id of a resource that this page has created or read. */
export const newestId = (resource: string): string | undefined => known.get(resource)?.[0];

/** Takes the ids from a response's body. An object that was just created becomes the first. */
export function collectIds(resource: string, body: unknown, isCreated: boolean): void {
  const { id, data } = (body ?? {}) as { id?: unknown; data?: unknown };
  const objects = Array.isArray(data) ? (data as { id?: unknown }[]) : [{ id }];
  const ids = objects.map((object) => object.id).filter((each) => typeof each === "string");
  const before = known.get(resource) ?? [];
  const all = isCreated || before.length === 0 ? [...ids, ...before] : [...before, ...ids];
  known.set(resource, [...new Set(all)].slice(0, MAX_IDS));
  const list = document.getElementById(listId(resource));
  list?.replaceChildren(...options(resource));
}

/** Forgets an object that was deleted. */
export function forgetId(resource: string, id: string): void {
  known.set(
    resource,
    (known.get(resource) ?? []).filter((each) => each !== id),
  );
}

/** The id of the element that offers the ids of a resource. */
export function offeredIds(resource: string): string {
  const id = listId(resource);
  if (document.getElementById(id) === null) document.body.append(h("datalist", { id }, ...options(resource)));
  return id;
}

const listId = (resource: string): string => `ids-of-${resource}`;

const options = (resource: string): HTMLOptionElement[] =>
  (known.get(resource) ?? []).map((value) => h("option", { value }));
