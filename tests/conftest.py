"""What every test has: a registry of services of its own, and a look for what was left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture(autouse=True)
def own_registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Services of the test are not in the person's list, nor the person's in the test's."""
    home = tmp_path_factory.mktemp("nb2s")
    monkeypatch.setenv("NB2SERVICE_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def nothing_left_running(own_registry: Path) -> Iterator[None]:
    """Fails a test that leaves a keeper or a service behind; a busy machine ends them late."""
    yield
    deadline = time.monotonic() + 20
    while left := _processes_of(own_registry):
        if time.monotonic() > deadline:
            shown = [f"{process.pid} {' '.join(process.cmdline())}" for process in left]
            for process in left:
                process.kill()
            pytest.fail(f"left running: {shown}")
        time.sleep(0.05)


def _processes_of(home: Path) -> list[psutil.Process]:
    """Processes whose environment names this test's registry, but for this one and kernels."""
    return [process for process in psutil.process_iter() if _home_of(process) == str(home)]


def _home_of(process: psutil.Process) -> str | None:
    """The registry that a living process is told of; None for this process itself."""
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.environ().get("NB2SERVICE_HOME")
    except psutil.Error:
        return None
