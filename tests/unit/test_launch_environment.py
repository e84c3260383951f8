"""Clean environments are made of wheels in a folder, so that no index is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from wheels import make_index, make_repository, make_wheel

from nb2service.errors import RequirementsError
from nb2service.launch import environment
from nb2service.launch.environment import clean_environment


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the index; environments go to a cache of the test's own."""
    folder = tmp_path / "wheels"
    for name in [n for n in os.environ if n.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_wheel(folder, "tiny", "1.0")
    return folder


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(text)
    return file


def run(python: Path, code: str) -> str:
    done = subprocess.run(
        [str(python), "-I", "-c", code], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_it_holds_the_requirements_and_nothing_else(wheels: Path, tmp_path: Path) -> None:
    python = clean_environment(write(tmp_path, "# why\ntiny==1.0  # imported by cell [2]\n"))
    names = "from importlib.metadata import distributions as d; print(*[x.name for x in d()])"
    assert run(python, names) == "tiny"
    assert run(python, "import sys; print(sys.version)") == sys.version
    assert list(python.parents[1].rglob("tiny.*.pyc"))


def test_it_is_made_once_for_the_same_requirements(wheels: Path, tmp_path: Path) -> None:
    requirements = write(tmp_path, "tiny==1.0\n")
    python = clean_environment(requirements)
    made = python.lstat().st_ctime_ns
    assert clean_environment(requirements) == python
    assert python.lstat().st_ctime_ns == made
    make_wheel(wheels, "more", "2.0")
    assert clean_environment(requirements, extra=["more==2.0"]) != python


def test_a_half_made_one_is_made_anew(wheels: Path, tmp_path: Path) -> None:
    requirements = write(tmp_path, "tiny==1.0\n")
    place = clean_environment(requirements).parents[1]
    (place / ".complete").unlink()
    next(place.rglob("tiny.py")).unlink()
    assert run(clean_environment(requirements), "import tiny; print(tiny.VERSION)") == "1.0"


def test_a_failed_one_leaves_nothing(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(RequirementsError):
        clean_environment(write(tmp_path, "tiny==9\n"))
    envs = tmp_path / "cache" / "nb2service" / "envs"
    assert [path for path in envs.iterdir() if path.is_dir()] == []


def test_hashes_are_honoured(wheels: Path, tmp_path: Path) -> None:
    good = make_wheel(wheels, "tiny", "1.0")
    line = "tiny==1.0 --hash=sha256:{}\n"
    assert clean_environment(write(tmp_path, line.format(good))).exists()
    with pytest.raises(RequirementsError, match=r"tiny==1\.0: the index has another file"):
        clean_environment(write(tmp_path, line.format("0" * 64)))


def test_old_ones_go_but_not_those_in_use(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_KEPT", 2)
    used = clean_environment(write(tmp_path, "tiny==1.0  # 0\n"))
    old = clean_environment(write(tmp_path, "tiny==1.0  # 1\n"))
    user = subprocess.Popen([str(used), "-c", "input()"], stdin=subprocess.PIPE)
    try:
        kept = [clean_environment(write(tmp_path, f"tiny==1.0  # {n}\n")) for n in (2, 3)]
    finally:
        user.communicate(b"\n")
    assert used.exists()
    assert not old.exists()
    assert all(python.exists() for python in kept)


@pytest.mark.parametrize(
    ("requirements", "named"),
    [
        ("tiny==1.0\nno-such-thing==2.0\n", "no-such-thing==2.0 cannot be installed"),
        ("tiny==1.99\n", r"tiny==1.99 cannot be installed"),
        ("tiny==1.0\nno_such.thing\n", r"no_such.thing cannot be installed"),
        ("needy==1.0\ntiny==1.0\n", r"needy==1.0, tiny==1.0 cannot be installed"),
    ],
)
def test_what_cannot_be_installed_is_named(
    requirements: str,
    named: str,
    wheels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as kernels have it
    make_wheel(wheels, "needy", "1.0", ["tiny>=2"])
    with pytest.raises(RequirementsError, match=named) as error:
        clean_environment(write(tmp_path, requirements))
    assert "name the index" in error.value.hint
    assert "\x1b" not in error.value.message
    assert "Using Python" not in error.value.message


def test_an_index_that_cannot_be_reached_is_said(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(RequirementsError, match="no package index could be reached") as error:
        clean_environment(write(tmp_path, "elsewhere==1.0\n"))
    assert "to install elsewhere" in error.value.message
    assert "PIP_INDEX_URL" in error.value.hint


def test_an_index_of_the_requirements_stands_beside_the_usual_one(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", make_index(tmp_path / "usual", ("other", "1.0")))
    special = make_index(tmp_path / "special", ("tiny", "1.0+cpu"), ("other", "0.9"))
    lines = f"--extra-index-url {special}\ntiny==1.0+cpu\nother==1.0\n"
    python = clean_environment(write(tmp_path, lines))
    said = run(python, "import tiny, other; print(tiny.VERSION, other.VERSION)")
    assert said == "1.0+cpu 1.0"


def test_a_closed_network_may_have_the_build_itself(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    make_wheel(wheels, "tiny", "1.0+cpu")
    index = "--extra-index-url http://127.0.0.1:9/whl/cpu\n"
    python = clean_environment(write(tmp_path, f"{index}tiny==1.0+cpu\n"))
    assert run(python, "import tiny; print(tiny.VERSION)") == "1.0+cpu"
    with pytest.raises(RequirementsError, match=r"tiny==1.0\+gpu cannot be installed"):
        clean_environment(write(tmp_path, f"{index}tiny==1.0+gpu\n"))


def test_a_commit_of_a_repository_is_installed(wheels: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    commit = make_repository(repository, "sourced")
    requirement = f"sourced @ git+{repository.as_uri()}@{commit}  # imported by cell [2]\n"
    assert run(clean_environment(write(tmp_path, requirement)), "import sourced; print(1)") == "1"
