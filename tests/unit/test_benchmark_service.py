"""The benchmark's own parts: its records, its page, and a load on a real server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.service.environments import Environment
from benchmarks.service.load import Load, read_result, run_load
from benchmarks.service.peers import ECHO
from benchmarks.service.report import LIMITS_FILE, write_report
from benchmarks.service.running import ServerError, running
from benchmarks.service.store import Store
from benchmarks.service.wires import different_bodies, json_wire, read_answer

# Stands where wrk would: sends each body once and counts, in the form of load.lua.
WRK = f"""#!{sys.executable}
import http.client, json, sys
from urllib.parse import urlsplit
*_, url, _, file, content_type = sys.argv
connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
statuses = []
with open(file, "rb") as bodies:
    while length := bodies.readline():
        connection.request("POST", urlsplit(url).path, bodies.read(int(length)))
        answer = connection.getresponse()
        statuses.append(answer.status)
        answer.read()
counts = {{"requests": len(statuses), "not_200": len(statuses) - statuses.count(200)}}
times = dict.fromkeys(("seconds", "p50", "p99", "max"), 1.0)
print("RESULT " + json.dumps({{**counts, **times, "broken": 0, "timeouts": 0}}))
"""


def _model(folder: Path) -> Path:
    (folder / "rows.json").write_text(json.dumps([[1.0], [2.0]]))
    return folder


def test_a_server_is_started_loaded_measured_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrk").write_text(WRK)
    (tmp_path / "wrk").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    wire, here = ECHO.wires["json"], Environment(Path(sys.prefix))
    with running(ECHO, here, _model(tmp_path), tmp_path / "work", 2, b"{}") as server:
        bodies = different_bodies(wire, [[1.0], [2.0]], 1)
        load = run_load(server.url, bodies, wire.content_type, 1, 1)
        processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
        assert server.memory() > 1_000_000
        with pytest.raises(RuntimeError, match="too few answers"):
            run_load(server.url, bodies, wire.content_type, 1, 1, fewest=501)
    assert (load.requests, load.errors) == (500, 0)
    assert len(processes) == 2
    assert not any(process.is_running() for process in processes)


def test_a_server_that_does_not_start_is_an_error_with_its_log(tmp_path: Path) -> None:
    elsewhere = Environment(tmp_path / "no-environment")
    (elsewhere.folder / "bin").mkdir(parents=True)
    Path(elsewhere.python).write_text("#!/bin/sh\necho no such module\nexit 3\n")
    Path(elsewhere.python).chmod(0o755)
    with (
        pytest.raises(ServerError, match="no such module"),
        running(ECHO, elsewhere, _model(tmp_path), tmp_path / "work", 1, b"{}"),
    ):
        pass


def test_the_line_of_the_load_script_is_found_among_those_of_wrk() -> None:
    line = (
        'RESULT {"requests": 10, "seconds": 2.0, "p50": 1.5, "p99": 3, "max": 4, '
        '"not_200": 4, "broken": 1, "timeouts": 2}'
    )
    load = read_result(f"Running 2s test\n{line}\nRequests/sec: 5\n")
    assert load == Load(10, 2.0, 1.5, 3, 4, 4, 1, 2)
    assert (load.per_second, load.errors) == (3.0, 7)
    with pytest.raises(RuntimeError, match="unable to connect"):
        read_result("", "unable to connect")


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b'{"predictions": [1, 0]}', [1, 0]),
        (b'{"predict": [1]}', [1]),
        (b"[0]", [0]),
        (b'{"outputs": [{"name": "predict", "data": [1, 1]}]}', [1, 1]),
    ],
)
def test_predictions_are_found_in_each_servers_answer(body: bytes, wanted: list[int]) -> None:
    assert read_answer(body) == wanted


def test_bodies_differ_and_go_round() -> None:
    bodies = different_bodies(json_wire(lambda rows: rows), list(range(7)), 5)
    assert bodies[:3] == [b"[0,1,2,3,4]"] * 3  # 50 of them begin at 7 rows
    assert bodies[-1] == b"[6,0,1,2,3]"


def test_a_later_run_replaces_what_it_measures_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    first = Store(file, "first")
    first.add("single", "ours", "churn_lr", connections=1, p50=5.0)
    first.add("single", "flask", "churn_lr", connections=1, p50=9.0)
    second = Store(file, "second")
    for p50 in (1.0, 2.0, 6.0):
        second.add("single", "ours", "churn_lr", connections=1, p50=p50)
    again = Store(file, "third")
    assert again.median("p50", "single", server="ours") == 2.0
    assert again.median("p50", "single", server="flask") == 9.0
    assert again.median("p50", "single", server="nobody") is None


def _measured(path: Path, *, ours: float) -> Store:
    store = Store(path / "results.json", "2026-01-01 00:00:00")
    for connections in (1, 16, 64):
        for server, rate, p99 in (("ours", ours, 4.0), ("litserve", 100.0, 9.0)):
            store.add(
                *("single", server, "churn_lr"),
                **{"connections": connections, "per_second": rate, "p50": 2.0, "p99": p99},
                errors=0,
            )
    store.add("single", "in-process", "churn_lr", connections=1, per_second=400.0, p50=2.5, p99=3.0)
    store.add("bulk", "in-process", "churn_lr", wire="", p50=5.0, rows_per_second=1_000_000)
    store.add("bulk", "ours", "churn_lr", wire="json", p50=10.0, rows_per_second=500_000, errors=0)
    for x, p50 in ((1, 1.0), (10, 2.0), (100, 80.0)):
        store.add("rows", "ours", "churn_lr", wire="json", x=x, p50=p50, memory=50_000_000)
    store.add("size", "ours", installed=5_000_000, distributions=9, versions={"flask": "3.1"})
    store.add("footprint", "ours", "churn_lr", start=1.25, memory=75_000_000)
    store.add("failed", "mlflow", "churn_lr", of="single", why="it did not start\nmore")
    return store


def test_the_page_has_every_measurement_and_judges_the_targets(tmp_path: Path) -> None:
    (tmp_path / LIMITS_FILE).write_text("What limits it: the model.\n")
    page = write_report(_measured(tmp_path, ours=1_200.0), tmp_path).read_text()
    for line in (
        "| churn_lr, 64 connections, lean path: ≥ 10 × the best peer's requests per second "
        "| 12.0 × LitServe | yes |",
        "| churn_lr, 64 connections, lean path: p99 below the best peer's "
        "| 4.0 ms against 9.0 ms of LitServe | yes |",
        "| churn_lr, 1 connection, lean path: the round trip faster than `predict` "
        "| 2.00 ms, `predict` 2.50 ms | yes |",
        "| churn_lr, 5,000 rows by json: ≥ 40% of in-process rows per second | 50% | yes |",
        "| rows a request: no cliff (no step costs more than 2 × the growth of the work) "
        "| worst step 4.00 ×, up to 100 | **no** |",
        "| every answer of ours has status 200 | 0 others | yes |",
        "What limits it: the model.",
        "| nb2service JSON | 500,000 | 50% |",
        "| nb2service | – | 1.25 | 75 | 5.0 | 9 |",
        "- MLflow, churn_lr, single: it did not start",
    ):
        assert line in page
    for plot in ("service-single.svg", "service-scaling.svg"):
        assert f"]({plot})" in page
        assert (tmp_path / plot).read_text().startswith("<?xml")


def test_a_target_that_is_missed_says_so_and_the_page_is_the_same_each_time(tmp_path: Path) -> None:
    store = _measured(tmp_path, ours=900.0)
    page = write_report(store, tmp_path)
    first = {file.name: file.read_bytes() for file in tmp_path.glob("*.[ms][dv]*")}
    assert "| 9.0 × LitServe | **no** |" in page.read_text()
    write_report(store, tmp_path)
    assert first == {file.name: file.read_bytes() for file in tmp_path.glob("*.[ms][dv]*")}
    assert len(first) == 3
