"""A local module that was edited after its import ships as it is in memory, or not at all."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from nb2service.capture.outside.files import Files, find_files
from nb2service.errors import CaptureError
from nb2service.notebook import imported

OLD = "K = 3\ndef g(x):\n    return x * K\nclass C:\n    def f(self):\n        return 1\n"
EDITS = {
    "a function": OLD.replace("x * K", "x + K"),
    "a method": OLD.replace("return 1", "return 2"),
    "a figure": OLD.replace("3", "4"),
    "a function gone": "K = 3\n",
}
NO_EDITS = {
    "nothing": OLD,
    "a comment": "# the factor\n" + OLD,
    "blank lines": OLD.replace("\ndef", "\n\n\ndef"),
    "a function more": OLD + "def h(x):\n    return x\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    write(tmp_path, OLD, 1_700_000_000)
    importlib.import_module("edited_tools")
    yield tmp_path
    del sys.modules["edited_tools"]
    imported._texts.pop("edited_tools", None)
    imported._looked_at.pop("edited_tools", None)


def write(folder: Path, text: str, at: int = 1_800_000_000) -> None:
    (folder / "edited_tools.py").write_text(text)
    os.utime(folder / "edited_tools.py", (at, at))


def found(folder: Path) -> Files:
    return find_files((), {"edited_tools": "imported by cell [1]"}, folder)


def shipped(files: Files) -> str:
    [file] = files.files
    return file.data.decode()


@pytest.mark.parametrize("edit", EDITS)
def test_the_text_that_was_imported_ships_where_it_is_remembered(folder: Path, edit: str) -> None:
    imported.note_texts()
    write(folder, EDITS[edit])
    imported.note_texts()
    files = found(folder)
    assert shipped(files) == OLD
    [warning] = files.warnings
    assert "edited_tools.py was edited after the notebook imported it" in warning.message


def test_a_name_that_stood_for_something_else_before_is_looked_at(folder: Path) -> None:
    module = sys.modules["edited_tools"]
    sys.modules["edited_tools"] = ModuleType("edited_tools")  # without a file
    imported.note_texts()
    sys.modules["edited_tools"] = module
    imported.note_texts()
    assert imported.texts_of("edited_tools") == (OLD,)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_refused_where_the_text_is_lost(folder: Path, edit: str) -> None:
    write(folder, EDITS[edit])
    with pytest.raises(CaptureError, match=r"edited_tools\.py was edited .* its text is lost"):
        found(folder)


@pytest.mark.parametrize("edit", NO_EDITS)
def test_what_changes_nothing_in_memory_is_no_edit(folder: Path, edit: str) -> None:
    write(folder, NO_EDITS[edit])
    files = found(folder)
    assert (shipped(files), files.warnings) == (NO_EDITS[edit], ())


@pytest.mark.parametrize("edit", EDITS)
def test_a_module_that_was_imported_again_is_as_its_file(folder: Path, edit: str) -> None:
    imported.note_texts()
    write(folder, EDITS[edit])
    importlib.reload(sys.modules["edited_tools"])
    files = found(folder)
    assert (shipped(files), files.warnings) == (EDITS[edit], ())


def test_what_the_notebook_set_in_a_module_is_no_edit_of_its_file(folder: Path) -> None:
    sys.modules["edited_tools"].K = 7  # type: ignore[attr-defined]
    files = found(folder)
    assert (shipped(files), files.warnings) == (OLD, ())
