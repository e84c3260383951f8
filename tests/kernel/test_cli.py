"""The ``nb2service`` command, as a person or a script runs it: real kernels, real services."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from command_line import BIN, command, nb2service
from live_kernel import EXAMPLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of its own with the example notebooks."""
    return Path(shutil.copytree(EXAMPLES, tmp_path / "work"))


def notebook(folder: Path, *cells: str | tuple[str, str], name: str = "mine.ipynb") -> Path:
    """Writes a notebook of code cells; a pair is (source, tag)."""
    node = nbformat.v4.new_notebook()
    node.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    for cell in cells:
        source, *tags = (cell,) if isinstance(cell, str) else cell
        node.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}))
    path = folder / name
    nbformat.write(node, path)
    return path


FIT = (
    "from sklearn.datasets import load_iris\n"
    "from sklearn.linear_model import LogisticRegression\n"
    "X, y = load_iris(return_X_y=True)",
    "model = LogisticRegression(max_iter=1000).fit(X, y)",
)


def test_inspect_writes_nothing(folder: Path) -> None:
    before = sorted(folder.iterdir())
    done = nb2service(folder, "inspect", "iris.ipynb", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert "predict" in [entry["name"] for entry in document["entries"]]
    assert "model" in [item["name"] for item in document["ship_list"]]
    assert sorted(folder.iterdir()) == before


def test_a_relative_output_begins_where_the_command_runs(folder: Path) -> None:
    done = nb2service(folder.parent, "inspect", "work/iris.ipynb", "-o", "out/iris", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folder"] == str(folder.parent / "out" / "iris")


def test_a_projects_own_tests_pass(folder: Path) -> None:
    assert nb2service(folder, "build", "churn.ipynb").returncode == 0
    done = command(folder / "churn-service", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_prove_says_equal_and_finds_a_changed_model(folder: Path) -> None:
    assert nb2service(folder, "build", "loan.ipynb", "--entry", "decide").returncode == 0
    proven = nb2service(folder, "prove", "loan-service", "--json")
    assert proven.returncode == 0, proven.stderr
    runs = json.loads(proven.stdout)["runs"]
    assert [(run["environment"], run["verdict"]) for run in runs] == [
        ("kernel", "equal"),
        ("clean", "equal"),
    ]
    source = folder / "loan-service" / "loan_service" / "notebook.py"
    source.write_text(source.read_text().replace("THRESHOLD = 0.2", "THRESHOLD = 0.9"))
    differs = nb2service(folder, "prove", "loan-service")
    assert differs.returncode == 1
    assert "granted" in differs.stderr
    assert "may be why: loan_service/notebook.py" in differs.stderr
    assert (
        json.loads((folder / "loan-service" / "proof.json").read_text())["verdict"] == "different"
    )


def test_parameters_are_injected_as_papermill_does(folder: Path) -> None:
    notebook(
        folder,
        ("FACTOR = 2", "parameters"),
        "def scale(x: float) -> float:\n    return x * FACTOR",
        "scale(1.5)",
    )
    done = nb2service(folder, "build", "mine.ipynb", "-p", "FACTOR", "5", "--entry", "scale")
    assert done.returncode == 0, done.stderr
    case = json.loads((folder / "mine-service" / "tests" / "cases" / "scale.json").read_text())
    assert case["batch"] == [7.5]


def test_nbconvert_gives_the_folder_as_a_zip(folder: Path) -> None:
    done = command(folder, "jupyter", "nbconvert", "--to", "service", "iris.ipynb")
    assert done.returncode == 0, done.stderr
    archive = zipfile.ZipFile(io.BytesIO((folder / "iris.service.zip").read_bytes()))
    names = archive.namelist()
    assert "iris-service/Dockerfile" in names
    assert "equal" in archive.read("iris-service/proof.json").decode()


@pytest.fixture
def run(folder: Path) -> Iterator[Any]:
    """Starts a command that serves until it is told to stop, and reads until a line is there."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [BIN / "nb2service", *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "serves at http" in line:
                return process, line.split(" serves at ")[1].split()[0]
        raise AssertionError("".join(lines))

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("source", ["loan.ipynb", "loan-service"])
def test_run_serves_in_the_foreground(folder: Path, run: Any, source: str) -> None:
    if source == "loan-service":
        assert nb2service(folder, "build", "loan.ipynb").returncode == 0
    process, url = run("run", source)
    with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
        assert answer.status == 200
    listed = json.loads(nb2service(folder, "list", "--json").stdout)
    assert [(service["name"], service["url"]) for service in listed] == [("loan", url)]
    assert nb2service(folder, "logs", "loan").returncode == 0
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert json.loads(nb2service(folder, "list", "--json").stdout) == []


def test_stop_from_another_process_ends_a_run(folder: Path, run: Any) -> None:
    process, _ = run("run", "loan.ipynb")
    assert nb2service(folder, "stop", "loan").returncode == 0
    assert process.wait(20) == 0


def test_the_demo_answers_once(folder: Path) -> None:
    done = nb2service(folder, "demo", "--once")
    assert done.returncode == 0, done.stderr
    assert "POST http://127.0.0.1:" in done.stdout
    assert '"predictions"' in done.stdout
    assert "equal the notebook's" in done.stdout


# cells, words of the command after `build mine.ipynb`, words that the message must have
FAULTS: dict[str, tuple[tuple[Any, ...], tuple[str, ...], tuple[str, ...]]] = {
    "a cell raises, the model is there": (
        (*FIT, "raise ConnectionError('no such host')"),
        (),
        (
            "Cell [3]",
            "ConnectionError: no such host",
            "model is there",
            "--until 2",
            "--keep-going",
        ),
    ),
    "a cell raises, nothing is there": (
        ("import not_installed_anywhere",),
        (),
        ("Cell [1]", "ModuleNotFoundError", "mend the cell"),
    ),
    "the kernel is killed": (
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",),
        (),
        ("Cell [1]", "kernel died"),
    ),
    "no model": (("x = 1",), (), ("no fitted model",)),
    "several models, one in a container": (
        (*FIT, "models = {'a b': LogisticRegression(max_iter=900).fit(X, y)}"),
        (),
        ("2 fitted models", "--entry model  #", "--entry 'models[\"a b\"]'  #"),
    ),
    "nothing is there as a cell was passed over": (
        ("import not_installed_anywhere", "x = 1"),
        ("--keep-going",),
        ("no fitted model", "passed over", "cell [1] ModuleNotFoundError"),
    ),
    "an entry that is not there": ((*FIT,), ("--entry", "modle"), ("modle", "model")),
    "an unknown tag": ((("x = 1", "service-predcit"),), (), ("service-predcit", "service-predict")),
    "an output that is a file": ((*FIT,), ("-o", "iris.ipynb"), ("iris.ipynb",)),
    "an output that cannot be written": ((*FIT,), ("-o", "/dev/null/mine"), ("/dev/null/mine",)),
    "a kernel that does not exist": ((*FIT,), ("--kernel", "nope"), ("nope", "kernelspec")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_said_and_nothing_is_left(folder: Path, fault: str) -> None:
    cells, words, expected = FAULTS[fault]
    notebook(folder, *cells)
    before = sorted(folder.rglob("*"))
    done = nb2service(folder, "build", "mine.ipynb", *words)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    for word in expected:
        assert word in done.stderr
    left = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    assert sorted(left) == before


@pytest.mark.parametrize("choice", [("--until", "2"), ("--keep-going",)])
def test_what_was_reached_can_be_captured(folder: Path, choice: tuple[str, ...]) -> None:
    notebook(folder, *FIT, "raise ConnectionError('no such host')\nmodel = None")
    done = nb2service(folder, "build", "mine.ipynb", *choice)
    assert done.returncode == 0, done.stderr
    said = "model: the cell did not run to its end" in done.stdout
    assert said == (choice == ("--keep-going",))
    assert (folder / "mine-service" / "proof.json").is_file()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("build",), "Missing argument"),
        (("build", "iris.ipynb", "--bind", "nonsense"), "--bind model=clf"),
        (("build", "iris.ipynb", "--until", "2", "--keep-going"), "exclude each other"),
        (("frobnicate",), "No such command"),
    ],
)
def test_wrong_usage_is_exit_code_2(folder: Path, words: tuple[str, ...], expected: str) -> None:
    done = nb2service(folder, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert expected in done.stderr


@pytest.mark.parametrize(
    "words", [("stop", "ghost"), ("logs", "ghost"), ("prove", "data"), ("build", "absent.ipynb")]
)
def test_what_is_not_there_is_said(folder: Path, words: tuple[str, ...]) -> None:
    done = nb2service(folder, *words)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert words[1] in done.stderr
    as_json = nb2service(folder, *words, "--json")
    assert json.loads(as_json.stdout)["error"]["message"]
