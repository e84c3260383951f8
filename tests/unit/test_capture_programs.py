"""Notebooks that nobody wrote: what is captured of them answers as they do in memory."""

from __future__ import annotations

import contextlib
import io
import itertools
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from nb2service.capture.closure.walk import walk
from nb2service.capture.entries.find import EntryRequest
from nb2service.errors import CaptureError
from nb2service.notebook.cells import Cell, Notebook
from nb2service.notebook.statements import parse_statements

PACKAGE = "made_service"
ASKED = (0, 1, 5)
_numbers = itertools.count()

# Names are few, so that definitions meet: rebound, shadowed, read before they are bound anew.
VALUES = ("a", "b", "c")
FUNCTIONS = ("f", "g", "h")
CLASSES = ("A", "B")
TABLES = ("t", "u")


@dataclass
class Program:
    """A notebook in the making: its cells, and what each name is by now.

    Attributes:
        cells: their texts.
        bound: name → kind (``value``, ``function``, ``class``, ``table``).
    """

    cells: list[str] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)

    def names(self, kind: str) -> list[str]:
        return sorted(name for name, found in self.bound.items() if found == kind)


# --- expressions: of numbers, total, never large


def expression(draw: Any, program: Program, local: tuple[str, ...], depth: int = 2) -> str:
    """An integer expression over local names and what the program has bound."""
    leaves = [str(draw(st.integers(0, 9))), *local, *program.names("value")]
    ways = ["leaf", "leaf"]
    if depth > 0:
        ways += ["sum", "lambda", "comprehension", "condition", "walrus", "generator"]
        ways += ["call"] if program.names("function") else []
        ways += ["method", "attribute"] if program.names("class") else []
        ways += ["item"] if program.names("table") else []

    def inner(*more: str) -> str:
        return expression(draw, program, (*local, *more), depth - 1)

    match draw(st.sampled_from(ways)):
        case "sum":
            return f"({inner()} {draw(st.sampled_from('+-'))} {inner()})"
        case "lambda":
            name = draw(st.sampled_from(("k", *VALUES)))
            return f"(lambda {name}, d={inner()}: {inner(name, 'd')})({inner()})"
        case "comprehension":
            name = draw(st.sampled_from(("i", *VALUES)))
            return f"sum([{inner(name)} for {name} in range({draw(st.integers(0, 3))})])"
        case "generator":
            return f"max((j + {inner('j')} for j in (1, 2) if j < {inner()} or True), default=0)"
        case "condition":
            return f"({inner()} if {inner()} > {inner()} else {inner()})"
        case "walrus":
            # In brackets of a function of its own, as it would bind a name of the notebook.
            return f"(lambda: ((w := {inner()}), w + {inner('w')})[1])()"
        case "call":
            return f"{draw(st.sampled_from(program.names('function')))}({inner()})"
        case "method":
            return f"{draw(st.sampled_from(program.names('class')))}({inner()}).go({inner()})"
        case "attribute":
            return f"{draw(st.sampled_from(program.names('class')))}.rate"
        case "item":
            table = draw(st.sampled_from(program.names("table")))
            return f"{table}[{draw(st.integers(0, 1))}]"
    return draw(st.sampled_from(leaves))


# --- statements


def assign(draw: Any, program: Program) -> str:
    name = draw(st.sampled_from(VALUES))
    text = f"{name} = {expression(draw, program, ())}"
    program.bound[name] = "value"
    return text


def augment(draw: Any, program: Program) -> str:
    if not program.names("value"):
        return assign(draw, program)
    return f"{draw(st.sampled_from(program.names('value')))} += {expression(draw, program, ())}"


def table(draw: Any, program: Program) -> str:
    name = draw(st.sampled_from(TABLES))
    items = [expression(draw, program, ()) for _ in range(2)]
    program.bound[name] = "table"
    return f"{name} = [{', '.join(items)}]"


def mutate(draw: Any, program: Program) -> str:
    if not program.names("table"):
        return table(draw, program)
    name = draw(st.sampled_from(program.names("table")))
    value = expression(draw, program, ())
    return draw(st.sampled_from([f"{name}[0] = {value}", f"{name}.append({value})"]))


def alias(draw: Any, program: Program) -> str:
    kind = draw(st.sampled_from(["table", "function", "class"]))
    targets = {"table": TABLES, "function": FUNCTIONS, "class": CLASSES}[kind]
    if not program.names(kind):
        return table(draw, program)
    name, source = draw(st.sampled_from(targets)), draw(st.sampled_from(program.names(kind)))
    program.bound[name] = kind
    return f"{name} = {source}"


def function(draw: Any, program: Program) -> str:
    name = draw(st.sampled_from(FUNCTIONS))
    default = expression(draw, program, (), 1)
    # It does not call itself nor what calls it: everything ends.
    others = Program([], {k: v for k, v in program.bound.items() if v != "function"})
    callees = [f for f in program.names("function") if f < name]
    others.bound |= dict.fromkeys(callees, "function")
    local = ("x", "d")
    form = draw(st.sampled_from(["plain", "inner", "loop", "lambda", "decorated", "nonlocal"]))
    body = expression(draw, others, local)
    second = expression(draw, others, (*local, "y"))
    program.bound[name] = "function"
    match form:
        case "plain":
            return f"def {name}(x, d={default}):\n    y = {body}\n    return {second}"
        case "inner":
            return (
                f"def {name}(x, d={default}):\n    def y(n={body}):\n        return n\n"
                f"    y = y()\n    return {second}"
            )
        case "loop":
            return (
                f"def {name}(x, *, d={default}):\n    for y in range(2):\n        d += {body}\n"
                f"    return {second}"
            )
        case "lambda":
            return f"{name} = lambda x, d={default}: {body}"
        case "nonlocal":
            return (
                f"def {name}(x, d={default}):\n    y = {body}\n    def more():\n"
                f"        nonlocal y\n        y += 1\n        return y\n    more()\n"
                f"    return {second}"
            )
    return (
        f"def decorated_{name}(k, m={default}):\n    def apply(inner):\n"
        f"        def run(x):\n            return inner(x) + k + m\n        return run\n"
        f"    return apply\n@decorated_{name}({default})\n"
        f"def {name}(x, d={default}):\n    y = {body}\n    return {second}"
    )


def closure(draw: Any, program: Program) -> str:
    name = draw(st.sampled_from(FUNCTIONS))
    others = Program([], {k: v for k, v in program.bound.items() if v != "function"})
    body = expression(draw, others, ("x", "n", "m"))
    first, second = expression(draw, program, (), 1), expression(draw, program, (), 1)
    keyword = draw(st.sampled_from(["return lambda x:", "def inner(x):\n        return"]))
    ending = "" if keyword.startswith("return") else "\n    return inner"
    program.bound[name] = "function"
    return (
        f"def make_{name}(n, m={second}):\n    {keyword} {body}{ending}\n"
        f"{name} = make_{name}({first})"
    )


def listed_functions(draw: Any, program: Program) -> str:
    name = draw(st.sampled_from(FUNCTIONS))
    others = Program([], {k: v for k, v in program.bound.items() if v != "function"})
    body = expression(draw, others, ("x", "i"))
    program.bound[name] = "function"
    form = draw(st.sampled_from(["lambda x, i=i:", "(lambda i: lambda x:"]))
    end = ")(i)" if form.startswith("(") else ""
    return (
        f"many_{name} = [{form} {body}{end} for i in range(2)]\n"
        f"def {name}(x):\n    return sum(one(x) for one in many_{name})"
    )


def definition_of_class(draw: Any, program: Program) -> str:
    name = draw(st.sampled_from(CLASSES))
    others = Program([], {k: v for k, v in program.bound.items() if v not in ("class", "function")})
    rate = expression(draw, others, (), 1)
    body = expression(draw, others, ("x", "self.n", "self.rate"))
    bases = [c for c in program.names("class") if c < name]
    base = f"({draw(st.sampled_from(bases))})" if bases and draw(st.booleans()) else ""
    program.bound[name] = "class"
    go = "super().go(x)" if base and draw(st.booleans()) else body
    return (
        f"class {name}{base}:\n    rate = {rate}\n    rows = [rate for rate in range(2)]\n"
        f"    def __init__(self, n):\n        self.n = n\n"
        f"    def go(self, x):\n        return {go} + self.extra\n"
        f"    @property\n    def extra(self):\n        return len(self.rows)"
    )


def patch(draw: Any, program: Program) -> str:
    if not program.names("class"):
        return definition_of_class(draw, program)
    name = draw(st.sampled_from(program.names("class")))
    others = Program([], {k: v for k, v in program.bound.items() if v not in ("class", "function")})
    value = expression(draw, others, (), 1)
    body = expression(draw, others, ("x", "self.n"))
    return draw(st.sampled_from([f"{name}.rate = {value}", f"{name}.go = lambda self, x: {body}"]))


def instance(draw: Any, program: Program) -> str:
    if not program.names("class"):
        return definition_of_class(draw, program)
    cls = draw(st.sampled_from(program.names("class")))
    name = draw(st.sampled_from(FUNCTIONS))
    program.bound[name] = "function"
    return f"o_{name} = {cls}({expression(draw, program, (), 1)})\n{name} = o_{name}.go"


def block(draw: Any, program: Program) -> str:
    """A name bound within a statement: a loop, a condition, a try, a with."""
    name = draw(st.sampled_from(VALUES))
    value, other = expression(draw, program, (), 1), expression(draw, program, (), 1)
    program.bound[name] = "value"
    return draw(
        st.sampled_from(
            [
                f"for {name} in range(1, 3):\n    {name} += {value}",
                f"if {value} > {other}:\n    {name} = 1\nelse:\n    {name} = {other}",
                f"try:\n    {name} = {value} // 0\nexcept ZeroDivisionError as e:\n"
                f"    {name} = {other}",
                f"print({name} := {value})",
                f"({name}, *rest), last = ({value}, 2, 3), 4",
            ]
        )
    )


STATEMENTS: list[Callable[[Any, Program], str]] = [
    assign, augment, table, mutate, alias, function, function, closure, listed_functions,
    definition_of_class, patch, instance, block,
]  # fmt: skip


@st.composite
def programs(draw: Any) -> list[str]:
    """The cells of a notebook whose last one defines ``predict(x)``."""
    program = Program()
    for _ in range(draw(st.integers(2, 9))):
        lines = [draw(st.sampled_from(STATEMENTS))(draw, program)]
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(STATEMENTS))(draw, program))
        program.cells.append("\n".join(lines))
    if program.cells and draw(st.booleans()):  # a cell is run again
        program.cells.append(draw(st.sampled_from(program.cells)))
    body = expression(draw, program, ("x",), 3)
    entry = f"def predict(x):\n    return {body}"
    place = draw(st.integers(0, len(program.cells)))  # a caller may stand before what it calls
    return [*program.cells[:place], entry, *program.cells[place:]]


# --- the notebook, and the module that is made of it


def run(cells: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any] | None:
    """What a kernel's namespace is after the cells; None where one fails: that is no notebook."""
    main = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in cells:
            try:
                exec(compile(cell, f"<cell {next(_numbers)}>", "exec"), vars(main))
            except (NameError, TypeError, AttributeError, RecursionError):
                return None
    return vars(main)


def answers(predict: Callable[[int], Any]) -> Iterator[str]:
    for x in ASKED:
        try:
            yield repr(predict(x))
        except Exception as error:  # the same failure is the same answer
            yield type(error).__name__


def captured(
    cells: list[str], namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The namespace of the ``notebook.py`` that is made of the cells."""
    notebook = Notebook(tuple(Cell(n, text) for n, text in enumerate(cells, 1)))
    statements = parse_statements(notebook.cells, lambda text: text)
    request = EntryRequest(
        "predict", "predict", "", namespace["predict"], "predict", {}, "", len(cells)
    )
    closure = walk([request], namespace, notebook, statements, PACKAGE)
    module = types.ModuleType(f"{PACKAGE}.notebook")
    monkeypatch.setitem(sys.modules, PACKAGE, types.ModuleType(PACKAGE))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    saved = {item.name: item.data for item in closure.artifacts}
    assert {item.format for item in closure.artifacts} <= {"pickle"}
    vars(module)["load"] = lambda name: pickle.loads(saved[name])
    text = "\n\n".join(part.source for part in closure.parts)
    note(text)
    exec(compile(text, "<notebook.py>", "exec"), vars(module))
    return vars(module)


@settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(cells=programs())
def test_a_captured_program_answers_as_in_memory(cells: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        namespace = run(cells, monkeypatch)
        if namespace is None:
            event("fails by itself")
            return
        note("\n# ---\n".join(cells))
        expected = list(answers(namespace["predict"]))
        try:
            made = captured(cells, namespace, monkeypatch)
        except CaptureError as error:
            event(f"refused: {error.message[-60:]}")
            return
        event("served")
        assert list(answers(made["predict"])) == expected
