// Which bytes of a log are asked for, and which are shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  SKIP_BYTES, TAIL_BYTES, canShowEarlier, earlierWindow, emptyWindow, nextStart, readContentRange, take,
} from "../../static/src/lib/log-window.js";

const bytes = (text) => new TextEncoder().encode(text);
const text = (array) => new TextDecoder().decode(array);

test("a short log is asked for from its start", () => {
  assert.equal(nextStart(emptyWindow(10)), 0);
});

test("a long log is asked for from its last 2 MB", () => {
  assert.equal(nextStart(emptyWindow(TAIL_BYTES * 3)), TAIL_BYTES * 2);
});

test("what follows joins on", () => {
  const first = take(emptyWindow(6), 0, bytes("one\ntw"));
  assert.equal(first.isReset, true);
  assert.equal(text(first.bytes), "one\ntw");
  const second = take({ ...first.window, known: 8 }, nextStart({ ...first.window, known: 8 }), bytes("o\n"));
  assert.equal(second.isReset, false);
  assert.equal(text(second.bytes), "o\n");
  assert.deepEqual([second.window.start, second.window.end, second.window.known], [0, 8, 8]);
});

test("the tail starts at a line", () => {
  const { bytes: shown, window } = take(emptyWindow(9000), 8000, bytes("half a line\nwhole\n"));
  assert.equal(text(shown), "whole\n");
  assert.equal(window.start, 8012);
});

test("a tail of one endless line is shown as it is", () => {
  assert.equal(text(take(emptyWindow(9000), 8000, bytes("no newline")).bytes), "no newline");
  assert.equal(text(take(emptyWindow(9000), 8000, bytes("only at the end\n")).bytes), "only at the end\n");
});

test("a reader that fell far behind goes on from the end", () => {
  const behind = { ...emptyWindow(), isJoined: true, start: 0, end: 100, known: 100 + SKIP_BYTES + 1 };
  const from = nextStart(behind);
  assert.equal(from, behind.known - TAIL_BYTES);
  const { isReset, window } = take(behind, from, bytes("x\nlater\n"));
  assert.equal(isReset, true);
  assert.equal(window.start, from + 2);
});

test("a reader that is a little behind leaves nothing out", () => {
  const behind = { ...emptyWindow(), isJoined: true, end: 100, known: 100 + SKIP_BYTES };
  assert.equal(nextStart(behind), 100);
});

test("earlier output is shown whole, from further back, and never skipped again", () => {
  const size = TAIL_BYTES * 10;
  const tail = { start: size - TAIL_BYTES, end: size, known: size, isJoined: true, isWhole: false };
  assert.equal(canShowEarlier(tail), true);
  const earlier = earlierWindow(tail);
  assert.equal(earlier.start, size - TAIL_BYTES * 4);
  assert.equal(nextStart(earlier), earlier.start);
  const first = take(earlier, earlier.start, new Uint8Array(4).fill(10));
  assert.equal(first.isReset, true);
  assert.equal(nextStart({ ...first.window, known: size + SKIP_BYTES * 3 }), first.window.end);
});

test("nothing earlier once it begins at the start", () => {
  const whole = earlierWindow({ start: 1000, end: 3000, known: 3000, isJoined: true, isWhole: false });
  assert.equal(whole.start, 0);
  assert.equal(canShowEarlier(take(whole, 0, bytes("a\n")).window), false);
});

test("Content-Range", () => {
  assert.deepEqual(readContentRange("bytes 5-9/20"), { start: 5, stop: 10, size: 20 });
  assert.equal(readContentRange("bytes */20"), null);
  assert.equal(readContentRange(null), null);
});
