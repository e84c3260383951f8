"""What the notebook changed in libraries that the captured code uses.

    pd.DataFrame.total = total                        a patch
    np.seterr(all="raise"), pd.set_option(…)          a setting
    @pd.api.extensions.register_series_accessor(…)    something registered

No name leads to such statements; the service would run without them, and answer otherwise. They
are looked for at the notebook's top level only.
"""

from __future__ import annotations

import ast
import re
import sys
from abc import ABCMeta
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from .explain import explains
from .pieces import Piece
from .scope import Scope
from .sources import Sources

# What is set in these holds for any code, whichever modules it imports.
_ALWAYS = {"locale", "warnings", "sys"}
_IGNORED = {"", "os", "logging", "random", "IPython", "builtins", "__main__"}
_SETTER = re.compile(r"(^|\.)set(?!_state)\w*$|config\.update$|(simplefilter|filterwarnings)$")
# What these set holds for the thread that sets it, as what a service-setup cell opens.
_OF_A_THREAD = {
    "sklearn": {"set_config"},
    "numpy": {"seterr", "seterrcall"},
    "decimal": {"setcontext", "getcontext"},
    "torch": {"set_grad_enabled"},
}
# They change what is shown or warned of, but no answer.
_SHOWN_ONLY = {"display", "print_changed_only", "working_memory"}
_WARNED_ONLY = {"ignore", "warn", "print", "log"}


class _Change(NamedTuple):
    """One change that a statement makes.

    Attributes:
        kind: ``set`` (by a call), ``assigned``, ``registered`` (by a decorator) or ``adopted``
            (a class by an abstract one).
        place: what is changed, as the notebook writes it; of a decorator, the name it is at.
        node: the place or the call.
        position: the statement's place in the order of execution.
    """

    kind: str
    place: str
    node: ast.expr
    position: int


class LibraryChanges:
    """The statements that change a library, and which of them the captured code needs.

    Args:
        scope: the names of ``notebook.py``.
        sources: the notebook's statements.
        skipped: cells of which nothing may travel.
    """

    def __init__(self, scope: Scope, sources: Sources, skipped: frozenset[int]) -> None:
        self.scope = scope
        self.sources = sources
        found = [
            change
            for position, statement in enumerate(sources.statements)
            if statement.cell not in skipped
            for change in _changes(statement.node, position, scope.namespace)
        ]
        # Of several assignments to one place the last one holds.
        last = {change.place: change for change in found if change.kind == "assigned"}
        self._left = [change for change in found if last.get(change.place, change) is change]

    def needed(self, pieces: Mapping[str, Piece]) -> Iterator[tuple[str, Piece | str]]:
        """Each change that the pieces turn out to need, once: its library, and its piece.

        Of what a decorator registers it is the name, which leads to the definition.
        """
        if not self._left:
            return
        used = {m.split(".")[0] for piece in pieces.values() for m in piece.modules} | _ALWAYS
        if any(module not in sys.stdlib_module_names for module in used):
            used.add("numpy")  # others compute with it
        words = {word for piece in pieces.values() for word in re.findall(r"\w+", piece.source)}
        for change in list(self._left):
            package = _package(change.node, self.scope.namespace)
            is_used = package in used or change.kind == "adopted"
            if is_used and self._matters(change, words):
                self._left.remove(change)
                yield package, self._piece(change, package)

    def _matters(self, change: _Change, words: set[str]) -> bool:
        """Whether captured code, or the library itself, can come upon the change."""
        match change.kind, change.node:
            case "registered", ast.Call(args=given):
                texts = [item.value for item in given if isinstance(item, ast.Constant)]
                return all(str(text) in words for text in texts)
            case "adopted", ast.Call() as call:
                names = [item.id for item in ast.walk(call) if isinstance(item, ast.Name)]
                return words.issuperset(names)
            case "assigned", ast.Attribute(value=owner_node, attr=attribute):
                owner = _live(owner_node, self.scope.namespace)
                value = getattr(owner, attribute, None)
                if isinstance(value, FunctionType) and value.__module__ == "__main__":
                    return attribute in words or _speaks_of(owner, attribute)
        return True

    def _piece(self, change: _Change, package: str) -> Piece | str:
        if change.kind == "registered":
            return change.place
        snippet = self.sources.snippet(change.position)
        text, note = snippet.source, ""
        if change.kind == "assigned" and not self._still_holds(change):
            live = _live(change.node, self.scope.namespace)
            text = f"{change.place} = {self.scope.express(live, change.place)}"
            note = "as it is in memory"
        name = f"{change.place} #{change.position}"  # two calls may set the same
        piece = Piece(name, "code", "setting", text, snippet.cell, change.position, note)
        words = re.findall(r"\w+", change.place)
        if not _OF_A_THREAD.get(package, set()).isdisjoint(words):
            piece.kind = "setup"
        return piece.read(snippet.lazy)

    def _still_holds(self, change: _Change) -> bool:
        """Whether the statement, run again, would put there what is there now."""
        snippet, namespace = self.sources.snippet(change.position), self.scope.namespace
        live = _live(change.node, namespace)
        match self.sources.statements[change.position].node:
            case ast.Assign(targets=[_], value=value):
                return live is ... or explains(value, live, snippet, namespace)
        return live is ...


def _changes(node: ast.stmt, position: int, namespace: Mapping[str, Any]) -> Iterator[_Change]:
    match node:
        case ast.Expr(ast.Call() as call):
            if kind := _kind_of_call(call, namespace):
                yield _Change(kind, ast.unparse(call.func), call, position)
        case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
            for item in (item for item in decorators if isinstance(item, ast.Call)):
                if "register" in ast.unparse(item.func) and _is_library(item, namespace):
                    yield _Change("registered", node.name, item, position)
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
            for place in node.targets if isinstance(node, ast.Assign) else [node.target]:
                is_part = isinstance(place, ast.Attribute | ast.Subscript)
                if is_part and _is_library(place, namespace):
                    yield _Change("assigned", ast.unparse(place), place, position)


def _kind_of_call(call: ast.Call, namespace: Mapping[str, Any]) -> str:
    match call.func:
        case ast.Attribute(value=owner, attr="register"):
            return "adopted" if isinstance(_live(owner, namespace), ABCMeta) else ""
        case ast.Attribute() | ast.Name():
            return "set" if _is_library(call, namespace) and _sets(call) else ""
    return ""


def _sets(call: ast.Call) -> bool:
    """Whether a call of a library sets what answers may depend on."""
    name = ast.unparse(call.func)
    if not _SETTER.search(name) or re.search("seed|random", name):
        return False
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    words = {item.value for item in values if isinstance(item, ast.Constant)}
    match name.rpartition(".")[2]:
        case "simplefilter" | "filterwarnings":
            return "error" in words
        case "set_config":
            return not {keyword.arg for keyword in call.keywords} <= _SHOWN_ONLY
        case "seterr":
            return not words <= _WARNED_ONLY
    return True


def _is_library(node: ast.AST, namespace: Mapping[str, Any]) -> bool:
    return _package(node, namespace) not in _IGNORED


def _package(node: ast.AST, namespace: Mapping[str, Any]) -> str:
    """The top-level package of the module, class or function at the front of an expression."""
    while not isinstance(node, ast.Name):
        match node:
            case ast.Call(func=ast.Name("setattr"), args=[owner, *_]):
                node = owner
            case ast.Call(func=owner) | ast.Attribute(value=owner) | ast.Subscript(value=owner):
                node = owner
            case _:
                return ""
    value = namespace.get(node.id)
    if isinstance(value, ModuleType):
        return value.__name__.split(".")[0]
    is_named = isinstance(value, type | FunctionType) and isinstance(value.__module__, str)
    return value.__module__.split(".")[0] if is_named else ""


def _live(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    """What a place holds now; ``...`` if that cannot be told."""
    try:
        match node:
            case ast.Name(id=name):
                return namespace.get(name, ...)
            case ast.Attribute(value=owner, attr=attribute):
                return getattr(_live(owner, namespace), attribute, ...)
            case ast.Subscript(value=owner, slice=ast.Constant(value=key)):
                return _live(owner, namespace)[key]
            case ast.Call(func=ast.Attribute(attr=name) as function, args=[], keywords=[]):
                return _live(function, namespace)() if name.startswith("get") else ...
    except Exception:  # a library's own attributes may fail in any way
        pass
    return ...


def _speaks_of(owner: Any, attribute: str) -> bool:
    """Whether a library's own source has the word: then its code may come upon the attribute."""
    module = owner.__name__ if isinstance(owner, ModuleType) else getattr(owner, "__module__", "")
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    if not file.endswith(".py"):
        return True  # compiled: nobody can tell
    text = Path(file).read_text(encoding="utf-8")
    return re.search(rf"\b{attribute}\b", text) is not None


__all__ = ["LibraryChanges"]
