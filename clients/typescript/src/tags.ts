// The ETags of objects. The API sends them in a header, so the client stores them beside the objects. Objects stay
// exactly as the API sends them.

const tags = new WeakMap<object, string>();

/** Stores the ETag of an object. */
export function storeTag<T extends object>(object: T, headers: Headers): T {
  const tag = headers.get("etag");
  if (tag !== null) tags.set(object, tag);
  return object;
}

/**
 * The ETag of an object that `retrieve`, `create`, `update` or `rotate` returned, for a later `ifMatch` or
 * `ifNoneMatch`. A copy of an object and an object in a list have none. For these it throws a TypeError, because a
 * write without a condition could overwrite the changes of others.
 */
export function etagOf(object: object): string {
  const tag = tags.get(object);
  if (tag === undefined)
    throw new TypeError("This object has no ETag, because it is a copy or was in a list. Call `retrieve` first.");
  return tag;
}

/** The value of the header for `ifMatch` or `ifNoneMatch`. */
export const tagOf = (match: string | object | undefined): string | undefined =>
  typeof match === "object" ? etagOf(match) : match;
