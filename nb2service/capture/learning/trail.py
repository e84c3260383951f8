"""Follows a value back through the statements that made it, to the steps that it went through."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from ...notebook.statements import Statement
from ..entries.estimators import feature_names, is_estimator, is_predictor
from ..entries.functions import reached_from
from ..entries.unfold import own_nodes, root_of, unfold
from .evaluate import evaluate_pure

DUMMIES = "get_dummies"
FITS = ("fit", "fit_transform", "partial_fit")
TRANSFORMS = ("transform", "fit_transform")
_APPLIES = ("apply", "transform", "map")


@dataclass(frozen=True)
class Step:
    """Something outside of a model that its rows, or its target, went through.

    Attributes:
        name: the variable that holds the scaler or encoder; ``LabelEncoder()`` if none does.
        at: index of the statement in which it prepared the rows.
        cell: execution count of that statement's cell.
        changed: the cell that fitted or bound it again after that, if any.
        columns: the model's columns that it made, where it made single ones.
        in_turn: whether it was fitted for one column after the other, so that only the last
            fit is left.
        of_target: whether it was the target that it prepared.
        call: how it was called, as far as one call tells.
    """

    name: str
    at: int
    cell: int
    changed: int | None = None
    columns: tuple[str, ...] = ()
    in_turn: bool = False
    of_target: bool = False
    call: ast.Call | None = field(default=None, compare=False, repr=False)

    @property
    def is_held(self) -> bool:
        """Whether a variable holds it."""
        return self.name.isidentifier() and self.name != DUMMIES


def fits(name: str, node: ast.AST) -> bool:
    """Whether code fits what a name holds."""
    for part in own_nodes(node):
        match part:
            case ast.Call(ast.Attribute(ast.Name(owner), method)):
                if owner == name and method in FITS:
                    return True
    return False


def names_in(node: ast.AST) -> set[str]:
    """All names in an expression or statement."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


@dataclass(frozen=True)
class Trail:
    """Follows a value back through the statements that made it."""

    model: Any
    namespace: Mapping[str, Any]
    statements: Sequence[Statement]
    is_target: bool
    seen: set[int] = field(default_factory=set)

    def back(
        self,
        node: ast.AST,
        at: int,
        end: int,
        columns: tuple[str, ...],
        loops: Sequence[ast.For] = (),
    ) -> Iterator[Step]:
        """Each step of an expression.

        Args:
            node: the expression, or the statement that holds it.
            at: index of the statement that it stands in.
            end: index of the first statement that cannot have made its names.
            columns: the columns of the model that it makes, if it makes single ones.
            loops: those that it stands in.
        """
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                yield from self.called(part, at, columns, loops)
            elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                for index, made, inside in self.makers(part.id, end):
                    self.seen.add(id(made))
                    nested = made is not self.statements[index].node
                    source = _source_of(part.id, made)
                    made_columns = self.features(made, inside)
                    yield from self.back(source, index, index + nested, made_columns, inside)

    def called(
        self, node: ast.Call, at: int, columns: tuple[str, ...], loops: Sequence[ast.For]
    ) -> Iterator[Step]:
        """The step that a call is, if it is one."""
        at = min(at, len(self.statements) - 1)
        cell = self.statements[at].cell if self.statements else 0
        match node:
            case ast.Call(ast.Attribute(owner, method)) if method in TRANSFORMS:
                if self.is_step(owner) and (columns or self.counts(owner)):
                    alone = [loop for loop in loops if not self.trains(loop)]
                    in_turn = bool(alone) and method != "transform" and not _kept(owner, alone)
                    in_turn = in_turn or _fitted_in(owner, alone)
                    name = self.name_of(owner)
                    yield Step(name, at, cell, None, columns, in_turn, call=node)
                    return
        match node:
            case ast.Call(ast.Attribute(_, method), [ast.Attribute(owner, inner), *_]):
                if method in _APPLIES and inner in TRANSFORMS and self.is_step(owner):
                    name = self.name_of(owner)
                    yield Step(name, at, cell, None, columns, inner != "transform", call=node)
            case ast.Call(ast.Attribute(_, "get_dummies") | ast.Name("get_dummies")):
                if not self.is_target:
                    yield Step(DUMMIES, at, cell, call=node)
            case ast.Call(ast.Name(name)) if isinstance(self.namespace.get(name), FunctionType):
                for used in sorted(reached_from(name, self.statements)):
                    held = self.namespace.get(used)
                    if is_estimator(held) and not is_predictor(held) and self.counts_held(held):
                        yield Step(used, at, cell, None, columns)

    def trains(self, loop: ast.For) -> bool:
        """Whether each round fits the model too, so that the last step belongs to it."""
        names = {name for name, held in self.namespace.items() if held is self.model}
        assigned = [part for part in own_nodes(*loop.body) if isinstance(part, ast.Assign)]
        bound = {name for part in assigned for name in names_in(part.targets[0])}
        fitted = any(fits(name, part) for name in names for part in loop.body)
        return fitted or bool(names & bound)

    def is_step(self, owner: ast.expr) -> bool:
        """Whether the owner of a ``transform`` is a scaler, an encoder or the like."""
        if isinstance(owner, ast.Name):
            held = self.namespace.get(owner.id)
            if is_estimator(held):
                return held is not self.model
            return self.was_made(owner.id)
        if isinstance(owner, ast.Call):
            held = self.namespace.get(root_of(owner.func))
            return isinstance(held, type) and hasattr(held, "transform")
        return False

    def was_made(self, name: str) -> bool:
        """Whether a name that holds something else by now was bound to a step before."""
        for statement in self.statements:
            match statement.node:
                case ast.Assign([ast.Name(bound)], value) if bound == name:
                    for part in own_nodes(value):
                        match part:
                            case ast.Call(ast.Name(made)):
                                kind = self.namespace.get(made)
                                if isinstance(kind, type) and hasattr(kind, "transform"):
                                    return True
        return False

    def counts(self, owner: ast.expr) -> bool:
        """Whether a step without columns concerns the rows: label encoders are for targets."""
        if isinstance(owner, ast.Name):
            return self.counts_held(self.namespace.get(owner.id))
        return self.is_target or not _is_for_labels(self.name_of(owner))

    def counts_held(self, held: Any) -> bool:
        """As ``counts``, of a live step."""
        return self.is_target or not _is_for_labels(type(held).__name__)

    def name_of(self, owner: ast.expr) -> str:
        """A variable's name; of an object without one how it is made, without settings."""
        if isinstance(owner, ast.Call):
            return f"{ast.unparse(owner.func)}()"
        return ast.unparse(owner)

    def features(self, node: ast.AST, loops: Sequence[ast.For]) -> tuple[str, ...]:
        """The columns of the model that ``X["job"] = …`` makes, in a loop all that it goes over."""
        match node:
            case ast.Assign([ast.Subscript(_, ast.Constant(str(column)))]):
                columns = [column]
            case ast.Assign([ast.Subscript(_, ast.Name(name))]):
                columns = self.texts(
                    next(
                        (loop.iter for loop in loops if name in names_in(loop.target)),
                        ast.parse(name, mode="eval").body,
                    )
                )
            case ast.Assign([ast.Subscript(_, ast.List() as listed)]):
                columns = self.texts(listed)
            case _:
                return ()
        known = feature_names(self.model)
        return tuple(column for column in columns if column in known)

    def texts(self, node: ast.expr) -> list[str]:
        """The texts of a list, given as a literal or by the name of a live one."""
        try:
            value = evaluate_pure(node, self.namespace)
        except Exception:  # it would have to run; what it was is not known
            return list(feature_names(self.model)) if isinstance(node, ast.Call) else []
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            return []
        return [item for item in value if isinstance(item, str)]

    def makers(self, name: str, end: int) -> list[tuple[int, ast.AST, tuple[ast.For, ...]]]:
        """What bound a name last before ``end``, and what changed it since, with their loops."""
        found: list[tuple[int, ast.AST, tuple[ast.For, ...]]] = []
        for index in range(end - 1, -1, -1):
            statement = self.statements[index]
            bound = name in statement.uses.binds
            if bound or name in statement.uses.mutates:
                for step in unfold((statement,)):
                    assigns = isinstance(step.node, (ast.Assign, ast.AnnAssign))
                    if assigns and name in _stored(step.node) and id(step.node) not in self.seen:
                        found.append((index, step.node, step.loops))
            if bound:
                break
        return found


def _stored(node: ast.AST) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
    flat = [part for t in targets for part in (t.elts if isinstance(t, ast.Tuple) else [t])]
    return {root_of(target) for target in flat}


def _kept(owner: ast.expr, loops: Sequence[ast.For]) -> bool:
    """Whether a loop keeps each of its encoders: ``encoders[column] = encoder``."""
    if not isinstance(owner, ast.Name):
        return False
    for part in (part for loop in loops for part in own_nodes(*loop.body)):
        match part:
            case ast.Assign([ast.Subscript()], ast.Name(name)) if name == owner.id:
                return True
            case ast.Call(ast.Attribute(_, "append" | "update"), [argument]):
                if owner.id in names_in(argument):
                    return True
    return False


def _fitted_in(owner: ast.expr, loops: Sequence[ast.For]) -> bool:
    """Whether the loop that asks a step fits it in each round, and keeps none."""
    name = root_of(owner)
    fitted = any(fits(name, part) for loop in loops for part in loop.body)
    return fitted and not _kept(owner, loops)


def _source_of(name: str, node: ast.AST) -> ast.AST:
    """Of ``X_train, X_test, y_train, y_test = split(X, y)`` only what the name is made of."""
    match node:
        case ast.Assign([ast.Tuple(targets)], ast.Call(args=sources)):
            names = [target.id if isinstance(target, ast.Name) else "" for target in targets]
            if name in names and len(targets) == 2 * len(sources):
                return sources[names.index(name) // 2]
    return node


def _is_for_labels(kind: str) -> bool:
    return kind.startswith(("Label", "MultiLabel"))


__all__ = ["DUMMIES", "TRANSFORMS", "Step", "Trail", "fits", "names_in"]
