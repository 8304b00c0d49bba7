// What the token allows. Controls that need another scope are disabled, and say which one is missing.

export type Scope = "conversations:read" | "conversations:write" | "messages:read" | "messages:write" | "events:read";

/** Why the token does not allow something. Null if it does. */
export type Access = (scope: Scope) => string | null;

/** The access of a token with these scopes, separated by spaces. */
export function accessOf(scopes: string): Access {
  const has = new Set(scopes.split(" "));
  return (scope) => (has.has(scope) ? null : `The token lacks the scope \`${scope}\`.`);
}
