"""What is seen while cells run: tags, ids and times of their requests, and where they stopped."""

from __future__ import annotations

import inspect
import linecache
import sys
import time
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any
from weakref import WeakKeyDictionary

from .imported import note_scripts, note_texts


@dataclass
class Request:
    """What an execute request said of its cell, and what came of it.

    Attributes:
        id: the cell's id; None where the front end gives none.
        tags: its tags, nb2service's or not.
        at: when it came (seconds since the epoch).
        reached: the line at which it raised; 0 where nothing of it ran, None where all of it did.
    """

    id: str | None
    tags: tuple[str, ...]
    at: float
    reached: int | None = None
    shown: int = 0  # the id of the traceback that was shown last before it


@dataclass
class Watched:
    """What one shell was asked since it is watched.

    Attributes:
        since: when that began.
        requests: by execution count.
        deleted: ids of cells that the front end said were deleted, and when it said so.
    """

    since: float
    requests: dict[int, Request] = field(default_factory=dict)
    deleted: dict[str, float] = field(default_factory=dict)


_watched: WeakKeyDictionary[Any, Watched] = WeakKeyDictionary()


def watched(shell: Any) -> Watched:
    """What is known of a shell's requests; nothing if it was never watched."""
    return _watched.get(shell) or Watched(time.time())


def watch(shell: Any) -> None:
    """Remember each execute request from now on."""
    if shell in _watched:
        return
    seen = _watched[shell] = Watched(time.time())
    note_texts()

    def remember(info: Any) -> None:
        if getattr(info, "store_history", True) is False:
            return
        metadata = _metadata(shell)
        # The cell's text is stored right after this hook, at the index that is its number.
        seen.requests[len(history(shell))] = Request(
            metadata.get("cellId"),
            tuple(metadata.get("tags") or ()),
            time.time(),
            shown=id(getattr(sys, "last_traceback", None)),
        )
        seen.deleted.update(dict.fromkeys(metadata.get("deletedCells") or (), time.time()))

    def note(result: Any) -> None:
        note_texts()
        note_scripts(getattr(result.info, "raw_cell", None) or "")
        request = seen.requests.get(getattr(result, "execution_count", None) or -1)
        if request is None:
            return
        # The magics of IPython 8 that run a cell's text show what it raises and go on.
        shown = getattr(sys, "last_traceback", None)
        is_hidden = result.success and id(shown) != request.shown and _is_magic(result.info)
        if is_hidden or not result.success:
            trace = getattr(result.error_in_exec, "__traceback__", shown if is_hidden else None)
            request.reached = _stopped_at(trace, shell.user_ns)

    shell.events.register("pre_run_cell", remember)
    shell.events.register("post_run_cell", note)


def history(shell: Any) -> list[str]:
    """What was executed, at the index of its execution count; [0] is empty."""
    manager = getattr(shell, "history_manager", None)
    if manager is not None:
        return list(manager.input_hist_raw)
    return list(shell.user_ns.get("In", [""]))


def running_line(frame: FrameType | None, shell: Any, source: str) -> int | None:
    """The line that a cell has come to if it is the one that is running, from a frame within it."""
    lines = []
    while frame is not None:
        if _is_cell(frame, shell.user_ns):
            lines.append((frame, frame.f_lineno))
        frame = frame.f_back
    if not lines:
        return None
    # What a front end runs silently is no cell.
    text = "".join(linecache.getlines(lines[-1][0].f_code.co_filename))
    is_running = text.strip() == shell.transform_cell(source).strip()
    return _line(lines[::-1]) if is_running else None


def _stopped_at(trace: TracebackType | None, namespace: dict[str, Any]) -> int:
    lines = []
    while trace is not None:
        if _is_cell(trace.tb_frame, namespace):
            lines.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return _line(lines) or 0


def _is_magic(info: Any) -> bool:
    return str(getattr(info, "raw_cell", "")).lstrip().startswith("%%")


def _is_cell(frame: FrameType, namespace: dict[str, Any]) -> bool:
    is_module = not frame.f_code.co_flags & inspect.CO_NEWLOCALS
    return frame.f_globals is namespace and is_module


def _line(lines: list[tuple[FrameType, int]]) -> int | None:
    """The line in the cell; `%%time` counts that of its text from the line below it."""
    if not lines:
        return None
    timed = [line for frame, line in lines if frame.f_code.co_filename == "<timed exec>"]
    return 1 + timed[0] if timed else lines[0][1]


def _metadata(shell: Any) -> dict[str, Any]:
    get_parent = getattr(shell, "get_parent", None)
    if get_parent is None:  # plain IPython has no requests
        return {}
    metadata = (get_parent() or {}).get("metadata")
    return metadata if isinstance(metadata, dict) else {}


__all__ = ["Request", "Watched", "history", "running_line", "watch", "watched"]
