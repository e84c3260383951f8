"""Metrics that the notebook computed of the models that travel, where memory still holds them.

A metric counts only if nothing that it was computed with, and that travels, was changed since: a
model that was fitted again has another one, which nobody computed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from ...notebook.statements import Statement
from ..entries.functions import reached_from
from ..entries.servable import Servable
from ..entries.unfold import Step, own_nodes, unfold
from ..model import Metric
from ..values import numpy_is

_MOST = 12
_LONGEST = 120

# A name that travels, and the statement at which it was used.
Source = tuple[str, int]


@dataclass
class _Reader:
    namespace: Mapping[str, Any]
    statements: Sequence[Statement]
    predictors: Mapping[str, str]
    travelling: frozenset[str]
    fitted_on: frozenset[str]
    made_of: dict[str, frozenset[Source]] = field(default_factory=dict)
    metrics: set[str] = field(default_factory=set)
    reached: dict[str, set[str]] = field(default_factory=dict)

    def read(self) -> Iterator[tuple[Metric, frozenset[Source]]]:
        """Every metric of the run, with what it was computed of."""
        for step in unfold(self.statements):
            targets, value = _assigned(step)
            sources = self.sources(value, step.at)
            # What a loop computes is of its last round, or of all of them.
            once = not step.loops and not isinstance(step.node, ast.AugAssign)
            if once and self.is_metric(value):
                held = self.held(step, targets)
                self.metrics |= set(targets)
                yield from ((metric, sources) for metric in self.told(value, held, step))
            for name in targets:
                self.made_of[name] = sources

    def sources(self, node: ast.AST, at: int) -> frozenset[Source]:
        """What travels among that which an expression is made of."""
        found: set[Source] = set()
        for part in own_nodes(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                for name in {part.id, *self.called_by(part.id)}:
                    if name in self.travelling or name in self.predictors.values():
                        found.add((name, at))
                    else:
                        found |= self.made_of.get(name, frozenset())
        return frozenset(found)

    def called_by(self, name: str) -> set[str]:
        """What a function of the notebook reads when it is called."""
        if not isinstance(self.namespace.get(name), FunctionType):
            return set()
        if name not in self.reached:
            self.reached[name] = reached_from(name, self.statements)
        return self.reached[name]

    def is_metric(self, node: ast.AST) -> bool:
        """Whether an expression computes a metric, or is computed of one."""
        return any(
            self.is_metric_call(part) or (isinstance(part, ast.Name) and part.id in self.metrics)
            for part in own_nodes(node)
        )

    def is_metric_call(self, node: ast.AST) -> bool:
        """Whether a call is one of ``sklearn.metrics``, or of a predictor's own ``score``."""
        match node:
            case ast.Call(ast.Attribute(owner, "score")):
                if ast.unparse(owner) in self.predictors:
                    return True
                match owner:  # model.fit(X, y).score(X, y)
                    case ast.Call(ast.Attribute(fitted, "fit")):
                        return ast.unparse(fitted) in self.predictors
                return False
            case ast.Call(func):
                module = getattr(self.live(func), "__module__", None)
                return str(module).startswith("sklearn.metrics")
        return False

    def live(self, node: ast.expr) -> Any:
        """A function by its name, or by its name in a module; None for anything else."""
        match node:
            case ast.Name(name):
                return self.namespace.get(name)
            case ast.Attribute(owner, name):
                module = self.live(owner)
                return getattr(module, name, None) if isinstance(module, ModuleType) else None
        return None

    def held(self, step: Step, targets: Sequence[str]) -> Any:
        """The value that a statement bound or showed, if memory has it."""
        statement = self.statements[step.at]
        if targets:
            later = self.statements[step.at + 1 :]
            rebound = any(targets[0] in s.uses.binds | s.uses.mutates for s in later)
            return None if rebound else self.namespace.get(targets[0])
        last = step.at + 1 == len(self.statements) or (
            self.statements[step.at + 1].cell != statement.cell
        )
        shown: dict[int, Any] = self.namespace.get("Out") or {}
        return shown.get(step.cell) if last and statement.node is step.node else None

    def told(self, node: ast.expr, held: Any, step: Step) -> Iterator[Metric]:
        """The metrics of an expression, of a tuple or dictionary of them one by one."""
        match node:
            case ast.Tuple(items) if isinstance(held, tuple) and len(items) == len(held):
                pairs = [("", *pair) for pair in zip(items, held, strict=True)]
            case ast.Dict(keys, items) if isinstance(held, dict):
                names = [key.value if isinstance(key, ast.Constant) else None for key in keys]
                pairs = [
                    (str(name), item, held.get(name))
                    for name, item in zip(names, items, strict=True)
                ]
            case _:
                pairs = [("", node, held)]
        targets = _assigned(step)[0]
        for name, item, value in pairs:
            if is_number(value) and self.is_metric(item):
                shown = name or (targets[0] if targets else self.name_of(item))
                source = ast.unparse(item)
                source = source if len(source) <= _LONGEST else source[: _LONGEST - 1] + "…"
                seen = any(
                    isinstance(part, ast.expr) and ast.unparse(part) in self.fitted_on
                    for part in own_nodes(item)
                )
                yield Metric(shown, float(value), source, step.cell, seen)

    def name_of(self, node: ast.expr) -> str:
        """What the metric of an expression is called."""
        for part in own_nodes(node):
            if isinstance(part, ast.Call) and self.is_metric_call(part):
                return ast.unparse(part.func).rpartition(".")[2]
        return ast.unparse(node)


def metrics_of(
    models: Sequence[Servable],
    predictors: Sequence[Servable],
    travelling: frozenset[str],
    fitted_on: frozenset[str],
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    changes: Mapping[str, int],
) -> tuple[Metric, ...]:
    """The metrics of what travels, in the order in which they were computed.

    Args:
        models: the models that travel.
        predictors: all models of the notebook that predict.
        travelling: the names that travel.
        fitted_on: the expressions of the rows that the models were fitted on.
        namespace: the live namespace.
        statements: of all cells.
        changes: index of the last statement that changed each name.
    """
    roots = {s.expression: s.root for s in predictors}
    reader = _Reader(namespace, statements, roots, travelling, fitted_on)
    own = {s.root for s in models}
    several = {s.root for s in predictors if list(roots.values()).count(s.root) > 1}
    found = []
    for metric, sources in reader.read():
        asked = {name for name, _ in sources} & set(roots.values())
        holds = all(changes.get(name, -1) <= at for name, at in sources)
        if asked and asked <= own - several and holds:
            found.append(metric)
    return tuple(dict.fromkeys(found))[:_MOST]


def _assigned(step: Step) -> tuple[list[str], ast.expr]:
    """The one name that a statement binds, and the expression that it binds it to."""
    match step.node:
        case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), value=value):
            return [name], value or ast.Constant(None)
        case ast.AugAssign(ast.Name(name)):
            return [name], ast.BinOp(ast.Name(name, ast.Load()), ast.Add(), step.node.value)
        case ast.Assign(targets, value):
            return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)], value
        case ast.Expr(value):
            return [], value
        case ast.expr():
            return [], step.node
    return [], ast.Constant(None)


def is_number(value: Any) -> bool:
    """Whether a value is a fraction, as metrics are, and a finite one."""
    is_float = isinstance(value, float) or numpy_is(value, "floating")
    return is_float and abs(float(value)) < float("inf")


__all__ = ["is_number", "metrics_of"]
