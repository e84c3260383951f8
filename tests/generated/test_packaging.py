"""What installers and image builders make of the requirements."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from captures import shout
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.requirements import Requirement

from nb2service.capture.model import Capture
from nb2service.capture.pins import Pin
from nb2service.project.container import python_tag
from nb2service.project.render import render

INDEX = "https://download.pytorch.org/whl/cpu"
WHY = "imported by cell [2]"
COMMIT = Pin("thing", "1.0", WHY, True, url="git+https://example.org/thing@abc#subdirectory=a b")
BUILD = Pin("torch", "2.13.0+cpu", WHY, True, index=INDEX)


def with_pins(*pins: Pin) -> Capture:
    made = shout()
    return replace(made, requirements=(*pins, *made.requirements))


def lines(capture: Capture, file: str = "requirements.txt") -> list[str]:
    return render(capture).files[file].decode().splitlines()


def requirements(capture: Capture) -> list[str]:
    stated = [line.partition(" #")[0] for line in lines(capture)]
    return [line.strip() for line in stated if line and not line.startswith(("#", "-"))]


def test_a_commit_is_required_from_its_url() -> None:
    [line] = [line for line in lines(with_pins(COMMIT)) if line.startswith("thing")]
    stated, _, why = line.partition("  # ")
    assert Requirement(stated).url == "git+https://example.org/thing@abc#subdirectory=a%20b"
    assert why == WHY


@pytest.mark.parametrize("file", ["requirements.txt", "requirements.in"])
def test_a_build_names_its_index(file: str) -> None:
    text = lines(with_pins(BUILD), file)
    assert text.count(f"--extra-index-url {INDEX}") == 1
    assert any(line.startswith("torch==2.13.0+cpu ") for line in text)


@pytest.mark.parametrize("pin", [COMMIT, BUILD], ids=["commit", "build"])
def test_the_project_depends_on_the_same(tmp_path: Path, pin: Pin) -> None:
    capture = with_pins(pin)
    for name in ("README.md", "requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_bytes(render(capture).files[name])
    # As hatchling reads it, which takes no URL unless it was told to.
    read = ProjectMetadata(str(tmp_path), PluginManager()).core
    depends = {str(Requirement(text)) for text in read.dependencies}
    assert depends == {str(Requirement(text)) for text in requirements(capture)}


@pytest.mark.parametrize(
    ("version", "tag"),
    [("3.11.7", "3.11"), ("3.15.0a1", "3.15-rc"), ("3.15.0rc2", "3.15-rc"), ("3.13.0+", "3.13")],
)
def test_the_image_is_of_the_kernels_python(version: str, tag: str) -> None:
    assert python_tag(version) == tag


@pytest.mark.parametrize(
    ("pins", "packages"),
    [
        ([Pin("lightgbm", "4.7.0", "via top", False)], "libgomp1"),
        ([Pin("graphviz", "0.20", "via catboost", False)], ""),
        ([Pin("graphviz", "0.20", WHY, True)], "graphviz"),
    ],
    ids=["a library", "a program that is not used", "a program"],
)
def test_what_packages_need_of_the_system(pins: list[Pin], packages: str) -> None:
    text = "\n".join(lines(with_pins(*pins), "Dockerfile"))
    assert (f"--no-install-recommends {packages} \\" in text) if packages else "apt" not in text
