// What people say in long conversations of the example inbox.

/** An exchange is a list of turns, `a: text`, of the speakers a, b, c. A {slot} has one value in an exchange. */
export const EXCHANGES = [
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
export const GROUP_EXCHANGES = [
  [
    "a: Who's coming on {day}?",
    "b: Me.",
    "c: Me too, but I have to leave at {time}.",
    "a: Good, that makes enough of us.",
  ],
  ["a: Could you bring {dish}?", "b: I will.", "c: Then I'll take care of the {drink}.", "a: You're the best."],
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

/** What a slot can say. */
export const SLOTS: Record<string, string[]> = {
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
