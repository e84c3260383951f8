"""The typed output of an entry, from an answer that it gave."""

from __future__ import annotations

from collections import deque
from collections.abc import MappingView
from dataclasses import replace
from typing import Any

import msgspec

from ...errors import ContractError, EntryError
from ...runtime.codec.values import encode
from ...runtime.contract import Output
from ...runtime.problems import MissingForm
from ..entries.find import EntryRequest
from ..values import kind_of, pandas_is, type_name
from .dtypes import named_by_text
from .fields import array_field, column_field, frame_fields, plain, value_field

# Lists by another name, all of them.
_LISTED = (MappingView, deque, range)


def dense(answer: Any) -> Any:
    """The answer as the wire sees it: sparse and tensors as arrays, generators as lists."""
    if hasattr(answer, "toarray"):
        return answer.toarray()
    if (hasattr(answer, "__next__") and not hasattr(answer, "read")) or isinstance(answer, _LISTED):
        return list(answer)
    if not kind_of(answer) and hasattr(answer, "ndim") and hasattr(answer, "__array__"):
        import numpy as np

        return np.asarray(answer)[()]  # a scalar, where it has no axis
    return answer


def to_wire(answer: Any, request: EntryRequest) -> Any:
    """The wire form of a whole answer.

    Raises:
        EntryError: there is no answer.
        ContractError: it has no form on the wire.
    """
    if answer is None:
        raise EntryError(
            f"entry {request.name!r} returns None",
            "return the answer; what a function prints does not reach the caller",
            request.cell,
        )
    try:
        wire = encode(answer)
        msgspec.json.encode(wire)  # refuses halves of characters
    except (MissingForm, RecursionError, UnicodeError) as error:
        raise ContractError(
            f"entry {request.name!r}: the answer of type {type_name(answer)}: {error}",
            _mend(answer),
            request.cell,
        ) from None
    return wire


def _mend(answer: Any) -> str:
    if hasattr(answer, "savefig"):
        return "return its bytes: savefig(buffer := io.BytesIO()); return buffer.getvalue()"
    if hasattr(answer, "read"):
        return "return what it holds: .read()"
    if type(answer).__module__ == "__main__":
        return f"make {type(answer).__qualname__} a dataclass, or return a dict"
    return "return numbers, text, dates, bytes, lists, dicts, dataclasses, an array or a frame"


def by_position(answer: Any, count: int) -> Any:
    """An answer for ``count`` rows as the service sends it: a Series without its labels."""
    if kind_of(answer) == "series" and len(answer) == count:
        return answer.reset_index(drop=True)
    return answer


def lost_labels(answer: Any) -> str:
    """The labels of rows of an answer that do not go out with it, for messages; "" if none."""
    kind = kind_of(answer)
    if kind not in ("frame", "series") or pandas_is(answer.index, "RangeIndex"):
        return ""
    if kind == "series":
        from ...runtime.codec.arrays import label_texts

        if not len(answer) or label_texts(answer.index) is not None:
            return ""  # goes out as an object by label
    shown = [str(label) for label in answer.index[:3]]
    return ", ".join(shown + ["…"] * (len(answer) > 3))


def output_of(answer: Any, dtype: str, aligned: bool, request: EntryRequest) -> Output:
    """The output that an answer for several rows shows.

    Args:
        answer: what the entry returned, dense.
        dtype: of the live answer, as the ``Prediction-Dtype`` header names it.
        aligned: whether it has one item a row; else it is one ``value``.
        request: the entry.

    Raises:
        ContractError: the answer has no faithful form on the wire.
    """
    where = f"entry {request.name!r}: the answer"
    if not aligned:
        return value_output([answer], dtype, request)
    kind = kind_of(answer)
    if kind == "frame":
        return Output("frame", frame_fields(named_by_text(answer), where))
    if kind == "series":
        name = "" if answer.name is None else str(answer.name)
        return Output("series", (column_field(name, answer, where),))
    if kind == "array":
        field = replace(array_field("", answer, where), dtype=dtype)
        return _with_meaning(Output("array", (field,), answer.shape[1:]), request)
    return Output("list", (replace(value_field("", answer, where), dtype=dtype),))


def value_output(answers: list[Any], dtype: str, request: EntryRequest) -> Output:
    """The output of calls each of which gave one prediction.

    Raises:
        ContractError: an answer has no faithful form on the wire.
    """
    where = f"entry {request.name!r}: the answer"
    return Output("value", (replace(value_field("", answers, where), dtype=dtype),))


def _with_meaning(output: Output, request: EntryRequest) -> Output:
    """Class labels and feature names, where the model tells what positions or values mean."""
    classes = getattr(request.value, "classes_", None) if request.method else None
    if classes is not None and kind_of(classes) in ("array", "list"):
        known = tuple(plain(label) for label in classes)
        if request.method == "predict" and not output.shape and len(known) <= 100:
            return replace(output, fields=(replace(output.fields[0], categories=known),))
        if output.shape == (len(known),):
            return replace(output, names=known)
    if request.method == "transform" and len(output.shape) == 1:
        names = _names_out(request.value)
        if len(names) == output.shape[0]:
            return replace(output, names=names)
    return output


def _names_out(model: Any) -> tuple[str, ...]:
    try:
        return tuple(map(str, model.get_feature_names_out()))
    # Every library's own reasons not to know the names; they are documentation only.
    except Exception:
        return ()
