// Answers the shortcuts that hold on every page and hands the others to the page as a "shortcut" event.
import { PLACES, TABLE, isMuted, keyName } from "./keys.js";

const SEQUENCE_MS = 1200;
let goUntil = 0;

function answer(event) {
  if (isMuted(event)) return;
  const key = keyName(event);
  if (performance.now() < goUntil && PLACES[key]) return location.assign(PLACES[key]);
  goUntil = key === "g" ? performance.now() + SEQUENCE_MS : 0;
  if (runGlobal(key) || offer(key, event.target)) event.preventDefault();
}

function runGlobal(key) {
  if (key === "?") return showTable();
  if (key === "n" && !document.querySelector("log-view")) return follow("[data-key-new]");
  if (key === "Shift+D") return press("[data-theme-switch]");
  return false;
}

function offer(key, target) {
  const event = new CustomEvent("shortcut", { detail: { key, target }, cancelable: true });
  if (!document.dispatchEvent(event)) return true;
  return key === "/" && focus("[data-key-search]");
}

function follow(selector) {
  const link = document.querySelector(selector);
  if (link) location.assign(link.href);
  return Boolean(link);
}

function press(selector) {
  document.querySelector(selector)?.click();
  return true;
}

function focus(selector) {
  const field = document.querySelector(selector);
  field?.focus();
  return Boolean(field);
}

function showTable() {
  const dialog = document.getElementById("dialog");
  if (!dialog || dialog.open) return false;
  const rows = TABLE.map(({ keys, does }) => {
    const row = document.createElement("tr");
    const cell = document.createElement("td");
    keys.split(" ").forEach((key) => cell.append(Object.assign(document.createElement("kbd"), { textContent: key }), " "));
    row.append(cell, Object.assign(document.createElement("td"), { textContent: does }));
    return row;
  });
  const table = Object.assign(document.createElement("table"), { className: "table shortcuts" });
  table.append(Object.assign(document.createElement("tbody"), {}));
  table.tBodies[0].append(...rows);
  const close = Object.assign(document.createElement("button"), { className: "button", textContent: "Close", type: "button" });
  close.dataset.close = "";
  const actions = Object.assign(document.createElement("div"), { className: "actions" });
  actions.append(close);
  dialog.replaceChildren(Object.assign(document.createElement("h2"), { textContent: "Shortcuts" }), table, actions);
  dialog.showModal();
  return true;
}

document.addEventListener("keydown", answer);
