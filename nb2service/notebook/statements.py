"""Top-level statements of the executed cells: what can travel, one by one."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..errors import NotebookError
from .cells import Cell, is_directive
from .files import read_notebook
from .imported import script_path, script_text
from .scopes import segment, split_lines
from .uses import Uses, is_future_annotations, uses_of, uses_of_nodes

# Magics that run their text in the notebook's own namespace.
_CELL_MAGICS = {"time", "capture", "prun"}
_LINE_MAGICS = {"time", "prun"}
_BINDING = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Import, ast.ImportFrom,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """One top-level statement of an executed cell.

    Attributes:
        cell: the cell's execution count.
        lines: first and last line in the cell (IPython syntax transformed), decorators included.
        source: its text, with the comment lines directly above it.
        node: its syntax tree.
        uses: the names that it uses.
    """

    cell: int
    lines: tuple[int, int]
    source: str
    node: ast.stmt = field(compare=False, repr=False)
    uses: Uses


def parse_statements(
    cells: Sequence[Cell], transform: Callable[[str], str]
) -> tuple[Statement, ...]:
    """All top-level statements, in the order of execution.

    Cells that do not parse are passed over: they cannot have run. The text that ``%%time``,
    ``%%capture`` and ``%time`` run counts as the cell's own, and so does the file of a ``%run``.

    Args:
        cells: executed cells, oldest first.
        transform: turns IPython syntax into Python (``TransformerManager().transform_cell``).
    """
    found: list[Statement] = []
    future = False
    with warnings.catch_warnings():
        # Invalid escapes and the like were already reported when the cell ran.
        warnings.simplefilter("ignore")
        for cell in cells:
            for text, node, offset in _parse(cell.source, transform):
                future = future or is_future_annotations(node.body)
                parsed = _statements(cell.number, text, node, offset, future)
                found += [s for s in parsed if _has_run(s, cell.reached)]
    return tuple(found)


def _has_run(statement: Statement, reached: int | None) -> bool:
    """Whether a cell that stopped at a line came to a statement; one that raised bound nothing."""
    if reached is None or statement.lines[1] < reached:
        return True
    return statement.lines[0] <= reached and not isinstance(statement.node, _BINDING)


def _parse(
    source: str, transform: Callable[[str], str], offset: int = 0
) -> Iterator[tuple[list[str], ast.Module, int]]:
    """Pieces of plain Python in a cell: their lines, tree, and line offset in the cell."""
    try:
        text = transform(source).replace("\r\n", "\n").replace("\r", "\n")
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    # A run of ordinary statements is one piece; each magic that runs text is a piece of its own.
    plain: list[ast.stmt] = []
    for node in tree.body:
        magics = _magic_texts(node)
        if not magics:
            plain.append(node)
            continue
        if plain:
            yield split_lines(text), ast.Module(plain, []), offset
            plain = []
        for inner, below in magics:
            yield from _parse(inner, transform, offset + node.lineno - 1 + below)
    if plain:
        yield split_lines(text), ast.Module(plain, []), offset


def _magic_texts(node: ast.stmt) -> list[tuple[str, int]]:
    """What a magic runs in the namespace: texts, and how many lines below the magic they are."""
    match node:
        case ast.Expr(
            ast.Call(
                ast.Attribute(ast.Call(ast.Name("get_ipython")), kind),
                [ast.Constant(str(name)), *_, ast.Constant(str(text))],
            )
        ):
            if kind == "run_cell_magic" and name in _CELL_MAGICS:
                return [(text, 1)]
            if kind == "run_line_magic" and name in _LINE_MAGICS:
                return [(text, 0)]
            if kind == "run_line_magic" and name == "run":
                return [(source, 0) for source in _run_file(text)]
    return []


def _run_file(arguments: str) -> list[str]:
    """The source that ``%run`` ran: of a script, or of each cell of a notebook."""
    path = script_path(arguments)
    try:
        if path is None:
            return []
        if path.suffix == ".ipynb":
            return [cell.source for cell in read_notebook(path).cells]
        return [script_text(path)]
    except (OSError, ValueError, NotebookError):  # moved since; what it made is in memory
        return []


def _statements(
    cell: int, text: Sequence[str], tree: ast.Module, offset: int, future: bool
) -> Iterator[Statement]:
    previous_end = 0
    for index, node in enumerate(tree.body):
        first, last = _first_line(node), node.end_lineno or node.lineno
        following = tree.body[index + 1 :]
        shared = first == previous_end or (bool(following) and _first_line(following[0]) == last)
        body = segment(text, node) if shared else "\n".join(text[first - 1 : last])
        comments = _comments_above(text, first, previous_end)
        yield Statement(
            cell=cell,
            lines=(first + offset, last + offset),
            source="\n".join([*comments, body]),
            node=node,
            uses=uses_of_nodes([node], text, future),
        )
        previous_end = last


def _comments_above(text: Sequence[str], first: int, previous_end: int) -> list[str]:
    start = first
    while start - 1 > previous_end and text[start - 2].lstrip().startswith("#"):
        start -= 1
    return [line for line in text[start - 1 : first - 1] if not is_directive(line)]


def _first_line(node: ast.stmt) -> int:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return node.lineno


__all__ = ["Statement", "Uses", "parse_statements", "uses_of"]
