// <agent-live> around the tree of hosts: figures are patched from GET /api/agents/ when the socket says that there are new
// ones; a host is drawn again by the server only when its shape changed (a sub agent came or went, its status changed).
import htmx from "../lib/htmx.js";
import { getFragment, getJson } from "../lib/api.js";
import { age, duration, gib } from "../lib/format.js";
import { onOpen, serverNow, subscribe } from "../lib/live.js";
import { throttle } from "../lib/throttle.js";
import { UNKNOWN, mibOf, number, percent, shape, share } from "../lib/agent-figures.js";

const EVERY_MS = 2000;
const FULL_FROM_PERCENT = 95;
const CAN_BE_FULL = ["memory", "gpu_memory"];

class AgentLive extends HTMLElement {
  connectedCallback() {
    this.refresh = throttle(() => this.#refresh(), EVERY_MS);
    this.ends = [subscribe("agents", this.refresh), subscribe("tasks", this.refresh), onOpen(this.refresh)];
    document.addEventListener("agents-changed", this.refresh);
  }

  disconnectedCallback() {
    this.ends?.forEach((end) => end());
    document.removeEventListener("agents-changed", this.refresh);
  }

  async #refresh() {
    if (document.hidden || this.isBusy) return;
    this.isBusy = true;
    try {
      const { results } = await getJson("/api/agents/");
      if (this.#isOutOfShape(results)) await this.#redraw();
      results.forEach((agent) => this.#patch(agent));
      this.dataset.refreshed = String(Number(this.dataset.refreshed ?? 0) + 1);
    } catch {
      // The figures stay as they are; the frame's banner tells of a server that is away, the next message asks again.
    } finally {
      this.isBusy = false;
    }
  }

  #isOutOfShape(agents) {
    const drawn = this.querySelectorAll("[data-agent]");
    return drawn.length !== agents.length || agents.some((agent) => this.#host(agent.id)?.dataset.shape !== shape(agent));
  }

  #host(id) {
    return this.querySelector(`[data-agent="${CSS.escape(id)}"]`);
  }

  async #redraw() {
    const text = await getFragment(location.pathname);
    const fresh = new DOMParser().parseFromString(text, "text/html").body;
    const focused = document.activeElement?.id;
    for (const host of fresh.querySelectorAll("[data-agent]")) {
      const drawn = this.#host(host.dataset.agent);
      if (drawn?.dataset.shape === host.dataset.shape) host.replaceWith(drawn);
    }
    this.replaceChildren(...fresh.childNodes);
    htmx.process(this);
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus();
  }

  #patch(agent) {
    const host = this.#host(agent.id);
    if (!host) return;
    patchMain(host.querySelector(".main-agent"), agent);
    for (const sub of agent.sub_agents) {
      const card = host.querySelector(`[data-sub-agent="${CSS.escape(sub.id)}"]`);
      if (card) patchSub(card, sub);
    }
  }
}

function patchMain(card, agent) {
  set(card, "cpu_cores", number(agent.cpu_cores));
  set(card, "cpu_cores_in_use", number(agent.cpu_cores_in_use));
  set(card, "available_cpu_cores", number(agent.available_cpu_cores));
  set(card, "cpu_usage", percent(agent.cpu_usage));
  set(card, "memory_usage", percent(agent.memory_usage));
  set(card, "memory", mibOf(agent.memory_used_mib, agent.memory_mib));
  set(card, "disk", gib(agent.disk_free_mib) || UNKNOWN);
  set(card, "load", agent.load_1m?.toFixed(2) ?? UNKNOWN);
  set(card, "running_time", duration(agent.running_time) || UNKNOWN);
  setHeard(card, agent.last_heartbeat_time);
  setBar(card, "cores", agent.cpu_cores_in_use, agent.cpu_cores);
  setBar(card, "cpu", agent.cpu_usage, 100);
  setBar(card, "memory", agent.memory_usage, 100);
  patchCards(card, agent.gpu_info);
}

function patchSub(card, sub) {
  set(card, "cpu_usage", percent(sub.cpu_usage));
  set(card, "memory_used_mib", gib(sub.memory_used_mib) || UNKNOWN);
  set(card, "process_count", sub.process_count ?? UNKNOWN);
  set(card, "running_time", duration(sub.running_time) || "not started");
  setHeard(card, sub.last_heartbeat_time);
  patchCards(card, sub.gpu_info);
}

function patchCards(root, cards) {
  for (const card of cards) {
    const box = root.querySelector(`[data-gpu="${CSS.escape(card.uuid)}"]`);
    if (!box) continue;
    set(box, "utilization", percent(card.utilization));
    set(box, "gpu_memory", mibOf(card.memory_used_mib, card.memory_mib));
    if (card.temperature_c !== undefined && card.temperature_c !== null) set(box, "temperature", `${Math.round(card.temperature_c)} °C`);
    setBar(box, "utilization", card.utilization, 100);
    setBar(box, "gpu_memory", card.memory_used_mib, card.memory_mib);
  }
}

function set(root, name, value) {
  const element = root.querySelector(`[data-f="${name}"]`);
  const text = String(value);
  if (element && element.textContent !== text) element.textContent = text;
}

function setHeard(root, moment) {
  const place = root.querySelector('[data-f="heard"]');
  if (!place || !moment) return;
  let time = place.querySelector("time");
  if (!time) {
    time = document.createElement("time");
    time.dataset.age = "";
    place.replaceChildren(time);
  }
  time.dateTime = moment;
  time.title = moment;
  const text = age(Math.max(0, (serverNow() - Date.parse(moment)) / 1000));
  if (time.textContent !== text) time.textContent = text;
}

function setBar(root, name, value, most) {
  const bar = root.querySelector(`[data-bar="${name}"]`);
  if (!bar) return;
  const part = share(value, most);
  bar.style.setProperty("--part", `${part ?? 0}%`);
  bar.setAttribute("aria-valuenow", String(part ?? 0));
  bar.classList.toggle("is-unknown", part === null);
  bar.classList.toggle("is-full", CAN_BE_FULL.includes(name) && part !== null && part >= FULL_FROM_PERCENT);
}

customElements.define("agent-live", AgentLive);
