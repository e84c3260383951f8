"""The answers to the pieces of a file as one file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any, BinaryIO

from ..codec import reading, writing
from ..codec.csv_cells import csv_text
from ..contract import Field, Output
from ..problems import Problem

_JSON_BEGIN, _JSON_END = b'{"predictions":[', b"]}"
_UNLIKE = "the predictions are of other columns or types than those before; write jsonl instead"


class Result:
    """Puts bodies of one content type together; ``close`` ends the file.

    Attributes:
        media_type: of the bodies.
    """

    media_type = writing.JSON_LINES

    def __init__(self, file: BinaryIO, output: Output) -> None:
        self.file = file
        self.output = output

    def add(self, body: bytes) -> None:
        """Write the answer to one more piece.

        Raises:
            Problem: it cannot stand in one file with those before.
        """
        self.file.write(body)

    def close(self) -> None:
        """Write what stands at the end."""


class _Json(Result):
    media_type = writing.JSON
    _before = _JSON_BEGIN

    def add(self, body: bytes) -> None:
        if inner := body[len(_JSON_BEGIN) : -len(_JSON_END)]:
            self.file.write(self._before + inner)
            self._before = b","

    def close(self) -> None:
        self.file.write(_JSON_END if self._before == b"," else _JSON_BEGIN + _JSON_END)


class _Csv(Result):
    media_type = writing.CSV
    _header = b""

    def add(self, body: bytes) -> None:
        if not self._header:
            begin = io.StringIO(body[: 2**20].decode(errors="ignore"), newline="")
            self._header = csv_text([next(csv.reader(begin))]).encode()
            self.file.write(self._header)
        if not body.startswith(self._header):
            raise Problem(422, _UNLIKE)
        self.file.write(body[len(self._header) :])


class _Arrow(Result):
    media_type = reading.ARROW
    _writer: Any = None

    def add(self, body: bytes) -> None:
        import pyarrow as pa

        table = pa.ipc.open_stream(body).read_all()
        if self._writer is None:
            self._schema = _lasting(table.schema, self.output)
            self._writer = self._open(self._schema)
        try:
            self._writer.write_table(table.cast(self._schema))
        except (pa.ArrowException, ValueError):
            raise Problem(422, _UNLIKE) from None

    def _open(self, schema: Any) -> Any:
        import pyarrow as pa

        return pa.ipc.new_stream(self.file, schema)

    def close(self) -> None:
        self._writer.close()


class _Parquet(_Arrow):
    def _open(self, schema: Any) -> Any:
        from pyarrow.parquet import ParquetWriter

        return ParquetWriter(self.file, schema)


def _lasting(schema: Any, output: Output) -> Any:
    """The schema with the contract's types where the first answers leave open what comes."""
    import pyarrow as pa

    types = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    fields = {field.name: field for field in output.fields}
    only = output.fields[0] if len(output.fields) == 1 else Field("", "any")
    for at, column in enumerate(schema):
        stated = fields.get(column.name, only).type
        if pa.types.is_null(column.type) or (stated == "number" and column.type == pa.int64()):
            schema = schema.set(at, pa.field(column.name, types.get(stated, pa.string())))
    return schema


RESULTS: dict[str, Callable[[BinaryIO, Output], Result]] = {
    "csv": _Csv,
    "jsonl": Result,
    "parquet": _Parquet,
    "arrow": _Arrow,
    "json": _Json,
}
