"""The names that a piece of code binds, reads, needs later and mutates.

    factor = 2
    def scale(x, by=default):      # binds scale; reads default now, factor when it is called
        return x * by * factor

Two answers are joined: a small visitor follows the order in which module-level code runs (a value
before its target), and the compiler's own ``symtable`` says what nested functions mean by a name.
Not seen by any reading of source: names within strings (``df.query("age > @limit")``).
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .scopes import names_when_called, segment, split_lines

_LEAVES = (ast.Raise, ast.Continue, ast.Break, ast.Return)


@dataclass(frozen=True)
class Uses:
    """What one statement does with global names (builtins included).

    Attributes:
        binds: names that hold a value of this statement after it ran.
        reads: names that must exist when the statement runs.
        late: names that functions and lambdas defined in it read once they are called, and
            annotations that are not evaluated at once.
        mutates: names whose value it changes in place: ``df["x"] = …``, ``cfg.a = …``,
            ``x += 1``, ``lst.append(…)`` (any method called for its effect alone).
    """

    binds: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    mutates: frozenset[str] = frozenset()


def uses_of(source: str) -> Uses:
    """The names that a piece of plain Python uses, taken as one statement after the other.

    Raises:
        SyntaxError: it is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
        return uses_of_nodes(tree.body, split_lines(source), is_future_annotations(tree.body))


def uses_of_nodes(nodes: Iterable[ast.stmt], text: Sequence[str], future: bool) -> Uses:
    """The names that statements use, one after the other.

    Args:
        nodes: the statements.
        text: the lines that they were parsed from.
        future: whether annotations are kept as text (``from __future__ import annotations``).
    """
    flow = _Flow(text, future)
    flow.run(nodes)
    return flow.uses()


def is_future_annotations(body: Sequence[ast.stmt]) -> bool:
    """Whether annotations are text from here on; IPython keeps it for all cells that follow."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in body
    )


class _Flow(ast.NodeVisitor):
    """Follows module-level code in the order in which it runs."""

    def __init__(self, text: Sequence[str], future: bool) -> None:
        self.text = text
        self.lazy_annotations = future or sys.version_info >= (3, 14)
        self.binds: set[str] = set()
        self.reads: set[str] = set()
        self.late: set[str] = set()
        self.mutates: set[str] = set()
        self.known: set[str] = set()  # global names bound so far, whichever way the flow went
        self.hidden: frozenset[str] = frozenset()  # loop variables of comprehensions, type params
        self.class_names: set[str] | None = None  # names bound in the class body being run

    def uses(self) -> Uses:
        return Uses(
            frozenset(self.binds),
            frozenset(self.reads),
            frozenset(self.late),
            frozenset(self.mutates),
        )

    def run(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    # --- names

    def read(self, name: str) -> None:
        own = self.known if self.class_names is None else self.known | self.class_names
        if name not in own and name not in self.hidden:
            self.reads.add(name)

    def bind(self, name: str) -> None:
        if self.class_names is not None:
            self.class_names.add(name)
        else:
            self.binds.add(name)
            self.known.add(name)

    def mutate(self, node: ast.expr) -> None:
        while isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            node = node.value
        if isinstance(node, ast.Name) and node.id not in self.known | self.hidden:
            self.mutates.add(node.id)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.bind(node.id)
            return
        self.read(node.id)
        if isinstance(node.ctx, ast.Del):
            self.known.discard(node.id)
            self.binds.discard(node.id)

    def visit_Attribute(self, node: ast.Attribute | ast.Subscript) -> None:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            self.mutate(node)

    visit_Subscript = visit_Attribute  # noqa: N815

    # --- simple statements

    def visit_Assign(self, node: ast.Assign) -> None:
        self.run([node.value, *node.targets])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read(node.target.id)
            self.mutate(node.target)
        self.run([node.value, node.target])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.annotation(node.annotation)
        self.run([node.value])
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.run([node.value, node.target])

    def visit_Expr(self, node: ast.Expr) -> None:
        self.visit(node.value)
        match node.value:
            case ast.Call(ast.Attribute(ast.Name() as owner)):
                self.mutate(owner)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name != "*":
                top = alias.name.split(".")[0] if isinstance(node, ast.Import) else alias.name
                self.bind(alias.asname or top)

    visit_ImportFrom = visit_Import  # noqa: N815

    # --- compound statements

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        # What a loop binds counts as bound after it: notebooks do not loop over nothing.
        self.run([node.iter, node.target, *node.body, *node.orelse])

    visit_AsyncFor = visit_For  # noqa: N815

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self.branches([node.body, node.orelse])

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        # One more, empty: no case may match.
        self.branches([*([case] for case in node.cases), []])

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.generic_visit(node)
        if node.name:
            self.bind(node.name)

    visit_MatchStar = visit_MatchAs  # noqa: N815

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self.bind(node.rest)

    def visit_Try(self, node: ast.Try) -> None:
        self.branches([[*node.body, *node.orelse], *([handler] for handler in node.handlers)])
        self.run(node.finalbody)

    visit_TryStar = visit_Try  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.run([node.type])
        if not node.name:
            self.run(node.body)
            return
        before = self.known
        self.known = before | {node.name}
        self.run(node.body)
        # Python unbinds the name at the end of the clause.
        self.known -= {node.name} - before

    def branches(self, branches: Sequence[Sequence[ast.AST]]) -> None:
        """Afterwards only those names are known that every branch which goes on has bound."""
        before = self.known
        ends: list[set[str]] = []
        for branch in branches:
            self.known = set(before)
            self.run(branch)
            if not (branch and _leaves(branch[-1])):
                ends.append(self.known)
        self.known = set.intersection(*ends) if ends else before

    # --- scopes

    def visit_ListComp(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        outer_hidden, outer_class = self.hidden, self.class_names
        self.visit(node.generators[0].iter)
        targets = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        }
        self.hidden = outer_hidden | targets
        self.class_names = None  # a class body's names are not seen from within
        for index, generator in enumerate(node.generators):
            self.run(([] if index == 0 else [generator.iter]) + generator.ifs)
        if isinstance(node, ast.DictComp):
            self.run([node.key, node.value])
        else:
            self.visit(node.elt)
        self.hidden, self.class_names = outer_hidden, outer_class

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.run([*node.args.defaults, *node.args.kw_defaults])
        self.late |= names_when_called(node, f"({segment(self.text, node)})") - self.hidden

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.run([*node.decorator_list, *node.args.defaults, *node.args.kw_defaults])
        outer = self.hidden
        self.hidden = outer | _type_parameters(node)
        arguments = node.args
        for argument in (
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            arguments.vararg,
            arguments.kwarg,
        ):
            if argument is not None and argument.annotation is not None:
                self.annotation(argument.annotation)
        if node.returns is not None:
            self.annotation(node.returns)
        self.hidden = outer
        lines = "\n".join(self.text[node.lineno - 1 : node.end_lineno])
        source = lines if node.col_offset == 0 else f"if 1:\n{lines}"
        self.late |= names_when_called(node, source) - self.hidden
        self.bind(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.run(node.decorator_list)
        outer_hidden, outer_class = self.hidden, self.class_names
        self.hidden = outer_hidden | _type_parameters(node)
        self.run([*node.bases, *node.keywords])
        self.class_names = {"__module__", "__qualname__"}
        self.run(node.body)
        self.hidden, self.class_names = outer_hidden, outer_class
        self.bind(node.name)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        value, name = node.value, node.name.id  # type: ignore[attr-defined]
        self.late |= _names(value) - _type_parameters(node) - self.hidden
        self.bind(name)

    def annotation(self, node: ast.expr) -> None:
        """Evaluated now; or kept as text, which dataclasses and pydantic still look up later."""
        if self.lazy_annotations:
            self.late |= _names(node) - self.hidden
        else:
            self.visit(node)


def _leaves(node: ast.AST) -> bool:
    if isinstance(node, ast.ExceptHandler | ast.match_case):
        return isinstance(node.body[-1], _LEAVES)
    return isinstance(node, _LEAVES)


def _names(node: ast.AST) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _type_parameters(node: ast.AST) -> frozenset[str]:
    return frozenset(parameter.name for parameter in getattr(node, "type_params", ()))


__all__ = ["Uses", "is_future_annotations", "uses_of", "uses_of_nodes"]
