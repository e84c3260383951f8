"""The notebook as it stands now, against what ran: which cell of the file a run was of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .cells import Standing
from .files import FileCell

# What a cell without an id must have in common with one that ran to be that one, edited.
_ALIKE = 0.6
_BOUND = re.compile(r"^(?:async\s+)?(?:def\s+|class\s+)?(\w+)\s*(?==[^=]|\(|:)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One execution of a cell.

    Attributes:
        number: its execution count.
        source: the text that ran.
        id: the cell's id, where the front end gave one.
    """

    number: int
    source: str
    id: str | None = None

    @property
    def text(self) -> str:
        """The text as two cells are compared."""
        return self.source.strip()


def standing_cells(
    runs: Sequence[Run],
    file: Sequence[FileCell] | None,
    is_saved_since: Callable[[Run], bool],
    deleted: Mapping[str, bool],
) -> tuple[tuple[Standing, ...], bool]:
    """The code cells that the notebook has now, and whether they are in its own order.

    What ran after the file was saved stands as it ran, though the file does not have it yet.
    Cells below the last one that ran are left out: the person has not come to them.

    Args:
        runs: all executions, in order.
        file: the file's code cells; None where there is none.
        is_saved_since: whether the file was saved after a run.
        deleted: ids of deleted cells, and whether that was after the file was saved.
    """
    last = list({run.id or run.text: run for run in runs}.values())
    if file is None:
        return tuple(
            Standing(run.source, run.number) for run in last if run.id not in deleted
        ), False
    cells = [cell for cell in file if not deleted.get(cell.id or "")]
    twins = _twins(cells, last, is_saved_since)
    found: list[Standing] = []
    for cell, run in zip(cells, twins, strict=True):
        unsaved = run is not None and not is_saved_since(run)
        source = run.source if run is not None and unsaved else cell.source
        found.append(Standing(source, run.number if run else None))
    known = {run.number for run in twins if run}
    unsaved_runs = [
        run
        for run in last
        if run.number not in known and run.id not in deleted and not is_saved_since(run)
    ]
    for run in unsaved_runs:
        before = [i for i, cell in enumerate(found) if cell.number and cell.number < run.number]
        found.insert(max(before, default=-1) + 1, Standing(run.source, run.number))
    end = max((i for i, cell in enumerate(found) if cell.number is not None), default=-1) + 1
    return tuple(found[:end]), not unsaved_runs


def _twins(
    cells: Sequence[FileCell], runs: Sequence[Run], is_saved_since: Callable[[Run], bool]
) -> list[Run | None]:
    """For each cell of the file its last run: the same id, else the same text, else one alike."""
    by_id = {run.id: run for run in runs if run.id}
    by_text = {run.text: run for run in runs}
    found: list[Run | None] = []
    for cell in cells:
        run = by_id.get(cell.id) if cell.id else None
        found.append(run or by_text.get(cell.source.strip()))
    known = {run.number for run in found if run}
    left = [run for run in runs if run.number not in known]
    pairs = [
        (_likeness(cell.source, run.source), place, run)
        for place, cell in enumerate(cells)
        if found[place] is None
        for run in left
        # The one that an id names is in the file no more, whatever looks like it.
        if not (run.id and any(run.id == cell.id for cell in cells))
    ]
    for likeness, place, run in sorted(pairs, key=lambda pair: (-pair[0], -pair[2].number)):
        if likeness >= _ALIKE and found[place] is None and run.number not in known:
            found[place] = run
            known.add(run.number)
    return found


def _likeness(one: str, other: str) -> float:
    names, others = set(_BOUND.findall(one)), set(_BOUND.findall(other))
    shared = 0.5 if names & others else 0.0
    return shared + difflib.SequenceMatcher(None, one.strip(), other.strip()).ratio()


__all__ = ["Run", "standing_cells"]
