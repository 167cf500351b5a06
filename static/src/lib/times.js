// Keeps times alive: <time data-ago> (3 min ago), <time data-age> (12 s ago), <time data-since> (a running duration).
// The texts the server rendered stand until the first tick.
import { age, ago, duration } from "./format.js";
import { serverNow } from "./live.js";

const SHAPES = [
  ["time[data-ago]", ago],
  ["time[data-age]", age],
  ["time[data-since]", duration],
];

export function tick(root = document) {
  const now = serverNow();
  for (const [selector, shape] of SHAPES) {
    for (const element of root.querySelectorAll(selector)) {
      const seconds = (now - Date.parse(element.dateTime)) / 1000;
      const text = shape(selector.includes("since") ? Math.max(0, Math.floor(seconds)) : Math.max(0, seconds));
      if (element.textContent !== text) element.textContent = text;
    }
  }
}

setInterval(() => document.hidden || tick(), 1000);
