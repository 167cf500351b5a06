// The page's one modal dialog. A link with hx-get and hx-target="#dialog" fills and opens it; a reply with
// HX-Trigger: {"dialog-close": {}} closes it. Without this script the same link opens a page with the same form.
const dialog = document.getElementById("dialog");
let opener = null;

function close() {
  if (dialog.open) dialog.close();
}

function openAfterSwap(event) {
  if (event.detail.task?.target !== dialog && event.target !== dialog && event.detail.ctx?.target !== dialog) return;
  if (dialog.open || !dialog.firstElementChild) return;
  opener = document.activeElement;
  dialog.showModal();
  dialog.querySelector("[autofocus]")?.focus();
}

if (dialog) {
  document.addEventListener("htmx:after:swap", openAfterSwap);
  document.addEventListener("dialog-close", close);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) {
      event.preventDefault();
      close();
    }
  });
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    if (opener?.isConnected) opener.focus();
    opener = null;
  });
}
