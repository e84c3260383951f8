"""Looks into the live values that would travel as artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from ...notebook.statements import Statement
from ..closure.formats.part import NOTEBOOK_MODULES, qualified_type
from ..closure.result import Closure, Refused
from ..model import Artifact, ShipItem
from ..values import kind_of
from .findings import Finding, finding_of
from .handles import device_of, handle_kind
from .holdings import Held, holdings
from .pickles import pickle_findings
from .secrets import find_secrets, secret_named
from .sources import size_findings
from .tables import kept_rows, large_table, less_of, trained_on

_SETUP = "open it in a cell tagged service-setup, which runs when the service starts"


def refused_finding(refused: Refused) -> Finding:
    """What cannot be saved, in terms of what it holds rather than of how saving failed."""
    name, error = refused.chain[-1], refused.error
    kind, type_ = "artifact", qualified_type(refused.value)
    for held in holdings(name, refused.value):
        if what := handle_kind(held.value):
            message, hint = _handle_words(held, what), _SETUP
            if what == "a generator":
                hint = "keep its items in a list"
            return Finding(name, kind, type_, error.cell, refused.chain, message, hint, options=())
    told = " → ".join(refused.chain)
    message = error.message.removeprefix(told)
    message = f": {message}" if message == error.message else message
    return Finding(name, kind, type_, error.cell, refused.chain, message, error.hint, options=())


def _handle_words(held: Held, what: str) -> str:
    kind = qualified_type(held.value)
    if held.owner is None:
        return f"is {what} ({kind}), which no other process can use"
    return f"holds {what} ({held.path}, a {kind}), which no other process can use"


def value_findings(
    closure: Closure, statements: Sequence[Statement], folder: Path
) -> Iterator[Finding]:
    """What is the matter with the values that would travel.

    Args:
        closure: the artifacts, their live values and their rows of the ship list.
        statements: of the whole notebook.
        folder: the notebook's working directory.
    """
    for item in closure.ship_list:
        if item.kind == "constant":
            yield from _secrets(item, list(holdings(item.name, closure.live.get(item.name, ...))))
    items = {item.name: item for item in closure.ship_list if item.kind == "artifact"}
    for artifact in closure.artifacts:
        item = replace(items[artifact.name], size=_size(artifact))
        held = list(holdings(artifact.name, closure.live[artifact.name]))
        for found in (
            pickle_findings(artifact, item),
            _open_ends(artifact, item, held),
            _secrets(item, held),
            _elsewhere(item, held, folder),
            _rows(artifact, item, held, statements),
            size_findings(item),
        ):
            yield from found


def _size(artifact: Artifact) -> int:
    """Bytes of all its files."""
    return len(artifact.data) + sum(len(part.data) for part in artifact.parts)


def _open_ends(artifact: Artifact, item: ShipItem, held: Sequence[Held]) -> Iterator[Finding]:
    """What was saved but is connected to something, and tensors that need a GPU."""
    for one in held:
        if (what := handle_kind(one.value)) and _is_saved(type(one.value), artifact):
            yield finding_of(item, _handle_words(one, what), _SETUP)
            return
        if device := device_of(one.value):
            yield finding_of(item, *_device_words(held[0], one, device))
            return


def _is_saved(kind: type, artifact: Artifact) -> bool:
    """Whether an object of the class can be in the saved bytes.

    Much is left out when an object is saved, or is within what its own library saved.
    """
    if kind.__module__ in artifact.modules:
        return True
    roots = {module.partition(".")[0] for module in artifact.modules}
    bases = {base.__module__.partition(".")[0] for base in kind.__mro__}
    return kind.__module__ in NOTEBOOK_MODULES and bool(bases & roots)


def _device_words(whole: Held, one: Held, device: str) -> tuple[str, str]:
    movable = whole.path if hasattr(whole.value, "cpu") else one.path
    return (
        f"holds tensors on {device}, which the service's machine may not have",
        f"move them to the CPU first, as with {movable}.cpu(), and run the cells after it again",
    )


def _secrets(item: ShipItem, held: Sequence[Held]) -> Iterator[Finding]:
    told: set[str] = set()
    for one in held:
        text = one.value.decode("latin-1") if isinstance(one.value, bytes) else one.value
        if not isinstance(text, str) or len(text) > 100_000:
            continue
        kinds = [secret.what for secret in find_secrets(text)]
        if not kinds and (named := secret_named(one.key, text)):
            kinds = [named]
        for what in kinds:
            if what not in told:
                told.add(what)
                where = f" ({one.path})" if one.path != item.name else ""
                yield finding_of(
                    item,
                    f"holds {what}{where}",
                    "leave it out of the value, and read it where the service runs, from "
                    "os.environ or in a cell tagged service-setup",
                )


def _elsewhere(item: ShipItem, held: Sequence[Held], folder: Path) -> Iterator[Finding]:
    """Paths of this machine in the notebook's own values; a library's are its own business."""
    for one in held:
        own = one.owner is None or type(one.owner).__module__ in ("builtins", "__main__")
        if not own or not isinstance(one.value, (str, PurePath)):
            continue
        text = str(one.value)
        if _is_of_this_machine(text, folder):
            yield finding_of(
                item,
                f"holds the path {text} ({one.path}), which exists on this machine only",
                "keep a path relative to the notebook's folder",
                refused=False,
            )
            return


def _is_of_this_machine(text: str, folder: Path) -> bool:
    if len(text) > 300 or "\n" in text or not Path(text).is_absolute():
        return False
    try:
        path = Path(text)
        near = path.is_relative_to(folder) or path.is_relative_to(Path.home())
        return near and len(path.parts) > 2 and path.exists()
    except (OSError, ValueError, RuntimeError):  # no path at all, but some other text
        return False


def _rows(
    artifact: Artifact, item: ShipItem, held: Sequence[Held], statements: Sequence[Statement]
) -> Iterator[Finding]:
    """Tables of the notebook, and rows that a model keeps."""
    reader = item.why[-2] if len(item.why) > 1 else "the service"
    for one in held:
        table = kind_of(one.value) == "frame" if one.owner is not None else True
        rows = large_table(one.value, item.size) if table else ""
        if not rows:
            continue
        inside = f" in {one.path}" if one.owner is not None else ""
        if artifact.name in trained_on(statements) and not inside:
            said = f"is a table that the notebook trains with, and would travel with {rows}"
            yield finding_of(item, said, less_of(artifact.name, one.value, reader))
        else:
            said = f"travels with {rows}{inside}, as {reader} reads it"
            hint = less_of(artifact.name, one.value, reader) if not inside else ""
            yield finding_of(item, said, hint, refused=False)
        return
    if kept := kept_rows(held):
        yield replace(finding_of(item, f"holds {kept}", "", refused=False), noted=True)
