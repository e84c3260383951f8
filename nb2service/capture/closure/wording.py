"""From a name and its live value to the text, or the artifact, that gives the value again.

Values come from memory, code comes from source: the last statement that explains the live value
travels verbatim; what no statement explains is worded, and what cannot be worded is saved.
"""

from __future__ import annotations

import ast
import functools
import inspect
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ...errors import CaptureError
from ...notebook.statements import uses_of
from ..model import CaptureWarning
from .artifacts import qualified_type, save
from .classes import Classes
from .defaults import changed_since, refuse_changed
from .dispatch import registrations
from .explain import explains, held_function, import_holds
from .functions import Functions, no_source
from .imports import Imports
from .literals import is_scalar, word_value
from .names import code_key, stores
from .pieces import Piece
from .scope import Scope, find_import
from .sources import Binder, Sources, is_from_notebook

_FROM_MEMORY = "the value as it is in memory"
_RUN_AGAIN = "made by a library: its statement runs again when the service starts"


class Wording:
    """Words one name after the other.

    Args:
        scope: the names of ``notebook.py``.
        sources: the notebook's statements.
        package: the project's package.
        skipped: cells of which nothing may travel.
        use_skops: whether scikit-learn's estimators are saved with skops.
    """

    def __init__(
        self,
        scope: Scope,
        sources: Sources,
        package: str,
        skipped: frozenset[int],
        use_skops: bool = False,
    ) -> None:
        self.scope = scope
        self.sources = sources
        self.package = package
        self.skipped = skipped
        self.use_skops = use_skops
        self.functions = Functions(scope, sources)
        self.classes = Classes(scope, sources)
        self.imports = Imports(sources, skipped)
        self.primary: dict[int, str] = {}

    def word(self, name: str, value: Any, chain: str) -> list[Piece]:
        """The piece that binds ``name``, and those that complete it.

        Args:
            name: the name.
            value: its live value.
            chain: how the entry leads to it, for messages: ``predict → helper → vocab``.

        Raises:
            CaptureError: it cannot travel.
        """
        try:
            pieces = self._word(name, value)
            self._refuse_skipped(name, pieces, chain)
        except CaptureError as error:
            cell = error.cell or self.scope.cell_of(name)
            raise CaptureError(f"{chain}: {error.message}", error.hint, cell) from None
        if not pieces:
            pieces = [self._artifact(name, value, chain)]
        self.primary.setdefault(id(value), name)
        return pieces

    def _word(self, name: str, value: Any) -> list[Piece]:
        if isinstance(value, ModuleType):
            return [self.imports.module(name, value)]
        primary = self._other_name(name, value)
        if primary is not None:
            return [self._alias(name, primary)]
        latest: Binder | None = None
        for binder in self.sources.binders(name):
            if binder.snippet.cell in self.skipped:
                continue
            latest = latest or binder
            pieces = self._from_binder(name, value, binder, is_last=binder is latest)
            if pieces:
                self._warn_if_stale(name, value, latest, pieces[0])
                return [*pieces, *registrations(name, value, self.scope, self.sources)]
        pieces = self._from_value(name, value)
        if pieces:
            self._warn_if_stale(name, value, latest, pieces[0])
        return pieces

    def _alias(self, name: str, primary: str) -> Piece:
        for binder in self.sources.binders(name):
            if isinstance(binder.node, ast.Name) and binder.node.id == primary and binder.whole:
                return self._code(name, "constant", binder.snippet.source, binder)
        return self._code(name, "constant", f"{name} = {primary}", note="another name of it")

    # --- from a statement

    def _from_binder(self, name: str, value: Any, binder: Binder, is_last: bool) -> list[Piece]:
        """The pieces of a statement that explains the value; none if it does not."""
        node, snippet = binder.node, binder.snippet
        if binder.kind in ("member", "star"):
            return [self.imports.member(name, binder)] if import_holds(binder, value) else []
        if isinstance(node, ast.ClassDef) and isinstance(value, type):
            return self.classes.word(name, value) or [] if value.__name__ == node.name else []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return self._from_def(name, value, binder, is_last)
        if binder.kind == "value" and self._still_holds(name, value, binder):
            text = (
                snippet.source if binder.whole else f"{name} = {_bracketed(snippet.segment(node))}"
            )
            label = "function" if isinstance(value, FunctionType) else "constant"
            return [self._code(name, label, text, binder)]
        return []

    def _from_def(self, name: str, value: Any, binder: Binder, is_last: bool) -> list[Piece]:
        node, snippet = binder.node, binder.snippet
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        code = snippet.code_of(node)
        if code is None:
            return []
        key = code_key(code)
        if isinstance(value, FunctionType) and code_key(value.__code__) == key:
            return [self.functions.word(name, value)]
        if self._is_written(value) and stores(value.__code__):
            return []  # the decorator counts or remembers: that state is in the closure
        if node.decorator_list and self._is_written(value):
            if changed_since(node.decorator_list, binder.position, self.sources):
                return []  # what the decorators were given is in the closure too
        elif is_last:
            refuse_changed(node, binder.position, self.sources, self.scope.namespace)
        is_wrapper = not is_scalar(value) and not isinstance(value, FunctionType)
        inner = held_function(value, key)
        if node.decorator_list and (inner is not None or (is_last and is_wrapper)):
            if inner is not None:
                snippet, node = self.functions.with_defaults(name, inner, snippet, node)
            return [self._code(name, "function", snippet.text(node), binder)]
        return []

    def _needs_to_run(self, position: int) -> frozenset[str]:
        statement = self.sources.statements[position]
        # What a class body defines it may call at once.
        late = statement.uses.late if isinstance(statement.node, ast.ClassDef) else frozenset()
        return statement.uses.reads | late

    def _still_holds(self, name: str, value: Any, binder: Binder) -> bool:
        """Whether the expression gives the value again, from names bound before it ran."""
        node = binder.node
        if isinstance(node, ast.Name) and not is_scalar(value) and find_import(value) is None:
            return False  # one object under two names: which one is made from the other is ours
        for read in uses_of(f"({binder.snippet.segment(node)})").reads:
            bound = self.sources.last_statement(read)
            if bound is not None and bound >= binder.position:
                return False  # rebound since, perhaps from this very value
            if bound is not None and name in self._needs_to_run(bound):
                return False  # made from what the name stood for before
        return explains(node, value, binder.snippet, self.scope.namespace)

    # --- from the value

    def _from_value(self, name: str, value: Any) -> list[Piece]:
        if isinstance(value, type) and is_from_notebook(value, self.scope.namespace):
            return self.classes.word(name, value) or [self._again(name, value)]
        if self._is_written(value):
            return [
                self.functions.word(name, value),
                *registrations(name, value, self.scope, self.sources),
            ]
        found = find_import(value)
        if found is not None:
            module, member = found
            if module == "builtins":
                return [self._code(name, "constant", f"{name} = {member}")]
            return [self.imports.worded(name, f"from {module} import {member}", name == member)]
        text = word_value(value)
        if text is None and type(value) is functools.partial:
            text = self._partial(name, value)
        if text is None and isinstance(value, MethodType):
            text = self._method(name, value)
        if text is not None:
            return [self._code(name, "constant", f"{name} = {text}", note=_FROM_MEMORY)]
        if isinstance(value, FunctionType | type) or hasattr(value, "cache_info"):
            return [self._again(name, value)]
        return []

    def _is_written(self, value: Any) -> bool:
        """Whether it is a function whose code stands in the notebook, whatever wraps() says."""
        return isinstance(value, FunctionType) and (
            value.__globals__ is self.scope.namespace
            or value.__globals__.get("__name__") == "__main__"
            # a script's own, once %run has done with it
            or (value.__module__ == "__main__" and "__name__" not in value.__globals__)
        )

    def _method(self, name: str, value: MethodType) -> str:
        owner = self.scope.express(value.__self__, f"{name}_self")
        # A patched method goes by the name of the attribute, not by its function's own.
        for attribute in (value.__func__.__name__, *dir(value.__self__)):
            if attribute.isidentifier() and _attribute(value.__self__, attribute) == value:
                return f"{owner}.{attribute}"
        function = self.scope.express(value.__func__, f"{name}_func")
        return f"{function}.__get__({owner})"

    def _partial(self, name: str, value: functools.partial[Any]) -> str:
        words = [self.scope.express(value.func, f"{name}_func")]
        words += [self.scope.express(item, f"{name}_argument") for item in value.args]
        words += [f"{k}={self.scope.express(v, f'{name}_{k}')}" for k, v in value.keywords.items()]
        return f"{self.scope.express(functools.partial, 'partial')}({', '.join(words)})"

    def _again(self, name: str, value: Any) -> Piece:
        """The statement that made it, to run again: a closure or class that a library made."""
        if isinstance(value, FunctionType) and value.__code__.co_filename == "<string>":
            raise no_source(value)
        for binder in self.sources.binders(name):
            if binder.kind == "value" and binder.snippet.cell not in self.skipped:
                text = f"{name} = {_bracketed(binder.snippet.segment(binder.node))}"
                text = binder.snippet.source if binder.whole else text
                label = "class" if isinstance(value, type) else "function"
                return self._code(name, label, text, binder, _RUN_AGAIN)
        where = getattr(value, "__qualname__", name)
        inside = " is defined inside a function" if "<locals>" in where else " has no statement"
        raise CaptureError(
            f"{where}{inside} from which it could be made again",
            "define it at the top level of a cell, or a function there that calls it",
        )

    def _artifact(self, name: str, value: Any, chain: str) -> Piece:
        try:
            saved = save(chain, value, self.package, self.scope.home, self.use_skops)
        except CaptureError as error:
            cell = error.cell or self.scope.cell_of(name)
            raise CaptureError(error.message, error.hint, cell) from error.__cause__
        piece = Piece(name, "artifact", "artifact", "", self.scope.cell_of(name))
        piece.position = self.sources.position(name)
        piece.saved, piece.type = saved, "; ".join([qualified_type(value), *saved.pickled])
        piece.eager, piece.modules = set(saved.names), set(saved.modules)
        return piece

    # --- the rest

    def _other_name(self, name: str, value: Any) -> str | None:
        """The name under which the same object travels already."""
        if is_scalar(value) or (type(value) in (tuple, frozenset) and word_value(value)):
            return None
        is_definition = getattr(value, "__name__", "") == name and is_from_notebook(
            value, self.scope.namespace
        )
        return None if is_definition or find_import(value) else self.primary.get(id(value))

    def _code(
        self, name: str, label: str, text: str, binder: Binder | None = None, note: str = ""
    ) -> Piece:
        piece = Piece(name, "code", label, text, note=note)
        piece.position = binder.position if binder else self.sources.position(name)
        piece.cell = binder.snippet.cell if binder else None
        return piece.read(binder.snippet.lazy if binder else False)

    def _warn_if_stale(self, name: str, value: Any, latest: Binder | None, piece: Piece) -> None:
        """Say so when the last definition of a name is not the one in memory."""
        if latest is None or latest.kind != "definition" or latest.snippet.cell == piece.cell:
            return
        code = latest.snippet.code_of(latest.node)  # type: ignore[arg-type]
        if code is not None and held_function(value, code_key(code)):
            return  # a decorator of another cell has it inside
        self.scope.warnings.append(
            CaptureWarning(
                f"{name} is defined anew in cell [{latest.snippet.cell}], but the one in memory is "
                f"another" + (f" (cell [{piece.cell}])" if piece.cell else "") + " and travels",
                f"run cell [{latest.snippet.cell}] again if its text is the one you mean",
                latest.snippet.cell,
            )
        )

    def _refuse_skipped(self, name: str, pieces: list[Piece], chain: str) -> None:
        position = self.sources.last_statement(name)
        bound = None if position is None else self.sources.statements[position].cell
        imported = bool(pieces) and pieces[0].kind == "import" and pieces[0].cell is not None
        cells = {piece.cell for piece in pieces} | ({bound} if not imported else set())
        for cell in sorted(c for c in cells & self.skipped if c is not None):
            reader = self.scope.cell_of(chain.split(" → ")[-2]) if " → " in chain else None
            by = f" by cell [{reader}]" if reader else ""
            raise CaptureError(
                f"it is needed{by}, but cell [{cell}] is tagged service-skip",
                "take the tag off, or make the entry do without it",
                cell,
            )


def _attribute(owner: Any, name: str) -> Any:
    """An attribute as far as it is known without running code of the notebook."""
    found = inspect.getattr_static(owner, name, None)
    if isinstance(found, FunctionType):
        return MethodType(found, owner)
    return MethodType(found.__func__, owner) if isinstance(found, classmethod) else found


def _bracketed(text: str) -> str:
    return f"({text})" if "\n" in text else text


__all__ = ["Wording"]
