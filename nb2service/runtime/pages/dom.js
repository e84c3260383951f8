// Elements, and texts for people.

/**
 * An element. Attributes that are null or false are left out; those named `on…` listen.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Another id each time, for labels and descriptions. */
export const newId = (() => {
  let count = 0;
  return (stem) => `${stem}-${++count}`;
})();

/** `tenure_months` as people read it: `Tenure months`. */
export function readable(name) {
  const text = String(name).replaceAll("_", " ").trim();
  return text && text === text.toLowerCase() ? text[0].toUpperCase() + text.slice(1) : text;
}

const LONG = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
const WHOLE = new Intl.NumberFormat();
const PERCENT = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

/** A number as people read it; the exact value is left to the caller. */
export function shown(number) {
  if (typeof number === "bigint" || Number.isInteger(number)) {
    return Math.abs(Number(number)) < 1e15 ? WHOLE.format(number) : String(number);
  }
  const size = Math.abs(number);
  return size >= 1e-4 && size < 1e15 ? LONG.format(number) : number.toExponential(4);
}

/** A share of one in percent, never 0 % or 100 % where it is not quite that. */
export function percent(share) {
  if (share > 0 && share < 0.0005) return `< ${PERCENT.format(0.001)}`;
  if (share < 1 && share > 0.9995) return `> ${PERCENT.format(0.999)}`;
  return PERCENT.format(share);
}

/** `1 row`, `2 rows`, `10,000 rows`. */
export function counted(count, one, many = `${one}s`) {
  return `${WHOLE.format(count)} ${count === 1 ? one : many}`;
}

/** Offer bytes or text as a file. */
export function download(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
