"""The two modules that hold the notebook's own code: ``notebook.py`` and ``test_notebook.py``.

The person's statements stand there as they were written; only headings and imports are ours.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from itertools import groupby

from ..capture.model import Capture, Part
from . import quoting
from .packaging import source_of


def render_notebook(capture: Capture) -> str:
    """The source of ``<package>/notebook.py``."""
    loader = _loader_name(capture.parts)
    parts = [_with_loader(part, loader) for part in capture.parts]
    # Python wants these first; they hold for the whole module, as they did for later cells.
    future = [part for part in parts if _is_future_import(part)]
    rest = [part for part in parts if part not in future]
    imports = ""
    if any(part.kind == "artifact" for part in rest):
        imports = "from .store import load" + ("" if loader == "load" else f" as {loader}")
    blocks = [_docstring(capture), _join(future), imports, _join(rest)]
    head, *body = [block for block in blocks if block]
    return head + "\n\n" + "\n\n\n".join(body) + "\n" if body else head + "\n"


def render_notebook_tests(capture: Capture) -> str:
    """The source of ``tests/test_notebook.py``; "" if no cell is tagged ``service-test``."""
    if not capture.tests:
        return ""
    bound = {name for part in capture.parts for name in part.names}
    functions = []
    for cell, parts in groupby(capture.tests, key=lambda part: part.cell):
        text = "\n".join(part.source.strip("\n") for part in parts)
        functions.append(_test_function(cell, text, bound, capture.package))
    functions = [function for function in functions if function]
    source = quoting.python_docstring(source_of(capture.provenance))
    asynchronous = any(function.startswith("async def") for function in functions)
    head = [
        f'"""The asserts of {source}: its cells tagged service-test."""',
        "",
        *(["import asyncio", ""] if asynchronous else []),
        "import pytest",
        "",
        "# The application loads the notebook's code where its data files are.",
        'pytestmark = pytest.mark.usefixtures("client")',
    ]
    return "\n\n\n".join(["\n".join(head), *functions]) + "\n" if functions else ""


def _docstring(capture: Capture) -> str:
    source = quoting.python_docstring(source_of(capture.provenance))
    lines = [
        f'"""The code of {source} that the service needs.',
        "",
        "Each part stands as it was run in the cell named above it; the number is the cell's",
        "execution count. Values that were computed in the notebook are loaded from artifacts/.",
        '"""',
    ]
    return "\n".join(lines)


def _loader_name(parts: Iterable[Part]) -> str:
    """What ``store.load`` is called here: a name that the notebook does not use itself."""
    taken = {name for part in parts for name in part.names}
    name = "load"
    while name in taken:
        name = "load_artifact" if name == "load" else name + "_"
    return name


def _with_loader(part: Part, loader: str) -> Part:
    if part.kind != "artifact" or loader == "load":
        return part
    source = re.sub(r"\bload\(", f"{loader}(", part.source)
    return Part(part.kind, part.names, source, part.cell, part.note)


def _is_future_import(part: Part) -> bool:
    body = ast.parse(part.source).body
    return bool(body) and isinstance(body[0], ast.ImportFrom) and body[0].module == "__future__"


def _join(parts: Iterable[Part]) -> str:
    """The parts under one heading for each run of parts of the same cell."""
    sections = []
    for cell, group in groupby(parts, key=lambda part: part.cell):
        heading = "added by nb2service" if cell is None else f"cell [{cell}]"
        text = f"# --- {heading} ---"
        previous_is_block = False
        for position, part in enumerate(group):
            note = f"# {quoting.comment(part.note)}\n" if part.note else ""
            is_block = _is_block(part)
            gap = "\n\n\n" if position and (is_block or previous_is_block) else "\n"
            text += gap + note + part.source.strip("\n")
            previous_is_block = is_block
        sections.append(text)
    return "\n\n\n".join(sections)


def _is_block(part: Part) -> bool:
    blocks = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, blocks) for node in ast.parse(part.source).body)


def _test_function(cell: int | None, source: str, bound: set[str], package: str) -> str:
    tree = ast.parse(source)
    if not tree.body:
        return ""
    label = "" if cell is None else f"_{cell}"
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    # Imported in the function, so that the cell may bind the same names anew.
    names = ", ".join(sorted(read & bound))
    imports = [f"    from {package}.notebook import {names}", ""] if names else []
    body = "\n".join([*imports, _indent(source, tree)])
    if any(isinstance(node, ast.Await) for node in ast.walk(tree)):
        run = f"def test_cell{label}():\n    asyncio.run(cell{label}())"
        return f"async def cell{label}():\n{body}\n\n\n{run}"
    return f"def test_cell{label}():\n{body}"


def _indent(source: str, tree: ast.Module) -> str:
    """The source one level deeper, the text within its multi-line strings left as it is."""
    inside = {
        line
        for node in ast.walk(tree)
        if isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno is not None
        for line in range(node.lineno + 1, node.end_lineno + 1)
    }
    lines = source.split("\n")
    return "\n".join(
        line if number in inside or not line.strip() else "    " + line
        for number, line in enumerate(lines, start=1)
    )
