"""The lock is made by uv itself, of wheels that an index on the loopback interface has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from wheels import make_wheel, served

from nb2service.capture.model import Capture, Provenance
from nb2service.capture.pins import Pin
from nb2service.errors import RequirementsError
from nb2service.launch import lock as locking
from nb2service.launch import lock_request
from nb2service.launch.environment import clean_environment
from nb2service.launch.lock import lock
from nb2service.project.lockfile import render_lock, with_standing_lock
from nb2service.project.model import LOCK
from nb2service.project.requirements import (
    dependencies,
    render_requirements_dev,
    render_requirements_txt,
)
from nb2service.runtime.contract import Contract

PYTHON = ".".join(map(str, sys.version_info[:3]))
CP = f"cp{sys.version_info[0]}{sys.version_info[1]}"
AMD64 = f"{CP}-{CP}-manylinux2014_x86_64"
ARM64 = f"{CP}-{CP}-manylinux2014_aarch64"
MAC = f"{CP}-{CP}-macosx_11_0_arm64"
OTHERS = (f"{CP}-{CP}-win_amd64", f"{CP}-{CP}-manylinux2014_s390x", "cp39-cp39-linux_x86_64")
NOWHERE = "http://127.0.0.1:9/simple"
ON_INTEL = "platform_machine == 'x86_64'"

MODEL = Pin("model", "2.0", "imported by cell [2]", True, requires=("fast", "tiny"))
TINY = Pin("tiny", "1.0", "via model, web", False)
WEB = Pin("web", "1.0", "web layer", True, True, requires=("tiny",))


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the index has. Nothing of this machine's settings is left."""
    for name in [n for n in os.environ if n.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(lock_request, "WEB_LAYER", ("web",))
    folder = tmp_path / "wheels"
    for name, version, requires, tags in (
        ("model", "2.0", ["tiny>=1", f"fast; {ON_INTEL}"], (AMD64, ARM64, MAC, *OTHERS)),
        ("fast", "1.0", [], (AMD64,)),
        ("tiny", "1.0", [], ("py3-none-any",)),
        ("tiny", "2.0", [], ("py3-none-any",)),
        ("web", "1.0", ["tiny"], ("py2.py3-none-any",)),
        ("pytest", "9.2.0", ["plugins"], ("py3-none-any",)),
        ("plugins", "3.0", ["tiny"], ("py3-none-any",)),
    ):
        for tag in tags:
            make_wheel(folder, name, version, requires, tag=tag)
    return folder


@pytest.fixture
def index(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with served(wheels) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        yield url


def captured(*pins: Pin) -> Capture:
    return Capture(
        "a", "a_service", Contract("a", "", "", ()), (), (), (), {}, (), pins, (), (),
        Provenance(None, "", "", "", None, PYTHON, ()),
    )  # fmt: skip


CAPTURE = captured(MODEL, TINY, WEB)


def hashes_of(capture: Capture) -> dict[str, int]:
    """How many hashes ``requirements.txt`` has for each requirement."""
    count: dict[str, int] = {}
    for line in render_requirements_txt(capture).splitlines():
        if line.startswith("    --hash=sha256:"):
            count[list(count)[-1]] += 1
        elif line and not line.startswith(("#", " ", "-")):
            count[line.partition(" \\")[0].partition("  #")[0].strip()] = 0
    return count


@pytest.mark.usefixtures("index")
def test_it_has_the_kernels_versions_and_the_files_of_each_platform(tmp_path: Path) -> None:
    locked = lock(CAPTURE, tmp_path)
    assert hashes_of(locked) == {
        "fast==1.0 ; sys_platform == 'linux' and platform_machine == 'x86_64'": 1,
        "model==2.0": 3,
        "tiny==1.0": 1,
        "web==1.0": 1,
    }
    text = render_requirements_txt(locked)
    assert "    # imported by cell [2]\n" in text
    assert "fast" in text.partition("# The web layer")[0]
    assert "    # via model\n" in text
    assert [line for line in text.partition("# The web layer")[2].splitlines() if "==" in line] == [
        "web==1.0 \\"
    ]
    assert locked.warnings == ()
    assert [Requirement(each).name for each in dependencies(locked)] == [
        "fast",
        "model",
        "tiny",
        "web",
    ]


@pytest.mark.usefixtures("index")
def test_the_tests_are_locked_with_it(tmp_path: Path) -> None:
    text = render_requirements_dev(lock(CAPTURE, tmp_path))
    assert [line for line in text.splitlines() if "==" in line] == [
        "plugins==3.0 \\",
        "pytest==9.2.0 \\",
        "tiny==1.0 \\",
    ]


@pytest.mark.usefixtures("index")
def test_tests_that_do_not_go_with_the_kernel_cost_their_own_hashes_only(
    wheels: Path, tmp_path: Path
) -> None:
    make_wheel(wheels, "plugins", "3.0", ["tiny>=2"])
    locked = lock(CAPTURE, tmp_path)
    assert set(hashes_of(locked).values()) == {1, 3}
    assert "--hash" not in render_requirements_dev(locked)


@pytest.mark.usefixtures("index")
def test_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (lock(CAPTURE, tmp_path) for _ in range(2))
    assert render_lock(first) == render_lock(second)
    assert render_requirements_txt(first) == render_requirements_txt(second)


@pytest.mark.usefixtures("index")
def test_a_platform_without_a_wheel_is_named(wheels: Path, tmp_path: Path) -> None:
    for wheel in wheels.glob(f"model-*-{ARM64}.whl"):
        wheel.unlink()
    [warning] = lock(CAPTURE, tmp_path).warnings
    assert warning.message.startswith("model 2.0 has no wheel for linux/arm64: ")


@pytest.mark.parametrize(
    "told", [("PIP_INDEX_URL", NOWHERE), ("UV_OFFLINE", "1")], ids=["unreachable", "offline"]
)
def test_without_an_index_it_says_so_and_another_deployment_adds_it(
    told: tuple[str, str], wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*told)
    without = lock(CAPTURE, tmp_path)
    assert without.lock is None
    assert "no package index could be reached" in without.warnings[0].message
    head = render_requirements_txt(without)
    assert "# Without hashes: no package index could be reached" in head
    assert hashes_of(without) == {"model==2.0": 0, "tiny==1.0": 0, "web==1.0": 0}
    assert render_requirements_dev(without).endswith("\npytest==9.2.0\n")
    monkeypatch.delenv(told[0])
    with served(wheels) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        assert lock(replace(without, warnings=()), tmp_path).lock


def test_an_index_that_never_answers_is_not_waited_for(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        monkeypatch.setattr(locking, "_WITHIN", 2.0)
        assert "could be reached" in lock(CAPTURE, tmp_path).unlocked


def test_it_stands_while_the_pins_do(
    wheels: Path, index: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = lock(CAPTURE, tmp_path)
    (tmp_path / LOCK).parent.mkdir()
    (tmp_path / LOCK).write_text(render_lock(locked))
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    moved = replace(MODEL, why="imported by cell [7]")
    again = lock(captured(moved, TINY, WEB), tmp_path)
    assert again.lock
    assert render_requirements_txt(again) == render_requirements_txt(locked).replace("[2]", "[7]")
    assert render_lock(replace(again, requirements=CAPTURE.requirements)).replace(
        "[7]", "[2]"
    ) == render_lock(locked)
    other = captured(MODEL, replace(TINY, version="2.0"), WEB)
    assert with_standing_lock(other, tmp_path) is other
    (tmp_path / LOCK).write_text("[]")
    assert with_standing_lock(CAPTURE, tmp_path) is CAPTURE


def test_nothing_of_a_private_index_is_written(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(wheels, login="me:secret") as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        locked = lock(CAPTURE, tmp_path)
    assert set(hashes_of(locked).values()) == {1, 3}
    for text in (render_requirements_txt(locked), render_lock(locked)):
        assert "secret" not in text
        assert "127.0.0.1" not in text
        assert str(tmp_path) not in text


@pytest.mark.parametrize("told", ["PIP_EXTRA_INDEX_URL", "uv.toml", "pyproject.toml"])
@pytest.mark.usefixtures("index")
def test_what_only_a_further_index_has_is_named_and_the_index_is_not(
    told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wheel(tmp_path / "own", "own", "1.0")
    own = Pin("own", "1.0", "imported by cell [3]", True)
    with served(tmp_path / "own", login="me:secret") as url:
        if told.startswith("PIP"):
            monkeypatch.setenv(told, url)
        else:
            table = "[[index]]" if told == "uv.toml" else "[[tool.uv.index]]"
            (tmp_path / told).write_text(f'{table}\nname = "own"\nurl = "{url}"\n')
        locked = lock(captured(MODEL, own, TINY, WEB), tmp_path / "a-service")
    assert hashes_of(locked)["own==1.0"] == 1
    assert locked.warnings[0].message.startswith("own 1.0: installed from a further index")
    written = render_requirements_txt(locked) + render_lock(locked) + str(locked.warnings)
    assert "127.0.0.1" not in written
    (tmp_path / "a-service" / LOCK).parent.mkdir(parents=True)
    (tmp_path / "a-service" / LOCK).write_text(render_lock(locked))
    again = with_standing_lock(replace(locked, lock=None, warnings=()), tmp_path / "a-service")
    assert (again.lock, again.warnings) == (locked.lock, locked.warnings)


def test_no_index_is_asked_that_the_person_ruled_out(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    assert lock(CAPTURE, tmp_path).lock


@pytest.mark.usefixtures("wheels")
def test_a_further_index_comes_first_where_uv_was_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that both have must not come from the public one."""
    make_wheel(tmp_path / "own", "tiny", "1.0", code={"tiny.py": "own = 1\n"})
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with served(tmp_path / "own") as own, served(tmp_path / "wheels") as public:
        monkeypatch.setenv("UV_INDEX", own)
        monkeypatch.setenv("UV_DEFAULT_INDEX", public)
        assert lock(CAPTURE, tmp_path).warnings[0].message.startswith("tiny 1.0: installed from")


def test_an_index_without_hashes_is_named_by_what_it_lacks(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(wheels, hashes=False) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        locked = lock(CAPTURE, tmp_path)
    assert set(hashes_of(locked).values()) == {0}
    assert "# Without hashes: the package index names none for fast." in render_requirements_txt(
        locked
    )
    assert "names none for fast" in locked.warnings[0].message


@pytest.mark.usefixtures("index")
def test_a_repository_has_no_hashes_and_is_not_cloned(tmp_path: Path) -> None:
    url = "git+https://127.0.0.1:9/thing@" + "0123456789" * 4
    thing = Pin("thing", "1.0", "imported by cell [3]", True, url=url, requires=("tiny",))
    locked = lock(captured(MODEL, thing, TINY, WEB), tmp_path)
    text = render_requirements_txt(locked)
    assert "# Without hashes: thing is installed from a repository" in text
    assert f"thing @ {url}" in hashes_of(locked)
    assert "--hash" not in text + render_requirements_dev(locked)
    assert locked.lock


@pytest.mark.usefixtures("index")
def test_wheels_of_a_folder_are_hashed(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    digest = make_wheel(folder, "own", "1.0")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    own = Pin("own", "1.0", "imported by cell [3]", True)
    locked = lock(captured(MODEL, own, TINY, WEB), tmp_path)
    assert f"own==1.0 \\\n    --hash=sha256:{digest}\n" in render_requirements_txt(locked)


@pytest.mark.parametrize("reached", [True, False])
@pytest.mark.usefixtures("index")
def test_a_special_build_comes_from_its_own_index_or_from_the_usual_one(
    reached: bool, wheels: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "special" if reached else wheels
    digest = make_wheel(folder, "tiny", "1.0+cpu")
    with served(folder) as url:
        special = replace(TINY, version="1.0+cpu", index=url if reached else NOWHERE)
        locked = lock(captured(MODEL, special, WEB), tmp_path)
    text = render_requirements_txt(locked)
    assert f"tiny==1.0+cpu \\\n    --hash=sha256:{digest}\n" in text
    assert f"--extra-index-url {special.index}\n" in text


@pytest.mark.usefixtures("index")
def test_versions_that_contradict_each_other_have_no_lock(wheels: Path, tmp_path: Path) -> None:
    make_wheel(wheels, "web", "1.0", ["tiny>=2"], tag="py2.py3-none-any")
    [warning] = lock(CAPTURE, tmp_path).warnings
    assert "the package index does not have " in warning.message
    assert warning.message.endswith("tiny==1.0, web==1.0, or they contradict each other")


@pytest.mark.usefixtures("index")
def test_installers_take_the_lock_and_refuse_other_files(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(render_requirements_txt(lock(CAPTURE, tmp_path)))
    pip = [sys.executable, "-m", "pip", "install", "--require-hashes", "--dry-run"]
    command = [*pip, "--ignore-installed", "--no-cache-dir", "-r", str(file)]
    assert clean_environment(file).exists()
    subprocess.run(command, check=True, capture_output=True)
    make_wheel(wheels, "tiny", "1.0", code={"tiny.py": "other = 1\n"})
    other = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "DO NOT MATCH THE HASHES" in other.stderr
    file.write_text("# asked again\n" + file.read_text())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another"))
    with pytest.raises(RequirementsError, match=r"tiny==1\.0: the index has another file"):
        clean_environment(file)
