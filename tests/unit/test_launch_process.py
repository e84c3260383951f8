"""A process is known by its pid and its birth; logs keep their end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nb2service.launch import logs
from nb2service.launch.process import identity, is_alive, listen


def test_a_process_is_known_as_long_as_it_runs() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = identity(child.pid)
    assert is_alive(known)
    assert is_alive((os.getpid(), identity(os.getpid())[1]))
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(known)  # still a zombie
    child.communicate()
    assert not is_alive(known)
    with pytest.raises(ProcessLookupError):
        identity(child.pid)


def test_a_later_process_with_the_same_pid_is_another() -> None:
    pid, born = identity(os.getpid())
    assert not is_alive((pid, born - 1))


def test_a_port_is_taken_once() -> None:
    with listen(0) as first, pytest.raises(OSError, match="in use"):
        listen(first.getsockname()[1])


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert logs.tail(log, 3) == ""
    log.write_bytes(b"")
    assert logs.tail(log, 3) == ""
    log.write_bytes(b"one\ntwo\xff\nthree\n")
    assert logs.tail(log, 2) == "two\ufffd\nthree"


def test_a_long_log_is_shortened_under_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_LIMIT", 100)
    monkeypatch.setattr(logs, "_KEPT", 20)
    log = tmp_path / "log"
    with log.open("ab", buffering=0) as writer:
        for number in range(9):
            writer.write(b"line %d\n" % number)
        logs.shorten(log)
        assert log.stat().st_size == 63
        for number in range(9, 20):
            writer.write(b"line %d\n" % number)
        logs.shorten(log)
        writer.write(b"the end\n")
    assert log.read_bytes() == b"line 18\nline 19\nthe end\n"
