// Which module an island's tag loads. Add a line here for a new one; the module must define the element of that name.
export const islands = {
  "code-editor": () => import("./code-editor.js"),
};
