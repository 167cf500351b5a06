// How long to wait before the next try. Pure.
const STEPS_MS = [500, 1000, 2000, 5000, 10000];

export function reconnectDelay(attempts) {
  return STEPS_MS[Math.min(attempts, STEPS_MS.length - 1)];
}

// Half to one and a half times `delay`, so that many pages do not come back at the same moment.
export function jitter(delay, random = Math.random()) {
  return Math.round(delay * (0.5 + random));
}
