// The conversations of the example inbox. Their times are relative to the first seed, except those of the conversation
// that the API reference shows.

export const MINUTE = 60;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The times of the conversation in the API reference: created, and last active. */
const REFERENCE_CREATED = 692233200;
const REFERENCE_LAST = 705103200;

export interface Seeded {
  /** Default: an id made from the creation time, as the API makes them. */
  id?: string;
  contact_id?: string;
  group_id?: string;
  /** The moment that the other times are before. Default: the time of the first seed. */
  now?: number;
  /** How many seconds ago it was created. */
  created: number;
  /** How many seconds ago it was last active. Null if there are no messages. */
  active: number | null;
  /** About how many messages it has before the last dialogue. */
  earlier?: number;
  /** Who speaks in the earlier messages, beside the account. */
  others?: string[];
  /** The last dialogue: `me: text`, or `CONTACT: text`. */
  dialogue?: string[];
  /** How many messages at the end are unread. */
  unread?: number;
  /** Pins this message of the dialogue. */
  pins?: number;
  is_pinned?: true;
  is_muted?: true;
  /** How many seconds ago it was archived. */
  archived?: number;
}

/** Newest first, in the order of the API's list. */
export const INBOX: Seeded[] = [
  {
    id: "xgQQXg3hrtjh7AvZ",
    contact_id: "WAz8eIbvDR60rouK",
    now: REFERENCE_LAST,
    created: REFERENCE_LAST - REFERENCE_CREATED,
    active: 0,
    earlier: 60,
    others: ["WAz8eIbvDR60rouK"],
  },
  {
    id: "hSIhXBhNe8X1d8Et",
    group_id: "book-club",
    created: 5 * HOUR,
    active: 6 * MINUTE,
    dialogue: [
      "clara-nilsson: I moved us to a new group, the old one had half the city in it.",
      "me: Good idea. What are we reading next?",
      "emma-dubois: My vote: The Left Hand of Darkness.",
      "ben-okafor: Mine too. Shorter than the last one, please.",
      "clara-nilsson: Then that's it. We meet on Thursday at seven, at Emma's.",
      "me: I'll bring the cake.",
      "emma-dubois: There is a reading guide here: https://example.org/guides/left-hand-of-darkness",
      "ben-okafor: Has anyone got a spare copy?",
      "clara-nilsson: I have two. I'll leave one at the library desk for you.",
    ],
    unread: 3,
    pins: 4,
    is_pinned: true,
  },
  {
    contact_id: "jonas-berg",
    created: 3 * DAY,
    active: null,
  },
  {
    contact_id: "anna-keller",
    created: 40 * DAY,
    active: 2 * MINUTE,
    earlier: 24,
    others: ["anna-keller"],
    dialogue: [
      "me: Are we still on for tonight?",
      "anna-keller: Of course! The table is booked for half past seven.",
      "me: Perfect. Same place as last time?",
      "anna-keller: Yes, the one by the bridge. Ask for Keller.",
      "anna-keller: And bring an umbrella, it looks like rain.",
    ],
    unread: 2,
    is_pinned: true,
  },
  {
    contact_id: "samir-haddad",
    created: 61 * DAY,
    active: 25 * MINUTE,
    dialogue: [
      "samir-haddad: مرحبا! كيف حالك؟",
      "me: أهلا سمير، أنا بخير. متى تصل إلى برلين؟",
      "samir-haddad: القطار يصل يوم الجمعة في الساعة السادسة مساءً.",
      "me: ممتاز، سأنتظرك في المحطة.",
      "samir-haddad: هذه خريطة المحطة: https://example.org/stations/berlin",
      "samir-haddad: شكرا جزيلا، إلى اللقاء!",
    ],
    unread: 1,
  },
  {
    contact_id: "priya-raman",
    created: 75 * DAY,
    active: 70 * MINUTE,
    earlier: 8,
    others: ["priya-raman"],
    dialogue: [
      "priya-raman: Did you see the photos from the weekend?",
      "me: Not yet. Where are they?",
      "priya-raman: All of them are here: https://example.org/albums/lake-weekend. The last ones are the best.",
      "me: The one with the canoe! Can I have that in full size?",
      "priya-raman: Sure (https://example.org/albums/lake-weekend/17), but promise not to print it.",
      "me: No promises.",
    ],
  },
  {
    group_id: "hiking-group",
    created: 120 * DAY,
    active: 3 * HOUR,
    earlier: 420,
    others: ["anna-keller", "david-moreau", "finn-larsen"],
    dialogue: [
      "finn-larsen: Forecast for Sunday: sun until four, then thunderstorms.",
      "david-moreau: Then let's start early. Meet at eight at the cable car?",
      "me: Eight is fine. Who drives?",
      "finn-larsen: I have three free seats.",
      "anna-keller: One for me, please!",
      "david-moreau: And one for me. I'll bring the map.",
    ],
    unread: 2,
    is_muted: true,
  },
  {
    contact_id: "mira-novak",
    group_id: "flat-12b",
    created: 190 * DAY,
    active: 9 * HOUR,
    dialogue: [
      "mira-novak: The plumber comes on Wednesday between nine and twelve.",
      "me: I'll be home. Does he need anything from us?",
      "mira-novak: Only access to the cellar. The key is on the hook behind the door.",
      "me: Got it, thanks.",
    ],
    pins: 0,
  },
  {
    contact_id: "lena-fischer",
    created: 230 * DAY,
    active: 26 * HOUR,
    earlier: 16,
    others: ["lena-fischer"],
    dialogue: [
      "me: Happy birthday, Lena!",
      "lena-fischer: Thank you so much! The parcel arrived this morning, right on time.",
      "me: Don't open it before noon.",
      "lena-fischer: Too late. I love it.",
    ],
  },
  {
    group_id: "summer-trip",
    created: 500 * DAY,
    active: 110 * DAY,
    earlier: 90,
    others: ["anna-keller", "priya-raman", "tomas-silva"],
    dialogue: [
      "priya-raman: Home again. Thank you all, it was a wonderful week.",
      "anna-keller: Same again next year?",
      "me: Same again next year.",
    ],
    archived: 100 * DAY,
  },
];
