"""pip's settings, said in uv's words: uv reads neither ``pip.conf`` nor ``PIP_…`` variables."""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

# pip option → uv's variable, and what joins several values there.
_VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "timeout": ("UV_HTTP_TIMEOUT", ""),
    "cert": ("SSL_CERT_FILE", ""),
    "proxy": ("ALL_PROXY", ""),
}
# Who says where uv finds packages means it; pip's indexes are not mixed in.
_UV_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX")
# What uv says when it is not the index that says no.
UNREACHABLE = re.compile(
    r"error sending request|dns error|connection refused|failed to connect|timed out"
    r"|network (?:is|was|connectivity) (?:unreachable|(?:is )?disabled)|invalid peer certificate",
    re.IGNORECASE,
)


def is_without_index(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether pip was told to ask no index, which uv takes from its command line only."""
    return environment.get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on")


def uv_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for uv: ``environment``, and what only pip was told so far."""
    options = {**_read_config(environment), **_read_variables(environment)}
    chosen = any(environment.get(name) for name in _UV_INDEXES)
    made = dict(environment)
    for option, (variable, joint) in _VARIABLES.items():
        words = options.get(option, "").split()
        is_index = option in ("index-url", "extra-index-url", "find-links")
        if words and not made.get(variable) and not (is_index and chosen):
            made[variable] = joint.join(words) if joint else words[-1]
            if option == "extra-index-url":
                # As pip does: the pinned version counts, wherever it is.
                made.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return made


def pip_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for pip: ``environment``, and the indexes that only uv was told of."""
    made = dict(environment)
    if any(environment.get(name) for name in _UV_INDEXES):
        usual = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL")
        further = environment.get("UV_INDEX") or environment.get("UV_EXTRA_INDEX_URL") or ""
        told = {
            "PIP_INDEX_URL": _without_name(usual or ""),
            "PIP_EXTRA_INDEX_URL": " ".join(map(_without_name, further.split())),
            "PIP_NO_INDEX": environment.get("UV_NO_INDEX", ""),
        }
        made |= {name: value for name, value in told.items() if value}
    if links := environment.get("UV_FIND_LINKS"):
        made["PIP_FIND_LINKS"] = links.replace(",", " ")
    return made


def _without_name(index: str) -> str:
    """The URL of an index that may have a name before it: ``internal=https://…``."""
    return re.sub(r"^[\w.-]+=(?=\w+:)", "", index)


def _read_variables(environment: Mapping[str, str]) -> dict[str, str]:
    names = {option: "PIP_" + option.upper().replace("-", "_") for option in _VARIABLES}
    names["timeout"] = "PIP_DEFAULT_TIMEOUT"
    return {option: environment[name] for option, name in names.items() if environment.get(name)}


def _read_config(environment: Mapping[str, str]) -> dict[str, str]:
    """The options of pip's configuration files, later files winning, as pip reads them."""
    parser = configparser.RawConfigParser(strict=False)
    for file in _config_files(environment):
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself will complain; it need not keep uv from working
    options: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            options |= parser.items(section)
    return {name.replace("_", "-"): value for name, value in options.items()}


def _config_files(environment: Mapping[str, str]) -> list[Path]:
    """Where pip looks, in its order; a file named by the environment stands for the user's."""
    own = environment.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    home = Path(environment.get("HOME", "~")).expanduser()
    user = [home / ".pip", Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "pip"]
    if sys.platform == "darwin":
        machine = [Path("/Library/Application Support/pip")]
        user.insert(1, home / "Library/Application Support/pip")
    else:
        folders = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        machine = [*(Path(folder) / "pip" for folder in folders.split(":")), Path("/etc")]
    places = [*machine, *([] if own else user), Path(sys.prefix)]
    return [place / "pip.conf" for place in places] + ([Path(own)] if own else [])
