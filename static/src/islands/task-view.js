// <task-view>: keeps the facts above the log as they are on the server, and tells the log of new attempts and of the end.
import { getFragment } from "../lib/api.js";
import { fill } from "../lib/fragments.js";
import { onOpen, subscribe } from "../lib/live.js";
import { throttle } from "../lib/throttle.js";

const EVERY_MS = 300;
const POLL_MS = 5000;

class TaskView extends HTMLElement {
  connectedCallback() {
    this.summary = this.querySelector("[data-summary]");
    this.refresh = throttle(() => this.#refresh(), EVERY_MS);
    this.stops = [
      subscribe(`task-${this.dataset.task}`, (message) => message.kind === "task" && this.refresh()),
      onOpen(this.refresh),
    ];
    this.poll = setInterval(() => document.hidden || this.#isFinal() || this.refresh(), POLL_MS);
  }

  disconnectedCallback() {
    clearInterval(this.poll);
    this.stops?.forEach((stop) => stop());
  }

  async #refresh() {
    try {
      const html = await getFragment(this.dataset.summaryUrl);
      if (!this.isConnected) return;
      fill(this.summary, html);
      const { status, attempts } = this.#facts();
      this.querySelector("log-view")?.taskChanged?.({ status, attempts: attempts.trim().split(" ").filter(Boolean) });
    } catch {
      // The next message, or the poll, asks again; the banner tells of a server that is away.
    }
  }

  #facts() {
    return this.summary.firstElementChild.dataset;
  }

  #isFinal() {
    return ["completed", "failed", "canceled"].includes(this.#facts().status);
  }
}

customElements.define("task-view", TaskView);
