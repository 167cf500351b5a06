// The terminal that shows a log: xterm with search, links and our colours. Knows nothing of tasks or of the server.
// Bytes are decoded here: a character split over two pieces is joined, what is no UTF-8 shows as U+FFFD.
import { Terminal } from "@xterm/xterm";
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { WebLinksAddon } from "@xterm/addon-web-links";

export const SCROLLBACK = 20000;
export const LARGE_SCROLLBACK = 200000;
const LEAST_COLUMNS = 100; // a progress bar that wraps is not redrawn in place: narrow screens scroll sideways instead
const FOUND = {
  matchBackground: "#6b5300", matchOverviewRuler: "#e3b341", activeMatchBackground: "#e3b341",
  activeMatchColorOverviewRuler: "#ffffff",
};

const theme = {
  background: "#0d1117", foreground: "#d6dde5", cursor: "#0d1117", selectionBackground: "#2f5580",
  black: "#4b5563", red: "#ff8f85", green: "#4cc9a2", yellow: "#e3b341", blue: "#79b8ff", magenta: "#d2a8ff", cyan: "#56d4dd",
  white: "#d6dde5", brightBlack: "#9aa4af", brightRed: "#ffaba3", brightGreen: "#7ee2c1", brightYellow: "#f2cc60",
  brightBlue: "#a5d2ff", brightMagenta: "#e2c5ff", brightCyan: "#8ce6ec", brightWhite: "#ffffff",
};

export class LogTerminal {
  constructor(element, { onLeave, onReach, onFound }) {
    this.term = new Terminal({
      allowProposedApi: true, convertEol: true, disableStdin: true, cursorBlink: false, cursorInactiveStyle: "none",
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"), fontSize: 13, lineHeight: 1.25,
      scrollback: SCROLLBACK, theme, screenReaderMode: false, minimumContrastRatio: 4.5,
    });
    this.fit = new FitAddon();
    this.search = new SearchAddon({ highlightLimit: 2000 });
    for (const addon of [this.fit, this.search, new WebLinksAddon()]) this.term.loadAddon(addon);
    this.term.open(element);
    this.term.textarea?.setAttribute("aria-label", "Output of the task");
    this.#watchHands(element, { onLeave, onReach });
    this.search.onDidChangeResults(onFound);
    this.observer = new ResizeObserver(() => this.refit());
    this.observer.observe(element);
    this.decoder = new TextDecoder("utf-8");
    this.refit();
  }

  // Tells of scrolling by hand only: output and changes of size move the screen, too.
  #watchHands(element, { onLeave, onReach }) {
    let isDragging = false;
    const tell = () => (this.isAtEnd ? onReach() : onLeave());
    const move = (isUp) => (isUp ? this.term.buffer.active.baseY > 0 && onLeave() : requestAnimationFrame(() => this.isAtEnd && onReach()));
    const listen = (name, handler) => element.addEventListener(name, handler, { passive: true, capture: true });
    listen("wheel", (event) => event.deltaY && move(event.deltaY < 0));
    listen("keydown", (event) => ["PageUp", "ArrowUp", "Home"].includes(event.key) && move(true));
    listen("pointerdown", () => (isDragging = true));
    listen("pointerup", () => (isDragging = false));
    listen("touchmove", tell);
    this.term.onScroll(() => isDragging && tell());
  }

  // Resolves when the bytes are on the screen.
  write(bytes) {
    const text = this.decoder.decode(bytes, { stream: true });
    return new Promise((resolve) => this.term.write(text, resolve));
  }

  reset(scrollback = SCROLLBACK) {
    this.decoder = new TextDecoder("utf-8");
    this.term.reset();
    this.term.options.scrollback = scrollback;
    this.term.write("\x1b[?25l");
  }

  refit() {
    const fitting = this.term.element?.offsetParent && this.fit.proposeDimensions();
    if (!fitting?.rows) return;
    const wasAtEnd = this.isAtEnd;
    this.term.resize(Math.max(LEAST_COLUMNS, fitting.cols), fitting.rows);
    if (wasAtEnd) this.toEnd();
  }

  get isAtEnd() {
    const buffer = this.term.buffer.active;
    return buffer.viewportY >= buffer.baseY;
  }

  // Lines were dropped at the top, for want of room.
  get isFull() {
    return this.term.buffer.active.length >= this.term.options.scrollback + this.term.rows;
  }

  get lines() {
    return this.term.buffer.active.length;
  }

  toEnd() {
    this.term.scrollToBottom();
  }

  find(text, { back = false, incremental = false } = {}) {
    if (!text) return this.search.clearDecorations();
    const options = { decorations: FOUND, incremental };
    return back ? this.search.findPrevious(text, options) : this.search.findNext(text, options);
  }

  // What is on the screen and above it, for tests and for copying.
  text() {
    const buffer = this.term.buffer.active;
    const lines = [];
    for (let row = 0; row < buffer.length; row += 1) {
      const line = buffer.getLine(row);
      const text = line?.translateToString(true) ?? "";
      if (line?.isWrapped && lines.length) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join("\n").trimEnd();
  }

  dispose() {
    this.observer.disconnect();
    this.term.dispose();
  }
}
