// CSV as people's files have it: quotes, commas and line ends inside quotes, several separators.

/** A file that cannot be read as CSV; the message is for the person. */
export class CsvError extends Error {}

/** The text of a file's bytes, without the mark that some programs put before it. */
export function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CsvError(
      "The file is not text in UTF-8. In Excel, save it as “CSV UTF-8 (comma delimited)”.",
    );
  }
}

/** What separates the cells of a header line: comma, semicolon or tab. */
export function separatorOf(text) {
  const line = text.slice(0, endOfRecord(text, 0)).replace(/"[^"]*"/g, "");
  const counts = [",", ";", "\t"].map((separator) => [line.split(separator).length, separator]);
  return counts.reduce((best, next) => (next[0] > best[0] ? next : best))[1];
}

/** The records of a CSV text, each as it is written and by its cells. */
export function records(text, separator) {
  const found = [];
  for (let start = 0; start < text.length; ) {
    const end = endOfRecord(text, start, found.length + 1);
    const line = text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end);
    found.push({ text: line, cells: cellsOf(line, separator) });
    start = end + 1;
  }
  return found;
}

/** Where the record that begins at `start` ends; a line end inside quotes is part of a cell. */
function endOfRecord(text, start, number = 1) {
  let end = text.indexOf("\n", start);
  if (end < 0) end = text.length;
  let quotes = quotesIn(text, start, end);
  while (quotes % 2) {
    if (end >= text.length) {
      throw new CsvError(`A quote that opens in row ${number} is never closed.`);
    }
    const next = text.indexOf("\n", end + 1);
    const stop = next < 0 ? text.length : next;
    quotes += quotesIn(text, end, stop);
    end = stop;
  }
  return end;
}

function quotesIn(text, start, end) {
  let count = 0;
  for (let at = text.indexOf('"', start); at >= 0 && at < end; at = text.indexOf('"', at + 1)) {
    count++;
  }
  return count;
}

/** The cells of one record. */
export function cellsOf(line, separator) {
  if (!line.includes('"')) return line.split(separator);
  const cells = [];
  for (let at = 0; at <= line.length; ) {
    if (line[at] === '"') {
      let cell = "";
      let close = line.indexOf('"', at + 1);
      while (line[close + 1] === '"') {
        cell += line.slice(at + 1, close + 1);
        at = close + 1;
        close = line.indexOf('"', at + 1);
      }
      cell += line.slice(at + 1, close);
      const end = line.indexOf(separator, close);
      const stop = end < 0 ? line.length : end;
      cells.push(cell + line.slice(close + 1, stop));
      at = stop + 1;
    } else {
      const end = line.indexOf(separator, at);
      const stop = end < 0 ? line.length : end;
      cells.push(line.slice(at, stop));
      at = stop + 1;
    }
  }
  return cells;
}

/** A cell as a CSV with this separator writes it. */
export function quoted(cell, separator = ",") {
  const special = cell.includes(separator) || /["\r\n]/.test(cell);
  return special ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** A line of cells. */
export function line(cells, separator = ",") {
  return cells.map((cell) => quoted(cell, separator)).join(separator);
}
