"""The order in which the parts of ``notebook.py`` run."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping

from ...errors import CaptureError
from .pieces import Piece


def in_order(pieces: Mapping[str, Piece]) -> list[Piece]:
    """The pieces so that each name is bound before it is needed, else as the notebook ran them.

    What a function needs when it is called comes before whatever might call it while the module
    is being imported; where that goes round in a circle, the notebook's own order holds.

    Raises:
        CaptureError: two definitions need each other to run.
    """
    binder = {name: key for key, piece in pieces.items() for name in piece.binds}
    binder |= {key: key for key in pieces}

    def keys(names: Iterable[str]) -> set[str]:
        return {binder[name] for name in names if name in binder}

    hard = {key: keys(piece.eager) - {key} for key, piece in pieces.items()}
    for key, piece in pieces.items():
        for name in piece.before:
            if name in pieces:
                hard[name].add(key)

    def starts(key: str) -> set[str]:
        return needs[key] if _calls_its_own(pieces[key]) else hard[key]

    needs = {key: hard[key] | keys(piece.late) for key, piece in pieces.items()}
    soft = {key: _reach(starts(key), needs) - hard[key] - {key} for key in pieces}
    rank = {key: (piece.kind != "import", piece.position, key) for key, piece in pieces.items()}
    placed: dict[str, Piece] = {}
    waiting = set(pieces)
    followers: dict[str, set[str]] = defaultdict(set)
    for key in pieces:
        for need in hard[key] | soft[key]:
            followers[need].add(key)
    ready = [(rank[key], key) for key in pieces if not hard[key] and not soft[key]]
    heapq.heapify(ready)
    while waiting:
        if ready:
            _, key = heapq.heappop(ready)
            if key not in waiting:
                continue
        else:
            free = [key for key in waiting if hard[key] <= placed.keys()]
            if not free:
                raise _circle(waiting, hard)
            key = min(free, key=lambda item: rank[item])
        placed[key] = pieces[key]
        waiting.remove(key)
        for follower in followers[key] & waiting:
            if (hard[follower] | soft[follower]) <= placed.keys():
                heapq.heappush(ready, (rank[follower], follower))
    return list(placed.values())


def _calls_its_own(piece: Piece) -> bool:
    """Whether running it may call functions that it defines: a class body, a decorator."""
    return piece.label != "function" or "\n@" in f"\n{piece.source}"


def _reach(start: set[str], needs: Mapping[str, set[str]]) -> set[str]:
    found, todo = set(start), list(start)
    while todo:
        new = needs[todo.pop()] - found
        found |= new
        todo += new
    return found


def _circle(waiting: set[str], hard: Mapping[str, set[str]]) -> CaptureError:
    path = [min(waiting)]
    while path.count(path[-1]) < 2:
        path.append(min(hard[path[-1]] & waiting))
    circle = path[path.index(path[-1]) :]
    return CaptureError(
        f"these definitions need each other to run: {' → '.join(circle)}",
        "define them in the order in which they are needed, each under a name of its own",
    )


__all__ = ["in_order"]
