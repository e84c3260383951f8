"""Keys and limits on the wire of ``serve``, where bodies of strangers are not read."""

from __future__ import annotations

import asyncio
import importlib
import json
from hashlib import sha256

import pytest
from loop_service import forget_package, make_package, request, running

KEY, LIMITED = "key-of-the-lab_" + "x" * 28, "key-of-the-shop_" + "y" * 27
KEYS = (
    f"lab:{sha256(KEY.encode()).hexdigest()},"
    f"shop:{sha256(LIMITED.encode()).hexdigest()}:limit=2/day"
)
GOOD = f"X-API-Key: {KEY}\r\n"
SHOP = f"Authorization: Bearer {LIMITED}\r\n"
BAD = f"X-API-Key: {KEY[::-1]}\r\n"
A = b'{"predictions":["A"]}'
LARGE = 100_000


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("access")
    yield make_package(folder, "access_service")
    forget_package(folder, "access_service")


@pytest.fixture
def scenario(package, monkeypatch):
    """Run a coroutine function with a service that has keys, and a connection to it."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)

    def run(function, **settings):
        async def all_of_it():
            async with running(package, **{"api_keys": KEYS, **settings}) as service:
                client = await service.connect()
                try:
                    await function(service, client)
                finally:
                    await client.close()

        asyncio.run(all_of_it())

    return run


@pytest.mark.parametrize(
    "header",
    [
        GOOD,
        f"x-api-KEY:{KEY}\r\n",
        f"X-API-Key: \t {KEY} \r\n",
        f"AUTHORIZATION: bearer {KEY}\r\n",
        f"Authorization: Basic eDp5\r\n{GOOD}",
        f"{GOOD}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
    ],
)
def test_a_good_key_is_answered_however_it_is_written(scenario, header):
    async def ask(service, client):
        await client.send(request("/shout", ["a"], header))
        status, headers, body = await client.answer()
        assert (status, body) == (200, A)
        assert headers["cache-control"] == "no-store"

    scenario(ask)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("", "Bearer"),
        ("X-API-Key:\r\n", "Bearer"),
        ("Authorization: Basic eDp5\r\n", "Bearer"),
        (BAD, 'Bearer error="invalid_token"'),
        (GOOD + GOOD, 'Bearer error="invalid_token"'),
        (GOOD + BAD, 'Bearer error="invalid_token"'),
        (f"X-API-Key: {'x' * 60_000}\r\n", 'Bearer error="invalid_token"'),
        ("X-API-Key: schlüssel\r\n", 'Bearer error="invalid_token"'),
        (f"X_API_KEY: {KEY}\r\n", "Bearer"),
        (f"X-API-Key: {KEY}\x00\r\n", None),
    ],
)
@pytest.mark.parametrize("path", ["/shout", "/metadata"])
def test_any_other_is_refused_and_the_connection_goes_on(scenario, header, told, path):
    async def ask(service, client):
        for _ in range(2):
            await client.send(request(path, ["a"], header))
            status, headers, body = await client.answer()
            if told is None:
                assert status == 400  # no HTTP, and no key
                return
            assert (status, headers["www-authenticate"]) == (401, told)
            assert headers["content-type"] == "application/problem+json"
            assert json.loads(body)["status"] == 401
        await client.send(request("/shout", ["a"], GOOD))
        assert (await client.answer())[2] == A

    scenario(ask)


@pytest.mark.parametrize(
    "headers",
    [
        f"Content-Length: {LARGE}\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\nExpect: 100-continue\r\n",
    ],
)
@pytest.mark.parametrize("body", [b"", b"x" * 1000], ids=["held back", "begun"])
def test_nobody_waits_for_a_body_that_will_not_be_read(scenario, headers, body):
    async def ask(service, client):
        await client.send(b"POST /shout HTTP/1.1\r\n" + headers.encode() + b"\r\n" + body)
        status, told, _ = await client.answer()
        assert (status, told["connection"]) == (401, "close")
        # What follows is no request: whoever smuggles one in is not answered.
        await client.send(request("/shout", ["a"], GOOD))
        assert await client.rest() == b""
        assert service.notebook.calls == []

    scenario(ask)


def test_a_refused_body_is_passed_over_and_what_follows_is_a_request(scenario):
    smuggled = request("/shout", ["smuggled"], GOOD)

    async def ask(service, client):
        await client.send(request("/shout", smuggled) + request("/shout", ["a"], GOOD))
        assert (await client.answer())[0] == 401
        assert (await client.answer())[2] == A
        assert service.notebook.calls == [["a"]]
        assert service.front.held == 0

    scenario(ask)


def test_each_of_many_requests_in_one_piece_is_looked_at(scenario):
    async def ask(service, client):
        asked = [("/shout", GOOD), ("/shout", ""), ("/metadata", BAD), ("/metadata", GOOD)]
        sent = [
            request(path, ["a"] if path == "/shout" else b"", header,
                    "POST" if path == "/shout" else "GET")
            for path, header in asked * 10
        ]  # fmt: skip
        await client.send(b"".join(sent))
        answers = [(await client.answer())[0] for _ in sent]
        assert answers == [200, 401, 401, 200] * 10

    scenario(ask)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "http://other/healthz", 200),
        ("GET", "/%68ealthz?x", 200),
        ("GET", "/metrics", 401),
        ("HEAD", "/metrics", 401),
        ("GET", "/nothing", 401),
        ("GET", "/pages/../metadata", 404),
        ("GET", "/pages/%2e%2e/metadata", 404),
        ("GET", "/docs/..%2fmetadata", 404),
        ("GET", "//metadata", 401),
        ("GET", "/healthz/", 401),
        ("GET", "*", 401),
        ("OPTIONS", "/shout", 200),
        ("PUT", "/shout", 401),
        ("DELETE", "/", 401),
    ],
)
def test_only_what_holds_no_data_is_open(scenario, method, path, status):
    async def ask(service, client):
        await client.send(request(path, b"", method=method))
        answer = await client.answer(head_only=method == "HEAD")
        assert answer[0] == status
        assert answer[1]["x-content-type-options"] == "nosniff"
        await client.send(request("/shout", ["a"], GOOD))
        assert (await client.answer())[2] == A

    scenario(ask)


@pytest.mark.parametrize(
    "framing", [f"Content-Length: {LARGE}\r\n", "Transfer-Encoding: chunked\r\n"]
)
def test_strangers_cannot_fill_the_memory_at_open_paths(scenario, framing):
    async def ask(service, client):
        body = b"" if "Length" in framing else b"%x\r\n" % LARGE + b"x" * LARGE
        await client.send(b"GET /healthz HTTP/1.1\r\n" + framing.encode() + b"\r\n" + body)
        assert (await client.answer())[0] == 413
        known = await service.connect()
        await known.send(request("/shout", ["a" * LARGE], GOOD))
        assert (await known.answer())[0] == 200
        await known.close()

    scenario(ask)


def test_a_key_that_was_used_up_says_when_to_come_again(scenario):
    async def ask(service, client):
        header = f"X-API-Key: {LIMITED}\r\n"
        # A request that the parser reads twice is one.
        upgrade = header + "Connection: Upgrade\r\nUpgrade: h2c\r\n"
        await client.send(request("/shout", ["a"], upgrade))
        status, told, _ = await client.answer()
        assert (status, told["ratelimit"]) == (200, '"default";r=1;t=43200')
        client = await service.connect()
        await client.send(request("/metadata", b"", header, method="GET"))
        assert (await client.answer())[0] == 200
        for path, method in (("/shout", "POST"), ("/metadata", "GET")):
            await client.send(request(path, ["a"] if method == "POST" else b"", header, method))
            status, told, body = await client.answer()
            assert status == 429
            assert 43_000 < int(told["retry-after"]) <= 43_200
            assert told["ratelimit-policy"] == '"default";q=2;w=86400'
            assert json.loads(body)["detail"].startswith("the limit is 2/day; try again in 43")
        await client.send(request("/shout", ["a"], GOOD))
        assert (await client.answer())[0] == 200
        await client.close()

    scenario(ask)


def test_pages_of_other_sites_read_what_they_were_allowed(scenario):
    async def ask(service, client):
        origin = "Origin: https://app.example\r\n"
        preflight = origin + "Access-Control-Request-Method: POST\r\n"
        await client.send(request("/shout", b"", preflight, method="OPTIONS"))
        status, told, _ = await client.answer()
        assert (status, told["access-control-allow-origin"]) == (200, "https://app.example")
        assert "X-API-Key" in told["access-control-allow-headers"]
        for path, header, expected in (
            ("/shout", GOOD, 200),
            ("/shout", "", 401),
            ("/no", GOOD, 404),
        ):
            await client.send(request(path, ["a"], header + origin))
            status, told, _ = await client.answer()
            assert (status, told["access-control-allow-origin"]) == (
                expected,
                "https://app.example",
            )
            assert told["vary"] == "Origin"
            assert "RateLimit" in told["access-control-expose-headers"]
        await client.send(request("/shout", ["a"], GOOD + "Origin: https://evil.example\r\n"))
        status, told, _ = await client.answer()
        assert "access-control-allow-origin" not in told

    scenario(ask, cors_origins=frozenset({"https://app.example"}))


def test_log_and_metrics_have_the_keys_name_and_never_the_key(scenario, package, capfd):
    asked = [("/together", GOOD), ("/together", BAD), ("/together", SHOP),
             ("/metadata", GOOD), ("/metadata", BAD), ("/nothing", GOOD)]  # fmt: skip

    async def ask(service, client):
        for path, header in asked * 3:
            await client.send(request(path, ["a"], header))
            await client.answer()
        await client.send(request("/metrics", b"", GOOD, method="GET"))
        metrics = (await client.answer())[2].decode()
        counted = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
                   for line in metrics.splitlines() if line.startswith("service_")}  # fmt: skip
        labels = '{entry="together",key="%s",status="%s"}'
        found = {
            (key, status): counted.get("service_key_requests_total" + labels % (key, status))
            for key, status in (("lab", 200), ("shop", 200), ("shop", 429), ("lab", 401), ("", 401))
        }
        assert found == {
            ("lab", 200): 3, ("shop", 200): 2, ("shop", 429): 1, ("lab", 401): None, ("", 401): None
        }  # fmt: skip
        assert counted['service_key_rows_total{entry="together",key="lab"}'] == 3
        assert counted['service_refused_total{entry="together",reason="key"}'] == 3
        assert counted['service_refused_total{entry="together",reason="limit"}'] == 1
        assert not holds_secrets(metrics)

    scenario(ask, log_level="DEBUG")
    importlib.import_module(f"{package}.observing").flush()
    output = "".join(capfd.readouterr())
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    said = [(line.get("key"), line.get("status"), line.get("refused")) for line in lines
            if line.get("path") == "/together"]  # fmt: skip
    assert said.count(("lab", 200, None)) == 3
    assert said.count((None, 401, "key")) == 3
    assert said.count(("shop", 429, "limit")) == 1
    assert {line["key"] for line in lines if line.get("path") == "/metadata" and "key" in line} == {
        "lab"
    }
    assert not holds_secrets(output)


def holds_secrets(text):
    secrets = [KEY, KEY[::-1], LIMITED, *(entry.split(":")[1] for entry in KEYS.split(","))]
    return [secret for secret in secrets if secret in text]


# --- under other servers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "settings", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("", {}, 200),  # a socket in a file
        ("192.0.2.7", {}, 403),
        ("2001:db8::7", {}, 403),
        ("192.0.2.7", {"allow_anonymous": True}, 200),
        ("192.0.2.7", {"api_keys": KEYS}, 401),
    ],
)
def test_where_the_app_does_not_know_who_can_reach_it_the_address_counts(
    package, peer, settings, status
):
    settings = importlib.import_module(f"{package}.settings").Settings(**settings)
    client = importlib.import_module(f"{package}.app").create_app(settings).test_client()
    client.environ_base["REMOTE_ADDR"] = peer
    told = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}  # anybody can say so
    answer = client.post("/shout", json=["a"], headers=told)
    assert answer.status_code == status
    assert client.get("/metadata", headers=told).status_code == status
    assert client.get("/healthz").status_code == 200
    if status == 403:
        assert answer.mimetype == "application/problem+json"
        said = answer.json["detail"]
        assert "`python -m access_service key new NAME` makes a key" in said
        assert "ALLOW_ANONYMOUS=1" in said
