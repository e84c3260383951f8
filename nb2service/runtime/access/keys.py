"""API keys: who holds one, and how they are configured.

    lab:5e88…:until=2027-01-31:limit=100/minute

An entry names the holder and the SHA-256 of the key, the last day on which it is good (UTC), and
how often it may be used. Several entries of one name are all good: so keys are rotated.

The keys are 256 random bits. Nobody guesses one from its hash, however fast the hash is; the slow
and salted hashes that passwords need would only slow down the service.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from hashlib import sha256
from hmac import compare_digest
from math import inf
from pathlib import Path
from time import monotonic

from ..settings import RATE, SettingError, Settings

_ENTRY = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64}):(?P<digest>[0-9a-fA-F]{64})(?P<rest>.*)")
_REST = re.compile(rf"(:until=(?P<until>\d{{4}}-\d\d-\d\d))?(:limit=(?P<limit>{RATE}))?")
_FORM = "is not NAME:SHA256[:until=YYYY-MM-DD][:limit=N/minute]; `key new NAME` makes an entry"
_LOOK = 1.0  # seconds between two looks at the file
_PREFIX = 8  # bytes

log = logging.getLogger(__package__)


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        name: of its holder, as log and metrics have it.
        digest: SHA-256 of the key.
        until: the time, in seconds since 1970, from which on it is no longer good.
        limit: how often it may be used, as in ``RATE_LIMIT``; "" for as often as any.
    """

    name: str
    digest: bytes
    until: float = inf
    limit: str = ""


class Keys:
    """The keys of ``API_KEYS``, and those of the file that ``API_KEYS_FILE`` names.

    The file is read again when it has changed. If it cannot be read then, or is no list of keys,
    those that were good stay so, and the log says why.

    Attributes:
        limited: whether some have a limit of their own.

    Raises:
        SettingError: an entry is malformed, or there is none.
    """

    def __init__(self, settings: Settings) -> None:
        self._file = Path(settings.api_keys_file).absolute() if settings.api_keys_file else None
        self._fixed = _parse(settings.api_keys.replace(",", "\n"), "API_KEYS, entry")
        self._state: object = None
        self._look_at = monotonic() + _LOOK
        self._complaint = ""
        self._take(self._read())
        if not self._by_prefix:
            raise SettingError("API_KEYS and API_KEYS_FILE hold no key")

    def find(self, key: str) -> Key | None:
        """The configured key that this is."""
        if monotonic() >= self._look_at:
            self._look()
        digest = sha256(key.encode("latin-1", "replace")).digest()
        # Of the time that this takes, nobody can learn more than of the digest's first bytes.
        for known in self._by_prefix.get(digest[:_PREFIX], ()):
            if compare_digest(known.digest, digest):
                return known
        return None

    def _look(self) -> None:
        self._look_at = monotonic() + _LOOK
        if self._file is None or _state(self._file) == self._state:
            return
        try:
            found = self._read()
            if not found:
                raise SettingError(f"{self._file} holds no key")
        except SettingError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                event = {"event": "the keys stay as they were", "error": self._complaint}
                log.error("%s", json.dumps(event, ensure_ascii=False))
        else:
            self._complaint = ""
            self._take(found)

    def _read(self) -> list[Key]:
        """What the file holds; afterwards its state is known as that of what was read."""
        if self._file is None:
            return []
        state = _state(self._file)
        try:
            text = self._file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no text"
            raise SettingError(f"API_KEYS_FILE ({self._file}): {reason}") from None
        found = _parse(text, f"API_KEYS_FILE ({self._file}), line")
        self._state = state
        return found

    def _take(self, of_file: list[Key]) -> None:
        by_prefix: dict[bytes, list[Key]] = {}
        for key in (*self._fixed, *of_file):
            by_prefix.setdefault(key.digest[:_PREFIX], []).append(key)
        self._by_prefix = by_prefix
        self.limited = any(key.limit for keys in by_prefix.values() for key in keys)


def new_entry(name: str) -> tuple[str, str]:
    """A new key, and the entry that lets its holder in.

    Raises:
        SettingError: the name has other characters than entries may have.
    """
    key = secrets.token_urlsafe(32)
    entry = f"{name}:{sha256(key.encode()).hexdigest()}"
    if not _ENTRY.fullmatch(entry):
        raise SettingError("a key's name is of up to 64 letters, digits, '.', '_' and '-'")
    return key, entry


def _parse(text: str, where: str) -> list[Key]:
    """The keys of a text with an entry a line; no message quotes it, as it may hold a key."""
    return [
        _key(line.strip(), f"{where} {number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def _key(entry: str, where: str) -> Key:
    found = _ENTRY.fullmatch(entry)
    rest = found and _REST.fullmatch(found["rest"])
    if not found or not rest:
        raise SettingError(f"{where} {_FORM}")
    try:
        until = _end_of(rest["until"]) if rest["until"] else inf
    except (ValueError, OverflowError):
        raise SettingError(f"{where}: there is no day {rest['until']}") from None
    return Key(found["name"], bytes.fromhex(found["digest"]), until, rest["limit"] or "")


def _end_of(day: str) -> float:
    next_day = date.fromisoformat(day) + timedelta(days=1)
    return datetime.combine(next_day, time(), timezone.utc).timestamp()


def _state(file: Path) -> object:
    """What differs when a file is another one, or was written."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
