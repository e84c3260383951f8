"""Takes a capture from a live namespace: entries → examples → contract → closure → pins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..notebook.cells import Notebook, Tag
from ..notebook.statements import Statement, parse_statements
from ..runtime.contract import Contract, Entry, Field
from .about.cards import metadata, model_cards
from .closure.result import Closure
from .closure.stale import stale_warnings
from .closure.walk import walk
from .entries.find import EntryRequest, find_entries
from .guard.guard import Shipment, inspect
from .guard.showing import shown
from .learning.keeping import state_kept
from .learning.learn import Learned
from .lessons import learn_all
from .model import Capture, Part
from .outside.files import find_files, recording_opened_files
from .outside.provenance import find_provenance
from .outside.requirements import find_requirements

# What ``Field.python`` may name besides the classes of ``notebook.py``.
_KNOWN_TYPES = frozenset(
    (
        *("ndarray", "series", "frame", "tuple", "set", "frozenset", "Timestamp", "Timedelta"),
        *("uuid", "pathlib", "image", "file", "path"),
    )
)


@dataclass(frozen=True)
class Wanted:
    """What the person asked for, as far as the capture is concerned.

    Attributes:
        name: service name.
        package: name of the project's package.
        entries: names or expressions; none means: find them.
        bind: parameters that are not inputs, to names in the namespace.
        example: expression of the example input, if given.
        allow: names of the ship list that may travel although the guard refuses them.
        mask: columns or parameters whose example values are made up.
        skops: whether scikit-learn models are saved with skops.
    """

    name: str
    package: str
    entries: tuple[str, ...]
    bind: Mapping[str, str]
    example: str | None = None
    allow: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    skops: bool = False


def capture(
    wanted: Wanted,
    namespace: Mapping[str, Any],
    notebook: Notebook,
    transform: Callable[[str], str],
    folder: Path,
) -> Capture:
    """Everything that the wanted entries need.

    Args:
        wanted: what was asked for.
        namespace: the kernel's live namespace; it is not changed.
        notebook: the cells that were executed.
        transform: IPython's cell transformer, for magics.
        folder: the notebook's working directory; local modules and data files lie below it.

    Raises:
        EntryError, ExampleError, ContractError, CaptureError, RequirementsError: what cannot be
            done, before anything is written.
    """
    statements = parse_statements(notebook.cells, transform)
    requests = find_entries(namespace, notebook, statements, wanted.entries, wanted.bind)
    called = _called(requests, namespace)
    with recording_opened_files(folder) as opened, state_kept(called, namespace):
        lessons = learn_all(requests, namespace, notebook, statements, wanted.example, wanted.mask)
    learned = lessons.learned
    tests = _tests(notebook, statements)
    extra = dict.fromkeys(_names_in_tests(tests, statements, namespace), Tag.TEST.value)
    extra |= dict.fromkeys(_names_in_contract(learned), "contract")
    closure = walk(
        lessons.requests, namespace, notebook, statements, wanted.package, extra,
        wanted.skops, keep_going=True,
    )  # fmt: skip
    files = find_files(closure.parts, closure.modules, folder, opened)
    modules = {**_modules_of(learned), **files.modules, **closure.modules}
    sources = [part.source for part in closure.parts]
    requirements = find_requirements(modules, files.local, sources=sources)
    pins = requirements.pins
    provenance = find_provenance(notebook, folder, pins)
    models, metrics = model_cards(
        lessons.requests, closure.parts, namespace, statements, lessons.originals
    )
    shipment = Shipment(closure, files, tests, learned, wanted.mask, lessons.originals)
    verdict = inspect(shipment, statements, folder, wanted.allow)
    warnings = (
        *(note for request in lessons.requests for note in request.notes),
        *lessons.warnings,
        *closure.warnings,
        *stale_warnings(notebook, closure, statements, transform),
        *verdict.warnings,
        *files.warnings,
        *requirements.warnings,
    )
    return Capture(
        name=wanted.name,
        package=wanted.package,
        contract=_contract(
            wanted.name, notebook, learned, closure, metadata(provenance, models, metrics)
        ),
        parts=closure.parts,
        artifacts=closure.artifacts,
        files=files.files,
        cases={item.entry.name: item.case for item in learned},
        tests=tests,
        requirements=pins,
        ship_list=verdict.ship_list,
        warnings=tuple(dict.fromkeys(shown(item, lessons.originals) for item in warnings)),
        provenance=provenance,
        models=models,
        metrics=metrics,
        refusals=verdict.refusals,
        originals=lessons.originals,
    )


def _called(requests: Sequence[EntryRequest], namespace: Mapping[str, Any]) -> list[Any]:
    """The entries' values, and what is bound to their parameters."""
    called = [value for request in requests for value in (request.value, *request.given.values())]
    bound = [namespace.get(n.split(".")[0]) for r in requests for n in r.bind.values()]
    return [*called, *bound]


def _contract(
    name: str,
    notebook: Notebook,
    learned: Sequence[Learned],
    closure: Closure,
    metadata: dict[str, Any],
) -> Contract:
    return Contract(
        name=name,
        title=notebook.title or name,
        description=notebook.purpose,
        entries=tuple(item.entry for item in learned),
        setup=any(part.kind == "setup" for part in closure.parts),
        metadata=metadata,
    )


def _tests(notebook: Notebook, statements: tuple[Statement, ...]) -> tuple[Part, ...]:
    numbers = {cell.number for cell in notebook.tagged(Tag.TEST)}
    return tuple(
        Part("code", tuple(sorted(s.uses.binds)), s.source, s.cell)
        for s in statements
        if s.cell in numbers
    )


def _names_in_tests(
    tests: tuple[Part, ...], statements: tuple[Statement, ...], namespace: Mapping[str, Any]
) -> set[str]:
    """What the asserts read of the notebook; what they bind themselves is theirs."""
    cells = {part.cell for part in tests}
    own: set[str] = set()
    needed: set[str] = set()
    for statement in (s for s in statements if s.cell in cells):
        needed |= (statement.uses.reads | statement.uses.late) - own
        own |= statement.uses.binds
    return {name for name in needed if name in namespace}


def _names_in_contract(learned: Sequence[Learned]) -> set[str]:
    """Classes of the notebook that arguments are made of."""

    fields = (f for item in learned for field in item.entry.input.fields for f in _all(field))
    found = {field.python for field in fields}
    return found - _KNOWN_TYPES - {""}


def _modules_of(learned: Sequence[Learned]) -> dict[str, str]:
    """Libraries that reading requests and writing answers takes."""
    entries: list[Entry] = [item.entry for item in learned]
    kinds = {kind for entry in entries for kind in (entry.input.kind, entry.output.kind)}
    kinds |= {f.python for entry in entries for field in entry.input.fields for f in _all(field)}
    modules = {}
    if kinds & {"frame", "series", "Timestamp", "Timedelta"}:
        modules["pandas"] = "rows of requests become a frame"
    if kinds & {"array", "ndarray"}:
        modules["numpy"] = "rows of requests become an array"
    if "image" in kinds:
        modules["PIL"] = "files of requests become images"
    return modules


def _all(field: Field) -> Iterator[Field]:
    """A field and the fields within it."""
    yield field
    for inner in (*field.fields, *((field.items,) if field.items else ())):
        yield from _all(inner)
