"""``%deploy`` in a real kernel: real notebooks become services that answer as they do."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from live_kernel import EXAMPLES, LiveKernel

# notebook, what is typed, the endpoints that answer
NOTEBOOKS = [
    ("iris.ipynb", "%deploy", ["predict", "predict_proba", "decision_function"]),
    ("churn.ipynb", "%deploy model", ["predict", "predict_proba", "decision_function"]),
    ("house_prices.ipynb", "%deploy predict_price", ["predict_price"]),
    ("loan.ipynb", "%deploy decide", ["decide"]),
    ("bike_demand.ipynb", "%deploy predict", ["predict"]),
    ("reviews.ipynb", "%deploy", None),
    ("nlp_service.ipynb", "%deploy", None),
]


@pytest.fixture
def examples(kernel: LiveKernel) -> LiveKernel:
    """A kernel that runs beside the example notebooks, with the extension loaded."""
    shutil.copytree(EXAMPLES, kernel.folder, dirs_exist_ok=True)
    kernel.check("%load_ext nb2service")
    return kernel


def post(url: str, body: Any) -> tuple[int, Any]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def cases_of(card: dict[str, Any]) -> dict[str, Any]:
    folder = Path(card["folder"]) / "tests" / "cases"
    return {file.stem: json.loads(file.read_text()) for file in folder.glob("*.json")}


def is_gone(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, int(port))) != 0


@pytest.mark.parametrize(("notebook", "line", "entries"), NOTEBOOKS)
def test_an_example_notebook_becomes_a_proven_service(
    examples: LiveKernel, notebook: str, line: str, entries: list[str] | None
) -> None:
    examples.load_notebook(notebook)
    card = examples.check(line).card
    names = [entry["name"] for entry in card["entries"]]
    assert names == entries if entries else len(names) >= 1
    assert card["proof"]["verdict"] == "equal"
    assert card["pending"]
    cases = cases_of(card)
    assert sorted(cases) == sorted(names)
    for name, case in cases.items():
        status, answer = post(f"{card['service']['url']}/{name}", {"instances": case["instances"]})
        assert (status, answer["predictions"]) == (200, case["batch"])

    proven = examples.wait_for_card(lambda document: not document["pending"])
    assert [run["environment"] for run in proven["proof"]["runs"]] == ["kernel", "clean"]
    assert proven["proof"]["verdict"] == "equal"


IRIS = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True)
model = LogisticRegression(max_iter=1000).fit(X, y)
"""


def test_answers_are_what_the_notebook_computes(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    card = kernel.check("%deploy model --name flowers").card
    told = json.loads(
        kernel.check("import json; print(json.dumps(model.predict(X).tolist()))").stdout
    )
    rows = json.loads(kernel.check("print(json.dumps(X.tolist()))").stdout)
    assert post(card["service"]["url"] + "/predict", {"instances": rows}) == (
        200,
        {"predictions": told},
    )


def test_tags_sent_by_the_front_end_choose_the_entries(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check("def double(x: int) -> int:\n    return 2 * x", tags=["service-predict"])
    kernel.check("def shout(text: str) -> str:\n    return text.upper() + '!'")
    kernel.check("double(4); shout('a')")
    card = kernel.check("%deploy --name numbers").card
    assert [entry["name"] for entry in card["entries"]] == ["double"]
    url = card["service"]["url"]
    assert post(f"{url}/predict", {"x": 21}) == (200, {"predictions": [42]})


def test_the_same_from_python_code(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    told = kernel.check(
        "import nb2service\n"
        "done = nb2service.deploy('model', name='coded', launch=False)\n"
        "print(done.proof.verdict, done.plan.folder.name)"
    )
    assert told.stdout.split() == ["equal", "coded-service"]
    notebook = json.loads((kernel.folder / "coded-service/.nb2service/notebook.ipynb").read_text())
    assert "LogisticRegression" in json.dumps(notebook["cells"])


def test_a_plan_writes_and_starts_nothing(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    card = kernel.check("%deploy model --plan").card
    assert [item["name"] for item in card["ship_list"]]
    assert "service" not in card
    assert not list(kernel.folder.iterdir())
    assert "No service is running" in kernel.check("%deploy --list").stdout


def test_no_launch_leaves_the_proven_folder_alone(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    card = kernel.check("%deploy model --name quiet --no-launch").card
    assert card["service"] is None
    assert card["proof"]["verdict"] == "equal"
    assert (kernel.folder / "quiet-service" / "Dockerfile").is_file()
    assert "No service is running" in kernel.check("%deploy --list").stdout


def test_what_a_setup_cell_opens_serves_from_the_thread_that_opened_it(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service\nimport sqlite3")
    kernel.check(
        "conn = sqlite3.connect(':memory:')\n"
        "conn.execute('create table prices (name text, price real)')\n"
        "conn.execute(\"insert into prices values ('tea', 2.5)\")",
        tags=["service-setup"],
    )
    kernel.check(
        "def price(name: str) -> float:\n"
        "    rows = conn.execute('select price from prices where name = ?', (name,))\n"
        "    return rows.fetchone()[0]"
    )
    kernel.check("price('tea')")
    card = kernel.check("%deploy price --name shop").card
    assert card["proof"]["verdict"] == "equal"
    url = card["service"]["url"]
    for _ in range(8):
        assert post(f"{url}/price", {"name": "tea"}) == (200, {"predictions": [2.5]})


def test_an_entry_that_works_in_the_notebook_only_is_said_at_once(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check("def predict(x: int) -> int:\n    assert __name__ == '__main__'\n    return x")
    kernel.check("predict(1)")
    reply = kernel.run("%deploy predict --name lonely", timeout=20)
    assert "does not answer its own example" in reply.error
    assert "assert __name__ == '__main__'" in reply.error
    assert not (kernel.folder / "lonely-service").exists()


def test_list_logs_stop(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    url = kernel.check("%deploy model --name flowers").card["service"]["url"]
    post(f"{url}/predict", {"instances": [[5, 3, 1, 0]]})
    assert "flowers" in kernel.check("%deploy --list").stdout
    assert "predict" in kernel.check("%deploy --logs flowers").stdout
    kernel.check("%deploy --stop flowers")
    assert is_gone(url)


def test_deploying_again_replaces_the_service_on_its_port(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check("def rate(x: float) -> float:\n    return x * 2")
    kernel.check("rate(1.5)")
    first = kernel.check("%deploy rate").card
    kernel.check("def rate(x: float) -> float:\n    return x * 3")
    kernel.check("rate(1.5)")
    second = kernel.check("%deploy rate").card
    assert first["service"]["url"] == second["service"]["url"]
    assert post(second["service"]["url"] + "/rate", {"x": 2.0}) == (200, {"predictions": [6.0]})


def test_the_service_dies_with_a_killed_kernel(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    url = kernel.check("%deploy model --name mortal").card["service"]["url"]
    os.kill(kernel.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not is_gone(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_gone(url)


def test_keep_outlives_the_kernel(kernel: LiveKernel) -> None:
    from nb2service.launch.services import stop_service

    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    url = kernel.check("%deploy model --name kept --keep").card["service"]["url"]
    kernel.stop()
    time.sleep(1.5)
    assert post(f"{url}/predict", {"instances": [[5, 3, 1, 0]]})[0] == 200
    stop_service("kept")
    assert is_gone(url)


def test_a_taken_port_is_said(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        reply = kernel.run(f"%deploy model --name late --port {port}")
    assert str(port) in reply.error
    assert "Traceback" not in reply.error
    assert not (kernel.folder / "late-service").exists()


# what the notebook did, what is typed, words that the message must have
MISTAKES = {
    "no model": ("x = 1", "%deploy", ["nothing", "service-predict"]),
    "two models": (
        IRIS + "other = LogisticRegression(C=9, max_iter=1000).fit(X, y)",
        "%deploy",
        ["%deploy model", "%deploy other"],
    ),
    "never run": (IRIS, "%deploy modle", ["modle", "model"]),
    "unknown tag": (
        "# nb2service: predcit\nx = 1",
        "%deploy",
        ["service-predcit", "service-predict"],
    ),
    "not fitted": (
        "from sklearn.linear_model import Ridge\nmodel = Ridge()",
        "%deploy model",
        ["model", "fit"],
    ),
    "example that does not fit": (IRIS, "%deploy model --example X[:,:2]", ["4", "2"]),
    "not picklable": (
        "import sqlite3\nconn = sqlite3.connect(':memory:')\n"
        "def helper(x):\n    return conn.execute('select 1').fetchone()[0] + x\n"
        "def predict(x: int) -> int:\n    return helper(x)\nr = predict(1)",
        "%deploy predict",
        ["predict → helper → conn", "sqlite3.Connection", "service-setup"],
    ),
    "no identifier": (IRIS, "%deploy model --name '???'", ["???"]),
    "unknown option": (IRIS, "%deploy model --prot 8000", ["--prot", "--port"]),
    "raises while it is called": (
        "def predict(x: int) -> int:\n    return 1 // 0\n",
        "%deploy predict --example [dict(x=1)]",
        ["predict", "ZeroDivisionError"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_said_and_nothing_is_written(kernel: LiveKernel, mistake: str) -> None:
    done, line, words = MISTAKES[mistake]
    kernel.check("%load_ext nb2service")
    kernel.check(done)
    reply = kernel.run(line)
    assert reply.error, reply.displays
    assert "Traceback" not in reply.error
    for word in words:
        assert word in reply.error
    assert not [path for path in kernel.folder.iterdir() if not path.name.startswith(".")]


def test_a_folder_of_somebody_else_is_left_alone(kernel: LiveKernel) -> None:
    (kernel.folder / "flowers-service").mkdir()
    (kernel.folder / "flowers-service" / "thesis.tex").write_text("precious")
    kernel.check("%load_ext nb2service")
    kernel.check(IRIS)
    reply = kernel.run("%deploy model --name flowers")
    assert "flowers-service" in reply.error
    assert (kernel.folder / "flowers-service" / "thesis.tex").read_text() == "precious"
