from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import Config

from nb2service.errors import NotebookError, TagError
from nb2service.notebook.cells import Tag
from nb2service.notebook.live import find_path, read_live, watch


class Kernel(InteractiveShell):
    """A shell whose cells come by execute request, as in ipykernel."""

    request: dict = {}  # noqa: RUF012

    def get_parent(self):
        return self.request

    def execute(self, source, **metadata):
        self.request = {"metadata": metadata}
        assert self.run_cell(source, store_history=True).success


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    config = Config()
    config.HistoryManager.enabled = False
    return Kernel(config=config)


@pytest.fixture
def write(tmp_path):
    def write(*cells, name="book.ipynb"):
        node = new_notebook(cells=[new_markdown_cell("# Churn\n\nWho leaves."), *cells])
        nbformat.write(node, tmp_path / name)
        return tmp_path / name

    return write


def test_cells_are_what_was_executed(shell):
    for source in ("x = 1", "", "  \n", "%load_ext IPython.extensions.storemagic", "x = 2", "x"):
        shell.execute(source)
    shell.run_cell("silent = 1")
    notebook = read_live(shell)
    assert [(c.number, c.source) for c in notebook.cells] == [
        (1, "x = 1"),
        (2, "%load_ext IPython.extensions.storemagic"),
        (3, "x = 2"),
        (4, "x"),
    ]
    assert (notebook.path, notebook.title, notebook.unexecuted) == (None, "", ())


def test_own_magics_are_no_cells_and_do_not_change_the_hash(shell):
    shell.execute("x = 1")
    before = read_live(shell)
    manager = shell.history_manager
    own = ["%load_ext nb2service", "# ship it\n%deploy model --name a", "%reload_ext nb2service"]
    own += ["import nb2service\nnb2service.deploy()"]
    manager.input_hist_raw += own
    after = read_live(shell)
    assert after == before
    manager.input_hist_raw += ["%load_ext nb2service\nx = 2"]
    assert read_live(shell).cells[-1].number == 6
    assert read_live(shell).sha256 != before.sha256


def test_history_falls_back_to_the_namespace():
    class Bare:
        user_ns = {"In": ["", "x = 1"]}  # noqa: RUF012

    assert [c.source for c in read_live(Bare()).cells] == ["x = 1"]


def test_tags_of_directives(shell):
    shell.execute("# nb2service: predict, example\nx = 1")
    assert read_live(shell).cells[0].tags == {Tag.PREDICT, Tag.EXAMPLE}


def test_an_unknown_tag_names_the_cell(shell):
    watch(shell)
    shell.execute("x = 1", tags=["service-modle"])
    with pytest.raises(TagError, match=r"Cell \[1\].*service-modle"):
        read_live(shell)


def test_tags_of_requests_are_remembered_from_watch_on(shell):
    shell.execute("a = 1", tags=["service-model"], cellId="a")
    watch(shell)
    watch(shell)
    shell.execute("b = 1", tags=["service-model", "mine"], cellId="b")
    shell.execute("c = 1", cellId="c")
    shell.execute("d = 1")
    shell.request = {}
    shell.run_cell("e = 1", store_history=True)
    cells = read_live(shell).cells
    assert [(c.id, c.tags) for c in cells] == [
        (None, frozenset()),
        ("b", {Tag.MODEL}),
        ("c", frozenset()),
        (None, frozenset()),
        (None, frozenset()),
    ]


def test_the_file_gives_tags_ids_title_and_what_was_not_run(shell, write):
    path = write(
        new_code_cell("a = 1\n", id="one", metadata={"tags": ["service-model"]}),
        new_code_cell("%deploy", id="two"),
        new_code_cell("never = 1", id="three"),
        new_code_cell("", id="four"),
    )
    shell.execute("a = 1")
    shell.execute("b = 1")
    notebook = read_live(shell, path)
    assert [(c.id, c.tags) for c in notebook.cells] == [("one", {Tag.MODEL}), (None, frozenset())]
    assert (notebook.title, notebook.purpose) == ("Churn", "Who leaves.")
    assert notebook.path == "book.ipynb"
    assert notebook.unexecuted == ("never = 1",)


@pytest.mark.parametrize(
    ("saved", "stands", "ordered"),
    [
        (60, [("a = 2", 2), ("c = 1\n", 4)], True),
        (-60, [("a = 1", 2), ("b = 1", 3), ("c = 1", 4), ("d = 1", 5)], False),
    ],
)
def test_the_notebook_as_it_stands(shell, write, saved, stands, ordered):
    watch(shell)
    shell.execute("a = 0", cellId="one")
    shell.execute("a = 1", cellId="one")
    shell.execute("b = 1", cellId="two")
    shell.execute("c = 1", cellId="three")
    shell.execute("d = 1")
    path = write(new_code_cell("a = 2", id="one"), new_code_cell("c = 1\n", id="three"))
    moved = path.stat().st_mtime + saved
    os.utime(path, (moved, moved))
    notebook = read_live(shell, path)
    assert [(cell.source, cell.number) for cell in notebook.standing] == stands
    assert notebook.ordered == ordered


@pytest.mark.parametrize(
    ("cell", "reached"),
    [
        ("x = 1\n1 / 0\ny = 2", 2),
        ("%%time\nx = 1\n1 / 0\ny = 2", 3),
        ("return 1", 0),
        ("def f():\n    1 / 0\n\nf()", 4),
        ("x = 1", None),
    ],
)
def test_where_a_cell_stopped(shell, cell, reached):
    watch(shell)
    shell.run_cell(cell, store_history=True)
    assert read_live(shell).cells[0].reached == reached


def test_what_stands_below_the_line_that_deploys_has_not_run(shell):
    shell.user_ns["read"] = lambda: found.append(read_live(shell).cells[-1].reached)
    found = []
    shell.execute("x = 1\nread()\nx = 2")
    assert found == [2]
    assert read_live(shell).cells[-1].reached is None


@pytest.mark.parametrize(("saved", "tags"), [(60, {Tag.PREDICT}), (-60, {Tag.MODEL})])
def test_the_younger_of_file_and_request_knows_the_tags(shell, write, saved, tags):
    watch(shell)
    shell.execute("a = 1", tags=["service-model"], cellId="one")
    path = write(new_code_cell("a = 2", id="one", metadata={"tags": ["service-predict"]}))
    moved = path.stat().st_mtime + saved
    os.utime(path, (moved, moved))
    assert read_live(shell, path).cells[0].tags == tags


def test_ids_that_are_not_of_the_file_leave_the_tags_to_it(shell, write):
    watch(shell)
    shell.execute("a = 1", cellId="vscode-notebook-cell:/book.ipynb#W0")
    path = write(new_code_cell("a = 1", metadata={"tags": ["service-model"]}))
    assert read_live(shell, path).cells[0].tags == {Tag.MODEL}


def test_a_broken_file_is_an_error_only_if_it_was_given(shell, tmp_path):
    path = tmp_path / "book.ipynb"
    path.write_text("{")
    shell.user_ns["__session__"] = "book.ipynb"
    shell.execute("x = 1")
    assert len(read_live(shell).cells) == 1
    assert read_live(shell).path is None
    with pytest.raises(NotebookError):
        read_live(shell, path)


PATHS = [  # what the front end says (None: nothing), relative to the root folder
    ("__session__", "book.ipynb", None),
    ("__session__", "sub/deep/book.ipynb", "sub/deep/book.ipynb"),
    ("__session__", "RTC:sub/deep/book.ipynb", "sub/deep/book.ipynb"),
    ("__session__", "{root}/sub/deep/book.ipynb", "sub/deep/book.ipynb"),
    ("__session__", "moved/book.ipynb", "sub/deep/book.ipynb"),
    ("__session__", "sub/deep/renamed.ipynb", None),
    ("__session__", "sub/deep", None),
    ("__session__", 3, None),
    ("__vsc_ipynb_file__", "{root}/sub/deep/book.ipynb", "sub/deep/book.ipynb"),
    ("JPY_SESSION_NAME", "sub/deep/book.ipynb", "sub/deep/book.ipynb"),
]


@pytest.mark.parametrize(("source", "name", "expected"), PATHS)
def test_find_path(shell, tmp_path, monkeypatch, source, name, expected):
    deep = tmp_path / "sub" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    if name != "book.ipynb":
        (deep / "book.ipynb").write_text("{}")
    name = name.format(root=tmp_path) if isinstance(name, str) else name
    if source == "JPY_SESSION_NAME":
        monkeypatch.setenv(source, name)
    else:
        shell.user_ns[source] = name
    assert find_path(shell) == (expected and (tmp_path / expected).resolve())


def test_find_path_after_the_notebook_changed_its_folder(shell, tmp_path, monkeypatch, write):
    path = write()
    shell.user_ns["__session__"] = "books/book.ipynb"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert find_path(shell) == path.resolve()
    assert read_live(shell).path == Path(path).resolve().as_posix()
