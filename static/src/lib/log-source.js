// Fetches one log by byte ranges: one request at a time, however many nudges come. Shows nothing: hands bytes to `onBytes`,
// which may return a promise; the next request waits for it, so a slow screen never piles up memory. A little that is lacking
// is asked for by `readLive`, on the socket; the rest, and whatever the socket does not give, by HTTP.
import { ApiError } from "./api.js";
import { earlierWindow, emptyWindow, nextStart, readContentRange, readGaps, take } from "./log-window.js";

const LIVE_BYTES = 256 * 1024; // what one answer on the socket has room for
const CLOSED_STATES = ["complete", "corrupt", "incomplete", "pruned"];

// Which output is meant; the latest attempt without a number, the leader without a rank.
export function logQuery({ attemptNo = null, stream = "out", rank = "0" }) {
  return new URLSearchParams({ ...(attemptNo && { attempt_no: attemptNo }), stream, ...(rank !== "0" && { rank }) });
}

export class LogSource {
  // `url` without a query; handlers: onBytes(bytes, isReset), onGap(gap) before what follows one, onChange(), onError(error).
  // readLive({attemptNo, stream, rank, start}) promises {head, bytes}, or null.
  constructor(url, chosen, handlers, readLive = async () => null) {
    this.url = `${url}?${logQuery(chosen)}`;
    this.handlers = handlers;
    this.readLive = (start) => readLive({ ...chosen, start });
    this.window = emptyWindow();
    this.state = "";
    this.removal = "";
    this.isBusy = false;
    this.isStale = false;
    this.generation = 0;
    this.abort = new AbortController();
  }

  // Nothing more will come.
  get isClosed() {
    return CLOSED_STATES.includes(this.state) && this.window.end >= this.window.known;
  }

  // There may be more: `size` bytes in all, when the one who calls knows.
  nudge(size = 0) {
    this.window = { ...this.window, known: Math.max(this.window.known, size) };
    this.isStale = true;
    if (!this.isBusy) this.#drain();
  }

  // Shows again, from further back.
  showEarlier() {
    this.generation += 1;
    this.window = earlierWindow(this.window);
    this.nudge();
  }

  close() {
    this.abort.abort();
  }

  async #drain() {
    this.isBusy = true;
    try {
      while (this.isStale) {
        this.isStale = false;
        if (this.window.known <= this.window.end) await this.#ask();
        if (this.window.known > this.window.end) await this.#fetch();
        this.isStale ||= this.window.known > this.window.end;
        this.handlers.onChange();
      }
    } catch (error) {
      if (error.name !== "AbortError") this.handlers.onError(error);
    } finally {
      this.isBusy = false;
    }
  }

  // How much there is. HEAD, because asking for bytes that are not there yet is an error in every browser's console.
  async #ask() {
    const response = await this.#request({ method: "HEAD" });
    if (response.status === 410) return undefined;
    const size = Number(response.headers.get("X-Log-Size") ?? response.headers.get("Content-Length") ?? 0);
    if (size < this.window.end) await this.#startOver(size);
    else this.window = { ...this.window, known: size };
    return undefined;
  }

  // The server has less than was shown: the host sent its output again, from the start.
  async #startOver(size) {
    this.window = emptyWindow(size);
    await this.handlers.onBytes(new Uint8Array(), true);
  }

  async #fetch() {
    const { generation } = this;
    const start = nextStart(this.window);
    const part = (await this.#fetchLive(start)) ?? (await this.#fetchByHttp(start));
    if (part.status === 410) return this.#forget();
    await this.#passGaps(part.gaps);
    if (part.status === 416) return this.#ask();
    if (generation !== this.generation) return undefined; // earlier output was asked for meanwhile
    if (!part.bytes.length) return undefined; // nothing but gaps is left
    const taken = take({ ...this.window, known: Math.max(this.window.known, part.size) }, part.start, part.bytes);
    this.window = taken.window;
    return this.handlers.onBytes(taken.bytes, taken.isReset);
  }

  async #fetchLive(start) {
    if (this.window.known - start > LIVE_BYTES) return null;
    const answer = await this.readLive(start);
    this.abort.signal.throwIfAborted();
    if (!answer) return null;
    const { state, size, gaps, start: first } = answer.head;
    this.state = state;
    return { status: 206, start: first, size, gaps: gaps.map(([from, stop, reason]) => ({ start: from, stop, reason })), bytes: answer.bytes };
  }

  async #fetchByHttp(start) {
    const response = await this.#request({ headers: { Range: `bytes=${start}-` } });
    const gaps = readGaps(response.headers.get("X-Log-Gaps"));
    if (![200, 206].includes(response.status)) return { status: response.status, gaps };
    const range = readContentRange(response.headers.get("Content-Range")) ?? { start: 0, size: 0 };
    return { status: response.status, gaps, ...range, bytes: new Uint8Array(await response.arrayBuffer()) };
  }

  // What was dropped right behind what is shown: the window goes on behind it.
  async #passGaps(gaps) {
    for (const gap of gaps) {
      const isNext = gap.start <= this.window.end && this.window.end < gap.stop;
      if (!isNext) continue;
      this.window = { ...this.window, end: gap.stop };
      if (this.window.isJoined) await this.handlers.onGap(gap);
    }
  }

  // The server removed the output: there is nothing more to ask for.
  #forget() {
    this.window = { ...this.window, known: this.window.end };
  }

  async #request(options) {
    const response = await fetch(this.url, { ...options, signal: this.abort.signal, cache: "no-store" });
    if (![200, 206, 410, 416].includes(response.status)) throw new ApiError(response.status, null);
    this.state = response.headers.get("X-Log-State") ?? this.state;
    this.removal = response.headers.get("X-Log-Removal") ?? "";
    return response;
  }
}
