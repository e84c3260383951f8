"""Settings from the environment."""

from __future__ import annotations

from dataclasses import fields

import pytest

from nb2service.runtime.server.cores import default_workers
from nb2service.runtime.settings import (
    PORT_NAMES,
    SETTINGS,
    SettingError,
    Settings,
    read_settings,
)


def test_nothing_set_gives_the_defaults_that_the_table_shows():
    assert read_settings({}) == Settings()
    assert read_settings({name: "" for name, _, _ in SETTINGS}) == Settings()
    assert read_settings({name: default for name, default, _ in SETTINGS}) == Settings()
    assert {name.lower() for name, _, _ in SETTINGS} == {field.name for field in fields(Settings)}
    assert all(meaning for _, _, meaning in SETTINGS)


def test_workers_are_by_default_as_many_as_the_container_bears():
    assert read_settings({}).workers == default_workers()
    assert read_settings({"WORKERS": "3"}).workers == 3


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("MICRO_BATCH", "0", 0),
        ("MICRO_BATCH_OFF", "predict, score,", {"predict", "score"}),
        ("MICRO_BATCH_OFF", "", set()),
        ("DEADLINE", "0.25", 0.25),
        ("DEADLINE", "30", 30.0),
        ("LEAN", "0", False),
        ("LEAN", "1", True),
        ("API_KEYS", " lab:00,\n", "lab:00,"),
        ("ALLOW_ANONYMOUS", "1", True),
        ("RATE_LIMIT", "100/minute", "100/minute"),
        ("CORS_ORIGINS", "https://a.example, http://b:81", {"https://a.example", "http://b:81"}),
        ("CORS_ORIGINS", "*", {"*"}),
    ],
)
def test_each_value_is_read_in_its_own_way(name, text, value):
    assert getattr(read_settings({name: text}), name.lower()) == value


def test_the_first_port_of_the_platforms_counts():
    for number, name in enumerate(PORT_NAMES):
        environ = dict.fromkeys(PORT_NAMES[number + 1 :], "1") | {name: "99"}
        assert read_settings(environ).port == 99
    assert read_settings({"AIP_HTTP_PORT": "", "PORT": "5"}).port == 5


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"PORT": "http"}, "PORT must be a whole number, not 'http'"),
        ({"AIP_HTTP_PORT": "x", "PORT": "1"}, "AIP_HTTP_PORT must be a whole number, not 'x'"),
        ({"PORT": "-1"}, "PORT must be between 0 and 65535, not -1"),
        ({"WORKERS": "0"}, "WORKERS must be at least 1, not 0"),
        ({"MAX_BODY": "1e6"}, "MAX_BODY must be a whole number, not '1e6'"),
        ({"MICRO_BATCH": "-1"}, "MICRO_BATCH must be at least 0, not -1"),
        ({"MAX_QUEUE": "0"}, "MAX_QUEUE must be at least 1, not 0"),
        ({"DEADLINE": "0"}, "DEADLINE must be some seconds above 0, not 0.0"),
        ({"DEADLINE": "nan"}, "DEADLINE must be some seconds above 0, not nan"),
        ({"DEADLINE": "inf"}, "DEADLINE must be some seconds above 0, not inf"),
        ({"DEADLINE": "2s"}, "DEADLINE must be a number of seconds, not '2s'"),
        ({"ALLOW_ANONYMOUS": "true"}, "ALLOW_ANONYMOUS must be 0 or 1, not 'true'"),
        ({"RATE_LIMIT": "100"}, "RATE_LIMIT must be like 100/minute, not '100'"),
        ({"RATE_LIMIT": "0/day"}, "RATE_LIMIT must be like 100/minute, not '0/day'"),
        ({"RATE_LIMIT": "5/minutes"}, "RATE_LIMIT must be like 100/minute, not '5/minutes'"),
        (
            {"CORS_ORIGINS": "https://a.example/"},
            "CORS_ORIGINS must be * or like https://app.example, not 'https://a.example/'",
        ),
        (
            {"CORS_ORIGINS": "a.example"},
            "CORS_ORIGINS must be * or like https://app.example, not 'a.example'",
        ),
        ({"LEAN": "yes"}, "LEAN must be 0 or 1, not 'yes'"),
        (
            {"LOG_LEVEL": "loud"},
            "LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, not 'LOUD'",
        ),
    ],
)
def test_a_wrong_value_is_named_in_one_line(environ, message):
    with pytest.raises(SettingError) as caught:
        read_settings(environ)
    assert str(caught.value) == message


def test_what_settings_print_holds_no_hash_of_a_key():
    assert "lab" not in repr(read_settings({"API_KEYS": "lab:00"}))
