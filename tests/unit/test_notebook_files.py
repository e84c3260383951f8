from __future__ import annotations

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nb2service.errors import NotebookError
from nb2service.notebook.files import insert_parameters, parameter_value, read_notebook

PYTHON = {"kernelspec": {"name": "py-churn", "display_name": "P", "language": "python"}}


@pytest.fixture
def write(tmp_path):
    def write(cells, metadata=PYTHON):
        path = tmp_path / "book.ipynb"
        nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
        return path

    return write


def test_code_cells_with_tags_and_ids(write):
    cell = new_code_cell("x = 1", metadata={"tags": ["service-model", "mine"]}, id="abc")
    file = read_notebook(write([new_markdown_cell("text"), cell, new_code_cell("y = 2")]))
    assert [(c.source, c.tags) for c in file.cells] == [
        ("x = 1", ("service-model", "mine")),
        ("y = 2", ()),
    ]
    assert file.cells[0].id == "abc"
    assert (file.kernel_name, file.language) == ("py-churn", "python")


MARKDOWN = [
    (["# Churn\n\nWho leaves, and when."], "Churn", "Who leaves, and when."),
    (["intro\n\n## Churn of *clients* ##\nWho\nleaves.\n\nMore"], "Churn of clients",
     "Who leaves."),
    (["Churn\n=====\nWho leaves."], "Churn", "Who leaves."),
    (["<h1 align='center'>Churn</h1>\n\n![badge](u)\n\n---\n\nWho `leaves`."], "Churn",
     "Who leaves."),
    (["# [Churn](http://x)", "See **this** [page](u)."], "Churn", "See this page."),
    (["# Churn\n## Data\nWho leaves."], "Churn", "Who leaves."),
    (["# Churn"], "Churn", ""),
    (["no heading", "# second cell"], "", ""),
    ([], "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "title", "purpose"), MARKDOWN)
def test_title_and_purpose(write, cells, title, purpose):
    book = [new_code_cell("x = 1"), *map(new_markdown_cell, cells), new_code_cell("y = 2")]
    file = read_notebook(write([*book, new_markdown_cell("# later")] if cells else book))
    assert (file.title, file.purpose) == (title, purpose)


def test_texts_may_be_lists_of_lines(tmp_path):
    path = tmp_path / "lines.ipynb"
    output = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Lines\n", "Many."]},
        {"cell_type": "code", "metadata": {}, "source": ["x = 1\n", "y = 2"],
         "outputs": [output], "execution_count": 1},
    ]  # fmt: skip
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
    )
    file = read_notebook(path)
    assert [cell.source for cell in file.cells] == ["x = 1\ny = 2"]
    assert (file.title, file.purpose) == ("Lines", "Many.")
    assert file.node.cells[1].outputs[0].text == "1\n2\n"


def test_version_3_is_upgraded(tmp_path):
    path = tmp_path / "old.ipynb"
    cells = [
        {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["Old"]},
        {"cell_type": "code", "language": "python", "metadata": {"tags": ["t"]}, "outputs": [],
         "collapsed": False, "input": ["x = 1\n", "y = 2"]},
    ]  # fmt: skip
    path.write_text(
        json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
                    "worksheets": [{"cells": cells, "metadata": {}}]})
    )  # fmt: skip
    file = read_notebook(path)
    assert [(c.source, c.tags) for c in file.cells] == [("x = 1\ny = 2", ("t",))]
    assert (file.title, file.node.nbformat) == ("Old", 4)


NOT_NOTEBOOKS = [
    ("x = 1", "it is not JSON", "nb.ipynb"),
    ("x = 1", "jupytext --to ipynb", "nb.py"),
    ("{}", "JSON of another kind", "nb.ipynb"),
    ("[1]", "JSON of another kind", "nb.ipynb"),
    ('{"nbformat": 4, "nbformat_minor": 5, "cells": [{}]}', "another kind", "nb.ipynb"),
    ('{"nbformat": 4, "nbformat_minor": 5, "cells": 3}', "another kind", "nb.ipynb"),
    ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "another kind", "nb.ipynb"),
    ("\udcff", "it is not text", "nb.ipynb"),
]


@pytest.mark.parametrize(("text", "message", "name"), NOT_NOTEBOOKS)
def test_what_is_no_notebook_is_refused(tmp_path, text, message, name):
    path = tmp_path / name
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(NotebookError, match=message) as caught:
        read_notebook(path)
    assert caught.value.hint


def test_missing_file_folder_and_other_language_are_refused(write, tmp_path):
    with pytest.raises(NotebookError, match="there is no file"):
        read_notebook(tmp_path / "none.ipynb")
    with pytest.raises(NotebookError, match="cannot be read"):
        read_notebook(tmp_path)
    with pytest.raises(NotebookError, match="notebook in R"):
        read_notebook(write([], {"language_info": {"name": "R"}}))


@pytest.mark.parametrize(
    ("text", "value"),
    [("True", True), ("False", False), ("None", None), ("3", 3), ("-0.5", -0.5), ("1e3", 1000.0),
     ("abc", "abc"), ("true", "true"), ("", "")],
)  # fmt: skip
def test_parameter_values(text, value):
    assert parameter_value(text) == value
    assert type(parameter_value(text)) is type(value)


def test_parameters_follow_the_tagged_cell():
    tagged = new_code_cell("n = 1", metadata={"tags": ["parameters"]})
    node = new_notebook(cells=[new_markdown_cell("# T"), tagged, new_code_cell("n")])
    values = {"n": 3, "text": "a'b\n", "rate": float("inf"), "flag": True, "no": None}
    made = insert_parameters(node, values)
    assert [cell.metadata.get("tags") for cell in made.cells] == [
        None, ["parameters"], ["injected-parameters"], None,
    ]  # fmt: skip
    namespace: dict[str, object] = {}
    exec(made.cells[2].source, namespace)
    assert {name: namespace[name] for name in values} == values
    nbformat.validate(made)
    assert len(node.cells) == 3

    again = insert_parameters(made, {"n": 4})
    assert [cell.source for cell in again.cells][2:] == ["# Parameters\nn = 4", "n"]


def test_parameters_without_a_tagged_cell_stand_at_the_top():
    node = new_notebook(cells=[new_code_cell("n")])
    node.nbformat_minor = 4
    del node.cells[0]["id"]
    made = insert_parameters(node, {"n": 1})
    assert [cell.source for cell in made.cells] == ["# Parameters\nn = 1", "n"]
    nbformat.validate(made)


def test_a_parameter_must_be_a_name():
    with pytest.raises(NotebookError, match="'a-b' is no Python name"):
        insert_parameters(new_notebook(), {"a-b": 1})
