// <code-editor> around a <textarea>: bash highlighting and line numbers. Every change is written back to the textarea, so
// the form posts as without this script. `readonly` shows a script without letting it be changed.
import { EditorState } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, bracketMatching, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: tags.comment, color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: [tags.number, tags.atom], color: "var(--code-number)" },
  { tag: [tags.definition(tags.variableName), tags.variableName], color: "var(--code-variable)" },
  { tag: tags.standard(tags.variableName), color: "var(--code-builtin)" },
  { tag: tags.attributeName, color: "var(--code-number)" },
  { tag: tags.meta, color: "var(--code-comment)" },
]);

class CodeEditor extends HTMLElement {
  connectedCallback() {
    this.textarea = this.querySelector("textarea");
    if (!this.textarea || this.view) return;
    this.view = new EditorView({ state: this.#state(this.textarea.value), parent: this });
    this.textarea.hidden = true;
    this.dataset.ready = "";
    this.#focusFromLabel();
  }

  disconnectedCallback() {
    this.view?.destroy();
    this.view = null;
    if (this.textarea) this.textarea.hidden = false;
  }

  get value() {
    return this.view ? this.view.state.doc.toString() : this.textarea.value;
  }

  // One undoable change: undo brings back what was there.
  set value(text) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  #state(doc) {
    const isReadOnly = this.hasAttribute("readonly");
    const attributes = { "aria-label": this.getAttribute("label") ?? "Script", "aria-multiline": "true" };
    if (this.textarea.getAttribute("aria-describedby")) {
      attributes["aria-describedby"] = this.textarea.getAttribute("aria-describedby");
    }
    return EditorState.create({
      doc,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        bracketMatching(),
        indentUnit.of("    "),
        StreamLanguage.define(shell),
        syntaxHighlighting(colours),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of(attributes),
        isReadOnly ? [EditorState.readOnly.of(true), EditorView.editable.of(false)] : highlightActiveLine(),
        keymap.of([...defaultKeymap.filter(({ key }) => key !== "Mod-Enter"), ...historyKeymap]),
        EditorView.updateListener.of((update) => update.docChanged && this.#write()),
      ],
    });
  }

  #write() {
    this.textarea.value = this.view.state.doc.toString();
    this.textarea.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #focusFromLabel() {
    const label = this.textarea.id ? document.querySelector(`label[for="${this.textarea.id}"]`) : null;
    label?.addEventListener("click", () => this.view?.focus());
  }
}

customElements.define("code-editor", CodeEditor);
