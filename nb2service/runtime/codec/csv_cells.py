"""Wire values as cells of a CSV file, by the field's type."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec

# Longer digit strings are left as text: Python itself refuses to read them.
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]{1,4000}")
_FLOAT_TEXT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INFINITE_TEXT = {"inf": "Infinity", "infinity": "Infinity"}


def parse_cell(text: str, type_: str, nullable: bool) -> Any:
    """The wire value of one CSV cell, by the field's type: ``"001"`` stays text in a text field.

    An empty cell is null, but for text that may not be null: there it is the empty text.
    A cell that cannot be read is given on as text, so that the contract's check names it.
    """
    if text == "":
        return "" if type_ == "string" and not nullable else None
    if type_ in ("integer", "number"):
        return _parse_number(text.strip())
    if type_ == "boolean":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if type_ in ("list", "object", "any"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _parse_number(text: str) -> Any:
    if _INTEGER_TEXT.fullmatch(text):
        return int(text)
    sign, bare = ("-", text[1:]) if text.startswith("-") else ("", text.lstrip("+"))
    if bare.lower() in _INFINITE_TEXT:
        return sign + _INFINITE_TEXT[bare.lower()]
    if bare.lower() == "nan":
        return None
    return float(text) if _FLOAT_TEXT.fullmatch(text) else text


def format_cell(value: Any, type_: str = "") -> str:
    """A wire value as the text of one CSV cell; ``parse_cell`` reads it back."""
    if value is None:
        return ""
    if type_ == "any" or isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    # Numbers and truth values look as in JSON.
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Rows of cells as CSV, each line ended by a newline."""
    lines = _Lines()
    # By this end of a line, older Pythons know that a lone carriage return must be quoted.
    csv.writer(lines, lineterminator="\r\n").writerows(rows)
    return "".join(lines.written)


class _Lines:
    """A file whose lines end with a newline alone, written a line at a time."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, line: str) -> None:
        self.written.append(line[:-2] + "\n")
