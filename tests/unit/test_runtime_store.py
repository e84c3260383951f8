"""Artifacts are what the manifest says before anything of them runs."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gadgets
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from stored import put

from nb2service.capture.closure import artifacts
from nb2service.capture.closure.artifacts import Saved, save
from nb2service.capture.closure.audit import audit
from nb2service.runtime import store
from nb2service.runtime.pickles import Unpickler


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    store.manifest.cache_clear()
    yield tmp_path
    store.manifest.cache_clear()


class Trap:
    """Leaves a mark when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


LARGE = np.arange(artifacts._LARGE, dtype="u1")
FORMATS = pytest.mark.parametrize("beside", [1, LARGE], ids=["pickle", "mapped"])


@pytest.mark.parametrize(
    ("value", "format_"), [([1, "a"], "pickle"), ([LARGE, 1], "mapped")], ids=["pickle", "mapped"]
)
def test_a_value_comes_back(folder: Path, value: Any, format_: str) -> None:
    saved = save("value", value, "pkg", repr)
    assert saved.format == format_
    put(folder, saved)
    assert repr(store.load("value")) == repr(value)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


def swap(path: Path) -> None:
    """Another artifact's file in its place: of the same length, and just as sound."""
    other = bytearray(path.read_bytes())
    path.write_bytes(bytes(other).replace(b"mark", b"marc"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


TAMPERED = [
    ("a byte", flip, "was altered: its sha256 is"),
    ("another file's bytes", swap, "was altered: its sha256 is"),
    ("cut off", lambda path: path.write_bytes(path.read_bytes()[:-7]), "was altered: it has"),
    ("longer", lambda path: path.write_bytes(path.read_bytes() + b"."), "was altered: it has"),
    ("empty", lambda path: path.write_bytes(b""), "was altered: it has 0 bytes"),
    ("missing", Path.unlink, "is missing"),
    ("a folder", lambda path: path.unlink() or path.mkdir(), "is no file"),
    ("a pipe, which never ends", pipe, "is no file"),
]


@FORMATS
@pytest.mark.parametrize(
    ("tamper", "message"), [row[1:] for row in TAMPERED], ids=[row[0] for row in TAMPERED]
)
def test_nothing_of_an_altered_artifact_runs(
    folder: Path, beside: Any, tamper: Any, message: str
) -> None:
    mark = folder / "mark"
    put(folder, save("value", [beside, Trap(mark)], "pkg", repr))
    [path] = (path for path in folder.iterdir() if path.stem == "value")
    tamper(path)
    with pytest.raises(store.ArtifactError, match=message):
        store.load("value")
    assert not mark.exists()


@FORMATS
def test_an_artifact_that_was_not_altered_does_run(folder: Path, beside: Any) -> None:
    """Else the test above could not fail."""
    put(folder, save("value", [beside, Trap(folder / "mark")], "pkg", repr))
    store.load("value")
    assert (folder / "mark").exists()


def test_artifacts_that_changed_places_are_refused(folder: Path) -> None:
    put(folder, save("value", {"price": 1}, "pkg", repr))
    listed = json.loads((folder / "manifest.json").read_text())
    other = pickle.dumps({"price": 2})
    (folder / "other.pkl").write_bytes(other)
    listed["other"] = {
        **listed["value"], "file": "other.pkl", "sha256": hashlib.sha256(other).hexdigest(),
        "size": len(other),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(listed))
    store.manifest.cache_clear()
    assert store.load("other") == {"price": 2}
    (folder / "spare").write_bytes((folder / "value.pkl").read_bytes())
    (folder / "value.pkl").write_bytes(other)
    (folder / "other.pkl").write_bytes((folder / "spare").read_bytes())
    for name in listed:
        with pytest.raises(store.ArtifactError, match=f"{name}.pkl was altered"):
            store.load(name)


OUTSIDE = ["../secret.pkl", "/etc/hostname", "..", "", "a/../../b", "..\\secret.pkl", "C:x", "a\0b"]


@pytest.mark.parametrize("file", [*OUTSIDE, None, 3], ids=repr)
def test_a_manifest_lists_files_of_its_own_folder(folder: Path, file: Any) -> None:
    put(folder, save("value", [1], "pkg", repr), file=file)
    with pytest.raises(store.ArtifactError, match=r"manifest\.json does not list files of its"):
        store.load("value")


@pytest.mark.parametrize(
    "text",
    ["[]", '"x"', "1", "null", '{"value": 1}', '{"value": []}', '{"value": {}}',
     '{"value": {"file": "value.pkl", "format": "pickle"}}',
     '{"value": {"file": "v", "format": "pickle", "sha256": "", "size": 1, "parts": [1]}}',
     '{"value": {"file": "v", "format": "pickle", "sha256": "", "size": 1, "parts": 1}}'],
)  # fmt: skip
def test_a_manifest_that_is_none_is_named(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(store.ArtifactError, match=r"manifest\.json does not list files"):
        store.load("value")


def test_a_link_is_as_good_as_the_file_that_it_leads_to(folder: Path) -> None:
    """Platforms mount files as links; the hash tells what they hold."""
    put(folder, save("value", [1], "pkg", repr))
    (folder / "value.pkl").rename(folder / "elsewhere")
    (folder / "value.pkl").symlink_to("elsewhere")
    assert store.load("value") == [1]


def test_a_service_that_runs_keeps_its_pages_when_the_file_is_replaced(folder: Path) -> None:
    """As a deployment does it: a new file takes the old one's name."""
    put(folder, save("value", LARGE, "pkg", repr))
    value = store.load("value")
    (folder / "new").write_bytes(pickle.dumps("something else"))
    (folder / "new").replace(folder / "value.mapped")
    assert (value == LARGE).all()


@FORMATS
def test_what_was_checked_is_what_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, beside: Any
) -> None:
    """Somebody changes the file between the two."""
    put(folder, save("value", [beside, "as it was"], "pkg", repr))
    [path] = (path for path in folder.iterdir() if path.stem == "value")
    compare = store._compare

    def then_change(*given: Any) -> None:
        compare(*given)
        with path.open("r+b") as file:  # the same file, not a new one
            file.seek(path.read_bytes().index(b"as it"))
            file.write(b"other")

    monkeypatch.setattr(store, "_compare", then_change)
    assert store.load("value")[1] == "as it was"
    with pytest.raises(store.ArtifactError, match="was altered"):
        store.load("value")


# --- somebody changes the manifest too, so that the hash is right


def planted(folder: Path, data: bytes, names: list[str] | None = None) -> None:
    """An artifact and the manifest that fits it; it lists all the names that it needs."""
    found = audit(data)
    saved = Saved("pickle", data, (), (), audit=found)
    put(folder, saved, **({} if names is None else {"globals": names}))


PLANTED = {
    **{name: lambda m, g=gadget: gadgets.pickled(g(m)) for name, gadget in gadgets.GADGETS.items()},
    **gadgets.BYTES,
}


@pytest.mark.parametrize("make", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_gadget_does_not_run(folder: Path, make: Any) -> None:
    mark = folder / "mark"
    planted(folder, make(str(mark)))
    with pytest.raises(store.ArtifactError, match="by which it could run any code"):
        store.load("value")
    assert not mark.exists()


class Holder:
    """A class of a pinned package, that has more than a pickle should reach."""

    run = os.system
    module = json
    fine = len


HERE = gadgets.Name(f"{__name__}:Holder")
REACHED = [
    ("a function", gadgets.read(HERE, "run"), "names posix:system"),
    ("a module", gadgets.read(HERE, "module"), r"names json:\*"),
    ("a module by its path", gadgets.Name(f"{__name__}:Holder.module"), r"names json:\*"),
]


@pytest.mark.parametrize(
    ("value", "message"), [row[1:] for row in REACHED], ids=[row[0] for row in REACHED]
)
def test_what_attributes_lead_to_is_looked_at(folder: Path, value: Any, message: str) -> None:
    planted(folder, gadgets.pickled(value))
    with pytest.raises(store.ArtifactError, match=message):
        store.load("value")
    planted(folder, gadgets.pickled(gadgets.read(HERE, "fine")))
    assert store.load("value") is len


def test_names_that_the_manifest_does_not_list_are_refused(folder: Path) -> None:
    data = gadgets.pickled(gadgets.call("builtins:print", "said"))
    planted(folder, data)
    assert store.load("value") is None
    planted(folder, data, [])
    with pytest.raises(
        store.ArtifactError, match=r"value\.pkl names builtins:print, which the manifest does not"
    ):
        store.load("value")


def test_a_large_forest_loads_as_quickly_as_by_itself(folder: Path) -> None:
    """Few opcodes are names: looking at these costs nothing that could be felt."""
    rows = np.random.default_rng(0).normal(size=(300, 4))
    forest = RandomForestClassifier(50, max_leaf_nodes=8).fit(rows, rows[:, 0] > 0)
    saved = save("value", forest, "pkg", repr)
    put(folder, saved)

    class Counted(Unpickler):
        asked = 0

        def find_class(self, module: str, name: str) -> Any:
            Counted.asked += 1
            return super().find_class(module, name)

    with (folder / "value.pkl").open("rb") as file:
        Counted(file, saved.audit.globals).load()
    assert Counted.asked < 20
