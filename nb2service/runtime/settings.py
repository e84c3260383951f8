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
        "seconds after which a worker that hangs is replaced; at shutdown, requests have as long "
        "to finish, 25 seconds at most",
    ),
    ("LOG_LEVEL", "INFO", "DEBUG, INFO (one line a request), WARNING or ERROR"),
)


class StartError(Exception):
    """The service cannot start; the message says why in one line."""


class SettingError(StartError):
    """A setting has a value that it cannot have."""


@dataclass(frozen=True)
class Settings:
    """The service's settings; see ``SETTINGS`` for their meaning.

    Raises:
        SettingError: a value that the setting cannot have.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    threads: int = 4
    max_batch: int = 100_000
    max_body: int = 100_000_000
    timeout: int = 60
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        for name in ("workers", "threads", "max_batch", "max_body", "timeout"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name.upper()} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.port <= 65_535:
            raise SettingError(f"PORT must be between 0 and 65535, not {self.port}")
        if self.log_level not in LOG_LEVELS:
            known = ", ".join(LOG_LEVELS)
            raise SettingError(f"LOG_LEVEL must be one of {known}, not {self.log_level!r}")


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from environment variables; an empty one counts as not set.

    Raises:
        SettingError: a value that the setting cannot have, named in one line.
    """
    default = Settings()
    port_name = next((name for name in PORT_NAMES if environ.get(name)), "PORT")
    return Settings(
        host=environ.get("HOST") or default.host,
        port=_integer(environ, port_name, default.port),
        workers=_integer(environ, "WORKERS", default.workers),
        threads=_integer(environ, "THREADS", default.threads),
        max_batch=_integer(environ, "MAX_BATCH", default.max_batch),
        max_body=_integer(environ, "MAX_BODY", default.max_body),
        timeout=_integer(environ, "TIMEOUT", default.timeout),
        log_level=(environ.get("LOG_LEVEL") or default.log_level).upper(),
    )


def _integer(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    try:
        return int(text)
    except ValueError:
        raise SettingError(f"{name} must be a whole number, not {text!r}") from None
