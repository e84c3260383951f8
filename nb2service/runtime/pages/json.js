// JSON without loss: whole numbers of any size, and numbers as a person typed them.

/** A number by its digits, which a JavaScript number might not hold. */
export class Digits {
  constructor(text) {
    this.text = text;
  }
}

const WORDS = {
  json: { true: "true", false: "false", null: "null" },
  python: { true: "True", false: "False", null: "None" },
};
const NARROW = 88;

/** A value as JSON, or as Python writes it; over several lines where it is long. */
export function encode(value, language = "json", indent = "") {
  const words = WORDS[language];
  if (value === null || value === undefined) return words.null;
  if (typeof value === "boolean") return words[value];
  if (value instanceof Digits) return value.text;
  if (typeof value === "bigint" || typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  const inner = `${indent}  `;
  const isList = Array.isArray(value);
  const names = Object.keys(value);
  // What holds one thing alone stays on its line.
  const deeper = names.length === 1 ? indent : inner;
  const items = names.map((name) => {
    const item = encode(value[name], language, deeper);
    return isList ? item : `${JSON.stringify(name)}: ${item}`;
  });
  const [open, close] = isList ? "[]" : "{}";
  const line = `${open}${items.join(", ")}${close}`;
  const fits = indent.length + line.length <= NARROW && !line.includes("\n");
  if (fits || names.length <= 1) return line;
  // Plain numbers fill lines; all else has one of its own.
  const apart = isList && items.every((item) => item.length < 24) ? ", " : `,\n${inner}`;
  return `${open}\n${inner}${items.join(apart)}\n${indent}${close}`;
}

/** What JSON text says; whole numbers that a JavaScript number cannot hold are BigInts. */
export function parse(text) {
  return JSON.parse(text, (_, value, context) => {
    const digits = typeof value === "number" && !Number.isSafeInteger(value) && context?.source;
    return digits && /^-?\d+$/.test(digits) ? BigInt(digits) : value;
  });
}
