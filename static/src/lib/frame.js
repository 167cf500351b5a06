// Behaviour of the frame: menu of narrow screens, toasts, counts in the sidebar, the notice when the socket is away.
import { getJson } from "./api.js";
import { onOpen, onState, subscribe } from "./live.js";
import { adopt, toast } from "./toast.js";
import { throttle } from "./throttle.js";

const COUNTS_EVERY_MS = 1500;

function toggleMenu(event) {
  const button = event.target.closest?.("[data-menu]");
  if (!button) return;
  const isOpen = document.querySelector(".sidebar").toggleAttribute("data-open");
  button.setAttribute("aria-expanded", String(isOpen));
}

function showCount(name, count) {
  const badge = document.querySelector(`[data-count="${name}"]`);
  if (!badge) return;
  badge.hidden = !count;
  badge.querySelector("[data-number]").textContent = count;
}

const refreshCounts = throttle(async () => {
  try {
    const counts = await getJson("/api/overview/");
    showCount("running", counts.tasks.running ?? 0);
    showCount("offline", counts.agents.offline ?? 0);
  } catch {
    // The next message asks again; the banner tells of a server that is away.
  }
}, COUNTS_EVERY_MS);

function followCounts() {
  if (!document.querySelector("[data-count]")) return;
  subscribe("tasks", refreshCounts);
  subscribe("agents", (message) => message.kind === "agent" && refreshCounts());
  onOpen(refreshCounts);
}

function showAway(isOpen) {
  const banner = document.querySelector("[data-away]");
  if (banner) banner.hidden = isOpen;
}

document.addEventListener("click", toggleMenu);
// HX-Trigger: {"toast": {"text": "...", "error": false, "href": "", "linkText": ""}} from any reply.
document.addEventListener("toast", (event) => toast(event.detail.text, event.detail));
document.querySelectorAll(".toasts > .toast").forEach(adopt);
onState(showAway);
followCounts();
