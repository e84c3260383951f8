"""Where services are registered, and that nobody else can get in."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from nb2service.errors import LaunchError
from nb2service.launch.registry import control_path, home, read_record, write_record


@pytest.fixture
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variable names a place; the folder for temporary files is the test's own."""
    monkeypatch.delenv("NB2SERVICE_HOME")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_named_home_is_made_and_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NB2SERVICE_HOME", str(tmp_path / "a" / "b"))
    assert home() == tmp_path / "a" / "b"
    assert home().stat().st_mode & 0o777 == 0o700


def test_the_sessions_runtime_folder_is_the_usual_home(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(nothing_set))
    assert home() == nothing_set / "nb2service"


def test_without_a_session_it_is_a_temporary_folder_of_the_users_own(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(nothing_set / "no-such-folder"))
    assert home() == nothing_set / f"nb2service-{os.getuid()}"


def test_a_home_of_somebody_else_is_refused(
    nothing_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NB2SERVICE_HOME", str(nothing_set))
    monkeypatch.setattr(os, "getuid", lambda: nothing_set.stat().st_uid + 1)
    with pytest.raises(LaunchError, match="belongs to another user"):
        home()


def test_a_home_that_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NB2SERVICE_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(LaunchError, match="cannot write in"):
        home()


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="too long for a socket"):
        control_path(tmp_path / ("x" * 100))


def test_a_record_is_read_as_written(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    write_record(tmp_path, {"name": "churn", "process": [1, 2.0]})
    assert read_record(tmp_path) == {"name": "churn", "process": [1, 2.0]}
    assert [path.name for path in tmp_path.iterdir()] == ["service.json"]
