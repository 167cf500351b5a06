// Which attempt a page shows as news of them come, in order or not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { afterNews, latest } from "../../static/src/lib/attempts.js";

const NONE = { attempts: [], shown: null };

test("there is no latest before the first", () => {
  assert.equal(latest([]), null);
  assert.equal(latest(["2", "1"]), "2");
});

test("the first one is shown", () => {
  assert.deepEqual(afterNews(NONE, ["1"]), { attempts: ["1"], shown: "1" });
});

test("who shows the latest goes on to a later one", () => {
  assert.deepEqual(afterNews({ attempts: ["9", "1"], shown: "9" }, ["10", "9", "1"]), { attempts: ["10", "9", "1"], shown: "10" });
});

test("who looks at an earlier one stays there", () => {
  assert.deepEqual(afterNews({ attempts: ["2", "1"], shown: "1" }, ["3", "2", "1"]), { attempts: ["3", "2", "1"], shown: "1" });
});

test("old news change nothing", () => {
  for (const known of [{ attempts: ["1"], shown: "1" }, { attempts: ["10", "9"], shown: "9" }]) {
    assert.deepEqual(afterNews(known, known.attempts.slice(1)), known);
    assert.deepEqual(afterNews(known, []), known);
  }
});

test("after old news the next ones are followed", () => {
  const known = ["1"];
  const overtaken = afterNews(afterNews(NONE, known), []);
  assert.deepEqual(afterNews(overtaken, ["2", "1"]), { attempts: ["2", "1"], shown: "2" });
});
