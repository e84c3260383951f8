"""Among several fitted models: what the notebook does with each, the likeliest one first."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...notebook.cells import Notebook
from ...notebook.statements import Statement
from .evidence import NAMED, SEARCHED, TOLD, TUNED, USED, WHOLE, Ranked, Reading
from .scores import scores_of
from .servable import Servable
from .unfold import own_nodes

_CHOSEN_NAME = re.compile(
    r"(the_?)?(final|best|chosen|selected|winning|winner|production|deployed)"
    r"(_?(model|clf|classifier|reg|regressor|estimator|pipeline|pipe|learner))?",
    re.I,
)
_CHOSEN_WORD = re.compile(
    r"\b(final|best|chosen?|choose|select(ed)?|winner|winning|production|deploy(ed)?|go with)\b",
    re.I,
)
# Names that are no words of a sentence about models: rf and lr, svm, forest_2.
_TELLING = re.compile(
    r"(?!(model|clf|reg|pipe|pipeline|grid|search|estimator|classifier|regressor)\d*$)"
    r"([^\W\daeiouy_]{2}|[^\W\d]\w{2,})",
    re.I,
)


def rank(
    models: Sequence[Servable],
    users: Mapping[str, Sequence[Servable]],
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
) -> list[Ranked]:
    """The models with their reasons, the likeliest first; those of equal rank by their last fit.

    Args:
        models: the candidates.
        users: name of each predict function → the models that it uses.
        namespace: the live namespace.
        notebook: its cells, and what its text says.
        statements: of all cells.
    """
    reading = Reading(models, namespace, statements)
    reading.run()
    kept = [r for r in reading.ranked if not _is_copy(r, reading.ranked)]
    if all(ranked.toy for ranked in kept):
        for ranked in kept:
            ranked.toy = ""  # a small notebook, where the typed rows are the data
    for name, used in users.items():
        for servable in used:
            reading.add(servable, USED, f"used by {name}", -1)
    for ranked in kept:
        _add_names(ranked, reading)
        _add_words(ranked, reading, notebook)
        ranked.scores = scores_of(ranked, reading)
        ranked.reasons.sort(key=lambda reason: -reason.weight)
    return sorted(
        kept,
        key=lambda r: (bool(r.toy), -r.weight, -sum(x.weight for x in r.reasons), -r.born),
    )


def decide(ranked: Sequence[Ranked]) -> Ranked | None:
    """The one model that the notebook itself chose, if the evidence is not ambiguous.

    It is the only one that was saved, named as the chosen one, or had its predictions written to
    a file, and no other one was fitted after that; or all others only show how a thing works.
    """
    serious = [r for r in ranked if not r.toy]
    if len(serious) == 1:
        return serious[0]
    chosen = [r for r in serious if r.decisive]
    if len(chosen) != 1:
        return None
    last = max(reason.index for reason in chosen[0].decisive)
    return chosen[0] if all(r.born <= last for r in serious) else None


def _is_copy(ranked: Ranked, others: Sequence[Ranked]) -> bool:
    """Whether it was loaded from the file that another one was saved to, as that one still is."""
    return bool(ranked.loaded_from) and any(
        other.saved_to == ranked.loaded_from
        and any(other.born <= r.index < ranked.born for r in other.decisive)
        and type(other.servable.value) is type(ranked.servable.value)
        for other in others
    )


def _add_names(ranked: Ranked, reading: Reading) -> None:
    servable = ranked.servable
    for name in reading.names_of(servable):
        if _CHOSEN_NAME.fullmatch(name):
            index = reading.bound.get(name, -1)
            reading.add(servable, NAMED, f"it is called {name}", index)
    if hasattr(servable.value, "best_estimator_"):
        reading.add(servable, SEARCHED, "the best of a search", -1)
    if getattr(servable.value, "steps", None):
        reading.add(servable, WHOLE, "its preparation is part of it", -1)
    statement = (
        reading.statements[reading.bound[servable.root]] if _is_bound(ranked, reading) else None
    )
    for part in own_nodes(statement.node) if statement else ():
        if isinstance(part, ast.Attribute) and part.attr == "best_params_":
            said = f"made with the best parameters of {ast.unparse(part.value)}"
            reading.add(servable, TUNED, said, -1)


def _is_bound(ranked: Ranked, reading: Reading) -> bool:
    return ranked.servable.root in reading.bound


def _add_words(ranked: Ranked, reading: Reading, notebook: Notebook) -> None:
    """Sentences of the text, and comments at its fit, that call it the final or best one."""
    servable = ranked.servable
    # `RandomForestClassifier` is a random forest in a sentence.
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(servable.value).__name__)
    words = re.sub(r" (Classifier|Regressor|CV)$", "", words)
    names = [f"`{name}`" for name in reading.names_of(servable)]
    names += [rf"\b{name}\b" for name in reading.names_of(servable) if _TELLING.fullmatch(name)]
    if sum(type(r.servable.value) is type(servable.value) for r in reading.ranked) == 1:
        names.append(rf"\b{words}\b")
    comments = [s.source for i, s in enumerate(reading.statements) if i == ranked.born]
    lines = [
        line for text in comments for line in text.split("\n") if line.lstrip().startswith("#")
    ]
    for sentence in (*lines, *re.split(r"(?<=[.!?])\s|\n", "\n".join(notebook.texts))):
        named = any(re.search(name, sentence, re.I) for name in names)
        if _CHOSEN_WORD.search(sentence) and (named or sentence in lines):
            said = " ".join(re.sub(r"[#*`]", "", sentence).split())
            said = said if len(said) <= 60 else said[:57] + "…"
            reading.add(servable, TOLD, f"named in the text: {said}", -1)
            return


__all__ = ["decide", "rank"]
