"""Folders of sources that were installed to be edited: the person's own code."""

from __future__ import annotations

import json
from importlib.metadata import distributions
from pathlib import Path

from .locate import is_site, relative
from .origins import folder_of_url


def editable_around(file: Path) -> tuple[str, str] | None:
    """Name and URL of the editable installation that a file belongs to."""
    if is_site(file):
        return None
    for distribution in distributions():
        text = distribution.read_text("direct_url.json")
        origin = json.loads(text) if text else {}
        url = origin.get("url", "") if "dir_info" in origin else ""
        if not text and not is_site(base := Path(str(distribution.locate_file("")))):
            # pip install -e of old: the sources themselves, with their metadata, are on the path
            url = base.as_uri() if base.is_absolute() and (base / "setup.py").exists() else ""
        folder = folder_of_url(url)
        if folder and relative(file, folder):
            return distribution.metadata["Name"], url
    return None
