// The paths of the API, for tests of single endpoints. Tests of all endpoints take them from openapi.yaml:
// operations.ts.

export const COLLECTION = "/v1/conversations";
export const item = (id: string): string => `${COLLECTION}/${id}`;
export const MESSAGES = "/v1/messages";
export const messageItem = (id: string): string => `${MESSAGES}/${id}`;
export const EVENTS = "/v1/events";
/** The token of the request. */
export const OWN_TOKEN = "/v1/token";
export const TOKEN_COLLECTION = "/v1/tokens";
export const tokenItem = (id: string): string => `${TOKEN_COLLECTION}/${id}`;
export const rotation = (id: string): string => `${tokenItem(id)}/rotate`;
export const WEBHOOKS = "/v1/webhooks";
export const webhookItem = (id: string): string => `${WEBHOOKS}/${id}`;
export const secretRotation = (id: string): string => `${webhookItem(id)}/rotate`;
export const ping = (id: string): string => `${webhookItem(id)}/ping`;
export const attemptsOf = (id: string): string => `${webhookItem(id)}/attempts`;

/** A well-formed id that no object has. */
export const NO_ID = "NoSuchConversat0";
