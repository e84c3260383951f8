"""What the service is installed with: ``requirements.in``, ``.txt`` and ``-dev.txt``."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.requirements import Requirement

from ..capture.model import Capture, Pin, Provenance
from . import quoting

# The one that nb2service's own tests run the generated tests with.
PYTEST = "pytest==9.2.0"


def python_minor(provenance: Provenance) -> str:
    """The kernel's Python, ``3.11``."""
    return ".".join(provenance.python.split(".")[:2])


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
    """``requirements.txt``: everything, pinned."""
    return _requirements(
        [
            "Every package that the service runs with, at the versions that the notebook ran with",
            f"(Python {python_minor(capture.provenance)}).",
        ],
        capture.requirements,
    )


def render_requirements_dev(capture: Capture) -> str:
    """``requirements-dev.txt``: what the tests need on top."""
    pinned = any(pin.name == "pytest" for pin in capture.requirements)
    return "# What the tests need beside requirements.txt.\n" + ("" if pinned else PYTEST + "\n")


def _requirements(head: list[str], pins: Iterable[Pin]) -> str:
    ordered = sorted(pins, key=lambda pin: pin.name)
    blocks = ["\n".join(f"# {quoting.comment(line)}" for line in head)]
    if indexes := dict.fromkeys(pin.index for pin in ordered if pin.index):
        blocks.append("\n".join(_index(url, ordered) for url in indexes))
    for title, web in (("The notebook's model and code", False), ("The web layer", True)):
        lines = [_requirement(pin) for pin in ordered if pin.web is web]
        if lines:
            blocks.append("\n".join([f"# {title}", *lines]))
    return "\n\n".join(blocks) + "\n"


def _index(url: str, pins: Iterable[Pin]) -> str:
    """The line that names a further index, and what it is for."""
    names = ", ".join(f"{pin.name} {pin.version}" for pin in pins if pin.index == url)
    return f"# The index that has {quoting.comment(names)}\n--extra-index-url {quoting.url(url)}"


def _requirement(pin: Pin) -> str:
    return f"{specifier(pin):<32}  # {quoting.comment(pin.why)}".rstrip("# ")


def specifier(pin: Pin) -> str:
    """What is required, as PEP 508 has it."""
    if pin.url:
        return f"{Requirement(pin.name)} @ {quoting.url(pin.url)}"
    return str(Requirement(f"{pin.name}=={pin.version}"))
