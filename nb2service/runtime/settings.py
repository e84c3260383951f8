"""What can be set from the environment."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .server.cores import default_workers

# Serverless and model platforms each name the port in their own way; the first one set counts.
PORT_NAMES = ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT", "PORT", "LISTENING_PORT")
# How often a caller may ask.
RATE = r"[1-9][0-9]{0,8}/(?:second|minute|hour|day)"
_ORIGIN = re.compile(r"\*|https?://[^\s/,*?#@]+")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

# (name, default, meaning), as the README shows it.
SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("HOST", "127.0.0.1", "address to listen on; `0.0.0.0` for all"),
    (
        "PORT",
        "8080",
        "port to listen on (also AIP_HTTP_PORT, SAGEMAKER_BIND_TO_PORT, LISTENING_PORT)",
    ),
    (
        "WORKERS",
        "",
        "worker processes; they share the model's memory where the system can. If not set: one "
        "for each CPU that the container may use, as far as it has 256 MB of memory for each; "
        "one in all where a notebook or `nb2service run` starts the service",
    ),
    ("THREADS", "4", "calls of the notebook's code that one worker has under way at a time"),
    ("MAX_BATCH", "100000", "rows that one request may hold"),
    ("MAX_BODY", "100000000", "bytes that one request may hold"),
    (
        "MICRO_BATCH",
        "1024",
        "rows of concurrent requests that one call of the model may answer together; 0 to answer "
        "each request by a call of its own",
    ),
    ("MICRO_BATCH_OFF", "", "entries whose requests are never joined, separated by commas"),
    (
        "MAX_QUEUE",
        "1000",
        "requests that may wait in one worker; beyond that the answer is 503 with Retry-After",
    ),
    (
        "DEADLINE",
        "30",
        "seconds from a request's arrival to its answer; when they are over the answer is 503",
    ),
    (
        "LEAN",
        "1",
        "0 to always call the model's own methods, also where the build found a shorter way to "
        "bit-identical answers",
    ),
    (
        "TIMEOUT",
        "60",
        "seconds after which a worker that hangs is replaced; at shutdown, requests have as long "
        "to finish, 25 seconds at most",
    ),
    (
        "API_KEYS",
        "",
        "keys of callers, separated by commas: `NAME:SHA256` each, as `key new NAME` prints it, "
        "then if wanted `:until=2027-01-31` and `:limit=100/minute`. Needed where other machines "
        "can reach the service",
    ),
    (
        "API_KEYS_FILE",
        "",
        "a file with further such keys, one a line; it is read again when it changes",
    ),
    ("ALLOW_ANONYMOUS", "0", "1 to let everybody in where no keys are set"),
    (
        "RATE_LIMIT",
        "",
        "requests that each key may make, such as `100/minute` (second, minute, hour or day): that "
        "many at once, then at that pace; each address where no keys are set",
    ),
    (
        "CORS_ORIGINS",
        "",
        "sites whose pages may read answers, such as `https://app.example`, separated by commas; "
        "`*` for all",
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
    workers: int = field(default_factory=default_workers)
    threads: int = 4
    max_batch: int = 100_000
    max_body: int = 100_000_000
    micro_batch: int = 1024
    micro_batch_off: frozenset[str] = frozenset()
    max_queue: int = 1000
    deadline: float = 30.0
    lean: bool = True
    timeout: int = 60
    api_keys: str = field(default="", repr=False)
    api_keys_file: str = ""
    allow_anonymous: bool = False
    rate_limit: str = ""
    cors_origins: frozenset[str] = frozenset()
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        for name in ("workers", "threads", "max_batch", "max_body", "max_queue", "timeout"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name.upper()} must be at least 1, not {getattr(self, name)}")
        if self.micro_batch < 0:
            raise SettingError(f"MICRO_BATCH must be at least 0, not {self.micro_batch}")
        if not 0 < self.deadline < math.inf:
            raise SettingError(f"DEADLINE must be some seconds above 0, not {self.deadline}")
        if not 0 <= self.port <= 65_535:
            raise SettingError(f"PORT must be between 0 and 65535, not {self.port}")
        if self.rate_limit and not re.fullmatch(RATE, self.rate_limit):
            raise SettingError(f"RATE_LIMIT must be like 100/minute, not {self.rate_limit!r}")
        for origin in sorted(self.cors_origins):
            if not _ORIGIN.fullmatch(origin):
                raise SettingError(
                    f"CORS_ORIGINS must be * or like https://app.example, not {origin!r}"
                )
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
        micro_batch=_integer(environ, "MICRO_BATCH", default.micro_batch),
        micro_batch_off=_names(environ, "MICRO_BATCH_OFF"),
        max_queue=_integer(environ, "MAX_QUEUE", default.max_queue),
        deadline=_seconds(environ, "DEADLINE", default.deadline),
        lean=_switch(environ, "LEAN", default.lean),
        timeout=_integer(environ, "TIMEOUT", default.timeout),
        api_keys=environ.get("API_KEYS", "").strip(),
        api_keys_file=environ.get("API_KEYS_FILE", ""),
        allow_anonymous=_switch(environ, "ALLOW_ANONYMOUS", default.allow_anonymous),
        rate_limit=environ.get("RATE_LIMIT", "").strip(),
        cors_origins=_names(environ, "CORS_ORIGINS"),
        log_level=(environ.get("LOG_LEVEL") or default.log_level).upper(),
    )


def _integer(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    try:
        return int(text)
    except ValueError:
        raise SettingError(f"{name} must be a whole number, not {text!r}") from None


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name) or str(default)
    try:
        return float(text)
    except ValueError:
        raise SettingError(f"{name} must be a number of seconds, not {text!r}") from None


def _names(environ: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(environ.get(name, "").replace(",", " ").split())


def _switch(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name) or str(int(default))
    if text not in ("0", "1"):
        raise SettingError(f"{name} must be 0 or 1, not {text!r}")
    return text == "1"
