"""The cards of the models that travel: what is known of each, and nothing that is guessed."""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ...notebook.statements import Statement
from ..entries.estimators import feature_names, is_fitted, is_predictor, parts_of
from ..entries.find import EntryRequest
from ..entries.servable import Servable, estimators_in
from ..guard.showing import conceal
from ..model import Metric, ModelCard, ModelPart, Part, Provenance
from .anatomy import parts_of_model
from .metrics import is_number, metrics_of
from .training import Fit, Training, learnt

_MOST = 10


def model_cards(
    requests: Sequence[EntryRequest],
    parts: Sequence[Part],
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    originals: Collection[str],
) -> tuple[tuple[ModelCard, ...], tuple[Metric, ...]]:
    """What is known of each model that travels, and the metrics that were computed of them.

    Args:
        requests: the entries.
        parts: of ``notebook.py``.
        namespace: the live namespace.
        statements: of all cells.
        originals: masked example values.
    """
    models = _travelling(requests, parts, namespace)
    if not models:
        return (), ()
    training = Training.of(namespace, statements)
    predictors = [s for s in estimators_in(namespace, statements) if is_predictor(s.value)]
    names = frozenset(n for part in parts if part.kind != "import" for n in part.names)
    fits = [training.fit_of(model.expression) for model in models]
    rows = frozenset(ast.unparse(fit.arguments[0]) for fit in fits if fit and fit.arguments)
    metrics = metrics_of(models, predictors, names, rows, namespace, statements, training.changes)
    metrics += tuple(_searched(models, fits, namespace))
    cards = tuple(_card(*pair, training) for pair in zip(models, fits, strict=True))
    return (
        tuple(_shown_card(card, originals) for card in cards),
        tuple(replace(item, source=conceal(item.source, originals)) for item in metrics),
    )


def metadata(
    provenance: Provenance, models: Sequence[ModelCard], metrics: Sequence[Metric]
) -> dict[str, Any]:
    """Where a service comes from and what is known of its models, as ``GET /metadata`` shows it."""
    known = {
        "models": [asdict(card) for card in models],
        "metrics": [asdict(metric) for metric in metrics],
    }
    told = {name: value for name, value in known.items() if value}
    return {**provenance.to_json(), **json.loads(json.dumps(told))}


def _travelling(
    requests: Sequence[EntryRequest], parts: Sequence[Part], namespace: Mapping[str, Any]
) -> list[Servable]:
    """The fitted models among the entries and artifacts, those within others left out."""
    own = {
        id(r.value): Servable(r.expression, r.value, r.expression.split("[")[0].split(".")[0])
        for r in requests
        if r.method
    }
    known = {**namespace, **{name: value for r in requests for name, value in r.given.items()}}
    names = [name for part in parts if part.kind == "artifact" for name in part.names]
    held = estimators_in({name: known[name] for name in names if name in known})
    found = {**{id(s.value): s for s in held}, **own}
    fitted = [s for s in found.values() if is_fitted(s.value)]
    inner = {id(part) for s in fitted for part in parts_of(s.value) if part is not s.value}
    whole = [s for s in fitted if id(s.value) not in inner]
    return sorted(whole, key=lambda s: not is_predictor(s.value))[:_MOST]


def _searched(
    models: Sequence[Servable], fits: Sequence[Fit | None], namespace: Mapping[str, Any]
) -> Iterator[Metric]:
    """What a search found its best estimator to reach."""
    for model, fit in zip(models, fits, strict=True):
        score = learnt(namespace.get(model.root), "best_score_")
        if fit and is_number(score):
            source = f"{model.root}.best_score_"
            yield Metric("best_score_", float(score), source, fit.cell)


def _card(model: Servable, fit: Fit | None, training: Training) -> ModelCard:
    rows, columns = training.shape(model.value, fit)
    return ModelCard(
        name=model.expression,
        parts=parts_of_model(model.value),
        cell=fit.cell if fit else None,
        rows=rows,
        columns=columns,
        features=feature_names(model.value),
        classes=training.classes(model.value, fit),
    )


def _shown_card(card: ModelCard, originals: Collection[str]) -> ModelCard:
    """The card without credentials and masked values."""

    def part(one: ModelPart) -> ModelPart:
        told = [conceal(f"{name}={value}", originals) for name, value in one.settings]
        settings = tuple((text.partition("=")[0], text.partition("=")[2]) for text in told)
        return replace(one, settings=settings)

    def label(one: Any) -> Any:
        return conceal(one, originals) if isinstance(one, str) else one

    return replace(
        card,
        parts=tuple(part(one) for one in card.parts),
        classes=tuple((label(one), count) for one, count in card.classes),
    )


__all__ = ["metadata", "model_cards"]
