// Which bytes of a log to ask for next, and which of the answer to show. Pure: no network, no terminal.
//
// A log is shown from `start` on; `end` is how far it was shown, `known` how much there is as far as heard. `isWhole`: its
// reader asked for earlier output, so nothing is left out any more.

export const TAIL_BYTES = 2 * 1024 * 1024;
export const SKIP_BYTES = 8 * 1024 * 1024;
const MOST_EARLIER_BYTES = 64 * 1024 * 1024;

export function emptyWindow(known = 0) {
  return { start: 0, end: 0, known, isJoined: false, isWhole: false };
}

// A window that begins further back: four times as much as was shown, within bounds.
export function earlierWindow(window) {
  const shown = Math.max(TAIL_BYTES, window.end - window.start);
  const start = Math.max(0, window.end - Math.min(MOST_EARLIER_BYTES, shown * 4));
  return { start, end: start, known: window.known, isJoined: false, isWhole: true };
}

export function canShowEarlier(window) {
  return window.start > 0 && window.end - window.start < MOST_EARLIER_BYTES / 2;
}

// The first byte to ask for: what follows what was shown, or the last 2 MB for a new reader and for one that fell far behind.
export function nextStart(window) {
  if (window.isWhole) return window.end;
  const isBehind = window.isJoined ? window.known - window.end > SKIP_BYTES : true;
  return isBehind ? Math.max(window.isJoined ? window.end : 0, window.known - TAIL_BYTES) : window.end;
}

// {start, stop, size} of a Content-Range header, null without one.
export function readContentRange(header) {
  const sent = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? "");
  return sent ? { start: Number(sent[1]), stop: Number(sent[2]) + 1, size: Number(sent[3]) } : null;
}

// [{start, stop, reason}] of an X-Log-Gaps header.
export function readGaps(header) {
  return [...(header ?? "").matchAll(/(\d+)-(\d+);([a-z_]+)/g)].map(([, start, stop, reason]) => ({
    start: Number(start),
    stop: Number(stop),
    reason,
  }));
}

const WHY = {
  cap: "over the server's limit for output",
  spool_full: "over the host's limit for output",
  spool_lost: "lost on the host",
};

// What is shown in place of bytes that are not kept.
export function gapText({ start, stop, reason }) {
  return `[… ${(stop - start).toLocaleString("en")} bytes dropped: ${WHY[reason] ?? reason} …]`;
}

// What `bytes`, which begin at `from`, do to the window: {window, bytes, isReset}. `isReset`: what was on the screen before
// does not join up with them.
export function take(window, from, bytes) {
  const isJoined = window.isJoined && from === window.end;
  const cut = isJoined || from === 0 ? 0 : firstLine(bytes);
  const end = from + bytes.length;
  return {
    window: { ...window, start: isJoined ? window.start : from + cut, end, known: Math.max(window.known, end), isJoined: true },
    bytes: cut ? bytes.subarray(cut) : bytes,
    isReset: !isJoined,
  };
}

// After the first newline: half a line, half a character or half an escape sequence is never shown.
function firstLine(bytes) {
  const newline = bytes.indexOf(10);
  return newline < 0 || newline === bytes.length - 1 ? 0 : newline + 1;
}
