"""How the values of names came about: which statements made them, of which other values.

Two runs of a notebook, the one that was and the one from top to bottom, are told apart by it
without running anything: a name is the same in both if the same statements made it of the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ...notebook.statements import Statement

# Methods that change the object they are called on.
_CHANGING = {
    "add", "append", "clear", "compile", "eval", "extend", "fit", "fit_predict", "fit_transform",
    "insert", "load_state_dict", "load_weights", "partial_fit", "pop", "popitem", "remove",
    "reverse", "set_params", "setdefault", "sort", "train", "update",
}  # fmt: skip
# Methods and functions that, applied to their own result, change nothing more.
_SETTLING = {
    "add_prefix", "any", "all", "astype", "bool", "capitalize", "clear", "clip", "compile", "copy",
    "drop", "drop_duplicates", "dropna", "eval", "fillna", "fit", "fit_predict", "float", "int",
    "isin", "isna", "isnull", "list", "load_state_dict", "lower", "lstrip", "max", "mean", "median",
    "min", "mode", "notna", "notnull", "query", "rename", "replace", "reset_index", "reshape",
    "round", "rstrip", "set", "set_index", "set_params", "setdefault", "sort", "sort_index",
    "sort_values", "sorted", "str", "strip", "title", "to_datetime", "to_numeric", "train",
    "unique", "upper", "where",
}  # fmt: skip
_FITS = {"fit", "fit_predict", "fit_transform"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Step:
    """A statement as one of those that made a value.

    Attributes:
        statement: the statement.
        key: equal for statements that say the same.
        inputs: what made the other names that it read.
        mark: equal for the same statement applied to the same.
    """

    statement: Statement
    key: str
    inputs: tuple[Origin, ...]
    mark: int


@dataclass(frozen=True)
class Origin:
    """How one name came to its value.

    Attributes:
        steps: the statement that bound it, and those that changed it.
        mark: equal for names that came about alike.
    """

    steps: tuple[Step, ...]
    mark: int

    def all_steps(self) -> Iterator[Step]:
        """Every step on the way to the value, the nearest first."""
        todo, seen = [self], set()
        while todo:
            origin = todo.pop(0)
            if id(origin) in seen:
                continue
            seen.add(id(origin))
            for step in reversed(origin.steps):
                yield step
                todo += step.inputs


@dataclass
class Lineage:
    """What is known of a run of a notebook.

    Attributes:
        origins: how each name came to its last value.
        keys: of every statement that bound or changed a name.
    """

    origins: dict[str, Origin] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    late: dict[str, frozenset[str]] = field(default_factory=dict)
    changed_parameters: dict[str, frozenset[int]] = field(default_factory=dict)

    def step(self, statement: Statement, key: str, inputs: tuple[Origin, ...]) -> Step:
        """A step of this run."""
        self.keys.add(key)
        return Step(statement, key, inputs, hash((key, tuple(origin.mark for origin in inputs))))


def lineage(statements: Iterable[Statement]) -> Lineage:
    """How the names came about that statements, run in this order, bind."""
    run = Lineage()
    for statement in statements:
        _follow(statement, run)
    return run


def last_changes(statements: Sequence[Statement]) -> dict[str, int]:
    """Index of the last statement that bound each name, or changed its value in place."""
    run = Lineage()
    found: dict[str, int] = {}
    for index, statement in enumerate(statements):
        node = statement.node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            run.changed_parameters[node.name] = _changed_parameters(node, run)
        found |= dict.fromkeys(statement.uses.binds | _changed(node, run), index)
    return found


def _origin(*steps: Step) -> Origin:
    return Origin(steps, hash(tuple(step.mark for step in steps)))


@lru_cache(maxsize=4096)
def _key(node: ast.stmt) -> str:
    return ast.dump(node)


def _follow(statement: Statement, run: Lineage) -> None:
    node, uses = statement.node, statement.uses
    if isinstance(node, ast.Import | ast.ImportFrom):
        for name in uses.binds:
            # Beside which others a name is imported makes no difference.
            run.origins[name] = _origin(run.step(statement, _import_key(node, name), ()))
        return
    changed = _changed(node, run)
    touched = set(uses.binds) | changed
    if not touched:
        return
    if uses.late:
        for name in uses.binds:
            run.late[name] = uses.late
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        run.changed_parameters[node.name] = _changed_parameters(node, run)
    read = _expanded(set(uses.reads) | changed, run)
    key = _key(node)
    for name, origin in [(name, run.origins.get(name)) for name in sorted(touched)]:
        inputs = tuple(run.origins[n] for n in sorted(read - {name}) if n in run.origins)
        step = run.step(statement, key, inputs)
        if origin is None or (name in uses.binds and name not in read):
            run.origins[name] = _origin(step)
        else:
            run.origins[name] = _grown(origin, step, name)


def _grown(origin: Origin, step: Step, name: str) -> Origin:
    """The origin with one more change; what settles counts once, and a fit replaces the last."""
    settles = _settles(step.statement.node, name)
    if settles and any(step.mark == known.mark for known in origin.steps):
        return origin
    first, *others = origin.steps
    if settles and _calls(step.statement.node) & _FITS:
        others = [other for other in others if not _calls(other.statement.node) & _FITS]
    return _origin(first, *others, step)


def _expanded(names: set[str], run: Lineage) -> set[str]:
    """With what the functions among the names read when they are called."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += run.late.get(name, ())
    return found


def _import_key(node: ast.Import | ast.ImportFrom, name: str) -> str:
    module = getattr(node, "module", "")
    told = [a for a in node.names if name in (a.asname, a.name, a.name.split(".")[0])]
    return f"import {module} {[(a.name, a.asname) for a in told]}"


# --- what a statement changes in place


def _changed(node: ast.AST, run: Lineage) -> set[str]:
    """Names whose value a statement changes in place, as far as can be told."""
    found: set[str] = set()
    for part in _own_parts(node):
        match part:
            case ast.AugAssign(target=target):
                found |= _root(target)
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                found |= _root(part)
            case ast.Attribute(ctx=ast.Del()) | ast.Subscript(ctx=ast.Del()):
                found |= _root(part)
            case ast.Call(ast.Attribute(owner, method), keywords=keywords):
                inplace = any(k.arg == "inplace" for k in keywords)
                if method in _CHANGING or inplace:
                    found |= _root(owner)
            case ast.Call(ast.Name(function), args):
                for number in run.changed_parameters.get(function, frozenset()):
                    found |= _root(args[number]) if number < len(args) else set()
    return found


def _changed_parameters(
    node: ast.FunctionDef | ast.AsyncFunctionDef, run: Lineage
) -> frozenset[int]:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    changed = {name for statement in node.body for name in _changed(statement, run)}
    rebound = {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }
    return frozenset(n for n, name in enumerate(names) if name in changed - rebound)


def _own_parts(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that run when it does."""
    yield node
    if not isinstance(node, _FUNCTIONS):
        for child in ast.iter_child_nodes(node):
            yield from _own_parts(child)


def _root(node: ast.AST) -> set[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _settles(node: ast.AST, name: str) -> bool:
    """Whether a statement that changes a name changes nothing more when it runs once more."""
    return _calls(node) <= _SETTLING and not any(
        isinstance(part, ast.AugAssign | ast.BinOp | ast.For | ast.While)
        for part in _own_parts(node)
    )


def _calls(node: ast.AST) -> set[str]:
    calls = (part.func for part in _own_parts(node) if isinstance(part, ast.Call))
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "?") for f in calls}


__all__ = ["Lineage", "Origin", "Step", "last_changes", "lineage"]
