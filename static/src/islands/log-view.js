// <log-view>: the live log of a task. Bytes come from lib/log-source.js, the screen is lib/terminal.js; here is the bar above
// it: attempts, ranks of a gang, streams, search, follow. A message of the socket says that there is more; without one it asks every 2 s.
import { afterNews, latest } from "../lib/attempts.js";
import { bytes as sizeText } from "../lib/format.js";
import { isOpen, onOpen, read, subscribe } from "../lib/live.js";
import { LogSource } from "../lib/log-source.js";
import { canShowEarlier, gapText } from "../lib/log-window.js";
import { LARGE_SCROLLBACK, LogTerminal, SCROLLBACK } from "../lib/terminal.js";
import { logBar } from "./log-bar.js";

const POLL_MS = 2000;
const SLOW_POLL_MS = 10000;
const FINAL = ["completed", "failed", "canceled"];

class LogView extends HTMLElement {
  connectedCallback() {
    if (this.terminal) return;
    this.attempts = this.dataset.attempts.trim().split(" ").filter(Boolean);
    this.status = this.dataset.status;
    this.chosen = { attemptNo: latest(this.attempts), stream: "out", rank: "0" };
    this.isFollowing = true;
    this.#build();
    this.stops = [
      subscribe(`task-${this.dataset.task}`, (message) => this.#hear(message)),
      onOpen(() => this.#ask()),
      this.#listen("shortcut", (event) => this.#shortcut(event)),
    ];
    this.#schedulePoll();
    this.#open();
  }

  disconnectedCallback() {
    clearTimeout(this.poll);
    this.stops?.forEach((stop) => stop());
    this.source?.close();
    this.terminal?.dispose();
    this.terminal = null;
  }

  // For tests: what the terminal holds.
  text() {
    return this.terminal?.text() ?? "";
  }

  // Told by <task-view>: the status, and attempts latest first.
  taskChanged({ status, attempts }) {
    const now = afterNews({ attempts: this.attempts, shown: this.chosen.attemptNo }, attempts);
    this.status = status;
    this.attempts = now.attempts;
    this.bar.showAttempts(now.attempts, this.chosen.attemptNo);
    if (now.shown !== this.chosen.attemptNo) this.choose({ attemptNo: now.shown });
    else this.#ask();
    this.#showState();
  }

  choose(choice) {
    this.chosen = { ...this.chosen, ...choice };
    this.bar.showAttempts(this.attempts, this.chosen.attemptNo);
    this.setFollowing(true);
    this.#open();
  }

  setFollowing(isFollowing) {
    this.isFollowing = isFollowing;
    this.bar.showFollowing(isFollowing);
    if (isFollowing) this.#stick();
    this.#showJump();
  }

  showEarlier() {
    this.scrollback = LARGE_SCROLLBACK;
    this.setFollowing(false);
    this.source.showEarlier();
  }

  #listen(name, handler) {
    document.addEventListener(name, handler);
    return () => document.removeEventListener(name, handler);
  }

  #build() {
    this.bar = logBar(this, { canSplit: "split" in this.dataset, ranks: Number(this.dataset.ranks ?? 1) });
    this.replaceChildren(this.bar.top, this.bar.notes, this.bar.screen, this.bar.jump);
    this.bar.showAttempts(this.attempts, this.chosen.attemptNo);
    this.terminal = new LogTerminal(this.bar.screen.firstElementChild, {
      onLeave: () => this.isFollowing && this.setFollowing(false),
      onReach: () => this.isFollowing || this.setFollowing(true),
      onFound: (found) => this.bar.showFound(found),
    });
  }

  #open() {
    this.source?.close();
    this.scrollback = SCROLLBACK;
    this.linesSeen = 0;
    this.terminal.reset();
    this.source = new LogSource(this.dataset.url, this.chosen, {
      onBytes: (bytes, isReset) => this.#show(bytes, isReset),
      onGap: (gap) => this.#show(new TextEncoder().encode(`\r\n\x1b[0;2m${gapText(gap)}\x1b[0m\r\n`), false),
      onChange: () => this.#showState(),
      onError: () => this.bar.showNote("error", "The log could not be read. It is asked for again in a moment."),
    }, (range) => this.#readLive(range));
    this.bar.showDownload(this.dataset.downloadUrl, this.dataset.url, this.chosen);
    delete this.dataset.ended;
    this.#ask();
    this.#showState();
  }

  #ask(size = 0) {
    if (this.attempts.length) this.source.nudge(size);
  }

  #readLive({ attemptNo, stream, rank, start }) {
    return read({ task: Number(this.dataset.task), attempt_no: Number(attemptNo), stream, rank: Number(rank), start });
  }

  #hear(message) {
    if (message.kind !== "output" || message.stream !== this.chosen.stream) return;
    if (String(message.rank ?? 0) !== this.chosen.rank) return;
    const attemptNo = String(message.attempt_no);
    if (!this.attempts.includes(attemptNo)) this.taskChanged({ status: this.status, attempts: [attemptNo, ...this.attempts] });
    else if (this.chosen.attemptNo === attemptNo) this.#ask(message.size);
  }

  async #show(bytes, isReset) {
    if (!this.terminal) return;
    if (isReset) this.terminal.reset(this.scrollback);
    await this.terminal.write(bytes);
    if (!this.terminal) return;
    if (this.isFollowing) this.terminal.toEnd();
    this.#showJump();
  }

  // Twice: the screen is drawn a frame later, and what was scrolled until then moves it once more.
  #stick() {
    this.terminal.toEnd();
    requestAnimationFrame(() => this.isFollowing && this.terminal?.toEnd());
  }

  #showJump() {
    if (this.isFollowing) this.linesSeen = this.terminal.lines;
    this.bar.showJump(this.isFollowing ? null : Math.max(0, this.terminal.lines - this.linesSeen));
  }

  #showState() {
    if (!this.terminal) return;
    const { window, state, isClosed, removal } = this.source;
    const isEnded = FINAL.includes(this.status);
    this.#showEarlierNote(window);
    this.bar.showSize(window.known);
    this.bar.showNote("error", "");
    this.bar.showNote("state", stateNote(state, isEnded, removal));
    this.bar.showEmpty(window.known || window.end || state === "pruned" ? "" : emptyText(isEnded, this.attempts.length));
    if (isEnded && (isClosed || !this.attempts.length)) this.dataset.ended = "";
  }

  #showEarlierNote(window) {
    const isDropped = this.terminal.isFull;
    const text = window.start > 0 ? `${sizeText(window.start)} earlier` : isDropped ? "Earlier lines are not shown" : "";
    this.bar.showEarlier(text, canShowEarlier(window) || (isDropped && this.scrollback < LARGE_SCROLLBACK));
  }

  #schedulePoll() {
    const wait = isOpen() ? SLOW_POLL_MS : POLL_MS;
    this.poll = setTimeout(() => {
      if (!document.hidden && !this.source.isClosed) this.#ask();
      this.#schedulePoll();
    }, wait);
  }

  #shortcut(event) {
    const answers = {
      f: () => this.setFollowing(!this.isFollowing),
      End: () => this.setFollowing(true),
      "/": () => this.bar.focusSearch(),
      d: () => this.bar.download(),
    };
    const answer = answers[event.detail.key];
    if (!answer) return;
    event.preventDefault();
    answer();
  }
}

function stateNote(state, isEnded, removal) {
  if (state === "incomplete") return "The host was lost before it sent all of its output.";
  if (state === "pruned") return `The output was ${removal || "removed from the server"}.`;
  if (state === "corrupt") return "What is stored differs from what the host had: parts may be wrong.";
  return isEnded && state === "draining" ? "The task has ended; the rest of its output is still arriving." : "";
}

function emptyText(isEnded, attempts) {
  if (isEnded) return attempts ? "The script wrote nothing." : "The task never started, so there is no output.";
  return attempts ? "No output yet." : "Output appears here as soon as the task runs.";
}

customElements.define("log-view", LogView);
