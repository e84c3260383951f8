from __future__ import annotations

import textwrap
from typing import Any

import pytest

from nb2service.capture.closure.literals import same_value, word_value
from nb2service.capture.closure.result import Closure
from nb2service.capture.closure.walk import walk
from nb2service.capture.entries.find import EntryRequest
from nb2service.capture.model import Part
from nb2service.errors import CaptureError
from nb2service.notebook.cells import Cell, Notebook, read_tags
from nb2service.notebook.statements import parse_statements


def capture(
    text: str, entry: str = "predict", method: str = "", bind: dict[str, str] | None = None,
    extra: dict[str, str] | None = None, expression: str = "",
) -> Closure:  # fmt: skip
    """Run cells separated by ``---`` in a plain namespace, and walk from an entry."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    cells = []
    for number, raw in enumerate(textwrap.dedent(text).strip("\n").split("\n---\n"), 1):
        source = raw.strip("\n")
        exec(compile(source, f"<cell {number}>", "exec", dont_inherit=True), namespace)
        cells.append(Cell(number, source, read_tags((), source, number)))
    notebook = Notebook(tuple(cells))
    statements = parse_statements(notebook.cells, str)
    value = eval(expression or entry, namespace)
    request = EntryRequest(
        method or entry, entry, method, value, expression or entry, bind or {}, "", None
    )
    return walk([request], namespace, notebook, statements, "made_service", extra)


def source(closure: Closure) -> str:
    return "\n".join(part.source for part in closure.parts)


def part(closure: Closure, name: str) -> Part:
    return next(part for part in closure.parts if name in part.names)


# --- imports

IMPORTS = [
    ("import json", "json", "import json"),
    ("import json as j", "j", "import json as j"),
    ("import os.path", "os.path", "import os.path"),
    ("import os.path as p", "p", "import os.path as p"),
    ("import json, csv", "csv", "import csv"),
    ("from math import pi, e", "pi", "from math import pi"),
    ("from math import pi, e as base", "base", "from math import e as base"),
    ("from math import *", "tau", "from math import tau"),
    ("from os import path", "path", "from os import path"),
    ("import math\nm = math", "m", "import math as m"),
    ("import math\nroot = math.sqrt", "root", "root = math.sqrt"),
    ("import math\nd = {1: math.sqrt}\nroot = d[1]", "root", "from math import sqrt as root"),
    ("try:\n    import none_such as n\nexcept ImportError:\n    import json as n", "n",
     "import json as n"),
    ("# what for\nimport json", "json", "# what for\nimport json"),
    ("import json\nimport csv as json", "json", "import csv as json"),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "read", "expected"), IMPORTS)
def test_an_import_travels_as_far_as_it_is_needed(cell: str, read: str, expected: str) -> None:
    closure = capture(f"{cell}\n---\ndef predict(x):\n    return {read}")
    imports = [part.source for part in closure.parts if "predict" not in part.names]
    assert imports[-1] == expected
    assert len(imports) == (2 if expected.startswith("root = ") else 1)


def test_a_statement_of_which_all_is_needed_stays_as_it_is() -> None:
    closure = capture("from math import (pi,\n    e)  # both\ndef predict(x): return pi + e")
    assert closure.parts[0].source == "from math import (pi,\n    e)  # both"
    assert closure.parts[0].names == ("e", "pi")


def test_submodules_used_as_attributes_are_imported() -> None:
    closure = capture("""
        import xml
        import xml.dom.minidom
        import concurrent
        import concurrent.futures as _hidden
        def predict(x):
            return xml.dom.minidom.parseString, concurrent.futures.Future
        """)
    assert "import xml.dom.minidom" in source(closure)
    assert "import concurrent.futures" in source(closure)


def test_modules_say_why_they_are_needed() -> None:
    closure = capture("""
        import json
        ---
        def helper(x):
            import csv
            from os import path
            return csv, path
        ---
        import datetime
        born = [datetime.date(2000, 1, n) for n in (1, 2)]
        def predict(x):
            return json, helper(x), born
        """)
    assert closure.modules == {
        "csv": "imported by helper, cell [2]",
        "datetime": "born (artifact) refers to it",
        "json": "imported by cell [1]",
        "os": "imported by helper, cell [2]",
        "os.path": "imported by helper, cell [2]",
    }


# --- values

VALUES = [
    ("K = 5", "K = 5"),
    ("K = 5  # why", "K = 5  # why"),
    ("# above\nK = 5", "# above\nK = 5"),
    ("K: float = 0.5", "K: float = 0.5"),
    ("K = 2 * 3 + 1", "K = 2 * 3 + 1"),
    ("K = 5\nK += 1", "K = 6"),
    ("K = 5\nK = K * 2", "K = 10"),
    ("K = ['a']\nK.append('b')", "K = ['a', 'b']"),
    ("K = list('ab')", "K = ['a', 'b']"),
    ("K = {'b': 1, 'a': 2}", "K = {'b': 1, 'a': 2}"),
    ("K = {3, 1, 2}", "K = {3, 1, 2}"),
    ("K = set('ba')", "K = {'a', 'b'}"),
    ("K = float('nan')", 'K = float("nan")'),
    ("J, K = 1, 2", "K = 2"),
    ("if True:\n    K = 1\nelse:\n    K = 2", "K = 1"),
    ("for K in range(3):\n    pass", "K = 2"),
    ("(K := 4)", "K = 4"),
    ("K = None", "K = None"),
    ("K = True\nK = 1", "K = 1"),
    ("K = 1\nL = K\ndel L", "K = 1"),
    ("K = (lambda x: x)", "K = (lambda x: x)"),
    ("import re\nK = re.compile('a+', re.I)", "K = re.compile('a+', re.I)"),
    ("K = [1] * 2", "K = [1] * 2"),
    ("J = 1\nK = J + 1", "K = J + 1"),
    ("J = 1\nK = J + 1\nJ = K - 1", "K = 2"),
    ("J = [1]\nK = J", "K = [1]"),
    ("K = range(3)", "K = range(3)"),
    ("K = [[]] * 2", "K = [[]] * 2"),
    ("K = [[]]\nK.append(K[0])", 'K = load("K")'),
    ("K = bytearray(b'x')", 'K = load("K")'),
    ("K = list(range(5000))", 'K = load("K")'),
]


@pytest.mark.parametrize(("cell", "expected"), VALUES)
def test_a_value_travels_as_it_is_in_memory(cell: str, expected: str) -> None:
    closure = capture(f"{cell}\n---\ndef predict(x):\n    return K")
    found = part(closure, "K")
    assert found.source == expected
    verbatim = expected in cell or cell.startswith("J, K")
    assert (found.cell == 1) == (verbatim or found.kind == "artifact")
    assert bool(found.note) == (found.cell is None)


PLAIN = [
    0, -0.0, 1.5, True, None, "a\n'\"", b"\x00", 2j, ..., (), (1,), [1, (2,)], {}, {1: {2}}, set(),
    frozenset({1}), float("inf"), [float("-inf")], "x" * 500, list(range(100)),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_worded_values_read_back_the_same(value: Any) -> None:
    text = word_value(value)
    assert text is not None
    assert same_value(eval(text), value)


@pytest.mark.parametrize("value", [object(), [object()], 1.0j * float("inf"), "x" * 5000, {1: int}])
def test_other_values_are_not_worded(value: Any) -> None:
    assert word_value(value) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, True), (1, 1.0), (0.0, -0.0), ([1], (1,)), ({1: 2, 3: 4}, {3: 4, 1: 2}), ({1}, {True})],
)
def test_equal_is_not_the_same(left: Any, right: Any) -> None:
    assert not same_value(left, right)


def test_names_that_differ_by_case_get_files_of_their_own() -> None:
    closure = capture("""
        Model = bytearray(b"a")
        model = bytearray(b"b")
        MODEL = bytearray(b"c")
        def predict(x):
            return Model, model, MODEL
        """)
    files = [artifact.file for artifact in closure.artifacts]
    assert len({file.lower() for file in files}) == 3


# --- chains, ship list, warnings


def test_the_ship_list_shows_how_each_thing_is_reached() -> None:
    closure = capture("""
        vocabulary = {"words": bytearray(b"a")}
        ---
        def helper(x):
            return vocabulary
        ---
        def predict(x):
            return helper(x)
        """)
    rows = {item.name: (item.kind, item.cell, item.why) for item in closure.ship_list}
    assert rows == {
        "predict": ("entry", 3, ("predict",)),
        "helper": ("function", 2, ("predict", "helper")),
        "vocabulary": ("artifact", 1, ("predict", "helper", "vocabulary")),
    }
    assert [item.size for item in closure.ship_list if item.kind == "artifact"] == [
        len(closure.artifacts[0].data)
    ]


def test_a_method_of_a_model_reached_by_an_expression() -> None:
    closure = capture(
        'models = {"rf": bytearray(b"m"), "big": bytearray(b"n")}',
        entry="models_rf", method="decode", expression='models["rf"]',
    )  # fmt: skip
    assert [part.source for part in closure.parts] == ['models_rf = load("models_rf")']
    assert [(item.name, item.kind) for item in closure.ship_list] == [("models_rf", "artifact")]


def test_bound_parameters_and_extra_names_travel() -> None:
    text = """
        vectorizer = bytearray(b"v")
        class Item:
            pass
        def predict(x, dv):
            return dv
        """
    closure = capture(
        text,
        bind={"dv": "vectorizer"},
        extra={"Item": "contract", "len": "contract", "nowhere": "service-test"},
    )
    assert {name for part in closure.parts for name in part.names} == {
        "vectorizer", "Item", "predict",
    }  # fmt: skip
    assert {item.name: item.why for item in closure.ship_list}["Item"] == ("contract", "Item")


def test_a_name_that_is_nowhere_is_a_warning_with_its_chain() -> None:
    closure = capture("def helper(x): return lost\n---\ndef predict(x): return helper(x)")
    assert [(w.message.split(":")[0], w.cell) for w in closure.warnings] == [
        ("predict → helper → lost", 1)
    ]


def test_a_function_put_back_by_the_notebook_itself_is_no_surprise() -> None:
    closure = capture("""
        def helper(x):
            return 1
        keep = helper
        ---
        def helper(x):
            return 2
        helper = keep
        ---
        def predict(x):
            return helper(x)
        """)
    assert "return 1" in source(closure)
    assert "return 2" not in source(closure)
    assert not closure.warnings


def test_the_live_function_ships_when_the_last_definition_is_another() -> None:
    text = """
        def helper(x):
            return 1
        first = helper
        ---
        def helper(x):
            return 2
        ---
        globals()["helper"] = first
        def predict(x):
            return helper(x)
        """
    closure = capture(text)
    assert "return 1" in source(closure)
    assert "return 2" not in source(closure)
    assert [warning.cell for warning in closure.warnings] == [2]


def test_what_is_looked_up_by_text_is_a_warning() -> None:
    closure = capture("def predict(x): return eval(x)")
    assert "eval()" in closure.warnings[0].message


# --- order


def test_what_is_needed_at_once_comes_first() -> None:
    closure = capture("""
        def late(x):
            return early(x)
        def early(x):
            return K
        K = 3
        def deco(f):
            early(1)
            return lambda x: f(x)
        @deco
        def predict(x):
            return late(x)
        """)
    order = [part.names[0] for part in closure.parts]
    assert order.index("K") < order.index("predict")
    assert order.index("early") < order.index("predict")
    assert order.index("deco") < order.index("predict")
    exec(source(closure), {})


def test_definitions_that_need_each_other_to_run_are_refused() -> None:
    with pytest.raises(CaptureError, match=r"need each other to run: A → B → A"):
        capture("""
            class A:
                pass
            class B(A):
                pass
            class A(B):
                pass
            class B(A):
                pass
            b = B
            class A:
                b = B
            class B(A):
                pass
            A.__bases__
            def predict(x):
                return A, B
            """)


# --- tags

SETUP = """
    # nb2service: setup
    import sqlite3
    conn = sqlite3.connect(":memory:")
    conn.execute(f"create table {table} (a)").connection.close()
    """


def test_setup_statements_run_at_start_and_are_not_saved() -> None:
    cells = ['table = "t"', textwrap.dedent(SETUP).strip(), "db = conn\ndef predict(x): return db"]
    closure = capture("\n---\n".join(cells))
    kinds = [(part.kind, part.names) for part in closure.parts]
    assert kinds == [
        ("code", ("table",)),
        ("setup", ("sqlite3",)),
        ("setup", ("conn",)),
        ("setup", ()),
        ("code", ("db",)),
        ("code", ("predict",)),
    ]
    assert not closure.artifacts
    assert part(closure, "db").source == "db = conn"
    assert closure.modules == {"sqlite3": "imported by cell [2]"}


def test_of_a_setup_cell_that_ran_twice_the_last_run_counts() -> None:
    cell = "# nb2service: setup\nstate = [0]"
    edited = "# nb2service: setup\nstate = [1]"
    for cells in ([cell, cell], [cell, edited]):
        closure = capture("\n---\n".join([*cells, "def predict(x): return state"]))
        setup = [(part.source, part.cell) for part in closure.parts if part.kind == "setup"]
        assert setup == [(cells[1].split("\n")[1], 2)]


REFUSED = [
    ("a connection", """
        import sqlite3
        conn = sqlite3.connect(":memory:")
        conn.close()
        def helper(x): return conn
        ---
        def predict(x): return helper(x)
        """, "predict → helper → conn: a sqlite3.Connection cannot be saved", "service-setup", 1),
    ("deep inside an object", """
        import threading
        class Box: pass
        box = Box()
        box.parts = {"a": [1, threading.Lock()]}
        def predict(x): return box
        """, "predict → box.parts['a'][1]: a _thread.lock cannot be saved", "service-setup", 1),
    ("a generator", "g = (i for i in [1])\ndef predict(x): return g",
     "predict → g: a generator cannot be saved", "list", 1),
    ("a module within a value", "import json\nd = {}\nd['j'] = json\ndef predict(x): return d",
     "predict → d['j']: the module json inside an object cannot be saved", "import it", 1),
    ("a name of a skipped cell", """
        # nb2service: skip
        secret = 1
        ---
        def predict(x): return secret
        """, "predict → secret: it is needed by cell [2], but cell [1] is tagged", "tag", 1),
    ("a class within a function", """
        def make():
            class A: pass
            return A()
        a = make()
        def predict(x): return a
        """, "predict → a: its class make.<locals>.A is defined inside a function", "top level", 1),
    ("a magic in a function", "def predict(x): return get_ipython().system('ls')",
     "predict: it uses an IPython magic", "Python function", 1),
    ("state shared by two closures", """
        def make():
            n = 0
            def inc():
                nonlocal n
                n += 1
            def get(): return n
            return inc, get
        inc, get = make()
        def predict(x): return inc(), get()
        """, "shares the changing variable 'n' with", "class", 1),
    ("a function without source", "exec('def f(x): return x')\ndef predict(x): return f(x)",
     "predict → f: f was made from text by exec() or eval()", "write it as a def", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message", "hint", "cell"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_what_cannot_travel_is_refused(text: str, message: str, hint: str, cell: int) -> None:
    full = text if "get_ipython" not in text else f"get_ipython = None\n{text}"
    with pytest.raises(CaptureError) as caught:
        capture(full)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.cell == cell


def test_the_same_state_gives_the_same_capture() -> None:
    text = """
        words = {"b", "a", "c"}
        box = [bytearray(b"x"), {"z", "y"}]
        f = [lambda x, i=i: x * i for i in range(2)]
        def predict(x):
            return words, box, f
        """
    one, two = capture(text), capture(text)
    assert one == two
