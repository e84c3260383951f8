"""The source notebook in a project: what was written, without what must not travel."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat

from nb2service.notebook.cells import Cell, Notebook, Tag
from nb2service.notebook.source import source_notebook


def written(folder: Path) -> Path:
    node = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "k", "display_name": "K"}})
    node.metadata["signature"] = "who ran it"
    node.cells = [
        nbformat.v4.new_markdown_cell("# Title"),
        nbformat.v4.new_code_cell(
            "print(1)", execution_count=7, outputs=[nbformat.v4.new_output("stream", text="1")]
        ),
        nbformat.v4.new_code_cell("token = 'x'", metadata={"tags": ["service-skip"]}),
        nbformat.v4.new_code_cell("# nb2service: skip\nsecret = 'y'"),
        nbformat.v4.new_code_cell("f(1)", metadata={"tags": ["service-example", "mine"]}),
    ]
    nbformat.write(node, folder / "n.ipynb")
    return folder / "n.ipynb"


def test_outputs_and_skipped_cells_stay_behind(tmp_path: Path) -> None:
    data = source_notebook(Notebook(()), written(tmp_path))
    node = nbformat.reads(data.decode(), as_version=4)
    nbformat.validate(node)
    assert [cell.source for cell in node.cells] == ["# Title", "print(1)", "f(1)"]
    assert node.cells[1].outputs == []
    assert node.cells[1].execution_count is None
    assert node.cells[2].metadata.tags == ["service-example", "mine"]
    assert dict(node.metadata) == {"kernelspec": {"name": "k", "display_name": "K"}}


def test_without_a_file_what_was_executed_stands_in(tmp_path: Path) -> None:
    notebook = Notebook((Cell(1, "x = 1"), Cell(2, "y = 2", frozenset({Tag.SKIP})), Cell(3, "z")))
    for file in (None, tmp_path / "gone.ipynb"):
        node = nbformat.reads(source_notebook(notebook, file).decode(), as_version=4)
        assert [cell.source for cell in node.cells] == ["x = 1", "z"]


def test_the_same_notebook_gives_the_same_bytes(tmp_path: Path) -> None:
    path = written(tmp_path)
    first = source_notebook(Notebook(()), path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(content.items()))))
    assert source_notebook(Notebook(()), path) == first
