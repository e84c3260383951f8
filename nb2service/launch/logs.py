"""The output of services, as files that do not grow without bound."""

from __future__ import annotations

import os
from pathlib import Path

_LIMIT, _KEPT = 8_000_000, 1_000_000  # bytes


def tail(log: Path, lines: int) -> str:
    """The last lines of a log; "" if there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(-min(_KEPT, log.stat().st_size), os.SEEK_END)
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def shorten(log: Path) -> None:
    """Keep only the end of a log that grew too long; its writers append, so they go on well."""
    if log.exists() and log.stat().st_size > _LIMIT:
        with log.open("r+b") as file:
            file.seek(-_KEPT, os.SEEK_END)
            kept = file.read()
            file.seek(0)
            file.truncate()
            file.write(kept[kept.find(b"\n") + 1 :])
