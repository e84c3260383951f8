"""The gate: what a request must bring, decided before its body is read. One for both ways in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from time import time
from typing import Any

from ..problems import Problem
from ..settings import Settings, StartError
from .headers import Cors, Headers
from .keys import Key, Keys

# These hold no data of the service: whether it runs, and its pages, which ask for a key themselves.
_OPEN = frozenset({"/", "/docs", "/healthz", "/readyz"})
_OPEN_FOLDERS = ("/docs/", "/pages/")
_WAYS_OUT = (
    f"set API_KEYS or API_KEYS_FILE (`python -m {__package__.split('.')[-2]} key new NAME` makes "
    "a key), or ALLOW_ANONYMOUS=1 to let everybody in"
)


class OpenToAllError(StartError):
    """The service would listen to everybody, and was not told that it may."""


class Unknown(Problem):
    """The caller is not known (401, or 403 where no key would help)."""

    refused = "key"


class TooOften(Problem):
    """The caller has had its share (429)."""

    refused = "limit"


@dataclass(frozen=True)
class Visit:
    """What the gate says of a request.

    Attributes:
        key: the name of the caller's key; "" without one.
        problem: why there is no answer to it, if so.
        headers: further ones of the answer, whatever that is.
        trusted: whether it may have a large body.
    """

    key: str = ""
    problem: Problem | None = None
    headers: Headers = ()
    trusted: bool = True


ANYBODY = Visit()
# Under this name a WSGI environment has the visit, where it was decided before.
VISIT = "service.visit"


class Gate:
    """Keys, limits and other sites' pages, as the settings have them.

    Attributes:
        idle: whether all that come by ``serve`` may pass, which has looked where it listens.

    Raises:
        SettingError: the entry of a key is malformed, or limits cannot be counted.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = Keys(settings) if settings.api_keys or settings.api_keys_file else None
        self._cors = Cors(settings.cors_origins)
        self._anonymous = settings.allow_anonymous
        self._limit = settings.rate_limit
        self._limits: Any = None
        if self._limit or (self._keys and self._keys.limited):
            self._counted()  # before the workers are forked, so that they share it
        self.idle = not (self._keys or self._limit or self._cors.on)

    def look(
        self, method: str, path: str, key: str, authorization: str, peer: str, cors: tuple[str, str]
    ) -> Visit:
        """Decide of one request.

        Args:
            path: decoded, without the query.
            key, authorization: the headers ``X-API-Key`` and ``Authorization``; "" if absent.
            peer: the address that it came from; "" from this machine without any.
            cors: the headers ``Origin`` and ``Access-Control-Request-Method``, likewise.
        """
        headers = self._cors.headers(*cors)
        if _is_open(method, path):
            return Visit("", None, headers, not self._keys)
        name, limit = "", self._limit
        if self._keys:
            found = self._holder(self._keys, key.strip() or _bearer(authorization))
            if not isinstance(found, Key):
                return Visit("", found, headers, False)
            name, limit = found.name, found.limit or limit
        elif not (self._anonymous or is_loopback(peer)):
            refused = Unknown(403, f"this service answers its own machine alone; {_WAYS_OUT}")
            return Visit("", refused, headers, False)
        if not limit:
            return Visit(name, None, headers)
        verdict = self._counted().take(f"key {name}" if name else f"peer {peer}", limit)
        problem = None
        if verdict.retry:
            problem = TooOften(429, f"the limit is {limit}; try again in {verdict.retry} seconds")
        return Visit(name, problem, (*headers, *verdict.headers()))

    def _holder(self, keys: Keys, given: str) -> Key | Problem:
        """RFC 9110 has 401 for a key that is missing, and for one that is no good; RFC 6750 tells
        them apart by ``error``."""
        if not given:
            detail = "send your API key as X-API-Key, or as Authorization: Bearer"
            return Unknown(401, detail, None, {"WWW-Authenticate": "Bearer"})
        invalid = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        found = keys.find(given)
        if found is None:
            return Unknown(401, "this API key is not known", None, invalid)
        if found.until <= time():
            return Unknown(401, f"this API key of {found.name} has expired", None, invalid)
        return found

    def _counted(self) -> Any:
        """The limits; their library is only needed where some are set."""
        if self._limits is None:
            from .limits import Limits

            self._limits = Limits()
        return self._limits


def check_listening(settings: Settings, addresses: Iterable[Any]) -> None:
    """Refuse to listen to others, by these socket addresses, with nothing to tell them apart.

    Raises:
        OpenToAllError: neither keys are set, nor that anybody may ask.
    """
    if settings.api_keys or settings.api_keys_file or settings.allow_anonymous:
        return
    for address in addresses:
        if isinstance(address, tuple) and not is_loopback(address[0]):
            place = f"{address[0]}:{address[1]}"
            raise OpenToAllError(f"not started: {place} is open to other machines; {_WAYS_OUT}")


def is_loopback(address: str) -> bool:
    """Whether only this machine can have that address; "" stands for a socket in a file."""
    try:
        found: Any = ip_address(address or "127.0.0.1")
    except ValueError:
        return False
    return bool((getattr(found, "ipv4_mapped", None) or found).is_loopback)


def _is_open(method: str, path: str) -> bool:
    if method in ("GET", "HEAD"):
        return path in _OPEN or path.startswith(_OPEN_FOLDERS)
    return method == "OPTIONS"  # browsers send it without a key, to learn whether they may


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
