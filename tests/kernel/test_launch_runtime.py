"""Launch and proof with the real runtime, in the kernel's environment and in a clean one."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import nb2service.runtime
from nb2service.launch.proof import add_run, prove, prove_in_clean_environment, serving
from nb2service.launch.registry import home
from nb2service.launch.services import launch, list_services, stop_service
from nb2service.runtime.contract import Contract, Entry, Field, Input, Output, dump_contract

PACKAGE = "length_service"
WEB = ("flask", "gunicorn", "httptools", "msgspec", "prometheus-client")
JSON = {"Content-Type": "application/json"}
TEXTS = ["", "001", "naïve", "a,b\n"]
NOTEBOOK = """
from importlib.metadata import version

LONGER = {longer}

def length(texts):
    return [len(text) + LONGER + (version("click") == "8.1.7") for text in texts]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project without pandas, as the renderer would lay it out."""
    package = tmp_path / PACKAGE
    shutil.copytree(Path(nb2service.runtime.__file__).parent, package)
    (package / "artifacts").mkdir()
    (package / "artifacts" / "manifest.json").write_text("{}\n")
    versions = {"click": metadata.version("click")}
    entry = Entry(
        "length",
        "length",
        Input("list", (Field("text", "string"),)),
        Output("list", (Field("", "integer"),)),
    )
    contract = Contract("length", "", "", (entry,), {"versions": versions})
    (package / "contract.json").write_text(dump_contract(contract))
    cases = tmp_path / "tests" / "cases"
    cases.mkdir(parents=True)
    case = {"instances": TEXTS, "batch": [len(text) for text in TEXTS]}
    (cases / "length.json").write_text(json.dumps(case))
    pins = [f"{name}=={metadata.version(name)}" for name in (*WEB, *versions)]
    (tmp_path / "requirements.txt").write_text("\n".join(pins) + "\n")
    write_notebook(tmp_path, longer=0)
    return tmp_path


@pytest.fixture(autouse=True)
def everything_stopped(own_registry: Path) -> Iterator[None]:
    yield
    assert home() == own_registry  # never what a person runs
    for service in list_services():
        stop_service(service.name)


def write_notebook(project: Path, longer: int) -> None:
    (project / PACKAGE / "notebook.py").write_text(NOTEBOOK.format(longer=longer))


def test_launched_and_proved(project: Path) -> None:
    with launch("length", project, PACKAGE, owner=os.getpid()) as candidate:
        run = prove(project, PACKAGE, candidate.private_url, "kernel")
        run.raise_if_different()
    assert run.verdict == "equal"
    assert run.entries[0].total >= 2 * len(TEXTS)


def test_a_wrong_answer_is_found(project: Path) -> None:
    write_notebook(project, longer=1)
    with serving(project, PACKAGE) as url:
        run = prove(project, PACKAGE, url, "kernel")
    assert run.verdict == "different"
    assert "every answer differs" in run.entries[0].cause


def test_equal_in_a_clean_environment(project: Path) -> None:
    run = prove_in_clean_environment(project, PACKAGE)
    assert (run.verdict, run.environment) == ("equal", "clean")
    assert run.python == ".".join(map(str, sys.version_info[:3]))
    assert add_run(project, run).verdict == "equal"


def test_another_version_in_the_clean_environment_is_the_named_cause(project: Path) -> None:
    requirements = project / "requirements.txt"
    lines = [line for line in requirements.read_text().splitlines() if "click" not in line]
    requirements.write_text("\n".join([*lines, "click==8.1.7"]) + "\n")
    run = prove_in_clean_environment(project, PACKAGE)
    assert run.verdict == "different"
    kernel = metadata.version("click")
    assert run.entries[0].cause == (
        f"other versions than in the notebook: click 8.1.7 instead of {kernel}"
    )


def test_replacing_under_load_loses_no_request_on_kept_connections(project: Path) -> None:
    with launch("length", project, PACKAGE) as candidate:
        pass
    port = candidate.service.port
    answers: list[int] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def load() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        while not stop.is_set() and len(answers) < 20_000:
            try:
                connection.request(
                    "POST",
                    "/length",
                    b'{"instances": ["ab"]}',
                    {"Content-Type": "application/json"},
                )
                answers.extend(json.load(connection.getresponse())["predictions"])
            except Exception as error:  # whatever a client could see counts
                failures.append(error)
                connection.close()
        connection.close()

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    for longer in (10, 20):
        write_notebook(project, longer)
        with launch("length", project, PACKAGE):
            pass
    stop.set()
    for client in clients:
        client.join()
    assert failures == []
    assert set(answers) <= {2, 12, 22}
    assert {2, 12} <= set(answers)
