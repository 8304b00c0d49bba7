// A message cycle: what an inbox does when a contact writes.

export type Request = [method: string, path: string, body?: object];

/** Every fifth conversation is one of a group, the others are of a contact. */
export const KINDS = 5;

/** The requests of a cycle, and the case of the benchmark whose CPU time stands for each. */
export const STEPS: { title: string; cpu: string; request: (conversation: string) => Request }[] = [
  {
    title: "a contact's message, which makes the conversation unread",
    cpu: "send",
    request: (conversation_id) => [
      "POST",
      "/v1/messages",
      { conversation_id, contact_id: "someone", message: "Hello" },
    ],
  },
  {
    title: "the inbox: 10 by activity, not archived",
    cpu: "list10",
    request: () => ["GET", "/v1/conversations?sort=last_active_at&archived=false&limit=10"],
  },
  {
    title: "10 messages of the conversation",
    cpu: "list10",
    request: (id) => ["GET", `/v1/messages?conversation_id=${id}&limit=10`],
  },
  {
    title: "mark as read",
    cpu: "update",
    request: (id) => ["PUT", `/v1/conversations/${id}`, { last_opened_at: Math.floor(Date.now() / 1000) }],
  },
];
