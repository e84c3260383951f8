"""The ``pyproject.toml`` that has uv lock what a capture requires."""

from __future__ import annotations

from typing import Any

from ..capture.model import Capture
from ..capture.outside.requirements import WEB_LAYER
from ..project import quoting
from ..project.platforms import platforms
from ..project.requirements import PYTEST, python_minor, specifier

Entry = dict[str, Any]  # a table of TOML


def lock_request(
    capture: Capture, settings: Entry, *, index: bool, tests: bool, anywhere: bool
) -> str:
    """A ``pyproject.toml`` that asks for what the capture requires, for uv.

    Args:
        capture: what requires it.
        settings: what else uv is told.
        index: whether special builds come from the indexes that the pins name.
        tests: whether it asks for what the tests need too.
        anywhere: whether it must be installable on platforms that are not ours, too.
    """
    pins = capture.requirements
    roots = [specifier(pin) for pin in pins if not pin.web and (pin.direct or pin.url or pin.index)]
    special = {pin.name: pin for pin in pins if pin.index and index}
    minor = python_minor(capture.provenance)
    text = f"""\
[project]
name = "nb2service-lock"
version = "0"
requires-python = "=={minor}.*"
dependencies = {_value([*roots, *WEB_LAYER])}

[dependency-groups]
tests = {_value([PYTEST] if tests else [])}

[tool.uv]
package = false
environments = {_value([] if anywhere else [each.marker for each in platforms()])}
constraint-dependencies = {_value(specifier(pin) for pin in pins if not pin.url)}
"""
    for name, value in settings.items():
        if name != "index":
            text += f"{name} = {_value(value)}\n"
    indexes: list[Entry] = list(settings.get("index", []))
    indexes += [
        {"name": f"of-{name}", "url": pin.index, "explicit": True} for name, pin in special.items()
    ]
    text += "".join(_table("index", each) for each in indexes)
    text += "\n[tool.uv.sources]\n"
    text += "".join(f"{quoting.toml(n)} = {{ index = {_value(f'of-{n}')} }}\n" for n in special)
    for pin in pins:
        if pin.url:  # known by what is installed, so that nothing is cloned and built for it
            known = {"name": pin.name, "version": pin.version, "requires-dist": pin.requires}
            text += _table("dependency-metadata", known)
    return text


def _table(kind: str, entry: Entry) -> str:
    lines = [f"{name} = {_value(value)}\n" for name, value in entry.items()]
    return "".join([f"\n[[tool.uv.{kind}]]\n", *lines])


def _value(value: Any) -> str:
    """A TOML value: a text, a truth value, or a list of them."""
    if isinstance(value, str):
        return quoting.toml(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(map(_value, value)) + "]"
