"""Who may ask, and how often: keys, the gate, limits, and what browsers are told."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from datetime import datetime, timezone
from hashlib import sha256

import pytest

from nb2service.runtime.access import gate as gates
from nb2service.runtime.access import keys, limits
from nb2service.runtime.access.gate import Gate, OpenToAllError, check_listening, is_loopback
from nb2service.runtime.access.headers import Cors
from nb2service.runtime.access.keys import Keys, new_entry
from nb2service.runtime.access.limits import Limits
from nb2service.runtime.settings import SettingError, Settings

KEY, OTHER = "key-of-the-lab_" + "x" * 28, "key-of-the-shop_" + "y" * 27
ENTRY = f"lab:{sha256(KEY.encode()).hexdigest()}"
OTHER_ENTRY = f"shop.eu-1:{sha256(OTHER.encode()).hexdigest()}"
NOON = datetime(2027, 1, 31, 12, tzinfo=timezone.utc).timestamp()


# --- keys ---------------------------------------------------------------------------------------


def test_a_new_key_is_long_and_its_entry_holds_only_its_hash():
    key, entry = new_entry("lab")
    assert entry == f"lab:{sha256(key.encode()).hexdigest()}"
    assert len(key) == 43
    assert key.isascii()
    assert key not in entry
    assert new_entry("lab")[0] != key


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "é", "x" * 65, "a\nb"])
def test_a_name_has_nothing_that_entries_could_not_hold(name):
    with pytest.raises(SettingError, match="a key's name is of up to 64 letters"):
        new_entry(name)


@pytest.mark.parametrize(
    "text",
    [
        f"{ENTRY},{OTHER_ENTRY}",
        f" {ENTRY} , {OTHER_ENTRY} ,",
        f"# ours\n\n{ENTRY}\n  {OTHER_ENTRY}  \n",
        f"{ENTRY}\r\n{OTHER_ENTRY}:until=9998-12-31:limit=5/day\r\n",
        f"{ENTRY.upper().replace('LAB', 'lab')},{OTHER_ENTRY}:limit=1/second",
    ],
)
def test_entries_stand_in_the_variable_or_a_line_each_in_the_file(tmp_path, text):
    file = tmp_path / "keys"
    file.write_text(text.replace(",", "\n"))
    for settings in (Settings(api_keys=text), Settings(api_keys_file=str(file))):
        found = Keys(settings)
        assert [found.find(key).name for key in (KEY, OTHER)] == ["lab", "shop.eu-1"]
        for wrong in ("", KEY[:-1], KEY + "x", KEY.upper(), "é", "\u20ac", "x" * 60_000, ENTRY):
            assert found.find(wrong) is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (KEY, "is not NAME:SHA256"),
        (f"lab:{KEY}", "is not NAME:SHA256"),
        (ENTRY[:-1], "is not NAME:SHA256"),
        (ENTRY + "0", "is not NAME:SHA256"),
        (f"{ENTRY}:until=soon", "is not NAME:SHA256"),
        (f"{ENTRY}:until=2027-02-30", ": there is no day 2027-02-30"),
        (f"{ENTRY}:until=9999-12-31", ": there is no day 9999-12-31"),
        (f"{ENTRY}:limit=0/minute", "is not NAME:SHA256"),
        (f"{ENTRY}:limit=5/week", "is not NAME:SHA256"),
        (f"{ENTRY}:limit=5/day:until=2027-01-31", "is not NAME:SHA256"),
        ('{"openai": "sk-1234"}', "is not NAME:SHA256"),
    ],
)
def test_what_is_no_entry_is_named_by_its_place_and_never_shown(tmp_path, entry, message):
    file = tmp_path / "keys"
    file.write_text(f"# one\n{OTHER_ENTRY}\n{entry}\n")
    for settings, where in (
        (Settings(api_keys=f"{OTHER_ENTRY},{entry}"), "API_KEYS, entry 2"),
        (Settings(api_keys_file=str(file)), f"API_KEYS_FILE ({file}), line 3"),
    ):
        with pytest.raises(SettingError) as caught:
            Keys(settings)
        said = str(caught.value)
        assert said.startswith(where)
        assert message in said
        assert "\n" not in said
        assert not any(secret in said for secret in (KEY, KEY[:-1], ENTRY[4:40], "sk-1234"))
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        (b"\xff\xfe", "is no text"),
        (b"# nothing\n", "API_KEYS and API_KEYS_FILE hold no key"),
    ],
)
def test_a_file_that_holds_no_keys_is_refused_at_the_start(tmp_path, content, message):
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingError, match=message):
        Keys(Settings(api_keys_file=str(file)))


def test_a_variable_without_any_key_does_not_open_the_service():
    with pytest.raises(SettingError, match="hold no key"):
        Gate(Settings(api_keys=","))


@pytest.fixture
def at_once(monkeypatch):
    """The file is looked at for each request."""
    monkeypatch.setattr(keys, "_LOOK", 0.0)


def write(file, *entries):
    """As secrets are mounted: a new file takes the place of the old."""
    new = file.with_name("new")
    new.write_text("".join(f"{entry}\n" for entry in entries))
    new.replace(file)


def test_keys_are_rotated_in_the_file_without_a_restart(tmp_path, at_once):
    file = tmp_path / "keys"
    write(file, ENTRY)
    found = Keys(Settings(api_keys_file=str(file), api_keys=OTHER_ENTRY))
    newer, newer_entry = new_entry("lab")
    for entries, good in (
        ([ENTRY], {KEY, OTHER}),
        ([ENTRY, newer_entry], {KEY, newer, OTHER}),
        ([newer_entry], {newer, OTHER}),
    ):
        write(file, *entries)
        assert {key for key in (KEY, newer, OTHER) if found.find(key)} == good


@pytest.mark.parametrize("broken", [f"{OTHER_ENTRY}\nlab:x", "", None])
def test_a_file_that_breaks_while_the_service_runs_changes_nothing(
    tmp_path, at_once, caplog, broken
):
    file = tmp_path / "keys"
    write(file, ENTRY)
    found = Keys(Settings(api_keys_file=str(file)))
    if broken is None:
        file.unlink()
    else:
        write(file, broken)
    with caplog.at_level(logging.ERROR):
        assert found.find(KEY)
        assert found.find(OTHER) is None
    (said,) = caplog.messages  # once, not for each request
    assert '"event": "the keys stay as they were"' in said
    write(file, OTHER_ENTRY)
    assert found.find(OTHER)
    assert found.find(KEY) is None


# --- the gate -----------------------------------------------------------------------------------


def look(gate, path="/predict", method="POST", key="", authorization="", peer="127.0.0.1"):
    return gate.look(method, path, key, authorization, peer, ("", ""))


@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        ({"key": KEY}, None, None),
        ({"authorization": f"Bearer {KEY}"}, None, None),
        ({"authorization": f"bearer   {KEY} "}, None, None),
        ({"key": KEY, "authorization": "Bearer of-the-hub"}, None, None),
        ({}, 401, "Bearer"),
        ({"authorization": "Basic bGFiOng="}, 401, "Bearer"),
        ({"authorization": "Bearer"}, 401, "Bearer"),
        ({"authorization": KEY}, 401, "Bearer"),
        ({"key": OTHER}, 401, 'Bearer error="invalid_token"'),
        ({"authorization": f"Bearer {OTHER}"}, 401, 'Bearer error="invalid_token"'),
        ({"key": OTHER, "authorization": f"Bearer {KEY}"}, 401, 'Bearer error="invalid_token"'),
        ({"key": f"{KEY},{KEY}"}, 401, 'Bearer error="invalid_token"'),
    ],
)
def test_a_good_key_opens_in_either_header(sent, status, told):
    visit = look(Gate(Settings(api_keys=ENTRY)), **sent)
    if status is None:
        assert (visit.key, visit.problem, visit.trusted) == ("lab", None, True)
    else:
        assert (visit.key, visit.problem.status, visit.trusted) == ("", status, False)
        assert visit.problem.headers == {"WWW-Authenticate": told}
        assert KEY not in str(visit) + str(visit.problem.to_json())


OPEN = ["/", "/docs", "/docs/x.js", "/pages/a.css", "/healthz", "/readyz"]
CLOSED = ["/predict", "/openapi.json", "/metadata", "/metrics", "/nothing", "/docsx", "/pages", ""]


@pytest.mark.parametrize(
    ("method", "path", "open_"),
    [
        *(("GET", path, True) for path in OPEN),
        *(("HEAD", path, True) for path in OPEN),
        *(("POST", path, False) for path in OPEN),
        *(("GET", path, False) for path in CLOSED),
        *(("OPTIONS", path, True) for path in CLOSED),
    ],
)
@pytest.mark.parametrize("settings", [{"api_keys": ENTRY}, {}], ids=["keys", "no keys"])
def test_without_a_key_only_what_holds_no_data_is_open(method, path, open_, settings):
    visit = look(Gate(Settings(**settings)), path, method, peer="192.0.2.7")
    assert (visit.problem is None) is open_
    # Who is not known shall not fill the memory either.
    assert visit.trusted is (open_ and not settings)


def test_a_key_is_good_to_the_end_of_its_last_day(monkeypatch):
    gate = Gate(Settings(api_keys=f"{ENTRY}:until=2027-01-31"))
    for hours, good in ((0, True), (11.99, True), (12, False), (1000, False)):
        now = NOON + hours * 3600
        monkeypatch.setattr(gates, "time", lambda now=now: now)
        visit = look(gate, key=KEY)
        assert (visit.problem is None) is good
    assert visit.problem.status == 401
    assert str(visit.problem) == "this API key of lab has expired"


@pytest.mark.parametrize(
    ("settings", "peer", "passes"),
    [
        ({}, "127.0.0.1", True),
        ({}, "", True),
        ({}, "192.0.2.7", False),
        ({"allow_anonymous": True}, "192.0.2.7", True),
        ({"api_keys": ENTRY, "allow_anonymous": True}, "127.0.0.1", False),
    ],
)
def test_without_keys_only_this_machine_may_ask_unless_everybody_may(settings, peer, passes):
    visit = look(Gate(Settings(**settings)), peer=peer)
    assert (visit.problem is None) is passes
    if not passes and "api_keys" not in settings:
        assert visit.problem.status == 403
        assert "API_KEYS" in str(visit.problem)
        assert "ALLOW_ANONYMOUS=1" in str(visit.problem)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("unknown", False),
    ],
)
def test_what_loopback_is(address, loopback):
    assert is_loopback(address) is loopback


LOCAL = [("127.0.0.1", 80), ("::1", 80, 0, 0), "/run/service.sock", b"\0abstract", ""]


def test_the_service_does_not_listen_to_others_unless_told_whom_to_answer():
    check_listening(Settings(), LOCAL)
    for others in (("0.0.0.0", 8080), ("::", 8080, 0, 0), ("192.0.2.7", 8080)):
        with pytest.raises(OpenToAllError) as caught:
            check_listening(Settings(), [*LOCAL, others])
        said = str(caught.value)
        assert all(word in said for word in (others[0], "API_KEYS", "ALLOW_ANONYMOUS=1"))
        assert "\n" not in said
        check_listening(Settings(allow_anonymous=True), [others])
        check_listening(Settings(api_keys=ENTRY), [others])
        check_listening(Settings(api_keys_file="keys"), [others])


# --- limits -------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """Seconds, as the limits have them."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(limits.time, "time_ns", lambda: round(now[0] * 1e9))
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    return now


def test_so_many_requests_pass_and_then_as_many_as_come_back(clock):
    counted = Limits()
    taken = [counted.take("key lab", "6/minute") for _ in range(8)]
    assert [item.retry for item in taken] == [0] * 6 + [10] * 2
    assert [item.remaining for item in taken] == [5, 4, 3, 2, 1, 0, 0, 0]
    assert counted.take("key shop", "6/minute").remaining == 5
    clock[0] += 10
    assert [counted.take("key lab", "6/minute").retry for _ in range(2)] == [0, 10]
    clock[0] += 3600
    assert [counted.take("key lab", "6/minute").retry for _ in range(7)] == [0] * 6 + [10]
    clock[0] -= 86_400  # the clock was put right
    assert counted.take("key lab", "6/minute").retry == 0


@pytest.mark.parametrize(
    ("limit", "policy"),
    [
        ("1/second", '"default";q=1;w=1'),
        ("100/minute", '"default";q=100;w=60'),
        ("2/hour", '"default";q=2;w=3600'),
        ("3/day", '"default";q=3;w=86400'),
    ],
)
def test_clients_are_told_what_they_have_left(clock, limit, policy):
    counted, most = Limits(), int(limit.split("/", maxsplit=1)[0])
    told = [dict(counted.take("key lab", limit).headers()) for _ in range(most + 1)]
    assert {item["RateLimit-Policy"] for item in told} == {policy}
    assert told[-2]["RateLimit"].startswith('"default";r=0;t=')
    assert "Retry-After" not in told[0]
    assert int(told[-1]["Retry-After"]) >= 1


def test_many_callers_do_not_take_each_others_share(clock):
    counted = Limits()
    kept = [counted.take("key lab", "9/day") for _ in range(9)]
    assert all(item.retry == 0 for item in kept)
    assert all(counted.take(f"peer {i}", "1/second").retry == 0 for i in range(3_000))
    assert counted.take("key lab", "9/day").retry > 0


def test_a_key_may_have_a_limit_of_its_own(clock):
    gate = Gate(Settings(api_keys=f"{ENTRY}:limit=2/day,{OTHER_ENTRY}", rate_limit="3/day"))
    for key, name, passes in ((KEY, "lab", 2), (OTHER, "shop.eu-1", 3)):
        visits = [look(gate, key=key) for _ in range(4)]
        assert [visit.problem is None for visit in visits] == [True] * passes + [False] * (
            4 - passes
        )
        assert {visit.key for visit in visits} == {name}
        assert (visits[-1].problem.status, visits[-1].problem.refused) == (429, "limit")
        assert dict(visits[-1].headers)["Retry-After"] in str(visits[-1].problem)


def test_two_keys_of_one_name_share_its_limit(clock):
    newer, newer_entry = new_entry("lab")
    gate = Gate(Settings(api_keys=f"{ENTRY},{newer_entry}", rate_limit="3/day"))
    visits = [look(gate, key=key) for key in (KEY, newer) * 2]
    assert [visit.problem is None for visit in visits] == [True] * 3 + [False]


def test_callers_without_keys_are_counted_by_their_address(clock):
    gate = Gate(Settings(rate_limit="1/day", allow_anonymous=True))
    for peer in ("192.0.2.1", "192.0.2.2", ""):
        assert [look(gate, peer=peer).problem is None for _ in range(2)] == [True, False]
    assert all(look(gate, path, "GET").problem is None for path in OPEN)


COUNTING = """
import sys
from nb2service.runtime.access.limits import Limits
counted = Limits()
print("ready", flush=True)
sys.stdin.readline()
print(sum(counted.take("key lab", "100/day").retry == 0 for _ in range(80)))
"""


def test_processes_share_one_count(tmp_path):
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", COUNTING]
    running = [subprocess.Popen(command, env=environment, **pipes) for _ in range(4)]
    assert [process.stdout.readline() for process in running] == ["ready\n"] * 4
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    passed = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(passed) == 100


HOLDING = """
import time
from nb2service.runtime.access.limits import Limits
counted = Limits()
with counted._locked(0):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_process_that_dies_while_it_counts_holds_up_nobody(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, env={**os.environ}
    )
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.wait()
    begun = time.monotonic()
    with Limits()._locked(0):
        assert time.monotonic() - begun < 30
    holder.stdout.close()


def test_limits_need_a_place_to_count(monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/nowhere/at/all")
    with pytest.raises(SettingError, match="RATE_LIMIT needs a file for its counts"):
        Gate(Settings(rate_limit="1/day"))


# --- other sites --------------------------------------------------------------------------------

ALLOW = "Access-Control-Allow-Origin"


@pytest.mark.parametrize(
    ("origins", "origin", "allowed", "varies"),
    [
        ([], "https://a.example", None, False),
        (["*"], "https://a.example", "*", False),
        (["*"], "", None, False),
        (["https://a.example", "http://b:81"], "https://a.example", "https://a.example", True),
        (["https://a.example", "http://b:81"], "http://b:81", "http://b:81", True),
        (["https://a.example"], "https://evil.example", None, True),
        (["https://a.example"], "https://a.example.evil", None, True),
        (["https://a.example"], "null", None, True),
        (["https://a.example"], "", None, True),
    ],
)
def test_only_named_sites_may_read_answers(origins, origin, allowed, varies):
    for asked in ("", "POST"):
        told = dict(Cors(origins).headers(origin, asked))
        assert told.get(ALLOW) == allowed
        assert (told.get("Vary") == "Origin") is varies
        assert ("Access-Control-Allow-Headers" in told) is bool(asked and allowed)
        assert ("Access-Control-Expose-Headers" in told) is bool(not asked and allowed)
        assert "Access-Control-Allow-Credentials" not in told
