from __future__ import annotations

import numpy as np
import pytest

from nb2service.capture.learning.closeness import measure

SINGLE = [float(value) for value in np.float32([0.1, 0.2])]
NEXT_SINGLE = [float(value) for value in np.nextafter(np.float32(SINGLE), np.float32(1))]


@pytest.mark.parametrize(
    ("one", "other", "exact", "close"),
    [
        ([1, "a", None, 0.5], [1, "a", None, 0.5], True, True),
        ([1], [2], False, False),
        ([1], [1.0], False, False),
        ([True], [1], False, False),
        (["a"], ["b"], False, False),
        ([0.5], [None], False, False),
        (["Infinity"], ["Infinity"], True, True),
        ([0.5], [0.5, 0.5], False, False),
        ([{"a": 0.1}], [{"b": 0.1}], False, False),
        ([{"a": [0.1]}], [{"a": [0.10000000000000002]}], False, True),
        ([0.1], [0.1 * (1 + 1e-12)], False, True),
        ([0.1], [0.1001], False, False),
        ([1.0, 1e-17], [1.0, -1e-17], False, True),
        ([1.0, 1e-4], [1.0, 1.1e-4], False, False),
        ([0.0], [1e-17], False, False),
        ([0.0, 1.0], [1e-17, 1.0], False, True),
        (SINGLE, NEXT_SINGLE, False, True),
        ([0.1], [0.1 + 1e-7], False, False),
    ],
)
def test_exact_and_close(one: object, other: object, exact: bool, close: bool) -> None:
    gap = measure(one, other)
    assert (gap.exact, gap.close) == (exact, close)


@pytest.mark.parametrize(
    ("other", "rtol", "atol"),
    [
        ([1.0, 0.0], 0.0, 0.0),
        ([1.0 + 2**-52, 0.0], 1e-15, 0.0),
        ([1.0, 3e-16], 0.0, 1e-14),
    ],
)
def test_the_tolerance_keeps_well_above_what_was_measured(
    other: list[float], rtol: float, atol: float
) -> None:
    assert measure([1.0, 0.0], other).tolerance() == (rtol, atol)
