// <status-counts src="/tasks/counts/">: the numbers on the status chips follow the tasks while the list is open. The filters of
// the form around it count, the chips themselves do not: switching one must not change the numbers.
import { getJson } from "../lib/api.js";
import { onOpen, subscribe } from "../lib/live.js";
import { throttle } from "../lib/throttle.js";

const EVERY_MS = 1500;

class StatusCounts extends HTMLElement {
  connectedCallback() {
    const refresh = throttle(() => document.hidden || this.#refresh(), EVERY_MS);
    this.ends = [subscribe("tasks", refresh), onOpen(refresh)];
  }

  disconnectedCallback() {
    this.ends?.forEach((end) => end());
  }

  async #refresh() {
    const query = new URLSearchParams(new FormData(this.closest("form")));
    try {
      const counts = await getJson(`${this.getAttribute("src")}?${query}`);
      for (const [status, count] of Object.entries(counts)) {
        const number = this.querySelector(`[data-chip-count="${status}"]`);
        if (number) number.textContent = count;
      }
    } catch {
      // The next message asks again; the banner tells of a server that is away.
    }
  }
}

customElements.define("status-counts", StatusCounts);
