// Words for times and sizes, waiting times of reconnections, names of keys, throttling.
import assert from "node:assert/strict";
import { test } from "node:test";
import { age, ago, bytes, duration, gib, plural } from "../../static/src/lib/format.js";
import { jitter, reconnectDelay } from "../../static/src/lib/backoff.js";
import { isMuted, keyName } from "../../static/src/lib/keys.js";
import { throttle } from "../../static/src/lib/throttle.js";

test("durations", () => {
  const cases = { 0: "0.0 s", 1.55: "1.6 s", 10: "10 s", 61: "1 m 01 s", 3727: "1 h 02 m", 90061: "1 d 01 h" };
  for (const [seconds, words] of Object.entries(cases)) assert.equal(duration(Number(seconds)), words);
  assert.equal(duration(null), "");
});

test("how long ago", () => {
  assert.equal(ago(1), "just now");
  assert.equal(ago(59), "59 s ago");
  assert.equal(ago(3599), "59 min ago");
  assert.equal(ago(86400 * 3), "3 d ago");
  assert.equal(age(100), "100 s ago");
  assert.equal(age(120), "2 min ago");
});

test("sizes", () => {
  assert.equal(bytes(1023), "1023 B");
  assert.equal(bytes(1536), "1.5 KiB");
  assert.equal(bytes(38 * 1024 * 1024), "38 MiB");
  assert.equal(gib(40960), "40 GiB");
  assert.equal(gib(1536), "1.5 GiB");
  assert.equal(gib(5), "5 MiB");
  assert.equal(gib(0), "0 GiB");
  assert.equal(gib(null), "");
});

test("one and many", () => {
  assert.equal(plural(1, "new task"), "1 new task");
  assert.equal(plural(2, "new task"), "2 new tasks");
});

test("reconnections wait longer each time, up to ten seconds, never all at once", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 99].map(reconnectDelay), [500, 1000, 2000, 5000, 10000, 10000]);
  assert.deepEqual([jitter(1000, 0), jitter(1000, 1)], [500, 1500]);
});

test("keys", () => {
  assert.equal(keyName({ key: "D", shiftKey: true }), "Shift+D");
  assert.equal(keyName({ key: "?", shiftKey: true }), "?");
  assert.equal(keyName({ key: "Escape" }), "Esc");
  assert.equal(isMuted({ ctrlKey: true, target: {} }), true);
  assert.equal(isMuted({ target: { closest: () => ({}) } }), true);
  assert.equal(isMuted({ target: { closest: () => null } }), false);
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("throttling runs at once, never twice at a time, and never loses the last call", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const ends = [];
  let runs = 0;
  const work = throttle(() => {
    runs += 1;
    return new Promise((resolve) => ends.push(resolve));
  }, 100);
  work();
  work();
  work();
  assert.equal(runs, 1);
  context.mock.timers.tick(100);
  await turn();
  assert.equal(runs, 1, "the first one is still at work");
  ends[0]();
  await turn();
  assert.equal(runs, 2);
  ends[1]();
  context.mock.timers.tick(100);
  await turn();
  assert.equal(runs, 2);
  work();
  assert.equal(runs, 3);
});
