"""The typed output of an entry, from an answer that it gave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...errors import ContractError, EntryError
from ...runtime.codec.values import encode
from ...runtime.contract import Field, Output
from ...runtime.problems import MissingForm
from ..entries.find import EntryRequest
from ..values import kind_of, pandas_is, type_name
from .fields import array_field, column_field, frame_fields, plain, value_field


def dense(answer: Any) -> Any:
    """The answer as the wire sees it: sparse and tensors as arrays, generators as lists."""
    if hasattr(answer, "toarray"):
        return answer.toarray()
    if hasattr(answer, "__next__"):
        return list(answer)
    if not kind_of(answer) and getattr(answer, "ndim", None) and hasattr(answer, "__array__"):
        import numpy as np

        return np.asarray(answer)
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
        return encode(answer)
    except MissingForm as error:
        raise ContractError(
            f"entry {request.name!r}: the answer of type {type_name(answer)}: {error}",
            "return numbers, text, lists, dicts, an array or a frame",
            request.cell,
        ) from None


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
    if kind == "series" and all(isinstance(label, str) for label in answer.index):
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
        return Output("frame", tuple(_named_by_text(f) for f in frame_fields(answer, where)))
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


def _named_by_text(field: Field) -> Field:
    return field if field.label is None else replace(field, name=str(field.label), label=None)


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
