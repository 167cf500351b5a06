// Entry of every page: htmx, the small behaviours of the frame, and the loader of islands.
// An island is a custom element around content that works without it; its module is fetched when its tag first appears.
import "./lib/htmx.js";
import "./lib/frame.js";
import "./lib/times.js";
import "./lib/dialogs.js";
import "./lib/shortcuts.js";
import { islands } from "./islands/index.js";

const requested = new Set();

function loadIslands() {
  for (const [tag, load] of Object.entries(islands)) {
    if (requested.has(tag) || !document.querySelector(`${tag}:not(details:not([open]) *)`)) continue;
    requested.add(tag);
    load();
  }
}

loadIslands();
new MutationObserver(loadIslands).observe(document.body, { childList: true, subtree: true });
document.addEventListener("toggle", loadIslands, true); // what is folded away is loaded when it is opened
