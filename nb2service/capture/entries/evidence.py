"""Reads a notebook with an eye on several models: what it does with each of them."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from ...notebook.statements import Statement
from .servable import Servable
from .toys import typed_rows
from .unfold import Step, loop_names, own_nodes, root_of, unfold

# How much each thing speaks for a model; the first three may decide.
SAVED, NAMED, WRITTEN = 100, 90, 80
USED, TUNED, TOLD, SEARCHED, ASKED, WHOLE = 70, 50, 45, 40, 30, 20
_DECISIVE = (SAVED, NAMED, WRITTEN)

_SAVES = re.compile(r"(dump|save|persist|export|log_model)", re.I)
_WRITES = {"to_csv", "to_parquet", "to_excel", "to_json", "to_sql", "savetxt", "save"}
_ASKS = ("predict", "predict_proba", "decision_function", "score", "forecast")
_FITS = ("fit", "fit_transform", "partial_fit")
_FILE = re.compile(r"\S*\.\w{1,8}")


@dataclass(frozen=True)
class Reason:
    """One thing that speaks for a model.

    Attributes:
        weight: how much; some may decide.
        text: in words that follow the model's name.
        index: of the statement that shows it.
    """

    weight: int
    text: str
    index: int


@dataclass
class Ranked:
    """A model with what speaks for it.

    Attributes:
        servable: the model.
        reasons: the strongest first.
        born: index of the statement that fitted it last, or else bound it.
        toy: how it was fitted, if on a few rows that were typed in; else "".
        saved_to: the file that it was saved to, if any.
        loaded_from: the file that it was loaded from, if any.
        scores: metrics that the notebook computed and memory still holds, by name.
    """

    servable: Servable
    reasons: list[Reason] = field(default_factory=list)
    born: int = -1
    toy: str = ""
    saved_to: str = ""
    loaded_from: str = ""
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def weight(self) -> int:
        """Of the strongest reason; the others together decide between equal ones."""
        return max((reason.weight for reason in self.reasons), default=0)

    @property
    def decisive(self) -> list[Reason]:
        """The reasons that may decide."""
        return [reason for reason in self.reasons if reason.weight in _DECISIVE]


@dataclass
class Reading:
    """Reads the statements once, with an eye on every candidate."""

    models: Sequence[Servable]
    namespace: Mapping[str, Any]
    statements: Sequence[Statement]
    ranked: list[Ranked] = field(init=False)
    texts: dict[str, Ranked] = field(default_factory=dict)
    opened: dict[str, str] = field(default_factory=dict)
    # name → candidates whose predictions its value was made of, at this point of the run
    made_of: dict[str, frozenset[int]] = field(default_factory=dict)
    asked: dict[int, Step] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ranked = [Ranked(servable) for servable in self.models]
        self.looped = loop_names(self.statements)
        self.bound = {n: i for i, s in enumerate(self.statements) for n in s.uses.binds}
        for ranked in self.ranked:
            for text in self.names_of(ranked.servable):
                self.texts.setdefault(text, ranked)
            ranked.born = self.bound.get(ranked.servable.root, -1)

    def names_of(self, servable: Servable) -> list[str]:
        """All expressions for a model, and for the best one of a search."""
        own = [servable.value, getattr(servable.value, "best_estimator_", None)]
        names = [
            name
            for name, value in self.namespace.items()
            if any(value is one for one in own if one is not None) and not name.startswith("_")
        ]
        said = ast.unparse(ast.parse(servable.expression, mode="eval"))
        named = [name for name in dict.fromkeys([said, *names]) if name not in self.looped]
        return [*named, *(f"{name}.best_estimator_" for name in named)]

    def of(self, node: ast.AST, index: int) -> Ranked | None:
        """The candidate that an expression stood for at a statement, if it still does."""
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
            return None
        ranked = self.texts.get(ast.unparse(node)) if root_of(node) else None
        return ranked if ranked and index >= self.bound.get(root_of(node), 0) else None

    def add(self, servable: Servable, weight: int, text: str, index: int) -> None:
        """Give a candidate a reason, in place of an earlier one of the same kind."""
        for ranked in self.ranked:
            if ranked.servable.value is servable.value:
                ranked.reasons = [r for r in ranked.reasons if r.weight != weight]
                ranked.reasons.append(Reason(weight, text, index))

    # --- the run

    def run(self) -> None:
        """Read all statements in the order of execution."""
        for step in unfold(self.statements):
            self._open_files(step)
            for node in own_nodes(step.node):
                if isinstance(node, ast.Call):
                    self._call(node, step)
            self._flow(step)
        # Of those asked in one statement, the later one.
        last = max(reversed(self.asked.items()), key=lambda item: item[1].at, default=None)
        if last is not None:
            ranked = self.ranked[last[0]]
            self.add(
                ranked.servable, ASKED, f"evaluated last, in cell [{last[1].cell}]", last[1].at
            )

    def _open_files(self, step: Step) -> None:
        match step.node:
            case ast.withitem(ast.Call() as call, ast.Name(name)):
                self.opened[name] = self._file_in(call)
            case ast.Assign([ast.Name(name)], ast.Call(ast.Name("open")) as call):
                self.opened[name] = self._file_in(call)

    def _file_in(self, node: ast.AST) -> str:
        """The file that an expression names, without its folders; "" if it names none."""
        for part in ast.walk(node):
            held: Any = None
            if isinstance(part, ast.Constant):
                held = part.value
            elif isinstance(part, ast.Name):
                held = self.opened.get(part.id) or self.namespace.get(part.id)
            if isinstance(held, (str, os.PathLike)):
                text = PurePath(held).name
                if _FILE.fullmatch(text):
                    return text
        return ""

    def _call(self, node: ast.Call, step: Step) -> None:
        method = node.func.attr if isinstance(node.func, ast.Attribute) else root_of(node.func)
        owner = self.of(node.func.value, step.at) if isinstance(node.func, ast.Attribute) else None
        arguments = [*node.args, *(word.value for word in node.keywords)]
        if _SAVES.search(method):
            for ranked in {id(r): r for r in self._held_in([*arguments, node.func], step)}.values():
                file = self._file_in(node)
                to = f" to {file}" if file else ""
                ranked.saved_to = file
                self.add(ranked.servable, SAVED, f"saved{to} in cell [{step.cell}]", step.at)
            return
        if "load" in method.lower() and (made := self._made_by(step)):
            made.loaded_from = self._file_in(node)
        if owner is None and method in _FITS:
            owner = self._made_by(step)  # model = LinearRegression().fit(X, y)
        if owner is not None and method in _FITS:
            owner.born = max(owner.born, step.at)
            rows = typed_rows(node.args[0], step.at, self.statements) if node.args else 0
            owner.toy = f"fitted on {rows} rows typed in cell [{step.cell}]" if rows else ""
        if step.loops and method in _FITS and owner is None:
            self._fitted_in_a_loop(step)
        told = [owner] if method in _ASKS else [self.of(a, step.at) for a in arguments]
        for asked in told:
            if asked is not None:
                self.asked.pop(self.position(asked), None)
                self.asked[self.position(asked)] = step

    def position(self, ranked: Ranked) -> int:
        """Where a candidate stands among the others."""
        return next(i for i, r in enumerate(self.ranked) if r is ranked)

    def _made_by(self, step: Step) -> Ranked | None:
        match step.node:
            case ast.Assign([target]):
                return self.of(target, step.at)
        return None

    def _fitted_in_a_loop(self, step: Step) -> None:
        roots = {
            n.id for loop in step.loops for n in own_nodes(loop.iter) if isinstance(n, ast.Name)
        }
        for ranked in self.ranked:
            if {ranked.servable.root, *self.names_of(ranked.servable)} & roots:
                ranked.born = max(ranked.born, step.at)

    def _held_in(self, nodes: Sequence[ast.AST], step: Step) -> Iterator[Ranked]:
        """Candidates among arguments: themselves, in literals, in named tuples and dictionaries."""
        for node in nodes:
            match node:
                case ast.Tuple(items) | ast.List(items):
                    yield from self._held_in(items, step)
                case ast.Dict(_, values):
                    yield from self._held_in(values, step)
                case ast.Call(ast.Attribute(owner)) if not self._is_answer(node):
                    yield from self._held_in([owner], step)
                case ast.Attribute(owner) if self.of(node, step.at) is None:
                    yield from self._held_in([owner], step)
                case _:
                    if ranked := self.of(node, step.at):
                        yield ranked
                    elif isinstance(node, ast.Name) and step.at >= self.bound.get(node.id, 0):
                        yield from self._members(self.namespace.get(node.id))

    def _is_answer(self, node: ast.Call) -> bool:
        return isinstance(node.func, ast.Attribute) and node.func.attr in _ASKS

    def _members(self, held: Any) -> list[Ranked]:
        values = held.values() if isinstance(held, dict) else held
        if not isinstance(held, (dict, list, tuple)) or len(held) > 100:
            return []
        inside = {id(value) for value in values}
        return [
            r
            for r in self.ranked
            if inside & {id(r.servable.value), id(getattr(r.servable.value, "best_estimator_", r))}
        ]

    # --- predictions on their way

    def _flow(self, step: Step) -> None:
        """Follow predictions through assignments, to the file that they are written to."""
        sources = self._sources(step.node, step.at)
        targets: list[ast.expr] = []
        if isinstance(step.node, ast.Assign):
            targets = step.node.targets
        elif isinstance(step.node, (ast.AugAssign, ast.AnnAssign)):
            targets = [step.node.target]
        for target in targets:
            names = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
            for name in names:
                if isinstance(name, ast.Name):
                    self.made_of[name.id] = sources
                elif root := root_of(name):
                    self.made_of[root] = self.made_of.get(root, frozenset()) | sources
        for node in own_nodes(step.node):
            match node:
                case ast.Call(ast.Attribute(_, method)) if method in _WRITES:
                    self._written(node, step)

    def _sources(self, node: ast.AST, index: int) -> frozenset[int]:
        """The candidates whose answers an expression is made of."""
        value = getattr(node, "value", node)
        found: set[int] = set()
        for part in own_nodes(value) if isinstance(value, ast.AST) else ():
            if isinstance(part, ast.Name):
                found |= self.made_of.get(part.id, frozenset())
            elif isinstance(part, ast.Call):
                # rf.predict(X), and what evaluate(rf, X, y) makes of that
                asked = part.func.value if isinstance(part.func, ast.Attribute) else None
                asking = [asked] if asked and self._is_answer(part) else part.args
                for ranked in (self.of(node, index) for node in asking):
                    found |= {self.position(ranked)} if ranked else set()
        return frozenset(found)

    def _written(self, node: ast.Call, step: Step) -> None:
        file = self._file_in(node)
        for position in self._sources(node, step.at) if file else ():
            text = f"its predictions are written to {file} in cell [{step.cell}]"
            self.add(self.ranked[position].servable, WRITTEN, text, step.at)


__all__ = [
    "NAMED",
    "SEARCHED",
    "TOLD",
    "TUNED",
    "USED",
    "WHOLE",
    "Ranked",
    "Reading",
    "Reason",
]
