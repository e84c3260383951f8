"""Measurements, one record each, kept in a file so that a run can be done in parts."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Store:
    """All records so far; ``add`` writes each at once.

    A run replaces, of the sections that it measures, the records of the same server and model
    that an earlier run left.
    """

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        self.records: list[Record] = json.loads(path.read_text()) if path.exists() else []

    def add(self, section: str, server: str, model: str = "", **values: Any) -> None:
        """Keep a measurement."""
        key = {"section": section, "server": server, "model": model}
        self.records = [
            record
            for record in self.records
            if record["run"] == self.run or any(record[name] != key[name] for name in key)
        ]
        self.records.append({"run": self.run, **key, **values})
        self.path.write_text("[\n" + ",\n".join(map(json.dumps, self.records)) + "\n]\n")

    def forget(self, section: str, **wanted: Any) -> None:
        """Drop what a new measurement shows to be no longer so."""
        gone = self.find(section, **wanted)
        self.records = [record for record in self.records if record not in gone]

    def find(self, section: str, **wanted: Any) -> list[Record]:
        """The records of a section that have these values."""
        return [
            record
            for record in self.records
            if record["section"] == section
            and all(record.get(name) == value for name, value in wanted.items())
        ]

    def median(self, name: str, section: str, **wanted: Any) -> float | None:
        """Median of one value over the rounds; None where nothing was measured."""
        values = [record[name] for record in self.find(section, **wanted) if name in record]
        return statistics.median(values) if values else None

    def values(self, name: str, section: str, **wanted: Any) -> list[Any]:
        """The different values of a field, in the order in which they were measured."""
        return list(dict.fromkeys(r[name] for r in self.find(section, **wanted) if name in r))


def best(worth: Mapping[str, float | None]) -> str | None:
    """The name that is worth most; those without a measurement do not count."""
    known = {name: value for name, value in worth.items() if value is not None}
    return max(known, key=lambda name: known[name]) if known else None
