// The page's one socket. Messages are nudges: whoever gets one asks the server for the facts, so a lost one costs nothing.
// subscribe() tells of messages, onOpen() of every (re)connection: that is when to refetch what may have been missed.
import { jitter, reconnectDelay } from "./backoff.js";

const AWAY_NOTICE_MS = 3000;
const SUBSCRIBED_MS = 150; // for the server to take the subscription
const ANSWER_MS = 10000; // a range that takes longer is asked for otherwise
const groups = new Map();
const openHandlers = new Set();
const stateHandlers = new Set();
let socket = null;
let attempts = 0;
let wasOpen = false;
let retryTimer = null;
let noticeTimer = null;
let serverOffsetMs = 0;
let reading = null; // {request, settle} of the range that is under way
let requests = 0;

// handler(message) is called for each message of `group`; returns the function that ends the subscription.
export function subscribe(group, handler) {
  if (!groups.has(group)) {
    groups.set(group, new Set());
    send({ subscribe: [group] });
  }
  groups.get(group).add(handler);
  connect();
  return () => unsubscribe(group, handler);
}

// handler() runs when to refetch: a moment after the page began to listen, since what changed between the page's making and
// its listening was told to nobody; after each later connection; and when a hidden tab is shown again.
export function onOpen(handler) {
  openHandlers.add(handler);
  if (isOpen()) setTimeout(() => openHandlers.has(handler) && handler(), SUBSCRIBED_MS);
  return () => openHandlers.delete(handler);
}

// handler(isOpen) follows the connection, told three seconds late when it goes: short gaps are no news.
export function onState(handler) {
  stateHandlers.add(handler);
  return () => stateHandlers.delete(handler);
}

export function isOpen() {
  return socket?.readyState === WebSocket.OPEN;
}

// A range of a task's output: {head, bytes}, or null when it has to be fetched otherwise: the socket is away or goes, has a
// range under way, or the server will not.
export function read(range) {
  if (!isOpen() || reading) return Promise.resolve(null);
  return new Promise((resolve) => {
    const request = ++requests;
    const timer = setTimeout(() => answered(request, null), ANSWER_MS);
    const settle = (answer) => {
      clearTimeout(timer);
      resolve(answer);
    };
    reading = { request, settle };
    send({ read: { request, ...range } });
  });
}

// Now by the server's clock, in ms.
export function serverNow() {
  return Date.now() + serverOffsetMs;
}

function unsubscribe(group, handler) {
  const handlers = groups.get(group);
  if (!handlers?.delete(handler) || handlers.size) return;
  groups.delete(group);
  send({ unsubscribe: [group] });
}

function send(message) {
  if (isOpen()) socket.send(JSON.stringify(message));
}

function connect() {
  if (socket || retryTimer) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws/live/`);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", opened);
  socket.addEventListener("message", ({ data }) => (typeof data === "string" ? deliver(JSON.parse(data)) : arrived(data)));
  socket.addEventListener("close", closed);
}

function opened() {
  attempts = 0;
  clearTimeout(noticeTimer);
  noticeTimer = null;
  send({ subscribe: [...groups.keys()] });
  tell(stateHandlers, true);
  wasOpen = true;
  setTimeout(() => tell(openHandlers), SUBSCRIBED_MS);
}

function closed() {
  socket = null;
  answered(reading?.request, null);
  noticeTimer ??= setTimeout(() => tell(stateHandlers, false), AWAY_NOTICE_MS);
  retryTimer = setTimeout(() => {
    retryTimer = null;
    if (groups.size) connect();
  }, jitter(reconnectDelay(attempts++)));
}

function deliver(message) {
  if (message.kind === "hello") {
    serverOffsetMs = new Date(message.server_time).getTime() - Date.now() || 0;
    return;
  }
  if (message.kind === "error") return answered(message.request ?? reading?.request, null);
  for (const [group, handlers] of groups) {
    if (isFor(group, message)) tell(handlers, message);
  }
}

function arrived(buffer) {
  const answer = readAnswer(buffer);
  answered(answer.head.request, answer);
}

// One that comes too late is nobody's: its range was fetched otherwise.
function answered(request, answer) {
  if (!reading || reading.request !== request) return;
  const { settle } = reading;
  reading = null;
  settle(answer);
}

// A line of JSON, then bytes.
export function readAnswer(buffer) {
  const all = new Uint8Array(buffer);
  const end = all.indexOf(10);
  return { head: JSON.parse(new TextDecoder().decode(all.subarray(0, end))), bytes: all.subarray(end + 1) };
}

// The messages do not name their group: kind and id say whom they concern.
export function isFor(group, message) {
  if (group === "tasks") return message.kind === "task";
  if (group === "agents") return message.kind === "agent" || message.kind === "readings";
  if (group === "reservations") return message.kind === "reservation";
  return group === `task-${message.id}` && (message.kind === "output" || message.kind === "task");
}

function tell(handlers, ...details) {
  for (const handler of [...handlers]) handler(...details);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && wasOpen) tell(openHandlers);
});
// A page kept by the browser for Back must not hold a dead socket when it is shown again.
addEventListener("pageshow", (event) => event.persisted && !socket && connect());
