"""Each pattern of differences has its likely cause."""

from __future__ import annotations

import pytest

from nb2service.launch.causes import likely_cause
from nb2service.runtime.replay import Difference

ALL = {("json", "batch"): 2, ("json", "row"): 2, ("csv", "batch"): 2, ("csv", "row"): 2}
JSON = {("json", "batch"): 2, ("json", "row"): 2}


def differ(
    expected: object, got: object, ways: str, path: str = "", rows: int = 1
) -> list[Difference]:
    return [
        Difference(row, path, expected, got, *way.split("-"))
        for way in ways.split()
        for row in range(rows)
    ]


@pytest.mark.parametrize(
    ("found", "compared", "cause"),
    [
        (differ(200, "422: age", "json-batch", "status"), ALL, "refuses a recorded row"),
        (differ(200, "500: id", "json-batch", "status"), ALL, "the log has the traceback"),
        (differ("int64", "float64", "json-batch", "Prediction-Dtype"), ALL, "types are not"),
        (differ(1, 1.0, "json-batch"), ALL, "types are not"),
        (differ("a", "b", "csv-batch csv-row"), ALL, "a text is read as a number"),
        (differ(0.5, 0.9, "json-row"), ALL, "computes over all rows"),
        (differ(0.5, 0.5 + 1e-12, "json-row csv-row"), ALL, "for one row than for many"),
        (differ(0.5, 0.5 + 1e-12, "json-batch"), ALL, "another build of a numeric library"),
        (differ("a", "b", "json-batch json-row", rows=2), JSON, "a step before the model"),
        (differ("a", "b", "json-batch json-row"), JSON, "have in common"),
    ],
)
def test_causes(found: list[Difference], compared: dict[tuple[str, str], int], cause: str) -> None:
    assert cause in likely_cause(found, compared, repeats=True, changed_versions=[])


def test_randomness_is_told_before_anything_else() -> None:
    found = differ(1, 1.0, "json-batch")
    assert "without a seed" in likely_cause(found, ALL, False, ["numpy 2 instead of 1"])


def test_other_versions_are_listed() -> None:
    cause = likely_cause(differ(1, 2, "json-batch"), ALL, True, ["numpy 2.0 instead of 1.26"])
    assert cause == "other versions than in the notebook: numpy 2.0 instead of 1.26"
