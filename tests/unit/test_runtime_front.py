"""HTTP as it is spoken on the wire, by clients good, bad and slow."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from loop_service import LIMIT, forget_package, make_package, request, running


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("front")
    yield make_package(folder, "front_service")
    forget_package(folder, "front_service")


def scenario(package, **options):
    """Run the coroutine function with a service and a connection to it."""

    def run(function):
        async def all_of_it():
            async with running(package, **options) as service:
                client = await service.connect()
                try:
                    await function(service, client)
                finally:
                    await client.close()

        asyncio.run(all_of_it())

    return run


A = b'{"predictions":["A"]}'


# --- requests, as they may be written -----------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        request("/shout", ["a"]),
        request("/shout?x=1", ["a"]),
        request("/%73hout", ["a"]),
        request("http://other:1/shout", ["a"]),
        b"\r\n" + request("/shout", ["a"]),
        b"POST /shout HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        b'2\r\n["\r\n3\r\na"]\r\n0\r\n\r\n',
        b'POST /shout HTTP/1.1\r\nCONTENT-LENGTH: 5\r\nContent-TYPE: application/JSON\r\n\r\n["a"]',
        request("/shout", ["a"], "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"),
        request("/shout", ["a"], f"X-Long: {'x' * 30_000}\r\n"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_a_request_is_understood_however_it_is_written(package, sent, piece):
    @scenario(package)
    async def _(service, client):
        for start in range(0, len(sent), max(piece, len(sent) // 200)):
            await client.send(sent[start : start + max(piece, len(sent) // 200)])
            await asyncio.sleep(0)
        status, headers, body = await client.answer()
        assert (status, body) == (200, A)
        assert headers["content-type"] == "application/json"
        assert len(headers["x-request-id"]) == 32
        assert headers["date"].endswith(" GMT")


def test_headers_of_the_client_come_back_in_answer_and_log(package, capfd):
    @scenario(package)
    async def _(service, client):
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        await client.send(
            request("/shout", ["a"], f"X-Request-ID: abc-1\r\ntraceparent: {parent}\r\n")
        )
        assert (await client.answer())[1]["x-request-id"] == "abc-1"

    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line.get("entry") == "shout"]
    assert (line["id"], line["rows"], line["status"]) == ("abc-1", 1, 200)
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert set(line["ms"]) == {"total", "decode", "wait", "model", "encode"}


@pytest.mark.parametrize(
    ("sent", "connection", "stays"),
    [
        (request("/shout", ["a"]), None, True),
        (request("/shout", ["a"], "Connection: close\r\n"), "close", False),
        (request("/shout", ["a"], version="1.0"), "close", False),
        (
            request("/shout", ["a"], "Connection: keep-alive\r\n", version="1.0"),
            "keep-alive",
            True,
        ),
        (request("/healthz", b"", method="GET"), None, True),
        (request("/healthz", b"", "Connection: close\r\n", method="GET"), "close", False),
    ],
)
def test_the_connection_stays_or_ends_as_the_client_wants(package, sent, connection, stays):
    @scenario(package)
    async def _(service, client):
        await client.send(sent)
        status, headers, _ = await client.answer()
        assert (status, headers.get("connection")) == (200, connection)
        if stays:
            await client.send(request("/shout", ["a"]))
            assert (await client.answer())[2] == A
        else:
            assert await client.rest() == b""


def test_many_requests_in_one_piece_are_answered_in_their_order(package):
    @scenario(package)
    async def _(service, client):
        paths = ["/shout", "/healthz", "/one", "/nothing", "/shout"]
        sent = [
            request(path, {"text": str(i)} if path == "/one" else [str(i)])
            for i in range(60)
            for path in paths
        ]
        await client.send(b"".join(sent))
        for i in range(60):
            answers = [await client.answer() for _ in paths]
            assert [status for status, _, _ in answers] == [200, 405, 200, 404, 200]
            for answer in (answers[0], answers[2], answers[4]):
                assert json.loads(answer[2]) == {"predictions": [str(i)]}


def test_a_body_that_waits_for_a_word_gets_it(package):
    @scenario(package)
    async def _(service, client):
        for before in ([], [["b"]]):
            for body in before:
                await client.send(request("/shout", body))
            head, _, body = request("/shout", ["a"], "Expect: 100-continue\r\n").partition(
                b"\r\n\r\n"
            )
            await client.send(head + b"\r\n\r\n")
            for _ in before:
                assert (await client.answer())[0] == 200
            assert (await client.answer())[0] == 100
            await client.send(body)
            assert (await client.answer())[2] == A


def test_a_head_has_the_headers_alone(package):
    @scenario(package)
    async def _(service, client):
        await client.send(request("/healthz", b"", method="HEAD"))
        status, headers, _ = await client.answer(head_only=True)
        assert (status, headers["content-length"]) == (200, "18")
        await client.send(request("/shout", ["a"]))
        assert (await client.answer())[2] == A


def test_everything_else_is_the_applications(package):
    @scenario(package)
    async def _(service, client):
        for method, path, status in [
            ("GET", "/readyz", 503),
            ("GET", "/metadata?x=1", 200),
            ("GET", "/metrics", 200),
            ("GET", "/openapi.json", 200),
            ("GET", "/shout", 405),
            ("OPTIONS", "/shout", 200),
            ("PUT", "/shout", 405),
            ("POST", "/shout/", 404),
            ("POST", "/n%C3%BCll", 404),
        ]:
            await client.send(request(path, b"", method=method))
            found, headers, body = await client.answer()
            assert found == status, path
            assert "x-request-id" in headers
            if status == 404:
                assert json.loads(body)["detail"].startswith("there is no /")
            if status == 405:
                assert "POST" in headers["allow"]


# --- requests that are none ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST /shout HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /shout HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /shout HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"GET /" + b"x" * 200_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40_000, 431),
        (b"POST /shout HTTP/1.1\r\nContent-Length: 5001\r\n\r\n", 413),
        (b"POST /shout HTTP/1.1\r\nContent-Length: 99999999999999999\r\n\r\n", 413),
        (
            b"POST /shout HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1000\r\n" + b" " * 4096 + b"\r\n1000\r\n" + b" " * 4096 + b"\r\n",
            413,
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_and_the_connection_ends(package, sent, status):
    @scenario(package, max_body=5000)
    async def _(service, client):
        await client.send(request("/shout", ["a"]) + sent)
        assert (await client.answer())[2] == A
        found, headers, body = await client.answer()
        assert (found, headers["connection"]) == (status, "close")
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["status"] == status
        assert await client.rest() == b""
        assert (await service.post("/shout", ["a"]))[2] == A


def test_a_refusal_reaches_a_client_that_is_still_sending(package):
    @scenario(package, max_body=100_000)
    async def _(service, client):
        await client.send(b"POST /shout HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n")
        for _ in range(30):
            await client.send(b"x" * 100_000)
        assert (await client.answer())[0] == 413


def test_bodies_held_at_a_time_are_bounded(package):
    @scenario(package, max_body=100_000)
    async def _(service, client):
        head = b"POST /shout HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"
        clients = [await service.connect() for _ in range(5)]
        for other in clients:
            await other.send(head + b" " * 99_999)
        tasks = [asyncio.create_task(other.answer()) for other in clients]
        done, waiting = await asyncio.wait(
            tasks, timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED
        )
        assert [task.result()[0] for task in done] == [503]
        for task in waiting:
            task.cancel()
        await client.send(request("/shout", ["a"]))  # what is small is taken all the same
        assert (await client.answer())[2] == A
        for other in clients:
            await other.close()
        await service.eventually(lambda: service.front.held == 0)
        large = request("/shout", b'["a"]'.ljust(90_000))
        await client.send(large * 3 + large[:-1])
        for _ in range(3):
            assert (await client.answer())[2] == A
        await service.eventually(lambda: service.front.held == 89_999)
        await client.send(large[-1:])
        assert (await client.answer())[2] == A
        assert service.front.held == 0


# --- clients that take their time ---------------------------------------------------------------

HASTY = {"transfer": 0.3, "idle": 0.3, "linger": 0.3}


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (request("/shout", ["a"]), None),
        (b"POST /sho", b"HTTP/1.1 408 "),
        (b"POST /shout HTTP/1.1\r\nA: b", b"HTTP/1.1 408 "),
        (b"POST /shout HTTP/1.1\r\nContent-Length: 9\r\n\r\n[", b"HTTP/1.1 408 "),
    ],
)
def test_what_never_comes_is_not_waited_for(package, sent, answer):
    @scenario(package, patience=HASTY)
    async def _(service, client):
        await client.send(sent)
        if answer is None:
            assert (await client.answer())[2] == A
        assert (await client.rest()).startswith(answer or b"")
        await service.eventually(lambda: not service.front.connections)


def test_a_byte_now_and_then_does_not_hold_a_place_for_ever(package):
    @scenario(package, patience=HASTY)
    async def _(service, client):
        for byte in b"POST /shout HTTP/1.1\r\nA: bcdefghijklmnopqrstuvwxyz":
            if client.reader.at_eof() or not service.front.connections:
                break
            await client.send(bytes([byte]))
            await asyncio.sleep(0.02)
        else:
            pytest.fail("it was waited for")
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


def test_an_answer_that_is_not_taken_is_thrown_away(package):
    @scenario(package, patience={"transfer": 0.2, "rate": 1e9})
    async def _(service, client):
        connection = client.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.reader._limit = 1024
        await client.send(request("/large", ["9000000"]))
        await service.eventually(lambda: service.front.connections)
        await service.eventually(lambda: not service.front.connections)
        assert (await service.post("/shout", ["a"]))[2] == A


def test_whoever_reads_slowly_gets_all_of_it(package):
    @scenario(package)
    async def _(service, client):
        await client.send(request("/large", ["3000000"]) + request("/shout", ["a"]))
        _, headers, _ = await client.answer(head_only=True)
        left = int(headers["content-length"])
        while left:
            left -= len(await client.reader.read(min(left, 200_000)))
            await asyncio.sleep(0.005)
        assert (await client.answer())[2] == A


def test_the_slow_and_the_large_do_not_keep_others_waiting(package):
    @scenario(package, deadline=30)
    async def _(service, client):
        slow = [await service.connect() for _ in range(50)]
        for number, other in enumerate(slow):
            await other.send(request("/shout", ["a"])[: 5 + number])
        nested = b"[" * 4_000_000
        large = b'["' + b'","'.join([b"0" * 50] * 100_000) + b'"]'
        others = [
            asyncio.create_task(service.post("/shout", body)) for body in (nested, large, nested)
        ]
        longest = 0.0
        clock = asyncio.get_running_loop().time
        while not all(task.done() for task in others):
            begin = clock()
            await client.send(request("/shout", ["a"]))
            assert (await client.answer())[2] == A
            longest = max(longest, clock() - begin)
            await asyncio.sleep(0.01)
        assert longest < 5
        assert [(await task)[0] for task in others] == [400, 200, 400]
        for number, other in enumerate(slow):
            await other.send(request("/shout", ["a"])[5 + number :])
            assert (await other.answer())[2] == A
            await other.close()


def test_health_is_answered_while_all_threads_compute(package):
    @scenario(package, threads=2)
    async def _(service, client):
        service.notebook.gate.clear()
        others = [asyncio.create_task(service.post("/one", {"text": str(i)})) for i in range(8)]
        await service.eventually(lambda: service.waiting() == 6)
        await client.send(request("/healthz", b"", method="GET"))
        assert (await client.answer())[0] == 200
        service.notebook.gate.set()
        answers = [json.loads((await task)[2]) for task in others]
        assert answers == [{"predictions": [str(i)]} for i in range(8)]


# --- the end ------------------------------------------------------------------------------------


def test_what_came_in_is_answered_before_the_end(package):
    @scenario(package, patience={"farewell": 0.3})
    async def _(service, client):
        begun, idle, fresh = [await service.connect() for _ in range(3)]
        await begun.send(request("/shout", ["a"])[:30])
        await idle.send(request("/shout", ["a"]))
        await idle.answer()
        under_way = await service.hold("/shout", ["b"])
        await client.send(request("/shout", ["a"]) * 3)
        await service.eventually(lambda: service.waiting() == 1)
        service.front.drain()
        await idle.send(request("/shout", ["a"]))  # on its way when the end was decided
        await fresh.send(request("/shout", ["a"]))
        await asyncio.sleep(0.1)
        assert not service.front.ended.done()
        service.notebook.gate.set()
        assert json.loads((await under_way)[2]) == {"predictions": ["B"]}
        for last in (idle, fresh):
            _, headers, body = await last.answer()
            assert (headers["connection"], body) == ("close", A)
        answers = [await client.answer() for _ in range(3)]
        assert [headers.get("connection") for _, headers, _ in answers] == [None, None, "close"]
        await begun.send(request("/shout", ["a"])[30:])
        assert (await begun.answer())[1]["connection"] == "close"
        for other in (begun, idle, fresh, client):
            assert await other.rest() == b""
            await other.close()
        await asyncio.wait_for(service.front.ended, LIMIT)


def test_idle_connections_are_closed_at_the_end(package):
    @scenario(package, patience={"farewell": 0.1})
    async def _(service, client):
        await client.send(request("/shout", ["a"]))
        await client.answer()
        service.front.drain()
        assert await client.rest() == b""
        await asyncio.wait_for(service.front.ended, LIMIT)
