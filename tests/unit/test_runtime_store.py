"""Artifacts are what the manifest says before anything of them runs."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nb2service.capture.closure import artifacts
from nb2service.runtime import store


class Trap:
    """Leaves a mark when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    store.manifest.cache_clear()
    yield tmp_path
    store.manifest.cache_clear()


def put(folder: Path, data: bytes, format_: str, sha256: str | None = None) -> None:
    (folder / "model").write_bytes(data)
    listed = {
        "file": "model",
        "format": format_,
        "sha256": sha256 or hashlib.sha256(data).hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps({"model": listed}))


LARGE = np.arange(artifacts._LARGE, dtype="u1")


@pytest.mark.parametrize(("value", "format_"), [([1, "a"], "pickle"), ([LARGE, 1], "mapped")])
def test_a_value_comes_back(folder: Path, value: Any, format_: str) -> None:
    saved = artifacts.save("model", value, "pkg", repr)
    assert saved.format == format_
    put(folder, saved.data, saved.format)
    assert repr(store.load("model")) == repr(value)


@pytest.mark.parametrize("beside", [1, LARGE], ids=["pickle", "mapped"])
def test_nothing_of_an_altered_artifact_runs(folder: Path, beside: Any) -> None:
    mark = folder / "mark"
    saved = artifacts.save("model", [beside, Trap(mark)], "pkg", repr)
    put(folder, saved.data, saved.format, "0" * 64)
    with pytest.raises(store.ArtifactError, match="was altered: its sha256 is"):
        store.load("model")
    assert not mark.exists()
    put(folder, saved.data, saved.format)
    store.manifest.cache_clear()
    store.load("model")
    assert mark.exists()


def test_a_service_that_runs_keeps_its_pages_when_the_file_is_replaced(folder: Path) -> None:
    """As a deployment does it: a new file takes the old one's name."""
    saved = artifacts.save("model", LARGE, "pkg", repr)
    put(folder, saved.data, saved.format)
    value = store.load("model")
    (folder / "new").write_bytes(pickle.dumps("something else"))
    (folder / "new").replace(folder / "model")
    assert (value == LARGE).all()
