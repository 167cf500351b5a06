// <task-drawer>: one task over the list. Its address is the task's own, so a reload or a link shows the same task; Back and
// Esc close it. It only fetches and shows the piece; what lives in it are <task-view> and <log-view>.
import { getFragment } from "../lib/api.js";
import { fill } from "../lib/fragments.js";
import { toast } from "../lib/toast.js";

class TaskDrawer extends HTMLElement {
  connectedCallback() {
    this.dialog = document.createElement("dialog");
    this.dialog.className = "drawer";
    this.dialog.setAttribute("aria-label", "Task");
    this.body = Object.assign(document.createElement("div"), { className: "drawer-body" });
    this.dialog.append(this.#closeButton(), this.body);
    this.append(this.dialog);
    this.clicks = (event) => this.#followLink(event);
    this.back = () => this.#followAddress();
    this.keys = (event) => event.detail.key === "Esc" && this.dialog.open && (event.preventDefault(), this.close());
    document.addEventListener("click", this.clicks);
    document.addEventListener("shortcut", this.keys);
    addEventListener("popstate", this.back);
    this.#openFromHash();
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.clicks);
    document.removeEventListener("shortcut", this.keys);
    removeEventListener("popstate", this.back);
  }

  async open(id, { push = true } = {}) {
    const url = `/tasks/${id}/`;
    try {
      const html = await getFragment(url);
      if (push && location.pathname !== url) this.#push(url);
      this.#mark(id);
      fill(this.body, html);
      this.body.scrollTop = 0;
      if (!this.dialog.open) this.dialog.show();
      this.body.querySelector("h1")?.focus({ preventScroll: true });
    } catch (error) {
      toast(error.status === 404 ? `There is no task ${id}.` : `Task ${id} could not be opened. ${error.message}`, { error: true });
    }
  }

  // Back in the history when the drawer made the entry, so that Back then does not open it again.
  close() {
    if (history.state?.drawer) history.back();
    else this.#hide();
  }

  #push(url) {
    if (history.state?.drawer) history.replaceState({ drawer: true }, "", url);
    else history.pushState({ drawer: true }, "", url);
  }

  #hide() {
    const row = document.querySelector("tr[data-opened]");
    this.dialog.close();
    this.body.replaceChildren();
    this.#mark(null);
    row?.querySelector("[data-open-task]")?.focus({ preventScroll: true });
  }

  #mark(id) {
    document.querySelectorAll("tr[data-opened]").forEach((row) => delete row.dataset.opened);
    const row = document.querySelector(`tr[data-task="${id}"]`);
    if (row) row.dataset.opened = "";
  }

  #followLink(event) {
    const link = event.target.closest?.("a[data-open-task]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    this.open(link.dataset.openTask);
  }

  #followAddress() {
    const id = location.pathname.match(/^\/tasks\/(\d+)\/$/)?.[1];
    if (id) this.open(id, { push: false });
    else if (this.dialog.open) this.#hide();
  }

  // /tasks/#task-41 is where a submission leads.
  #openFromHash() {
    const id = location.hash.match(/^#task-(\d+)$/)?.[1];
    if (!id) return;
    history.replaceState({}, "", location.pathname + location.search);
    this.open(id);
  }

  #closeButton() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button plain icon-only drawer-close";
    button.setAttribute("aria-label", "Close the task");
    button.append(Object.assign(document.createElement("span"), { className: "icon i-close" }));
    button.addEventListener("click", () => this.close());
    return button;
  }
}

customElements.define("task-drawer", TaskDrawer);
