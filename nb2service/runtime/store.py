"""The saved values of the notebook: checked against the manifest, then loaded."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import pickle
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

# The start of each mapped buffer in its file; no vector instruction asks for more.
ALIGNMENT = 64
_CHUNK = 2**20
FOLDER = Path(__file__).parent / "artifacts"


class ArtifactError(RuntimeError):
    """An artifact is missing, altered, or made with another version of its library."""


@lru_cache(maxsize=1)
def manifest() -> dict[str, dict[str, Any]]:
    """The artifacts by name: file, format, sha256, size, type, cell; empty if there are none.

    ``parts`` are the files beside one, which its pickle refers to: models and tables in formats
    of their own libraries.

    Raises:
        ArtifactError: the manifest is not JSON.
    """
    try:
        text = (FOLDER / "manifest.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    try:
        made: dict[str, dict[str, Any]] = json.loads(text)
    except ValueError as error:
        raise ArtifactError(f"{FOLDER / 'manifest.json'} is not JSON: {error}") from None
    return made


def load(name: str) -> Any:
    """The value that the notebook held as ``name``.

    Raises:
        ArtifactError: not listed, missing, not the bytes that were saved, or saved with a version
            of its library that does not fit the one installed.
    """
    listed = manifest().get(name)
    if listed is None:
        raise ArtifactError(f"{FOLDER / 'manifest.json'} lists no artifact {name!r}")
    path, parts = FOLDER / listed["file"], listed.get("parts", [])
    for part in parts:
        _checked(part).close()
    with _checked(listed) as file, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = _read(file, listed["format"], path, parts)
    for warning in caught:
        if "Trying to unpickle estimator" in str(warning.message):
            raise ArtifactError(f"the artifact {path} does not fit: {_versions(warning.message)}")
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


def _checked(listed: dict[str, Any]) -> BinaryIO:
    """A file of the manifest, opened, if it holds the bytes that were saved."""
    path = FOLDER / listed["file"]
    try:
        file: BinaryIO = path.open("rb")
    except FileNotFoundError:
        raise ArtifactError(f"the artifact {path} is missing") from None
    digest = _sha256(file)
    if digest != listed["sha256"]:
        file.close()
        raise ArtifactError(
            f"the artifact {path} was altered: its sha256 is {digest[:12]}…, "
            f"the manifest says {listed['sha256'][:12]}…"
        )
    file.seek(0)
    return file


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _read(file: BinaryIO, format_: str, path: Path, parts: Sequence[dict[str, Any]] = ()) -> Any:
    if format_ == "pickle":
        return _unpickle(file, parts)
    if format_ == "mapped":
        return _mapped(file, parts)
    raise ArtifactError(f"the artifact {path} has the unknown format {format_!r}")


def _unpickle(file: BinaryIO, parts: Sequence[dict[str, Any]], **how: Any) -> Any:
    if not parts:
        return pickle.load(file, **how)
    from . import native

    try:
        return native.Unpickler(file, FOLDER, parts, **how).load()
    except native.MisfitError as error:
        raise ArtifactError(str(error)) from error


def _mapped(file: BinaryIO, parts: Sequence[dict[str, Any]]) -> Any:
    """A value whose large arrays are the file's own pages.

    All processes share them; a page that one of them writes to becomes a copy of its own.
    The file holds a pickled list of sizes, then buffers of these sizes, each at a multiple of
    ``ALIGNMENT``, then the value's pickle (protocol 5), which refers to the buffers.
    """
    sizes = pickle.load(file)
    pages = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    buffers, position = [], file.tell()
    for size in sizes:
        position += -position % ALIGNMENT
        buffers.append(pages[position : position + size])
        position += size
    file.seek(position)
    return _unpickle(file, parts, buffers=buffers)


def _versions(warning: Any) -> str:
    """What scikit-learn's warning about versions says, in one line."""
    try:
        have, trained = warning.current_sklearn_version, warning.original_sklearn_version
    except AttributeError:  # scikit-learn before 1.3
        return str(warning).split("This might")[0].strip()
    return f"trained with scikit-learn {trained}, installed is {have}; install {trained}"
