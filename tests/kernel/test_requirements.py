"""What a fresh process shows of a notebook that was built in a real kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from nb2service.build import build
from nb2service.errors import ProofError
from nb2service.options import Options
from nb2service.project.model import PROOF

OPTIONS = Options(launch=False, entries=("predict",), example="{'text': 'a: 1'}")


def notebook(folder: Path, *cells: str) -> Path:
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    node.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(node, folder / "late.ipynb")
    return folder / "late.ipynb"


def test_what_no_source_names_is_pinned_and_written(tmp_path: Path) -> None:
    path = notebook(
        tmp_path,
        "from importlib import import_module\n"
        "def predict(text):\n"
        "    return import_module(''.join(['ya', 'ml'])).safe_load(text)",
    )
    built = build(path, OPTIONS)
    project = tmp_path / "late-service"
    assert "pyyaml" in built.document["requirements"]
    assert built.document["proof"]["verdict"] == "equal"
    for name in ("requirements.in", "requirements.txt"):
        said = (project / name).read_text().partition("\npyyaml==")[2].partition("# ")[2]
        assert said.startswith("loaded while the examples ran\n")
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    needed = ["--require-hashes", "-r", "requirements.txt", "-r", "requirements-dev.txt"]
    subprocess.run([*pip, *needed], cwd=project, check=True)
    assert (project / PROOF).exists()
    assert build(path, OPTIONS).document["files"] == []


def test_an_entry_that_varies_by_luck_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Kernel and service have one hash seed, as on many hubs: their sets have one order.
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    path = notebook(
        tmp_path, "def predict(text):\n    return ''.join({*text, 'b', 'c', 'd', 'e', 'f'})"
    )
    with pytest.raises(ProofError, match="predict: the answers change from process to process"):
        build(path, OPTIONS)
    assert list(tmp_path.iterdir()) == [path]
