"""Cells and the tags that give them a role."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from ..errors import TagError


class Tag(str, Enum):
    """The cell tags of nb2service; their meaning is in the README."""

    PREDICT = "service-predict"
    MODEL = "service-model"
    SETUP = "service-setup"
    EXAMPLE = "service-example"
    TEST = "service-test"
    SKIP = "service-skip"


# Where an editor has no tags, a first line `# nb2service: predict` means the same.
_DIRECTIVE = re.compile(r"\s*#\s*nb2service:\s*(?P<words>[\w\s,-]+?)\s*$")
_PREFIX = "service-"


@dataclass(frozen=True)
class Cell:
    """One executed code cell.

    Attributes:
        number: its execution count, the ``[7]`` that the notebook shows.
        source: what the person typed, IPython syntax included.
        tags: its service tags, from metadata or from the directive line.
        id: the notebook file's cell id, where known.
        reached: the line at which it raised, or which is running; None where all of it ran.
    """

    number: int
    source: str
    tags: frozenset[Tag] = frozenset()
    id: str | None = None
    reached: int | None = None


@dataclass(frozen=True)
class Standing:
    """A code cell as the notebook has it now.

    Attributes:
        source: its present text.
        number: execution count of its last run, perhaps with another text; None if it never ran.
    """

    source: str
    number: int | None


@dataclass(frozen=True)
class Notebook:
    """The cells in the order in which they were executed, and where they come from.

    Attributes:
        cells: every executed code cell, oldest first. A cell run twice is there twice.
        path: the notebook's file, relative to the working directory if below it; None if unknown.
        title: first heading of the notebook's first markdown cell; "" if there is none.
        purpose: first paragraph after that heading; "" if there is none.
        sha256: hash of the code that was executed (not of outputs), for provenance.
        unexecuted: code cells of the file whose present text was never run in this kernel.
        waiting: cells of the file with service tags that never ran: the tags, and the text.
        standing: the code cells as the notebook has them now, as far as is known, up to the last
            one that ran.
        ordered: whether these are in the notebook's own order.
        doubtful: whether the file may be older than what ran, so that what it lacks may be there.
    """

    cells: tuple[Cell, ...]
    path: str | None = None
    title: str = ""
    purpose: str = ""
    sha256: str = ""
    unexecuted: tuple[str, ...] = field(default=())
    waiting: tuple[tuple[frozenset[Tag], str], ...] = field(default=())
    standing: tuple[Standing, ...] = field(default=())
    ordered: bool = False
    doubtful: bool = False
    texts: tuple[str, ...] = field(default=())

    def tagged(self, tag: Tag) -> tuple[Cell, ...]:
        """The cells that carry ``tag``, in the order of execution."""
        return tuple(cell for cell in self.cells if tag in cell.tags)


def read_tags(metadata_tags: Iterable[str], source: str, cell: int | None) -> frozenset[Tag]:
    """The service tags of a cell, from its metadata and its first line.

    Raises:
        TagError: a ``service-…`` tag that does not exist; the message lists those that do.
    """
    words = [tag for tag in metadata_tags if tag.startswith(_PREFIX)]
    first_line = source.lstrip("\n").split("\n", 1)[0]
    if directive := _DIRECTIVE.match(first_line):
        words += [_PREFIX + w for w in re.split(r"[\s,]+", directive["words"]) if w]
    known = {tag.value: tag for tag in Tag}
    for word in words:
        if word not in known:
            raise TagError(
                f"the tag {word!r} does not exist",
                f"use one of {', '.join(known)}",
                cell,
            )
    return frozenset(known[word] for word in words)


def is_directive(line: str) -> bool:
    """Whether a line is a ``# nb2service: …`` directive: a tag in the clothes of a comment."""
    return _DIRECTIVE.match(line) is not None
