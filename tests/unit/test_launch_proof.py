"""Proof against a service that answers as a test wants it to."""

from __future__ import annotations

import csv
import io
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nb2service.errors import ProofError
from nb2service.launch import proof as proof_module
from nb2service.launch.proof import Proof, ProofRun, add_run, prove, write_proof
from nb2service.launch.proof_model import ProofEntry, load_proof
from nb2service.runtime.contract import Contract, Entry, Field, Input, Output, dump_contract

ROWS = [{"age": 1.0, "plan": "001"}, {"age": 2.0, "plan": "b"}, {"age": 3.0, "plan": "001"}]
ENTRY = Entry(
    name="predict",
    call="model.predict",
    input=Input("frame", (Field("age", "number", "float64"), Field("plan", "string", "object"))),
    output=Output("array", (Field("", "number", "float64"),)),
)
README = "# Churn\n<!-- proof -->\nNot proven yet.\n<!-- /proof -->\nThe end.\n"

Model = Callable[[list[dict[str, Any]]], list[Any]]


def right(rows: list[dict[str, Any]]) -> list[float]:
    return [row["age"] * 2 + (0.5 if row["plan"] == "001" else 0.0) for row in rows]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_contract(tmp_path, ENTRY)
    cases = tmp_path / "tests" / "cases"
    cases.mkdir(parents=True)
    case = {"entry": "predict", "instances": ROWS, "batch": right(ROWS), "origin": "X_test"}
    (cases / "predict.json").write_text(json.dumps(case))
    (tmp_path / "README.md").write_text(README)
    return tmp_path


def write_contract(project: Path, *entries: Entry, versions: dict[str, str] | None = None) -> None:
    contract = Contract("churn", "", "", entries, {"versions": versions or {}})
    (project / "churn_service").mkdir(exist_ok=True)
    (project / "churn_service" / "contract.json").write_text(dump_contract(contract))


@pytest.fixture
def served() -> Iterator[Callable[..., str]]:
    """``served(model)`` → the URL where it answers."""
    servers: list[ThreadingHTTPServer] = []

    def serve(model: Model, dtype: str = "float64", parse_csv: Any = lambda row: row) -> str:
        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # an answer in one piece

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.headers["Content-Type"] == "text/csv":
                    table = csv.DictReader(io.StringIO(body))
                    rows = [parse_csv({**row, "age": float(row["age"])}) for row in table]
                else:
                    rows = json.loads(body)["instances"]
                try:
                    status, answer = 200, {"predictions": model(rows)}
                except ValueError as error:
                    status, answer = 422, {"title": [str(error)]}
                out = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Prediction-Dtype", dtype)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            def log_message(self, *words: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def run(project: Path, url: str, environment: str = "kernel") -> ProofRun:
    return prove(project, "churn_service", url, environment)


def test_equal_answers(project: Path, served: Callable[..., str]) -> None:
    done = run(project, served(right))
    (entry,) = done.entries
    assert done.verdict == entry.verdict == "equal"
    assert (entry.cases, entry.total) == (3, 12)
    assert entry.compared == (
        ("json", "batch", 3), ("json", "row", 3), ("csv", "batch", 3), ("csv", "row", 3),
    )  # fmt: skip
    expected = (
        "12 answers over HTTP equal the notebook's exactly, in the notebook's own environment"
    )
    assert done.summary == expected
    done.raise_if_different()


def test_one_answer_is_said_in_the_singular() -> None:
    entry = ProofEntry("f", 1, (("json", "batch", 1),), 0.0, 0.0, "", 0, (), "", "equal")
    summary = ProofRun("kernel", "3.11.7", (), (entry,)).summary
    assert summary.startswith("1 answer over HTTP equals the notebook's exactly")


def halved(rows: list[dict[str, Any]]) -> list[float]:
    return [value / 2 for value in right(rows)]


def ranked(rows: list[dict[str, Any]]) -> list[float]:
    return right(rows) if len(rows) > 1 else [0.0]


def refusing(rows: list[dict[str, Any]]) -> list[float]:
    raise ValueError("age is unknown")


_NOISE = itertools.count()


def noisy(rows: list[dict[str, Any]]) -> list[float]:
    return [value + next(_NOISE) + 1 for value in right(rows)]


@pytest.mark.parametrize(
    ("model", "options", "different", "cause"),
    [
        (halved, {}, 12, "a step before the model"),
        (ranked, {}, 6, "computes over all rows"),
        (noisy, {}, 12, "without a seed"),
        (refusing, {}, 8, "refuses a recorded row"),
        (right, {"dtype": "float32"}, 2, "converts the dtype"),
        (right, {"parse_csv": lambda r: {**r, "plan": r["plan"].lstrip("0")}}, 4, "as CSV differ"),
    ],
)
def test_each_fault_is_found_and_named(
    model: Model, options: dict[str, Any], different: int, cause: str,
    project: Path, served: Callable[..., str],
) -> None:  # fmt: skip
    done = run(project, served(model, **options))
    (entry,) = done.entries
    assert (done.verdict, entry.different) == ("different", different)
    assert len(entry.differences) == min(different, 5)
    assert cause in entry.cause
    with pytest.raises(ProofError, match="predict does not answer as the notebook does"):
        done.raise_if_different()


def test_differences_are_shown_side_by_side(project: Path, served: Callable[..., str]) -> None:
    done = run(project, served(halved), "clean")
    with pytest.raises(ProofError) as error:
        done.raise_if_different()
    lines = [" ".join(line.split()) for line in error.value.message.splitlines()]
    assert lines[0].endswith("in a clean environment made from requirements.txt: 12 differences")
    assert lines[1] == "row where sent as notebook service input"
    assert lines[2] == '0 answer json, batch 2.5 1.25 {"age": 1.0, "plan": "001"}'
    assert lines[-1] == "… and 7 more"


def test_a_difference_in_other_versions_names_them(
    project: Path, served: Callable[..., str]
) -> None:
    write_contract(project, ENTRY, versions={"pytest": "0.1", "no-such": "1"})
    done = run(project, served(halved))
    assert "pytest" in dict(done.versions)
    cause = f"pytest {pytest.__version__} instead of 0.1, no-such missing instead of 1"
    assert cause in done.entries[0].cause


def test_a_tolerance_is_stated_with_its_reason(project: Path, served: Callable[..., str]) -> None:
    reason = "one row alone is added up in another order"
    write_contract(project, replace(ENTRY, rtol=1e-9, tolerance_reason=reason))
    done = run(project, served(lambda rows: [value * (1 + 1e-12) for value in right(rows)]))
    assert done.verdict == "equal"
    assert "to within 1e-09" in done.summary
    assert reason in done.text


def test_random_answers_of_the_notebook_are_not_comparable(
    project: Path, served: Callable[..., str]
) -> None:
    write_contract(project, replace(ENTRY, repeats=False))
    done = run(project, served(noisy))
    assert done.verdict == "not comparable"
    assert "another answer the second time" in done.text
    done.raise_if_different()


def test_without_recorded_answers_nothing_is_called_equal(
    project: Path, served: Callable[..., str]
) -> None:
    write_contract(project, ENTRY, replace(ENTRY, name="score"))
    done = run(project, served(right))
    assert [entry.verdict for entry in done.entries] == ["equal", "not comparable"]
    assert done.verdict == "not comparable"
    assert "tests/cases/score.json is missing" in done.text


def test_a_service_that_is_gone_is_said(project: Path) -> None:
    with pytest.raises(ProofError, match="the service did not answer"):
        run(project, "http://127.0.0.1:9")


def test_a_folder_without_a_contract_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProofError, match=r"contract\.json cannot be read"):
        run(tmp_path, "http://127.0.0.1:9")


@pytest.mark.parametrize("model", [right, halved])
def test_the_proof_is_written_and_read_again(
    model: Model, project: Path, served: Callable[..., str]
) -> None:
    proof = Proof((run(project, served(model)),))
    write_proof(project, proof)
    assert load_proof((project / "proof.json").read_text()) == proof
    first = [(project / name).read_bytes() for name in ("proof.json", "README.md")]
    write_proof(project, Proof((run(project, served(model)),)))
    assert [(project / name).read_bytes() for name in ("proof.json", "README.md")] == first
    readme = (project / "README.md").read_text()
    assert readme.startswith("# Churn\n<!-- proof -->\nThe notebook's own answers")
    assert readme.endswith("\n<!-- /proof -->\nThe end.\n")
    assert f"**{proof.verdict.capitalize()}** in the notebook's own environment (Python " in readme


def test_a_run_replaces_that_of_the_same_environment(
    project: Path, served: Callable[..., str]
) -> None:
    kernel, wrong = run(project, served(right)), run(project, served(halved), "clean")
    write_proof(project, Proof((kernel,)))
    assert add_run(project, wrong) == Proof((kernel, wrong))
    assert add_run(project, wrong).verdict == "different"
    clean = run(project, served(right), "clean")
    assert add_run(project, clean) == Proof((kernel, clean))
    assert add_run(project, clean).verdict == "equal"


def test_no_run_proves_nothing() -> None:
    assert Proof(()).verdict == "not comparable"


def test_text_that_is_no_proof_is_refused() -> None:
    with pytest.raises(ValueError, match="not a proof"):
        load_proof('{"runs": [{}]}')


def test_versions_of_another_interpreter_are_asked_of_it() -> None:
    import sys

    here = proof_module._versions(sys.executable, ["pytest", "no-such"])
    link = str(Path(sys.executable).with_name("python3"))
    assert link != sys.executable
    assert proof_module._versions(link, ["pytest", "no-such"]) == here
