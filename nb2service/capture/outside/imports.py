"""What the text of a module or of a cell imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from importlib.util import resolve_name


def imports(tree: ast.Module, package: str = "") -> tuple[set[str], set[str]]:
    """Dotted names that a module imports at any depth; ``from a import b`` gives ``a.b``.

    Args:
        tree: its code.
        package: what relative imports begin at.

    Returns:
        All of them, and those not inside a ``try``, where a missing module is foreseen.
    """
    visitor = _Imports(package)
    visitor.visit(tree)
    return visitor.found, visitor.required


def dispensable(sources: Iterable[str]) -> set[str]:
    """The top names that code imports within ``try`` alone: it can do without them."""
    found: set[str] = set()
    required: set[str] = set()
    for source in sources:
        everything, must = imports(ast.parse(source))
        found |= {name.partition(".")[0] for name in everything}
        required |= {name.partition(".")[0] for name in must}
    return found - required


class _Imports(ast.NodeVisitor):
    def __init__(self, package: str) -> None:
        self.found: set[str] = set()
        self.required: set[str] = set()
        self._package = package
        self._guards = 0

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._found(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            module = resolve_name("." * node.level + module, self._package)
        for alias in node.names:
            self._found(module if alias.name == "*" else f"{module}.{alias.name}")

    def visit_Try(self, node: ast.Try) -> None:
        self._guards += 1
        self.generic_visit(node)
        self._guards -= 1

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    def _found(self, module: str) -> None:
        self.found.add(module)
        if not self._guards:
            self.required.add(module)
