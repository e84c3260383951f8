"""The question which of several things to serve, as commands ready to type."""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType, MethodType
from typing import Any

from ...notebook.statements import Statement
from .estimators import feature_names
from .evidence import Ranked
from .servable import Servable, cell_of

_SHOWN = 20  # no more candidates are listed
_NAMES = 3  # no more features of one are named
_REASONS = 2


def lines(candidates: Sequence[Servable | Ranked], statements: Sequence[Statement]) -> str:
    """One command a candidate, each with what it would serve and what speaks for it."""
    shown = [_line(candidate, statements) for candidate in candidates[:_SHOWN]]
    if len(candidates) > _SHOWN:
        shown.append(f"… and {len(candidates) - _SHOWN} more")
    return "".join(f"\n    {line}" for line in shown)


def _line(candidate: Servable | Ranked, statements: Sequence[Statement]) -> str:
    servable = candidate.servable if isinstance(candidate, Ranked) else candidate
    cell = cell_of(servable.root, statements)
    facts = [_kind(servable.value), f"cell [{cell}]" if cell is not None else ""]
    facts.append(_features(servable.value))
    text = ", ".join(fact for fact in facts if fact)
    if isinstance(candidate, Ranked):
        scores = [f"{name} {value:.3g}" for name, value in candidate.scores.items()]
        text = ", ".join([text, *scores])
        reasons = [reason.text for reason in candidate.reasons[:_REASONS]]
        text = "; ".join([text, *filter(None, [*reasons, candidate.toy])])
    return f"%deploy {servable.expression}  # {text}"


def _kind(value: Any) -> str:
    is_function = isinstance(value, (FunctionType, MethodType))
    return "function" if is_function else type(value).__name__


def _features(value: Any) -> str:
    """How many columns a model takes, and the first of their names."""
    names = feature_names(value)
    count = len(names) or getattr(value, "n_features_in_", None)
    if not isinstance(count, int) or not count:
        return ""
    plain = [" ".join(name.split())[:30] for name in names[:_NAMES]]
    more = ["…"] if len(names) > _NAMES else []
    named = f" ({', '.join(plain + more)})" if names else ""
    return f"{count} feature{'s' if count > 1 else ''}{named}"


__all__ = ["lines"]
