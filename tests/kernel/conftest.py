"""Kernels for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_kernel import LiveKernel, live_kernel


@pytest.fixture
def kernel(tmp_path: Path, own_registry: Path) -> Iterator[LiveKernel]:
    """A fresh kernel whose working directory is the test's own."""
    with live_kernel(tmp_path) as live:
        yield live
