// What is around the terminal of a log: search, attempt, rank, stream, follow, download, notes. Builds and updates elements only;
// what the controls do is <log-view>'s.
import { bytes as sizeText, plural } from "../lib/format.js";
import { logQuery } from "../lib/log-source.js";

export function logBar(view, { canSplit, ranks }) {
  const search = searchBox(view);
  const attempt = make("select", { ariaLabel: "Attempt", hidden: true });
  const rank = rankChoice(view, ranks);
  const stream = streamChoice(view, canSplit);
  const follow = make("input", { type: "checkbox", checked: true });
  const raw = make("a", { className: "button compact", textContent: "Raw", target: "_blank", rel: "noopener" });
  const download = make("a", { className: "button compact" }, icon("download"), "Download");
  const size = make("span", { className: "muted small" });
  const earlier = make("button", { type: "button", className: "button compact", textContent: "Load earlier" });
  const earlierText = make("span", {});
  const earlierNote = make("div", { className: "log-note", hidden: true }, earlierText, earlier);
  const empty = make("p", { className: "log-empty muted", hidden: true });
  const jump = make("button", { type: "button", className: "button compact log-jump", hidden: true });
  const notes = make("div", { className: "log-notes" }, earlierNote);

  attempt.addEventListener("change", () => view.choose({ attemptNo: attempt.value }));
  follow.addEventListener("change", () => view.setFollowing(follow.checked));
  earlier.addEventListener("click", () => view.showEarlier());
  jump.addEventListener("click", () => view.setFollowing(true));

  return {
    top: make("div", { className: "log-bar" }, search.box, make("span", { className: "grow" }), attempt, rank, stream, size,
      make("label", { className: "check small" }, follow, "Follow"), raw, download),
    notes,
    screen: make("div", { className: "log-screen" }, make("div", { className: "log-terminal" }), empty),
    jump,
    focusSearch: () => search.input.focus(),
    download: () => download.click(),
    showFound: search.showFound,
    showFollowing: (isOn) => (follow.checked = isOn),
    showSize: (known) => (size.textContent = known ? sizeText(known) : ""),
    showJump(lines) {
      jump.hidden = lines === null;
      jump.replaceChildren(icon("end"), lines ? `Jump to the end (${plural(lines, "new line")})` : "Jump to the end");
    },
    showEarlier(text, canLoad) {
      earlierNote.hidden = !text;
      earlierText.textContent = canLoad ? text : `${text}: download the log for all of it.`;
      earlier.hidden = !canLoad;
    },
    showEmpty(text) {
      empty.hidden = !text;
      empty.textContent = text;
    },
    showNote(kind, text) {
      let note = notes.querySelector(`[data-note="${kind}"]`);
      if (!text) return note?.remove();
      note ??= notes.appendChild(make("div", { className: "log-note warning" }));
      note.dataset.note = kind;
      note.textContent = text;
    },
    showAttempts(attempts, chosen) {
      attempt.hidden = attempts.length < 2;
      attempt.replaceChildren(...attempts.map((no) => new Option(`Attempt ${no}`, no, false, no === chosen)));
    },
    showDownload(downloadUrl, rawUrl, chosen) {
      const query = logQuery(chosen);
      download.href = `${downloadUrl}?${query}`;
      raw.href = `${rawUrl}?${query}`;
    },
  };
}

function searchBox(view) {
  const input = make("input", { type: "search", placeholder: "Search the log", ariaLabel: "Search the log" });
  const counter = make("span", { className: "muted small tabular", role: "status" });
  const find = (options) => view.terminal.find(input.value, options);
  const step = (name, label, back) => {
    const button = make("button", { type: "button", className: "button plain compact icon-only", ariaLabel: label, title: label }, icon(name));
    button.addEventListener("click", () => find({ back }));
    return button;
  };
  input.addEventListener("input", () => {
    if (!input.value) counter.textContent = "";
    find({ incremental: true });
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") find({ back: event.shiftKey });
    if (event.key === "Escape") input.blur();
  });
  const showFound = ({ resultIndex, resultCount }) => {
    if (!input.value) counter.textContent = "";
    else counter.textContent = resultCount ? `${resultIndex + 1} of ${resultCount}` : "not found";
  };
  const box = make("span", { className: "log-search" }, input, step("up", "Previous match", true), step("down", "Next match", false), counter);
  return { box, input, showFound };
}

function streamChoice(view, canSplit) {
  const select = make("select", { ariaLabel: "Stream", hidden: !canSplit }, new Option("stdout", "out"), new Option("stderr", "err"));
  select.addEventListener("change", () => view.choose({ stream: select.value }));
  return select;
}

// One for each host of a gang.
function rankChoice(view, ranks) {
  const options = Array.from({ length: ranks }, (_, rank) => new Option(`Rank ${rank}`, String(rank)));
  const select = make("select", { ariaLabel: "Rank", hidden: ranks < 2 }, ...options);
  select.addEventListener("change", () => view.choose({ rank: select.value }));
  return select;
}

function icon(name) {
  return make("span", { className: `icon i-${name}`, ariaHidden: "true" });
}

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
