// <live-part src="/overview/" groups="tasks agents">: a piece of a page that the server draws again when the socket says that
// something changed, at most every two seconds. The new piece is morphed in: focus and selection stay where they are.
import htmx from "../lib/htmx.js";
import { onOpen, subscribe } from "../lib/live.js";
import { throttle } from "../lib/throttle.js";

const EVERY_MS = 2000;

class LivePart extends HTMLElement {
  connectedCallback() {
    const refresh = throttle(() => document.hidden || this.#refresh(), EVERY_MS);
    const groups = this.getAttribute("groups").split(" ");
    this.ends = [...groups.map((group) => subscribe(group, refresh)), onOpen(refresh)];
  }

  disconnectedCallback() {
    this.ends?.forEach((end) => end());
  }

  async #refresh() {
    try {
      await htmx.ajax("GET", this.getAttribute("src"), { source: this, target: this, swap: "innerMorph" });
      this.dataset.refreshed = String(Number(this.dataset.refreshed ?? 0) + 1);
    } catch {
      // What is shown stays; the next message asks again.
    }
  }
}

customElements.define("live-part", LivePart);
