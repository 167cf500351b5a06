// <task-form>: what the browser adds to the new-task form: words of the slider, filling in from a template, Ctrl+Enter, the
// deadline's time zone, one submission at a time. The server checks everything again.
import { getJson } from "../lib/api.js";
import { toast } from "../lib/toast.js";

const WORDS = { 1: "highest", 2: "high", 3: "normal", 4: "low", 5: "lowest" };

class TaskForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.field = (name) => this.form.elements.namedItem(name);
    this.untouchedScript = this.field("script_content").value;
    this.#showPriority();
    this.#noteSbatch();
    this.#focusFirst();
    this.field("script_content").addEventListener("input", () => this.#noteSbatch());
    this.field("priority").addEventListener("input", () => this.#showPriority());
    this.field("template").addEventListener("change", () => this.#fillIn());
    this.form.addEventListener("submit", (event) => this.#submit(event));
    this.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit(this.#button());
    });
    // A page that the browser kept for Back must let its form be sent again.
    this.shown = () => (this.#button().disabled = false);
    addEventListener("pageshow", this.shown);
    this.dataset.ready = "";
  }

  disconnectedCallback() {
    removeEventListener("pageshow", this.shown);
  }

  #button() {
    return this.form.querySelector("[data-submit]");
  }

  #showPriority() {
    const value = this.field("priority").value;
    this.form.querySelector("#priority-word").textContent = `${value} ${WORDS[value]}`;
    this.field("priority").setAttribute("aria-valuetext", `${value}, ${WORDS[value]}`);
  }

  // Who brings a script from Slurm would wait for GPUs that nobody asked for.
  #noteSbatch() {
    const note = this.form.querySelector("[data-sbatch]");
    if (note) note.hidden = !/^#SBATCH\s/m.test(this.field("script_content").value);
  }

  #focusFirst() {
    const wrong = this.form.querySelector(".field.wrong");
    const target = wrong?.querySelector("input:not([type=hidden]), select, textarea") ?? this.field("name");
    const editor = target.closest("code-editor");
    if (editor) customElements.whenDefined("code-editor").then(() => editor.querySelector(".cm-content")?.focus());
    else target.focus();
  }

  // Checks what a browser can tell; says the same as the server would, only sooner.
  #submit(event) {
    const deadline = this.field("deadline_at").value;
    this.field("utc_offset_minutes").value = deadline ? new Date(deadline).getTimezoneOffset() : "";
    this.#forgetProblem();
    const problem = this.#firstProblem();
    if (!problem) {
      this.#button().disabled = true;
      return;
    }
    event.preventDefault();
    const [name, sentence] = problem;
    this.#showProblem(this.field(name), sentence);
  }

  #firstProblem() {
    if (!this.field("name").value.trim()) return ["name", "Give the task a name."];
    if (!this.field("template_type").value.trim()) return ["template_type", "Choose a template type, or write a word of yours."];
    if (!this.field("script_content").value.trim()) return ["script_content", "Write a script."];
    for (const input of this.form.querySelectorAll("input[type=number], input[pattern], input[type=text]")) {
      if (!input.validity.valid) return [input.name, input.validationMessage];
    }
    const unmet = this.form.querySelector("#dependency-state .errors");
    return unmet && this.field("depends_on").value ? ["depends_on", unmet.textContent.trim()] : null;
  }

  #showProblem(input, sentence) {
    const field = input.closest(".field");
    field.closest("details")?.setAttribute("open", "");
    field.classList.add("wrong");
    this.problem = { field, input };
    input.setAttribute("aria-invalid", "true");
    if (input.name !== "depends_on") this.#errorList(field, input).replaceChildren(
      Object.assign(document.createElement("li"), { textContent: sentence }),
    );
    (field.querySelector(".cm-content") ?? input).focus();
  }

  // What was wrong at the last try and is right now must not stay red.
  #forgetProblem() {
    if (!this.problem) return;
    const { field, input } = this.problem;
    field.classList.remove("wrong");
    input.removeAttribute("aria-invalid");
    if (input.name !== "depends_on") field.querySelector(".errors")?.replaceChildren();
    this.problem = null;
  }

  #errorList(field, input) {
    const known = field.querySelector(".errors");
    if (known) return known;
    const list = Object.assign(document.createElement("ul"), { className: "errors", id: `${input.id}_error` });
    list.setAttribute("role", "alert");
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${list.id}`.trim());
    field.append(list);
    return list;
  }

  // A script that was edited is only replaced after asking; undo in the editor brings it back.
  async #fillIn() {
    const id = this.field("template").value;
    if (!id) return;
    const editor = this.form.querySelector("code-editor");
    const isEdited = this.field("script_content").value !== this.untouchedScript;
    if (isEdited && !confirm("Replace the script you wrote by the template's? Undo in the editor brings it back.")) return;
    try {
      const template = await getJson(`/api/templates/${id}/`);
      if (editor.view) editor.value = template.script_content;
      else this.field("script_content").value = template.script_content;
      this.untouchedScript = this.field("script_content").value;
      this.#fillFields(template);
    } catch (error) {
      toast(`The template could not be read. ${error.message}`, { error: true });
    }
  }

  #fillFields(template) {
    const gib = (mib) => (mib ? String(mib / 1024) : "");
    this.field("template_type").value = template.name;
    this.field("priority").value = template.priority;
    this.field("cpu_cores").value = template.cpu_cores;
    this.field("gpu_count").value = template.gpu_count;
    this.field("memory_mib").value = gib(template.memory_mib);
    this.field("time_limit_seconds").value = template.time_limit_seconds ? `${template.time_limit_seconds}s` : "";
    this.#chooseGpuMemory(template.gpu_memory);
    this.#showPriority();
  }

  #chooseGpuMemory(mib) {
    const select = this.field("gpu_memory");
    const isKnown = [...select.options].some(({ value }) => value === String(mib ?? ""));
    select.value = isKnown ? String(mib ?? "") : "other";
    this.field("gpu_memory_other").value = isKnown ? "" : String(mib / 1024);
  }
}

customElements.define("task-form", TaskForm);
