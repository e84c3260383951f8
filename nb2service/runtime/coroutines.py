"""The event loop on which coroutines of the notebook run."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns; the calling thread waits for it."""
    with _lock:
        # A forked worker has the parent's loop but not the thread that ran it.
        if not _started or _started[-1].pid != os.getpid():
            _started[:] = [_Loop()]
        loop = _started[-1].loop
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


class _Loop:
    """One for the process, so that clients bound to a loop by the notebook's code keep working
    from call to call."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="coroutines", daemon=True).start()


_started: list[_Loop] = []
_lock = threading.Lock()
