import ast
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest

from nb2service.capture.model import Part
from nb2service.project.notebook_module import render_notebook, render_notebook_tests


@pytest.fixture
def made(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "generated")
    import captures

    return captures.shout()


def code(source, cell=1, kind="code", note="", names=()):
    return Part(kind, names, source, cell, note)


def body(text):
    """The module without its docstring."""
    return text.split('"""\n', 1)[1].lstrip("\n")


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([code("x = 1")], "# --- cell [1] ---\nx = 1\n"),
        (
            [code("import a"), code("import b"), code("x = a", 2)],
            "# --- cell [1] ---\nimport a\nimport b\n\n\n# --- cell [2] ---\nx = a\n",
        ),
        (
            [code("x = 1"), code("def f():\n    pass"), code("y = 2")],
            "# --- cell [1] ---\nx = 1\n\n\ndef f():\n    pass\n\n\ny = 2\n",
        ),
        (
            [code("x = 1", None, note="the value\nof x")],
            "# --- added by nb2service ---\n# the value of x\nx = 1\n",
        ),
        (
            [code("x = 1", 3), code("from __future__ import annotations", 5), code("y = 2", 3)],
            "# --- cell [5] ---\nfrom __future__ import annotations\n\n\n"
            "# --- cell [3] ---\nx = 1\ny = 2\n",
        ),
        (
            [code('m = load("m")', 2, "artifact", names=("m",))],
            'from .store import load\n\n\n# --- cell [2] ---\nm = load("m")\n',
        ),
        (
            [
                code("def load(): return load_artifact", 1, names=("load", "load_artifact")),
                code('load2 = load("load2")', 2, "artifact", names=("load2",)),
            ],
            "from .store import load as load_artifact_\n\n\n# --- cell [1] ---\n"
            "def load(): return load_artifact\n\n\n"
            '# --- cell [2] ---\nload2 = load_artifact_("load2")\n',
        ),
        ([], ""),
    ],
)
def test_parts_are_joined(made, parts, text):
    whole = render_notebook(replace(made, parts=tuple(parts)))
    assert body(whole) == text
    compile(whole, "notebook.py", "exec")


@pytest.mark.parametrize(
    "name", ['a"b.ipynb', '""".ipynb', "a\\", "line\nbreak.ipynb", "\ud800", None]
)
def test_the_docstring_holds_any_name(made, name):
    text = render_notebook(replace(made, provenance=replace(made.provenance, notebook=name)))
    tree = ast.parse(text.encode("utf-8", "replace"))
    assert ast.get_docstring(tree).startswith("The code of ")
    assert [type(node) for node in tree.body] == [ast.Expr, ast.FunctionDef]


def load_tests_of(text):
    """The test functions of the module, their imports taken from ``fake_notebook``."""
    text = text.replace("from shout_service.notebook import", "from fake_notebook import")
    scope = {}
    exec(compile(text, "test_notebook.py", "exec"), scope)
    return {name: test for name, test in scope.items() if name.startswith("test_")}


def test_asserts_become_tests_of_their_cells(made, monkeypatch):
    fake = types.ModuleType("fake_notebook")
    fake.shout = str.upper
    monkeypatch.setitem(sys.modules, "fake_notebook", fake)
    cells = (
        code('text = """a\n  b"""\n\nassert shout(text) == "A\\n  B"', 7),
        code("shout = shout\nassert [shout(x) for x in 'ab'] == ['A', 'B']", 8),
        code("import asyncio\nassert await asyncio.sleep(0, 'late') == 'early'", 9),
        code("# only a remark", 10),
        code("assert shout('a') == 'a'", 11),
    )
    tests = load_tests_of(render_notebook_tests(replace(made, tests=cells)))
    assert list(tests) == ["test_cell_7", "test_cell_8", "test_cell_9", "test_cell_11"]
    tests["test_cell_7"]()
    tests["test_cell_8"]()
    for failing in ("test_cell_9", "test_cell_11"):
        with pytest.raises(AssertionError):
            tests[failing]()


def test_no_test_cells_make_no_file(made):
    assert render_notebook_tests(made) == ""
    assert render_notebook_tests(replace(made, tests=(code("# nothing"),))) == ""
