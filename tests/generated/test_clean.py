"""The tools that people run over code find nothing in a project, by its own settings."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import captures
import pytest

from nb2service.capture.model import Part
from nb2service.project.render import render
from nb2service.project.write import written

CARELESS = "import os, sys\ndef  helper( x ):\n    return x.nothing\n"


def careless(made):
    """The same, with code of the notebook that no tool would let pass."""
    return replace(made, parts=(*made.parts, Part("code", ("helper",), CARELESS, 9)))


def lean(made):
    """The same, with all parts of the runtime."""
    entries = tuple(replace(entry, lean=True) for entry in made.contract.entries)
    return replace(made, contract=replace(made.contract, entries=entries))


CAPTURES = {
    "a model": lambda: lean(captures.churn()),
    "a function": lambda: careless(captures.shout()),
}


@pytest.fixture(scope="module", params=CAPTURES)
def folder(request, tmp_path_factory):
    made = CAPTURES[request.param]()
    folder = tmp_path_factory.mktemp("made") / f"{made.name}-service"
    with written(render(made, b'{"cells": []}', b"<!doctype html>"), folder):
        return folder


def run(folder, *command):
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = str(Path(sys.executable).with_name(command[0]))
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env={"PATH": tools, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    "command",
    ["ruff check --no-cache", "ruff format --no-cache --check", "mypy --cache-dir=/dev/null"],
)
def test_there_is_nothing_to_object_to(folder, command):
    done = run(folder, *command.split())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", ["a function"], indirect=True)
def test_mypy_looks_at_the_service_in_earnest(folder):
    app = folder / folder.name.replace("-", "_") / "app.py"
    text = app.read_text("utf-8")
    app.write_text(text + "\n\ndef untyped(x):\n    return x\n", "utf-8")
    try:
        done = run(folder, "mypy", "--cache-dir=/dev/null")
        assert "app.py" in done.stdout
        assert "no-untyped-def" in done.stdout
    finally:
        app.write_text(text, "utf-8")


def test_each_file_of_code_says_what_it_is_for(folder):
    for path in [*folder.glob("*_service/**/*.py"), *folder.glob("tests/*.py")]:
        said = ast.get_docstring(ast.parse(path.read_bytes()))
        assert said, path
        assert len(said.splitlines()[0]) > 10, path


def test_the_readme_says_of_every_other_file_what_it_is(folder):
    readme = (folder / "README.md").read_text("utf-8")
    table = readme.partition("## What is in this folder")[2].partition("\n## ")[0]
    package = folder.name.replace("-", "_")
    hidden = {"README.md", ".gitignore", "generated.json"}
    for path in folder.iterdir():
        name = path.name + ("/" if path.is_dir() else "")
        assert path.name in hidden or f"`{name}`" in table, name
    for path in (folder / package).iterdir():
        if path.suffix not in (".py", ".pyc"):
            told = f"`{package}/{path.name}" in table
            assert told or (path / "__init__.py").exists(), path.name
