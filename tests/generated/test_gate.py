"""Keys, limits and other sites, at real servers with several processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from ways import (
    LIMIT,
    PYTHON,
    SETTINGS_OF,
    WAYS,
    Ask,
    ask,
    expected,
    in_this_process,
    serving,
    write_project,
)


def key_of(name):
    key = f"key-of-the-{name}_".ljust(43, "x")
    return key, f"{name}:{sha256(key.encode()).hexdigest()}"


KEY, ENTRY = key_of("lab")
FEW, FEW_ENTRY = key_of("shop")
SETTINGS = {
    "API_KEYS": f"{ENTRY},{FEW_ENTRY}:limit=60/day",
    "CORS_ORIGINS": "https://app.example",
    "MAX_BODY": "200000",
    "LOG_LEVEL": "DEBUG",
    "PYTHONWARNINGS": "ignore",  # of the other servers
}
ROWS = json.dumps([{"age": 41, "spend": 1.5}]).encode()


def sent(key=None, **headers):
    given = {} if key is None else {"X-API-Key": key}
    return {"Content-Type": "application/json", "X-Request-Id": "r-1", **given, **headers}


ASKS = {
    "a key": (Ask("/risk", ROWS, sent(KEY)), 200),
    "a bearer": (Ask("/risk", ROWS, sent(Authorization=f"Bearer {KEY}")), 200),
    "a key before a bearer": (Ask("/risk", ROWS, sent(KEY, Authorization="Bearer other")), 200),
    "no key": (Ask("/risk", ROWS, sent()), 401),
    "a wrong key": (Ask("/risk", ROWS, sent(KEY + "x")), 401),
    "its hash": (Ask("/risk", ROWS, sent(ENTRY.split(":")[1])), 401),
    "too large, and no key": (Ask("/risk", b" " * 250_000, sent()), 401),
    "too large": (Ask("/risk", b" " * 250_000, sent(KEY)), 413),
    "nothing there, and no key": (Ask("/nothing", b"", sent(), "GET"), 401),
    "nothing there": (Ask("/nothing", b"", sent(KEY), "GET"), 404),
    "another method": (Ask("/risk", b"", sent(), "PUT"), 401),
    "the document, and no key": (Ask("/openapi.json", b"", sent(), "GET"), 401),
    "the document": (Ask("/openapi.json", b"", sent(KEY), "GET"), 200),
    "what it is, and no key": (Ask("/metadata", b"", sent(), "GET"), 401),
    "metrics, and no key": (Ask("/metrics", b"", sent(), "GET"), 401),
    "alive": (Ask("/healthz", b"", sent(), "GET"), 200),
    "ready": (Ask("/readyz", b"", sent(), "HEAD"), 200),
    "the page": (Ask("/", b"", sent(), "GET"), 200),
    "a site's page": (Ask("/risk", ROWS, sent(KEY, Origin="https://app.example")), 200),
    "a site's page, and no key": (Ask("/risk", ROWS, sent(Origin="https://app.example")), 401),
    "another site's page": (Ask("/risk", ROWS, sent(KEY, Origin="https://evil.example")), 200),
    "a site that asks first": (
        Ask(
            "/risk",
            b"",
            {
                "X-Request-Id": "r-1",
                "Origin": "https://app.example",
                "Access-Control-Request-Method": "POST",
            },
            "OPTIONS",
        ),
        200,
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("access"))


@pytest.fixture(scope="module")
def reference(folder):
    with in_this_process(folder, SETTINGS) as client:
        yield client


@pytest.fixture(scope="module", params=[name for name in WAYS if name != "ours with one worker"])
def way(request, folder, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "log"
    settings = SETTINGS | SETTINGS_OF.get(request.param, {})
    with serving(request.param, WAYS[request.param], folder, log, settings) as found:
        yield found


@pytest.mark.parametrize("name", ASKS)
def test_every_way_in_has_the_same_gate(way, reference, name):
    asked, status = ASKS[name]
    right = expected(reference, asked)
    assert right[0] == status
    assert way.ask(asked) == right


def test_browsers_are_told_how_to_treat_what_they_get(way):
    data = {
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": "default-src 'none'; frame-ancestors 'self'",
        "cache-control": "no-store",
    }
    page = data | {
        "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
        "cache-control": "no-cache",
    }
    for name in ASKS:
        headers = way.ask(ASKS[name][0])[1]
        right = page if name == "the page" else data
        assert {known: headers.get(known) for known in right} == right, name


def test_a_key_of_other_characters_is_no_key(way):
    # granian leaves such headers out.
    assert way.ask(Ask("/risk", ROWS, sent("schlüssel")))[0] == 401


def test_what_follows_a_refusal_is_a_request_of_its_own(way):
    """Whether or not the server ends the connection: the body is not taken for one."""
    smuggled = b"GET /metadata HTTP/1.1\r\nHost: h\r\nX-API-Key: " + KEY.encode() + b"\r\n\r\n"
    with way.connect() as connection:
        for _ in range(3):
            assert ask(connection, Ask("/risk", smuggled, sent()))[0] == 401
            assert ask(connection, ASKS["a key"][0])[0] == 200


def test_no_server_writes_a_key(way):
    """After all that was asked above."""
    for header in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY[:-1]}):
        way.ask(Ask("/risk", ROWS, sent(**header)))
    metrics = way.ask(Ask("/metrics", b"", sent(KEY), "GET"))[2].decode()
    assert 'key="lab"' in metrics
    said = way.log.read_text()
    assert '"key":"lab"' in said
    for secret in (KEY[:-1], FEW, *(entry.split(":")[1] for entry in (ENTRY, FEW_ENTRY))):
        assert secret not in metrics + said


FOUR = (*PYTHON, "churn_service", "serve", "--port", "{port}", "--workers", "4")
GUNICORN = (*WAYS["gunicorn gthread"], "--workers", "2")


@pytest.mark.parametrize("command", [FOUR, GUNICORN], ids=["ours", "gunicorn"])
def test_a_limit_is_exact_over_all_workers(folder, tmp_path, command):
    shared = tmp_path / "shared"
    shared.mkdir()
    settings = SETTINGS | {"PROMETHEUS_MULTIPROC_DIR": str(shared)}
    with serving("many", command, folder, tmp_path / "log", settings) as way:

        def client(_):
            with way.connect() as connection:
                return [ask(connection, Ask("/risk", ROWS, sent(FEW)))[0] for _ in range(10)]

        with ThreadPoolExecutor(16) as pool:
            statuses = [status for some in pool.map(client, range(16)) for status in some]
        assert (statuses.count(200), statuses.count(429)) == (60, 100)
        status, headers, body = way.ask(Ask("/risk", ROWS, sent(FEW)))
        assert (status, json.loads(body)["status"]) == (429, 429)
        assert 0 < int(headers["retry-after"]) <= 86_400 / 60
        assert headers["ratelimit-policy"] == '"default";q=60;w=86400'
        assert way.ask(Ask("/risk", ROWS, sent(KEY)))[0] == 200  # another's limit is another's


def test_keys_are_rotated_under_load_without_a_failed_request(folder, tmp_path):
    (old, old_entry), (new, new_entry) = key_of("lab"), key_of("lab.2")
    file = tmp_path / "keys"
    put(file, old_entry)
    settings = {"API_KEYS_FILE": str(file), "LOG_LEVEL": "ERROR"}
    with serving(
        "rotated", WAYS["ours with two workers"], folder, tmp_path / "log", settings
    ) as way:
        in_use, stop, statuses = [old], threading.Event(), []

        def client():
            with way.connect() as connection:
                while not stop.is_set():
                    statuses.append(ask(connection, Ask("/risk", ROWS, sent(in_use[0])))[0])

        clients = [threading.Thread(target=client) for _ in range(4)]
        for thread in clients:
            thread.start()
        try:
            put(file, old_entry, new_entry)
            eventually(way, new, 200)
            in_use[0] = new
            begun = len(statuses)
            while len(statuses) < begun + 50:  # nobody asks with the old one any more
                time.sleep(0.01)
            put(file, new_entry)
            eventually(way, old, 401)
        finally:
            stop.set()
            for thread in clients:
                thread.join()
        assert set(statuses) == {200}
        assert len(statuses) > 100


def put(file, *entries):
    """As secrets are mounted: a new file takes the place of the old."""
    made = file.with_name("made")
    made.write_text("".join(f"{entry}\n" for entry in entries))
    made.replace(file)


def eventually(way, key, status):
    """All workers answer a key like this: many connections in a row, which both of them take."""
    end, row = time.monotonic() + LIMIT, 0
    while row < 40:
        assert time.monotonic() < end
        row = row + 1 if way.ask(Ask("/risk", ROWS, sent(key)))[0] == status else 0


# --- starting -----------------------------------------------------------------------------------


def start(folder, *words, pass_fds=(), **settings):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [*PYTHON, "churn_service", *words],
        cwd=folder,
        env={**kept, **settings},
        pass_fds=pass_fds,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (("--host", "0.0.0.0"), {}, "is open to other machines; set API_KEYS or API_KEYS_FILE"),
        ((), {"HOST": "::"}, "is open to other machines; set API_KEYS or API_KEYS_FILE"),
        ((), {"API_KEYS": f"{ENTRY},{KEY}"}, "API_KEYS, entry 2 is not NAME:SHA256"),
        ((), {"API_KEYS": ","}, "API_KEYS and API_KEYS_FILE hold no key"),
        ((), {"API_KEYS_FILE": "/no/such"}, "API_KEYS_FILE (/no/such): No such file or directory"),
        ((), {"RATE_LIMIT": "many"}, "RATE_LIMIT must be like 100/minute, not 'many'"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(folder, words, settings, said):
    done = start(folder, "serve", "--port", "0", *words, **settings)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert said in line
    assert KEY not in line
    if "open to" in said:
        assert "`python -m churn_service key new NAME` makes a key" in line
        assert "ALLOW_ANONYMOUS=1 to let everybody in" in line


def test_a_socket_that_was_handed_over_is_looked_at_too(folder):
    with socket.socket() as open_to_all:
        open_to_all.bind(("0.0.0.0", 0))
        fd = open_to_all.fileno()
        done = start(folder, "serve", "--fd", str(fd), pass_fds=(fd,))
    assert done.returncode == 1
    assert "is open to other machines" in done.stderr


def test_a_key_that_the_command_made_opens_the_service(folder, tmp_path):
    made = start(folder, "key", "new", "lab")
    assert made.returncode == 0, made.stderr
    key, entry = made.stdout.splitlines()
    assert key not in made.stderr
    refused = start(folder, "key", "new", "a,b")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "letters, digits" in refused.stderr
    command = WAYS["ours with one worker"]
    with serving("one", command, folder, tmp_path / "log", {"API_KEYS": entry}) as way:
        assert way.ask(Ask("/risk", ROWS, sent(key)))[0] == 200
        assert way.ask(Ask("/risk", ROWS, sent(entry)))[0] == 401
