"""scikit-learn estimators without pickle, where the person asks for it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

from ....errors import CaptureError
from .part import Numbers, Part, timeless


def estimator(value: Any, _: Sequence[Any]) -> Part:
    """An estimator as skops' file, every type of which skops trusts.

    Raises:
        CaptureError: skops is not installed, cannot save it, or does not know a type of it.
    """
    try:
        from skops import io as skops
    except ImportError:
        raise CaptureError("--skops needs skops", "%pip install skops") from None
    kind = type(value).__name__
    hint = "leave out --skops, to save it by pickle"
    try:
        data = skops.dumps(value)
        unknown = skops.get_untrusted_types(data=data)
    except Exception as error:
        raise CaptureError(f"skops cannot save this {kind}: {error}", hint) from None
    if unknown:
        raise CaptureError(
            f"skops does not know all types of this {kind}: {', '.join(unknown)}", hint
        )
    return Part("skops", ".skops", _repeatable(data), "skops", (), frozenset({"sklearn"}))


def _repeatable(archive: bytes) -> bytes:
    """The archive with numbers in place of the memory addresses that skops names objects by."""
    numbers = Numbers(r'(?:"__id__": |"file": ")([\w-]+)')
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        schema = numbers.replace(held.read("schema.json").decode())

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name == "schema.json":
            return name, schema.encode()
        return numbers.replace(f'"file": "{name}')[9:], content

    return timeless(io.BytesIO(archive), change)
