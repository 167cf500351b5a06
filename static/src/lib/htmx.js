// htmx with our choices: no history of its own (pages that change their address do it themselves), CSRF on every call.
import htmx from "htmx.org";
import { csrfToken } from "./api.js";

htmx.config.history = false;
htmx.config.includeIndicatorCSS = false;

document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-CSRFToken"] = csrfToken();
});

export default htmx;
