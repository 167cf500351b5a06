// Figures of hosts as the agents page shows them, and the shape that says when the server must draw a host again. Pure;
// the server says the same words (tasks/templatetags/agent_gauges.py) and computes the same shape (tasks/pages/agents.py).
export const UNKNOWN = "—";

export function number(value) {
  return value === null || value === undefined ? UNKNOWN : String(Math.round(value * 100) / 100);
}

export function percent(value) {
  return value === null || value === undefined ? UNKNOWN : `${Math.round(value)} %`;
}

export function mibOf(used, total) {
  if (isUnknown(used) && isUnknown(total)) return UNKNOWN;
  return `${short(used)} / ${short(total)} GiB`;
}

// Whole percent of `most` between 0 and 100; null when either is unknown.
export function share(value, most) {
  if (isUnknown(value) || !most) return null;
  return Math.round(Math.max(0, Math.min(100, (value * 100) / most)));
}

export function shape(agent) {
  const cards = agent.gpu_info.map((card) => `${card.uuid}=${card.task_ids.join(",")}${card.is_used_outside ? "=outside" : ""}`);
  const subs = agent.sub_agents.map((sub) => `${sub.id}=${sub.state}=${sub.status}`);
  const words = [agent.name, agent.status, agent.connectivity, agent.standing, agent.gpu_state];
  const counted = agent.resources.map((row) => `${row.name}=${row.available}/${row.total}`);
  const placed = [String(agent.weight), agent.pools.join(","), agent.labels.join(","), counted.join(",")];
  const reserved = agent.reservations.map((row) => `${row.id}=${row.until.slice(0, 19)}`);
  return [...words, ...placed, ...cards, ...subs, ...reserved].join("|");
}

function short(mib) {
  return isUnknown(mib) ? UNKNOWN : (mib / 1024).toFixed(1).replace(/\.0$/, "");
}

function isUnknown(value) {
  return value === null || value === undefined;
}
