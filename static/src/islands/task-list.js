// <task-list>: filters without a reload, rows that change in place, a button for new tasks, keys. The drawer is its own island.
import { getFragment } from "../lib/api.js";
import { fill, parse, replace } from "../lib/fragments.js";
import { plural } from "../lib/format.js";
import { isOpen, onOpen, subscribe } from "../lib/live.js";
import { throttle } from "../lib/throttle.js";

const ROWS_EVERY_MS = 400;
const POLL_MS = 10000;
const TYPING_MS = 300;

class TaskList extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form.filters");
    this.table = this.querySelector("#task-table");
    this.button = this.querySelector("[data-new-tasks]");
    this.changed = new Set();
    this.unseen = new Set();
    this.flush = throttle(() => this.#refreshChanged(), ROWS_EVERY_MS);
    this.stops = [
      subscribe("tasks", (message) => this.#note(message)),
      onOpen(() => this.#refreshAll()),
      this.#listen(document, "shortcut", (event) => this.#shortcut(event)),
      this.#listen(document, "task-changed", (event) => this.#change(event.detail.id)),
      this.#listen(window, "popstate", () => this.#restore()),
    ];
    this.poll = setInterval(() => isOpen() || document.hidden || this.#refreshAll(), POLL_MS);
    this.#followForm();
    this.addEventListener("click", (event) => this.#followLink(event));
    this.button.addEventListener("click", () => this.#showNew());
    this.listUrl = this.dataset.url; // not the address: the drawer may have changed it already
    this.dataset.ready = "";
  }

  disconnectedCallback() {
    clearInterval(this.poll);
    this.stops.forEach((stop) => stop());
  }

  #listen(target, name, handler) {
    target.addEventListener(name, handler);
    return () => target.removeEventListener(name, handler);
  }

  // Filters and pages

  #followForm() {
    let timer = null;
    const later = (wait) => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#load(this.#formUrl(), true), wait);
    };
    this.form.addEventListener("input", (event) => later(event.target.type === "search" ? TYPING_MS : 0));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      later(0);
    });
  }

  #formUrl() {
    const query = new URLSearchParams([...new FormData(this.form)].filter(([, value]) => value));
    return `${this.form.action.split("?")[0]}${query.size ? `?${query}` : ""}`;
  }

  #followLink(event) {
    const link = event.target.closest(".pager a, a[data-list-link]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#load(link.href, true);
    if (link.closest(".pager")) this.scrollIntoView({ block: "start" });
  }

  #restore() {
    if (location.pathname !== new URL(this.listUrl, location).pathname) return;
    const url = location.pathname + location.search;
    if (url !== this.listUrl) this.#load(url, false);
  }

  async #load(url, isNew) {
    this.request?.abort();
    this.request = new AbortController();
    try {
      const html = await getFragment(url, this.request.signal);
      fill(this.table, html);
      if (isNew) history.pushState({}, "", url);
      this.listUrl = new URL(url, location).pathname + new URL(url, location).search;
      this.unseen.clear();
      this.#showUnseen();
      this.#showError("");
      this.#readForm();
    } catch (error) {
      if (error.name !== "AbortError") this.#showError(`Could not refresh the list. ${error.message}`);
    }
  }

  // The form and the counts on its chips follow the address.
  #readForm() {
    const query = new URL(this.listUrl, location).searchParams;
    const statuses = query.getAll("status").flatMap((value) => value.split(","));
    for (const field of this.form.elements) {
      if (field.type === "checkbox") field.checked = statuses.includes(field.value);
      else if (field.name && field !== document.activeElement) field.value = query.get(field.name) ?? "";
    }
    const counts = new URLSearchParams((this.#facts().counts ?? "").trim().replaceAll(" ", "&"));
    for (const [status, count] of counts) {
      const chip = this.form.querySelector(`[data-chip-count="${status}"]`);
      if (chip) chip.textContent = count;
    }
  }

  #facts() {
    return this.table.firstElementChild?.dataset ?? {};
  }

  #showError(text) {
    const note = this.querySelector("[data-refresh-error]");
    note.hidden = !text;
    note.textContent = text;
  }

  // Rows that change

  #note(message) {
    if (this.querySelector(`tr[data-task="${message.id}"]`)) return this.#change(message.id);
    if (message.id <= Number(this.#facts().newest ?? 0)) return;
    this.unseen.add(message.id);
    this.#showUnseen();
  }

  #change(id) {
    this.changed.add(id);
    this.flush();
  }

  #refreshAll() {
    this.querySelectorAll("tr[data-task]").forEach((row) => this.changed.add(Number(row.dataset.task)));
    this.flush();
  }

  async #refreshChanged() {
    const ids = [...this.changed];
    this.changed.clear();
    if (!ids.length) return;
    try {
      const rows = parse(await getFragment(`${this.dataset.rowsUrl}?ids=${ids.join(",")}`));
      for (const fresh of [...rows.querySelectorAll("tr")]) this.#swapRow(fresh);
      this.#showError("");
    } catch (error) {
      this.#showError(`Could not refresh the list. ${error.message}`);
    }
  }

  #swapRow(fresh) {
    const row = this.querySelector(`tr[data-task="${fresh.dataset.task}"]`);
    if (!row) return;
    for (const name of ["opened", "current"]) if (name in row.dataset) fresh.dataset[name] = "";
    replace(row, fresh);
  }

  // New tasks do not push the rows under the pointer away: a button says how many there are.

  #showUnseen() {
    const isFirstUse = !this.querySelector("table");
    if (isFirstUse && this.unseen.size) return this.#showNew();
    this.button.hidden = this.unseen.size === 0;
    this.button.textContent = plural(this.unseen.size, "new task");
  }

  #showNew() {
    const url = new URL(this.listUrl, location);
    url.searchParams.delete("page");
    this.#load(url.pathname + url.search, url.pathname + url.search !== this.listUrl);
  }

  // Keys

  #shortcut(event) {
    const { key } = event.detail;
    const moves = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };
    if (document.querySelector("task-drawer dialog[open]") && key.startsWith("Arrow")) return;
    if (moves[key]) this.#move(moves[key]);
    else if (key === "c") this.#current()?.querySelector("[data-cancel]")?.click();
    else if (key === "Enter" && !event.detail.target.closest("a, button, summary")) {
      this.#current()?.querySelector("[data-open-task]")?.click();
    } else return;
    event.preventDefault();
  }

  #current() {
    return this.querySelector("tr[data-current]");
  }

  #move(step) {
    const rows = [...this.querySelectorAll("tr[data-task]")];
    const now = this.#current();
    const next = rows[now ? rows.indexOf(now) + step : 0];
    if (!next) return;
    if (now) delete now.dataset.current;
    next.dataset.current = "";
    next.querySelector("[data-open-task]").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
}

customElements.define("task-list", TaskList);
