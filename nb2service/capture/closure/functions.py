"""Functions of the notebook, as the source that makes them again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CellType, FunctionType
from typing import Any

from ...errors import CaptureError
from .defaults import default_texts
from .literals import same_value
from .names import code_key, stores
from .pieces import Piece
from .scope import Scope
from .snippets import DefinitionNode, Snippet
from .sources import Sources

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_AT_TOP_LEVEL = "define it with a def at the top level of a cell"


class Functions:
    """Words the notebook's functions.

    Args:
        scope: the names of ``notebook.py``.
        sources: the notebook's statements.
    """

    def __init__(self, scope: Scope, sources: Sources) -> None:
        self.scope = scope
        self.sources = sources
        self._cells: dict[int, tuple[str, bool]] = {}

    def word(self, name: str, function: FunctionType) -> Piece:
        """The text that binds ``name`` to this function.

        Raises:
            CaptureError: its source is nowhere, or it depends on what cannot be written down.
        """
        found = self.sources.find(function.__code__, (name, function.__name__))
        if found is None:
            raise no_source(function)
        snippet, node = found
        snippet, node = self.with_defaults(name, function, snippet, node)
        around = snippet.enclosing[node]
        in_class = isinstance(around, ast.ClassDef)
        if in_class and not isinstance(node, ast.Lambda):
            return self._method(name, function, snippet, node)
        if around is not None and not in_class:
            piece = self._from_factory(name, function, snippet, node)
        elif isinstance(node, ast.Lambda):
            text = f"{name} = {_bracketed(snippet.segment(node))}"
            piece = Piece(name, "code", "function", text, snippet.cell)
            piece.note = (
                "" if snippet.source == text else "taken out of the statement that holds it"
            )
        else:
            piece = self._plain_def(name, function, snippet, node)
        piece.position = snippet.position
        self._restore(piece, name, function, snippet, node)
        self._refuse_other_globals(piece.read(snippet.lazy), function)
        return piece

    def _refuse_other_globals(self, piece: Piece, function: FunctionType) -> None:
        """A function of a script that was run reads the script's variables, not the notebook's."""
        own = function.__globals__
        for name in sorted(piece.late) if own is not self.scope.namespace else ():
            if name in own and not same_value(own[name], self.scope.get(name)):
                raise CaptureError(
                    f"{function.__qualname__} reads the {name} of the script that defines it, "
                    f"and the notebook has another {name}",
                    "give one of the two another name",
                )

    def _plain_def(
        self, name: str, function: FunctionType, snippet: Snippet, node: DefinitionNode
    ) -> Piece:
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        # A decorator that returned the function unchanged did its work elsewhere: in values
        # that travel anyway (a registry), or that are no business of the service (a web app).
        bare = bool(node.decorator_list) and not vars(function)
        text = snippet.text(node, decorated=not bare)
        text, before = self.scope.named(name, function, node.name, text)
        note = "without its decorator: what that did is in memory" if bare else ""
        return Piece(name, "code", "function", text, snippet.cell, note=note, before=before)

    def _method(
        self, name: str, function: FunctionType, snippet: Snippet, node: DefinitionNode
    ) -> Piece:
        path = function.__qualname__
        first, *rest = path.split(".")
        found = self.scope.get(first)
        for part in rest:
            found = getattr(found, part, None)
        piece = Piece(name, "code", "function", f"{name} = {path}", snippet.cell)
        if found is not function:
            if self._class_statement(first) is not snippet.enclosing[node]:
                raise CaptureError(
                    f"it is a method of a class ({path}) that the notebook no longer holds",
                    "run the cell that takes it from the class again",
                )
            piece.position, piece.before = snippet.position, frozenset({path})  # replaced since
        return piece.read()

    def _class_statement(self, name: str) -> ast.AST | None:
        binders = self.sources.binders(name)
        return next((b.node for b in binders if isinstance(b.node, ast.ClassDef)), None)

    def _restore(
        self,
        piece: Piece,
        name: str,
        function: FunctionType,
        snippet: Snippet,
        node: DefinitionNode,
    ) -> None:
        """Give the function the attributes that it has in memory."""
        lines = []
        decorated = bool(getattr(node, "decorator_list", [])) and not piece.note
        for attribute, value in vars(function).items():
            if attribute != "__wrapped__" and not decorated:
                text = self.scope.express(value, f"{name}_{attribute}")
                lines.append(f"{name}.{attribute} = {text}")
        if lines:
            piece.source = "\n".join([piece.source, *([""] * 2), *lines])
            piece.note = piece.note or "with the attributes that it has in memory"

    def with_defaults(
        self, name: str, function: FunctionType, snippet: Snippet, node: DefinitionNode
    ) -> tuple[Snippet, DefinitionNode]:
        """The same definition with the default arguments that the function has in memory."""
        assert not isinstance(node, ast.ClassDef)
        namespace, local = self.scope.namespace, set(_outer_names(snippet, node))
        texts = default_texts(name, function, snippet, node, self.scope, namespace, local)
        return snippet.replaced(texts, node) if texts else (snippet, node)

    # --- closures

    def _from_factory(
        self, name: str, function: FunctionType, snippet: Snippet, node: DefinitionNode
    ) -> Piece:
        """A small function that makes the closure again, its variables filled from memory."""
        local = set(_outer_names(snippet, node))
        members: dict[str, tuple[DefinitionNode, FunctionType]] = {}
        arguments: dict[str, str] = {}
        todo: list[tuple[DefinitionNode, FunctionType]] = [(node, function)]
        seen: set[int] = {id(function)}
        while todo:
            inner_node, inner = todo.pop()
            members[getattr(inner_node, "name", "")] = (inner_node, inner)
            self._claim_cells(name, inner)
            for variable, value in [
                *_closure(inner),
                *self._local_defaults(inner_node, inner, local),
            ]:
                if id(value) in seen:
                    continue
                sibling = self._sibling(variable, value, snippet, node)
                if sibling is not None:
                    seen.add(id(value))
                    todo.append((sibling, value))
                elif variable not in arguments:
                    arguments[variable] = self.scope.express(value, f"{name}_{variable}")
        if not arguments and len(members) == 1 and not function.__closure__:
            return self._lifted(name, function, snippet, node)
        maker = self.scope.make(f"make_{name.lstrip('_')}", ...)
        own = next((v for v, held in _closure(function) if held is function), "")
        body = _factory_body(
            snippet, node, own, [n for n, _ in members.values()], local - arguments.keys()
        )
        parameters = ", ".join(sorted(arguments))
        values = ", ".join(f"{key}={arguments[key]}" for key in sorted(arguments))
        text = f"def {maker}({parameters}):\n{body}\n\n\n{name} = {maker}({values})"
        note = "a closure: its source, with the variables that it closes over taken from memory"
        return Piece(name, "code", "function", text, snippet.cell, note=note, binds=(maker,))

    def _lifted(
        self, name: str, function: FunctionType, snippet: Snippet, node: DefinitionNode
    ) -> Piece:
        """A definition that needs nothing of the function around it."""
        note = "taken out of the function that made it"
        if isinstance(node, ast.Lambda):
            text, before = f"{name} = {_bracketed(snippet.segment(node))}", frozenset[str]()
        else:
            text = snippet.text(node, decorated=False)
            text, before = self.scope.named(name, function, node.name, text)
        return Piece(name, "code", "function", text, snippet.cell, note=note, before=before)

    def _sibling(
        self, variable: str, value: Any, snippet: Snippet, node: DefinitionNode
    ) -> DefinitionNode | None:
        """The definition of a function made beside this one by the same call."""
        if not isinstance(value, FunctionType) or value.__name__ != variable:
            return None
        found = snippet.find(code_key(value.__code__))
        if found is None or snippet.enclosing[found] is not snippet.enclosing[node]:
            return None
        return found

    def _claim_cells(self, name: str, function: FunctionType) -> None:
        """Refuse variables that two functions share and change: each would get its own."""
        changed = stores(function.__code__)
        for variable, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            owner, was_changed = self._cells.get(id(cell), (name, False))
            if owner != name and (was_changed or variable in changed):
                raise CaptureError(
                    f"it shares the changing variable {variable!r} with {owner}",
                    "keep the shared state in an object of a class",
                )
            self._cells[id(cell)] = (owner, was_changed or variable in changed)

    def _local_defaults(
        self, node: DefinitionNode, function: FunctionType, local: set[str]
    ) -> Iterator[tuple[str, Any]]:
        """Defaults that are variables of the function around (``lambda x, i=i: …``)."""
        assert not isinstance(node, ast.ClassDef)
        pairs = [
            *zip(node.args.defaults, function.__defaults__ or (), strict=False),
            *(
                (default, (function.__kwdefaults__ or {}).get(argument.arg))
                for argument, default in zip(
                    node.args.kwonlyargs, node.args.kw_defaults, strict=True
                )
            ),
        ]
        for written, value in pairs:
            if written is None:
                continue
            if isinstance(written, ast.Name) and written.id in local:
                yield written.id, value
            elif any(isinstance(n, ast.Name) and n.id in local for n in ast.walk(written)):
                raise CaptureError(
                    f"its default argument {ast.unparse(written)} was computed inside a function",
                    _AT_TOP_LEVEL,
                )


def no_source(function: FunctionType) -> CaptureError:
    """The refusal of a function that nobody wrote down in the notebook."""
    name = function.__qualname__
    if function.__code__.co_filename == "<string>":
        return CaptureError(
            f"{name} was made from text by exec() or eval(), so it has no source",
            "write it as a def in a cell",
        )
    return CaptureError(
        f"the source of the function {name} was not found", "run the cell that defines it again"
    )


def _factory_body(
    snippet: Snippet,
    node: DefinitionNode,
    own: str,
    members: list[DefinitionNode],
    missing: set[str],
) -> str:
    """The definitions as they stand, and the line that returns the wanted one.

    Args:
        own: the variable by which a lambda calls itself.
        members: the wanted definition and those made beside it.
        missing: variables of the function around that no longer exist.
    """
    texts = []
    for member in sorted(members, key=lambda item: item.lineno):
        if isinstance(member, ast.Lambda):
            continue
        reads = {
            n.id for d in member.decorator_list for n in ast.walk(d) if isinstance(n, ast.Name)
        }
        texts.append(snippet.lines(member, decorated=not reads & missing))
    indent = texts[0][: len(texts[0]) - len(texts[0].lstrip())] if texts else "    "
    result = getattr(node, "name", own)
    if isinstance(node, ast.Lambda):
        text = _bracketed(snippet.segment(node))
        texts += [f"{indent}{own} = {text}"] if own else []
        result = own or text
    return "\n".join(["\n\n".join(texts), f"{indent}return {result}"]).lstrip("\n")


def _closure(function: FunctionType) -> Iterator[tuple[str, Any]]:
    cells: tuple[CellType, ...] = function.__closure__ or ()
    for variable, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            yield variable, cell.cell_contents
        except ValueError:  # has no value yet: reading it fails in the notebook as well
            continue


def _outer_names(snippet: Snippet, node: ast.AST) -> Iterator[str]:
    """The variables of the functions and comprehensions around a definition."""
    around = snippet.enclosing[node]
    while around is not None:
        if isinstance(around, _COMPREHENSIONS):
            for generator in around.generators:
                yield from (n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name))
        elif not isinstance(around, ast.ClassDef):
            code = snippet.code_of(around)  # type: ignore[arg-type]
            if code is not None:
                yield from (*code.co_varnames, *code.co_cellvars)
        around = snippet.enclosing[around]


def _bracketed(text: str) -> str:
    return f"({text})" if "\n" in text else text


__all__ = ["Functions", "no_source"]
