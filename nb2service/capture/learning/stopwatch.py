"""How long a call takes, which says how often it may be asked for: the same on a busy machine."""

from __future__ import annotations

import time

# Of a call that waits for something else, this part of the time counts; of one that computes and
# has to share the processor, what it had of it, unless that is less still.
_WAITING = 0.25


class Stopwatch:
    """Runs from the moment when it is made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._used = time.process_time()

    @property
    def seconds(self) -> float:
        """How long it would have taken so far, had there been nothing else to do."""
        passed = time.perf_counter() - self._began
        return min(passed, max(time.process_time() - self._used, passed * _WAITING))
