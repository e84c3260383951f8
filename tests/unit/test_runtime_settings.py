"""Settings from the environment."""

from __future__ import annotations

import pytest

from nb2service.runtime.settings import (
    PORT_NAMES,
    SETTINGS,
    SettingError,
    Settings,
    read_settings,
)


def test_nothing_set_gives_the_defaults_that_the_table_shows():
    settings = read_settings({})
    assert settings == Settings()
    for name, default, meaning in SETTINGS:
        assert str(getattr(settings, name.lower())) == default
        assert meaning


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
