// What the page says about endpoints and attempts.

import type { Attempt, ConversationsError, Webhook } from "../../../clients/typescript/src/index.ts";
import { dateTime } from "../shared/dom.ts";

/** The types of events, in the order of the API. */
export const TYPES = [
  "conversation.created",
  "conversation.updated",
  "conversation.deleted",
  "message.created",
  "message.updated",
  "message.deleted",
] as const;

const REASONS: Record<NonNullable<Webhook["disabled_reason"]>, string> = {
  requested: "It was turned off.",
  gone: "Its URL responded with 410 Gone.",
  failing: "All attempts failed for five days.",
  position_expired: "The log no longer has the event where it stopped. Choose where it continues.",
};

const ERRORS: Record<NonNullable<Attempt["error"]>, string> = {
  timeout: "Timeout",
  connection_failed: "Connection failed",
  response_incomplete: "Incomplete response",
  url_forbidden: "URL not allowed",
};

/** The position of an endpoint in an empty log. */
const START = "0000000000000000";

export const nameOf = ({ description, url }: Webhook): string => description ?? url;

export type State = "enabled" | "failing" | "disabled";

export const stateOf = ({ status, failing_since }: Webhook): State =>
  status === "enabled" && failing_since !== null ? "failing" : status;

/** One word for the state. */
export const labelOf = (webhook: Webhook): string =>
  ({ enabled: "Enabled", failing: "Failing", disabled: "Disabled" })[stateOf(webhook)];

/** Why the endpoint is in its state, and what comes next. Empty if everything is in order. */
export function explanationOf({ status, disabled_reason, failing_since, next_attempt_at }: Webhook): string {
  if (disabled_reason !== null) return REASONS[disabled_reason];
  if (status === "disabled" || failing_since === null) return "";
  const next = next_attempt_at === null ? "" : ` Next attempt: ${dateTime(next_attempt_at)}.`;
  return `All attempts have failed since ${dateTime(failing_since)}.${next}`;
}

/** How many events wait for delivery. The API counts up to 1,000. */
export function behindOf({ behind }: Webhook): string {
  if (behind === 0) return "Up to date";
  return behind >= 1000 ? "1,000 or more events behind" : `${behind} ${behind === 1 ? "event" : "events"} behind`;
}

/** The last event, with what the attempts say about it. */
export function lastEventOf({ last_event_id }: Webhook, attempts: Attempt[]): string {
  if (last_event_id === START) return "None";
  const attempt = attempts.find(({ event_id }) => event_id === last_event_id);
  return attempt === undefined ? last_event_id : `${last_event_id} (${attempt.type})`;
}

export const isDelivered = ({ status, error }: Attempt): boolean =>
  error === null && status !== null && status >= 200 && status < 300;

/** The result of an attempt. */
export function resultOf(attempt: Attempt): string {
  const { status, error } = attempt;
  if (isDelivered(attempt)) return `Delivered, ${status}`;
  const problem = error === null ? "" : ERRORS[error];
  return status === null ? problem : `Failed, ${status}${problem === "" ? "" : `: ${problem.toLowerCase()}`}`;
}

/** Milliseconds up to a second, then seconds. */
export const durationOf = (milliseconds: number): string =>
  milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

/** The page's own words for errors of the API that a person can't act on otherwise. */
export function explain({ code }: ConversationsError): string | null {
  if (code === "scope_insufficient")
    return "This token can't manage webhooks. Use one with the scope `webhooks:write`.";
  if (code === "webhooks_unavailable")
    return "This server has no signing key, so it sends no webhooks. Its operator can set the secret `WEBHOOK_KEY`.";
  return null;
}
