"""A busy machine makes a call longer, but does not make it a slow one."""

from __future__ import annotations

import pytest

from nb2service.capture.learning import stopwatch
from nb2service.capture.learning.stopwatch import Stopwatch


@pytest.mark.parametrize(
    ("passed", "used", "seconds"),
    [
        (0.1, 0.1, 0.1),
        (0.3, 0.1, 0.1),
        (1.0, 0.0, 0.25),
        (0.1, 0.8, 0.1),
    ],
    ids=["it computes", "on a busy machine", "it waits for another", "in many threads"],
)
def test_what_counts_is_what_a_call_does(
    monkeypatch: pytest.MonkeyPatch, passed: float, used: float, seconds: float
) -> None:
    clocks = {"perf_counter": iter([5.0, 5.0 + passed]), "process_time": iter([3.0, 3.0 + used])}
    for name, clock in clocks.items():
        monkeypatch.setattr(stopwatch.time, name, clock.__next__)
    assert Stopwatch().seconds == pytest.approx(seconds)
