// <copy-text> around a <pre>: adds a button that copies its text. Where the browser gives no clipboard (plain HTTP from another
// machine) the text is selected instead, ready for Ctrl+C.
class CopyText extends HTMLElement {
  connectedCallback() {
    if (this.querySelector("button")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button compact";
    button.append(Object.assign(document.createElement("span"), { className: "icon i-copy" }), "Copy");
    button.addEventListener("click", () => this.#copy(button));
    this.append(button);
  }

  async #copy(button) {
    const source = this.querySelector("pre, input");
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      button.lastChild.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.lastChild.textContent = "Selected: press Ctrl+C";
    }
  }
}

customElements.define("copy-text", CopyText);
