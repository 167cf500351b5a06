// One request at a time, every byte once, in order, whatever the nudges do.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

globalThis.document = { querySelector: () => null };
const { LogSource, logQuery } = await import("../../static/src/lib/log-source.js");

let stored;
let state;
let requests;
let running;
let most;
let limit;
let gaps;

beforeEach(() => {
  [stored, state, requests, running, most, limit, gaps] = ["", "open", [], 0, 0, Infinity, []];
  globalThis.fetch = async (url, { method = "GET", headers = {} }) => {
    requests.push(method);
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
    return method === "HEAD" ? head() : part(headers.Range);
  };
});

function head() {
  return new Response(null, { headers: { "Content-Length": String(stored.length), "X-Log-State": state } });
}

function part(range) {
  let start = Number(/bytes=(\d+)-/.exec(range)[1]);
  if (state === "pruned") return new Response("{}", { status: 410, headers: { "X-Log-State": state } });
  const skipped = gaps.filter(([first, stop]) => first <= start && start < stop);
  for (const [, stop] of skipped) start = stop;
  if (start >= stored.length) return new Response(null, { status: 416, headers: { "X-Log-State": state, ...told(skipped) } });
  const end = Math.min(stored.length, ...gaps.map(([first]) => first).filter((first) => first >= start));
  const body = stored.slice(start, Math.min(end, start + limit));
  const headers = { "Content-Range": `bytes ${start}-${start + body.length - 1}/${stored.length}`, "X-Log-State": state, ...told(skipped) };
  return new Response(body, { status: 206, headers });
}

function told(skipped) {
  return skipped.length ? { "X-Log-Gaps": skipped.map(([first, stop, reason]) => `${first}-${stop};${reason}`).join(", ") } : {};
}

function reader(readLive) {
  const shown = { text: "", resets: 0 };
  const source = new LogSource("/log", { attemptNo: "1", stream: "out" }, {
    onBytes: (bytes, isReset) => {
      if (isReset) [shown.text, shown.resets] = ["", shown.resets + 1];
      shown.text += new TextDecoder().decode(bytes);
    },
    onGap: (gap) => (shown.text += `<${gap.start}-${gap.stop} ${gap.reason}>`),
    onChange: () => {},
    onError: (error) => assert.fail(error),
  }, readLive);
  return { source, shown };
}

async function settled(source) {
  while (source.isBusy) await new Promise((resolve) => setTimeout(resolve, 1));
}

test("shows what there is and then what comes", async () => {
  stored = "one\n";
  const { source, shown } = reader();
  source.nudge();
  await settled(source);
  assert.equal(shown.text, "one\n");
  stored += "two\n";
  source.nudge(stored.length);
  await settled(source);
  assert.equal(shown.text, "one\ntwo\n");
  assert.equal(shown.resets, 1);
});

test("many nudges, one request at a time, no byte twice", async () => {
  stored = "start\n";
  const { source, shown } = reader();
  for (let number = 0; number < 50; number += 1) {
    stored += `line ${number}\n`;
    source.nudge(stored.length);
  }
  await settled(source);
  assert.equal(shown.text, stored);
  assert.equal(most, 1);
});

test("a reply of part of the range is followed by the rest", async () => {
  stored = "0123456789".repeat(10);
  limit = 7;
  const { source, shown } = reader();
  source.nudge(stored.length);
  await settled(source);
  assert.equal(shown.text, stored);
});

test("asking without news is one HEAD, and no error when there is nothing", async () => {
  const { source, shown } = reader();
  source.nudge();
  await settled(source);
  assert.deepEqual(requests, ["HEAD"]);
  assert.equal(shown.text, "");
});

test("a log that starts over is shown anew", async () => {
  stored = "first try\n";
  const { source, shown } = reader();
  source.nudge();
  await settled(source);
  stored = "again\n";
  source.nudge();
  await settled(source);
  source.nudge();
  await settled(source);
  assert.equal(shown.text, "again\n");
});

test("it is closed once the server says so and everything was shown", async () => {
  stored = "end\n";
  const { source } = reader();
  source.nudge();
  await settled(source);
  assert.equal(source.isClosed, false);
  state = "complete";
  source.nudge();
  await settled(source);
  assert.equal(source.isClosed, true);
});

test("the leader of a gang needs no rank, the others do", () => {
  assert.equal(String(logQuery({})), "stream=out");
  assert.equal(String(logQuery({ attemptNo: "2", stream: "err", rank: "0" })), "attempt_no=2&stream=err");
  assert.equal(String(logQuery({ attemptNo: "2", rank: "3" })), "attempt_no=2&stream=out&rank=3");
});

test("what was dropped is told in its place, also at the end", async () => {
  stored = "one\n????two\n??";
  gaps = [[4, 8, "cap"], [12, 14, "spool_lost"]];
  state = "complete";
  const { source, shown } = reader();
  source.nudge();
  await settled(source);
  assert.equal(shown.text, "one\n<4-8 cap>two\n<12-14 spool_lost>");
  assert.ok(source.isClosed);
});

test("output that was removed ends the asking", async () => {
  [stored, state] = ["gone", "pruned"];
  const { source, shown } = reader();
  source.nudge(4);
  await settled(source);
  assert.equal(shown.text, "");
  assert.ok(source.isClosed);
});

// What the socket gives of `stored`, in pieces; every third time nothing, as if it had broken.
function moody(asked) {
  return async ({ start, attemptNo }) => {
    asked.push(start);
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (attemptNo !== "1" || asked.length % 3 === 0 || start >= stored.length) return null;
    return live(start, stored.slice(start, start + 7));
  };
}

function live(start, text, skipped = []) {
  return { head: { start, size: stored.length, state, gaps: skipped }, bytes: new TextEncoder().encode(text) };
}

test("what the socket gives needs no request, and where it breaks no byte is lost or shown twice", async () => {
  const asked = [];
  const { source, shown } = reader(moody(asked));
  for (let number = 0; number < 50; number += 1) {
    stored += `line ${number}\n`;
    source.nudge(stored.length);
    if (number % 5 === 0) await settled(source);
  }
  await settled(source);
  assert.equal(shown.text, stored);
  assert.ok(asked.length > requests.length && requests.length > 0);
  assert.ok(!requests.includes("HEAD"));
});

test("much at once is fetched by HTTP", async () => {
  stored = "x".repeat(300 * 1024);
  const { source, shown } = reader(() => assert.fail("too much for the socket"));
  source.nudge(stored.length);
  await settled(source);
  assert.equal(shown.text, stored);
});

test("a gap on the socket is told in its place, also where nothing follows", async () => {
  stored = "one\n????two\n??";
  const { source, shown } = reader(async ({ start }) => {
    if (start === 0) return live(0, "one\n");
    return start === 4 ? live(8, "two\n", [[4, 8, "cap"]]) : live(14, "", [[12, 14, "spool_lost"]]);
  });
  source.nudge(stored.length);
  await settled(source);
  assert.equal(shown.text, "one\n<4-8 cap>two\n<12-14 spool_lost>");
  assert.deepEqual(requests, []);
});

test("an answer that comes once another output is shown is thrown away", async () => {
  stored = "one\n";
  let answer;
  const { source, shown } = reader(() => new Promise((resolve) => (answer = resolve)));
  source.nudge(stored.length);
  source.close();
  answer(live(0, "one\n"));
  await settled(source);
  assert.deepEqual([shown.text, requests], ["", []]);
});
