// The part of the page that takes a CSV and gives it back with predictions.

import { CsvError } from "./csv.js";
import { counted, download, make, newId, shown } from "./dom.js";
import { askForKey } from "./key.js";
import { grid } from "./result.js";
import { inWords, Refusal } from "./service.js";
import { columnsOf, joined, RowErrors, readTable, score, template, WhichColumn } from "./upload.js";

const PREVIEW = 10; // rows

/** One file at a time. */
export class FilePanel {
  constructor(entry, form) {
    this.entry = entry;
    this.form = form;
    const id = newId("file");
    this.input = make("input", {
      id,
      type: "file",
      accept: ".csv,.tsv,.txt,text/csv",
      "aria-describedby": `${id}-hint`,
      onchange: () => this.take(this.input.files[0]),
    });
    this.drop = make(
      "div",
      {
        class: "drop",
        ondragover: (event) => this.dragged(event, true),
        ondragleave: (event) => this.dragged(event, false),
        ondrop: (event) => {
          this.dragged(event, false);
          this.take(event.dataTransfer.files[0]);
        },
      },
      make("label", { for: id }, "Choose a CSV file"),
      this.input,
      make("p", { class: "hint" }, "or drop it here"),
    );
    this.state = make("div", { class: "state", "aria-live": "polite" });
    this.element = make(
      "section",
      { class: "card" },
      make("h2", {}, "Many rows at once"),
      make("p", { class: "hint", id: `${id}-hint` }, this.expected()),
      this.drop,
      this.state,
    );
  }

  expected() {
    const names = columnsOf(this.entry.input);
    const some = names.length > 12 ? `${names.slice(0, 12).join(", ")}, …` : names.join(", ");
    const save = () =>
      download(
        template(this.entry.input, this.form.example()),
        `${this.entry.route}-template.csv`,
        "text/csv",
      );
    return make(
      "span",
      {},
      names.length > 1
        ? `A CSV with a header and the columns ${some}. `
        : "A CSV with a header and one column. ",
      "You get it back with the predictions beside each row. ",
      make("button", { type: "button", class: "link", onclick: save }, "Download a template"),
    );
  }

  dragged(event, over) {
    event.preventDefault();
    this.drop.classList.toggle("over", over);
  }

  /** @param column to send, of an entry that takes one. */
  async take(file, column = null) {
    if (!file) return;
    this.controller?.abort();
    const controller = new AbortController();
    this.controller = controller;
    const { signal } = controller;
    try {
      const table = readTable(await file.arrayBuffer(), this.entry.input, column);
      const tell = this.showProgress(file, table, () => controller.abort());
      const answers = await score(this.entry, table, signal, tell);
      if (this.entry.aligned) this.showDone(file, table, joined(table, answers));
      else this.showAnswers(file, answers);
    } catch (error) {
      if (signal.aborted) {
        if (this.controller === controller) this.say("Cancelled. Nothing was kept.");
      } else this.showFailure(error, file, column);
    } finally {
      this.input.value = ""; // so that the same file can be chosen again
    }
  }

  showProgress(file, table, cancel) {
    const count = table.rows.length;
    const progress = make("progress", { max: count, value: 0, "aria-label": "Rows done" });
    const told = make("span", { class: "number" });
    const stop = make("button", { type: "button", onclick: cancel }, "Cancel");
    // Not read out at every step: the end is.
    const line = make("div", { class: "progress", "aria-live": "off" }, progress, told, stop);
    this.state.replaceChildren(
      make("p", {}, make("b", {}, file.name), ` · ${counted(count, "row")}`),
      line,
    );
    return (done, waits) => {
      progress.value = done;
      told.textContent = waits || `${shown(done)} of ${shown(count)}`;
    };
  }

  showDone(file, table, made) {
    const name = `${file.name.replace(/\.\w+$/, "")}-predictions.csv`;
    const save = () => download(made.text, name, "text/csv");
    const answers = made.rows.slice(0, PREVIEW);
    const kept = table.names.length;
    const unused = table.ignored.length
      ? ` Not used, but kept in the file: ${table.ignored.join(", ")}.`
      : "";
    this.state.replaceChildren(
      make("p", {}, make("b", {}, `${counted(table.rows.length, "row")} answered.`), unused),
      make(
        "p",
        {},
        make("button", { type: "button", class: "primary", onclick: save }, `Download ${name}`),
      ),
      make(
        "div",
        { class: "preview" },
        grid(answers, [...table.names, ...made.names], (at) => at >= kept),
      ),
      table.rows.length > PREVIEW ? make("p", { class: "hint" }, `The first ${PREVIEW} rows.`) : "",
    );
  }

  /** Of an entry that answers about all rows together. */
  showAnswers(file, answers) {
    const [names, ...lines] = answers;
    this.state.replaceChildren(
      make("p", {}, make("b", {}, `The answer about ${file.name}`)),
      grid(lines, names),
    );
  }

  showFailure(error, file, column) {
    const again = () => this.take(file, column);
    if (error instanceof WhichColumn) this.askForColumn(error.names, file);
    else if (error instanceof RowErrors) this.showRowErrors(error.errors, file);
    else if (error instanceof CsvError) this.say(error.message, true);
    else if (!(error instanceof Refusal)) throw error;
    else if (error.needsKey) askForKey(this.state, error, again);
    else this.say(inWords(error), true, again);
  }

  askForColumn(names, file) {
    const id = newId("column");
    const choice = make(
      "select",
      { id },
      names.map((name) => make("option", {}, name)),
    );
    const go = () => this.take(file, choice.value);
    this.state.replaceChildren(
      make(
        "label",
        { for: id, class: "label" },
        `Which column of ${file.name} shall be asked about?`,
      ),
      choice,
      make("p", {}, make("button", { type: "button", class: "primary", onclick: go }, "Continue")),
    );
    choice.focus();
  }

  showRowErrors(errors, file) {
    const lines = errors.map(({ row, field, message }) => [String(row), field, message]);
    this.state.replaceChildren(
      make(
        "div",
        { class: "trouble" },
        make(
          "p",
          {},
          make("b", {}, `${file.name} was not taken: ${counted(errors.length, "value")} to mend.`),
        ),
        make("p", { class: "hint" }, "Rows as a spreadsheet counts them: the header is row 1."),
        grid(lines, ["Row", "Column", "What is wrong"]),
      ),
    );
  }

  say(message, bad = false, again = null) {
    this.state.replaceChildren(
      make(
        "div",
        { class: bad ? "trouble" : "" },
        make("p", {}, message),
        again ? make("button", { type: "button", onclick: again }, "Try again") : "",
      ),
    );
  }
}
