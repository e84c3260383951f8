// A value with its name, hint and error; and values that are made of others.

import { controlFor, emptyMeans, Unreadable } from "./controls.js";
import { make, newId, readable, shown } from "./dom.js";

/**
 * The fields of a row by path, as the service names them in its errors.
 *
 * @param path of the value: "" for a row that is one, `age`, `person.age`, `[2]`.
 */
export function fieldFor(field, path, title) {
  return field.type === "object" && field.fields?.length
    ? new Group(field, path, title)
    : new Single(field, path, title);
}

/** One value. */
class Single {
  constructor(field, path, title) {
    this.field = field;
    this.path = path;
    this.title = title;
    const id = newId("field");
    const [label, hint] = [`${id}-label`, `${id}-hint`];
    this.control = controlFor(field, id);
    this.error = make("p", { class: "error", id: `${id}-error`, hidden: true });
    const words = hintOf(field);
    const inner = this.control.element;
    const isGroup = inner.getAttribute("role") === "radiogroup";
    // A group of buttons has its name by reference; an input has a label.
    const name = isGroup
      ? make("span", { id: label, class: "label" }, title)
      : make("label", { for: id, class: "label" }, title);
    this.target = isGroup ? inner : (inner.querySelector(`#${id}`) ?? inner);
    this.described = words ? hint : "";
    if (isGroup) inner.setAttribute("aria-labelledby", label);
    if (words) this.target.setAttribute("aria-describedby", hint);
    if (emptyMeans(field) === null && !isGroup) this.target.setAttribute("aria-required", "true");
    const note = words ? make("p", { class: "hint", id: hint }, words) : null;
    this.element = make("div", { class: "field" }, name, inner, this.error, note);
    this.element.addEventListener("input", () => this.say(""));
  }

  /** @throws {FieldError} */
  read() {
    try {
      return this.control.read();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      throw new FieldError([{ row: 0, field: this.path, message: error.message }]);
    }
  }

  write(value) {
    this.say("");
    this.control.write(value);
  }

  random() {
    return this.control.random();
  }

  example() {
    return this.field.example;
  }

  /** Show what is wrong; "" for nothing. */
  say(message) {
    this.error.textContent = message;
    this.error.hidden = !message;
    this.target.toggleAttribute("aria-invalid", false);
    if (message) this.target.setAttribute("aria-invalid", "true");
    const ids = [message ? this.error.id : "", this.described].filter(Boolean).join(" ");
    if (ids) this.target.setAttribute("aria-describedby", ids);
    else this.target.removeAttribute("aria-describedby");
  }

  focus() {
    (this.target.querySelector?.("input") ?? this.target).focus();
  }

  all() {
    return [this];
  }
}

/** An object of known members. */
class Group {
  constructor(field, path, title) {
    this.field = field;
    this.members = field.fields.map((member) =>
      fieldFor(member, path ? `${path}.${member.name}` : member.name, readable(member.name)),
    );
    this.element = make(
      "fieldset",
      { class: "group" },
      make("legend", {}, title),
      make(
        "div",
        { class: "fields" },
        this.members.map((member) => member.element),
      ),
    );
  }

  read() {
    return readTogether(this.members, (member) => member.field.name);
  }

  write(value) {
    for (const member of this.members) member.write(value?.[member.field.name]);
  }

  random() {
    return together(this.members, (member) => member.random());
  }

  example() {
    return this.field.example ?? together(this.members, (member) => member.example());
  }

  all() {
    return this.members.flatMap((member) => member.all());
  }
}

function together(members, ask) {
  return Object.fromEntries(members.map((member) => [member.field.name, ask(member)]));
}

/** Some fields cannot be sent as they are; `errors` are like the service's. */
export class FieldError extends Error {
  constructor(errors) {
    super("some fields are not complete");
    this.errors = errors;
  }
}

/** The values of fields as an object, without those that are left out. */
export function readTogether(fields, nameOf) {
  const row = {};
  const errors = [];
  for (const field of fields) {
    try {
      const value = field.read();
      if (value !== undefined) row[nameOf(field)] = value;
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      errors.push(...error.errors);
    }
  }
  if (errors.length) throw new FieldError(errors);
  return row;
}

const FORMS = {
  duration: "as in P1DT2H30M (ISO 8601)",
  list: "a list, as JSON",
  object: "an object, as JSON",
  any: "as JSON: a text in quotes",
};

/** What to know before filling a field. */
function hintOf(field) {
  const words = [];
  if (field.minimum < field.maximum) {
    words.push(`${shown(field.minimum)} to ${shown(field.maximum)} in the data`);
  }
  if (!field.categories && FORMS[field.type] && field.items?.type !== "bytes") {
    words.push(FORMS[field.type]);
  }
  if (field.type === "datetime" && field.zone && field.zone !== "naive") {
    words.push(`taken to ${field.zone}`);
  }
  const empty = emptyMeans(field);
  if (empty && !(field.categories ?? field.type === "boolean")) words.push(empty);
  return words.join(" · ");
}
