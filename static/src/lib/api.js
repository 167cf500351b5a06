// Calls to our own server with the session: JSON in, JSON out. Shows nothing.

export class ApiError extends Error {
  constructor(status, body) {
    super(sentence(status, body));
    this.status = status;
    this.body = body;
  }
}

export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

export async function getJson(url, options = {}) {
  return read(await fetch(url, { headers: { Accept: "application/json" }, ...options }));
}

export async function postJson(url, body = {}) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  return read(await fetch(url, { method: "POST", headers, body: JSON.stringify(body) }));
}

// A server-rendered piece of a page, as text.
export async function getFragment(url, signal) {
  const response = await fetch(url, { headers: { "HX-Request": "true" }, signal });
  if (isSignedOut(response)) {
    signInAgain();
    throw new ApiError(401, { detail: "You were signed out." });
  }
  const text = await response.text();
  if (!response.ok) throw new ApiError(response.status, null);
  return text;
}

// A session that ended answers every page with a redirect to the sign-in page.
export function isSignedOut(response) {
  return response.redirected && new URL(response.url).pathname === "/login/";
}

export function signInAgain() {
  location.assign(`/login/?next=${encodeURIComponent(location.pathname + location.search)}`);
}

async function read(response) {
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  const body = isJson ? await response.json() : null;
  if (!response.ok) throw new ApiError(response.status, body);
  return body;
}

function sentence(status, body) {
  if (typeof body?.detail === "string") return body.detail;
  const first = body && Object.entries(body)[0];
  if (first) return `${first[0]}: ${[].concat(first[1])[0]}`;
  return status === 403 ? "You are signed out or may not do this." : `The server answered ${status}.`;
}
