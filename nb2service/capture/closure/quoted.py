"""Names that stand in texts: ``eval("a + b")``, ``"{unit}".format(**globals())``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import Formatter

from ...notebook.statements import uses_of

_LOOKS_NAMES_UP = {"eval", "exec", "globals"}
_TEMPLATE = re.compile(r"\$\{?([^\W\d]\w*)")
_PERCENT = re.compile(r"%\((\w+)\)")


@dataclass
class Quoted:
    """What texts of a piece of code name.

    Attributes:
        names: names that may be of the notebook.
        modules: modules that are imported by their name.
        left: functions that look names up which no constant text tells.
    """

    names: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


def read_quoted(tree: ast.AST) -> Quoted:
    """The names in the constant texts of code."""
    found = Quoted()
    understood: set[int] = set()
    for node in ast.walk(tree):
        for function, names in _lookups(node):
            understood.add(id(function))
            found.names |= names
        match node:
            case ast.Call(
                ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module"),
                [ast.Constant(str(module))],
            ):
                found.modules.add(module)
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    found.left = {n.id for n in read if id(n) not in understood} & _LOOKS_NAMES_UP
    return found


def _lookups(node: ast.AST) -> Iterator[tuple[ast.Name, set[str]]]:
    """The function that looks names up, and which ones, where a constant text says so."""
    match node:
        case ast.Call(ast.Name("eval" | "exec") as function, [ast.Constant(str(text)), *_]):
            yield function, _names_of(text)
        case ast.Subscript(ast.Call(ast.Name("globals") as function), ast.Constant(str(key))):
            yield function, {key}
        case ast.Call(
            ast.Attribute(ast.Call(ast.Name("globals") as function), "get"),
            [ast.Constant(str(key)), *_],
        ):
            yield function, {key}
        case ast.BinOp(
            ast.Constant(str(text)), ast.Mod(), ast.Call(ast.Name("globals") as function)
        ):
            yield function, set(_PERCENT.findall(text))
        case ast.Call(
            ast.Attribute(owner, "format" | "format_map" | "substitute" | "safe_substitute"),
            arguments,
            keywords,
        ):
            given = [*arguments, *(keyword.value for keyword in keywords if keyword.arg is None)]
            for value in given:
                match owner, value:
                    case ast.Constant(str(text)), ast.Call(ast.Name("globals") as function):
                        yield function, _fields_of(text)
                    case (
                        ast.Call(_, [ast.Constant(str(text))]),
                        ast.Call(ast.Name("globals") as function),
                    ):
                        yield function, set(_TEMPLATE.findall(text))


def _names_of(text: str) -> set[str]:
    try:
        uses = uses_of(text.strip())
    except SyntaxError:
        return set()
    return {*uses.reads, *uses.late}


def _fields_of(text: str) -> set[str]:
    try:
        fields = [field for _, field, _, _ in Formatter().parse(text) if field]
    except ValueError:
        return set()
    return {re.split(r"[.\[]", field)[0] for field in fields}


__all__ = ["Quoted", "read_quoted"]
