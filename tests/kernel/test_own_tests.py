"""A project's own tests in an environment that is made of nothing but its requirements."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from live_kernel import EXAMPLES

from nb2service.build import build
from nb2service.launch.environment import clean_environment
from nb2service.options import Options


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of a notebook with a model and a function of its own."""
    shutil.copytree(EXAMPLES, tmp_path / "work")
    folder = tmp_path / "work" / "reviews-service"
    build(tmp_path / "work" / "reviews.ipynb", Options(launch=False, output=str(folder)))
    return folder


def test_they_are_green_in_a_clean_environment(project: Path) -> None:
    dev = project / "requirements-dev.txt"
    python = clean_environment(project / "requirements.txt", sys.executable, ["-r", str(dev)])
    # What a shell has set for another service is not meant for the tests.
    shell = {"API_KEYS": "no entry", "RATE_LIMIT": "1/day", "MAX_BATCH": "1"}
    done = subprocess.run(
        [str(python), "-W", "error", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"],
        cwd=project,
        env={"PATH": "/usr/bin:/bin", **shell},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout.splitlines()[-1]
    assert "skipped" not in done.stdout
