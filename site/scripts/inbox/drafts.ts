// Messages that are written but not sent, one for each conversation. They are in the session storage of the tab, as the
// token is: they survive a reload, and signing out removes them.

interface Draft {
  text: string;
  /** The idempotency key of this text: to send it again after a lost response does not create a second message. */
  key: string;
}

export interface Drafts {
  /** The text of a conversation's draft. Empty if there is none. */
  textOf: (conversation: string) => string;
  /** Stores a text. An empty one removes the draft. */
  write: (conversation: string, text: string) => void;
  /** The idempotency key for a text that is about to be sent. */
  keyFor: (conversation: string, text: string) => string;
  /** Removes the draft, unless it is another text by now. */
  sent: (conversation: string, text: string) => void;
  remove: (conversation: string) => void;
}

/** The drafts of an account: another account in the same tab does not see them. */
export function draftsOf(account: string): Drafts {
  const nameOf = (conversation: string) => `draft ${conversation} ${account}`;

  function read(conversation: string): Draft | null {
    const stored = sessionStorage.getItem(nameOf(conversation));
    return stored === null ? null : (JSON.parse(stored) as Draft);
  }

  function write(conversation: string, text: string): void {
    if (text === read(conversation)?.text) return;
    const draft: Draft = { text, key: crypto.randomUUID() };
    try {
      if (text === "") remove(conversation);
      else sessionStorage.setItem(nameOf(conversation), JSON.stringify(draft));
    } catch {
      // The storage is full. The text stays in the form.
    }
  }

  function remove(conversation: string): void {
    sessionStorage.removeItem(nameOf(conversation));
  }

  return {
    textOf: (conversation) => read(conversation)?.text ?? "",
    write,
    keyFor: (conversation, text) => {
      write(conversation, text);
      return read(conversation)?.key ?? crypto.randomUUID();
    },
    sent: (conversation, text) => {
      if (read(conversation)?.text === text) remove(conversation);
    },
    remove,
  };
}
