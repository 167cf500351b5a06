// The shortcuts, once: what `?` shows and what the pages answer. Pure.
export const TABLE = [
  { keys: "?", does: "Show this list" },
  { keys: "/", does: "Search or filter" },
  { keys: "n", does: "New task" },
  { keys: "g t", does: "Go to tasks" },
  { keys: "g a", does: "Go to agents" },
  { keys: "g p", does: "Go to placement" },
  { keys: "g s", does: "Go to script templates" },
  { keys: "g o", does: "Go to the overview" },
  { keys: "Shift+D", does: "Switch the theme" },
  { keys: "j", does: "Task list: next row" },
  { keys: "k", does: "Task list: previous row" },
  { keys: "Enter", does: "Task list: open the row" },
  { keys: "c", does: "Task list: cancel the row (asks first)" },
  { keys: "f", does: "Log: follow on or off" },
  { keys: "End", does: "Log: jump to the end" },
  { keys: "Esc", does: "Close what is on top" },
  { keys: "Ctrl+Enter", does: "New task: submit" },
];

export const PLACES = { t: "/tasks/", a: "/agents/", p: "/placement/", s: "/templates/", o: "/overview/" };

// The word of the table for a keydown event.
export function keyName(event) {
  if (event.key.length === 1) return event.shiftKey && /[A-Z]/.test(event.key) ? `Shift+${event.key}` : event.key;
  return event.key === "Escape" ? "Esc" : event.key;
}

// Shortcuts are silent while someone types, composes characters, or holds Ctrl, Alt or Meta.
export function isMuted(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return true;
  return Boolean(event.target.closest?.('input:not([type="checkbox"], [type="radio"]), textarea, select, [contenteditable], dialog.modal[open]'));
}
