// The tags of objects: which state of an object the caller has seen. They travel in a header, not in the object, so
// they are kept beside it and objects stay exactly what the API sends.

const tags = new WeakMap<object, string>();

/** Notes the tag that an object came with. */
export function tagged<T extends object>(object: T, headers: Headers): T {
  const tag = headers.get("etag");
  if (tag !== null) tags.set(object, tag);
  return object;
}

/**
 * The ETag of an object that `get`, `create`, `update` or `rotate` returned, to be kept somewhere for a later `ifMatch`
 * or `ifNoneMatch`. Copies and objects of a list have none; to write unconditionally because of that would overwrite
 * others, so asking for it throws a TypeError.
 */
export function etagOf(object: object): string {
  const tag = tags.get(object);
  if (tag === undefined)
    throw new TypeError("This object has no ETag: it is a copy, or came in a list. `get` it first.");
  return tag;
}

/** The header's value for what a caller gives as a condition. */
export const condition = (match: string | object | undefined): string | undefined =>
  typeof match === "object" ? etagOf(match) : match;
