// What was just asked, as a program asks it.

import { encode } from "./json.js";
import { apiKey, base } from "./service.js";

/** A text as one word of a POSIX shell. */
export function shellWord(text) {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The request in the shell. `parts`: of a form with files, instead of a body. */
export function curl(path, body, parts) {
  const lines = [`curl ${shellWord(new URL(path, base).href)}`];
  if (apiKey.get()) lines.push('-H "X-API-Key: $API_KEY"');
  if (parts) {
    for (const [name, value] of parts) {
      const named = value instanceof File ? `${name}=@${fileName(value)}` : `${name}=${value}`;
      // curl reads the value of --form-string as it is, "@" and ";" too.
      lines.push(`${value instanceof File ? "-F" : "--form-string"} ${shellWord(named)}`);
    }
  } else {
    lines.push("-H 'Content-Type: application/json'", `-d ${shellWord(encode(body))}`);
  }
  return lines.join(" \\\n  ");
}

function fileName(file) {
  return /[;,"\\]/.test(file.name) ? `"${file.name.replace(/["\\]/g, "\\$&")}"` : file.name;
}

/** The request in Python. */
export function python(path, body, parts) {
  const key = apiKey.get();
  const lines = [
    ...(key ? ["import os", ""] : []),
    "import requests",
    "",
    "answer = requests.post(",
  ];
  lines.push(`    ${encode(new URL(path, base).href)},`);
  if (key) lines.push('    headers={"X-API-Key": os.environ["API_KEY"]},');
  if (parts) {
    const [files, texts] = [true, false].map((wanted) =>
      parts.filter(([, value]) => value instanceof File === wanted),
    );
    const pair = (name, value) => `(${encode(name)}, ${value})`;
    const opened = files.map(([name, file]) => pair(name, `open(${encode(file.name)}, "rb")`));
    lines.push(`    files=[${opened.join(", ")}],`);
    if (texts.length) {
      lines.push(`    data=[${texts.map(([name, text]) => pair(name, encode(text))).join(", ")}],`);
    }
  } else {
    lines.push(`    json=${encode(body, "python", "    ")},`);
  }
  lines.push("    timeout=60,", ")", "answer.raise_for_status()");
  lines.push('print(answer.json()["predictions"])');
  return lines.join("\n");
}
