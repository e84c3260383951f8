"""The typed input of an entry: what was observed, what the model knows, what the hints say."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import Parameter
from typing import Any

from ...errors import ContractError
from ...runtime.codec.values import is_missing
from ...runtime.contract import Field, Input
from ..entries.estimators import feature_names
from ..entries.find import EntryRequest
from ..entries.signatures import function_of, horizon_of, own_parameters
from .contents import names_a_file
from .fields import (
    MANY_CATEGORIES,
    Namer,
    array_field,
    column_field,
    frame_fields,
    plain,
    value_field,
)
from .hints import class_namer, hint_field, read_hints, with_default

# Types of which JSON itself tells which one a value is.
_TOLD_APART = ("boolean", "integer", "number", "string", "list", "object")


def input_of(
    kind: str, value: Any, request: EntryRequest, namespace: Mapping[str, Any]
) -> tuple[Input, list[str]]:
    """The input that an example shows, and what to know about it.

    Args:
        kind: as ``Input.kind``.
        value: the example: a frame, array, Series or list of rows, or a list of keyword dicts.
        request: the entry that takes it.
        namespace: where classes of the notebook have their names.

    Raises:
        ContractError: something in the example has no faithful form on the wire.
    """
    where = f"entry {request.name!r}: the input"
    if kind == "arguments":
        fields, notes = _argument_fields(value, request, namespace)
        return Input("arguments", fields), notes
    if kind == "frame":
        known = encoder_categories(request.value)
        return Input(
            "frame", tuple(_with_known(field, known) for field in frame_fields(value, where))
        ), []
    if kind == "array":
        names = feature_names(request.value) if value.ndim == 2 else ()
        names = names if value.ndim == 2 and len(names) == value.shape[1] else ()
        return Input("array", (array_field("", value, where),), value.shape[1:], names), []
    if kind == "series":
        label = value.name
        name = "" if label is None else str(label)
        field = column_field(name, value, where)
        return Input("series", (replace(field, label=label),)), []
    namer = class_namer(namespace, f"entry {request.name!r}")
    return Input("list", (loosened(value_field("", value, where, namer)),)), []


def encoder_categories(model: Any, columns: Sequence[str] | None = None) -> dict[str, list[Any]]:
    """Column → the values that an encoder inside a fitted model knows.

    Steps before an encoder count only as long as they keep the columns (imputers, scalers).
    """
    model = getattr(model, "best_estimator_", model)
    columns = list(columns if columns is not None else feature_names(model))
    if hasattr(model, "categories_"):
        return dict(zip(columns, map(list, model.categories_), strict=False))
    found: dict[str, list[Any]] = {}
    for _, part, chosen in getattr(model, "transformers_", ()):
        found |= encoder_categories(part, _chosen_columns(chosen, columns))
    for _, part in getattr(model, "transformer_list", ()):
        found |= encoder_categories(part, columns)
    for _, step in getattr(model, "steps", ()):
        if getattr(step, "n_features_in_", len(columns)) != len(columns):
            break
        found |= encoder_categories(step, columns)
        if found or hasattr(step, "transformers_"):  # which brings columns into its own order
            break
    return found


def _chosen_columns(chosen: Any, columns: list[str]) -> list[str]:
    """The names a ColumnTransformer's selection stands for: names, positions, mask or slice."""
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, slice):
        return columns[chosen] if not isinstance(chosen.start, str) else []
    items = list(chosen) if isinstance(chosen, Sequence) or hasattr(chosen, "__iter__") else []
    if items and all(isinstance(item, bool) or str(item) in ("True", "False") for item in items):
        return [name for name, taken in zip(columns, items, strict=False) if taken]
    if all(isinstance(item, str) for item in items):
        return items
    return [columns[item] for item in items if -len(columns) <= item < len(columns)]


def _with_known(field: Field, known: Mapping[str, list[Any]]) -> Field:
    values = known.get(field.name)
    if field.dtype == "category" or values is None or len(values) > MANY_CATEGORIES:
        return field
    return replace(field, categories=tuple(plain(v) for v in values if not is_missing(v)))


def _argument_fields(
    cases: Sequence[Mapping[str, Any]], request: EntryRequest, namespace: Mapping[str, Any]
) -> tuple[tuple[Field, ...], list[str]]:
    names = class_namer(namespace, f"entry {request.name!r}")
    steps = horizon_of(request)
    hints = {steps: int} if steps else read_hints(function_of(request))
    fields: list[Field] = []
    notes: list[str] = []
    if nameless := _nameless(request):
        notes.append(
            f"entry {request.name!r}: callers can give no names to *{nameless}; the service passes "
            "none"
        )
    for parameter in own_parameters(request):
        if parameter.kind is parameter.VAR_KEYWORD:
            known = {field.name for field in fields} | set(request.bind)
            free = dict.fromkeys(key for case in cases for key in case if key not in known)
            fields += [
                replace(loosened(field), required=all(field.name in case for case in cases))
                for field in (_observed(key, cases, request, names) for key in free)
                if field
            ]
            continue
        where = f"entry {request.name!r}, argument {parameter.name!r}"
        hint = hint_field(parameter.name, hints.get(parameter.name), names, where)
        seen = _observed(parameter.name, cases, request, names)
        if seen and seen.type == "bytes" and seen.python:
            hint = None  # a hint such as str or Image tells less
        if hint and seen and not fits(hint, seen):
            notes.append(
                f"{where}: the hint says {hint.type}, the example holds {seen.type}; "
                "the service goes by the example"
            )
        if hint and hint.categories and not hint.python and _beyond(hint, parameter.name, cases):
            notes.append(f"{where}: the notebook passes a value that its Literal does not list")
            hint = replace(hint, categories=None)
        field = merged(hint, seen)
        optional = parameter.default is not parameter.empty
        if field is None and optional:
            field = _field_of_default(parameter, where, names)
        if field is not None:
            fields.append(with_default(field, parameter.default) if optional else field)
    return tuple(fields), notes


def _nameless(request: EntryRequest) -> str:
    """The ``*args`` of a function; "" if it has none."""
    try:
        parameters = inspect.signature(function_of(request)).parameters.values()
    except (TypeError, ValueError):
        return ""
    return next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")


def _beyond(hint: Field, name: str, cases: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the notebook itself passes what a Literal does not list."""
    known = hint.categories or ()
    return any(plain(case[name]) not in (*known, None) for case in cases if name in case)


def _observed(
    name: str, cases: Sequence[Mapping[str, Any]], request: EntryRequest, names: Namer
) -> Field | None:
    values = [case[name] for case in cases if name in case]
    where = f"entry {request.name!r}, argument {name!r}"
    return value_field(name, values, where, names) if values else None


def _field_of_default(parameter: Parameter, where: str, names: Namer) -> Field | None:
    """The field of an argument of which only the default is known; None if it cannot be one.

    A file of the notebook is none: callers are not to choose which file the service reads.
    """
    if names_a_file(parameter.default):
        return None
    try:
        return loosened(value_field(parameter.name, [parameter.default], where, names))
    except ContractError:
        return None  # the default has no form on the wire, so callers cannot pass it either


def merged(hint: Field | None, seen: Field | None) -> Field | None:
    """What a hint says, with what was observed; observed alone where they contradict each other."""
    if seen is None or hint is None:
        return loosened(seen) if seen else hint
    nullable = hint.nullable or seen.nullable
    if seen.type == "any":
        return replace(hint, nullable=nullable, missing=seen.missing)
    if hint.type == "any" and seen.type in _TOLD_APART and not (seen.python or seen.dtype):
        return replace(hint, nullable=nullable, missing=seen.missing)
    if not fits(hint, seen):
        return loosened(seen)
    if hint.type == "object" and hint.items:
        absent = [member for member in seen.fields if member.nullable]
        of = replace(hint.items, nullable=True, missing=absent[0].missing) if absent else hint.items
        return replace(hint, nullable=nullable, missing=seen.missing, items=of)
    by_name = {field.name: field for field in seen.fields}
    hinted = tuple(
        merged(field, by_name.get(field.name)) or field for field in hint.fields
    ) or tuple(loosened(field) for field in seen.fields)
    return replace(
        seen,
        type=hint.type,
        python=hint.python or seen.python,
        nullable=hint.nullable or seen.nullable,
        categories=hint.categories or seen.categories,
        items=merged(hint.items, seen.items),
        fields=hinted,
        dtype="" if hint.type != seen.type else seen.dtype,
        required=hint.required,
        default=hint.default,
    )


def fits(hint: Field, seen: Field) -> bool:
    """Whether observed values are of the type that a hint says."""
    if hint.items and any(not fits(hint.items, member) for member in seen.fields):
        return False
    if {hint.type, seen.type} & {"any"} or hint.type == seen.type:
        return True
    return (hint.type, seen.type) == ("number", "integer")


def loosened(field: Field) -> Field:
    """A field seen without a hint: a plain whole number may have a fraction another time."""
    plain_number = field.type == "integer" and not (field.dtype or field.python)
    kind = "number" if plain_number else field.type
    return replace(
        field,
        type=kind if not field.categories else field.type,
        items=loosened(field.items) if field.items else None,
        fields=tuple(loosened(member) for member in field.fields),
    )
