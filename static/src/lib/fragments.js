// Puts server-rendered pieces of HTML into the page and lets htmx find its attributes in them.
import htmx from "./htmx.js";
import { tick } from "./times.js";

export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Fills `target` with `html`. Folds (details[data-fold]) that were opened or closed by hand stay so.
export function fill(target, html) {
  const folds = new Map([...target.querySelectorAll("details[data-fold]")].map((fold) => [fold.dataset.fold, fold.open]));
  target.replaceChildren(parse(html));
  for (const fold of target.querySelectorAll("details[data-fold]")) {
    if (folds.has(fold.dataset.fold)) fold.open = folds.get(fold.dataset.fold);
  }
  settle(target);
}

// Replaces `element` by the first element of `html`; the focus stays on the same link or button.
export function replace(element, fresh) {
  const hadFocus = element.contains(document.activeElement) ? document.activeElement.textContent : null;
  element.replaceWith(fresh);
  settle(fresh);
  if (hadFocus === null) return;
  const controls = [...fresh.querySelectorAll("a, button")];
  (controls.find((control) => control.textContent === hadFocus) ?? controls[0])?.focus();
}

function settle(root) {
  htmx.process(root);
  tick(root);
}
