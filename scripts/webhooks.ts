// `npm run webhooks -- listen`: a receiver for development. stdout has only what was delivered, so that it can be
// piped.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import {
  ConversationsClient,
  ConversationsError,
  NetworkError,
  type NewWebhook,
} from "../clients/typescript/src/index.ts";
import { command, misuse, options, stopSignal } from "./cli.ts";
import { localDatabase } from "./d1.ts";
import { Failure } from "./shared.ts";
import { storedToken } from "./tokens.ts";

const USAGE = `Usage: npm run --silent webhooks -- listen [options]

Creates an endpoint that is a port of this machine, checks the signature of each delivery, prints it, and deletes the
endpoint at the end (Ctrl-C). Works with an API that may send to loopback addresses, as that of npm start does.

      --url URL          the URL of the API (default: http://127.0.0.1:8787)
      --token TOKEN      a token with the scope webhooks:write (default: that of npm start)
      --types "..."      only events of these types, separated by spaces (default: all)
      --json             print each delivery as one line of JSON
      --persist-to DIR   the state folder of npm start, which has its token (default: .wrangler/state)`;

/** What is delivered, as far as it is printed. */
type Delivery = {
  type: string;
  timestamp: string;
  data: { id: string; conversation_id?: string; message_id?: string | null };
};

await command(USAGE, async ([action = "", ...args]) => {
  if (action !== "listen") misuse(action ? `Unknown command '${action}'` : "The command is missing");
  const { values } = options(args, {
    url: { type: "string", default: "http://127.0.0.1:8787" },
    token: { type: "string" },
    types: { type: "string" },
    json: { type: "boolean", default: false },
    "persist-to": { type: "string" },
  });
  if (!URL.canParse(values.url)) misuse(`--url is '${values.url}', it must be a URL`);
  const token = values.token ?? tokenOfStart(values["persist-to"]);
  const { webhooks } = new ConversationsClient({ token, baseUrl: values.url });
  // The API says which types there are.
  const types = (values.types?.split(/[\s,]+/).filter((type) => type !== "") ?? null) as NewWebhook["types"];
  await listen(webhooks, types, values.json).catch((error) => {
    if (error instanceof ConversationsError || error instanceof NetworkError) {
      throw new Failure(`${values.url}: ${error.message}`);
    }
    throw error;
  });
});

function tokenOfStart(folder: string | undefined): string {
  const database = localDatabase(folder);
  const token = storedToken(database);
  if (token === undefined) {
    throw new Failure(`${database.folder} has no token: start the API with \`npm start\`, or use --token.`);
  }
  return token;
}

/** Prints what is delivered until the command is asked to stop. */
async function listen(webhooks: ConversationsClient["webhooks"], types: NewWebhook["types"], json: boolean) {
  const { promise: stopped, resolve: stop, reject: fail } = Promise.withResolvers<void>();
  // The signal may come while the endpoint is being created: it must be deleted then too.
  stopSignal().addEventListener("abort", () => stop());
  // The reader of a pipe has left.
  process.stdout.on("error", () => stop());

  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const created = webhooks.create({ url, types, description: "npm run webhooks -- listen" });
    // The first delivery may come before the secret.
    server.on("request", (request, response) => {
      created.then(({ secret }) => receive(new Webhook(secret), json, request, response)).catch(fail);
    });
    const endpoint = await created;
    try {
      console.error(`The endpoint ${endpoint.id} is ${url}. Press Ctrl-C to delete it and stop.`);
      await stopped;
    } finally {
      await webhooks.delete(endpoint.id).catch(({ message }) => {
        throw new Failure(`The endpoint ${endpoint.id} is not deleted: ${message}`);
      });
      console.error(`The endpoint ${endpoint.id} is deleted.`);
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function receive(webhook: Webhook, json: boolean, request: IncomingMessage, response: ServerResponse) {
  const body = await buffer(request);
  try {
    const delivery = webhook.verify(body, request.headers as Record<string, string>) as Delivery;
    console.log(json ? JSON.stringify(delivery) : lineOf(delivery));
    response.writeHead(204).end();
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.error(`Refused a request that is no delivery of this endpoint: ${error.message}`);
    response.writeHead(400).end();
  }
}

function lineOf({ type, timestamp, data }: Delivery): string {
  const { id, conversation_id, message_id } = data;
  const of = [conversation_id && `conversation ${conversation_id}`, message_id && `message ${message_id}`];
  return [timestamp, id, type.padEnd("conversation.updated".length), ...of].filter(Boolean).join("  ").trimEnd();
}
