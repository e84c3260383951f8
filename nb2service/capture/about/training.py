"""What a model was fitted with, as far as the model or the data in memory still tells it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...notebook.statements import Statement
from ..closure.lineage import last_changes
from ..entries.unfold import own_nodes, root_of, unfold
from ..learning.evaluate import evaluate_pure
from ..learning.trail import names_in
from ..values import kind_of, numpy_is

_FITS = ("fit", "fit_transform", "fit_predict")
_SAME_ROWS = ("transform", "fit_transform", "astype", "copy", "ravel", "to_numpy", "values")
_SAME_ROWS_OF = ("array", "asarray", "log", "log1p", "sqrt", "ravel", "DataFrame", "Series")
_ROWS = ("n_samples_fit_", "n_samples_seen_", "nobs")
_MOST_CLASSES = 20


@dataclass(frozen=True)
class Fit:
    """The call that fitted a model last.

    Attributes:
        at: index of its statement.
        cell: that statement's cell.
        arguments: what it was given: rows, and a target if there is one.
    """

    at: int
    cell: int
    arguments: tuple[ast.expr, ...]


@dataclass(frozen=True)
class Training:
    """How models of a notebook were fitted."""

    namespace: Mapping[str, Any]
    statements: Sequence[Statement]
    changes: Mapping[str, int]

    @classmethod
    def of(cls, namespace: Mapping[str, Any], statements: Sequence[Statement]) -> Training:
        """As the statements say that were run."""
        return cls(namespace, statements, last_changes(statements))

    def fit_of(self, expression: str) -> Fit | None:
        """The fit of the model that an expression stands for; None if it cannot be told."""
        expression = expression.removesuffix(".best_estimator_")  # a search fits that itself
        root = root_of(ast.parse(expression, mode="eval").body)
        found = None
        for step in unfold(self.statements):
            if call := _fit_in(step.node, expression):
                given = (*call.args, *(k.value for k in call.keywords if k.arg in ("X", "y")))
                found = None if step.loops else Fit(step.at, step.cell, given[:2])
        last = self.changes.get(root)
        return found if found and (last is None or last <= found.at) else None

    def shape(self, model: Any, fit: Fit | None) -> tuple[int | None, int | None]:
        """On how many rows and columns a model was fitted; None where nothing tells.

        Rows are not told either where two things differ.
        """
        told = {_told(part) for part in _whole(model)}
        arguments = fit.arguments if fit else ()
        told |= {_count(self.value(argument, fit)) for argument in arguments if fit}
        told.discard(None)
        rows = told.pop() if len(told) == 1 else None
        known = learnt(model, "n_features_in_")
        given = arguments[0] if arguments and arguments[0] is _same_rows(arguments[0]) else None
        width = _width(self.value(given, fit)) if given is not None and fit else None
        if known is not None and width not in (None, known):
            return None, int(known)  # these are not the rows that it saw
        return rows, width if known is None else int(known)

    def value(self, node: ast.expr, fit: Fit) -> Any:
        """What has as many rows as an argument of the fit, if it is what it was then."""
        node = _same_rows(node)
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            return None
        if any(self.changes.get(name, -1) > fit.at for name in names_in(node)):
            return None
        try:
            return evaluate_pure(node, self.namespace)
        except Exception:  # it is gone, or would have to run
            return None

    def classes(self, model: Any, fit: Fit | None) -> tuple[tuple[Any, int | None], ...]:
        """The classes that a model tells apart, and how many rows it saw of each, if known."""
        known = learnt(model, "classes_")
        if not numpy_is(known, "ndarray") or known.ndim != 1 or len(known) > _MOST_CLASSES:
            return ()
        labels = known.tolist()
        counts = self._counts(fit) if fit and len(fit.arguments) == 2 else {}
        whole = set(counts) == set(labels)
        return tuple((label, counts[label] if whole else None) for label in labels)

    def _counts(self, fit: Fit) -> dict[Any, int]:
        import numpy as np

        target = fit.arguments[1]
        value = self.value(target, fit)
        if kind_of(value) not in ("array", "series", "list") or getattr(value, "ndim", 1) != 1:
            return {}
        try:
            labels, counts = np.unique(np.asarray(value), return_counts=True)
        except TypeError:  # values without an order, missing ones among them
            return {}
        return dict(zip(labels.tolist(), counts.tolist(), strict=True))


def learnt(model: Any, name: str) -> Any:
    """An attribute of a model; None without it, and where its own code for it raises."""
    try:
        return getattr(model, name, None)
    except Exception:
        return None


def _fit_in(node: ast.AST, expression: str) -> ast.Call | None:
    """The call by which a statement fits a model, or makes it of one that is fitted there."""
    targets = [ast.unparse(t) for t in node.targets] if isinstance(node, ast.Assign) else []
    for part in own_nodes(node):
        match part:
            case ast.Call(ast.Attribute(owner, method)) if method in _FITS:
                if expression in (*targets, ast.unparse(owner)):
                    return part
    return None


def _same_rows(node: ast.expr) -> ast.expr:
    """The table that an expression takes its rows from, one for one."""
    match node:
        case ast.Call(ast.Attribute(ast.Name("np" | "numpy" | "pd" | "pandas"), made), [inner]):
            return _same_rows(inner) if made in _SAME_ROWS_OF else node
        case ast.Call(ast.Attribute(inner, method), []) if method in _SAME_ROWS:
            return _same_rows(inner)
        case ast.Call(ast.Attribute(inner, "astype"), [_]):
            return _same_rows(inner)
        case ast.Call(ast.Attribute(_, "transform" | "fit_transform"), [inner, *_]):
            return _same_rows(inner)
        case ast.ListComp(_, [ast.comprehension(iter=inner, ifs=[])]):
            return _same_rows(inner)
    return node


def _whole(model: Any) -> Iterator[Any]:
    """The parts of a model that saw every row: steps, not the members of an ensemble."""
    yield model
    for held in (learnt(model, "steps"), learnt(model, "transformers_")):
        for step in held if isinstance(held, list) else ():
            match step:
                case (str(), part, *_) if not isinstance(part, str):
                    yield from _whole(part)
    if (best := learnt(model, "best_estimator_")) is not None:
        yield from _whole(best)


def _told(part: Any) -> int | None:
    """What a fitted part remembers of the number of its rows."""
    tree = learnt(part, "tree_")
    if tree is not None and hasattr(tree, "n_node_samples"):
        return int(tree.n_node_samples[0])
    for name in _ROWS:
        count = learnt(part, name)
        if type(count) in (int, float) or numpy_is(count, "number"):
            return int(count)
    return None


def _count(value: Any) -> int | None:
    if kind_of(value) or hasattr(value, "nnz"):
        return int(value.shape[0]) if hasattr(value, "shape") else len(value)
    return None


def _width(value: Any) -> int | None:
    shape: Any = getattr(value, "shape", ())
    return int(shape[1]) if len(shape) == 2 else None


__all__ = ["Fit", "Training", "learnt"]
