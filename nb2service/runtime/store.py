"""The saved values of the notebook: checked against the manifest, then loaded."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "artifacts"


class ArtifactError(RuntimeError):
    """An artifact is missing, altered, or made with another version of its library."""


@lru_cache(maxsize=1)
def manifest() -> dict[str, dict[str, Any]]:
    """The artifacts by name: file, format, sha256, size, type, cell; empty if there are none.

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
        ArtifactError: not listed, missing, not the bytes that were saved, or saved with another
            version of scikit-learn than the one installed.
    """
    listed = manifest().get(name)
    if listed is None:
        raise ArtifactError(f"{FOLDER / 'manifest.json'} lists no artifact {name!r}")
    path = FOLDER / listed["file"]
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ArtifactError(f"the artifact {path} is missing") from None
    digest = hashlib.sha256(data).hexdigest()
    if digest != listed["sha256"]:
        raise ArtifactError(
            f"the artifact {path} was altered: its sha256 is {digest[:12]}…, "
            f"the manifest says {listed['sha256'][:12]}…"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = _read(data, listed["format"], path)
    for warning in caught:
        if "Trying to unpickle estimator" in str(warning.message):
            raise ArtifactError(f"the artifact {path} does not fit: {_versions(warning.message)}")
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return value


def _read(data: bytes, format_: str, path: Path) -> Any:
    if format_ == "pickle":
        return pickle.loads(data)
    if format_ == "joblib":
        import joblib

        return joblib.load(io.BytesIO(data))
    raise ArtifactError(f"the artifact {path} has the unknown format {format_!r}")


def _versions(warning: Any) -> str:
    """What scikit-learn's warning about versions says, in one line."""
    try:
        have, trained = warning.current_sklearn_version, warning.original_sklearn_version
    except AttributeError:  # scikit-learn before 1.3
        return str(warning).split("This might")[0].strip()
    return f"trained with scikit-learn {trained}, installed is {have}; install {trained}"
