// Whom a message of the socket concerns, and what a reconnection tells the server and the page.
import assert from "node:assert/strict";
import { test } from "node:test";

const sockets = [];
class FakeSocket extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  sent = [];
  constructor(url) {
    super();
    this.url = url;
    sockets.push(this);
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }
  close() {
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
  receive(message) {
    this.receiveData(JSON.stringify(message));
  }
  receiveData(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
}
Object.assign(globalThis, {
  WebSocket: FakeSocket,
  location: { protocol: "http:", host: "here" },
  document: new EventTarget(),
  addEventListener: () => {},
});
const { isFor, isOpen, onOpen, read, serverNow, subscribe } = await import("../../static/src/lib/live.js");

test("whom a message concerns", () => {
  assert.equal(isFor("tasks", { kind: "task", id: 4 }), true);
  assert.equal(isFor("tasks", { kind: "output", id: 4 }), false);
  assert.equal(isFor("task-4", { kind: "output", id: 4 }), true);
  assert.equal(isFor("task-4", { kind: "output", id: 41 }), false);
  assert.equal(isFor("agents", { kind: "readings" }), true);
});

test("subscribe, hear, lose the server, come back", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const heard = [];
  let reopened = 0;
  onOpen(() => (reopened += 1));
  const stop = subscribe("tasks", (message) => heard.push(message.id));
  const [first] = sockets;
  assert.equal(first.url, "ws://here/ws/live/");
  first.open();
  assert.deepEqual(first.sent, [{ subscribe: ["tasks"] }]);
  context.mock.timers.tick(150);
  first.receive({ kind: "hello", server_time: "2026-01-01T00:00:00Z" });
  assert.ok(Math.abs(serverNow() - Date.parse("2026-01-01T00:00:00Z")) < 5000);
  first.receive({ kind: "task", id: 7 });
  assert.deepEqual(heard, [7]);
  assert.equal(reopened, 1);
  first.close();
  assert.equal(isOpen(), false);
  context.mock.timers.tick(751);
  assert.equal(sockets.length, 2);
  sockets[1].open();
  assert.deepEqual(sockets[1].sent, [{ subscribe: ["tasks"] }]);
  context.mock.timers.tick(150);
  assert.equal(reopened, 2);
  let late = 0;
  onOpen(() => (late += 1));
  context.mock.timers.tick(150);
  assert.deepEqual([late, reopened], [1, 2], "who comes later is told once, alone");
  stop();
  assert.deepEqual(sockets[1].sent.at(-1), { unsubscribe: ["tasks"] });
});

function range(request, text) {
  return new TextEncoder().encode(`{"request":${request}}\n${text}`).buffer;
}

test("a range of output: one at a time, and null whenever it has to be fetched otherwise", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const socket = sockets.at(-1);
  assert.equal(socket.binaryType, "arraybuffer");

  const first = read({ task: 4, start: 8 });
  const { read: asked } = socket.sent.at(-1);
  assert.deepEqual([asked.task, asked.start], [4, 8]);
  assert.equal(await read({ task: 4, start: 9 }), null, "one at a time");
  socket.receiveData(range(asked.request, "a\nb"));
  const { head, bytes } = await first;
  assert.deepEqual([head.request, new TextDecoder().decode(bytes)], [asked.request, "a\nb"]);

  const refused = read({ start: 0 });
  socket.receive({ kind: "error", request: asked.request + 1, code: "busy", detail: "" });
  assert.equal(await refused, null);

  const slow = read({ start: 0 });
  context.mock.timers.tick(10000);
  assert.equal(await slow, null);
  const next = read({ start: 1 });
  socket.receiveData(range(asked.request + 2, "too late"));
  socket.receiveData(range(asked.request + 3, "in time"));
  assert.equal(new TextDecoder().decode((await next).bytes), "in time");

  const cut = read({ start: 0 });
  socket.close();
  assert.equal(await cut, null, "the socket broke");
  assert.equal(await read({ start: 0 }), null, "it is away");
});
