"""The route of each entry, unlike every other one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import EntryError

if TYPE_CHECKING:
    from .find import EntryRequest

# Routes of every service; an entry of that name would hide them.
_ROUTES = {"healthz", "readyz", "metrics", "docs", "metadata", "ping", "invocations", "static"}


def with_routes(requests: Sequence[EntryRequest]) -> tuple[EntryRequest, ...]:
    """The entries with their final names: ``predict``, or ``rf_predict`` among several models.

    Raises:
        EntryError: two entries would have one name, or one that every service uses itself.
    """
    models = {r.variable for r in requests if r.method}
    functions = {r.name for r in requests if not r.method}
    several = len(models) > 1 or any(r.name in functions for r in requests if r.method)
    named = [
        replace(r, name=f"{r.variable}_{r.method}") if r.method and several else r for r in requests
    ]
    # Names become files too, and some file systems do not tell A from a.
    counts = Counter(r.name.casefold() for r in named)
    for request in named:
        if counts[request.name.casefold()] > 1:
            same = [r for r in named if r.name.casefold() == request.name.casefold()]
            raise EntryError(
                f"{' and '.join(r.expression for r in same)} would both answer "
                f"POST /{request.name}",
                "give one of them another name in the notebook, or serve one only",
                request.cell,
            )
        if request.name in _ROUTES:
            raise EntryError(
                f"/{request.name} is a route of every service; no entry can be called so",
                f"rename {request.expression} in the notebook",
                request.cell,
            )
    return tuple(named)


__all__ = ["with_routes"]
