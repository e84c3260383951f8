"""Classes of the notebook: their statements, and what was changed in them since."""

from __future__ import annotations

import ast
import functools
from abc import ABCMeta
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

from ...errors import CaptureError
from ..model import CaptureWarning
from .defaults import default_texts, refuse_changed
from .explain import evaluate, explains, held_function
from .literals import same_value, word_value
from .names import code_key
from .pieces import Piece
from .scope import Scope, codes_of
from .snippets import Snippet
from .sources import Binder, Sources, is_from_notebook

_CHANGED = "changed after the class was defined"
_SEVERAL = ("were", "they travel as they are")


class Classes:
    """Words the notebook's classes.

    Args:
        scope: the names of ``notebook.py``.
        sources: the notebook's statements.
    """

    def __init__(self, scope: Scope, sources: Sources) -> None:
        self.scope = scope
        self.sources = sources

    def word(self, name: str, cls: type) -> list[Piece] | None:
        """The class statement and what was changed in the class since; None if there is none."""
        found: tuple[int, Binder] | None = None
        for binder in self.sources.binders(cls.__name__):
            if isinstance(binder.node, ast.ClassDef):
                count = len(self._changed_methods(binder, cls)) + _differing(binder.node, cls)
                count += self._other_bases(binder.node, cls)
                if found is None or count < found[0]:
                    found = (count, binder)
                if count == 0:
                    break
        if found is None or "<locals>" in cls.__qualname__:
            return None
        binder = found[1]
        assert isinstance(binder.node, ast.ClassDef)
        for base in cls.__bases__:
            if is_from_notebook(base, self.scope.namespace):
                self.scope.home(base)
        refuse_changed(binder.node, binder.position, self.sources, self.scope.namespace)
        text, before = self.scope.named(name, cls, binder.node.name, self._text(name, cls, binder))
        piece = Piece(
            name, "code", "class", text, binder.snippet.cell, binder.position, before=before
        )
        piece.read(binder.snippet.lazy)
        if text == f"{name} = {binder.node.name}":
            return [piece]
        changes = list(self._changes(name, cls, binder))
        self._tell(changes)
        piece.late |= {change.name for change in changes}
        return [piece, *changes]

    def _text(self, name: str, cls: type, binder: Binder) -> str:
        """The class statement, its methods with the default arguments that they have in memory."""
        snippet, node = binder.snippet, binder.node
        assert isinstance(node, ast.ClassDef)
        texts: dict[ast.expr, str] = {}
        seen = ChainMap(dict(vars(cls)), dict(self.scope.namespace))
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                refuse_changed(child, binder.position, self.sources, seen)
                code, live = snippet.code_of(child), vars(cls).get(_mangled(child.name, cls))
                function = held_function(live, code_key(code)) if code else None
                if function is not None:
                    hint = f"{name}_{child.name}"
                    texts |= default_texts(hint, function, snippet, child, self.scope, seen)
        if texts:
            snippet, changed = snippet.replaced(texts, node)
            return snippet.text(changed)
        return snippet.text(node)

    def _tell(self, changes: list[Piece]) -> None:
        """Say of each cell which parts of the class it changed."""
        told = [piece for piece in changes if piece.note == _CHANGED]
        for cell in dict.fromkeys(piece.cell for piece in told):
            names = [piece.name for piece in told if piece.cell == cell]
            verb, they = ("was", "it travels as it is") if len(names) == 1 else _SEVERAL
            message = f"{', '.join(names)} {verb} {_CHANGED}; {they} in memory"
            self.scope.warnings.append(CaptureWarning(message, "", cell))

    def _other_bases(self, node: ast.ClassDef, cls: type) -> int:
        bases = [base for base in cls.__bases__ if base is not object]
        if len(bases) != len(node.bases):
            return 1
        found = [evaluate(base, self.scope.namespace) for base in node.bases]
        return sum(
            one is not ... and one is not base for one, base in zip(found, bases, strict=True)
        )

    def _changed_methods(self, binder: Binder, cls: type) -> list[str]:
        """The methods whose live code is not the one of the class statement."""
        changed = []
        for method, codes in _written_methods(binder.snippet, binder.node).items():
            live = codes_of(vars(cls).get(_mangled(method, cls)))
            if live and not live & codes:
                changed.append(method)
        return changed

    def _changes(self, name: str, cls: type, binder: Binder) -> Iterator[Piece]:
        """What was assigned to the class after its definition, as assignments."""
        node, snippet = binder.node, binder.snippet
        assert isinstance(node, ast.ClassDef)
        for method in self._changed_methods(binder, cls):
            yield self._change(name, cls, _mangled(method, cls), binder)
        if node.decorator_list or node.keywords or type(cls) not in (type, ABCMeta):
            return  # whoever shaped the class may have set any attribute of it
        written = {_mangled(method, cls) for method in _written_methods(snippet, node)}
        for attribute in sorted(written - _decorated(node)):
            live = vars(cls).get(attribute, ...)
            if live is ... or _is_data(live):
                yield self._change(name, cls, attribute, binder)
        seen = ChainMap(dict(vars(cls)), dict(self.scope.namespace))
        for statement in node.body:
            for target, value in _assigned(statement):
                attribute = _mangled(target, cls)
                written.add(attribute)
                live = vars(cls).get(attribute, ...)
                is_shown = _is_data(live) or (
                    _function_behind(live) is not None and not isinstance(value, ast.Call)
                )
                if value and is_shown and not explains(value, live, snippet, seen):
                    yield self._change(name, cls, attribute, binder)
        for inner in node.body:
            if isinstance(inner, ast.ClassDef) and not inner.decorator_list:
                written.add(inner.name)
                yield from self._changed_class(name, cls, inner, binder)
        for attribute in sorted(vars(cls).keys() - written):
            if self._is_added(cls, attribute):
                yield self._change(name, cls, attribute, binder)

    def _changed_class(
        self, name: str, cls: type, inner: ast.ClassDef, binder: Binder
    ) -> Iterator[Piece]:
        live = vars(cls).get(inner.name)
        if isinstance(live, type) and live.__qualname__ == f"{cls.__qualname__}.{inner.name}":
            yield from self._changes(f"{name}.{inner.name}", live, replace(binder, node=inner))
        elif live is not None:
            yield self._change(name, cls, inner.name, binder)

    def _is_added(self, cls: type, attribute: str) -> bool:
        """Whether the notebook put an attribute into the class after its statement."""
        shapers = [base for base in cls.__mro__[1:-1] if "__init_subclass__" in vars(base)]
        live = vars(cls)[attribute]
        function = _function_behind(live)
        if function is not None and is_from_notebook(function, self.scope.namespace):
            return not any(is_from_notebook(base, self.scope.namespace) for base in shapers)
        is_value = _is_data(live) or isinstance(live, type | ModuleType)
        return not shapers and not attribute.startswith("_") and is_value

    def _change(self, name: str, cls: type, attribute: str, binder: Binder) -> Piece:
        live = vars(cls).get(attribute, ...)
        text = (
            f"del {name}.{attribute}"
            if live is ...
            else f"{name}.{attribute} = {self._worded_attribute(f'{name}_{attribute}', live)}"
        )
        label = "function" if codes_of(live) else "constant"
        position = self.sources.last_change(name.split(".")[0], attribute)
        if position is None:
            # Computed by the class body, or changed from within a method.
            note = "the value as it is in memory"
            piece = Piece(f"{name}.{attribute}", "code", label, text, None, binder.position, note)
            return piece.read()
        cell = self.sources.statements[position].cell
        return Piece(f"{name}.{attribute}", "code", label, text, cell, position, _CHANGED).read()

    def _worded_attribute(self, hint: str, live: Any) -> str:
        if isinstance(live, staticmethod | classmethod):
            return f"{type(live).__name__}({self.scope.express(live.__func__, hint)})"
        if isinstance(live, property):
            parts = {"fget": live.fget, "fset": live.fset, "fdel": live.fdel}
            words = [f"{k}={self.scope.express(f, hint)}" for k, f in parts.items() if f]
            return f"property({', '.join(words)})"
        if isinstance(live, functools.cached_property):
            raise CaptureError(
                f"the cached property {hint} was changed",
                "define the class again with the change in it",
            )
        if not isinstance(live, FunctionType):
            return word_value(live) or self.scope.express(live, hint)
        return self.scope.express(live, hint)


def _written_methods(snippet: Snippet, node: ast.AST) -> dict[str, set[Any]]:
    """The code of each method of a class statement; a property has several under one name."""
    found: dict[str, set[Any]] = {}
    for child in getattr(node, "body", []):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            code = snippet.code_of(child)
            found.setdefault(child.name, set()).update({code_key(code)} if code else set())
    return found


def _decorated(node: ast.ClassDef) -> set[str]:
    return {
        child.name
        for child in node.body
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.decorator_list
    }


def _assigned(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    yield name.id, statement.value if name is target else None
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id, statement.value


def _differing(node: ast.ClassDef, cls: type) -> int:
    """How many constants of a class statement the class does not have."""
    return sum(
        isinstance(value, ast.Constant)
        and not same_value(value.value, vars(cls).get(_mangled(name, cls), ...))
        for statement in node.body
        for name, value in _assigned(statement)
    )


def _function_behind(live: Any) -> FunctionType | None:
    function = getattr(live, "__func__", None) or getattr(live, "fget", None) or live
    return function if isinstance(function, FunctionType) else None


def _is_data(live: Any) -> bool:
    """Whether a class attribute is a value, not code or something that a library put there."""
    code_like = isinstance(live, type | ModuleType) or hasattr(type(live), "__get__")
    return live is not ... and not code_like


def _mangled(name: str, cls: type) -> str:
    private = name.startswith("__") and not name.endswith("__")
    return f"_{cls.__name__.lstrip('_')}{name}" if private else name


__all__ = ["Classes"]
