"""Tables, arrays and lists alike: what a live value is, how many rows it has, some of its rows.

Numpy and pandas are looked up among the loaded modules: a notebook without them works too,
and a value of theirs cannot exist before they are loaded.
"""

from __future__ import annotations

import copy
import dataclasses
import io
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..runtime.codec.uploads import Uploaded, UploadedPath
from ..runtime.codec.values import is_missing


def numpy_is(value: Any, *names: str) -> bool:
    """Whether ``value`` is an instance of one of numpy's classes called ``names``."""
    return _is_of("numpy", value, names)


def pandas_is(value: Any, *names: str) -> bool:
    """Whether ``value`` is an instance of one of pandas' classes called ``names``."""
    return _is_of("pandas", value, names)


def _is_of(module: str, value: Any, names: tuple[str, ...]) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, tuple(getattr(loaded, n) for n in names))


def kind_of(value: Any) -> str:
    """``frame``, ``series``, ``array`` or ``list`` for a value that holds rows; else ""."""
    if pandas_is(value, "DataFrame"):
        return "frame"
    if pandas_is(value, "Series"):
        return "series"
    if numpy_is(value, "ndarray") and value.ndim:
        return "array"
    return "list" if isinstance(value, list) else ""


def type_name(value: Any) -> str:
    """The type name as one imports it, for messages: ``scipy.sparse.csr_matrix``, ``list``."""
    kind = type(value)
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    public = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    return ".".join([*public, kind.__qualname__])


def take_rows(value: Any, positions: Sequence[int]) -> Any:
    """The rows at ``positions``, as a new value of the same kind (frames keep their index)."""
    if kind_of(value) in ("frame", "series"):
        return value.iloc[list(positions)].copy()
    if kind_of(value) == "array":
        return value[list(positions)]
    return [copy.deepcopy(value[position]) for position in positions]


def is_pydantic(kind: Any) -> bool:
    """Whether a class is a pydantic model (either major version)."""
    return isinstance(kind, type) and (hasattr(kind, "model_fields") or hasattr(kind, "__fields__"))


def is_record(value: Any) -> bool:
    """Whether a value is an instance of a dataclass, a pydantic model or a named tuple."""
    kind = type(value)
    return dataclasses.is_dataclass(kind) or is_pydantic(kind) or is_named_tuple(kind)


def is_named_tuple(kind: Any) -> bool:
    """Whether a class was made by ``NamedTuple`` or ``namedtuple``."""
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def members(value: Any) -> dict[str, Any]:
    """A record's members by name."""
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    kind = type(value)
    if is_named_tuple(kind):
        return value._asdict()  # type: ignore[no-any-return]
    names = getattr(kind, "model_fields", None) or kind.__fields__
    return {name: getattr(value, name) for name in names}


def is_content(value: Any) -> bool:
    """Whether a value stands for bytes: an image of Pillow, a file in memory, an uploaded file."""
    image = type(value).__module__.startswith("PIL.") and hasattr(value, "tobytes")
    return image or isinstance(value, (io.BytesIO, Uploaded, UploadedPath))


def content(value: Any) -> Any:
    """What two values that stand for bytes must have in common."""
    if isinstance(value, io.BytesIO):
        return value.getvalue()
    if hasattr(value, "tobytes"):
        return value.mode, value.size, value.tobytes()
    return value.content()


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in type, dtype, order and every item; missing equals missing."""
    kind = kind_of(one)
    if kind != kind_of(other):
        return False
    if kind == "frame":
        return same_labels(one.columns, other.columns) and all(
            same(one.iloc[:, i], other.iloc[:, i]) for i in range(one.shape[1])
        )
    if kind == "series":
        if str(one.dtype) != str(other.dtype) or not same_labels(one.index, other.index):
            return False
        return (
            _same_items(one.tolist(), other.tolist())
            if one.dtype == "object"
            else bool(one.equals(other))
        )
    if kind == "array":
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype.kind == "O":
            return _same_items(one.ravel().tolist(), other.ravel().tolist())
        return bool(((one == other) | ((one != one) & (other != other))).all())
    return _same_plain(one, other)


def same_labels(one: Any, other: Any) -> bool:
    """Whether two pandas indexes hold the same labels in the same order."""
    return len(one) == len(other) and all(a == b for a, b in zip(one, other, strict=True))


def _same_items(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))


def _same_plain(one: Any, other: Any) -> bool:
    if is_missing(one) or is_missing(other):
        return is_missing(one) and is_missing(other)
    # A numpy scalar among Python objects: whether the entry minds is seen from its answer.
    one, other = (v.item() if numpy_is(v, "generic") else v for v in (one, other))
    if is_content(one):
        return is_content(other) and content(one) == content(other)
    if type(one) is not type(other):
        return False
    # Of equal moments, one may be on the other side of a change of the clocks tomorrow.
    if str(getattr(one, "tzinfo", None)) != str(getattr(other, "tzinfo", None)):
        return False
    if is_record(one):
        one, other = members(one), members(other)
    if isinstance(one, Mapping):
        return list(one) == list(other) and _same_items(list(one.values()), list(other.values()))
    if isinstance(one, (list, tuple)):
        return _same_items(one, other)
    return bool(one == other)
