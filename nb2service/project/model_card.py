"""The model card of the README: what is known of the models, in words and as table rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..capture.model import Capture, ModelCard, ModelPart
from ..runtime.contract import Entry
from . import quoting
from .fields import as_code, describe_tolerance

_MOST_NAMES = 30


@dataclass(frozen=True)
class ShownModel:
    """A model as the README shows it; all texts are Markdown.

    Attributes:
        sentence: what it is, and what it was fitted on.
        parts: (step, what it is, settings) for each step; none for a model of one part.
        facts: what else is known.
    """

    sentence: str
    parts: tuple[tuple[str, str, str], ...]
    facts: tuple[str, ...]


def show_models(capture: Capture) -> tuple[ShownModel, ...]:
    """The models that travel."""
    return tuple(_shown(card) for card in capture.models)


def known_limits(capture: Capture) -> tuple[str, ...]:
    """What to know before relying on the answers, in Markdown."""
    entries = capture.contract.entries
    limits = [quoting.markdown(str(warning)) for warning in capture.warnings]
    fields = [field for entry in entries for field in entry.input.fields]
    if any(field.minimum is not None or field.categories for field in fields):
        limits.append(
            "Ranges and categories in the tables above are those that the notebook's data showed. "
            "Numbers outside of a range are answered too; nothing here says how well."
        )
    if capture.originals:
        limits.append("Example values of some columns are made up, as the real ones were masked.")
    return tuple(dict.fromkeys([*limits, *(text for entry in entries for text in _limits(entry))]))


def _shown(card: ModelCard) -> ShownModel:
    whole, *steps = card.parts
    fitted = [f"in cell [{card.cell}]"] if card.cell is not None else []
    fitted += [f"on {shape}"] if (shape := _shape(card)) else []
    sentence = f"{quoting.markdown_code(card.name)} is a {_type(whole)}"
    sentence += (", fitted " + " ".join(fitted) if fitted else "") + "."
    facts = []
    if not steps and whole.settings:
        facts.append(f"Settings other than the default: {_settings(whole)}.")
    if steps and whole.settings:
        facts.append(f"Its own settings other than the default: {_settings(whole)}.")
    if card.features:
        facts.append(f"Features: {_names(card.features)}.")
    if card.classes:
        facts.append(f"Classes: {', '.join(_classes(card))}.")
    rows = tuple((_step(part), _type(part), _settings(part)) for part in steps)
    return ShownModel(sentence, rows, tuple(facts))


def _shape(card: ModelCard) -> str:
    counts = ((card.rows, "row"), (card.columns, "column"))
    told = [f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in counts if n is not None]
    return " × ".join(told)


def _type(part: ModelPart) -> str:
    return quoting.markdown_code(part.type.rpartition(".")[2])


def _step(part: ModelPart) -> str:
    takes = f" of {quoting.markdown(part.takes)}" if part.takes else ""
    return "· " * (part.depth - 1) + quoting.markdown_code(part.name) + takes


def _settings(part: ModelPart) -> str:
    return ", ".join(quoting.markdown_code(f"{name}={value}") for name, value in part.settings)


def _names(names: Iterable[str]) -> str:
    shown = [quoting.markdown_code(name) for name in names]
    more = f", … ({len(shown)} in all)" if len(shown) > _MOST_NAMES else ""
    return ", ".join(shown[:_MOST_NAMES]) + more


def _classes(card: ModelCard) -> Iterator[str]:
    total = sum(count or 0 for _, count in card.classes)
    for label, count in card.classes:
        share = f" ({count:,} rows, {count / total:.0%})" if count is not None and total else ""
        yield as_code(label) + share


def _limits(entry: Entry) -> Iterator[str]:
    name = quoting.markdown_code(entry.name)
    if not entry.aligned:
        yield f"{name} gives all rows of a request one answer together."
    elif not entry.row_wise:
        yield f"{name}: a row's answer depends on the other rows of the same request."
    if not entry.repeats:
        yield f"{name} does not always give the same request the same answer."
    if entry.rtol or entry.atol:
        how = describe_tolerance(entry.rtol, entry.atol)
        yield f"{name}: {quoting.markdown(entry.tolerance_reason)}. The tests compare {how}."


__all__ = ["ShownModel", "known_limits", "show_models"]
