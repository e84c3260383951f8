"""The lock as a project keeps it, so that the same pins stay the same files.

``.nb2service/lock.json`` is read by no installer: ``requirements.txt`` says the same for those.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..capture.model import Capture, CaptureWarning
from ..capture.pins import Lock, LockedFile, Pin
from .model import LOCK
from .platforms import LINUX, platforms
from .requirements import PYTEST, python_minor, specifier, without_hashes


def render_lock(capture: Capture) -> str:
    """``.nb2service/lock.json``: the lock, and what it was made of."""
    assert capture.lock is not None
    parts = {"pins": capture.lock.pins, "dev": capture.lock.dev}
    listed = {name: [_to_json(pin) for pin in pins] for name, pins in parts.items()}
    return json.dumps({"of": _made_of(capture), **listed}, indent=1, ensure_ascii=False) + "\n"


def with_standing_lock(capture: Capture, folder: Path) -> Capture:
    """The capture with the lock of the project in ``folder``, if that is of the same pins."""
    try:
        stored = json.loads((folder / LOCK).read_text("utf-8"))
        if stored["of"] != _made_of(capture):
            return capture
        lock = Lock(*(tuple(map(_from_json, stored[part])) for part in ("pins", "dev")))
    except (OSError, ValueError, LookupError, TypeError):
        return capture  # there is none, or it is not ours: it is made anew
    return with_lock(capture, lock)


def with_lock(capture: Capture, lock: Lock) -> Capture:
    """The capture with a lock, and with a warning of what a platform has no wheels for."""
    known = {(pin.name, pin.version): pin for pin in capture.requirements}
    pins = tuple(_as_captured(pin, known.get((pin.name, pin.version))) for pin in lock.pins)
    made = replace(capture, lock=Lock(pins, lock.dev), unlocked="")
    warnings = [*_without_wheels(pins, capture.provenance.python), *_private(pins)]
    if why := without_hashes(made):
        warnings.append(CaptureWarning(f"requirements.txt has no hashes: {why}"))
    return replace(made, warnings=tuple(dict.fromkeys((*capture.warnings, *warnings))))


def _as_captured(locked: Pin, pin: Pin | None) -> Pin:
    """A locked pin with what the capture says of it: the cell that needs it may be another."""
    if pin is None:
        return locked
    return replace(pin, marker=locked.marker, files=locked.files, private=locked.private)


def _made_of(capture: Capture) -> list[str]:
    """All that decides what a lock holds, but for the index."""
    pins = [
        " ".join(filter(None, [specifier(pin), pin.index, "direct" if pin.direct else ""]))
        for pin in capture.requirements
    ]
    return [
        f"python {python_minor(capture.provenance)}",
        "on " + " ".join(platform.name for platform in platforms()),
        f"tests {PYTEST}",
        *pins,
    ]


def _without_wheels(pins: Iterable[Pin], python: str) -> list[CaptureWarning]:
    """What can be installed on a platform only by building it there, or not at all."""
    missing: dict[str, list[str]] = {}
    for pin in pins:
        lacking = [
            platform.name
            for platform in LINUX
            if pin.files
            and platform.needs(pin.marker, python)
            and not platform.wheel_of(pin, python)
        ]
        if lacking:
            missing.setdefault(" and ".join(lacking), []).append(f"{pin.name} {pin.version}")
    return [
        CaptureWarning(
            f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} no wheel for {where}: "
            "an image for it needs a compiler, or cannot be built",
            f"take a version that has one, if the service is to run on {where}",
        )
        for where, names in missing.items()
    ]


def _private(pins: Iterable[Pin]) -> list[CaptureWarning]:
    """What those who install it may not find."""
    if not (names := [f"{pin.name} {pin.version}" for pin in pins if pin.private]):
        return []
    return [
        CaptureWarning(
            f"{', '.join(names)}: installed from a further index, which requirements.txt does not "
            "name, as it may be private",
            "name it where the service is installed: in pip.conf or PIP_EXTRA_INDEX_URL",
        )
    ]


def _to_json(pin: Pin) -> dict[str, Any]:
    said = {"name": pin.name, "version": pin.version, "why": pin.why, "web": pin.web}
    more = {
        "url": pin.url,
        "marker": pin.marker,
        "requires": list(pin.requires),
        "private": pin.private,
    }
    files = {file.name: file.sha256 for file in pin.files}
    return {**said, **{name: value for name, value in more.items() if value}, "files": files}


def _from_json(stored: dict[str, Any]) -> Pin:
    return Pin(
        name=stored["name"],
        version=stored["version"],
        why=stored["why"],
        direct=False,
        web=stored["web"],
        url=stored.get("url", ""),
        requires=tuple(stored.get("requires", ())),
        marker=stored.get("marker", ""),
        files=tuple(LockedFile(name, sha256) for name, sha256 in stored["files"].items()),
        private=stored.get("private", False),
    )
