// htmx with our choices: no history of its own (pages that change their address do it themselves), CSRF on every call.
import htmx from "htmx.org";
import { csrfToken, isSignedOut, signInAgain } from "./api.js";
import { toast } from "./toast.js";

const PIECES_OF_ERRORS = [400, 409, 422];
const REFUSALS = { 403: "You may not do this.", 404: "This does not exist any more." };

htmx.config.history = false;
htmx.config.includeIndicatorCSS = false;

document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-CSRFToken"] = csrfToken();
});

// What a piece is not made for: a sign-in page, a server error, no answer at all.
document.addEventListener("htmx:before:response", (event) => {
  const { raw, status } = event.detail.ctx.response;
  if (!isSignedOut(raw) && (status < 400 || PIECES_OF_ERRORS.includes(status))) return;
  event.preventDefault();
  if (isSignedOut(raw)) signInAgain();
  else if (!isUnasked(event)) toast(REFUSALS[status] ?? `The server answered ${status}. Nothing was changed, try again.`, { error: true });
});
document.addEventListener("htmx:error", (event) => {
  if (!isUnasked(event)) toast("The server did not answer. Try again in a moment.", { error: true });
});

// A piece that draws itself again asks once more by itself; the banner tells of a server that is away.
function isUnasked(event) {
  return event.target.localName === "live-part";
}

export default htmx;
