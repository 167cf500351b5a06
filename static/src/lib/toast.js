// Short notices at the lower right. Errors stay until closed; the others go after five seconds without a pointer on them.
const STAY_MS = 5000;
const MOST = 3;

export function toast(text, { error = false, href = "", linkText = "Open" } = {}) {
  const item = document.createElement("div");
  item.className = error ? "toast error" : "toast";
  item.setAttribute("role", error ? "alert" : "status");
  item.append(part("span", "grow", text));
  if (href) item.append(Object.assign(part("a", "", linkText), { href }));
  adopt(item);
  list().append(item);
  while (list().children.length > MOST) list().firstElementChild.remove();
}

// Gives an item its close button and its end. Used for the items that the server rendered, too.
export function adopt(item) {
  const close = part("button", "button plain compact icon-only", "");
  close.type = "button";
  close.setAttribute("aria-label", "Close this notice");
  close.append(part("span", "icon i-close", ""));
  close.addEventListener("click", () => item.remove());
  item.append(close);
  if (!item.classList.contains("error")) leaveLater(item);
}

function leaveLater(item) {
  let timer = setTimeout(() => item.remove(), STAY_MS);
  item.addEventListener("pointerenter", () => clearTimeout(timer));
  item.addEventListener("pointerleave", () => (timer = setTimeout(() => item.remove(), STAY_MS)));
}

function list() {
  return document.querySelector(".toasts");
}

function part(tag, className, text) {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}
