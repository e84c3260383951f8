"""A file as the bodies of requests: each piece is a whole one, of so many rows."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, dropwhile
from typing import Any, BinaryIO, NamedTuple, cast

from ..codec import reading
from ..codec.csv_cells import csv_text
from ..codec.tabular import lacks_header, positional_names
from ..contract import Input
from ..problems import Problem

# What a piece takes, about: large rows shall be no more of a burden than many rows.
_BYTES = 2**20
_MARK = "\xef\xbb\xbf"  # of UTF-8, byte by byte


class Piece(NamedTuple):
    """A body, its content type, and how much of the file is read then, where that is known."""

    body: bytes
    content_type: str
    done: float | None = None


def pieces(file: BinaryIO, format_: str, input_: Input, rows: int | None) -> Iterator[Piece]:
    """The rows of a file; a file without rows is one piece too.

    Args:
        file: open at its begin.
        format_: one of ``FORMATS``.
        input_: what the entry takes.
        rows: how many a piece may have; None for the file as it is.

    Raises:
        Problem: the file is not of that format.
    """
    content_type, cut = FORMATS[format_]
    if rows is None or cut is None:
        return iter([Piece(file.read(), content_type)])
    return cut(file, input_, rows)


# --- text ---------------------------------------------------------------------------------------


def _json_lines(file: BinaryIO, input_: Input, rows: int) -> Iterator[Piece]:
    yield Piece(b"", reading.JSON_LINES[0])
    while lines := file.readlines(_BYTES):
        for at in range(0, len(lines), rows):
            yield Piece(b"".join(lines[at : at + rows]), reading.JSON_LINES[0])


def _csv(file: BinaryIO, input_: Input, rows: int) -> Iterator[Piece]:
    """Each piece begins with the file's header, or one by position where the file has none."""
    # One character for each byte: it is the reader of a piece who says what is no UTF-8.
    text = io.TextIOWrapper(file, "latin-1", newline="")
    try:
        for body in _csv_bodies(_records(text), input_, rows):
            yield Piece(body, "text/csv")
    finally:
        text.detach()  # else it would close the file


def _csv_bodies(blocks: Iterator[list[str]], input_: Input, rows: int) -> Iterator[bytes]:
    begins = (list(dropwhile(_is_empty, block)) for block in blocks)
    first = next(filter(None, begins), None)
    if first is None:
        yield b""
        return
    first[0] = first[0].removeprefix(_MARK)
    names = next(csv.reader([first[0].encode("latin-1").decode("utf-8", "replace")]))
    header = first[0].encode("latin-1")
    if lacks_header(names, input_):
        header = csv_text([positional_names(input_, len(names))]).encode()
    else:
        del first[0]
    yield header
    held = ""
    for block in chain([first], blocks):
        records = block
        if len(names) == 1:  # where an empty line is a row, but at the end of a body
            records = []
            for line in block:
                held += line
                if not _is_empty(line):
                    records.append(held)
                    held = ""
        for at in range(0, len(records), rows):
            yield header + "".join(records[at : at + rows]).encode("latin-1")
    if held:
        yield header + held.encode("latin-1")


def _is_empty(line: str) -> bool:
    return not line.strip("\r\n")


def _records(text: io.TextIOWrapper) -> Iterator[list[str]]:
    """The lines of a CSV; those between which a cell goes on are one."""
    while lines := text.readlines(_BYTES):
        quoted = any('"' in line for line in lines)
        yield list(_joined(lines, text)) if quoted else lines


def _joined(lines: list[str], text: io.TextIOWrapper) -> Iterator[str]:
    record: list[str] = []

    def read() -> Iterator[str]:
        for line in lines:
            record.append(line)
            yield line
        while record and (line := text.readline()):
            record.append(line)
            yield line

    try:
        for _ in csv.reader(read()):
            yield "".join(record)
            record.clear()
    except csv.Error:  # the reader of the piece comes upon it too, and says so
        yield "".join(record)


# --- tables -------------------------------------------------------------------------------------


def _arrow(file: BinaryIO, input_: Input, rows: int) -> Iterator[Piece]:
    """An Arrow IPC stream or file."""
    import pyarrow as pa

    with _readable("an Arrow IPC stream"), ExitStack() as stack:
        is_file = file.peek(6)[:6] == b"ARROW1"  # type: ignore[attr-defined]
        held = stack.enter_context(_seekable(file)) if is_file else file
        reader = pa.ipc.open_file(held) if is_file else pa.ipc.open_stream(held)
        every = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        yield _table(reader.schema.empty_table().to_batches(), reader.schema)
        for batch in every:
            # Before it is written: offsets that point elsewhere are found by this, not by a crash.
            batch.validate(full=True)
            most = max(1, min(rows, _BYTES * batch.num_rows // (batch.nbytes + 1)))
            for at in range(0, batch.num_rows, most):
                yield _table([batch.slice(at, most)], reader.schema)


def _parquet(file: BinaryIO, input_: Input, rows: int) -> Iterator[Piece]:
    from pyarrow.parquet import ParquetFile

    with _readable("Parquet"), _seekable(file) as held:
        table = ParquetFile(held)
        about, schema, done = table.metadata, table.schema_arrow, 0
        size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
        yield _table([], schema)
        for batch in table.iter_batches(max(1, min(rows, _BYTES * about.num_rows // (size + 1)))):
            done += batch.num_rows
            yield _table([batch], batch.schema)._replace(done=done / about.num_rows)


def _table(batches: list[Any], schema: Any) -> Piece:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return Piece(sink.getvalue().to_pybytes(), reading.ARROW)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        said = str(error).partition("\n")[0]
        raise Problem(400, f"it is not {name}: {said}") from None


@contextmanager
def _seekable(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file, or a copy on disk of what comes through a pipe."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as held:
        shutil.copyfileobj(file, held)
        held.seek(0)
        yield cast(BinaryIO, held)


# format → its content type, and what cuts it; the others are one document
FORMATS: dict[str, tuple[str, Callable[[BinaryIO, Input, int], Iterator[Piece]] | None]] = {
    "csv": ("text/csv", _csv),
    "jsonl": (reading.JSON_LINES[0], _json_lines),
    "parquet": (reading.PARQUET, _parquet),
    "arrow": (reading.ARROW, _arrow),
    "json": ("application/json", None),
    "npy": (reading.NPY, None),
}
