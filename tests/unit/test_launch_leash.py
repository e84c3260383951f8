"""What is run on a leash ends with whoever runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from nb2service.launch.leash import run

# A command that starts another and says who that is.
CODE = """
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
pathlib.Path("pids.new").write_text(str(child.pid))
pathlib.Path("pids.new").rename("pids")
child.wait()
"""
RUN = "import os, sys; from pathlib import Path; from nb2service.launch.leash import run; "
HOLDER = RUN + "run([sys.executable, '-c', sys.argv[1]], Path(sys.argv[2]), os.environ, None)"


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_ended(folder: Path) -> bool:
    try:
        child = psutil.Process(int((folder / "pids").read_text()))
        return child.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_tells_what_was_printed_and_how_it_ended(tmp_path: Path) -> None:
    code = "import sys; print('said'); print('complained', file=sys.stderr); sys.exit(3)"
    done = run([sys.executable, "-c", code], tmp_path, os.environ, 30)
    assert (done.returncode, done.stdout, done.stderr) == (3, "said\n", "complained\n")


def test_too_long_is_the_end_of_all_of_it(tmp_path: Path) -> None:
    for within in (1, 5, 25):  # it must have begun
        with pytest.raises(subprocess.TimeoutExpired):
            run([sys.executable, "-c", CODE], tmp_path, os.environ, within)
        if (tmp_path / "pids").exists():
            break
    wait_for(lambda: has_ended(tmp_path))


def test_it_ends_with_a_holder_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, CODE, str(tmp_path)]
    with subprocess.Popen(command) as holder:
        wait_for((tmp_path / "pids").exists)
        assert not has_ended(tmp_path)
        holder.kill()
    wait_for(lambda: has_ended(tmp_path))
