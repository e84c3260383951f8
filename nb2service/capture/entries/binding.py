"""Which parameters of a function are inputs, and which are values that travel with it.

``predict(df, dv, model)`` takes one input; that ``dv`` and ``model`` are captured values is
shown by the notebook's own calls, or by live values of the parameters' names.
"""

from __future__ import annotations

import ast
import enum
import inspect
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from types import ModuleType
from typing import Any

from ...errors import EntryError
from ...notebook.statements import Statement
from ..values import is_content, is_record, kind_of, pandas_is
from .arguments import Arguments, Passed, held_by, positional_names
from .estimators import is_estimator, is_fitted
from .expressions import looked_up, variable_of
from .servable import own_names
from .unfold import loop_names

_LARGE = 50  # items from which on a dictionary is a lookup table and no record
_TABLE_HINT = re.compile(r"DataFrame|ndarray|Series|\b[Ll]ist\b|Sequence|Iterable|ArrayLike")
_OF_DATA = ("numpy", "pandas", "datetime", "decimal", "uuid")
_SCALARS = {"str", "int", "float", "bool", "bytes"}
# Methods that give rows of the table that they belong to.
_ROWS = {"head", "tail", "sample", "copy", "drop", "reindex", "loc", "iloc"}
_UNBOUND = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Binding:
    """How an entry takes its input.

    Attributes:
        bind: parameter → name that holds its value in ``notebook.py``.
        parameter: the one parameter that takes a table of rows; "" otherwise.
        given: names in ``bind`` that the notebook itself does not bind → their values.
    """

    bind: dict[str, str]
    parameter: str = ""
    given: dict[str, Any] = field(default_factory=dict)


def find_binding(
    name: str,
    function: Callable[..., Any],
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    explicit: Mapping[str, str],
) -> Binding:
    """Divide a function's parameters into captured values and inputs.

    Args:
        name: as the notebook calls it.
        function: the live function.
        namespace: the live namespace.
        statements: of the whole notebook.
        explicit: what the person bound; parameters of other functions are passed over.

    Raises:
        EntryError: the notebook calls it with different models.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions of C libraries have none
        return Binding({})
    passed = Arguments(namespace, statements).of(name, positional_names(parameters))
    binder = _Binder(name, parameters, passed, namespace, frozenset(loop_names(statements)))
    bound = {p: held for p, held in explicit.items() if p in parameters}
    for parameter in parameters.values():
        if parameter.name in bound or parameter.kind in _UNBOUND:
            continue
        if held := binder.captured(parameter):
            bound[parameter.name] = held
    bound |= binder.beside_a_table(bound)
    named = {p: _named(text, namespace) for p, text in bound.items()}
    return Binding(
        {p: name for p, (name, _) in named.items()},
        binder.table_parameter(bound),
        {name: value for name, value in named.values() if name not in namespace},
    )


def _named(text: str, namespace: Mapping[str, Any]) -> tuple[str, Any]:
    """The name for a bound expression in ``notebook.py``, and its value."""
    value = looked_up(text, namespace)
    return variable_of(text, value, namespace), value


@dataclass(frozen=True)
class _Binder:
    """Judges the parameters of one function.

    Attributes:
        name: of the function.
        parameters: its signature.
        passed: what calls pass to each parameter.
        namespace: the live namespace.
        looped: names that hold what a loop left in them.
    """

    name: str
    parameters: Mapping[str, inspect.Parameter]
    passed: Mapping[str, Sequence[Passed]]
    namespace: Mapping[str, Any]
    looped: frozenset[str]

    def captured(self, parameter: inspect.Parameter) -> str:
        """The expression whose value is to be bound to a parameter, or ""."""
        seen: dict[int, tuple[str, Passed]] = {}
        is_input = False
        for passed in self.passed.get(parameter.name, ()):
            held = held_by(passed.node, self.namespace)
            if self.travels(parameter.name, passed.node, held):
                seen.setdefault(id(held), (self.shown(passed.node, held), passed))
            else:
                is_input = True
        if len(seen) > 1:
            raise self.several(parameter.name, list(seen.values()))
        if seen:
            return next(iter(seen.values()))[0]
        return "" if is_input else self.bound_by_name(parameter)

    def several(self, parameter: str, seen: Sequence[tuple[str, Passed]]) -> EntryError:
        """The question which of several values is meant, with the calls that pass them."""
        calls = [f"{passed.text}, cell [{passed.cell}]" for _, passed in seen]
        return EntryError(
            f"{self.name} is called with different values for {parameter!r}: "
            f"{', '.join(text for text, _ in seen)} ({'; '.join(dict.fromkeys(calls))})",
            "say which is meant; type one of"
            + "".join(
                f"\n    %deploy {self.name} --bind {parameter}={text}" for text, _ in seen[:20]
            ),
        )

    def shown(self, node: ast.expr, held: Any) -> str:
        """The shortest name for an argument: a variable that holds it, else the expression."""
        if isinstance(node, ast.Name):
            return node.id
        own = [n for n in own_names(self.namespace) if self.namespace[n] is held]
        stable = [n for n in own if n not in self.looped]
        return stable[0] if stable else ast.unparse(node).replace("'", '"')

    def bound_by_name(self, parameter: inspect.Parameter) -> str:
        """Without calls to go by: a fitted model as default, or under the parameter's own name."""
        default = parameter.default
        if default is not parameter.empty:
            named = [n for n in own_names(self.namespace) if self.namespace[n] is default]
            return named[0] if named and is_estimator(default) else ""
        hint = parameter.annotation
        if (hint if isinstance(hint, str) else getattr(hint, "__name__", "")) in _SCALARS:
            return ""
        held = self.namespace.get(parameter.name)
        return parameter.name if is_estimator(held) and is_fitted(held) else ""

    def travels(self, parameter: str, node: ast.expr, held: Any) -> bool:
        """Whether the value of an argument is a captured one, not an input."""
        if held is None:
            return False
        if is_estimator(held) or isinstance(held, ModuleType) or callable(held):
            return True
        if isinstance(held, Mapping) and len(held) > _LARGE:
            return True
        return isinstance(node, ast.Name) and node.id == parameter and not _is_data(held)

    # --- tables

    def beside_a_table(self, bound: Mapping[str, str]) -> dict[str, str]:
        """Weights, column lists and thresholds that every call passes beside the table of rows.

        ``predict(X_test, w, b)`` and ``predict(X_new, w, b)`` ask the same thing of other rows.
        """
        free = [p for p in self.parameters.values() if p.name not in bound]
        needed = [p for p in free if p.default is p.empty and p.kind not in _UNBOUND]
        if len(needed) < 2 or not self.is_passed_tables(needed[0].name):
            return {}
        names = {p.name: self.only_name(p.name) for p in needed[1:]}
        return {p: name for p, name in names.items() if name} if all(names.values()) else {}

    def is_passed_tables(self, parameter: str) -> bool:
        passed = self.passed.get(parameter, ())
        return bool(passed) and all(_is_table(p.node, self.namespace) for p in passed)

    def only_name(self, parameter: str) -> str:
        """The one global name that all calls pass to a parameter, if it holds no rows."""
        names = {
            p.node.id if isinstance(p.node, ast.Name) else ""
            for p in self.passed.get(parameter, ())
        }
        name = names.pop() if len(names) == 1 else ""
        held = self.namespace.get(name)
        rows = pandas_is(held, "DataFrame", "Series")
        return name if name not in self.looped and held is not None and not rows else ""

    def table_parameter(self, bound: Mapping[str, str]) -> str:
        """The one parameter that takes rows; "" if that is not certain."""
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        free = [p for p in self.parameters.values() if p.name not in bound and p.kind in kinds]
        required = [p for p in free if p.default is p.empty]
        remaining = required or free
        if len(remaining) != 1:
            return ""
        only = remaining[0]
        hint = only.annotation
        text = hint if isinstance(hint, str) else repr(hint)
        if hint is not only.empty and _TABLE_HINT.search(text):
            return only.name
        passed = self.passed.get(only.name, ())
        return only.name if any(_is_table(p.node, self.namespace) for p in passed) else ""


def _is_data(held: Any) -> bool:
    """Whether a value is of a kind that a request can carry."""
    if held is None or kind_of(held) or isinstance(held, (str, bytes, int, float, complex)):
        return True
    if isinstance(held, (tuple, set, frozenset)):
        return True
    if isinstance(held, Mapping):
        return all(_is_data(item) for item in held.values())
    if is_record(held) or is_content(held) or isinstance(held, (enum.Enum, io.IOBase, PurePath)):
        return True
    return type(held).__module__.partition(".")[0] in _OF_DATA


def _is_table(node: ast.expr, namespace: Mapping[str, Any]) -> bool:
    """Whether an argument holds rows, as far as can be told without running it."""
    match node:
        case ast.Name(name):
            return bool(kind_of(namespace.get(name)))
        case ast.List():
            return True
        case ast.Attribute(owner, name) | ast.Call(ast.Attribute(owner, name)):
            return name in _ROWS and _is_table(owner, namespace)
        case ast.Subscript(owner, ast.Slice() | ast.List() | ast.Name()):
            return _is_table(owner, namespace)
    return False


__all__ = ["Binding", "find_binding"]
