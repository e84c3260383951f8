"""What travels although the notebook says otherwise by now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...notebook.cells import Cell, Notebook, Tag
from ...notebook.statements import Statement, parse_statements
from ..model import CaptureWarning
from .lineage import Origin, Step, lineage
from .result import Closure

_SHIPS = "what ran is what ships"
_NEVER = 0  # the number of a cell that never ran


@dataclass(frozen=True)
class _Cause:
    """Why names are not what the notebook's text makes of them.

    Attributes:
        kind: ``edited``, ``renewed``, ``gone``, ``stopped``, ``unrun`` or ``order``.
        cell: execution count of the cell; None for one that never ran.
        text: its first line; of a renewed one the names that it binds.
    """

    kind: str
    cell: int | None = None
    text: str = ""


def stale_warnings(
    notebook: Notebook,
    closure: Closure,
    statements: Sequence[Statement],
    transform: Callable[[str], str],
) -> list[CaptureWarning]:
    """Tells of captured names that the notebook, run as it stands, would make otherwise.

    Args:
        notebook: what ran, and how it stands.
        closure: what travels.
        statements: of what ran.
        transform: IPython's cell transformer.
    """
    waiting = [_waiting_warning(tags, text) for tags, text in notebook.waiting]
    if not notebook.standing or _is_as_it_ran(notebook):
        return waiting
    names = dict.fromkeys(name for part in closure.parts for name in part.names)
    told: dict[_Cause, list[str]] = {}
    comparison = _Comparison(notebook, statements, transform)
    for name in names:
        for cause in comparison.causes(name):
            told.setdefault(cause, []).append(name)
    return [*waiting, *(_warning(cause, shown, notebook) for cause, shown in told.items())]


def _is_as_it_ran(notebook: Notebook) -> bool:
    """Whether each cell ran once, to its end, with its present text, from the top."""
    ran = [(cell.number, cell.source.strip()) for cell in notebook.cells]
    stopped = any(cell.reached is not None for cell in notebook.cells)
    standing = [(cell.number, cell.source.strip()) for cell in notebook.standing]
    return not stopped and ran == standing


class _Comparison:
    """The run that was, and one of the notebook as it stands."""

    def __init__(
        self, notebook: Notebook, ran: Sequence[Statement], transform: Callable[[str], str]
    ) -> None:
        self.ordered = notebook.ordered
        self.edited = _edited(notebook)
        self.ran = ran
        self.standing = {cell.number for cell in notebook.standing}
        whole = [Cell(cell.number or _NEVER, cell.source) for cell in notebook.standing]
        self.was = lineage(ran)
        self.would_be = lineage(parse_statements(whole, transform))

    def causes(self, name: str) -> list[_Cause]:
        """Why a name would be made otherwise; none if it would not, or where nothing is known."""
        was, would_be = self.was.origins.get(name), self.would_be.origins.get(name)
        if was is None or (would_be is not None and was.mark == would_be.mark):
            return []
        lost = dict.fromkeys(self._lost(was))
        added = dict.fromkeys(self._added(would_be) if would_be else ())
        if any(cause.kind == "stopped" for cause in added):
            lost = {cause: None for cause in lost if cause.kind != "gone"}
        if not lost and not added and would_be and self.ordered:
            return [_Cause("order")]
        return list(lost | added)

    def _lost(self, was: Origin) -> Iterator[_Cause]:
        """Statements that made it and are in the notebook no more."""
        for step in was.all_steps():
            cell = step.statement.cell
            if step.key in self.would_be.keys:
                continue
            if cell in self.edited:
                yield _Cause("edited", cell)
            elif later := self._bound_since(step):
                yield _Cause("renewed", later.cell, " and ".join(sorted(later.uses.binds)))
            else:
                yield _Cause("gone", cell)

    def _bound_since(self, step: Step) -> Statement | None:
        """What ran later, is in the notebook, and binds what the step bound."""
        names, cell = step.statement.uses.binds, step.statement.cell
        for statement in reversed(self.ran):
            if statement.cell > cell and names & statement.uses.binds:
                return statement if statement.cell in self.standing else None
        return None

    def _added(self, would_be: Origin) -> Iterator[_Cause]:
        """Statements of the notebook that would make it and never ran."""
        for step in would_be.all_steps():
            cell = step.statement.cell
            if step.key in self.was.keys:
                continue
            if cell == _NEVER:
                yield _Cause("unrun", None, step.statement.source.strip().splitlines()[-1])
            else:
                yield _Cause("edited" if cell in self.edited else "stopped", cell)


def _edited(notebook: Notebook) -> set[int | None]:
    """Cells whose present text is another than the one that ran last."""
    ran = {cell.number: cell.source.strip() for cell in notebook.cells}
    return {
        cell.number
        for cell in notebook.standing
        if cell.number in ran and cell.source.strip() != ran[cell.number]
    }


def _warning(cause: _Cause, names: Iterable[str], notebook: Notebook) -> CaptureWarning:
    shown = " and ".join(dict.fromkeys(names))
    doubt = ", or the notebook is not saved" if notebook.doubtful else ""
    said = {
        "edited": (
            f"the cell was edited after it ran{doubt}; {_SHIPS}",
            "run the cell again and deploy again, if the edit is to count",
        ),
        "renewed": (
            f"made before the cell bound {cause.text} anew; {_SHIPS}",
            f"run the cells that make {shown} again, if the new {cause.text} is to count",
        ),
        "gone": (
            f"the cell is no longer in the notebook{doubt}; {_SHIPS}",
            "put the cell back, so that the notebook can be run again",
        ),
        "stopped": (
            f"the cell did not run to its end; {_SHIPS}",
            "run all of it and deploy again, if the rest is to count",
        ),
        "unrun": (
            f"a cell that was never run makes it anew (`{cause.text}`); {_SHIPS}",
            "run the cell and deploy again, if it is to count",
        ),
        "order": (
            f"the cells ran in another order than they stand in; {_SHIPS}, and the notebook run "
            "from the top may come to something else",
            "restart the kernel and run all cells to see",
        ),
    }[cause.kind]
    return CaptureWarning(f"{shown}: {said[0]}", said[1], cause.cell)


def _waiting_warning(tags: Iterable[Tag], text: str) -> CaptureWarning:
    lines = [line for line in text.strip().split("\n") if not line.startswith("#")]
    shown = " and ".join(sorted(tag.value for tag in tags))
    return CaptureWarning(
        f"a cell tagged {shown} was never run (`{(lines or [text])[0]}`): nothing of it is in the "
        "service",
        "run the cell and deploy again",
    )
