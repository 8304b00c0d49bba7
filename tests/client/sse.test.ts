// The parser of server-sent events. The expectations are from the HTML standard, 9.2.6.

import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { EventStreamParser } from "../../clients/typescript/src/sse.ts";

/** What the parser says about a response that arrives in these parts. */
function parse(...parts: string[]) {
  const parser = new EventStreamParser();
  const data = parts.flatMap((part) => parser.push(part));
  return { data, lastEventId: parser.lastEventId, retry: parser.retry };
}

test("an event is complete at the empty line after it", () => {
  assert.deepEqual(parse("data: 1\n\ndata: 2\n").data, ["1"]);
  assert.deepEqual(parse("data: 1\n\ndata: 2\n", "\n").data, ["1", "2"]);
});

test("a line ends with \\n, \\r\\n or \\r", () => {
  for (const end of ["\n", "\r\n", "\r"])
    assert.deepEqual(parse(["id: 7", "data: a", "data: b", "", "data: c", "", ""].join(end)), {
      data: ["a\nb", "c"],
      lastEventId: "7",
      retry: null,
    });
  assert.deepEqual(parse("data: a\r\rdata: b\n\r\n").data, ["a", "b"]);
});

test("several lines of data are one text with several lines", () => {
  assert.deepEqual(parse("data: YHOO\ndata: +2\ndata: 10\n\n").data, ["YHOO\n+2\n10"]);
  assert.deepEqual(parse("data\n\ndata\ndata\n\n").data, ["", "\n"]);
});

test("one space after the colon is not part of the value", () => {
  assert.deepEqual(parse("data:test\n\ndata: test\n\ndata:  test \n\ndata:a: b\n\n").data, [
    "test",
    "test",
    " test ",
    "a: b",
  ]);
});

test("comments, unknown fields and events without data are passed over", () => {
  assert.deepEqual(parse(": hello\n:\n\nevent: x\n\ncolour: red\n data: no\ndata: 1\n:data: 2\n\n").data, ["1"]);
});

test("the last id is that of the last whole event, and stays until another one", () => {
  assert.equal(parse("id: 1\ndata: a\n\nid: 2\ndata: b\n").lastEventId, "1");
  assert.equal(parse("id: 1\ndata: a\n\ndata: b\n\n").lastEventId, "1");
  assert.equal(parse("id: 1\n\n").lastEventId, "1");
  assert.equal(parse("id: 1\ndata: a\n\nid\ndata: b\n\n").lastEventId, "");
  assert.equal(parse("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n").lastEventId, "1");
});

test("retry is a number of milliseconds, and anything else is passed over", () => {
  assert.equal(parse("retry: 1000\n").retry, 1000);
  assert.equal(parse("retry: 1000\nretry: soon\nretry: -1\nretry: 1.5\nretry\n").retry, 1000);
});

test("the result does not depend on the parts in which a response arrives", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "",
      "",
      "data: a",
      "data",
      "data:  b:",
      ": comment",
      "id: 1",
      "id: 2",
      "id",
      "retry: 5",
      "event: x",
    ),
    fc.string({ unit: fc.constantFrom("d", "a", "t", ":", " ", "é", "😀") }),
  );
  const text = fc
    .array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")))
    .map((lines) => lines.map((parts) => parts.join("")).join(""));
  fc.assert(
    fc.property(text, fc.array(fc.nat(40)), (text, sizes) => {
      const parts = [];
      let rest = text;
      for (const size of sizes) {
        parts.push(rest.slice(0, size));
        rest = rest.slice(size);
      }
      // The other extreme is one character at a time.
      assert.deepEqual(parse(...parts, rest), parse(text));
      assert.deepEqual(parse(...text), parse(text));
    }),
  );
});
