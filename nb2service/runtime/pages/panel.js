// What is shown of one entry: its form and answer, a file with many rows, the request as code.

import { curl, python } from "./code.js";
import { make, newId } from "./dom.js";
import { FieldError } from "./fields.js";
import { FilePanel } from "./filepanel.js";
import { Form } from "./form.js";
import { encode, parse } from "./json.js";
import { askForKey } from "./key.js";
import { showPrediction } from "./result.js";
import { ask, inWords, Refusal } from "./service.js";
import { takesCsv } from "./upload.js";

/** One entry. */
export class EntryPanel {
  /** @param forms by input, of all entries. */
  constructor(entry, forms) {
    this.entry = entry;
    const same = JSON.stringify(entry.input);
    if (!forms.has(same)) forms.set(same, new Form(entry.input));
    this.form = forms.get(same);
    this.code = make("section", { class: "card" });
    this.result = make("section", {
      class: "result",
      "aria-live": "polite",
      "aria-label": "Answer",
    });
    this.submit = make(
      "button",
      { class: "primary" },
      /predict|forecast/.test(entry.route) ? "Predict" : "Run",
    );
    this.place = make("div", { class: "place" }); // of the form, which other entries may share
    this.element = this.make();
    this.showEmpty();
  }

  make() {
    const { entry, form } = this;
    const action = (name, call) => make("button", { type: "button", onclick: call }, name);
    const ask = make(
      "form",
      { class: "ask", novalidate: true, onsubmit: (event) => this.ask(event) },
      this.place,
      make(
        "div",
        { class: "actions" },
        this.submit,
        form.hasExample ? action("Example", () => form.fillExample()) : null,
        form.canVary ? action("Random", () => form.fillRandom()) : null,
        action("Clear", () => form.clear()),
      ),
    );
    return [
      make(
        "div",
        { class: "about" },
        entry.about.map((paragraph) => make("p", {}, paragraph)),
      ),
      make("div", { class: "card pair" }, ask, this.result),
      takesCsv(entry) ? new FilePanel(entry, form).element : null,
      this.code,
    ].filter(Boolean);
  }

  show(panel) {
    this.place.replaceChildren(this.form.element);
    panel.replaceChildren(...this.element);
    this.showCode();
  }

  showEmpty() {
    this.result.replaceChildren(make("p", { class: "quiet" }, "The answer appears here."));
  }

  async ask(event) {
    event?.preventDefault();
    let row;
    try {
      row = this.form.read();
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      this.showErrors(error.errors);
      return;
    }
    this.form.showErrors([]);
    this.showCode(row);
    this.submit.disabled = true;
    this.result.setAttribute("aria-busy", "true");
    try {
      const begin = performance.now();
      const answer = await ask(this.entry.route, request(row));
      const text = await answer.text();
      this.showAnswer(text, performance.now() - begin);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.showRefusal(error);
    } finally {
      this.submit.disabled = false;
      this.result.removeAttribute("aria-busy");
      if (!this.result.querySelector(".trouble li"))
        this.result.scrollIntoView({ block: "nearest" });
    }
  }

  showAnswer(text, milliseconds) {
    const { predictions } = parse(text);
    this.result.replaceChildren(
      make("h2", {}, this.entry.title),
      showPrediction(predictions[0], this.entry.output),
      make(
        "details",
        { class: "exact" },
        make("summary", {}, `Exact answer · ${Math.max(1, Math.round(milliseconds))} ms`),
        make("pre", { tabindex: 0 }, text),
      ),
    );
  }

  showRefusal(refusal) {
    if (refusal.needsKey) {
      askForKey(this.result, refusal, () => this.ask());
      return;
    }
    if (refusal.errors.length) {
      this.showErrors(refusal.errors);
      return;
    }
    const again = make("button", { type: "button", onclick: () => this.ask() }, "Try again");
    const wait = refusal.status === 0 || refusal.isBusy;
    this.showTrouble(make("p", {}, inWords(refusal)), wait ? again : null);
  }

  showErrors(errors) {
    const others = this.form.showErrors(errors);
    const items = errors
      .slice(0, 10)
      .map(({ field, message }) =>
        make("li", {}, make("b", {}, this.form.titleOf(field)), ` ${message}`),
      );
    const heading =
      others.length === errors.length ? "This cannot be answered" : "Please mend the marked fields";
    this.showTrouble(make("h2", {}, heading), make("ul", {}, items));
  }

  showTrouble(...children) {
    this.result.replaceChildren(make("div", { class: "trouble" }, ...children));
  }

  /** The request as code: what was asked last, or what the form holds. */
  showCode(asked) {
    let row = asked;
    try {
      row ??= this.form.read();
    } catch {
      return; // the form is not complete
    }
    const parts = partsOf(row);
    const body = { instances: [row] };
    const { route } = this.entry;
    this.code.replaceChildren(
      make("h2", {}, "From a program"),
      make(
        "div",
        { class: "snippets" },
        snippet("Shell", curl(route, body, parts)),
        snippet("Python", python(route, body, parts)),
      ),
    );
  }
}

/** A request for one row: JSON, or a form where it has files. */
function request(row) {
  const parts = partsOf(row);
  if (!parts) {
    const headers = { "Content-Type": "application/json" };
    return { method: "POST", headers, body: encode({ instances: [row] }) };
  }
  const body = new FormData();
  for (const [name, value] of parts) body.append(name, value);
  return { method: "POST", body };
}

/** A row with files as parts of a form; null where it has none. */
function partsOf(row) {
  const values =
    row instanceof File || row === null || typeof row !== "object" || Array.isArray(row)
      ? { file: row }
      : row;
  const parts = Object.entries(values).flatMap(([name, value]) =>
    [value].flat().map((each) => [name, each]),
  );
  if (!parts.some(([, value]) => value instanceof File)) return null;
  return parts
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, value instanceof File ? value : textOf(value)]);
}

function textOf(value) {
  if (typeof value === "string") return value;
  return value?.text ?? JSON.stringify(value);
}

function snippet(name, text) {
  const id = newId("code");
  const told = make("span", { class: "told", role: "status" });
  const copy = async () => {
    const done = await copied(text, document.getElementById(id));
    told.textContent = done ? "Copied" : "Selected: press Ctrl+C";
    setTimeout(() => told.replaceChildren(), 2500);
  };
  return make(
    "div",
    { class: "snippet" },
    make(
      "div",
      { class: "bar-of" },
      make("h3", {}, name),
      told,
      make(
        "button",
        { type: "button", "aria-label": `Copy the ${name} code`, onclick: copy },
        "Copy",
      ),
    ),
    make("pre", { id, tabindex: 0 }, text),
  );
}

/** Whether the text is in the clipboard; where browsers do not allow that, it is selected. */
async function copied(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return false;
  }
}
