"""What a definition was given when it ran: default arguments, and arguments of its decorators.

What computed them then may have been costly, and may give something else today.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from ...errors import CaptureError
from .explain import explains
from .scope import Scope
from .snippets import DefinitionNode, Snippet
from .sources import Sources

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def default_texts(
    hint: str,
    function: FunctionType,
    snippet: Snippet,
    node: FunctionNode,
    scope: Scope,
    namespace: Mapping[str, Any],
    local: Collection[str] = (),
) -> dict[ast.expr, str]:
    """The defaults that would be others today → text that gives those in memory.

    Args:
        hint: how to name values that have no name.
        function: the live function.
        snippet: where it was defined.
        node: its definition there.
        scope: the names of ``notebook.py``.
        namespace: what the names in its defaults stand for today.
        local: variables of a function around it; defaults of them are taken care of elsewhere.

    Raises:
        CaptureError: it has other defaults than its definition, or one that has no text.
    """
    written, live = _written(node), _live(function)
    if written.keys() != live.keys():
        raise CaptureError(
            f"the default arguments of {function.__qualname__} were added or taken away",
            "run the cell that defines it again",
        )
    texts = {}
    for argument, default in written.items():
        is_local = any(isinstance(n, ast.Name) and n.id in local for n in ast.walk(default))
        if not is_local and not explains(default, live[argument], snippet, namespace):
            texts[default] = scope.express(live[argument], f"{hint}_{argument}")
    return texts


def changed_since(nodes: Iterable[ast.expr], position: int, sources: Sources) -> set[str]:
    """Names in the expressions whose values changed since the statement at ``position`` ran."""
    names = {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name)}
    # Counting the statement itself: it may name what its own name stood for before.
    return {name for name in names if sources.is_changed(name, after=position - 1)}


def refuse_changed(
    node: DefinitionNode, position: int, sources: Sources, namespace: Mapping[str, Any]
) -> None:
    """Refuse what a decorator made of values that are others today.

    Raises:
        CaptureError: such a value was given to one of its decorators.
    """
    decorators = getattr(node, "decorator_list", [])
    for name in sorted(changed_since(decorators, position, sources)):
        value = namespace.get(name)
        is_code = callable(value) or isinstance(value, ModuleType | property)
        if not is_code:
            raise CaptureError(
                f"its decorator was given {name}, which has changed since",
                "run the cell that defines it again",
            )


def _written(node: FunctionNode) -> dict[str, ast.expr]:
    arguments = [*node.args.posonlyargs, *node.args.args]
    first = len(arguments) - len(node.args.defaults)
    found = {a.arg: d for a, d in zip(arguments[first:], node.args.defaults, strict=True)}
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return found | {argument.arg: default for argument, default in pairs if default is not None}


def _live(function: FunctionType) -> dict[str, Any]:
    values = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return {
        **dict(zip(names[len(names) - len(values) :], values, strict=True)),
        **(function.__kwdefaults__ or {}),
    }


__all__ = ["changed_since", "default_texts", "refuse_changed"]
