// Endpoints of tests: each with a receiver of its own, which stops after the file's last test.

import assert from "node:assert/strict";
import { after } from "node:test";
import type { Account } from "../support/accounts.ts";
import type { Answer } from "../support/audit.ts";
import { sql } from "../support/database.ts";
import { links } from "../support/expectations.ts";
import { attemptsOf, EVENTS, WEBHOOKS, webhookItem } from "../support/paths.ts";
import { sweep } from "../support/sweep.ts";
import { type Delivery, isSignedWith, Receiver, type Reply } from "./receiver.ts";

/** The position before the first event. */
export const START = "0000000000000000";

/** The types of events, in the order in which the API returns them. */
export const TYPES = ["conversation", "message"].flatMap((object) =>
  ["created", "updated", "deleted"].map((change) => `${object}.${change}`),
);

/** The API as the holder of a token uses it. */
type Caller = Pick<Account, "get" | "post">;

/** The account's events as GET /v1/events shows them now, each as text. */
export async function log(alice: Caller): Promise<string[]> {
  const events: string[] = [];
  for (let path = `${EVENTS}?limit=100`; ; ) {
    const answer: Answer = await alice.get(path);
    assert.equal(answer.status, 200, answer.text);
    events.push(...answer.json.data.map((event: unknown) => JSON.stringify(event)));
    if (!answer.json.has_more) return events;
    path = String(links(answer).next);
  }
}

/** The ids of all events of the account. */
export const logged = async (alice: Caller): Promise<string[]> =>
  (await log(alice)).map((event) => JSON.parse(event).id);

export const eventsOf = (deliveries: Delivery[]): string[] => deliveries.map(({ id }) => id);

const receivers: Receiver[] = [];
after(() => Promise.all(receivers.map((receiver) => receiver.close())));

export async function receiver(reply?: Reply): Promise<Receiver> {
  const opened = await Receiver.open(reply);
  receivers.push(opened);
  return opened;
}

/** How often `until` asks before it fails: many times what a slow machine needs. */
const TRIES = 3000;

export class Endpoint {
  readonly account: Caller;
  readonly id: string;
  readonly receiver: Receiver;
  /** The secrets that sign, all of them. */
  secrets: string[];

  constructor(account: Caller, { id, secret }: { id: string; secret: string }, receiver: Receiver) {
    this.account = account;
    this.id = id;
    this.receiver = receiver;
    this.secrets = [secret];
  }

  get path(): string {
    return webhookItem(this.id);
  }

  /** The next deliveries, each signed with the endpoint's secrets. */
  async take(count: number): Promise<Delivery[]> {
    const deliveries = await this.receiver.take(count);
    for (const delivery of deliveries) {
      assert.deepEqual(
        this.secrets.map((secret) => isSignedWith(secret, delivery)),
        this.secrets.map(() => true),
        `the library refuses ${delivery.body} ${JSON.stringify(delivery.headers)}`,
      );
      assert.equal(String(delivery.headers["webhook-signature"]).split(" ").length, this.secrets.length);
    }
    return deliveries;
  }

  /** The endpoint as the API returns it. */
  async show(): Promise<any> {
    const answer = await this.account.get(this.path);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /** Waits until the endpoint is so, and returns it. */
  async until(isSo: (endpoint: any) => boolean): Promise<any> {
    let endpoint: any;
    for (let tries = 0; tries < TRIES; tries += 1) {
      endpoint = await this.show();
      if (isSo(endpoint)) return endpoint;
    }
    assert.fail(`still ${JSON.stringify(endpoint)}`);
  }

  /** Waits until everything was delivered. */
  readonly upToDate = () => this.until(({ behind }) => behind === 0);

  /** What was tried, newest first, once there were so many attempts in all. */
  async attempted(count: number): Promise<any[]> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const answer = await this.account.get(`${attemptsOf(this.id)}?limit=100`);
      assert.equal(answer.status, 200, answer.text);
      if (answer.json.data.length >= count) return answer.json.data;
    }
    assert.fail(`fewer than ${count} attempts`);
  }

  /** Sets columns of the endpoint's row, past the API. */
  async set(assignments: string): Promise<void> {
    await sql(`UPDATE webhooks SET ${assignments} WHERE id = ?`, this.id);
  }

  /** The time of the next attempt has come, and a minute is over. */
  async due(): Promise<void> {
    await this.set("next_attempt_at = 0");
    await sweep();
  }
}

/** A new endpoint of the account, and its receiver. */
export async function endpoint(
  alice: Caller,
  { reply, ...attributes }: { reply?: Reply } & Record<string, unknown> = {},
): Promise<Endpoint> {
  const opened = await receiver(reply);
  const { status, text, json } = await alice.post(WEBHOOKS, { url: opened.url, ...attributes });
  assert.equal(status, 201, text);
  return new Endpoint(alice, json, opened);
}
