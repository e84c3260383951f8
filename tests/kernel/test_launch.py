"""Services as real processes: they start, are replaced, and never outlive what they should not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import psutil
import pytest

from nb2service.errors import LaunchError
from nb2service.launch import process as process_module
from nb2service.launch.control import ControlClient
from nb2service.launch.registry import control_path, home, read_record
from nb2service.launch.services import (
    Candidate,
    Service,
    find_service,
    follow_log,
    launch,
    list_services,
    read_log,
    stop_service,
    trial,
)

PACKAGE = "stand_in"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "project" / PACKAGE
    package.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("stand_in_service.py"), package / "__main__.py")
    be(package.parent, "1")
    return package.parent


@pytest.fixture(autouse=True)
def everything_stopped(own_registry: Path) -> Iterator[None]:
    yield
    assert home() == own_registry  # never what a person runs
    for service in list_services():
        stop_service(service.name)


def be(project: Path, version: str) -> None:
    (project / "VERSION").write_text(version)


def start(project: Path, name: str = "churn", **options: object) -> Service:
    with launch(name, project, PACKAGE, **options) as candidate:  # type: ignore[arg-type]
        pass
    return candidate.service


def ask(url: str, path: str = "/") -> dict[str, str]:
    with urllib.request.urlopen(url + path, timeout=10) as answer:
        found: dict[str, str] = json.load(answer)
        return found


def eventually(holds: Callable[[], bool], within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(*pids: int) -> bool:
    def alive(pid: int) -> bool:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        return False

    return not any(map(alive, pids))


def test_a_candidate_answers_privately_and_then_in_service(project: Path) -> None:
    with launch("churn", project, PACKAGE) as candidate:
        assert candidate.replaces is None
        assert candidate.private_url != candidate.url
        assert ask(candidate.private_url)["version"] == "1"
        assert "version 1 serves" in candidate.log.read_text()
    service = candidate.service
    assert (service.name, service.state, service.project) == ("churn", "running", project)
    assert ask(service.url)["pid"] == service.pid
    assert service.url == candidate.url == f"http://127.0.0.1:{service.port}"
    assert list_services() == (service,)


def test_it_is_stopped_from_another_process(project: Path) -> None:
    service = start(project)
    code = "import sys; from nb2service.launch.services import stop_service; stop_service('churn')"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert list_services() == ()
    assert service.pid is not None
    assert gone(service.pid)
    with pytest.raises(OSError, match="refused"):
        ask(service.url)


def test_a_request_under_way_is_answered_before_the_end(project: Path) -> None:
    service = start(project)
    answers: list[dict[str, str]] = []
    asker = threading.Thread(target=lambda: answers.append(ask(service.url, "/slow")))
    asker.start()
    time.sleep(0.3)
    stop_service("churn")
    asker.join()
    assert answers[0]["version"] == "1"


def test_the_asked_for_port_is_used(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert start(project, port=port).port == port


def test_a_taken_port_is_refused(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LaunchError, match=f"port {port} cannot be used: Address already in"):
            start(project, port=port)
    assert list_services() == ()


def test_a_port_taken_by_another_service_names_it(project: Path) -> None:
    port = start(project, "first").port
    with pytest.raises(LaunchError, match=r"\(by the service first\)"):
        start(project, "second", port=port)


def test_a_service_does_not_move_to_another_port(project: Path) -> None:
    service = start(project)
    with pytest.raises(LaunchError, match=f"churn answers on port {service.port} already"):
        start(project, port=service.port + 1)
    assert ask(service.url)["version"] == "1"


def test_a_failing_start_shows_the_log_at_once(project: Path) -> None:
    be(project, "broken")
    began = time.monotonic()
    with pytest.raises(LaunchError) as error:
        start(project)
    assert time.monotonic() - began < 10
    assert "exit code 1" in error.value.message
    assert "loading the model\nthe model cannot be loaded" in error.value.message
    assert list_services() == ()


def test_a_service_that_is_never_ready_times_out(project: Path) -> None:
    be(project, "never ready")
    with pytest.raises(LaunchError, match="not ready after 1 seconds"):
        start(project, timeout=1)


def test_a_service_that_gave_up_is_not_waited_for(project: Path) -> None:
    be(project, "gave up")
    with pytest.raises(LaunchError, match="does not answer its own example"):
        start(project, timeout=60)


def test_a_missing_interpreter_is_said(project: Path) -> None:
    with pytest.raises(LaunchError, match=r"No such file or directory: /no/python"):
        start(project, python="/no/python")


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a b", "x" * 65])
def test_names_that_are_no_folders_are_refused(name: str, project: Path) -> None:
    with pytest.raises(LaunchError, match="is no name for a service"):
        start(project, name)


def test_a_failed_proof_leaves_nothing(project: Path, own_registry: Path) -> None:
    with pytest.raises(ZeroDivisionError), launch("churn", project, PACKAGE):
        raise ZeroDivisionError
    assert list_services() == ()
    assert not (own_registry / "churn").exists()


def test_a_failed_proof_keeps_what_served(project: Path) -> None:
    old = start(project)
    be(project, "2")
    with suppress(ZeroDivisionError), launch("churn", project, PACKAGE) as candidate:
        assert candidate.replaces == old
        assert ask(candidate.private_url)["version"] == "2"
        raise ZeroDivisionError
    assert find_service("churn") == old
    assert ask(old.url)["version"] == "1"


def test_a_broken_version_keeps_what_served(project: Path) -> None:
    old = start(project)
    be(project, "broken")
    with pytest.raises(LaunchError, match="cannot be loaded"):
        start(project)
    assert find_service("churn") == old
    assert ask(old.url)["version"] == "1"


def test_the_public_is_not_served_by_a_version_that_is_not_proved(project: Path) -> None:
    old = start(project)
    be(project, "2")
    with launch("churn", project, PACKAGE):
        assert {ask(old.url)["version"] for _ in range(40)} == {"1"}
    assert {ask(old.url)["version"] for _ in range(40)} == {"2"}


def test_replacing_under_load_loses_no_request(project: Path) -> None:
    url = start(project).url
    seen: Counter[str] = Counter()
    failures: list[Exception] = []
    replaced = threading.Event()

    def load() -> None:
        for _ in range(20_000):  # far more than are sent until both versions are replaced
            try:
                seen[ask(url)["version"]] += 1
            except Exception as error:  # whatever a client could see counts
                failures.append(error)
            if replaced.is_set():
                return

    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    for version in ("2", "3"):
        be(project, version)
        start(project)
    replaced_under_load = all(client.is_alive() for client in clients)
    replaced.set()
    for client in clients:
        client.join()
    assert failures == []
    assert replaced_under_load
    assert seen.keys() == {"1", "2", "3"}


def test_only_one_deployment_of_a_name_at_a_time(project: Path) -> None:
    message = "another deployment of churn is under way"
    with launch("churn", project, PACKAGE), pytest.raises(LaunchError, match=message):
        start(project)


OWNER = """
import os, sys, time
from pathlib import Path
from nb2service.launch.services import launch
with launch("churn", Path(sys.argv[1]), "stand_in", owner=os.getpid()) as candidate:
    {during}
print("in service", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("during", ["pass", "print('candidate', flush=True); time.sleep(600)"])
def test_a_service_ends_with_its_owner(project: Path, own_registry: Path, during: str) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(during=during), str(project)], stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    owner.stdout.readline()
    record = read_record(own_registry / "churn")
    assert record is not None
    serving = [p.pid for p in psutil.Process(record["keeper"][0]).children()]
    assert len(serving) == 1
    owner.kill()
    owner.communicate()
    assert eventually(lambda: gone(record["keeper"][0], *serving))
    assert not (own_registry / "churn").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="best effort elsewhere")
def test_a_service_ends_with_its_keeper(project: Path, own_registry: Path) -> None:
    service = start(project)
    record = read_record(own_registry / "churn")
    assert record is not None
    assert service.pid is not None
    os.kill(record["keeper"][0], signal.SIGKILL)
    assert eventually(lambda: gone(record["keeper"][0], service.pid or 0))
    assert list_services() == ()
    assert not (own_registry / "churn").exists()
    assert start(project).state == "running"


def test_a_stubborn_service_is_killed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    be(project, "stubborn")
    service = start(project)
    began = time.monotonic()
    stop_service("churn")
    assert service.pid is not None
    assert gone(service.pid)
    assert process_module.DRAIN <= time.monotonic() - began < process_module.DRAIN + 4


def test_a_crash_is_mended_and_the_fourth_is_final(project: Path) -> None:
    service = start(project)
    for crash in range(4):
        with suppress(OSError):
            ask(service.url, "/crash")
        if crash < 3:  # the connection waits until the service is back
            assert ask(service.url)["pid"] != service.pid
    assert eventually(lambda: find_service("churn").state == "failed")
    assert find_service("churn").pid is None
    with pytest.raises(OSError, match="refused"):
        ask(service.url)
    again = start(project)
    assert (again.state, again.port) == ("running", service.port)
    assert ask(again.url)["version"] == "1"


def test_a_crash_without_its_folder_is_final(project: Path) -> None:
    service = start(project)
    shutil.rmtree(project)
    with suppress(OSError):
        ask(service.url, "/crash")
    assert eventually(lambda: find_service("churn").state == "failed", within=10)


def test_a_keeper_of_another_version_refuses_politely(project: Path, own_registry: Path) -> None:
    service = start(project)
    with ControlClient(control_path(own_registry / "churn")) as control:
        for do, arguments in (("dance", {}), ("start", {"colour": "green"})):
            with pytest.raises(LaunchError, match="another version of nb2service"):
                control.ask(do, arguments, 5)
    assert ask(service.url)["version"] == "1"


def test_an_unknown_name_lists_those_that_run(project: Path) -> None:
    with pytest.raises(LaunchError) as none:
        find_service("churn")
    assert none.value.hint == "no service runs at all"
    start(project)
    with pytest.raises(LaunchError) as close:
        find_service("chrun")
    assert close.value.hint == "did you mean 'churn'?"
    with pytest.raises(LaunchError) as far:
        stop_service("taxi")
    assert far.value.hint == "running: churn"


def test_the_log_is_read_and_followed(project: Path) -> None:
    service = start(project)
    ask(service.url, "/one")
    assert eventually(lambda: "asked for /one" in read_log("churn", 5))
    lines = follow_log("churn", poll=0.02)
    ask(service.url, "/two")
    assert "asked for /two" in islice(lines, 3)
    start(project)  # a new deployment begins a new log
    ask(service.url, "/three")
    assert any(line == "asked for /three" for line in lines)
    stop_service("churn")
    assert list(lines) == []


def test_a_service_has_the_notebooks_environment_but_not_its_session(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    first = start(project)
    monkeypatch.setenv("MPLBACKEND", "agg")
    second = start(project, "other")
    assert {"MPLBACKEND", "JPY_PARENT_PID"}.isdisjoint(ask(first.url))
    assert ask(second.url)["MPLBACKEND"] == "agg"


def test_files_of_the_working_directory_do_not_break_the_keeper(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('not me')")
    monkeypatch.chdir(tmp_path)
    assert start(project).state == "running"


def test_a_trial_is_in_no_list(project: Path, own_registry: Path) -> None:
    with trial(project, PACKAGE, sys.executable, dict(os.environ)) as candidate:
        assert isinstance(candidate, Candidate)
        assert ask(candidate.private_url)["version"] == "1"
        assert list_services() == ()
    assert list(own_registry.iterdir()) == []


def test_services_are_not_readable_by_others(project: Path, own_registry: Path) -> None:
    own_registry.chmod(0o755)
    start(project)
    assert own_registry.stat().st_mode & 0o777 == 0o700
    assert (own_registry / "churn").stat().st_mode & 0o777 == 0o700


def test_windows_is_refused_for_now(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        with pytest.raises(LaunchError, match="not supported on Windows yet"):
            start(project)
