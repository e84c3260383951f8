"""The wheelhouse is filled by pip itself, of wheels that an index on the loopback interface has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_launch_lock import AMD64, ARM64, CAPTURE, NOWHERE, TINY, captured, wheels
from wheels import make_wheel, served

from nb2service.capture.model import Capture
from nb2service.capture.pins import LockedFile
from nb2service.errors import RequirementsError
from nb2service.launch.environment import clean_environment
from nb2service.launch.lock import lock
from nb2service.launch.wheelhouse import drop_stale_wheelhouse, fill_wheelhouse
from nb2service.project.model import STATE, WHEELHOUSE
from nb2service.project.requirements import render_requirements_txt

__all__ = ["wheels"]  # a fixture

ALL = {
    f"fast-1.0-{AMD64}.whl",
    f"model-2.0-{AMD64}.whl",
    f"model-2.0-{ARM64}.whl",
    "plugins-3.0-py3-none-any.whl",
    "pytest-9.2.0-py3-none-any.whl",
    "tiny-1.0-py3-none-any.whl",
    "web-1.0-py2.py3-none-any.whl",
}


@pytest.fixture
def index(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    # As a private index is: pip asks with the name and password of its URL.
    with served(wheels, login="me:secret") as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        yield url


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / STATE).mkdir(parents=True)
    return folder


@pytest.fixture
def locked(index: str, project: Path) -> Capture:
    made = lock(CAPTURE, project)
    (project / "requirements.txt").write_text(render_requirements_txt(made))
    return made


def held(project: Path) -> set[str]:
    return {path.name for path in (project / WHEELHOUSE).glob("*")} - {"SHA256SUMS"}


def test_it_has_what_linux_takes_and_serves_where_no_index_is(
    project: Path, locked: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_wheelhouse(project, locked)
    assert held(project) == ALL
    assert list((project / STATE).iterdir()) == []
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=project / WHEELHOUSE, check=True)
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another"))
    assert clean_environment(project / "requirements.txt").exists()
    command = [*(sys.executable, "-m", "pip", "download", "model==2.0", "--no-index", "--no-deps")]
    command += ["--find-links", WHEELHOUSE, "--only-binary=:all:", "--dest", str(tmp_path / "arm")]
    command += ["--platform", "manylinux2014_aarch64"]
    subprocess.run(command, cwd=project, check=True)


def test_indexes_that_only_uv_knows_are_asked_too(
    project: Path, locked: Capture, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("UV_INDEX", f"internal={index}")
    monkeypatch.setenv("UV_DEFAULT_INDEX", NOWHERE.replace(":9/", ":9/none/"))
    monkeypatch.setenv("PIP_RETRIES", "0")
    fill_wheelhouse(project, locked)
    assert held(project) == ALL


def test_what_is_there_is_not_downloaded_again_and_strangers_stay(
    project: Path, locked: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_wheelhouse(project, locked)
    (project / WHEELHOUSE / "own-1.0-py3-none-any.whl").write_text("a person's")
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    fill_wheelhouse(project, locked)
    assert drop_stale_wheelhouse(project, locked) is locked
    assert held(project) == {*ALL, "own-1.0-py3-none-any.whl"}


def test_another_file_under_the_same_name_is_refused(
    project: Path, locked: Capture, wheels: Path
) -> None:
    make_wheel(wheels, "tiny", "1.0", code={"tiny.py": "other = 1\n"})
    with pytest.raises(RequirementsError, match=r"for linux/amd64 cannot be downloaded(?s:.*)tiny"):
        fill_wheelhouse(project, locked)
    assert not (project / WHEELHOUSE).exists()
    assert list((project / STATE).iterdir()) == []


def test_wheels_of_another_lock_go(project: Path, locked: Capture) -> None:
    model, _, web = CAPTURE.requirements
    newer = lock(captured(model, replace(TINY, version="2.0"), web), project)
    fill_wheelhouse(project, newer)
    fill_wheelhouse(project, locked)
    assert held(project) == ALL
    dropped = drop_stale_wheelhouse(project, newer)
    assert "wheelhouse/ had wheels of other versions" in dropped.warnings[-1].message
    assert not (project / WHEELHOUSE).exists()


@pytest.mark.parametrize("processors", [[AMD64], []], ids=["one processor", "none"])
def test_what_has_no_wheel_is_left_out_or_refused(
    processors: list[str], project: Path, wheels: Path, index: str
) -> None:
    for tag in {AMD64, ARM64} - set(processors):
        (wheels / f"model-2.0-{tag}.whl").unlink()
    locked = lock(CAPTURE, project)
    if processors:
        fill_wheelhouse(project, locked)
        assert held(project) == ALL - {f"model-2.0-{ARM64}.whl"}
    else:
        with pytest.raises(RequirementsError, match=r"model 2\.0 has no wheel for Linux"):
            fill_wheelhouse(project, locked)
        assert not (project / WHEELHOUSE).exists()


def test_a_wheelhouse_that_can_no_longer_be_filled_goes(
    project: Path, wheels: Path, locked: Capture
) -> None:
    fill_wheelhouse(project, locked)
    assert locked.lock is not None
    pins = tuple(replace(pin, files=pin.files[:0]) for pin in locked.lock.pins)
    for lock_now in (replace(locked.lock, pins=pins), None):
        other = replace(locked, lock=lock_now)
        assert "was emptied" in drop_stale_wheelhouse(project, other).warnings[-1].message
        assert not (project / WHEELHOUSE).exists()
        fill_wheelhouse(project, locked)
    source = replace(pins[0], files=(LockedFile("fast-1.0.tar.gz", "0" * 64),))
    sources = replace(locked.lock, pins=(source, *locked.lock.pins[1:]))
    dropped = drop_stale_wheelhouse(project, replace(locked, lock=sources))
    assert "was emptied" in dropped.warnings[-1].message


def test_without_hashes_there_is_none(
    project: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    with pytest.raises(RequirementsError, match="no package index could be reached"):
        fill_wheelhouse(project, lock(CAPTURE, project))
