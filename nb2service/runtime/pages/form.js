// The form of an entry, made from what its contract says of its input.

import { cellsOf, separatorOf } from "./csv.js";
import { counted, make, newId, readable } from "./dom.js";
import { fieldFor, readTogether } from "./fields.js";
import { parse } from "./json.js";

const MANY = 12; // fields, from which on a filter helps
const MOST = 64; // numbers of an array that have a field each

/** The form for one row. */
export class Form {
  /** @param input of the contract: kind, fields, shape, names. */
  constructor(input) {
    this.input = input;
    this.isObject = ["frame", "arguments"].includes(input.kind);
    this.shape = this.isObject ? [] : (input.shape ?? []);
    this.fields = this.makeFields();
    const isLong = this.fields.length > MANY;
    const grid = make(
      "div",
      { class: `fields ${isLong ? "dense" : this.fields.length > 1 ? "" : "single"}` },
      this.fields.map((field) => field.element),
    );
    this.element = make("div", {}, isLong ? this.tools() : null, grid);
    if (this.hasExample) this.fillExample();
    else this.clear();
  }

  makeFields() {
    const { fields, names = [] } = this.input;
    if (this.isObject) return fields.map((each) => fieldFor(each, each.name, readable(each.name)));
    const [item] = fields;
    const [size] = this.shape;
    if (this.shape.length === 1 && size > 0 && size <= MOST) {
      const titles = names.length === size ? names.map(readable) : null;
      return Array.from({ length: size }, (_, at) =>
        fieldFor({ ...item, example: undefined }, `[${at}]`, titles?.[at] ?? `Value ${at + 1}`),
      );
    }
    if (this.shape.length) {
      const sizes = this.shape.map((each) => (each < 0 ? "any" : each)).join(" × ");
      const list = { type: "list", example: this.example(), name: item.name };
      return [fieldFor(list, "", `${sizes} values`)];
    }
    const isText = item.type === "string" && !item.categories;
    const title = readable(item.name || (isText ? "Text" : "Value"));
    return [fieldFor({ ...item, tall: isText }, "", title)];
  }

  /** The row, as it is sent. @throws {FieldError} */
  read() {
    if (this.isObject) return readTogether(this.fields, (field) => field.field.name);
    if (!this.isNumbered) return this.fields[0].read();
    const row = readTogether(this.fields, (field) => field.path);
    return this.fields.map((field) => row[field.path]);
  }

  get isNumbered() {
    return this.fields[0]?.path === "[0]";
  }

  write(row) {
    if (this.isObject) for (const field of this.fields) field.write(row[field.field.name]);
    else if (this.isNumbered) for (const [at, field] of this.fields.entries()) field.write(row[at]);
    else this.fields[0].write(row);
  }

  clear() {
    for (const field of this.fields) field.write(undefined);
  }

  get hasExample() {
    return this.example() !== undefined;
  }

  fillExample() {
    this.write(this.example());
  }

  /** The contract's example: of an array a whole row, or one of its values. */
  example() {
    if (this.isObject) {
      return Object.fromEntries(this.fields.map((field) => [field.field.name, field.example()]));
    }
    let example = this.input.fields[0].example;
    if (example === undefined || Array.isArray(example)) return example;
    for (const size of [...this.shape].reverse()) example = Array(Math.max(size, 1)).fill(example);
    return example;
  }

  /** Made-up values as they were observed. */
  fillRandom() {
    for (const field of this.fields) field.write(field.random() ?? field.example());
  }

  get canVary() {
    return this.fields.some((field) =>
      field
        .all()
        .some(({ field: { categories, minimum, type } }) =>
          Boolean(categories || minimum !== undefined || type === "boolean"),
        ),
    );
  }

  /** Show errors at their fields; gives those that belong to none. */
  showErrors(errors) {
    const fields = this.fields.flatMap((field) => field.all());
    for (const field of fields) field.say("");
    const others = [];
    let first = null;
    for (const error of errors) {
      const field = nearest(fields, error.field);
      if (!field) others.push(error);
      else {
        const inside = error.field.slice(field.path.length).replace(/^\./, "");
        field.say(inside ? `${inside}: ${error.message}` : error.message);
        first ??= field;
      }
    }
    if (first) {
      first.element.hidden = false;
      first.focus();
    }
    return others;
  }

  titleOf(path) {
    const fields = this.fields.flatMap((field) => field.all());
    return nearest(fields, path)?.title ?? path;
  }

  /** For many fields: one to find some of them, and a place to paste a row. */
  tools() {
    const [find, paste] = [newId("find"), newId("paste")];
    const told = make("span", { class: "hint", "aria-live": "polite" }, this.howMany());
    const filter = make("input", {
      id: find,
      type: "search",
      placeholder: "Part of a name",
      oninput: () => {
        const wanted = filter.value.trim().toLowerCase();
        for (const { element, title, path } of this.fields) {
          element.hidden = !`${title}\n${path}`.toLowerCase().includes(wanted);
        }
        told.textContent = this.howMany();
      },
    });
    const error = make("p", { class: "error", id: `${paste}-error`, hidden: true });
    const area = make("textarea", {
      id: paste,
      rows: 3,
      class: "code",
      "aria-describedby": `${paste}-error ${paste}-hint`,
      oninput: () => this.paste(area.value, error),
    });
    return make(
      "div",
      { class: "tools" },
      make("div", { class: "find" }, make("label", { for: find }, "Find a field"), filter, told),
      make(
        "details",
        {},
        make("summary", {}, "Paste a row"),
        make("label", { for: paste }, "A row of a table, or an object in JSON"),
        area,
        error,
        make(
          "p",
          { class: "hint", id: `${paste}-hint` },
          "Cells in the order of the fields, or a line of names above them.",
        ),
      ),
    );
  }

  howMany() {
    const seen = this.fields.filter((field) => !field.element.hidden).length;
    const all = counted(this.fields.length, "field");
    return seen === this.fields.length ? all : `${seen} of ${all}`;
  }

  paste(text, error) {
    error.hidden = true;
    if (!text.trim()) return;
    try {
      this.write(this.rowOf(text.trim()));
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    }
  }

  rowOf(text) {
    if (/^[[{]/.test(text)) {
      const row = parse(text);
      return Array.isArray(row) && this.isObject ? row[0] : row;
    }
    const separator = separatorOf(text);
    const [first, second] = text.split(/\r?\n/).map((line) => cellsOf(line, separator));
    const names = second ? first : this.fields.map((field) => field.field.name || field.path);
    const cells = second ?? first;
    if (cells.length !== names.length) {
      throw new Error(
        `There are ${counted(cells.length, "cell")} for ${counted(names.length, "name")}.`,
      );
    }
    const row = Object.fromEntries(names.map((name, at) => [name.trim(), cells[at].trim()]));
    if (!this.isObject) return cells.map((cell) => cell.trim());
    return Object.fromEntries(
      this.fields.map(({ field }) => [field.name, typed(row[field.name], field)]),
    );
  }
}

/** A cell as the value that a control shows. */
function typed(cell, field) {
  if (cell === undefined || cell === "") return undefined;
  if (field.type === "boolean") return cell.toLowerCase() === "true";
  const known = (field.categories ?? []).find((value) => String(value) === cell);
  return known ?? cell;
}

/** The field at a path, or the one that it is a part of. */
function nearest(fields, path) {
  const around = fields.filter(
    ({ path: own }) =>
      path === own || (path.startsWith(own) && /^[.[]/.test(path.slice(own.length))),
  );
  return around.reduce(
    (best, next) => (next.path.length > (best?.path.length ?? -1) ? next : best),
    null,
  );
}
