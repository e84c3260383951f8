"""What the service is installed with: ``requirements.in``, ``.txt`` and ``-dev.txt``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.requirements import Requirement

from ..capture.model import Capture, Provenance
from ..capture.pins import Pin
from . import quoting

# The one that nb2service's own tests run the generated tests with.
PYTEST = "pytest==9.2.0"
DEV = "requirements-dev.txt"
_REPOSITORY = re.compile(r"\w+\+")  # git+https://…


def python_minor(provenance: Provenance) -> str:
    """The kernel's Python, ``3.11``."""
    return ".".join(provenance.python.split(".")[:2])


def dependencies(capture: Capture) -> list[str]:
    """What a package of the service depends on, as PEP 508 has it: no hashes, no indexes."""
    pins = capture.lock.pins if capture.lock else capture.requirements
    return [specifier(pin) for pin in pins]


def specifier(pin: Pin) -> str:
    """What is required and where, as PEP 508 has it."""
    marker = f" ; {pin.marker}" if pin.marker else ""
    if pin.url:
        return f"{Requirement(pin.name)} @ {quoting.url(pin.url)}{marker}"
    return f"{Requirement(f'{pin.name}=={pin.version}')}{marker}"


def render_requirements_in(capture: Capture) -> str:
    """``requirements.in``: what is needed directly, and why."""
    return _requirements(
        [
            "What the service needs directly, at the versions that the notebook ran with.",
            "requirements.txt adds what these need in turn.",
        ],
        [pin for pin in capture.requirements if pin.direct],
    )


def render_requirements_txt(capture: Capture) -> str:
    """``requirements.txt``: everything, pinned; with hashes if the capture has them."""
    return _requirements(
        [
            "Every package that the service runs with, at the versions that the notebook ran with",
            *_about_hashes(capture, "requirements.txt"),
        ],
        capture.lock.pins if capture.lock else capture.requirements,
        hashed=not without_hashes(capture),
    )


def render_requirements_dev(capture: Capture) -> str:
    """``requirements-dev.txt``: what the tests need on top."""
    head = "What the tests need beside requirements.txt"
    if capture.lock and capture.lock.dev and not without_hashes(capture):
        lines = [_requirement(pin, hashed=True) for pin in capture.lock.dev]
        return "\n".join([*_comments([head, *_about_hashes(capture, DEV)]), "", *lines]) + "\n"
    pinned = any(pin.name == "pytest" for pin in capture.requirements)
    return f"# {head}.\n" + ("" if pinned else f"{PYTEST}\n")


def without_hashes(capture: Capture) -> str:
    """Why requirements.txt has no hashes, as half a sentence; "" if it has them."""
    pins = capture.lock.pins if capture.lock else capture.requirements
    # An installer takes hashes for all packages or for none.
    for pin in pins:
        if _REPOSITORY.match(pin.url):
            return f"{pin.name} is installed from a repository, for which there are none"
    if not capture.lock:
        return capture.unlocked or "no package index was asked for them so far"
    lacking = [pin.name for pin in pins if not pin.files]
    return f"the package index names none for {lacking[0]}" if lacking else ""


def _about_hashes(capture: Capture, file: str) -> list[str]:
    python = f"(Python {python_minor(capture.provenance)})"
    if why := without_hashes(capture):
        return [f"{python}.", f"Without hashes: {why}."]
    return [
        f"{python}, with the hashes of the files that may be installed for each:",
        f"pip install --require-hashes -r {file}",
    ]


def _requirements(head: list[str], pins: Iterable[Pin], hashed: bool = False) -> str:
    ordered = sorted(pins, key=lambda pin: (pin.name, pin.version))
    blocks = ["\n".join(_comments(head))]
    if indexes := dict.fromkeys(pin.index for pin in ordered if pin.index):
        blocks.append("\n".join(_index(url, ordered) for url in indexes))
    for title, web in (("The notebook's model and code", False), ("The web layer", True)):
        lines = [_requirement(pin, hashed) for pin in ordered if pin.web is web]
        if lines:
            blocks.append("\n".join([f"# {title}", *lines]))
    return "\n\n".join(blocks) + "\n"


def _comments(lines: Sequence[str]) -> list[str]:
    return [f"# {quoting.comment(line)}" for line in lines]


def _index(url: str, pins: Iterable[Pin]) -> str:
    """The line that names a further index, and what it is for."""
    names = ", ".join(f"{pin.name} {pin.version}" for pin in pins if pin.index == url)
    return f"# The index that has {quoting.comment(names)}\n--extra-index-url {quoting.url(url)}"


def _requirement(pin: Pin, hashed: bool) -> str:
    why = quoting.comment(pin.why)
    if not hashed:
        return f"{specifier(pin):<32}  # {why}".rstrip("# ")
    lines = [specifier(pin), *(f"    --hash={digest}" for digest in pin.hashes)]
    return " \\\n".join(lines) + (f"\n    # {why}" if why else "")
