"""pip's settings reach uv, and never against what uv was told itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2service.launch.indexes import uv_environment

INDEX, EXTRA = "https://own.example/simple", "https://extra.example/simple"
BEST = {"UV_INDEX_STRATEGY": "unsafe-best-match"}


@pytest.fixture
def nothing_configured(tmp_path: Path) -> dict[str, str]:
    """An environment in which no configuration file is found."""
    return {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, {}),
        ({"PIP_INDEX_URL": INDEX}, {"UV_DEFAULT_INDEX": INDEX}),
        ({"PIP_EXTRA_INDEX_URL": f"{INDEX} {EXTRA}"}, {"UV_INDEX": f"{INDEX} {EXTRA}", **BEST}),
        ({"PIP_FIND_LINKS": "/a /b"}, {"UV_FIND_LINKS": "/a,/b"}),
        ({"PIP_TRUSTED_HOST": "own.example"}, {"UV_INSECURE_HOST": "own.example"}),
        ({"PIP_DEFAULT_TIMEOUT": "180"}, {"UV_HTTP_TIMEOUT": "180"}),
        ({"PIP_CERT": "/own.pem"}, {"SSL_CERT_FILE": "/own.pem"}),
        ({"PIP_CERT": "/own.pem", "SSL_CERT_FILE": "/other.pem"}, {}),
        ({"PIP_PROXY": "http://proxy:3128"}, {"ALL_PROXY": "http://proxy:3128"}),
        ({"PIP_INDEX_URL": INDEX, "UV_DEFAULT_INDEX": EXTRA}, {}),
        ({"PIP_EXTRA_INDEX_URL": INDEX, "UV_INDEX_URL": EXTRA}, {}),
        ({"PIP_CERT": "/own.pem", "UV_INDEX": EXTRA}, {"SSL_CERT_FILE": "/own.pem"}),
    ],
)
def test_variables(
    told: dict[str, str], expected: dict[str, str], nothing_configured: dict[str, str]
) -> None:
    before = {**nothing_configured, **told}
    assert uv_environment(before) == {**before, **expected}


def test_a_file_of_the_user_is_read_and_variables_win(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(
        f"[global]\nindex-url = https://lost.example\nextra_index_url =\n  {INDEX}\n  {EXTRA}\n"
        f"[install]\nfind-links = /wheels\n"
    )
    before = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path), "PIP_INDEX_URL": INDEX}
    made = uv_environment(before)
    assert made["UV_DEFAULT_INDEX"] == INDEX
    assert made["UV_INDEX"].split()[-2:] == [INDEX, EXTRA]
    assert made["UV_FIND_LINKS"] == "/wheels"


def test_a_file_named_by_the_environment_wins_over_the_users(tmp_path: Path) -> None:
    own = tmp_path / "own.conf"
    own.write_text(f"[global]\nindex-url = {INDEX}\n")
    user = tmp_path / ".pip" / "pip.conf"
    user.parent.mkdir()
    user.write_text(f"[global]\nindex-url = {EXTRA}\n")
    before = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)}
    assert uv_environment(before)["UV_DEFAULT_INDEX"] == EXTRA
    assert uv_environment({**before, "PIP_CONFIG_FILE": str(own)})["UV_DEFAULT_INDEX"] == INDEX


def test_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / ".pip" / "pip.conf"
    file.parent.mkdir()
    file.write_text("no section\n")
    before = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path), "PIP_INDEX_URL": INDEX}
    assert uv_environment(before)["UV_DEFAULT_INDEX"] == INDEX
