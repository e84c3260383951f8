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
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from ...errors import CaptureError
from ...notebook.cells import Notebook, Tag
from ...notebook.statements import Statement
from ..entries.find import EntryRequest
from ..model import CaptureWarning
from .artifacts import save
from .headings import heading, only_headings
from .imports import submodule_imports
from .libraries import LibraryChanges
from .order import in_order
from .pieces import Piece
from .result import (
    Closure,
    Refused,
    artifacts_of,
    loader_name,
    modules_of,
    parts_of,
    ship_list_of,
)  # fmt: skip
from .scope import Scope
from .sources import Sources
from .surroundings import environment_warnings
from .wording import Wording


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
        for name in sorted(piece.looks_up & (piece.eager | piece.late)):
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
        loader = loader_name(ordered)
        artifacts = artifacts_of(ordered, loader)
        entries = {request.variable for request in self.requests if not request.method}
        cells = {piece.name: piece.cell or self.scope.cell_of(piece.name) for piece in ordered}
        return Closure(
            parts=tuple(parts_of(ordered, loader)),
            artifacts=tuple(artifacts.values()),
            modules=modules_of(ordered),
            ship_list=tuple(ship_list_of(ordered, artifacts, self.chains, cells, entries)),
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


__all__ = ["walk"]
