"""Notebook files: their code cells, what the first markdown says, and parameters put into them."""

from __future__ import annotations

import copy
import json
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NotebookError

if TYPE_CHECKING:
    from nbformat import NotebookNode

Scalar = bool | int | float | str | None

_PARAMETERS, _INJECTED = "parameters", "injected-parameters"


@dataclass(frozen=True)
class FileCell:
    """One code cell of a notebook file.

    Attributes:
        source: its text.
        id: its id; None in files older than nbformat 4.5.
        tags: all its tags, nb2service's or not.
    """

    source: str
    id: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True)
class NotebookFile:
    """A notebook file as nb2service reads it.

    Attributes:
        cells: its code cells, from the top.
        title: first heading of the first markdown cell; "" if there is none.
        purpose: first paragraph after that heading; "" if there is none.
        kernel_name: kernelspec it asks for; "" if it names none.
        language: always ``python``.
        content: the whole notebook in nbformat 4, its cells' texts joined.
    """

    cells: tuple[FileCell, ...]
    title: str
    purpose: str
    kernel_name: str
    language: str
    content: dict[str, Any] = field(compare=False, repr=False)

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of its markdown cells, from the top."""
        cells = self.content["cells"]
        return tuple(cell["source"] for cell in cells if cell["cell_type"] == "markdown")

    @property
    def node(self) -> NotebookNode:
        """The whole notebook, for Jupyter's own libraries."""
        import nbformat

        return nbformat.reader.reads(json.dumps(self.content))


def read_notebook(path: Path) -> NotebookFile:
    """Read a notebook file of nbformat 3 or 4.

    Raises:
        NotebookError: there is no such file, it is no notebook, or its language is not Python.
    """
    content = _read_content(path)
    metadata = content.get("metadata", {})
    kernel = metadata.get("kernelspec", {})
    language = metadata.get("language_info", {}).get("name") or kernel.get("language") or "python"
    if language.lower() not in ("python", "ipython"):
        raise NotebookError(
            f"{path} is a notebook in {language}",
            "give a notebook with a Python kernel",
        )
    title, purpose = _read_heading(content["cells"])
    cells = tuple(
        FileCell(cell["source"], cell.get("id"), tuple(cell.get("metadata", {}).get("tags", ())))
        for cell in content["cells"]
        if cell["cell_type"] == "code"
    )
    return NotebookFile(cells, title, purpose, kernel.get("name", ""), "python", content)


def _read_content(path: Path) -> dict[str, Any]:
    hint = "give the path of an .ipynb file"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotebookError(f"there is no file {path}", hint) from None
    except UnicodeDecodeError:
        raise NotebookError(f"{path} is no notebook: it is not text", hint) from None
    except OSError as error:
        raise NotebookError(f"{path} cannot be read: {error.strerror}", hint) from None
    if path.suffix in (".py", ".md", ".Rmd", ".qmd"):
        hint = f"convert it first: jupytext --to ipynb {path}"
    try:
        content = _parse(text)
        if all(isinstance(cell["source"], str) and cell["cell_type"] for cell in content["cells"]):
            return content
    # Each of them is a way to say that the structure is not a notebook's.
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    what = "it is JSON of another kind" if _is_json(text) else "it is not JSON"
    raise NotebookError(f"{path} is no notebook: {what}", hint)


def _parse(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)
    if content["nbformat"] != 4:
        return _upgraded(text)
    for cell in content["cells"]:
        if isinstance(cell["source"], list):
            cell["source"] = "".join(cell["source"])
    return content


def _upgraded(text: str) -> dict[str, Any]:
    # Importing it takes most of a second: only an old notebook costs that.
    import nbformat

    try:
        with warnings.catch_warnings():
            # Missing cell ids and the like: nothing that concerns a reader.
            warnings.simplefilter("ignore")
            upgraded: dict[str, Any] = nbformat.convert(nbformat.reader.reads(text), 4)
    except nbformat.ValidationError as error:
        raise ValueError(str(error)) from None
    return upgraded


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# --- title and purpose


_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$|<h\d[^>]*>(.+?)</h\d>", re.IGNORECASE)
_UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*$")
# Badges, images, rules, bare HTML, tables, and code are no sentence that says what it is for.
_NO_PROSE = re.compile(r"\s*(\[?!\[|<|\||```|~~~|([-*_] *){3,}$)")


def _read_heading(cells: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    texts: list[str] = []
    for cell in cells:
        if cell["cell_type"] == "markdown":
            texts.append(cell["source"])
        elif texts:
            break
    lines = "\n\n".join(texts).split("\n")
    first_cell_lines = len(texts[0].split("\n")) if texts else 0
    for index, line in enumerate(lines[:first_cell_lines]):
        below = lines[index + 1] if index + 1 < len(lines) else ""
        if match := _HEADING.match(line):
            return _plain(match[1] or match[2]), _first_paragraph(lines[index + 1 :])
        if line.strip() and _UNDERLINE.match(below):
            return _plain(line), _first_paragraph(lines[index + 2 :])
    return "", ""


def _first_paragraph(lines: list[str]) -> str:
    paragraph: list[str] = []
    for line in lines:
        if not line.strip() or _HEADING.match(line) or _NO_PROSE.match(line):
            if paragraph:
                break
        else:
            paragraph.append(line.strip())
    return _plain(" ".join(paragraph))


def _plain(markdown: str) -> str:
    """Inline markup taken away: links keep their text, emphasis and code their words."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"<[^>]+>", "", text)
    text = re.sub(r"(\*\*|__|\*|`)(\S(?:.*?\S)?)\1", r"\2", text)
    return " ".join(text.split())


# --- parameters


def parameter_value(text: str) -> Scalar:
    """The value of a ``-p NAME VALUE`` as papermill reads it: bool, None, int, float or text."""
    literals: dict[str, Scalar] = {"True": True, "False": False, "None": None}
    if text in literals:
        return literals[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def insert_parameters(node: NotebookNode, parameters: Mapping[str, Any]) -> NotebookNode:
    """A copy of the notebook with a cell that assigns the parameters, if there are any.

    As papermill does it: the cell takes the place of one tagged ``injected-parameters``, else
    follows the one tagged ``parameters``, else stands at the top.

    Raises:
        NotebookError: a parameter's name is no Python name.
    """
    for name in parameters:
        if not name.isidentifier():
            raise NotebookError(
                f"the parameter {name!r} is no Python name", "use letters, digits and _"
            )
    from nbformat.v4 import new_code_cell

    made = copy.deepcopy(node)
    if not parameters:
        return made
    lines = [f"{name} = {_literal(value)}" for name, value in parameters.items()]
    cell = new_code_cell("\n".join(["# Parameters", *lines]), metadata={"tags": [_INJECTED]})
    if (node.nbformat, node.get("nbformat_minor", 0)) < (4, 5):
        cell.pop("id", None)
    injected, parameters_at = _tagged(made, _INJECTED), _tagged(made, _PARAMETERS)
    if injected is not None:
        made.cells[injected] = cell
    else:
        made.cells.insert(0 if parameters_at is None else parameters_at + 1, cell)
    return made


def _tagged(node: NotebookNode, tag: str) -> int | None:
    for index, cell in enumerate(node.cells):
        if tag in cell.get("metadata", {}).get("tags", ()):
            return index
    return None


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


__all__ = ["FileCell", "NotebookFile", "insert_parameters", "parameter_value", "read_notebook"]
