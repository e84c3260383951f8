"""One quoting function a language: no value reaches a generated file but through one of these."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

_LINE = 80
_SPACE = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")
_MARKDOWN_START = re.compile(r"^(\d*)([-+=:#]|[.)](?=\s|$))")  # a list, a heading, an underline


def one_line(text: str) -> str:
    """The text on one line, without control characters and lone surrogates."""
    sound = text.encode("utf-8", "replace").decode("utf-8")
    return _SPACE.sub(" ", _CONTROL.sub(" ", sound)).strip()


def toml(text: str) -> str:
    """A TOML basic string."""
    return _double_quoted(text)


def yaml(text: str) -> str:
    """A YAML double-quoted scalar."""
    return _double_quoted(text)


def compose(text: str) -> str:
    """A YAML scalar in a Compose file, where ``$`` would begin a variable."""
    return yaml(text).replace("$", "$$")


def shell(text: str) -> str:
    """One word for a POSIX shell."""
    return shlex.quote(text)


def dockerfile(text: str) -> str:
    """A double-quoted word of a Dockerfile, in which no variable is expanded."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", one_line(text)) + '"'


def python_docstring(text: str) -> str:
    """Text to stand within a triple-quoted Python string, on one line."""
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')


def python(value: Any, depth: int = 0) -> str:
    """A literal of JSON-ready values, one item a line where it is longer than a line."""
    if isinstance(value, dict):
        items = [f"{python(key)}: {python(item, depth + 1)}" for key, item in value.items()]
    elif isinstance(value, list):
        items = [python(item, depth + 1) for item in value]
    else:
        # JSON's strings mean the same in Python; its words for true and null do not.
        return _double_quoted(value) if isinstance(value, str) else repr(value)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    line = ", ".join(items)
    if len(line) + 4 * depth <= _LINE and "\n" not in line:
        return opening + line + closing
    pad = " " * 4 * depth
    laid_out = "".join(f"{pad}    {item},\n" for item in items)
    return f"{opening}\n{laid_out}{pad}{closing}"


def name(text: str) -> str:
    """A dotted Python name, as it is.

    Raises:
        ValueError: it is none.
    """
    if not all(part.isidentifier() for part in text.split(".")):
        raise ValueError(f"{text!r} is not a name")
    return text


def size(count: int) -> str:
    """A number of bytes for people: ``1.2 MB``."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def comment(text: str) -> str:
    """Text to stand behind the ``# `` of Python, TOML, YAML, a Dockerfile or requirements."""
    return one_line(text)


def url(text: str) -> str:
    """A URL as one word of a requirements file."""
    return one_line(text).replace(" ", "%20")


def markdown(text: str) -> str:
    """Plain text in a Markdown paragraph, list item or table cell, HTML made harmless."""
    safe = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN_START.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", safe))


def markdown_code(text: str) -> str:
    """A Markdown code span, fit for a table cell too."""
    inner = one_line(text).replace("|", "\\|")
    fence = "`" * (_longest_run(inner) + 1)
    pad = " " if not inner or inner[0] == "`" or inner[-1] == "`" else ""
    return f"{fence}{pad}{inner}{pad}{fence}"


def markdown_block(text: str, language: str = "") -> str:
    """A fenced Markdown block that holds the text as it is."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _double_quoted(text: str) -> str:
    sound = text.encode("utf-8", "replace").decode("utf-8")
    quoted = json.dumps(sound, ensure_ascii=False)
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
