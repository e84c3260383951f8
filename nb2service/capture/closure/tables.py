"""Says which of the notebook's tables would travel, as nobody expects training rows to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Artifact, CaptureWarning, ShipItem
from ..values import kind_of

# A lookup table is smaller; above either of these a table may well be the training data.
_ROWS = 1000
_BYTES = 1_000_000


def table_warnings(
    artifacts: Iterable[Artifact], ship_list: Iterable[ShipItem], namespace: Mapping[str, Any]
) -> tuple[CaptureWarning, ...]:
    """A warning for each large table among the artifacts, with the way to leave it behind.

    Args:
        artifacts: the values that travel.
        ship_list: tells who reads each of them.
        namespace: the live namespace.
    """
    readers = {item.name: item.why[-2] for item in ship_list if len(item.why) > 1}
    return tuple(
        _warning(artifact, namespace[artifact.name], readers.get(artifact.name, "the service"))
        for artifact in artifacts
        if _is_large_table(artifact, namespace.get(artifact.name))
    )


def _is_large_table(artifact: Artifact, value: Any) -> bool:
    is_table = kind_of(value) in ("frame", "series", "array")
    return is_table and (len(value) >= _ROWS or len(artifact.data) >= _BYTES)


def _warning(artifact: Artifact, table: Any, reader: str) -> CaptureWarning:
    name, size = artifact.name, len(artifact.data) / 1e6
    part = f"{name}_columns = {name}.columns" if kind_of(table) == "frame" else f"n = len({name})"
    return CaptureWarning(
        f"all {len(table):,} rows of {name} ({size:,.1f} MB) travel with the service, as {reader} "
        "reads it",
        f"if {reader} needs less of it, give that a name of its own ({part}) and read that",
        artifact.cell,
    )
