"""What can be set from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

# Serverless and model platforms each name the port in their own way; the first one set counts.
PORT_NAMES = ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT", "PORT", "LISTENING_PORT")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# (name, default, meaning), as the README shows it.
SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("HOST", "127.0.0.1", "address to listen on; `0.0.0.0` for all"),
    (
        "PORT",
        "8080",
        "port to listen on (also AIP_HTTP_PORT, SAGEMAKER_BIND_TO_PORT, LISTENING_PORT)",
    ),
    ("WORKERS", "1", "worker processes; they share the model's memory where the system can"),
    ("THREADS", "4", "requests that one worker handles at a time"),
    ("MAX_BATCH", "100000", "rows that one request may hold"),
    ("MAX_BODY", "100000000", "bytes that one request may hold"),
    (
        "TIMEOUT",
        "60",
        "seconds after which a worker that does not answer is replaced, and that "
        "requests may take to finish at shutdown",
    ),
    ("LOG_LEVEL", "INFO", "DEBUG, INFO (one line a request), WARNING or ERROR"),
)


class SettingError(ValueError):
    """A setting has a value that it cannot have."""


@dataclass(frozen=True)
class Settings:
    """The service's settings; see ``SETTINGS`` for their meaning."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    threads: int = 4
    max_batch: int = 100_000
    max_body: int = 100_000_000
    timeout: int = 60
    log_level: str = "INFO"


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from environment variables; an empty one counts as not set.

    Raises:
        SettingError: a value that the setting cannot have, named in one line.
    """
    default = Settings()
    port_name = next((name for name in PORT_NAMES if environ.get(name)), "PORT")
    level = (environ.get("LOG_LEVEL") or default.log_level).upper()
    if level not in LOG_LEVELS:
        raise SettingError(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, not {level!r}")
    return Settings(
        host=environ.get("HOST") or default.host,
        port=_integer(environ, port_name, default.port, 0, 65_535),
        workers=_integer(environ, "WORKERS", default.workers, 1, 1000),
        threads=_integer(environ, "THREADS", default.threads, 1, 1000),
        max_batch=_integer(environ, "MAX_BATCH", default.max_batch, 1),
        max_body=_integer(environ, "MAX_BODY", default.max_body, 1),
        timeout=_integer(environ, "TIMEOUT", default.timeout, 1),
        log_level=level,
    )


def _integer(
    environ: Mapping[str, str], name: str, default: int, low: int, high: int | None = None
) -> int:
    text = environ.get(name) or str(default)
    try:
        value = int(text)
    except ValueError:
        raise SettingError(f"{name} must be a whole number, not {text!r}") from None
    if value < low or (high is not None and value > high):
        limit = f"at least {low}" if high is None else f"between {low} and {high}"
        raise SettingError(f"{name} must be {limit}, not {value}")
    return value
