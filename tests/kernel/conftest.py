"""Kernels for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager
from live_kernel import LiveKernel


@pytest.fixture
def kernel(tmp_path: Path, own_registry: Path) -> Iterator[LiveKernel]:
    """A fresh kernel whose working directory is the test's own."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path))
    live = LiveKernel(manager, tmp_path)
    try:
        yield live
    finally:
        live.stop()
