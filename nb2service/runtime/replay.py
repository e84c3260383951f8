"""Asks a service for recorded predictions again and compares value by value."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .codec.csv_cells import csv_text, format_cell
from .codec.wire import expected_dtype
from .contract import Entry, Field

# post(path, body, content type, accept) → (status, headers, body); Flask's test client and any
# HTTP client fit.
Post = Callable[[str, bytes, str, str], tuple[int, "dict[str, str]", bytes]]

JSON = "application/json"
CSV = "text/csv"


@dataclass(frozen=True)
class Difference:
    """One value that is not as recorded.

    Attributes:
        row: index of the row in the case.
        path: where in the prediction: "", ``[2]``, ``label``, ``scores[0]``; ``status`` or
            ``Prediction-Dtype`` where the answer as a whole differs.
        expected: the recorded wire value.
        got: the service's wire value.
        wire: ``json`` or ``csv``; "" from ``compare``.
        mode: ``batch`` or ``row``; "" from ``compare``.
    """

    row: int
    path: str
    expected: Any
    got: Any
    wire: str = ""
    mode: str = ""

    def __str__(self) -> str:
        where = f"row {self.row}" + (f" {self.path}" if self.path else "")
        how = f" ({self.wire}, {self.mode})" if self.wire else ""
        return f"{where}{how}: expected {_show(self.expected)}, got {_show(self.got)}"


@dataclass(frozen=True)
class Replay:
    """The outcome of replaying one case.

    Attributes:
        counts: (wire, mode) → how many predictions were compared, for each way replayed.
        differences: all that differ; none means parity.
    """

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()

    @property
    def total(self) -> int:
        """How many predictions were compared."""
        return sum(self.counts.values())


def compare(
    expected: list[Any], got: list[Any], rtol: float = 0.0, atol: float = 0.0
) -> list[Difference]:
    """Differences between two lists of wire predictions, in order.

    Exact, JSON type included (``1`` ≠ ``1.0`` ≠ ``true``), null, order, length, and members of
    objects; with a tolerance, fractions may differ by ``atol + rtol·|expected|``.
    """
    found: list[Difference] = []
    if len(expected) != len(got):
        found.append(Difference(min(len(expected), len(got)), "length", len(expected), len(got)))
    for row, (want, have) in enumerate(zip(expected, got, strict=False)):
        found += [Difference(row, *rest) for rest in _compare(want, have, "", rtol, atol)]
    return found


def _compare(
    want: Any, have: Any, path: str, rtol: float, atol: float
) -> list[tuple[str, Any, Any]]:
    if type(want) is not type(have):
        return [(path, want, have)]
    if isinstance(want, list):
        if len(want) != len(have):
            return [(f"{path}.length".lstrip("."), len(want), len(have))]
        pairs = [(f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(want, have, strict=True))]
    elif isinstance(want, dict):
        if want.keys() != have.keys():
            return [(f"{path}.members".lstrip("."), sorted(want), sorted(have))]
        pairs = [(f"{path}.{name}".lstrip("."), want[name], have[name]) for name in want]
    elif isinstance(want, float):
        return [] if _same_float(want, have, rtol, atol) else [(path, want, have)]
    else:
        return [] if want == have else [(path, want, have)]
    return [found for where, a, b in pairs for found in _compare(a, b, where, rtol, atol)]


def _same_float(want: float, have: float, rtol: float, atol: float) -> bool:
    if rtol or atol:
        return want == have or abs(want - have) <= atol + rtol * abs(want)
    return want == have and math.copysign(1, want) == math.copysign(1, have)


def replay(post: Post, entry: Entry, case: dict[str, Any]) -> Replay:
    """Post a recorded case to ``/<entry>`` in every way that gives the same input.

    All rows in one JSON request, each row alone (where the entry answers row by row or the rows
    were recorded), and both again as CSV where the input is a table without nested values.

    Args:
        post: sends one request.
        entry: its contract.
        case: ``instances``, ``batch``, and ``rows``: the first rows' predictions, each alone.
    """
    instances, batch = case["instances"], case["batch"]
    rows = case.get("rows") or (batch if entry.aligned and entry.row_wise else None)
    counts: dict[tuple[str, str], int] = {}
    found: list[Difference] = []
    wires = ["json", "csv"] if _csv_able(entry, instances) else ["json"]
    for wire in wires:
        asked = _ask(post, entry, instances, wire)
        got, differences = _check(asked, batch, entry, True)
        counts[wire, "batch"] = got
        found += [_tagged(item, wire, "batch") for item in differences]
        if not rows or (len(instances) == 1 and rows == batch):
            continue
        counts[wire, "row"] = 0
        for number, (instance, expected) in enumerate(zip(instances, rows, strict=False)):
            asked = _ask(post, entry, [instance], wire)
            got, differences = _check(asked, [expected], entry, False)
            counts[wire, "row"] += got
            found += [_tagged(item, wire, "row", number) for item in differences]
    return Replay(counts, tuple(found))


def _tagged(item: Difference, wire: str, mode: str, row: int | None = None) -> Difference:
    row = item.row if row is None else row
    return Difference(row, item.path, item.expected, item.got, wire, mode)


def _ask(
    post: Post, entry: Entry, instances: list[Any], wire: str
) -> tuple[int, dict[str, str], bytes]:
    body = (
        to_csv(entry, instances)
        if wire == "csv"
        else json.dumps({"instances": instances}, ensure_ascii=False)
    )
    content_type = CSV if wire == "csv" else JSON
    return post(f"/{entry.name}", body.encode(), content_type, JSON)


def _check(
    answer: tuple[int, dict[str, str], bytes], expected: list[Any], entry: Entry, dtypes: bool
) -> tuple[int, list[Difference]]:
    """How many predictions were compared, and what differs."""
    status, headers, body = answer
    if status != 200:
        return 0, [
            Difference(0, "status", 200, f"{status}: {body[:2000].decode(errors='replace')}")
        ]
    got = json.loads(body)["predictions"]
    found = compare(expected, got, entry.rtol, entry.atol)
    named = {name.lower(): value for name, value in headers.items()}
    want, have = expected_dtype(entry.output), named.get("prediction-dtype", "")
    if dtypes and want != have:
        found.append(Difference(0, "Prediction-Dtype", want, have))
    return min(len(expected), len(got)), found


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"


# --- the same rows as CSV -----------------------------------------------------------------------


def to_csv(entry: Entry, instances: list[Any]) -> str:
    """Wire rows as CSV with a header."""
    fields = _csv_fields(entry)
    rows = [[item.name for item in fields]]
    for instance in instances:
        cells = _cells(entry, instance, fields)
        rows.append([format_cell(v, item.type) for v, item in zip(cells, fields, strict=True)])
    return csv_text(rows)


def _csv_fields(entry: Entry) -> list[Field]:
    """One field for each CSV column."""
    first = entry.input.fields[0] if entry.input.fields else Field("value", "any")
    if entry.input.kind in ("frame", "arguments"):
        return list(entry.input.fields)
    if entry.input.kind == "array" and entry.input.shape:
        names = entry.input.names or [f"x{i}" for i in range(entry.input.shape[0])]
        return [Field(str(name), first.type, nullable=first.nullable) for name in names]
    return [Field(first.name or "value", first.type, nullable=first.nullable)]


def _cells(entry: Entry, instance: Any, fields: list[Field]) -> list[Any]:
    if isinstance(instance, dict) and entry.input.kind in ("frame", "arguments"):
        return [instance.get(item.name) for item in fields]
    return instance if isinstance(instance, list) else [instance]


def _csv_able(entry: Entry, instances: list[Any]) -> bool:
    """Whether CSV can carry these rows without loss.

    Not nested values, and neither an absent member nor an empty text where null is allowed:
    both would be an empty cell.
    """
    if len(entry.input.shape) > 1 or not entry.input.fields:
        return False
    fields = _csv_fields(entry)
    for instance in instances:
        if isinstance(instance, dict) and len(instance) != len(fields):
            return False
        for value, item in zip(_cells(entry, instance, fields), fields, strict=True):
            if isinstance(value, (list, dict)) or item.type in ("list", "object"):
                return False
            if (value == "" and item.nullable) or (value is None and not item.nullable):
                return False
    return True
