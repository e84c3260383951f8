"""What a capture is: everything that the entries need, taken from a live kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..runtime.contract import Contract
from .pins import Lock, Pin


@dataclass(frozen=True)
class Part:
    """One part of ``notebook.py``, already in the order in which it must run.

    Attributes:
        kind: ``import``, ``code``, ``artifact`` (``name = load("name")``) or ``setup``.
        names: the names that it binds.
        source: its text, verbatim from the cell where it comes from one.
        cell: the cell's execution count; None where nb2service had to word it.
        note: why it is not verbatim, or "".
    """

    kind: str
    names: tuple[str, ...]
    source: str
    cell: int | None
    note: str = ""


@dataclass(frozen=True)
class NativeFile:
    """A model or table inside an artifact, in a file of its own library's format.

    Attributes:
        file: file name below ``artifacts/``.
        data: the bytes of the file.
        type: qualified type name, e.g. ``xgboost.core.Booster``.
        format: what reads it (see ``runtime.native``).
        library, version: what wrote it.
        python: the Python minor that it is bound to, or "".
        environment: variables that must be set before the library is imported.
    """

    file: str
    data: bytes
    type: str
    format: str
    library: str
    version: str
    python: str
    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Audit:
    """What a pickle names.

    Attributes:
        globals: what it imports, as ``module:name``, sorted.
        attributes: what it reads of other objects by name, as for a bound method; sorted.
    """

    globals: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = len(self.globals)
        tops = {name.split(":")[0].split(".")[0] for name in self.globals} - {"builtins"}
        if not count:
            return "pickle, plain values only"
        of = f" of {', '.join(sorted(tops))}" if tops else ""
        return f"pickle, {count} name{'s' if count > 1 else ''}{of}"


NO_NAMES = Audit()


@dataclass(frozen=True)
class Artifact:
    """A live value saved to a file.

    Attributes:
        name: the variable that holds it in ``notebook.py``.
        file: file name below ``artifacts/``; unique even where case does not count.
        format: ``pickle``, or ``mapped`` where large arrays lie beside the pickle.
        data: the bytes of the file.
        type: qualified type name, e.g. ``sklearn.pipeline.Pipeline``.
        cell: the cell that bound it last; None if unknown.
        modules: the modules that its bytes refer to, notebook and builtins excluded.
        parts: the models and tables in it that lie in files of their own, by their numbers.
        threads: whether loading it starts threads, so that each worker must load its own.
        audit: what its pickle names.
    """

    name: str
    file: str
    format: str
    data: bytes
    type: str
    cell: int | None
    modules: tuple[str, ...]
    parts: tuple[NativeFile, ...] = ()
    threads: bool = False
    audit: Audit = NO_NAMES


@dataclass(frozen=True)
class ShippedFile:
    """A file that travels as it is: a local module or a data file.

    Attributes:
        path: posix path relative to the notebook's folder.
        kind: ``module`` or ``data``.
        data: its bytes.
    """

    path: str
    kind: str
    data: bytes


@dataclass(frozen=True)
class ShipItem:
    """One row of the ship list.

    Attributes:
        name: the name or path that travels.
        kind: ``entry``, ``function``, ``class``, ``import``, ``constant``, ``artifact``,
            ``native`` (a model of an artifact in its library's format), ``module``, ``data`` or
            ``setup``.
        cell: the cell it comes from, if any.
        size: bytes of source or file.
        type: qualified type name of a value, else "".
        why: the chain that leads to it, entry first: ``("predict", "helper", "vocab")``.
        verdict: what the guard says: ``refused``, ``allowed``, a note (``holds 85 training rows``),
            or "".
        saved: how a value is saved, and what loading it imports, in words; else "".
    """

    name: str
    kind: str
    cell: int | None
    size: int
    type: str
    why: tuple[str, ...]
    verdict: str = ""
    saved: str = ""


@dataclass(frozen=True)
class Refusal:
    """Something that would travel and must not, as it is.

    Attributes:
        name: as the ship list has it, or the column or parameter of the examples.
        kind: as in the ship list; ``example`` for example values.
        type: qualified type name of a value, else "".
        cell: the cell it comes from, if any.
        why: the chain that leads to it, entry first.
        message: what is wrong with it, as what follows its name in a sentence.
        hint: how to change the notebook.
        options: what lifts the refusal, the best first: ``--mask``, ``--allow``.
    """

    name: str
    kind: str
    type: str
    cell: int | None
    why: tuple[str, ...]
    message: str
    hint: str
    options: tuple[str, ...] = ("--allow",)

    def __str__(self) -> str:
        where = f"[{self.cell}] " if self.cell is not None else ""
        space = "" if self.message[:1] in (":", ".", "[") else " "
        return f"{where}{' → '.join(self.why)}{space}{self.message}"

    def with_mends(self) -> str:
        """The refusal with how to change the notebook, or what to add to the command."""
        return f"{self} → {'; or '.join([self.hint, *self.words()])}"

    def to_json(self) -> dict[str, Any]:
        """As every door hands it on; ``options`` are words to add to the command."""
        return {**vars(self), "why": list(self.why), "options": self.words()}

    def words(self) -> list[str]:
        """What to add to the command, either of them: ``--mask "First name"``."""
        name = f'"{self.name}"' if " " in self.name else self.name
        return [f"{option} {name}" for option in self.options]


@dataclass(frozen=True)
class CaptureWarning:
    """Something to know before shipping, with the cell it concerns and how to mend it."""

    message: str
    hint: str = ""
    cell: int | None = None

    def __str__(self) -> str:
        where = f"cell [{self.cell}]: " if self.cell is not None else ""
        return where + self.message + (f" → {self.hint}" if self.hint else "")


@dataclass(frozen=True)
class Provenance:
    """Where the project comes from; no time of day: the same state gives the same bytes.

    Attributes:
        notebook: its path, if it has one.
        title, purpose: as its first text says.
        sha256: of the code that was run.
        git_commit, git_date: of the newest commit around it; the date only where git is at hand.
        python: version of the kernel's interpreter.
        versions: of the distributions that the notebook itself names.
    """

    notebook: str | None
    title: str
    purpose: str
    sha256: str
    git_commit: str | None
    python: str
    versions: tuple[tuple[str, str], ...]
    git_date: str = ""

    def to_json(self) -> dict[str, Any]:
        """As ``contract.json`` holds it and ``GET /metadata`` shows it."""
        told = {**vars(self), "versions": dict(self.versions)}
        return {name: value for name, value in told.items() if name != "git_date" or value}


@dataclass(frozen=True)
class ModelPart:
    """A model, or a step within one.

    Attributes:
        name: what it is called in the model; "" for the model itself.
        type: qualified type name.
        takes: the columns that it takes, if it takes some of them only.
        settings: those that are not as the class has them by itself, as one types them.
        depth: how deep it lies; 0 for the model itself.
    """

    name: str
    type: str
    takes: str
    settings: tuple[tuple[str, str], ...]
    depth: int


@dataclass(frozen=True)
class Metric:
    """A number that the notebook computed of the models that travel, as they are now.

    Attributes:
        name: the variable that holds it, or the function or method that computed it.
        value: the number.
        source: the expression that computed it.
        cell: the cell that it stands in.
        seen: whether it was computed on the rows that the model was fitted on.
    """

    name: str
    value: float
    source: str
    cell: int
    seen: bool = False


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model that travels; what is not known is None or empty.

    Attributes:
        name: the expression that it is known by: ``model``, ``grid.best_estimator_``.
        parts: the model and its steps.
        cell: the cell that fitted it.
        rows, columns: the shape of the table that it was fitted on.
        features: the names of its columns.
        classes: what it tells apart, and how many of the rows were of each.
    """

    name: str
    parts: tuple[ModelPart, ...]
    cell: int | None = None
    rows: int | None = None
    columns: int | None = None
    features: tuple[str, ...] = ()
    classes: tuple[tuple[Any, int | None], ...] = ()


@dataclass(frozen=True)
class Capture:
    """Everything that the entries need.

    Attributes:
        name: service name as typed (``churn``).
        package: name of the project's package, an identifier (``churn_service``).
        contract: the typed input and output of each entry.
        parts: the parts of ``notebook.py``, in order.
        artifacts: the live values that travel as files.
        files: local modules and data files.
        cases: for each entry, the recorded cases as ``runtime.replay`` reads them (JSON-ready).
        tests: sources of ``service-test`` cells.
        requirements: direct and transitive pins, sorted by name.
        ship_list: what travels, and why.
        refusals: what must be mended, masked or allowed before anything is written.
        warnings: what to know.
        provenance: where it comes from.
        originals: telling texts of masked example values, which no file is to show.
        libraries: shared libraries of the system that the service loads (``libgomp.so.1``), as far
            as a fresh process has shown.
        models: what is known of the models that travel.
        metrics: what the notebook computed of them.
    """

    name: str
    package: str
    contract: Contract
    parts: tuple[Part, ...]
    artifacts: tuple[Artifact, ...]
    files: tuple[ShippedFile, ...]
    cases: dict[str, dict[str, Any]]
    tests: tuple[Part, ...]
    requirements: tuple[Pin, ...]
    ship_list: tuple[ShipItem, ...]
    warnings: tuple[CaptureWarning, ...]
    provenance: Provenance
    libraries: tuple[str, ...] = ()
    models: tuple[ModelCard, ...] = ()
    metrics: tuple[Metric, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    originals: frozenset[str] = field(default=frozenset(), repr=False)
    lock: Lock | None = None
    unlocked: str = ""
