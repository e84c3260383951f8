"""The ship-list guard: what would travel, and what of it must be mended, masked or allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import CaptureError, UsageError
from ...notebook.statements import Statement
from ..closure.result import Closure
from ..learning.learn import Learned
from ..model import CaptureWarning, Part, Refusal, ShipItem
from ..outside.files import Files
from .examples import example_findings
from .findings import Finding
from .sources import file_findings, source_findings, stray_findings
from .values import refused_finding, value_findings


@dataclass(frozen=True)
class Shipment:
    """Everything that would travel.

    Attributes:
        closure: code and values.
        files: local modules and data files.
        tests: the cells tagged service-test.
        learned: the entries with their recorded examples.
        masked: columns whose example values are made up.
        originals: texts of the values that those stand for.
    """

    closure: Closure
    files: Files
    tests: tuple[Part, ...]
    learned: Sequence[Learned]
    masked: tuple[str, ...] = ()
    originals: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """What the guard says.

    Attributes:
        ship_list: all that would travel, what was refused or allowed marked so.
        refusals: what keeps it from travelling.
        warnings: what to know, and what was allowed.
    """

    ship_list: tuple[ShipItem, ...]
    refusals: tuple[Refusal, ...]
    warnings: tuple[CaptureWarning, ...]


def inspect(
    shipment: Shipment,
    statements: Sequence[Statement],
    folder: Path,
    allow: Sequence[str] = (),
) -> Verdict:
    """Looks at each thing that would travel.

    Args:
        shipment: all of it.
        statements: of the whole notebook; they tell which tables were trained on.
        folder: the notebook's working directory.
        allow: names that may travel although something is found about them.

    Raises:
        UsageError: nothing is found about a name in ``allow``.
    """
    found = _once(_findings(shipment, statements, folder))
    _check_allowed(allow, found)
    allowed = [item for item in found if item.name in allow and item.options]
    left = [item for item in found if item not in allowed]
    refused = [item for item in left if item.refused]
    marks = {item.name: item.message for item in left if item.noted}
    marks |= {item.name: "allowed" for item in allowed if item.refused}
    marks |= {item.name: "refused" for item in refused}
    listed = [replace(item, verdict=marks.get(item.name, "")) for item in _listed(shipment)]
    warnings = [item.to_warning() for item in left if not (item.refused or item.noted)]
    warnings += [item.to_note() for item in allowed if item.refused]
    return Verdict(
        (*listed, *_unlisted(refused, listed)),
        tuple(item.to_refusal() for item in refused),
        tuple(warnings),
    )


def _findings(
    shipment: Shipment, statements: Sequence[Statement], folder: Path
) -> Iterator[Finding]:
    closure = shipment.closure
    yield from map(refused_finding, closure.refused)
    yield from source_findings(closure, shipment.tests, shipment.originals)
    yield from value_findings(closure, statements, folder)
    yield from file_findings(shipment.files, shipment.originals)
    yield from stray_findings(shipment.files.strays, closure.ship_list)
    yield from example_findings(shipment.learned, shipment.masked)


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Without what is found again in the value that code has made: it is said without the place."""
    known: dict[tuple[str, str], Finding] = {}
    for item in findings:
        known.setdefault((item.name, item.message.partition(" (")[0]), item)
    return list(known.values())


def _check_allowed(allow: Sequence[str], found: Sequence[Finding]) -> None:
    known = list(dict.fromkeys(item.name for item in found if item.options))
    for name in allow:
        if any(item.name == name and not item.options for item in found):
            continue  # its refusal says why nothing can lift it
        if name not in known:
            raise UsageError(
                f"--allow {name}: nothing by that name is refused",
                f"it is for {', '.join(known)}" if known else "leave it out: nothing is refused",
            )


def _listed(shipment: Shipment) -> Iterator[ShipItem]:
    yield from shipment.closure.ship_list
    for file in shipment.files.files:
        yield ShipItem(file.path, file.kind, None, len(file.data), "", ("the code above",))


def _unlisted(refused: Sequence[Finding], listed: Sequence[ShipItem]) -> Iterator[ShipItem]:
    """What has no row of its own, as it could not be saved."""
    names = {item.name for item in listed}
    for item in refused:
        if item.name not in names and not item.options:
            names.add(item.name)
            yield ShipItem(item.name, item.kind, item.cell, 0, item.type, item.why, "refused")


def refusal_error(
    refusals: Sequence[Refusal], line: Callable[[list[str], list[str]], str]
) -> CaptureError:
    """One error that lists everything refused, with how to mend each and how to go on anyway.

    Args:
        refusals: at least one.
        line: words what was typed, with more columns to mask and more names to allow.
    """
    if len(refusals) == 1:
        [only] = refusals
        cell, message, mend = only.cell, str(replace(only, cell=None)), only.hint
    else:
        told = [f"\n  {item}\n      → {item.hint}" for item in refusals]
        message = f"{len(refusals)} things must not travel as they are:" + "".join(told)
        cell, mend = None, "mend this in the notebook"
    masked = _names(refusals, "--mask")
    allowed = _names(refusals, "--allow")
    if allowed:
        mend += "; or, if you know that it may travel as it is:"
    elif masked:
        mend += " (--allow in place of --mask publishes them as they are):"
    return CaptureError(
        message, f"{mend}\n    {line(masked, allowed)}" if masked or allowed else mend, cell
    )


def _names(refusals: Sequence[Refusal], option: str) -> list[str]:
    """What the option is the best one for."""
    return list(dict.fromkeys(item.name for item in refusals if item.options[:1] == (option,)))
