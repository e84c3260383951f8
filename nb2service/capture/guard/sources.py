"""Looks through the text that would travel: captured code, tests, local modules, data files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..closure.result import Closure
from ..model import Part, ShipItem
from ..outside.files import Files, Stray, paths_in
from .findings import Finding, finding_of
from .secrets import Secret, find_in_code, find_in_file

LARGE = 1_000_000_000
"""Bytes of one value or file above which it is refused: no image or repository takes it lightly."""

# Folders of people and of hosted notebooks, on this machine or another.
_OF_A_MACHINE = re.compile(
    r"(?:/home/|/Users/|/root/|/content/|/kaggle/|/mnt/|/media/|/dbfs/|[A-Za-z]:[\\/]).+"
)
_SYSTEM = ("/dev/", "/proc/", "/sys/", "/etc/", "/usr/", "/bin/", "/lib/", "/var/")


def source_findings(
    closure: Closure, tests: Sequence[Part], originals: Iterable[str]
) -> Iterator[Finding]:
    """What is the matter with captured code, cell by cell.

    Args:
        closure: its parts and their rows of the ship list.
        tests: the cells tagged service-test.
        originals: example values that must be in no file.
    """
    for part, item in [*_with_items(closure), *map(_test_item, tests)]:
        yield from _secret_findings(find_in_code(part.source), item)
        yield from _path_findings(part, item)
        yield from _original_findings(part.source, item, originals)


def _with_items(closure: Closure) -> list[tuple[Part, ShipItem]]:
    """The parts that are code, each with its row of the ship list: both are in the same order."""
    items = [i for i in closure.ship_list if i.kind not in ("import", "native")]
    parts = [part for part in closure.parts if part.kind != "import"]
    return [
        (part, item)
        for part, item in zip(parts, items, strict=True)
        if part.kind in ("code", "setup")
    ]


def _test_item(part: Part) -> tuple[Part, ShipItem]:
    name = part.names[0] if part.names else "tests"
    return part, ShipItem(name, "test", part.cell, len(part.source), "", ("service-test", name))


def _secret_findings(secrets: Sequence[Secret], item: ShipItem) -> Iterator[Finding]:
    lines: dict[str, list[str]] = {}
    for secret in secrets:
        lines.setdefault(secret.what, []).append(str(secret.line))
    for what, where in lines.items():
        shown = ", ".join(dict.fromkeys(where))
        yield finding_of(
            item,
            f"holds {what} (line {shown})",
            f'read it where the service runs, for example os.environ["{_variable(item, what)}"]',
        )


def _variable(item: ShipItem, what: str) -> str:
    if item.kind == "constant" and item.name.isidentifier():
        return item.name.upper()
    return re.sub(r"\W+", "_", re.sub(r"^an? |.*with a ", "", what)).upper()


def _path_findings(part: Part, item: ShipItem) -> Iterator[Finding]:
    """Folders that exist here only, and paths of other machines; files are ``Files.strays``."""
    for text in paths_in(ast.parse(part.source), {}):
        path = _absolute(text)
        if path is None:
            continue
        if path.is_dir() or (text.startswith("~") and path.is_file()):
            yield finding_of(item, f"names {text}, which exists on this machine only", _COPY)
        elif _OF_A_MACHINE.fullmatch(text) and not path.exists():
            said = f"names the path {text}, which no other machine has"
            yield finding_of(item, said, _COPY, refused=False)


_COPY = "copy what is needed into the notebook's folder, and name it relative to that"


def _absolute(text: str) -> Path | None:
    """A text as a path of its own, not of the system; None where it is none."""
    if len(text) > 300 or "\n" in text or text.startswith(_SYSTEM):
        return None
    try:
        path = Path(text).expanduser()
        path.exists()
    except (OSError, ValueError, RuntimeError):  # no path at all, but some other text
        return None
    is_windows = re.match(r"[A-Za-z]:[\\/]", text)
    return path if is_windows or (path.is_absolute() and len(path.parts) > 2) else None


def stray_findings(strays: Sequence[Stray], listed: Sequence[ShipItem]) -> Iterator[Finding]:
    """Files that code names, and that do not travel as they lie elsewhere."""
    known = {item.name: item for item in listed}
    for stray in strays:
        made = ShipItem(stray.where, "module", stray.cell, 0, "", (stray.where,))
        read = ", and the entries read it" if stray.opened else ""
        said = f"names the file {stray.path}, which exists on this machine only{read}"
        refused = not stray.path.startswith(_SYSTEM)
        yield finding_of(known.get(stray.where, made), said, _COPY, refused)


def _original_findings(source: str, item: ShipItem, originals: Iterable[str]) -> Iterator[Finding]:
    if any(original in source for original in originals):
        yield finding_of(
            item,
            "holds example values that were to be masked",
            "take them out of the code, if it is not to show them",
            refused=False,
        )


def file_findings(files: Files, originals: Iterable[str]) -> Iterator[Finding]:
    """What is the matter with the files that would travel.

    Args:
        files: local modules and data files.
        originals: example values that must be in no file.
    """
    for file in files.files:
        item = ShipItem(file.path, file.kind, None, len(file.data), "", (file.path,))
        yield from _secret_findings(find_in_file(file.path, file.data), item)
        yield from size_findings(item)
        yield from _original_findings(
            file.data.decode("utf-8", "replace") if originals else "", item, originals
        )


def size_findings(item: ShipItem) -> Iterator[Finding]:
    """What is too large to travel."""
    if item.size > LARGE:
        yield finding_of(
            item,
            f"has {item.size / 1e9:.1f} GB; more than {LARGE / 1e9:.0f} GB is refused",
            "load it in a cell tagged service-setup from where it is kept, or keep less of it",
        )
