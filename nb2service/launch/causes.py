"""Why answers probably differ, in words; the most telling sign comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..runtime.replay import Difference

_ROUNDING = 1e-6  # relative; larger differences are not left to the order of additions


def likely_cause(
    found: Sequence[Difference],
    compared: dict[tuple[str, str], int],
    repeats: bool,
    changed_versions: Sequence[str],
) -> str:
    """The likely cause of differences, and what to do about it.

    Args:
        found: all differences of an entry.
        compared: (wire, mode) → number of predictions compared.
        repeats: whether the service gave the same answers when asked once more.
        changed_versions: packages whose version is not the notebook's, in words.
    """
    if refused := [item for item in found if item.path == "status"]:
        return _refusal(str(refused[0].got))
    if not repeats:
        return (
            "the service answers the same request differently each time: the code draws random "
            "numbers without a seed, or keeps state between calls"
        )
    if changed_versions:
        return f"other versions than in the notebook: {', '.join(changed_versions)}"
    if all(_is_dtype(item) for item in found):
        return (
            "the values are equal but their types are not: something converts the dtype of the "
            "input or of the answer"
        )
    ways = {(item.wire, item.mode) for item in found}
    json_too = any(wire == "json" for wire, _ in ways)
    if not json_too:
        return "only rows sent as CSV differ: a text is read as a number, or a number as a text"
    rounding = all(_is_rounding(item.expected, item.got) for item in found)
    if {mode for _, mode in ways} == {"row"} and any(mode == "batch" for _, mode in compared):
        if rounding:
            return (
                "a row alone differs in the last digits only: the linear algebra library adds in "
                "another order for one row than for many"
            )
        return (
            "a row alone is answered otherwise than among others: the code computes over all rows "
            "of a call (a mean, a rank, a fit)"
        )
    if rounding:
        return (
            "the values differ in the last digits only: another build of a numeric library, or "
            "another processor, adds in another order"
        )
    wrong = {(item.wire, item.mode, item.row) for item in found}
    if len(wrong) >= sum(compared.values()):
        return (
            "every answer differs: a step before the model (scaling, encoding, column order) is "
            "missing, or something that the code reads (a value, a file, a figure) has changed"
        )
    return "some answers differ: look at what the rows below have in common"


def _refusal(got: str) -> str:
    status = got.partition(":")[0]
    reasons = {
        "4": "the service refuses a recorded row: the contract is narrower than the example",
        "5": "the notebook's code fails in the service; the log has the traceback",
    }
    return reasons.get(status[:1], f"the service answered with status {status}")


def _is_dtype(item: Difference) -> bool:
    if item.path == "Prediction-Dtype":
        return True
    numbers = (int, float)
    both = isinstance(item.expected, numbers) and isinstance(item.got, numbers)
    return both and type(item.expected) is not type(item.got) and item.expected == item.got


def _is_rounding(expected: Any, got: Any) -> bool:
    if type(expected) is not float or type(got) is not float:
        return False
    return abs(expected - got) <= _ROUNDING * max(abs(expected), abs(got))
