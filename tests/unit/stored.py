"""Saved values on disk, with the manifest that a project would have for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nb2service.capture.closure.artifacts import Saved
from nb2service.capture.closure.pieces import Piece
from nb2service.capture.closure.result import artifacts_of
from nb2service.project import render
from nb2service.runtime import store


def put(folder: Path, saved: Saved, part: dict[str, Any] | None = None, **other: Any) -> None:
    """Writes ``value`` and its manifest.

    Args:
        folder: where to.
        saved: the value.
        part: stands in the manifest of each part in place of what is true.
        other: stands so in the manifest of the value.
    """
    piece = Piece("value", "artifact", "artifact", "", saved=saved)
    made = artifacts_of([piece], "load")["value"]
    for file in (made, *made.parts):
        (folder / file.file).write_bytes(file.data)
    manifest = json.loads(render._manifest((made,)))
    manifest["value"] |= other
    for listed in manifest["value"].get("parts", ()):
        listed |= part or {}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    store.manifest.cache_clear()


def load_from(folder: Path, saved: Saved, **other: Any) -> Any:
    """The value, as a service would load it from ``folder``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "FOLDER", folder)
        put(folder, saved, **other)
        try:
            return store.load("value")
        finally:
            store.manifest.cache_clear()
