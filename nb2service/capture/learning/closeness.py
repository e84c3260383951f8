"""How far two recorded answers lie apart, and the tolerance that follows."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

# Beyond these two answers differ by more than the order in which the machine adds up.
_LAST_BITS_DOUBLE = 1e-9
_LAST_BITS_SINGLE = 1e-4
# Other rows than those of the example will differ a little more.
_MARGIN = 4.0


@dataclass(frozen=True)
class Gap:
    """The distance between two answers.

    Attributes:
        alike: whether they agree but for fractions: same structure, text, whole numbers, null.
        relative: largest relative distance of fractions well away from zero.
        absolute: largest distance of fractions close to zero, where relative means nothing.
        largest: the largest fraction, by magnitude.
        single: whether all fractions are of single precision.
    """

    alike: bool
    relative: float = 0.0
    absolute: float = 0.0
    largest: float = 0.0
    single: bool = False

    @property
    def exact(self) -> bool:
        """Whether the answers are equal."""
        return self.alike and not self.relative and not self.absolute

    @property
    def close(self) -> bool:
        """Whether they differ in the last bits at most."""
        limit = _LAST_BITS_SINGLE if self.single else _LAST_BITS_DOUBLE
        return self.alike and self.relative <= limit and self.absolute <= limit * self.largest

    def tolerance(self) -> tuple[float, float]:
        """(rtol, atol), each a power of ten that the distance keeps well within."""
        return _power_of_ten(self.relative), _power_of_ten(self.absolute)


def widest(*gaps: Gap) -> Gap:
    """The distance that covers all of these."""
    return Gap(
        all(gap.alike for gap in gaps),
        max(gap.relative for gap in gaps),
        max(gap.absolute for gap in gaps),
        max(gap.largest for gap in gaps),
        all(gap.single for gap in gaps),
    )


def measure(one: Any, other: Any) -> Gap:
    """The gap between two answers in wire form."""
    pairs: list[tuple[float, float]] = []
    if not _collect(one, other, pairs):
        return Gap(alike=False)
    largest = max((abs(item) for pair in pairs for item in pair), default=0.0)
    relative = absolute = 0.0
    for a, b in pairs:
        if a == b:
            continue
        if abs(a) >= largest * 1e-3:
            relative = max(relative, abs(a - b) / abs(a))
        else:
            absolute = max(absolute, abs(a - b))
    single = bool(pairs) and all(_is_single(a) and _is_single(b) for a, b in pairs)
    return Gap(True, relative, absolute, largest, single)


def _collect(one: Any, other: Any, pairs: list[tuple[float, float]]) -> bool:
    """Whether both have one shape and agree but for fractions, which are added to ``pairs``."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        pairs.append((one, other))
        return True
    if isinstance(one, list):
        return len(one) == len(other) and all(
            _collect(a, b, pairs) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(
            _collect(one[key], other[key], pairs) for key in one
        )
    return bool(one == other)


def _is_single(value: float) -> bool:
    try:
        return bool(struct.unpack("f", struct.pack("f", value))[0] == value)
    except OverflowError:
        return False


def _power_of_ten(distance: float) -> float:
    return float(f"1e{math.ceil(math.log10(distance * _MARGIN))}") if distance else 0.0
