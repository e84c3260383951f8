"""The date of the notebook's commit, where git can tell it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nb2service.capture.model import Provenance
from nb2service.capture.outside.provenance import git_commit
from nb2service.launch import commit
from nb2service.launch.commit import dated

PLACE = Provenance("n.ipynb", "", "", "ab", None, "3.11.9", ())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Person")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a.person@example.org")
        monkeypatch.setenv(f"GIT_{role}_DATE", "2024-02-29T12:00:00+0000")
    for words in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def date(commit_: str | None, *folders: Path, made: Any = replace) -> str:
    from nb2service.capture.model import Capture
    from nb2service.runtime.contract import Contract

    contract = Contract("n", "", "", ())
    where = replace(PLACE, git_commit=commit_)
    capture = Capture("n", "n_service", contract, (), (), (), {}, (), (), (), (), where)
    return dated(capture, folders).provenance.git_date


def test_a_commit_has_a_date(repository: Path, tmp_path_factory: Any) -> None:
    found = git_commit(repository)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert date(found, repository) == "2024-02-29"
    assert date(found, elsewhere, repository) == "2024-02-29"
    assert date(found, elsewhere) == ""
    assert date("0" * 40, repository) == ""
    assert date(None, repository) == ""


def test_without_git_there_is_none(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: Any, **kwargs: Any) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(commit, "subprocess", SimpleNamespace(
        run=missing, TimeoutExpired=subprocess.TimeoutExpired
    ))  # fmt: skip
    assert date(git_commit(repository), repository) == ""
