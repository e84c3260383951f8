"""Why answers do not repeat is named by what was seen, and never guessed."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from capture_book import CHURN, CUSTOMERS, Book

X = "predict(X.head())"
ONE = "predict(3)"
REASONS = {
    "numpy's global generator": (
        ("def predict(x):\n    return x + np.random.normal()", ONE),
        ["draws random numbers from numpy's global generator", "numpy.random.default_rng(0)"],
    ),
    "a frame's sample": (
        (
            CUSTOMERS,
            "fees = df['fee'].dropna()\n"
            "def predict(df):\n    return df['age'] + fees.sample(100).sum()",
            X,
        ),
        ["draws random numbers from numpy's global generator"],
    ),
    "Python's generator": (
        ("import random\ndef predict(x):\n    return x + random.random()", ONE),
        ["Python's random module", "random.Random(0)"],
    ),
    "a generator of the notebook": (
        ("rng = np.random.default_rng(0)\ndef predict(x):\n    return x + rng.normal()", ONE),
        ["draws random numbers from rng, which goes on", "rng = numpy.random.default_rng(0)"],
    ),
    "a generator within, unseeded": (
        ("def predict(x):\n    return x + np.random.default_rng().normal()", ONE),
        ["operating system's random numbers (an unseeded generator)"],
    ),
    "the clock": (
        ("import time\ndef predict(x):\n    return x + time.time()", ONE),
        ["asks for the time (time.time)", "take the time as an argument"],
    ),
    "the date, by a helper": (
        (
            "from datetime import datetime\ndef age():\n    return datetime.now().microsecond",
            "def predict(x):\n    return x + age()",
            ONE,
        ),
        ["asks for the time (datetime.now)"],
    ),
    "pandas' clock": (
        ("def predict(x):\n    return x + pd.Timestamp.now().value", ONE),
        ["asks for the time (pd.now)"],
    ),
    "a new id": (
        ("import uuid\ndef predict(x):\n    return str(uuid.uuid4())", ONE),
        ["makes a new id (uuid.uuid4)"],
    ),
    "a counter": (
        ("count = 0\ndef predict(x):\n    global count\n    count += 1\n    return count", ONE),
        ["changes count, which the next call finds changed"],
    ),
    "a list that grows": (
        ("seen = []\ndef predict(x):\n    seen.append(x)\n    return len(seen)", ONE),
        ["changes seen, which"],
    ),
    "an object's own state": (
        (
            "class Model:\n    calls = 0\n    def predict(self, X):\n        self.calls += 1\n"
            "        return [self.calls] * len(X)\nmodel = Model()\nmodel.predict([[1.0], [2.0]])",
        ),
        ["changes model, which"],
    ),
    "an iterator": (
        ("turns = iter(range(10**6))\ndef predict(x):\n    return next(turns)", ONE),
        ["takes the next item of turns, which runs out", "or a list of it"],
    ),
    "a number of the process and the time": (
        (
            "import os, time\ndef predict(x):\n    return os.getpid() + time.perf_counter()",
            ONE,
        ),
        ["asks for the time (time.perf_counter)", "uses the number of its process"],
    ),
}
OTHERS = {
    "numpy's global generator": ["asks for", "changes"],
    "the clock": ["draws", "changes"],
    "a counter": ["draws", "asks for"],
    "a generator of the notebook": ["changes rng", "operating system"],
    "a new id": ["operating system"],
}


@pytest.mark.parametrize("case", REASONS)
def test_why_answers_do_not_repeat(case: str) -> None:
    cells, words = REASONS[case]
    book = Book(*cells)
    lesson = book.learn("model.predict" if "class Model" in cells[0] else "predict")
    assert not lesson.entry.repeats
    assert "answers the same input differently each time: it" in lesson.warnings
    assert [word for word in words if word not in lesson.warnings] == [], lesson.warnings
    assert [word for word in OTHERS.get(case, []) if word in lesson.warnings] == []


def test_only_what_changes_the_answer_is_named_where_that_can_be_tried() -> None:
    source = "import time\ndef predict(x):\n    time.time()\n    return x + np.random.normal()"
    warnings = Book(source, ONE).learn().warnings
    assert "numpy's global generator" in warnings
    assert "asks for the time" not in warnings


def test_what_the_garbage_collector_does_meanwhile_is_not_the_entrys() -> None:
    def listens(phase: str, info: dict[str, int]) -> None:
        time.perf_counter()

    gc.callbacks.append(listens)
    collects = gc.get_threshold()
    gc.set_threshold(1)
    try:
        cells, words = REASONS["pandas' clock"]
        warnings = Book(*cells).learn().warnings
    finally:
        gc.set_threshold(*collects)
        gc.callbacks.remove(listens)
    assert [word for word in words if word not in warnings] == [], warnings
    assert "perf_counter" not in warnings


@pytest.fixture
def port() -> Iterator[int]:
    """Answers each connection with another number."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for number in range(1000):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(str(number).encode())

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_an_answer_from_the_network(port: int) -> None:
    source = (
        "import socket\ndef predict(x):\n"
        f"    with socket.create_connection(('127.0.0.1', {port})) as connection:\n"
        "        return int(connection.recv(10))"
    )
    assert "asks another machine over the network" in Book(source, ONE).learn().warnings


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "from datetime import date\ndef predict(x):\n    return date.today().year - x",
            "date.today",
        ),
        ("import datetime as dt\ndef predict(x):\n    return dt.datetime.now().year - x", "dt.now"),
        ("from datetime import date\ndef predict(x):\n    return date(2024, 1, 1).year - x", ""),
        ("import time\ndef predict(x):\n    time.time()\n    return x", ""),
        ("from datetime import date\nnow = 3\ndef predict(x):\n    return x + now", ""),
    ],
    ids=["today", "now of a module", "a fixed date", "a stopwatch", "a name like it"],
)
def test_what_repeats_today_may_not_tomorrow(source: str, told: str) -> None:
    lesson = Book(source, ONE).learn()
    assert lesson.entry.repeats
    assert (f"asks for the date ({told})" in lesson.warnings) == bool(told)


def test_what_repeats_has_no_reason() -> None:
    assert "it " not in Book(CUSTOMERS, CHURN).learn("model.predict").warnings
