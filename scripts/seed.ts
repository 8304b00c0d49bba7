// `npm run seed`: fills the local account with an example inbox. A fixed seed makes it the same every time, ids
// included. Its first conversation is the one that the API reference shows. Existing rows are not changed.
import { random } from "../tests/random.ts";
import { command, options } from "./cli.ts";
import { localDatabases, migrate, query, text } from "./d1.ts";
import { Failure, step } from "./shared.ts";
import { BASE62, base62, databaseOf, PRESENT, TRY_AGAIN } from "./tokens.ts";

const USAGE = `Usage: npm run seed [-- --persist-to DIR]

Fills the local account of npm start with ten conversations and their messages. Adds what is missing and leaves existing
conversations and messages unchanged. Also works while npm start runs.

  --persist-to DIR    use the local database in another state folder`;

// --- the texts

/** An exchange is a list of turns, `a: text`, of the speakers a, b, c. A {slot} has one value in an exchange. */
const EXCHANGES = [
  [
    "a: Are you free on {day}?",
    "b: {day} works. What did you have in mind?",
    "a: {plan}, around {time}.",
    "b: Lovely. I'll meet you there.",
  ],
  ["a: Shall we say {time} on {day} then?", "b: Make it half an hour later and I'm in.", "a: Done."],
  [
    "a: I'm running late, the {transport} didn't come.",
    "b: No rush. I'm at the corner table with a book.",
    "a: Ten minutes. Order me a {drink}?",
    "b: Already on its way.",
  ],
  ["a: Did you get home all right last night?", "b: Just before the rain. Thanks for the lift.", "a: Any time."],
  [
    "a: Have you finished {book} yet?",
    "b: Two chapters to go. Don't tell me how it ends.",
    "a: I won't. But call me when you're done.",
    "b: That bad?",
    "a: That good.",
  ],
  [
    "a: What was the name of that place with the {dish}?",
    "b: The one by the {place}? I always forget it too.",
    "a: I'll recognise the door.",
    "b: Blue, with a brass handle.",
  ],
  [
    "a: My sister is in town until {day}.",
    "b: Bring her along! I've heard so much about her.",
    "a: Only the good parts, I hope.",
    "b: Mostly.",
  ],
  [
    "a: Could you water the plants while I'm away?",
    "b: Of course. Is the key where it always is?",
    "a: Under the third pot. The fern drinks like a horse.",
  ],
  [
    "a: I found your scarf behind the sofa.",
    "b: I've been looking for that since {month}!",
    "a: I'll bring it on {day}.",
  ],
  [
    "a: How did the interview go?",
    "b: Better than I feared. They want to see me again on {day}.",
    "a: I knew it. {drink} on me.",
    "b: Let's not celebrate too early.",
  ],
  [
    "a: Is the {transport} running again?",
    "b: Since this morning, but slowly. Leave early.",
    "a: Thanks for the warning.",
  ],
  [
    "a: Do you still have the recipe for the {dish}?",
    "b: Somewhere. My grandmother never wrote down the amounts.",
    "a: So how do you do it?",
    "b: I taste it until it's right.",
    "a: I was afraid of that.",
  ],
  [
    "a: Look at the moon tonight if you can.",
    "b: I'm at the window. Extraordinary.",
    "a: Goodnight then.",
    "b: Goodnight.",
  ],
  [
    "a: I've got two tickets for {day}. Interested?",
    "b: For what?",
    "a: {show}. Third row.",
    "b: You shouldn't have. Yes!",
  ],
  [
    "a: The doctor says it's only a sprain.",
    "b: What a relief. Does it hurt much?",
    "a: Only when I laugh, so be boring tonight.",
    "b: I'll do my best.",
  ],
  [
    "a: Happy birthday! Did the parcel arrive?",
    "b: It did, and I love it. How did you know?",
    "a: You mentioned it in {month}. I wrote it down.",
  ],
  [
    "a: Can I borrow your drill this weekend?",
    "b: Sure, it's in the cellar. What are you building?",
    "a: A shelf. Wish me luck.",
    "b: Measure twice.",
    "a: I always do. And then I cut it wrong.",
  ],
  [
    "a: We're moving the meeting to {day}, {time}.",
    "b: Fine with me. Same room?",
    "a: The small one upstairs, the projector is broken.",
  ],
  [
    "a: I sent you the draft. Be honest.",
    "b: I read it on the {transport}. The second part is very good.",
    "a: And the first?",
    "b: Start with the second part.",
    "a: Ouch. You're right, though.",
  ],
  ["a: Did anybody feed the cat?", "b: Twice, I think. She's a good actress."],
  ["a: It's snowing at the {place}!", "b: Here too. The children went out in their pyjamas.", "a: So did I."],
  [
    "a: What do you think, {plan} on {day}?",
    "b: If the weather holds.",
    "a: And if it doesn't?",
    "b: Then {drink} at mine.",
  ],
  ["a: Thank you for yesterday. I needed that.", "b: So did I. Let's not wait until {month} next time."],
  [
    "a: I can't find the photographs from last summer.",
    "b: You lent them to me. I'll bring them on {day}.",
    "a: No hurry, I just wondered whether I'd imagined that beach.",
  ],
  [
    "a: The landlord called. The heating will be fixed on {day}.",
    "b: He said that in {month}.",
    "a: This time he gave a time: {time}.",
    "b: Then I'll believe it at {time}.",
  ],
  [
    "a: Which train are you on?",
    "b: The one that gets in at {time}.",
    "a: I'll be on the platform. Look for the yellow umbrella.",
  ],
  ["a: Have you heard the new record by those two from {city}?", "b: Three times today. The neighbours have, too."],
  [
    "a: How is {city}?",
    "b: Loud, warm and full of {dish}. I may stay.",
    "a: You say that everywhere.",
    "b: And I mean it everywhere.",
  ],
  [
    "a: I passed!",
    "b: I never doubted it. Congratulations!",
    "a: I did, every single day.",
    "b: We're celebrating on {day}. No arguments.",
  ],
  [
    "a: Can you call me when you have a minute?",
    "b: In half an hour. Everything all right?",
    "a: Yes, yes. Good news, for once.",
  ],
];

/** Exchanges of three speakers. */
const GROUP_EXCHANGES = [
  [
    "a: Who's coming on {day}?",
    "b: Me.",
    "c: Me too, but I have to leave at {time}.",
    "a: Good, that makes enough of us.",
  ],
  ["a: Could somebody bring {dish}?", "b: I will.", "c: Then I'll take care of the {drink}.", "a: You're the best."],
  [
    "a: {plan} this weekend?",
    "b: Yes please.",
    "c: {day} is bad for me. The day after?",
    "b: Even better.",
    "a: Settled. {time}, usual place.",
  ],
  [
    "a: Has anyone seen my gloves? Grey ones.",
    "b: On the bench by the {place}.",
    "c: I took them in, they're on my radiator.",
    "a: Bless you.",
  ],
  [
    "a: The notes from {day} are done, I'll hand them round.",
    "b: That was quick, thanks.",
    "c: Did we decide anything about {city}?",
    "a: Page two. We decided to decide later.",
    "c: As usual, then.",
  ],
  [
    "a: Vote, please: {city} or {city2}?",
    "b: {city}.",
    "c: {city2}, but I'll come along either way.",
    "a: {city} it is. I'll ask about the {transport}.",
  ],
  ["a: I'm stuck on the {transport}. Start without me.", "b: We'll keep you some {dish}.", "c: Speak for yourself."],
  [
    "a: Wasn't that a wonderful evening?",
    "b: The best since {month}.",
    "c: My ears are still ringing.",
    "a: That's how you know.",
  ],
];

/** Unread exchanges: only the others speak. */
const UNANSWERED = [
  [
    "b: Are you there?",
    "b: I've just heard from {city}. They said yes!",
    "b: Call me when you read this, whatever the hour.",
  ],
  ["b: Slight change of plan: {day}, not at {time} but an hour earlier.", "b: Tell me if that's a problem."],
  [
    "b: I'm outside, by the {place}.",
    "b: Never mind, the {transport} is late for everyone.",
    "c: Same here. See you at {time}?",
  ],
];

const SLOTS: Record<string, string[]> = {
  day: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
  time: ["six", "seven", "half past seven", "eight", "a quarter to nine", "noon", "half past four"],
  month: ["October", "November", "the autumn", "the holidays"],
  plan: [
    "a walk along the river",
    "the cinema",
    "skating",
    "dinner at the little Italian place",
    "the flea market",
    "chess and soup",
    "the exhibition",
  ],
  drink: ["tea", "coffee", "hot chocolate", "cider", "red wine"],
  dish: ["dumplings", "apple cake", "onion soup", "lasagne", "potato salad", "cinnamon rolls"],
  place: ["bridge", "library", "old station", "fountain", "swimming pool", "market hall"],
  transport: ["tram", "bus", "train", "ferry"],
  book: ["the Eco", "that Brontë", "the Highsmith", "the one about the lighthouse"],
  show: ["The Magic Flute", "the string quartet", "Uncle Vanya", "the circus"],
  city: ["Lisbon", "Trieste", "Edinburgh", "Ghent", "Kraków"],
  city2: ["Porto", "Basel", "Bruges", "Aarhus"],
};

// --- the inbox

/** The times of the conversation in the API reference: created, and last active. */
const CREATED = 692233200;
const LAST = 705103200;
const DAY = 86400;

interface Conversation {
  /** Default: an id made from the creation time, as the API makes them. */
  id?: string;
  contact_id?: string;
  group_id?: string;
  /** The speakers other than the account. */
  others: string[];
  created_at: number;
  /** Null if there are no messages. */
  last_active_at: number | null;
  messages: number;
  unread?: number;
  pins?: true;
  is_pinned?: true;
  is_muted?: true;
  archived_at?: number;
}

const [ANNA, BEN, CLARA, DAVID, EMMA, FINN] = [
  "WAz8eIbvDR60rouK",
  "3kQm9TzXw1LpYc7B",
  "aR4dV8sNf2HjKq0E",
  "Zx6uGt5ThPbMo9Wi",
  "J1yCeXl3nSv8FQrD",
  "p7OaUk2BwEi4Zg0N",
];
const [CHOIR, HIKERS, FLAT] = ["Tq5nLx8RzKcVw2Gd", "f9JbYm3HuSo6XePA", "M0sWi7CtDa4EvNr1"];

/** Newest first, in the order of the API's list. */
const INBOX: Conversation[] = [
  {
    id: "xgQQXg3hrtjh7AvZ",
    contact_id: ANNA,
    others: [ANNA],
    created_at: CREATED,
    last_active_at: LAST,
    messages: 420,
  },
  {
    id: "hSIhXBhNe8X1d8Et",
    group_id: CHOIR,
    others: [BEN, CLARA, EMMA],
    created_at: CREATED - 2 * DAY,
    last_active_at: LAST - 4_000,
    messages: 380,
    unread: 2,
    is_pinned: true,
    pins: true,
  },
  {
    contact_id: BEN,
    others: [BEN],
    created_at: CREATED - 9 * DAY,
    last_active_at: LAST - 20_000,
    messages: 260,
    unread: 0,
    is_pinned: true,
  },
  { contact_id: FINN, others: [FINN], created_at: CREATED - 20 * DAY, last_active_at: null, messages: 0 },
  {
    group_id: HIKERS,
    others: [ANNA, DAVID, FINN],
    created_at: CREATED - 31 * DAY,
    last_active_at: LAST - DAY,
    messages: 340,
    unread: 1,
    is_muted: true,
  },
  {
    contact_id: CLARA,
    others: [CLARA],
    created_at: CREATED - 55 * DAY,
    last_active_at: LAST - 3 * DAY,
    messages: 190,
    pins: true,
  },
  {
    contact_id: DAVID,
    group_id: HIKERS,
    others: [DAVID],
    created_at: CREATED - 90 * DAY,
    last_active_at: LAST - 6 * DAY,
    messages: 120,
    is_muted: true,
  },
  {
    contact_id: EMMA,
    others: [EMMA],
    created_at: CREATED - 130 * DAY,
    last_active_at: LAST - 9 * DAY,
    messages: 160,
    unread: 1,
  },
  {
    group_id: FLAT,
    others: [BEN, EMMA],
    created_at: CREATED - 180 * DAY,
    last_active_at: CREATED + 20 * DAY,
    messages: 150,
    archived_at: CREATED + 25 * DAY,
  },
  {
    contact_id: "oldLandlord-1991",
    others: ["oldLandlord-1991"],
    created_at: CREATED - 300 * DAY,
    last_active_at: CREATED - 40 * DAY,
    messages: 60,
    is_muted: true,
    archived_at: CREATED - 30 * DAY,
  },
];

// --- generation

const below = random(1991);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;

/** An id in the API's format. */
const idOf = (seconds: number) =>
  base62(seconds * 1000 + below(1000), 7) + Array.from({ length: 9 }, () => pick([...BASE62])).join("");

/** One turn of an exchange. The account itself has no contact id. */
type Turn = { contact_id: string | null; message: string };

function speak(exchange: readonly string[], speakers: (string | null)[]): Turn[] {
  const filled = Object.fromEntries(Object.entries(SLOTS).map(([slot, words]) => [slot, pick(words)]));
  return exchange.map((turn) => ({
    contact_id: speakers["abc".indexOf(turn[0]!)] ?? null,
    message: turn
      .slice(3)
      .replace(/\{(\w+)\}/g, (_, slot: string) => filled[slot]!)
      .replace(/(^|[.!?] )[a-z]/g, (start) => start.toUpperCase()),
  }));
}

/** All speakers, in random order. The first three are a, b and c. */
function speakers(others: string[]): (string | null)[] {
  const all: (string | null)[] = [null, ...others];
  const chosen: (string | null)[] = [];
  while (all.length > 0) chosen.push(...all.splice(below(all.length), 1));
  return chosen;
}

/** Exchanges without end. None is repeated before all of them were used. */
function* talk(others: string[]): Generator<Turn[]> {
  const exchanges = others.length > 1 ? [...GROUP_EXCHANGES, ...EXCHANGES] : EXCHANGES;
  for (let rest = [...exchanges]; ; ) {
    if (rest.length === 0) rest = [...exchanges];
    yield speak(rest.splice(below(rest.length), 1)[0]!, speakers(others));
  }
}

interface Message extends Turn {
  id: string;
  created_at: number;
  read_at: number | null;
  updated_at: number | null;
}

const inMilliseconds = (seconds: number | null) => (seconds === null ? null : 1000 * seconds);

/** A conversation's messages, and the times when it was last opened and when it last received a message. */
function messagesOf({ others, created_at, last_active_at, messages, unread }: Conversation) {
  if (last_active_at === null) return { messages: [], last_opened_at: null, last_received_at: null };
  const exchanges: Turn[][] = [];
  const endless = talk(others);
  for (let count = 0; count < messages; count += exchanges.at(-1)!.length) exchanges.push(endless.next().value);
  if (unread !== undefined) exchanges.push(speak(UNANSWERED[unread]!, [null, others[0]!, others[1] ?? others[0]!]));

  // Exchanges begin between 8 a.m. and 11 p.m. Their turns follow each other within minutes.
  const morning = Math.ceil(created_at / DAY) * DAY + 8 * 3600;
  const days = Math.floor((last_active_at - morning) / DAY);
  const starts = exchanges.map(() => morning + below(days) * DAY + below(15 * 3600)).sort((a, b) => a - b);
  let time = created_at;
  const turns = exchanges.flatMap((exchange, n) => {
    time = Math.max(time + 900, starts[n]!);
    return exchange.map((turn) => {
      time += 20 + below(240);
      return { ...turn, at: time };
    });
  });
  // The last message of the last exchange is the last activity.
  const last = exchanges.at(-1)!.length;
  const shift = last_active_at - time;
  for (const turn of turns.slice(-last)) turn.at += shift;

  const last_opened_at = unread === undefined ? last_active_at : turns.at(-last - 1)!.at + 60;
  return {
    last_opened_at,
    last_received_at: turns.findLast(({ contact_id }) => contact_id !== null)?.at ?? null,
    messages: turns.map(
      ({ at, ...turn }): Message => ({
        id: idOf(at),
        ...turn,
        created_at: at,
        read_at: at <= last_opened_at ? Math.min(at + below(600), last_opened_at) : null,
        updated_at: below(40) === 0 && at < last_opened_at - 3600 ? at + 30 + below(300) : null,
      }),
    ),
  };
}

// --- storage

/** The account, unless requests wait until it has moved. */
const LOCAL = `accounts.name = 'local' AND ${PRESENT} AND accounts.held_at IS NULL`;

/** Inserts rows of the account, except those whose key exists. */
function insert(table: string, rows: Record<string, string | number | null>[]): string {
  const columns = Object.keys(rows[0]!);
  return `INSERT INTO ${table} (account_id, ${columns.join(", ")})
SELECT accounts.id, ${columns.map((column) => `value ->> '${column}'`).join(", ")}
FROM accounts, json_each(${text(JSON.stringify(rows))})
WHERE ${LOCAL}
ON CONFLICT DO NOTHING`;
}

await command(USAGE, async (args) => {
  const { values } = options(args, { "persist-to": { type: "string" } });
  const conversations: Record<string, string | number | null>[] = [];
  const messages: Record<string, string | number | null>[] = [];
  for (const conversation of INBOX) {
    const { created_at, last_active_at, contact_id, group_id, is_pinned, is_muted, archived_at, pins } = conversation;
    const id = conversation.id ?? idOf(created_at);
    const said = messagesOf(conversation);
    conversations.push({
      id,
      contact_id: contact_id ?? null,
      group_id: group_id ?? null,
      pinned_message_id: pins ? said.messages[said.messages.length >> 1]!.id : null,
      is_pinned: Number(is_pinned ?? false),
      is_muted: Number(is_muted ?? false),
      last_active_ms: inMilliseconds(last_active_at),
      last_opened_ms: inMilliseconds(said.last_opened_at),
      last_received_ms: inMilliseconds(said.last_received_at),
      created_at,
      archived_at: archived_at ?? null,
    });
    messages.push(...said.messages.map((message) => ({ conversation_id: id, ...message })));
  }

  // A pinned message and its conversation refer to each other: foreign keys must be checked after both are inserted.
  // A statement must be smaller than D1's limit of 100 kB.
  const statements = [
    "PRAGMA defer_foreign_keys = ON",
    `INSERT INTO accounts (name, created_at) VALUES ('local', ${LAST}) ON CONFLICT DO NOTHING`,
    insert("conversations", conversations),
  ];
  for (let at = 0; at < messages.length; at += 150) statements.push(insert("messages", messages.slice(at, at + 150)));
  statements.push(`SELECT 1 FROM accounts WHERE ${LOCAL}`);

  const databases = await localDatabases(values["persist-to"]);
  await step(databases.length === 1 ? "Database" : "Databases", () => Promise.all(databases.map(migrate)));
  await step("Inbox", async () => {
    const database = (await databaseOf(databases, "local")) ?? databases[0]!;
    const results = await query(database, ...statements);
    if (results.at(-1)!.length === 0) throw new Failure(`The account 'local' is being moved. ${TRY_AGAIN}`);
  });
  console.log(
    `The local account has the inbox: ${conversations.length} conversations, ${messages.length} messages. ` +
      "Existing ones were not changed.",
  );
});
