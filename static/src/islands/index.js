// Which module an island's tag loads. Add a line here for a new one; the module must define the element of that name.
export const islands = {
  "agent-live": () => import("./agent-live.js"),
  "code-editor": () => import("./code-editor.js"),
  "copy-text": () => import("./copy-text.js"),
  "live-part": () => import("./live-part.js"),
  "local-times": () => import("./local-times.js"),
  "log-view": () => import("./log-view.js"),
  "status-counts": () => import("./status-counts.js"),
  "task-drawer": () => import("./task-drawer.js"),
  "task-form": () => import("./task-form.js"),
  "task-list": () => import("./task-list.js"),
  "task-view": () => import("./task-view.js"),
};
