"""The saved values of the notebook: checked against the manifest, then loaded."""

from __future__ import annotations

import hashlib
import io
import json
import mmap
import os
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from .pickles import ForbiddenNameError, Readable, Unpickler
from .settings import StartError

# The start of each mapped buffer in its file; no vector instruction asks for more.
ALIGNMENT = 64
_CHUNK = 2**20
_LISTED = {"file": str, "format": str, "sha256": str, "size": int}
FOLDER = Path(__file__).parent / "artifacts"


class ArtifactError(StartError):
    """An artifact is missing, altered, or made with another version of its library."""


@lru_cache(maxsize=1)
def manifest() -> dict[str, dict[str, Any]]:
    """The artifacts by name: file, format, sha256, size, type, cell; empty if there are none.

    ``globals`` are the names that its pickle may import. ``parts`` are the files beside it, which
    its pickle refers to: models and tables in formats of their own libraries.

    Raises:
        ArtifactError: the manifest is not JSON, or does not list files of its own folder.
    """
    path = FOLDER / "manifest.json"
    try:
        made: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}") from None
    try:
        files = [item for listed in made.values() for item in (listed, *listed.get("parts", ()))]
        sound = all(_is_sound(item) for item in files)
    except (AttributeError, KeyError, TypeError):
        sound = False
    if not sound:
        raise ArtifactError(f"{path} does not list files of its folder, each with size and sha256")
    return made


def _is_sound(listed: Mapping[str, Any]) -> bool:
    file = listed["file"]
    typed = all(type(listed[name]) is kind for name, kind in _LISTED.items())
    return typed and file not in ("", ".", "..") and not {"/", "\\", ":", "\0"} & set(file)


def load(name: str) -> Any:
    """The value that the notebook held as ``name``.

    Raises:
        ArtifactError: not listed, missing, not the bytes that were saved, or saved with a version
            of its library that does not fit the one installed.
    """
    listed = manifest().get(name)
    if listed is None:
        raise ArtifactError(f"{FOLDER / 'manifest.json'} lists no artifact {name!r}")
    with ExitStack() as stack, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # All are checked before the first is read.
        parts = [(part, stack.enter_context(_checked(part))) for part in listed.get("parts", ())]
        value = _read(listed, parts)
    for warning in caught:
        if "Trying to unpickle estimator" in str(warning.message):
            said = _versions(warning.message)
            raise ArtifactError(f"the artifact {FOLDER / listed['file']} does not fit: {said}")
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return value


def prepare() -> None:
    """Set what libraries look at when they are imported; called before any of them is."""
    for listed in manifest().values():
        for part in listed.get("parts", []):
            for name, value in part.get("environment", {}).items():
                os.environ.setdefault(name, value)


def crosses_fork() -> bool:
    """Whether all artifacts may be loaded before workers are forked, which then share them.

    Loading some models starts threads. They do not survive a fork: the first call of a worker
    would wait for them for ever.
    """
    return not any(listed.get("threads") for listed in manifest().values())


def _opened(listed: Mapping[str, Any]) -> BinaryIO:
    """A file of the manifest, if it is as long as the one that was saved."""
    path = FOLDER / listed["file"]
    if not path.is_file():
        raise ArtifactError(f"the artifact {path} is {'no file' if path.exists() else 'missing'}")
    file: BinaryIO = path.open("rb")
    if (size := os.fstat(file.fileno()).st_size) != listed["size"]:
        file.close()
        raise ArtifactError(
            f"the artifact {path} was altered: it has {size} bytes, the manifest says "
            f"{listed['size']}"
        )
    return file


def _checked(listed: Mapping[str, Any]) -> BinaryIO:
    """A file of the manifest, opened, if it holds the bytes that were saved."""
    file, digest = _opened(listed), hashlib.sha256()
    try:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        _compare(listed, digest.hexdigest())
    except ArtifactError:
        file.close()
        raise
    file.seek(0)
    return file


def _compare(listed: Mapping[str, Any], digest: str) -> None:
    if digest != listed["sha256"]:
        raise ArtifactError(
            f"the artifact {FOLDER / listed['file']} was altered: its sha256 is {digest[:12]}…, "
            f"the manifest says {listed['sha256'][:12]}…"
        )


class _Held(io.RawIOBase):
    """The rest of a file in memory: what was hashed is what is read. What was read is let go of."""

    def __init__(self, file: Readable, digest: Any) -> None:
        self._chunks: deque[bytes | memoryview] = deque()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            self._chunks.append(chunk)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._chunks:
            return 0
        chunk = memoryview(self._chunks.popleft())
        count = min(len(chunk), len(buffer))
        buffer[:count] = chunk[:count]
        if count < len(chunk):
            self._chunks.appendleft(chunk[count:])
        return count


def _read(listed: Mapping[str, Any], parts: Sequence[tuple[Mapping[str, Any], BinaryIO]]) -> Any:
    path, digest = FOLDER / listed["file"], hashlib.sha256()
    buffers: Sequence[memoryview] = ()
    with _opened(listed) as file:
        if listed["format"] == "pickle":
            held = _Held(file, digest)
        elif listed["format"] == "mapped":
            held, buffers = _mapped(file, digest)
        else:
            raise ArtifactError(f"the artifact {path} has the unknown format {listed['format']!r}")
    _compare(listed, digest.hexdigest())
    stream, names = io.BufferedReader(held, _CHUNK), listed.get("globals", ())
    try:
        if not parts:
            return Unpickler(stream, names, buffers=buffers).load()
        from .native import Unpickler as NativeUnpickler

        return NativeUnpickler(stream, names, parts, buffers=buffers).load()
    except ForbiddenNameError as error:
        raise ArtifactError(f"the artifact {path} {error}") from None


def _mapped(file: BinaryIO, digest: Any) -> tuple[_Held, list[memoryview]]:
    """The pickle of a value whose large arrays are the file's own pages, and these.

    All processes share them; a page that one of them writes to becomes a copy of its own.
    The file holds a pickled list of sizes, then buffers of these sizes, each at a multiple of
    ``ALIGNMENT``, then the value's pickle (protocol 5), which refers to the buffers.
    """
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    pages = memoryview(mapped)
    buffers, position = [], 0
    with suppress(Exception):  # altered; the hash tells
        sizes = Unpickler(mapped, ()).load()
        position = mapped.tell()
        for size in sizes:
            position += -position % ALIGNMENT
            buffers.append(pages[position : position + size])
            position += size
        mapped.seek(position)
    digest.update(pages[: mapped.tell()])
    return _Held(mapped, digest), buffers


def _versions(warning: Any) -> str:
    """What scikit-learn's warning about versions says, in one line."""
    try:
        have, trained = warning.current_sklearn_version, warning.original_sklearn_version
    except AttributeError:  # scikit-learn before 1.3
        return str(warning).split("This might")[0].strip()
    return f"trained with scikit-learn {trained}, installed is {have}; install {trained}"
