"""Takes a capture from a live namespace: entries → examples → contract → closure → pins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ContractError
from ..notebook.cells import Notebook, Tag
from ..notebook.statements import Statement, parse_statements
from ..runtime.contract import KNOWN_TYPES, Contract, Entry, Field
from .closure.stale import stale_warnings
from .closure.tables import table_warnings
from .closure.walk import Closure, walk
from .entries.find import EntryRequest, find_entries
from .learning.examples import find_example
from .learning.learn import Learned, learn
from .model import Capture, CaptureWarning, Part, ShipItem, ShippedFile
from .outside.files import find_files, recording_opened_files
from .outside.provenance import find_provenance
from .outside.requirements import find_requirements


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
    with recording_opened_files(folder) as opened:
        taught, unserved = _learn_all(requests, namespace, notebook, statements, wanted.example)
    requests, learned = tuple(request for request, _ in taught), [item for _, item in taught]
    tests = _tests(notebook, statements)
    extra = {
        **dict.fromkeys(_names_in_tests(tests, statements, namespace), Tag.TEST.value),
        **dict.fromkeys(_names_in_contract(learned), "contract"),
    }
    closure = walk(requests, namespace, notebook, statements, wanted.package, extra)
    files = find_files(closure.parts, closure.modules, folder, opened)
    modules = {**_modules_of(learned), **files.modules, **closure.modules}
    requirements = find_requirements(modules, files.local)
    pins = requirements.pins
    provenance = find_provenance(notebook, folder, pins)
    warnings = (
        *unserved,
        *(warning for item in learned for warning in item.warnings),
        *closure.warnings,
        *stale_warnings(notebook, closure),
        *table_warnings(closure.artifacts, closure.ship_list, namespace),
        *files.warnings,
        *requirements.warnings,
    )
    return Capture(
        name=wanted.name,
        package=wanted.package,
        contract=_contract(wanted.name, notebook, learned, closure, provenance.to_json()),
        parts=closure.parts,
        artifacts=closure.artifacts,
        files=files.files,
        cases={item.entry.name: item.case for item in learned},
        tests=tests,
        requirements=pins,
        ship_list=_ship_list(closure, files.files),
        warnings=tuple(dict.fromkeys(warnings)),
        provenance=provenance,
    )


def _learn_all(
    requests: tuple[EntryRequest, ...],
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: tuple[Statement, ...],
    expression: str | None,
) -> tuple[list[tuple[EntryRequest, Learned]], list[CaptureWarning]]:
    """What each entry taught, and the methods that had to be left out.

    A model brings all its methods; one of the further ones without a form on the wire (a
    ``predict_proba`` for several targets) does not keep the model from being served.
    """
    taught: list[tuple[EntryRequest, Learned]] = []
    unserved: list[CaptureWarning] = []
    for request in requests:
        try:
            learned = _learn(request, namespace, notebook, statements, expression)
        except ContractError as error:
            if all(other.expression != request.expression for other, _ in taught):
                raise
            message = f"{request.expression}.{request.method} is not served: {error.message}"
            unserved.append(CaptureWarning(message, "", error.cell))
        else:
            taught.append((request, learned))
    return taught, unserved


def _learn(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: tuple[Statement, ...],
    expression: str | None,
) -> Learned:
    example = find_example(request, namespace, notebook, statements, expression)
    return learn(request, example, namespace)


def _contract(
    name: str,
    notebook: Notebook,
    learned: list[Learned],
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


def _names_in_contract(learned: list[Learned]) -> set[str]:
    """Classes of the notebook that arguments are made of."""

    def classes(field: Field) -> set[str]:
        inner = (*field.fields, *((field.items,) if field.items else ()))
        return {field.python}.union(*(classes(item) for item in inner))

    found = {name for item in learned for f in item.entry.input.fields for name in classes(f)}
    return found - KNOWN_TYPES - {""}


def _modules_of(learned: list[Learned]) -> dict[str, str]:
    """Libraries that reading requests and writing answers takes."""
    entries: list[Entry] = [item.entry for item in learned]
    kinds = {kind for entry in entries for kind in (entry.input.kind, entry.output.kind)}
    modules = {}
    if kinds & {"frame", "series"}:
        modules["pandas"] = "rows of requests become a frame"
    if "array" in kinds:
        modules["numpy"] = "rows of requests become an array"
    return modules


def _ship_list(closure: Closure, files: tuple[ShippedFile, ...]) -> tuple[ShipItem, ...]:
    shipped = tuple(
        ShipItem(file.path, file.kind, None, len(file.data), "", ("the code above",))
        for file in files
    )
    return (*closure.ship_list, *shipped)
