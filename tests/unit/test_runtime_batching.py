"""Which requests are answered by one call, and that none is the worse for it."""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from loop_service import forget_package, make_package, request, running

from nb2service.runtime.batching import MAX_BYTES, Line, Pace
from nb2service.runtime.endpoint import Call


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batching")
    yield make_package(folder, "batching_service")
    forget_package(folder, "batching_service")


# --- the rules ----------------------------------------------------------------------------------


class Rows:
    def __init__(self, count):
        self.count = count


def call(key="k", rows=1, size=10):
    return Call(Rows(rows), "application/json", size, key, due=float("inf"), since=0.0)


class Endpoint:
    row_wise = True


@pytest.mark.parametrize(
    ("max_rows", "calls", "taken"),
    [
        (8, [call(), call(), call()], [[0, 1, 2]]),
        (0, [call(), call()], [[0], [1]]),
        (8, [call("a"), call("b"), call("a"), call("b")], [[0, 2], [1, 3]]),
        (8, [call(None), call("a"), call(None), call("a")], [[0], [1, 3], [2]]),
        (4, [call(rows=3), call(rows=2), call(rows=1)], [[0, 2], [1]]),
        (4, [call(rows=9), call(), call()], [[0], [1, 2]]),
        (8, [call(size=MAX_BYTES), call(), call()], [[0], [1, 2]]),
    ],
)
def test_what_one_call_answers(max_rows, calls, taken):
    line = Line(Endpoint(), max_rows)
    line.waiting.extend(calls)
    found = []
    while line.waiting:
        found.append([calls.index(item) for item in line.take()])
    assert found == taken


def test_pace_is_learnt_by_size():
    pace = Pace()
    assert pace.expect(1) == float("inf")
    pace.note(1, 0.002)
    assert pace.expect(1) == 0.002
    assert pace.expect(2) == 0.002
    assert pace.expect(64) > 0.05  # never tried: it may cost in proportion
    pace.note(64, 0.003)
    assert pace.expect(100) == 0.003
    pace.note(1, 0.5)
    assert pace.expect(1) == 0.5
    assert not pace.is_short(1)
    pace.note(1, 0.001)
    assert pace.is_short(1)
    pace.note(1, 2.0)
    pace.note(1, 0.001)
    assert not pace.is_short(1)  # it may be that long again


# --- on the event loop --------------------------------------------------------------------------


async def together(service, path, bodies):
    """Answers to requests that all wait while a first one is under way."""
    first = await service.hold(path, bodies[0])
    rest = [asyncio.create_task(service.post(path, body)) for body in bodies[1:]]
    await service.eventually(lambda: service.waiting() == len(rest))
    service.notebook.gate.set()
    return [await task for task in (first, *rest)]


def predictions(answers):
    return [json.loads(body).get("predictions") for _, _, body in answers]


def test_what_arrives_during_a_call_is_the_next_call(package):
    async def scenario():
        async with running(package) as service:
            bodies = [[f"t{i}", f"u{i}"][: 1 + i % 2] for i in range(30)]
            answers = await together(service, "/shout", bodies)
            assert predictions(answers) == [[t.upper() for t in body] for body in bodies]
            assert [len(texts) for texts in service.notebook.calls] == [1, 44]

    asyncio.run(scenario())


@pytest.mark.parametrize("bad", ["bad", "exit"])
def test_one_bad_request_fails_alone(package, bad):
    async def scenario():
        async with running(package) as service:
            bodies = [[f"t{i}"] for i in range(20)] + [[bad]] + [[f"u{i}"] for i in range(11)]
            answers = await together(service, "/shout", bodies)
            assert [status for status, _, _ in answers].count(500) == 1
            assert answers[20][0] == 500
            expected = [[body[0].upper()] for body in bodies]
            expected[20] = None
            assert predictions(answers) == expected
            # In halves: not each of the others alone.
            assert len(service.notebook.calls) < 15

    asyncio.run(scenario())


def test_a_refused_request_is_never_joined(package):
    async def scenario():
        async with running(package) as service:
            answers = await together(service, "/shout", [["a"], ["b"]])
            assert [status for status, _, _ in answers] == [200, 200]
            waits = await service.hold("/shout", ["c"])
            assert (await service.post("/shout", [5]))[0] == 422
            service.notebook.gate.set()
            assert predictions([await waits]) == [["C"]]

    asyncio.run(scenario())


def test_no_dtype_changes_by_company(package):
    async def scenario():
        async with running(package) as service:
            answers = await together(service, "/total", [[[1.0]], [[2.0]], [[-3.0]], [[4.0]]])
            dtypes = [headers["prediction-dtype"] for _, headers, _ in answers]
            assert dtypes == ["int64", "int64", "float64", "int64"]
            assert predictions(answers) == [[1], [2], [-3.0], [4]]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "settings", "sizes"),
    [
        ("/shout", {}, [1, 3]),
        ("/shout", {"micro_batch": 0, "threads": 1}, [1, 1, 1, 1]),
        ("/shout", {"micro_batch": 2}, [1, 2, 1]),
        ("/shout", {"micro_batch_off": frozenset({"shout"}), "threads": 1}, [1, 1, 1, 1]),
        ("/total", {"micro_batch_off": frozenset({"shout"})}, [1, 3]),
    ],
)
def test_joining_can_be_bounded_and_switched_off(package, path, settings, sizes):
    async def scenario():
        async with running(package, **settings) as service:
            bodies = [[[float(i)]] if path == "/total" else [f"{i}"] for i in range(4)]
            answers = await together(service, path, bodies)
            assert [status for status, _, _ in answers] == [200] * 4
            calls = service.notebook.calls
            assert [c if isinstance(c, int) else len(c) for c in calls] == sizes

    asyncio.run(scenario())


def test_an_entry_that_looks_at_all_rows_is_never_joined(package):
    async def scenario():
        async with running(package) as service:
            answers = await asyncio.gather(*[service.post("/together", ["a"]) for _ in range(20)])
            assert predictions(answers) == [["a of 1"]] * 20

    asyncio.run(scenario())


def test_an_unknown_name_in_micro_batch_off_is_refused(package):
    settings = importlib.import_module(f"{package}.settings")
    made = settings.Settings(micro_batch_off=frozenset({"shuot"}))
    with pytest.raises(settings.SettingError, match="names no entry 'shuot'; there are: shout"):
        importlib.import_module(f"{package}.app").create_app(made)


def test_metadata_says_what_is_joined(package):
    settings = importlib.import_module(f"{package}.settings")
    made = settings.Settings(micro_batch_off=frozenset({"large"}))
    app = importlib.import_module(f"{package}.app").create_app(made, warm=False)
    entries = app.test_client().get("/metadata").json["entries"]
    assert {entry["name"]: entry["joined"] for entry in entries} == {
        "shout": True,
        "together": False,
        "total": True,
        "large": False,
        "one": False,
    }
    assert not any(entry["lean"] for entry in entries)


# --- too much, too late -------------------------------------------------------------------------


def test_more_than_may_wait_is_refused_and_the_rest_is_answered(package):
    async def scenario():
        async with running(package, max_queue=3, patience={"rest": 0.2}) as service:
            first = await service.hold("/shout", ["a"])
            rest = [asyncio.create_task(service.post("/shout", ["b"])) for _ in range(3)]
            await service.eventually(lambda: service.waiting() == 3)
            client = await service.connect()
            await client.send(request("/shout", ["c"]))
            status, headers, body = await client.answer()
            assert (status, headers["retry-after"]) == (503, "1")
            assert json.loads(body)["detail"].startswith("too many requests wait")
            service.notebook.gate.set()
            answers = [await task for task in (first, *rest)]
            assert [status for status, _, _ in answers] == [200] * 4
            await client.send(request("/shout", ["c"]))  # after a rest, it is heard again
            assert (await client.answer())[0] == 200
            await client.close()

    asyncio.run(scenario())


def test_what_can_be_answered_at_once_is_not_refused(package):
    async def scenario():
        async with running(package, max_queue=10) as service:
            for _ in range(50):  # which shows that its calls are short
                await service.post("/shout", ["a"])
            client = await service.connect()
            clients = [await service.connect() for _ in range(100)]
            for other in clients:  # all of it is there before the loop looks at any of it
                other.writer.write(request("/shout", ["a"]))
            answers = [await other.answer() for other in clients]
            assert [status for status, _, _ in answers] == [200] * 100
            for other in (client, *clients):
                await other.close()

    asyncio.run(scenario())


def test_what_is_overdue_is_refused_while_it_waits_and_while_it_is_under_way(package):
    async def scenario():
        async with running(package, deadline=0.3) as service:
            service.notebook.gate.clear()
            tasks = [asyncio.create_task(service.post("/shout", [f"{i}"])) for i in range(3)]
            answers = [await task for task in tasks]
            assert [status for status, _, _ in answers] == [503] * 3
            assert {headers["retry-after"] for _, headers, _ in answers} == {"1"}
            service.notebook.gate.set()
            await service.eventually(lambda: not any(line.busy for line in service.front._lines))
            assert predictions([await service.post("/shout", ["d"])]) == [["D"]]
            # Those that were refused while they waited never came to the notebook's code.
            assert len(service.notebook.calls) == 2

    asyncio.run(scenario())


def test_whoever_is_gone_is_not_predicted_for(package):
    async def scenario():
        async with running(package) as service:
            first = await service.hold("/shout", ["a"])
            client = await service.connect()
            await client.send(request("/shout", ["b"]))
            await service.eventually(lambda: service.waiting() == 1)
            client.writer.transport.abort()
            await service.eventually(lambda: len(service.front.connections) == 1)
            service.notebook.gate.set()
            assert (await first)[0] == 200
            await service.eventually(lambda: service.waiting() == 0)
            assert service.notebook.calls == [["a"]]

    asyncio.run(scenario())


# --- in threads ---------------------------------------------------------------------------------


def threads_line(package, **settings):
    made = importlib.import_module(f"{package}.settings").Settings(**settings)
    return importlib.import_module(f"{package}.app").create_app(made, warm=False)


def ask(app, text):
    answer = app.test_client().post("/shout", json=[text])
    return answer.status_code, answer.get_json(force=True)


@pytest.fixture
def notebook(package):
    module = importlib.import_module(f"{package}.notebook")
    module.calls.clear()
    yield module
    module.gate.set()


def wait_for(holds):
    waited = threading.Event()
    for _ in range(4000):
        if holds():
            return
        waited.wait(0.005)
    pytest.fail("it never came to it")


def lines_of(app):
    predict = app.view_functions["predict:shout"]
    cells = dict(zip(predict.__code__.co_freevars, predict.__closure__, strict=True))
    return cells["line"].cell_contents


def test_threads_of_a_wsgi_server_share_calls(package, notebook):
    app = threads_line(package)
    line = lines_of(app)
    notebook.gate.clear()
    with ThreadPoolExecutor(12) as pool:
        first = pool.submit(ask, app, "first")
        wait_for(lambda: line._busy)
        rest = [pool.submit(ask, app, text) for text in ["a", "bad", *"bcdefgh"]]
        wait_for(lambda: len(line.waiting) == 9)
        notebook.gate.set()
        assert first.result() == (200, {"predictions": ["FIRST"]})
        answers = [item.result() for item in rest]
    assert [status for status, _ in answers] == [200, 500] + [200] * 7
    shouted = [body["predictions"][0] for status, body in answers if status == 200]
    assert shouted == list("ABCDEFGH")
    assert len(notebook.calls) < 9


def test_a_thread_that_waits_too_long_gives_up(package, notebook):
    app = threads_line(package, deadline=0.2)
    line = lines_of(app)
    notebook.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, app, "first")
        wait_for(lambda: line._busy)
        status, problem = ask(app, "late")
        assert (status, problem["status"]) == (503, 503)
        assert not line.waiting
        notebook.gate.set()
        assert first.result()[0] == 200
    assert ask(app, "again") == (200, {"predictions": ["AGAIN"]})


def test_too_many_threads_are_refused(package, notebook):
    app = threads_line(package, max_queue=2)
    line = lines_of(app)
    notebook.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(ask, app, "a")]
        wait_for(lambda: line._busy)
        tasks += [pool.submit(ask, app, "b") for _ in range(2)]
        wait_for(lambda: len(line.waiting) == 2)
        answer = app.test_client().post("/shout", json=["c"])
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        notebook.gate.set()
        assert [task.result()[0] for task in tasks] == [200] * 3
