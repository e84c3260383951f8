"""The answers of one entry to the pieces of a file, and what is wrong with a piece."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from ..answers import Answer, NotebookCodeError
from ..codec import bounds
from ..contract import Entry
from ..endpoint import Endpoint
from ..problems import BrokenRow, Violations
from ..service import Service
from ..settings import read_settings
from .beside import answer_beside
from .pieces import Piece, pieces
from .results import Result

# shows how much of the file is read, where that is known, and how many rows are answered
Show = Callable[[float | None, int], None]


class Scoring:
    """Answers piece by piece.

    Args:
        entry: its contract.
        most: rows of one call.
        beside: whether the input's columns stand beside the predictions.

    Attributes:
        rows: how many are answered.

    Raises:
        StartError: the notebook's code or an artifact does not load.
    """

    def __init__(self, entry: Entry, most: int, beside: bool) -> None:
        # Of requests: here it is the user's own file, and its pieces are small.
        bounds.allow(sys.maxsize, sys.maxsize)
        service = Service(replace(read_settings(), max_batch=sys.maxsize))
        if others := service.other_versions:
            found = ", ".join(f"{name} {what}" for name, what in others.items())
            print(f"Warning: other versions than the notebook's: {found}", file=sys.stderr)
        self._endpoint: Endpoint = service.endpoints[entry.name]
        self._by_row = entry.input.kind == "arguments" or (entry.aligned and entry.row_wise)
        self._most = most
        self._beside = beside
        self._lines = 0
        self.rows = 0

    def run(self, file: BinaryIO, format_: str, result: Result, show: Show) -> None:
        """Put the answers to all rows of a file into the result.

        Raises:
            Problem: a row breaks the contract, or cannot be read.
            NotebookCodeError: the notebook's code fails.
        """
        input_, answer = self._endpoint.entry.input, None
        if not self._by_row:
            print("This entry looks at all rows together: the file is read whole", file=sys.stderr)
        for piece in pieces(file, format_, input_, self._most if self._by_row else None):
            answer = self._answer(piece, result.media_type)
            if answer.rows:
                result.add(answer.body)
            self.rows += answer.rows
            self._lines += piece.body.count(b"\n")
            show(piece.done, self.rows)
        if answer is not None and not self.rows:
            result.add(answer.body)
        result.close()

    def _answer(self, piece: Piece, media_type: str) -> Answer:
        if self._beside:
            return answer_beside(self._endpoint, piece, media_type)
        return self._endpoint.answer(piece.body, piece.content_type, media_type)

    def reason(self, error: Exception) -> str:
        """Why ``run`` failed, with rows and lines counted in the whole file."""
        if isinstance(error, Violations):
            return "\n".join(["it breaks the contract (rows count from 0)", *self._breaches(error)])
        if isinstance(error, BrokenRow):
            return error.counted_from(self._lines if error.what == "line" else self.rows)
        where = f"from row {self.rows} on: " if self.rows else ""
        if isinstance(error, NotebookCodeError):
            cause = error.__cause__
            return f"{where}the notebook's code failed: {type(cause).__name__}: {cause}"
        return f"{where}{error}"

    def _breaches(self, error: Violations) -> Iterator[str]:
        for breach in error.errors:
            where = f"row {self.rows + breach.row}" + (breach.field and f", {breach.field}")
            yield f"  {where}: {breach.message}"
        if not self._beside and any(breach.message == "is unknown" for breach in error.errors):
            yield "--with-input keeps columns that the entry does not take"
