"""Rows as the bytes of a request, and the bytes of an answer as values."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Objects by column name, or lists of numbers.
Rows = list[Any]


@dataclass(frozen=True)
class Wire:
    """One way to send rows to one server.

    Attributes:
        content_type: of the request.
        encode: makes the body.
    """

    content_type: str
    encode: Callable[[Rows], bytes]


def json_wire(document: Callable[[Rows], Any]) -> Wire:
    """JSON, in the document that the server wants."""
    return Wire(
        "application/json",
        lambda rows: json.dumps(document(rows), separators=(",", ":")).encode(),
    )


def columns_of(rows: Rows) -> dict[str, list[Any]]:
    """The same values by column; columns of an array are called by their numbers."""
    first = rows[0]
    names = first if isinstance(first, dict) else range(len(first))
    return {str(name): [row[name] for row in rows] for name in names}


def to_csv(rows: Rows) -> bytes:
    """A header and a line a row."""
    columns = columns_of(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def to_arrow(rows: Rows) -> bytes:
    """An Arrow stream."""
    import pyarrow

    table = pyarrow.table(columns_of(rows))
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def different_bodies(wire: Wire, rows: Rows, count: int) -> list[bytes]:
    """Requests of ``count`` rows, each beginning at another row, so that none is like the last."""
    number = 500 if count == 1 else max(4, min(50, 20_000 // count))
    repeated = rows * (count // len(rows) + 2)
    starts = (at * len(rows) // number for at in range(number))
    return [wire.encode(repeated[start : start + count]) for start in starts]


CSV = Wire("text/csv", to_csv)
ARROW = Wire("application/vnd.apache.arrow.stream", to_arrow)


def read_answer(body: bytes) -> list[Any]:
    """The predictions, wherever in its JSON answer the server has them.

    Raises:
        ValueError: there is no list of predictions in it.
    """
    answer = json.loads(body)
    if isinstance(answer, dict) and "outputs" in answer:
        answer = answer["outputs"][0]["data"]
    if isinstance(answer, dict):
        answer = answer.get("predictions", answer.get("predict"))
    if not isinstance(answer, list):
        raise ValueError(f"no predictions in {body[:200]!r}")
    return answer
