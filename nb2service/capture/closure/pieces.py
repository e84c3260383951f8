"""One needed name and the text that binds it, with the names that this text needs in turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...errors import CaptureError
from ...notebook.statements import uses_of
from .artifacts import Saved
from .names import Reads, read_code
from .quoted import read_quoted
from .snippets import Snippet
from .sources import Binder


@dataclass
class Piece:
    """The text that binds one name of ``notebook.py``.

    Attributes:
        name: the name; for a change of a class or function, what is changed (``Model.predict``).
        kind: ``import``, ``code``, ``artifact`` or ``setup``.
        label: its kind in the ship list: ``function``, ``class``, ``import``, ``constant``, …
        source: the text.
        cell: the cell it comes from; None if it had to be worded.
        position: place of its statement in the order of execution.
        note: why it is not verbatim.
        eager, late: names needed when it runs, and when what it defines is called.
        modules: modules that it imports or refers to.
        hints: names that only annotations mention.
        attributes: chains of attributes that it follows from a global name.
        before: names that its text binds in passing; their own text must come after it.
        binds: names that it binds besides ``name``.
        saved: of an artifact: its bytes.
        type: qualified type of the value, where it is one.
        quoted: names in its strings (``df.query("a > @limit")``); perhaps no names at all.
        looks_up: functions by which it reads names that nothing tells (``eval(text)``).
        binder: of an import: where the notebook wrote it.
        lazy: whether annotations stay text (``from __future__ import annotations``).
    """

    name: str
    kind: str
    label: str
    source: str
    cell: int | None = None
    position: int = -1
    note: str = ""
    eager: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    hints: set[str] = field(default_factory=set)
    attributes: set[tuple[str, ...]] = field(default_factory=set)
    before: frozenset[str] = frozenset()
    binds: tuple[str, ...] = ()
    saved: Saved | None = None
    type: str = ""
    quoted: set[str] = field(default_factory=set)
    looks_up: set[str] = field(default_factory=set)
    binder: Binder | None = None
    lazy: bool = False

    def read(self, lazy: bool = False) -> Piece:
        """Find out from its text what it needs: from the syntax and, as a check, the bytecode.

        Args:
            lazy: whether annotations stay text in the notebook.

        Raises:
            CaptureError: it needs an earlier value of its own name.
        """
        snippet = Snippet(self.source, lazy=lazy)
        found: Reads = read_code(snippet.code)
        header = "from __future__ import annotations\n" if lazy else ""
        uses = uses_of(header + self.source)
        if self.name in uses.reads:
            raise CaptureError(
                f"it is made from what the name {self.name} stood for before",
                f"give the earlier {self.name} a name of its own, and run the cells again",
                self.cell,
            )
        own = {"annotations"} if lazy else set()
        self.eager = (found.eager | uses.reads) - {self.name} - own
        self.late = (found.late | uses.late) - {self.name} - self.eager
        self.hints = {*uses.reads, *uses.late} - found.eager - found.late
        texts = read_quoted(snippet.tree)
        self.quoted, self.looks_up = found.quoted | texts.names, texts.left
        self.lazy = lazy
        self.modules |= found.modules | texts.modules
        self.attributes = found.attributes
        return self


__all__ = ["Piece"]
