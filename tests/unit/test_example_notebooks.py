"""The example notebooks are documentation: stripped, explained, and in order.

That each runs and becomes a service is tested where kernels are.
"""

import ast
from pathlib import Path

import nbformat
import pytest

from nb2service.notebook.cells import read_tags

FOLDER = Path(__file__).parents[2] / "example_notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, nbformat.NO_CONVERT)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_examples_are_there():
    assert {"iris", "churn", "reviews", "house_prices", "loan", "bike_demand", "nlp_service"} <= {
        path.stem for path in NOTEBOOKS
    }


def test_the_file_is_valid_and_stripped(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None
        assert set(cell.metadata) <= {"tags"}
        read_tags(cell.metadata.get("tags", ()), cell.source, None)


def test_a_title_and_a_purpose_come_first(notebook):
    first = notebook.cells[0]
    title, purpose = first.source.split("\n\n")
    assert first.cell_type == "markdown"
    assert title.startswith("# ")
    assert purpose.endswith(".")
    assert len(purpose) > 60


def test_an_answer_comes_last_and_the_command_is_told(notebook):
    last = ast.parse(code_cells(notebook)[-1].source).body[-1]
    assert isinstance(last, ast.Expr)
    assert isinstance(last.value, ast.Call)
    told = [c.source for c in notebook.cells if "%deploy" in c.source]
    assert len(told) == 1
    assert "%load_ext nb2service\n%deploy" in told[0]
    for cell in code_cells(notebook):
        assert "nb2service" not in cell.source
        assert not any(line.startswith(("%", "!")) for line in cell.source.splitlines())


def test_paths_are_those_of_files_that_are_shipped(notebook):
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Constant) and str(node.value).startswith("data/"):
                assert (FOLDER / node.value).is_file()
