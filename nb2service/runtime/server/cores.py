"""What this process may use of the machine, and how worker processes share it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
# Libraries, buffers and the rows under way of one worker; the model itself is shared.
WORKER_MEMORY = 256 * 2**20
# OpenBLAS, MKL, BLIS, numexpr and Arrow follow OMP_NUM_THREADS where no name of their own is set.
THREAD_NAMES = ("OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "LOKY_MAX_CPU_COUNT")


def available() -> int:
    """CPUs that this process may keep busy: its affinity and its container's quota, rounded up."""
    try:
        here = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        here = os.cpu_count() or 1
    return max(1, min([here, *map(math.ceil, _quotas())]))


def default_workers() -> int:
    """A worker for each CPU, but no more than the container's memory bears."""
    return max(1, min([available(), *(limit // WORKER_MEMORY for limit in _memory_limits())]))


def bound_math_threads(workers: int) -> None:
    """Let numeric libraries use one worker's share of the CPUs, so that workers do not fight.

    Works only before numpy is imported. What is set already stays.
    """
    share = str(max(1, available() // workers))
    for name in THREAD_NAMES:
        os.environ.setdefault(name, share)


def _quotas() -> Iterator[float]:
    """CPUs, as fractions, that each control group around this process allows."""
    for folder in _folders("cpu"):
        # "150000 100000" or "max 100000"; in cgroup v1 two files, -1 for no limit
        v1 = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        numbers = _numbers(folder / "cpu.max") or [n for f in v1 for n in _numbers(folder / f)]
        if len(numbers) == 2:
            yield numbers[0] / numbers[1]


def _memory_limits() -> Iterator[int]:
    """Bytes that each control group around this process allows."""
    for folder in _folders("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            yield from _numbers(folder / name)


def _folders(controller: str) -> Iterator[Path]:
    """The folders of the control groups around this process, the innermost first."""
    for line in _text(MEMBERSHIP).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controller if controllers else CGROUPS
        own = root / path.strip("/")
        # In a container its own group may be mounted as the root, whatever the path says.
        yield from (item for item in (own, *own.parents) if root in (item, *item.parents))


def _numbers(path: Path) -> list[int]:
    return [int(word) for word in _text(path).split() if word.isdecimal()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
