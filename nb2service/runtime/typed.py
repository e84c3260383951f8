"""Rows that keep to the contract, by column: what lies between a request's bytes and an entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import reading, wire
from .contract import Input
from .decoding import Make
from .tabular import Columns


@dataclass(frozen=True)
class Typed:
    """Valid rows of one request, or of several together.

    Attributes:
        input: what the entry takes.
        count: how many rows.
    """

    input: Input
    count: int
    _live: Any

    @property
    def key(self) -> Any:
        """Rows of requests with equal keys may be joined: no dtype would change by it."""
        return tuple(map(str, getattr(self._live, "dtypes", ())))

    def columns(self) -> list[Any]:
        """One array a field of a frame, in the contract's order; one for the other kinds.

        Arrays of the contract's numpy dtype, shape (rows,) or (rows, *shape); pandas' extension
        arrays where the dtype is one; text (``str``, ``string``) as objects, missing as None.
        """
        raise NotImplementedError

    def live(self) -> Any:
        """What the entry receives: a frame, an array, a Series, a list, or keyword arguments."""
        return self._live


def read(body: bytes, content_type: str, input_: Input, make: Make | None = None) -> Typed:
    """The rows of a request.

    Raises:
        Problem: 400, 415, or 422 with every breach of the contract.
    """
    table = reading.read(body, content_type, input_)
    if isinstance(table, Columns):
        live = wire.from_columns(table.columns, table.count, input_, make)
    else:
        live = wire.from_rows(table.rows, input_, make)
    return Typed(input_, len(table), live)


def join(parts: Sequence[Typed]) -> Typed:
    """The rows of several requests of one entry as one; their keys are equal."""
    input_, lives = parts[0].input, [part._live for part in parts]
    if input_.kind == "list":
        joined: Any = [item for live in lives for item in live]
    elif input_.kind == "array":
        import numpy as np

        joined = np.concatenate(lives)
    else:
        import pandas as pd

        joined = pd.concat(lives, ignore_index=True)
    return Typed(input_, sum(part.count for part in parts), joined)
