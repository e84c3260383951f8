// Many rows: a person's CSV goes to the service in pieces and comes back with predictions beside it.

import { CsvError, decode, line, quoted, records, separatorOf } from "./csv.js";
import { counted } from "./dom.js";
import { askPatiently, Refusal } from "./service.js";

const PIECE = 1000; // rows of one request
const MOST_ERRORS = 100;

/** Rows that the service refused, by the person's own rows and columns. */
export class RowErrors extends Error {
  constructor(errors) {
    super(`${counted(errors.length, "value")} cannot be taken`);
    this.errors = errors;
  }
}

/** An entry takes one column, and the file has several: the person says which. */
export class WhichColumn extends Error {
  constructor(names) {
    super("several columns");
    this.names = names;
  }
}

/** Whether an entry can be asked by CSV, and takes no files that it would be no good for. */
export function takesCsv({ accepts }) {
  return "text/csv" in accepts && !("multipart/form-data" in accepts);
}

/** The columns that an entry takes; null where their names do not matter. */
export function columnsOf(input) {
  if (["frame", "arguments"].includes(input.kind)) return input.fields.map((field) => field.name);
  if (input.shape?.length) {
    return input.names?.length
      ? input.names.map(String)
      : Array.from({ length: input.shape[0] }, (_, at) => `x${at}`);
  }
  return [input.fields[0].name || "value"];
}

/**
 * The file as a table that the service takes.
 *
 * @param chosen the column to send, of an entry that takes one.
 * @returns names: of all columns; rows: the records; used: which column each name of the contract
 *     has; ignored: names of the others.
 * @throws {CsvError | WhichColumn}
 */
export function readTable(bytes, input, chosen = null) {
  const text = decode(bytes);
  if (!text.trim()) throw new CsvError("The file is empty.");
  const separator = separatorOf(text);
  const wanted = chosen === null ? columnsOf(input) : [chosen];
  const all = records(text, separator);
  const single = all[0].cells.length === 1;
  const rows = all.filter((row, at) => row.text !== "" || (single && at < all.length - 1));
  const isData =
    input.kind === "array" &&
    rows[0].cells.every((cell) => cell.trim() !== "" && !Number.isNaN(Number(cell)));
  const head = isData ? { text: line(wanted, separator), cells: wanted } : rows.shift();
  const names = head.cells.map((name) => name.trim());
  if (!rows.length) throw new CsvError("The file has a header but no rows below it.");
  const first = isData ? 1 : 2; // as spreadsheets count
  rows.forEach(({ cells }, at) => {
    if (cells.length !== names.length) {
      throw new CsvError(
        `Row ${at + first} has ${counted(cells.length, "cell")}, the header has ${names.length}.`,
      );
    }
  });
  const used = place(names, wanted, input);
  const ignored = names.filter((_, at) => !used.includes(at));
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const [b0, b1, b2] = new Uint8Array(bytes, 0, Math.min(3, bytes.byteLength));
  const mark = b0 === 0xef && b1 === 0xbb && b2 === 0xbf ? "\ufeff" : "";
  return { head, names, rows, first, separator, end, mark, wanted, used, ignored };
}

/** Where each wanted column is. */
function place(names, wanted, input) {
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new CsvError(`The file has more than one column “${twice}”.`);
  const used = wanted.map((name) => names.indexOf(name));
  const isNamed = ["frame", "arguments"].includes(input.kind);
  if (!isNamed && names.length === wanted.length && used.includes(-1))
    return names.map((_, at) => at);
  if (!isNamed && wanted.length === 1 && used[0] < 0) throw new WhichColumn(names);
  const needless = (at) => isNamed && input.fields[at].required === false;
  const missing = wanted.filter((_, at) => used[at] < 0 && !needless(at));
  if (missing.length) {
    const these =
      missing.length === 1
        ? `the column “${missing[0]}”`
        : `the columns ${missing.map((name) => `“${name}”`).join(", ")}`;
    throw new CsvError(`The file lacks ${these}. It has: ${names.join(", ")}.`);
  }
  return used;
}

/**
 * Predictions for all rows of a table.
 *
 * @param tell called with how many rows are done, and in words what it waits for.
 * @throws {RowErrors | Refusal}
 */
export async function score(entry, table, signal, tell) {
  const given = table.wanted.map((name, at) => [name, table.used[at]]).filter(([, at]) => at >= 0);
  const header = line(given.map(([name]) => name));
  // Rows whose answers hang on each other go together.
  const size = entry.aligned && entry.row_wise ? PIECE : table.rows.length;
  const answers = [];
  const errors = [];
  for (let start = 0; start < table.rows.length; start += size) {
    const piece = table.rows.slice(start, start + size);
    tell(start, "");
    const body = [header, ...piece.map(({ cells }) => sent(given.map(([, at]) => cells[at])))];
    try {
      answers.push(
        ...(
          await asked(entry, body.join("\n"), signal, (seconds) =>
            tell(start, `The service is busy; on in ${seconds} s`),
          )
        ).slice(start ? 1 : 0),
      );
    } catch (error) {
      if (!(error instanceof Refusal && error.errors.length)) throw error;
      errors.push(...error.errors.map((each) => inFile(each, start + table.first)));
      if (errors.length >= MOST_ERRORS) break;
    }
  }
  if (errors.length) throw new RowErrors(errors.slice(0, MOST_ERRORS));
  if (entry.aligned && answers.length !== table.rows.length + 1) {
    throw new Refusal(500, "The service did not answer each row");
  }
  tell(table.rows.length, "");
  return answers;
}

/** An error as the person's file has it, where nothing is null. */
function inFile({ row, field, message }, first) {
  const said = message === "must not be null" ? "must not be empty" : message;
  return { row: row + first, field, message: said };
}

/** A line; an only cell that is empty is quoted, as an empty line may be no row. */
function sent(cells) {
  return cells.length === 1 && cells[0] === "" ? '""' : line(cells);
}

/** The lines of the service's answer, its header first. */
async function asked(entry, body, signal, tellWait) {
  const headers = { "Content-Type": "text/csv", Accept: "text/csv" };
  const options = { method: "POST", headers, body: `${body}\n`, signal };
  const answer = await askPatiently(entry.route, options, tellWait);
  return records(await answer.text(), ",").map(({ cells }) => cells);
}

/** The person's table with the columns of the answers, whose first line is their header. */
export function joined(table, answers) {
  const names = answers[0].map((name) => unlike(name, table.names));
  const { separator, end } = table;
  const beside = (cells) => cells.map((cell) => quoted(cell, separator)).join(separator);
  const lines = [table.head, ...table.rows].map(
    ({ text }, at) => `${text}${separator}${beside(at ? answers[at] : names)}`,
  );
  const rows = table.rows.map(({ cells }, at) => [...cells, ...answers[at + 1]]);
  return { names, rows, text: table.mark + lines.join(end) + end };
}

function unlike(name, names) {
  let made = name;
  for (let count = 2; names.includes(made); count++) made = `${name}_${count}`;
  return made;
}

/** A file with the right columns and the contract's example as its row. */
export function template(input, example) {
  const names = columnsOf(input);
  const values = ["frame", "arguments"].includes(input.kind)
    ? names.map((name) => example?.[name])
    : [example].flat();
  const cells = names.map((_, at) => cellOf(values[at]));
  return `${line(names)}\n${line(cells)}\n`;
}

function cellOf(value) {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
