"""What a real installer leaves behind is understood: an environment made with uv."""

from __future__ import annotations

import importlib
import os
import site
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from wheels import make_repository, make_source, make_wheel

from nb2service.capture.outside.files import find_files
from nb2service.capture.outside.requirements import Requirements, find_requirements
from nb2service.capture.pins import Pin
from nb2service.errors import RequirementsError

WHY = "imported by cell [2]"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheels, sources and the environment that they are installed in."""
    folder = tmp_path_factory.mktemp("installs")
    wheels = folder / "wheels"
    make_wheel(wheels, "acme-one", "1.0", code={"acme/one.py": ""})
    make_wheel(wheels, "acme-two", "2.0", code={"acme/two/__init__.py": ""})
    make_wheel(wheels, "torch", "2.13.0+cpu")
    make_wheel(wheels, "special", "1.0+mine")
    make_wheel(wheels, "served", "1.0", ["quick>=1 ; extra == 'fast'"])
    make_wheel(wheels, "quick", "1.5")
    make_wheel(wheels, "a-headed", "1.0", code={"both/__init__.py": "", "both/x.py": "HEADED = 1"})
    make_wheel(wheels, "b-headless", "1.0", code={"both/__init__.py": "", "both/x.py": ""})
    make_repository(folder / "repository", "sourced")
    make_source(folder / "elsewhere" / "checkout", "faraway")
    make_source(folder / "work" / "mylib", "mylib")
    install = [uv.find_uv_bin(), "pip", "install", "--offline", "--no-index", "-q"]
    install += ["--python", str(folder / "env"), "--find-links", str(wheels)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
    clean["UV_CACHE_DIR"] = str(folder / "cache")
    for command in (
        [uv.find_uv_bin(), "venv", "-q", "--python", sys.executable, str(folder / "env")],
        [*install, "acme-one", "acme-two", "torch", "special", "served[fast]", "a-headed"],
        [*install, "--no-deps", "b-headless"],  # over the other
        [*install, f"git+{(folder / 'repository').as_uri()}"],
        [*install, "-e", str(folder / "work" / "mylib"), "-e", f"{folder}/elsewhere/checkout"],
    ):
        subprocess.run(command, check=True, env=clean)
    return folder


@pytest.fixture
def environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its packages are importable, as in a kernel of it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    [packages] = place.glob("env/lib/python*/site-packages")
    site.addsitedir(str(packages))
    importlib.invalidate_caches()
    yield place
    importlib.invalidate_caches()


def pins(*modules: str) -> Requirements:
    return find_requirements(dict.fromkeys(modules, WHY), (), web=())


def test_parts_of_a_namespace(environment: Path) -> None:
    found = pins("acme.two", "acme")
    assert found == Requirements((Pin("acme-two", "2.0", WHY, direct=True),))


def test_a_build_of_pytorch_keeps_its_label_and_names_its_index(environment: Path) -> None:
    index = "https://download.pytorch.org/whl/cpu"
    found = pins("torch")
    assert found == Requirements((Pin("torch", "2.13.0+cpu", WHY, direct=True, index=index),))


def test_another_label_is_said(environment: Path) -> None:
    found = pins("special")
    assert [pin.version for pin in found.pins] == ["1.0"]
    assert "special 1.0+mine is a special build" in found.warnings[0].message


def test_what_an_extra_brought_is_pinned_where_it_is_used(environment: Path) -> None:
    assert [pin.name for pin in pins("served").pins] == ["served"]
    assert [pin.name for pin in pins("served", "quick").pins] == ["quick", "served"]


def test_of_two_that_install_one_module_the_last_counts_and_both_are_named(
    environment: Path,
) -> None:
    found = pins("both.x")
    assert [pin.name for pin in found.pins] == ["b-headless"]
    assert "a-headed 1.0 and b-headless 1.0 are installed over each" in found.warnings[0].message


def test_a_repository_of_this_machine_is_refused(environment: Path) -> None:
    with pytest.raises(RequirementsError, match=r"sourced .* from this machine, file:///") as error:
        pins("sourced")
    assert "git URL" in error.value.hint


def test_an_editable_package_beside_the_project_travels(environment: Path) -> None:
    notebooks = environment / "work" / "analysis"
    notebooks.mkdir(exist_ok=True)
    found = find_files((), {"mylib": WHY}, notebooks)
    assert [(file.path, file.kind) for file in found.files] == [("mylib.py", "module")]
    assert find_requirements({"mylib": WHY}, found.local, web=()).pins == ()


def test_one_from_elsewhere_is_refused_with_its_repository(environment: Path) -> None:
    notebooks = environment / "work" / "analysis"
    notebooks.mkdir(exist_ok=True)
    assert find_files((), {"faraway": WHY}, notebooks).local == ()
    with pytest.raises(RequirementsError, match=r"faraway .*this machine.*elsewhere/checkout"):
        pins("faraway")
