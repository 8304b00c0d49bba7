// What the model expects of an opening during which the wanted second may end: the service's clock says whether it has.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openedAt } from "./model.ts";

const WANTED = 1000;
const BEFORE = 999_900;
const IN = 1_000_400;
const AFTER = 1_001_200;

/** An opening at the wanted second that was sent and answered at these times, and shows this second. */
const opening = (sent: number, responded: number, opened: number, lastMessage: number | null) =>
  openedAt(WANTED, { request: "", id: "", now: 0, opened, sent, responded }, lastMessage);

test("a second that had ended before the request means its end", () => {
  assert.equal(opening(AFTER, AFTER, WANTED, null), 1_000_999);
  assert.equal(opening(AFTER, AFTER, WANTED, 5_000_000), 1_000_999);
});

test("a second that has not ended when the response is there means now, after the last message", () => {
  assert.equal(opening(IN, IN, WANTED, null), IN);
  assert.equal(opening(BEFORE, IN, WANTED, null), 1_000_000);
  assert.equal(opening(IN, IN, 5000, 5_000_000), 5_000_000);
  // Its end would be wrong here.
  assert.equal(opening(IN, IN, WANTED, 5_000_000), 5_000_000);
});

test("a second that ends during the request means either, and the second shown tells which", () => {
  assert.equal(opening(IN, AFTER, WANTED, 5_000_000), 1_000_999);
  assert.equal(opening(IN, AFTER, 5000, 5_000_000), 5_000_000);
  assert.equal(opening(IN, AFTER, WANTED, 1_001_000), 1_000_999);
  assert.equal(opening(IN, AFTER, 1001, 1_001_000), 1_001_000);
  // Without a message that is later than the wanted second, the conversation is read either way.
  assert.equal(opening(IN, AFTER, WANTED, null), IN);
  assert.equal(opening(IN, AFTER, 1001, null), 1_001_000);
});
