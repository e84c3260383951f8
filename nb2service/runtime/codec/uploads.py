"""Bytes of a request as the notebook's code takes them: an image, an open file, a path."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

from ..contract import Field

# Those that Pillow reads by itself: it would start other programs for some.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "ICO")


class Uploaded(str):
    """The path of a file with the bytes of a request, as text."""

    def content(self) -> bytes:
        """The bytes."""
        return Path(self).read_bytes()


class UploadedPath(type(Path())):  # type: ignore[misc]
    """The path of a file with the bytes of a request."""

    def content(self) -> bytes:
        """The bytes."""
        return self.read_bytes()  # type: ignore[no-any-return]


def from_bytes(data: bytes, field: Field) -> Any:
    """What the entry receives of the bytes of a field with ``python``.

    Raises:
        ValueError: they are no image.
    """
    if field.python == "file":
        return io.BytesIO(data)
    if field.python == "image":
        return _image(data, field.dtype)
    return in_a_file(data, field.label or "", Uploaded if field.python == "path" else UploadedPath)


def in_a_file(data: bytes, suffix: str, kind: type) -> Any:
    """The path of a new file, which is removed when nobody holds the path any more."""
    handle, name = tempfile.mkstemp(suffix)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    path = kind(name)
    weakref.finalize(path, _remove, name)
    return path


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        Path(name).unlink()


def _image(data: bytes, mode: str) -> Any:
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
        image.load()
        return image.convert(mode) if mode and image.mode != mode else image
    except Exception:  # whatever Pillow's readers of broken files raise
        raise ValueError(f"must be an image file: {', '.join(_FORMATS)}") from None
