"""Binary tables that claim more than they hold: refused before memory is spent on them.

A file of 700 bytes can stand for 100 GB of text, and a header of 100 bytes can claim any shape.
"""

from __future__ import annotations

import io
import math
import re
import struct
from typing import Any

from ..problems import Problem

_DICTIONARY_BATCH = 2  # a header type of Arrow's messages
_POINTER = 8  # bytes that a value takes at the least where it becomes a Python object
_VIEWS = re.compile(r"\b(string|binary|list)_view\b")

# Of one request; ``create_app`` sets them to MAX_BATCH and MAX_BODY.
_rows = 100_000
_bytes = 100_000_000


def allow(rows: int, size: int) -> None:
    """Set how many rows a table may have and how many bytes its values may take in memory."""
    global _rows, _bytes
    _rows, _bytes = rows, size


def check_rows(count: int) -> None:
    """Refuse (413) a table of too many rows."""
    if count > _rows:
        raise Problem(413, f"{count} rows; at most {_rows} in one request")


def check_size(size: int) -> None:
    """Refuse (413) values that would take too much memory."""
    if size > _bytes:
        raise Problem(413, f"the values take {size} bytes unpacked; at most {_bytes} are taken")


# --- npy ----------------------------------------------------------------------------------------


def read_npy(body: bytes) -> Any:
    """The array of an npy file, which must hold all that its header claims.

    Raises:
        ValueError: it is no npy file, or is cut off, or holds Python objects.
    """
    import numpy as np

    stream = io.BytesIO(body)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version[0]}.{version[1]} is not read here")
    read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
    try:
        shape, by_column, dtype = read(stream)
    except Exception as error:  # whatever numpy's parsers of an expression raise
        raise ValueError(f"its header is broken: {error}") from None
    if dtype.hasobject or dtype.itemsize == 0 or min(shape, default=1) < 0:
        raise ValueError(f"a dtype of {dtype} and a shape of {shape} are not read here")
    count = math.prod(shape)
    if count * dtype.itemsize != len(body) - stream.tell():
        raise ValueError(f"the shape {shape} of {dtype} takes another number of bytes")
    flat = np.frombuffer(body, dtype, count, stream.tell()).copy()
    return flat.reshape(shape, order="F" if by_column else "C")


# --- Arrow IPC ----------------------------------------------------------------------------------


def read_arrow(body: bytes) -> Any:
    """The table of an Arrow IPC stream or file, checked to the last offset.

    Raises:
        pyarrow.ArrowException, OSError: it is none.
        Problem: 413.
    """
    import pyarrow as pa

    source = pa.BufferReader(body)
    if body[:6] == b"ARROW1":
        reader = pa.ipc.open_file(source)
        batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        # The file is a stream between two marks of eight and six bytes.
        _check_unpacked(body[8:])
    else:
        _check_unpacked(body)
        reader = pa.ipc.open_stream(source)
        batches = iter(reader)
    found, rows = [], 0
    for batch in batches:
        rows += batch.num_rows
        check_rows(rows)
        found.append(batch)
    table = pa.Table.from_batches(found, reader.schema)
    _check_views(table)
    # Offsets that point elsewhere and text that is not UTF-8 are found here, not by a crash.
    table.validate(full=True)
    check_size(sum(_size(chunk) for column in table.columns for chunk in column.chunks))
    return table


def _check_views(table: Any) -> None:
    """Refuse texts that are many times the same memory: to validate them is to read them all."""
    for column in table.columns:
        if _is_view(column.type):
            check_size(sum(map(_size, column.chunks)))
        elif _VIEWS.search(str(column.type)):
            raise Problem(400, f"columns of {column.type} are not read here")


def _is_view(kind: Any) -> bool:
    return str(kind) in ("string_view", "binary_view")


def _check_unpacked(stream: bytes) -> None:
    """Refuse compressed buffers that claim to be too large unpacked."""
    import pyarrow as pa

    claimed = 0
    for message in pa.ipc.MessageReader.open_stream(stream):
        if message.body is None:
            continue
        try:
            claimed += _claimed(message.metadata.to_pybytes(), memoryview(message.body))
        except (struct.error, IndexError) as error:
            raise pa.ArrowInvalid(f"a message is broken: {error}") from None
        check_size(claimed)


def _claimed(metadata: bytes, body: memoryview) -> int:
    """Bytes that the compressed buffers of a message say they take unpacked.

    The metadata is a flatbuffer: Message (header type and header are its members 1 and 2),
    RecordBatch (buffers 2, compression 3), DictionaryBatch (RecordBatch 1).
    """

    def number(at: int, form: str = "<i") -> int:
        return int(struct.unpack_from(form, metadata, at)[0])

    def member(table: int, slot: int) -> int:
        vtable = table - number(table)
        place = 4 + 2 * slot
        offset = number(vtable + place, "<H") if place < number(vtable, "<H") else 0
        return table + offset if offset else 0

    def follow(at: int) -> int:
        return at + number(at, "<I")

    root = follow(0)
    batch = follow(member(root, 2))
    if metadata[member(root, 1)] == _DICTIONARY_BATCH:
        batch = follow(member(batch, 1))
    if not member(batch, 3):
        return 0
    buffers = follow(member(batch, 2))
    claimed = 0
    for i in range(number(buffers, "<I")):
        offset, length = struct.unpack_from("<qq", metadata, buffers + 4 + 16 * i)
        if length >= 8:
            claimed += max(struct.unpack_from("<q", body, offset)[0], 0)
    return claimed


def _size(array: Any) -> int:
    """Bytes of an array's values if none of them shared memory with another."""
    import numpy as np
    import pyarrow as pa

    kind, types = array.type, pa.types
    if isinstance(array, pa.ExtensionArray):
        return _size(array.storage)
    if types.is_dictionary(kind):
        return _taken_size(array)
    if _is_view(kind):
        views = array.buffers()[1]
        lengths = np.frombuffer(views or b"", "<i4")[::4]
        return int(lengths[array.offset : array.offset + len(array)].sum(dtype=np.int64))
    if types.is_struct(kind):
        return sum(map(_size, array.flatten()))
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        items = array.flatten()
        return max(_size(items), _POINTER * len(items))
    if types.is_nested(kind) or str(kind).startswith("run_end_encoded"):
        raise Problem(400, f"columns of {kind} are not read here")
    return int(array.nbytes)


def _taken_size(array: Any) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    values, kind = array.dictionary, array.type.value_type
    texts = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
    if kind in texts:
        lengths = pc.cast(pc.binary_length(values), pa.int64())
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    if not pa.types.is_primitive(kind):
        raise Problem(400, f"columns of {array.type} are not read here")
    return _POINTER * len(array)


# --- Parquet ------------------------------------------------------------------------------------


def read_parquet(body: bytes) -> Any:
    """The table of a Parquet file.

    Raises:
        pyarrow.ArrowException, OSError: it is none.
        Problem: 413.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    about = ParquetFile(pa.BufferReader(body))
    check_rows(about.metadata.num_rows)
    packed = _check_claims(about)
    table = ParquetFile(pa.BufferReader(body), read_dictionary=packed).read()
    check_size(sum(_size(chunk) for column in table.columns for chunk in column.chunks))
    return table


def _check_claims(file: Any) -> list[str]:
    """Refuse what is too large by the file's own account.

    Returns the columns of texts that may repeat so often that only a look at each tells.
    """
    metadata, packed, size = file.metadata, set(), 0
    flat = metadata.num_columns == len(file.schema_arrow)
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        for at in range(group.num_columns):
            chunk = group.column(at)
            if chunk.physical_type == "BYTE_ARRAY":
                if chunk.num_values * chunk.total_uncompressed_size > _bytes:
                    packed.add(chunk.path_in_schema)
                size += chunk.total_uncompressed_size
            else:
                kind = file.schema_arrow.field(at).type if flat else None
                size += _width(kind) * chunk.num_values // 8
        check_size(size)
    return sorted(packed)


def _width(kind: Any) -> int:
    """Bits that a value takes in memory."""
    try:
        return int(kind.bit_width)
    except (AttributeError, ValueError):
        return 8 * _POINTER
