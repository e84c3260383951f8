// A prediction as people read it.

import { fileOf } from "./controls.js";
import { make, percent, readable, shown } from "./dom.js";
import { encode } from "./json.js";

const MOST = 200; // items or lines that are shown

/**
 * A prediction as an element.
 *
 * @param output of the contract: fields, names.
 */
export function showPrediction(prediction, output) {
  const [field = {}] = output.fields ?? [];
  if (field.type === "bytes" && typeof prediction === "string") return showFile(prediction, field);
  const names = output.names ?? [];
  if (isNumbers(prediction) && names.length === prediction.length) {
    return areShares(prediction) ? bars(prediction, names) : pairs(names, prediction);
  }
  if (isNumbers(prediction) && prediction.length > 4) return series(prediction);
  return showValue(prediction, true);
}

const isNumber = (value) => typeof value === "number" || typeof value === "bigint";
const isNumbers = (value) => Array.isArray(value) && value.length > 0 && value.every(isNumber);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isPlain = (value) => value === null || typeof value !== "object";

/** Whether numbers are probabilities that add up to one. */
export function areShares(numbers) {
  const sum = numbers.reduce((total, number) => total + Number(number), 0);
  return numbers.every((number) => number >= 0 && number <= 1) && Math.abs(sum - 1) < 1e-4;
}

/** The value in its exact form where the form for people leaves something out. */
function plain(value, tag = "span", attributes = {}) {
  if (isNumber(value)) {
    return make(
      tag,
      { ...attributes, class: `${attributes.class ?? ""} number`, title: String(value) },
      shown(value),
    );
  }
  if (value === null) return make(tag, { ...attributes, class: "nothing" }, "missing");
  if (typeof value === "boolean") return make(tag, attributes, value ? "Yes" : "No");
  return make(tag, attributes, String(value));
}

function showValue(value, large = false) {
  if (isPlain(value)) {
    const isText = typeof value === "string" && (value.length > 60 || value.includes("\n"));
    return plain(value, "p", { class: large ? (isText ? "prose" : "large") : "" });
  }
  if (isObject(value)) return showObject(value, large);
  if (!value.length) return make("p", { class: "nothing" }, "an empty list");
  if (value.every(isObject)) return table(value);
  if (value.every((item) => Array.isArray(item) && item.every(isPlain))) return grid(value);
  if (value.every(isPlain)) return list(value);
  return make("pre", {}, encode(value));
}

function showObject(value, large) {
  const columns = Object.entries(value);
  if (!columns.length) return make("p", { class: "nothing" }, "an empty object");
  const isTable = columns.every(([, items]) => Array.isArray(items) && items.every(isPlain));
  const lengths = new Set(columns.map(([, items]) => items?.length));
  if (isTable && lengths.size === 1 && columns.length > 1) {
    const rows = columns[0][1].map((_, at) =>
      Object.fromEntries(columns.map(([name, items]) => [name, items[at]])),
    );
    return table(rows);
  }
  const [names, items] = [columns.map(([name]) => name), columns.map(([, item]) => item)];
  if (!isNumbers(items) || items.length < 5) return pairs(names, items, large);
  return make("div", {}, chart(items.map(Number)), pairs(names, items));
}

function pairs(names, values, large = false) {
  return make(
    "dl",
    { class: large ? "pairs large" : "pairs" },
    names.map(String).map((name, at) => {
      const value = values[at];
      const inner = isPlain(value) ? plain(value) : showValue(value);
      return make(
        "div",
        {},
        make("dt", {}, readable(name.replace("T00:00:00", ""))),
        make("dd", {}, inner),
      );
    }),
  );
}

/** Shares of one as bars, and the largest of them in large. */
function bars(shares, names) {
  const order = shares.map((_, at) => at).sort((a, b) => shares[b] - shares[a]);
  const rows = order.slice(0, MOST).map((at) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", shares[at]);
    return make(
      "li",
      { title: String(shares[at]) },
      make("span", { class: "name" }, String(names[at])),
      bar,
      make("span", { class: "share" }, percent(shares[at])),
    );
  });
  const [best] = order;
  return make(
    "div",
    {},
    make(
      "p",
      { class: "large" },
      String(names[best]),
      make("small", {}, ` ${percent(shares[best])}`),
    ),
    make("ul", { class: "bars", "aria-label": "Probabilities" }, rows),
  );
}

/** Numbers in a row, as a forecast has them: a line, and the numbers themselves. */
function series(numbers) {
  return make("div", {}, chart(numbers.map(Number)), list(numbers));
}

const [WIDTH, HEIGHT] = [320, 96];

function chart(numbers) {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const x = (at) => (at / (numbers.length - 1)) * WIDTH;
  const y = (number) => HEIGHT - ((number - low) / (high - low || 1)) * HEIGHT;
  const svg = (tag, attributes, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const points = numbers.map((number, at) => `${x(at).toFixed(1)},${y(number).toFixed(1)}`);
  const line = svg("polyline", { points: points.join(" "), "vector-effect": "non-scaling-stroke" });
  return make(
    "figure",
    { class: "chart" },
    svg(
      "svg",
      {
        viewBox: `0 -4 ${WIDTH} ${HEIGHT + 8}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${numbers.length} numbers from ${shown(low)} to ${shown(high)}`,
      },
      line,
    ),
    make(
      "figcaption",
      {},
      make("span", {}, `lowest ${shown(low)}`),
      make("span", {}, `highest ${shown(high)}`),
    ),
  );
}

function list(values) {
  const items = values.slice(0, MOST).map((value) => make("li", {}, plain(value)));
  return make(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Values" },
    make("ol", { class: "values" }, items),
    rest(values.length),
  );
}

function table(rows) {
  const names = [...new Set(rows.flatMap(Object.keys))];
  return grid(
    rows.map((row) => names.map((name) => row[name] ?? null)),
    names,
  );
}

/** Lines of cells, with a head where the columns have names. */
export function grid(lines, names = null, mark = () => false) {
  const cell = (value) => (isPlain(value) ? plain(value, "td") : make("td", {}, encode(value)));
  const body = lines.slice(0, MOST).map((line) =>
    make(
      "tr",
      {},
      line.map((value, at) => {
        const made = cell(value);
        if (mark(at)) made.classList.add("new");
        return made;
      }),
    ),
  );
  const head = names
    ? make(
        "thead",
        {},
        make(
          "tr",
          {},
          names.map((name, at) =>
            make("th", { scope: "col", class: mark(at) ? "new" : null }, name),
          ),
        ),
      )
    : null;
  return make(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" },
    make("table", {}, head, make("tbody", {}, body)),
    rest(lines.length),
  );
}

function rest(count) {
  return count > MOST ? make("p", { class: "hint" }, `and ${shown(count - MOST)} more`) : null;
}

function showFile(base64, field) {
  const file = fileOf(base64, "prediction");
  const url = URL.createObjectURL(file);
  const isImage = file.type.startsWith("image/");
  return make(
    "div",
    {},
    isImage
      ? make("img", { src: url, alt: `${readable(field.name || "prediction")} as an image` })
      : null,
    make("p", {}, make("a", { href: url, download: file.name }, `Download ${file.name}`)),
  );
}
