"""What a notebook of the corpus is: cells, what is typed, and what must come of it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_TAGS = re.compile(r"# tags: (?P<tags>.+)\n")


@dataclass(frozen=True)
class Ask:
    """One request that the examples do not hold, and what the notebook says to it.

    Attributes:
        instances: the rows that are posted.
        expect: an expression; its value in the kernel is the list of answers.
        route: where they are posted to.
    """

    instances: list[Any]
    expect: str
    route: str = "predict"


@dataclass(frozen=True)
class Book:
    """One notebook: it is served and answers as the kernel does, or is refused.

    Attributes:
        name: what is hard about it.
        cells: its cells, separated by lines of ``---``; a first line ``# tags: a, b`` of a cell
            gives it tags. A cell may stand twice: it ran twice.
        asks: requests; the service's answers must be the kernel's. Needed unless refused.
        line: what is typed.
        said: texts that the card must have (warnings, for instance).
        unsaid: texts that it, or the refusal, must not have.
        present, absent: texts that ``notebook.py`` must and must not have.
        nowhere: texts that neither the card nor any file of the project must have.
        pinned, unpinned: distributions that ``requirements.txt`` must and must not have.
        refused: texts that the refusal must have; then nothing is written.
        verdict: of the proof.
        alone: whether it has a kernel of its own, as what it sets would outlive it.
        files: files beside the notebook, by name.
    """

    name: str
    cells: str
    asks: tuple[Ask, ...] = ()
    line: str = "%deploy"
    said: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    nowhere: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    verdict: str = "equal"
    alone: bool = False
    files: dict[str, str] = field(default_factory=dict)

    def typed(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each cell's text with its tags."""
        for text in re.split(r"^ *---\n", self.cells, flags=re.MULTILINE):
            cell = textwrap.dedent(text).strip() + "\n"
            if first := _TAGS.match(cell):
                yield cell[first.end() :], tuple(re.split(r",\s*", first["tags"]))
            else:
                yield cell, ()


def call(expect: str = "predict(x=3)", **arguments: Any) -> Ask:
    """One call of a function with plain arguments."""
    return Ask([arguments or {"x": 3}], f"[{expect}]")
