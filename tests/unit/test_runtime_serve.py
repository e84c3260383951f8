"""The real thing: ``python -m package …`` over loopback."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil
import pytest
from runtime_project import ENTRIES, ROW, add_artifact, build

from nb2service.runtime.server.worker import Shares

LIMIT = 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("served")
    build(made, "served")
    return made


def environment(**more):
    names = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in names if name in os.environ} | more


def run(folder, *words, **more):
    return subprocess.run(
        [sys.executable, "-m", "served", *words],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


class Running:
    """A service process and where it listens."""

    def __init__(self, process, base):
        self.process = process
        self.base = base

    def ask(self, path, body=None, accept="*/*"):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": accept}
        request = urllib.request.Request(self.base + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def eventually(self, holds):
        end = time.monotonic() + LIMIT
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def wait(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            assert self.process.poll() is None, self.process.stderr.read()
            try:
                if self.ask("/readyz")[0] == 200:
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.05)
        pytest.fail("the service did not get ready")


@contextmanager
def serving(folder, *words, base=None, pass_fds=(), **more):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    where = [] if base else ["--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "served", "serve", *where, *words],
        cwd=folder,
        env=environment(**more),
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=pass_fds,
    )
    try:
        service = Running(process, base or f"http://127.0.0.1:{port}")
        service.wait()
        yield service
    finally:
        process.terminate()
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()


def end(service):
    """Stop the service as a supervisor does; its exit code and what it logged."""
    service.process.send_signal(signal.SIGTERM)
    _, log = service.process.communicate(timeout=LIMIT)
    return service.process.returncode, log


def test_two_workers_answer_alike_count_together_and_stop_cleanly(folder):
    with serving(folder, "--workers", "2", "--a-word-of-the-platform") as service:
        rows = [{**ROW, "age": age} for age in range(20, 60)]
        for row in rows:
            status, body = service.ask("/predict", {"instances": [row]})
            assert (status, json.loads(body)) == (200, {"predictions": [row["age"] * 0.5 + 1.0]})
        counted = 'service_requests_total{entry="predict",status="200"} 40.0'
        assert service.eventually(lambda: counted in service.ask("/metrics")[1])
        for _ in range(4):  # whichever worker answers
            assert counted in service.ask("/metrics")[1]
        status, body = service.ask("/distance", {"point": {"x": 3.0, "y": 4.0}})
        assert json.loads(body) == {"predictions": [{"distance": 5.0}]}
        code, log = end(service)
    assert code == 0
    assert "Warning: ignored: --a-word-of-the-platform" in log
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert len([event for event in events if event.get("entry") == "predict"]) == 40
    assert "Traceback" not in log
    folders = [Path("/dev/shm"), Path(tempfile.gettempdir())]
    left = [item for where in folders for item in where.glob(f"metrics-{service.process.pid}-*")]
    assert left == []


def test_a_request_under_way_is_finished_at_shutdown(folder):
    with (
        serving(folder) as service,
        socket.create_connection(
            ("127.0.0.1", int(service.base.rsplit(":", 1)[1])), timeout=LIMIT
        ) as client,
    ):
        body = json.dumps(ROW).encode()
        head = f"POST /predict HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body[:10])
        time.sleep(0.3)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        client.sendall(body[10:])
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 OK")
        assert service.process.wait(LIMIT) == 0


class Load:
    """Clients that ask again as soon as they are answered, each on a connection of its own."""

    def __init__(self, service, clients):
        self.address = service.base.removeprefix("http://")
        self.answered, self.failed = [0] * clients, []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(i,)) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def ask(self, number):
        with closing(http.client.HTTPConnection(self.address, timeout=LIMIT)) as connection:
            while not self.over.is_set():
                age = 20 + (number * 7 + self.answered[number]) % 50
                try:
                    connection.request("POST", "/predict", json.dumps({**ROW, "age": age}))
                    answer = connection.getresponse()
                    right = json.loads(answer.read()) == {"predictions": [age * 0.5 + 1.0]}
                except (OSError, http.client.HTTPException, ValueError) as error:
                    self.failed.append(error)
                    connection.close()
                    continue
                assert right
                self.answered[number] += 1
                if answer.headers["Connection"] == "close":
                    return

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(LIMIT)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_fails_when_it_is_told_to_end_under_load(folder, workers):
    with serving(folder, "--workers", workers, LOG_LEVEL="ERROR") as service:
        load = Load(service, 12)
        assert service.eventually(lambda: min(load.answered) > 5)
        code, log = end(service)
        load.end()
    assert load.failed == []
    assert code == 0
    assert "Traceback" not in log


def test_a_call_that_hangs_in_a_thread_is_refused_and_its_worker_replaced(tmp_path):
    notebook = (
        "import time\n\n\ndef shout(texts):\n    while 'hang' in texts:\n        time.sleep(1)\n"
        "    return [text.upper() for text in texts]\n"
    )
    build(tmp_path, "served", ENTRIES[4:5], notebook)
    limits = {"TIMEOUT": "2", "DEADLINE": "1.5", "LOG_LEVEL": "ERROR", "MICRO_BATCH": "0"}
    with serving(tmp_path, "--workers", "1", **limits) as service:
        (worker,) = psutil.Process(service.process.pid).children()
        assert service.ask("/shout", ["hang"])[0] == 503
        assert service.ask("/shout", ["a"])[0] == 200
        assert service.eventually(lambda: not worker.is_running())
        service.wait()
        assert service.ask("/shout", ["b"]) == (200, '{"predictions":["B"]}')


def connected(worker):
    """How many connections a worker has."""
    return sum(item.status == "ESTABLISHED" for item in worker.net_connections())


def test_a_killed_worker_is_replaced_and_only_what_it_was_at_fails(folder):
    with serving(folder, "--workers", "2", LOG_LEVEL="ERROR") as service:
        workers = psutil.Process(service.process.pid).children()
        load = Load(service, 12)
        assert service.eventually(lambda: min(load.answered) > 5)
        affected = connected(workers[0])
        workers[0].kill()

        def replaced():
            now = {item.pid for item in psutil.Process(service.process.pid).children()}
            return len(now) == 2 and workers[0].pid not in now

        assert service.eventually(replaced)
        before = list(load.answered)
        assert service.eventually(
            lambda: all(now > then + 5 for now, then in zip(load.answered, before, strict=True))
        )
        load.end()
        assert len(load.failed) <= affected
        assert end(service)[0] == 0


def test_connections_are_shared_evenly(folder):
    with serving(folder, "--workers", "2") as service:
        host, port = service.base.removeprefix("http://").split(":")
        workers = psutil.Process(service.process.pid).children()

        def shared():
            with ExitStack() as stack:
                for _ in range(40):
                    stack.enter_context(socket.create_connection((host, int(port)), timeout=LIMIT))
                assert service.eventually(lambda: sum(map(connected, workers)) >= 40)
                return min(map(connected, workers)) >= 15

        assert service.eventually(shared)  # once both are there


def test_workers_end_with_their_parent(folder):
    with serving(folder, "--workers", "2") as service:
        workers = psutil.Process(service.process.pid).children()
        service.process.kill()
        assert service.eventually(lambda: not any(worker.is_running() for worker in workers))


@pytest.mark.parametrize(
    ("hang", "killed"),
    [("time.sleep(1)", False), ("ctypes.PyDLL(None).pthread_mutex_lock(mutex)", True)],
)
def test_code_that_hangs_is_ended_and_all_others_are_answered(tmp_path, hang, killed):
    notebook = (
        "import ctypes\nimport time\n\nmutex = ctypes.create_string_buffer(64)\n\n\n"
        f"def shout(texts):\n    while 'hang' in texts:\n        {hang}\n"
        "    return [text.upper() for text in texts]\n"
    )
    build(tmp_path, "served", ENTRIES[4:5], notebook)
    with serving(tmp_path, "--workers", "1", TIMEOUT="2", LOG_LEVEL="ERROR") as service:
        for _ in range(50):  # which shows that its calls are short
            assert service.ask("/shout", ["a"])[0] == 200
        if killed:  # where Python has no say
            with pytest.raises((OSError, http.client.HTTPException)):
                service.ask("/shout", ["hang"])
        else:
            assert service.ask("/shout", ["hang"])[0] == 500
        service.wait()
        assert service.ask("/shout", ["b"]) == (200, '{"predictions":["B"]}')


def test_sockets_handed_over_by_a_supervisor(folder):
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        bases = [f"http://127.0.0.1:{item.getsockname()[1]}" for item in (one, two)]
        fds = (one.fileno(), two.fileno())
        words = [word for fd in fds for word in ("--fd", str(fd))]
        with serving(folder, *words, base=bases[0], pass_fds=fds) as service:
            other = Running(service.process, bases[1])
            assert other.ask("/predict", ROW)[0] == 200
            assert end(service)[0] == 0
        # The supervisor still holds the sockets: a successor answers on the same ports.
        with serving(folder, *words, base=bases[0], pass_fds=fds) as service:
            assert service.ask("/predict", ROW)[0] == 200


def test_metrics_stay_in_a_folder_that_was_given(folder, tmp_path):
    with serving(folder, PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "metrics")) as service:
        assert service.ask("/predict", ROW)[0] == 200
        assert end(service)[0] == 0
    assert list((tmp_path / "metrics").iterdir())


def test_stopped_while_the_model_loads(tmp_path):
    build(tmp_path, "served", notebook="import time\nprint('loading', flush=True)\ntime.sleep(30)")
    process = subprocess.Popen(
        [sys.executable, "-m", "served", "serve", "--port", "0"],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process.stdout:
        assert process.stdout.readline() == "loading\n"
        process.terminate()
        assert process.wait(LIMIT) == 0
    assert list(Path("/dev/shm").glob(f"metrics-{process.pid}-*")) == []


def test_what_a_killed_service_left_is_removed_by_the_next(folder):
    def folders_of(service):
        return list(Path("/dev/shm").glob(f"metrics-{service.process.pid}-*"))

    with serving(folder) as killed:
        assert len(folders_of(killed)) == 1
        workers = psutil.Process(killed.process.pid).children()
        killed.process.kill()
        _, orphans = psutil.wait_procs(workers, LIMIT)  # they end once their parent has
        assert orphans == []
    with serving(folder) as living, serving(folder):
        assert folders_of(killed) == []
        assert len(folders_of(living)) == 1


def test_a_home_that_cannot_be_written_to(folder, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    with serving(folder, HOME=str(home)) as service:
        assert service.ask("/predict", ROW)[0] == 200
        assert list(home.iterdir()) == []
        assert end(service)[0] == 0


@pytest.mark.parametrize(
    ("more", "words", "line"),
    [
        ({"WORKERS": "many"}, (), "Error: WORKERS must be a whole number, not 'many'"),
        ({"PORT": "99999"}, (), "Error: PORT must be between 0 and 65535, not 99999"),
        ({}, ("--fd", "77"), "Error: --fd 77 is not an open socket: Bad file descriptor"),
    ],
)
def test_wrong_settings_are_one_line(folder, more, words, line):
    done = run(folder, "serve", *words, **more)
    assert (done.returncode, done.stderr.strip()) == (1, line)


def test_a_body_without_length_is_limited_too(folder):
    with serving(folder, MAX_BODY="300") as service:
        connection = http.client.HTTPConnection(service.base.removeprefix("http://"), timeout=LIMIT)
        for count, status in ((1, 200), (50, 413)):
            parts = [b"[", b",".join([json.dumps(ROW).encode()] * count), b"]"]
            connection.request("POST", "/predict", iter(parts), encode_chunked=True)
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (status, True)
        connection.close()


def test_a_taken_port_is_one_line(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(folder, "serve", "--port", str(port))
    assert done.returncode == 1
    assert (
        done.stderr.strip() == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use"
    )


class Planted:
    """Leaves a mark when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("mark",)


SPOILT = [
    ("an artifact", "weights.pickle", b"altered", "weights.pickle was altered"),
    ("the manifest", "manifest.json", b"{", "manifest.json is not JSON"),
    ("a file elsewhere", "manifest.json", b'{"a": {"file": "/a"}}', "does not list files of its"),
    ("both", "", b"", "names posix:mkdir, by which it could run any code"),
]


@pytest.mark.parametrize(
    ("file", "data", "message"), [row[1:] for row in SPOILT], ids=[row[0] for row in SPOILT]
)
def test_a_model_that_was_altered_is_one_line(tmp_path, file, data, message):
    package = build(tmp_path, "served")
    if file:
        (package / "artifacts" / file).write_bytes(data)
    else:
        add_artifact(package, "weights", Planted())
    done = run(tmp_path, "serve", "--port", "0")
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.rglob("mark"))


def test_a_missing_package_is_one_line(folder):
    code = (
        "import sys; sys.modules['flask'] = None; sys.argv = ['served', 'serve', '--port', '0']; "
        "from served.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 1
    assert "flask" in done.stderr
    assert done.stderr.endswith("; install what requirements.txt lists\n")
    assert done.stderr.count("\n") == 1


def test_version_and_usage(folder):
    assert run(folder, "--version").stdout == "demo 1.0.0\n"
    assert run(folder).returncode == 2


def test_a_text_service_starts_without_numeric_libraries(tmp_path):
    notebook = "def shout(texts):\n    return [text.upper() for text in texts]\n"
    build(tmp_path, "served", ENTRIES[4:5], notebook)
    code = (
        "import sys; from served.app import create_app; c = create_app().test_client(); "
        "assert c.post('/shout', json=['a']).json == {'predictions': ['A']}; "
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'joblib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("mine", "others", "most"),
    [
        (0, (), False),
        (0, (0,), False),
        (1, (0,), True),
        (3, (2, 5), True),
        (2, (2, 5), False),
        (101, (100,), False),  # one of a crowd: it need not wait for the other
        (112, (100,), False),
        (113, (100,), True),
    ],
)
def test_a_worker_lets_those_go_first_who_have_fewer(mine, others, most):
    shares = Shares()
    for worker, connections in enumerate((mine, *others)):
        shares.note(worker, connections)
    shares.note(len(others) + 1, 0)
    shares.forget(len(others) + 1)
    assert shares.has_most(0) is most
