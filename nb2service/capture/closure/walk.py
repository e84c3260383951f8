"""Everything that the entries need, found by walking from their live values.

    predict  →  def predict(...)          verbatim, from cell [7]
             →  THRESHOLD = 0.5           a literal that still holds
             →  model = load("model")     an artifact: the value in memory, not its training
             →  from sklearn... import …  the classes that only the artifact needs are not imported

Values come from memory, code comes from source. Each need remembers the chain that led to it.
"""

from __future__ import annotations

import builtins
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ...errors import CaptureError
from ...notebook.cells import Notebook, Tag
from ...notebook.statements import Statement
from ..entries.find import EntryRequest
from ..model import Artifact, CaptureWarning, NativeFile, Part, ShipItem
from .artifacts import save
from .formats.parts import starts_threads
from .headings import heading, only_headings
from .imports import merge_imports, submodule_imports
from .libraries import LibraryChanges
from .order import in_order
from .pieces import Piece
from .scope import Scope
from .sources import Sources
from .surroundings import environment_warnings
from .wording import Wording

_LOOKS_NAMES_UP = {"eval", "exec", "globals", "locals"}


@dataclass(frozen=True)
class Refused:
    """A name that cannot travel: the chain that leads to it, its live value, and why not."""

    chain: tuple[str, ...]
    value: Any
    error: CaptureError


@dataclass(frozen=True)
class Closure:
    """What travels for a set of entries.

    Attributes:
        parts: the parts of ``notebook.py``, in the order in which they run.
        artifacts: the values that travel as files.
        modules: each module that code imports or artifacts refer to → why, in words.
        ship_list: what travels, from where, and the chain that leads to it.
        warnings: what to know.
        live: the live value behind each row of the ship list that has one, else ``...``.
        refused: what cannot travel, where ``walk`` was to go on without it.
    """

    parts: tuple[Part, ...]
    artifacts: tuple[Artifact, ...]
    modules: dict[str, str]
    ship_list: tuple[ShipItem, ...]
    warnings: tuple[CaptureWarning, ...]
    live: Mapping[str, Any] = field(default_factory=dict, compare=False)
    refused: tuple[Refused, ...] = field(default=(), compare=False)


def walk(
    requests: Sequence[EntryRequest],
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
    package: str,
    extra: Mapping[str, str] | None = None,
    use_skops: bool = False,
    keep_going: bool = False,
) -> Closure:
    """Find everything that the entries need.

    Args:
        requests: the entries.
        namespace: the live notebook; it is read only.
        notebook: its cells, for their tags.
        statements: its statements in the order of execution.
        package: name of the project's package, which ``notebook.py`` is part of.
        extra: other names that ``notebook.py`` must hold → what needs them (``service-test``).
        use_skops: whether scikit-learn's estimators are saved with skops.
        keep_going: whether to note all names that cannot travel, in place of raising at the first.

    Raises:
        CaptureError: something that is needed cannot travel; the message holds the chain.
    """
    walker = _Walk(requests, namespace, notebook, statements, package, use_skops)
    walker.start(extra or {})
    walker.run()
    if walker.refused and not keep_going:
        raise walker.refused[0].error
    return walker.result()


class _Walk:
    def __init__(
        self,
        requests: Sequence[EntryRequest],
        namespace: Mapping[str, Any],
        notebook: Notebook,
        statements: Sequence[Statement],
        package: str,
        use_skops: bool,
    ) -> None:
        self.requests = requests
        self.statements = statements
        sources = Sources(statements)
        given = {r.variable: r.value for r in requests if r.variable not in namespace}
        given |= {name: value for r in requests for name, value in r.given.items()}
        self.scope = Scope(namespace, given, sources)
        skipped = frozenset(cell.number for cell in notebook.tagged(Tag.SKIP))
        self.wording = Wording(self.scope, sources, package, skipped, use_skops)
        self.libraries = LibraryChanges(self.scope, sources, skipped)
        self.setup = _setup_cells(notebook, statements)
        self.pieces: dict[str, Piece] = {}
        self.chains: dict[str, tuple[str, ...]] = {}
        self.queue: deque[str] = deque()
        self.warnings: list[CaptureWarning] = []
        self.refused: list[Refused] = []
        self.roots: set[str] = set()  # names that are read by more than the text that travels
        self.headings: dict[str, Any] = {}

    def start(self, extra: Mapping[str, str]) -> None:
        self.roots |= {*extra, *(request.variable for request in self.requests)}
        self.roots |= {name.split(".")[0] for r in self.requests for name in r.bind.values()}
        self._place_setup()
        for request in self.requests:
            root = (request.name,)
            chain = root if request.variable == request.name else (*root, request.variable)
            self._need(request.variable, chain)
            for name in sorted(request.bind.values()):
                self._need(name, (*root, name))
        for name, why in sorted(extra.items()):
            if self.scope.get(name) is not ...:
                self._need(name, (why, name))

    def run(self) -> None:
        self._follow()
        while changes := list(self.libraries.needed(self.pieces)):
            for library, change in changes:
                if isinstance(change, str):
                    self._need(change, (library, change))
                else:
                    self._add(change, (library, change.name.split(" ")[0]))
            self._follow()
        self.warnings += environment_warnings(self.statements, self.pieces.values())
        for piece in list(submodule_imports(self.pieces, self.scope, self.wording.sources)):
            self.pieces[piece.name] = piece
            self.chains[piece.name] = ("attributes in the code above", piece.name)

    def _follow(self) -> None:
        while self.queue:
            name = self.queue.popleft()
            if name in self.pieces or self._is_set_up(name):
                continue
            chain, value = self.chains[name], self.scope.get(name)
            try:
                for piece in self.wording.word(name, value, " → ".join(chain)):
                    self._add(piece, chain)
            except CaptureError as error:
                self.refused.append(Refused(chain, value, error))

    def _add(self, piece: Piece, chain: tuple[str, ...]) -> None:
        if piece.position < 0 and len(chain) > 1 and chain[-2] in self.pieces:
            # A name that was made up stands where it is needed.
            piece.position = self.pieces[chain[-2]].position
        self.pieces[piece.name] = piece
        self.chains.setdefault(piece.name, chain)
        # Changes of a class (`Model.predict = …`) come after the class itself.
        owner = piece.name.split(".")[0]
        if owner != piece.name and owner in self.pieces:
            piece.eager.add(owner)
            self.pieces[owner].late.add(piece.name)
        live = {name for name in piece.quoted if self._is_value(name)}
        piece.late |= live - {piece.name}
        for name in sorted(piece.eager | piece.late):
            self._need(name, (*chain, name), piece)
        for name in sorted(_LOOKS_NAMES_UP & (piece.eager | piece.late)):
            if self.scope.get(name) is ...:
                self._warn(
                    f"{' → '.join(chain)} calls {name}(): names that it looks up by text are not "
                    "followed",
                    "use the names directly",
                    piece.cell,
                )

    def _need(self, name: str, chain: tuple[str, ...], by: Piece | None = None) -> None:
        is_special = name.startswith("__") and name.endswith("__") and len(name) > 4
        if name in self.chains or is_special or not name.isidentifier():
            return
        if by is not None and (name in by.binds or name in self.pieces):
            return
        if name == "get_ipython":
            raise CaptureError(
                f"{' → '.join(chain[:-1])}: it uses an IPython magic or shell command, "
                "which exists in the notebook only",
                "call the Python function behind it instead",
                by.cell if by else None,
            )
        if self.wording.sources.is_history(name) and name in self.scope.namespace:
            raise CaptureError(
                f"{' → '.join(chain)}: {name} is what IPython keeps of earlier cells",
                f"give the value a name in a cell of its own, and use that in place of {name}",
                by.cell if by else None,
            )
        if self.scope.get(name) is ...:
            if not hasattr(builtins, name) and not (by and name in by.hints):
                self._warn(
                    f"{' → '.join(chain)}: the name has no value in the notebook; "
                    "code that reaches it will fail",
                    f"define {name}, or take it out",
                    by.cell if by else None,
                )
            return
        self.chains[name] = chain
        self.queue.append(name)

    def _is_value(self, name: str) -> bool:
        value = self.scope.get(name)
        return value is not ... and not isinstance(value, ModuleType)

    def _warn(self, message: str, hint: str, cell: int | None) -> None:
        self.warnings.append(CaptureWarning(message, hint, cell))

    # --- service-setup

    def _is_set_up(self, name: str) -> bool:
        position = self.wording.sources.last_statement(name)
        return position is not None and position in self.setup

    def _place_setup(self) -> None:
        previous = ""
        for position in self.setup:
            statement = self.statements[position]
            names = tuple(sorted(statement.uses.binds))
            key = f"setup {position}"
            piece = Piece(key, "setup", "setup", statement.source, statement.cell, position)
            piece.read(position >= self.wording.sources.lazy_from)
            own = {name for name in names if self._is_set_up(name)}
            piece.binds, piece.before = tuple(sorted(own)), frozenset(names) - own
            piece.eager -= own
            piece.late -= own
            for name in own:
                self.chains.setdefault(name, ("service-setup", name))
                self.wording.primary.setdefault(id(self.scope.get(name)), name)
            self._add(piece, ("service-setup",))
            if previous:
                piece.eager.add(previous)
            previous = key

    # --- the result

    def result(self) -> Closure:
        self._place_changes()
        self._leave_rows_behind()
        ordered = in_order(self.pieces)
        loader = "_load" if "load" in self._all_names(ordered) else "load"
        files: set[str] = set()
        artifacts: dict[str, Artifact] = {}
        for piece in ordered:
            if piece.saved is not None:
                piece.source = f'{piece.name} = {loader}("{piece.name}")'
                artifacts[piece.name] = _artifact(piece, files)
        return Closure(
            parts=tuple(self._parts(ordered, loader)),
            artifacts=tuple(artifacts.values()),
            modules=self._modules(ordered),
            ship_list=tuple(self._ship_list(ordered, artifacts)),
            warnings=tuple(dict.fromkeys([*self.warnings, *self.scope.warnings])),
            live={name: self.scope.get(name) for name in self.pieces} | self.headings,
            refused=tuple(self.refused),
        )

    def _leave_rows_behind(self) -> None:
        """Of a frame of which only the columns are read, no rows travel."""
        live = {name: self.scope.get(name) for name in self.pieces}
        for name in list(only_headings(self.pieces, live, self.roots)):
            self.headings[name] = heading(live[name])
            piece, chain = self.pieces[name], " → ".join(self.chains[name])
            piece.saved = save(chain, self.headings[name], self.wording.package, self.scope.home)
            piece.type, piece.modules = f"{piece.type}, its columns only", set(piece.saved.modules)

    def _place_changes(self) -> None:
        """A class keeps book of its subclasses: what memory holds of that comes after them."""
        classes = {n: self.scope.get(n) for n, p in self.pieces.items() if p.label == "class"}
        for key, piece in self.pieces.items():
            owner = classes.get(key.split(".")[0])
            if owner is None or key in classes or piece.label != "constant":
                continue
            piece.eager |= {
                name
                for name, value in classes.items()
                if isinstance(value, type) and value is not owner and owner in value.__mro__
            }

    def _all_names(self, ordered: Sequence[Piece]) -> set[str]:
        return {n for piece in ordered for n in (piece.name, *piece.binds, *piece.before)}

    def _parts(self, ordered: list[Piece], loader: str) -> Iterator[Part]:
        if any(piece.lazy for piece in ordered):
            yield Part("import", (), "from __future__ import annotations", None)
        imports = [piece for piece in ordered if piece.kind == "import"]
        for text, group in merge_imports(imports):
            names = tuple(piece.name for piece in group if piece.name.isidentifier())
            yield Part("import", names, text, group[0].cell, group[0].note)
        if loader != "load":
            note = "the notebook has a load of its own"
            yield Part("import", (loader,), f"from .store import load as {loader}", None, note)
        for piece in ordered:
            if piece.kind != "import":
                own = (piece.name,) if piece.name.isidentifier() else ()
                yield Part(piece.kind, (*own, *piece.binds), piece.source, piece.cell, piece.note)

    def _modules(self, ordered: list[Piece]) -> dict[str, str]:
        found: dict[str, str] = {}
        for piece in sorted(ordered, key=lambda piece: (piece.kind == "artifact", piece.position)):
            for module in sorted(piece.modules - {"builtins", "__main__", "__future__"}):
                found.setdefault(module, _why_imported(piece))
        return dict(sorted(found.items()))

    def _ship_list(
        self, ordered: list[Piece], artifacts: Mapping[str, Artifact]
    ) -> Iterator[ShipItem]:
        entries = {request.variable for request in self.requests if not request.method}
        for piece in ordered:
            size = len(piece.saved.data) if piece.saved else len(piece.source.encode())
            label = "entry" if piece.name in entries and not piece.saved else piece.label
            names = ", ".join(piece.binds) if piece.kind == "setup" else piece.name
            names = piece.name.split(" ")[0] if piece.label == "setting" else names
            cell = piece.cell or self.scope.cell_of(piece.name)
            yield ShipItem(
                names or "(setup)", label, cell, size, piece.type, self.chains[piece.name]
            )
            for part in artifacts[piece.name].parts if piece.saved else ():
                chain = (*self.chains[piece.name], part.file)
                yield ShipItem(part.file, "native", cell, len(part.data), part.type, chain)


def _setup_cells(notebook: Notebook, statements: Sequence[Statement]) -> list[int]:
    """Positions of the statements that run at start; of a cell run several times, the last run."""
    last = {cell.id or cell.source: cell.number for cell in notebook.tagged(Tag.SETUP)}
    numbers = set(last.values())
    bound: dict[int, set[str]] = {
        number: {n for s in statements if s.cell == number for n in s.uses.binds}
        for number in numbers
    }
    # An edited cell without an id looks like another one: it binds the same names again.
    stale = {
        number
        for number, names in bound.items()
        if names and any(names <= later for other, later in bound.items() if other > number)
    }
    return [p for p, s in enumerate(statements) if s.cell in numbers - stale]


def _artifact(piece: Piece, files: set[str]) -> Artifact:
    saved = piece.saved
    assert saved is not None
    stem = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "-" for c in piece.name)

    def unique(suffix: str) -> str:
        file, number = stem + suffix, 1
        while file.lower() in files:
            number += 1
            file = f"{stem}-{number}{suffix}"
        files.add(file.lower())
        return file

    file = unique(".mapped" if saved.format == "mapped" else ".pkl")
    parts = tuple(
        NativeFile(
            unique(part.suffix), part.data, part.type, part.format, part.library, part.version,
            part.python, part.environment,
        )
        for part in saved.parts
    )  # fmt: skip
    return Artifact(
        piece.name, file, saved.format, saved.data, piece.type, piece.cell, saved.modules, parts,
        starts_threads(saved.modules, saved.parts),
    )  # fmt: skip


def _why_imported(piece: Piece) -> str:
    if piece.kind == "artifact":
        return f"{piece.name} (artifact) refers to it"
    if piece.kind == "import":
        where = f"cell [{piece.cell}]" if piece.cell else f"the service, for {piece.name}"
        return f"imported by {where}"
    if piece.kind == "setup":
        return f"imported by cell [{piece.cell}]"
    where = f", cell [{piece.cell}]" if piece.cell else ""
    return f"imported by {piece.name}{where}"


__all__ = ["Closure", "walk"]
