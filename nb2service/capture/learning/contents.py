"""Arguments that name or hold a file: callers send its bytes instead."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from ...errors import ContractError, Nb2ServiceError
from ...runtime.codec.uploads import Uploaded, UploadedPath, in_a_file
from ..outside.files import unrecorded

# Of an example; the recorded cases hold it as text.
_MOST_BYTES = 20_000_000


def names_a_file(value: Any) -> bool:
    """Whether a text or path names a file that is there."""
    if not isinstance(value, (str, PurePath)) or isinstance(value, (Uploaded, UploadedPath)):
        return False
    try:
        return bool(PurePath(value).suffix) and Path(value).is_file()
    except (OSError, ValueError):  # far too long, or with a null
        return False


def as_received(value: Any, answers: Callable[[Any], Any], where: str) -> Any:
    """A file, or a list of files, as the service passes it; any other value itself.

    Args:
        value: one argument.
        answers: calls the entry with another value in its place.
        where: the argument, for messages.

    Raises:
        ContractError: a file is too large for an example.
    """
    items = value if isinstance(value, list) else [value]
    if not items or not all(names_a_file(item) or isinstance(item, io.IOBase) for item in items):
        return value
    if all(map(names_a_file, items)):
        # A text is a path only if the entry fails where there is no such file.
        gone = [type(item)(f"{item}.gone{PurePath(item).suffix}") for item in items]
        try:
            answers(gone if isinstance(value, list) else gone[0])
        except Nb2ServiceError:
            pass
        else:
            return value
    made = [_as_upload(item, where) for item in items]
    return made if isinstance(value, list) else made[0]


def _as_upload(value: Any, where: str) -> Any:
    if isinstance(value, io.BytesIO):
        return io.BytesIO(value.getvalue())
    path = value if not isinstance(value, io.IOBase) else getattr(value, "name", None)
    if not names_a_file(path):
        raise ContractError(
            f"{where} is an open file whose content is not to be had again",
            "take bytes: data = open(path, 'rb').read()",
        )
    with unrecorded():
        data = Path(path).read_bytes()  # type: ignore[arg-type]
    if len(data) > _MOST_BYTES:
        raise ContractError(
            f"{where}: the file {os.fspath(path)} is too large for an example",  # type: ignore
            "call the entry with a smaller one",
        )
    if isinstance(value, io.IOBase):
        return io.BytesIO(data)
    kind = Uploaded if isinstance(value, str) else UploadedPath
    return in_a_file(data, PurePath(value).suffix, kind)
