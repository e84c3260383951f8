"""How many requests each caller may make, counted over all worker processes of a machine.

The rule is GCRA, the leaky bucket kept as one number (``pyrate_limiter``): 100/minute lets 100
requests through at once, and then one each 0.6 seconds. That number lies in memory which all
workers share, at a place that follows from the caller's name.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import ceil
from pathlib import Path

from pyrate_limiter import GCRA, Duration, Rate

from ..settings import SettingError

try:
    from fcntl import LOCK_EX, LOCK_UN, lockf
except ImportError:  # Windows, where one process serves
    lockf = None  # type: ignore[assignment]

# A caller has one of several places, of which all may be taken by others: then whoever was nearest
# to having all requests again has them.
_PLACE = struct.Struct("=8sq")  # who, and GCRA's number in microseconds
_SET = 8
_SETS = 2048
_RULE = GCRA()


@dataclass(frozen=True)
class Verdict:
    """Whether a request is within the limit.

    Attributes:
        retry: seconds after which the next one will be; 0 if this one is.
        limit: requests that can be made at once.
        window: seconds in which they come back.
        remaining: how many there are now.
        reset: seconds until all are there again.
    """

    retry: int
    limit: int
    window: int
    remaining: int
    reset: int

    def headers(self) -> tuple[tuple[str, str], ...]:
        """What the client is told (draft-ietf-httpapi-ratelimit-headers-10)."""
        told = (
            ("RateLimit-Policy", f'"default";q={self.limit};w={self.window}'),
            ("RateLimit", f'"default";r={self.remaining};t={self.reset}'),
        )
        return (("Retry-After", str(self.retry)), *told) if self.retry else told


class Limits:
    """The callers' numbers, in a file in memory that the workers share.

    As for the metrics, that is a file in ``PROMETHEUS_MULTIPROC_DIR``, which ``serve`` sets. Else
    it is a file without a name, which only processes share that are forked from this one.

    Raises:
        SettingError: no folder for it is writable.
    """

    def __init__(self) -> None:
        size = _SETS * _SET * _PLACE.size
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        try:
            with Path(folder, "limits").open("a+b") if folder else tempfile.TemporaryFile() as file:
                os.truncate(file.fileno(), size)
                self._memory = mmap.mmap(file.fileno(), size)
                self._file = os.dup(file.fileno())  # for the locks
        except OSError as error:
            raise SettingError(f"RATE_LIMIT needs a file for its counts: {error}") from None
        weakref.finalize(self, os.close, self._file)
        self._threads = threading.Lock()

    def take(self, caller: str, limit: str) -> Verdict:
        """Count one request, if it is within the limit."""
        rate = _rate(limit)
        who = blake2b(f"{caller} {limit}".encode(), digest_size=8).digest()
        at = int.from_bytes(who, "big") % _SETS * _SET * _PLACE.size
        now = time.time_ns() // 1_000_000
        with self._locked(at):
            place, number = self._find(who, at)
            if number > (now + rate.interval + 1) * 1000:  # the clock was put back
                number = 0
            state, decision = _RULE.step([rate], (number,), now, 1)
            number = int(state[0])
            if decision.allowed:
                _PLACE.pack_into(self._memory, place, who, number)
        wait = 0 if decision.allowed else max(1, ceil((decision.retry_after_ms or 0) / 1000))
        used = _RULE.consumed([rate], (number,), now)
        reset = max(0, ceil((number / 1000 - now) / 1000))
        left = max(0, rate.limit - used)
        return Verdict(wait, rate.limit, rate.interval // 1000, left, reset)

    def _find(self, who: bytes, at: int) -> tuple[int, int]:
        """Where a caller's number is, or shall be, and the number."""
        least, free = 2**63, at
        for place in range(at, at + _SET * _PLACE.size, _PLACE.size):
            holder, number = _PLACE.unpack_from(self._memory, place)
            if holder == who:
                return place, number
            if number < least:
                least, free = number, place
        return free, 0

    @contextmanager
    def _locked(self, at: int) -> Iterator[None]:
        # A lock on the file is let go when its process ends, however it ends.
        with self._threads:
            if lockf is None:
                yield
                return
            lockf(self._file, LOCK_EX, _PLACE.size, at)
            try:
                yield
            finally:
                lockf(self._file, LOCK_UN, _PLACE.size, at)


@lru_cache(maxsize=256)
def _rate(limit: str) -> Rate:
    count, _, unit = limit.partition("/")
    return Rate(int(count), Duration[unit.upper()])
