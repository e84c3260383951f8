// What a person gives a single value with: the right input for each type of the contract.
//
// A control has `element`, `read()` (undefined: left out), `write(value)` (undefined: cleared) and
// `random()`, a value as they were observed.

import { make, newId } from "./dom.js";
import { Digits, encode, parse } from "./json.js";

/** What was typed cannot be sent; the message says why. */
export class Unreadable extends Error {}

const MANY = 30;
const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** The control for a field. */
export function controlFor(field, id) {
  if (field.categories)
    return field.categories.length > MANY ? searched(field, id) : choice(field, id);
  return (CONTROLS[field.type] ?? json)(field, id);
}

const CONTROLS = {
  integer: number,
  number,
  boolean: (field, id) =>
    choice({ ...field, categories: [true, false] }, id, (value) => (value ? "Yes" : "No")),
  string: text,
  datetime: moment,
  date: (field, id) => clock(field, id, "date"),
  time: (field, id) => clock(field, id, "time"),
  duration: text,
  decimal: text,
  bytes: file,
  list: (field, id) => (field.items?.type === "bytes" ? file(field, id, true) : json(field, id)),
};

/** What an empty control stands for. */
function nothing(field) {
  if (field.required === false) return undefined;
  if (field.nullable) return null;
  throw new Unreadable("needs a value");
}

/** In words, what leaving a field empty means; null where it must be filled. */
export function emptyMeans(field) {
  if (field.required === false) {
    const usual = field.default ?? "";
    return usual === "" ? "optional" : `if empty: ${label(usual)}`;
  }
  return field.nullable ? "may be missing" : null;
}

// --- choices ------------------------------------------------------------------------------------

function choice(field, id, name = label) {
  const values = field.categories.filter((value) => value !== null);
  const usual = field.required === false ? indexOf(values, field.default) : -1;
  const names = values.map(name);
  const empty =
    usual >= 0 ? "" : field.required === false ? "Not given" : field.nullable ? "Missing" : "";
  const all = empty ? [...names, empty] : names;
  const few = all.length <= 4 && all.join("").length <= 20;
  const control = (few ? buttons : select)(field, id, values, names, empty);
  return {
    ...control,
    write: (value) => control.choose(value === undefined ? usual : indexOf(values, value)),
    random: () => pick(values),
  };
}

function select(field, id, values, names, emptyName) {
  const empty = make("option", { value: "" }, emptyName ? `– ${emptyName} –` : "Choose…");
  const options = names.map((name, at) => make("option", { value: at }, name));
  const element = make("select", { id }, empty, options);
  return {
    element,
    read: () => (element.value === "" ? nothing(field) : values[Number(element.value)]),
    choose(at) {
      element.value = at < 0 ? "" : String(at);
    },
  };
}

function buttons(field, id, values, names, emptyName) {
  const group = newId("choice");
  const all = emptyName ? [...names, emptyName] : names;
  const inputs = all.map((_, at) =>
    make("input", { type: "radio", name: group, value: at, id: at ? `${id}-${at}` : id }),
  );
  const element = make(
    "div",
    { class: "buttons", role: "radiogroup" },
    inputs.map((input, at) => make("label", {}, input, make("span", {}, all[at]))),
  );
  return {
    element,
    read() {
      const at = inputs.findIndex((input) => input.checked);
      return at < 0 || at === values.length ? nothing(field) : values[at];
    },
    choose(at) {
      inputs.forEach((input, i) => {
        input.checked = i === (at < 0 ? values.length : at);
      });
    },
  };
}

function searched(field, id) {
  const values = field.categories.filter((value) => value !== null);
  const names = values.map(label);
  const list = newId("known");
  const input = make("input", { id, list, autocomplete: "off", placeholder: "Type to search" });
  const options = names.map((name) => make("option", { value: name }));
  // What no dtype closes is only known, and may be something else.
  const isClosed = ["", "category"].includes(field.dtype ?? "") || field.type !== "string";
  return {
    element: make("div", {}, input, make("datalist", { id: list }, options)),
    read() {
      const typed = input.value.trim();
      if (typed === "") return nothing(field);
      const at = names.indexOf(typed);
      if (at < 0 && isClosed) throw new Unreadable("is none of the known values");
      return at < 0 ? typed : values[at];
    },
    write(value) {
      input.value = value === null || value === undefined ? "" : label(value);
    },
    random: () => pick(values),
  };
}

function indexOf(values, value) {
  const wanted = encode(value);
  return value === undefined ? -1 : values.findIndex((known) => encode(known) === wanted);
}

function label(value) {
  return typeof value === "string" ? value : encode(value);
}

function pick(values) {
  return values[Math.floor(Math.random() * values.length)];
}

// --- numbers and texts --------------------------------------------------------------------------

function number(field, id) {
  const whole = field.type === "integer";
  const element = make("input", {
    id,
    type: "number",
    step: whole ? 1 : "any",
    inputmode: whole && !(field.minimum < 0) ? "numeric" : "decimal",
    autocomplete: "off",
  });
  return {
    element,
    read() {
      if (element.validity.badInput) throw new Unreadable("must be a number");
      const typed = element.value;
      if (typed === "") return nothing(field);
      return JSON_NUMBER.test(typed) ? new Digits(typed) : Number(typed);
    },
    write(value) {
      const typed = String(value ?? "");
      element.value = JSON_NUMBER.test(typed) ? typed : "";
    },
    random() {
      const { minimum, maximum, example } = field;
      if (minimum === undefined || maximum === undefined) return example;
      const drawn = minimum + Math.random() * (maximum - minimum);
      if (whole) return Math.round(drawn);
      const digits = String(example ?? minimum).split(".")[1]?.length ?? 2;
      return Number(drawn.toFixed(Math.min(digits, 6)));
    },
  };
}

function text(field, id) {
  const long = String(field.example ?? "").length > 40 || field.tall;
  const element = long
    ? make("textarea", { id, class: field.tall ? "tall" : null, rows: 3, spellcheck: "false" })
    : make("input", { id, type: "text", autocomplete: "off", spellcheck: "false" });
  return {
    element,
    read() {
      if (element.value !== "") return element.value;
      const mayBeEmpty = field.type === "string" && !field.nullable && field.required !== false;
      return mayBeEmpty ? "" : nothing(field);
    },
    write(value) {
      element.value = value === undefined || value === null ? "" : String(value);
    },
    random: () => field.example,
  };
}

function json(field, id) {
  const element = make("textarea", { id, rows: 4, spellcheck: "false", class: "code" });
  return {
    element,
    read() {
      if (element.value.trim() === "") return nothing(field);
      try {
        return parse(element.value);
      } catch (error) {
        throw new Unreadable(`is not JSON: ${error.message}`);
      }
    },
    write(value) {
      element.value = value === undefined || value === null ? "" : encode(value);
    },
    random: () => field.example,
  };
}

// --- time ---------------------------------------------------------------------------------------

function clock(field, id, type) {
  const element = make("input", { id, type, step: type === "time" ? stepOf(field) : null });
  return {
    element,
    read: () => (element.value === "" ? nothing(field) : seconds(element.value)),
    write(value) {
      element.value = value ?? "";
    },
    random: () => field.example,
  };
}

/** Seconds are asked for where the example has some. */
function stepOf({ example = "" }) {
  return /\d\d:\d\d:(?!00)/.test(example) ? 1 : null;
}

/** Browsers leave out seconds that are zero. */
function seconds(value) {
  return /(^|T)\d\d:\d\d$/.test(value) ? `${value}:00` : value;
}

const MOMENT = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?))?(Z|[+-]\d\d:\d\d)?$/;

/** A date with a clock, and a zone where the value has one. */
function moment(field, id) {
  const dtype = field.dtype ?? "";
  const zoned = dtype.includes(",") || !["", "naive", undefined].includes(field.zone);
  const either = !zoned && !dtype.startsWith("datetime64") && field.zone !== "naive";
  if (field.example && !MOMENT.test(field.example)) return text(field, id); // nanoseconds, say
  const wall = make("input", { id, type: "datetime-local", step: stepOf(field) });
  const sent = MOMENT.exec(field.example ?? "")?.[3];
  const offsets = [...new Set([sent === "Z" ? "+00:00" : sent, "+00:00", "here"])].filter(Boolean);
  const names = { here: "as on this device", "+00:00": "UTC" };
  const zone = make("select", { "aria-label": "Time zone" });
  if (either) zone.append(make("option", { value: "" }, "no zone"));
  for (const each of offsets) zone.append(make("option", { value: each }, names[each] ?? each));
  const isShown = zoned || (either && sent);
  return {
    element: isShown ? make("div", { class: "moment" }, wall, zone) : wall,
    read() {
      if (wall.value === "") return nothing(field);
      const offset = !isShown ? "" : zone.value === "here" ? offsetHere(wall.value) : zone.value;
      return seconds(wall.value) + offset;
    },
    write(value) {
      const [, day, time = "00:00:00", offset = ""] = MOMENT.exec(value ?? "") ?? [];
      wall.value = day ? `${day}T${time}` : "";
      if (isShown && day) zone.value = offset === "Z" ? "+00:00" : offset;
    },
    random: () => field.example,
  };
}

function offsetHere(wall) {
  const minutes = -new Date(wall).getTimezoneOffset();
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const two = (part) => String(part).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(hours)}:${two(rest)}`;
}

// --- files --------------------------------------------------------------------------------------

/** Files travel as they are, as parts of a form; `read` gives the File, or a list of them. */
function file(field, id, several = false) {
  const isImage = (field.python ?? field.items?.python) === "image";
  const input = make("input", {
    id,
    type: "file",
    multiple: several,
    accept: isImage ? "image/*" : null,
    onchange: show,
  });
  const preview = make("div", { class: "previews" });
  let example; // as base64, in place of a chosen file

  function show() {
    example = input.files.length ? undefined : example;
    preview.replaceChildren(...(isImage ? [...input.files].map(thumbnail) : []));
  }

  return {
    element: make("div", {}, input, preview),
    read() {
      if (input.files.length) return several ? [...input.files] : input.files[0];
      return example === undefined
        ? nothing(field)
        : several
          ? example.map(fileOf)
          : fileOf(example);
    },
    write(value) {
      input.value = "";
      example = value ?? undefined;
      show();
      if (example === undefined) return;
      const files = [example].flat().map(fileOf);
      preview.replaceChildren(
        ...(isImage ? files.map(thumbnail) : []),
        make("span", { class: "hint" }, several ? "The example's files" : "The example's file"),
      );
    },
    random: () => field.example,
  };
}

function thumbnail(image) {
  const url = URL.createObjectURL(image);
  const free = () => URL.revokeObjectURL(url);
  return make("img", { src: url, alt: `Preview of ${image.name}`, onload: free, onerror: free });
}

/** Bytes in base64 as a file, with the ending that they look like. */
export function fileOf(base64, name = "example") {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const [ending, type] = kindOf(base64);
  return new File([bytes], `${name}.${ending}`, { type });
}

const BEGINNINGS = [
  ["iVBORw0KGgo", "png", "image/png"],
  ["/9j/", "jpg", "image/jpeg"],
  ["R0lGOD", "gif", "image/gif"],
  ["UklGR", "webp", "image/webp"],
  ["Qk", "bmp", "image/bmp"],
  ["JVBERi0", "pdf", "application/pdf"],
];

function kindOf(base64) {
  const found = BEGINNINGS.find(([begin]) => base64.startsWith(begin));
  return found ? found.slice(1) : ["bin", "application/octet-stream"];
}
