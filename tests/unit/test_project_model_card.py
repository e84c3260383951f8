"""The model card in words: what is known, and no word on what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nb2service.capture.model import Capture, Metric, ModelCard, ModelPart
from nb2service.project.model_card import known_limits, show_models
from nb2service.project.readme import render_readme

FOREST = ModelPart("", "sklearn.ensemble.RandomForestClassifier", "", (("max_depth", "4"),), 0)
PIPELINE = ModelPart("", "sklearn.pipeline.Pipeline", "", (), 0)
SCALER = ModelPart("scale|it", "sklearn.preprocessing.StandardScaler", "age, fee", (), 1)
LAST = ModelPart("forest", FOREST.type, "", FOREST.settings, 2)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Capture:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "generated")
    import captures

    capture: Capture = captures.churn()
    return capture


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({}, "`model` is a `RandomForestClassifier`."),
        ({"cell": 4}, "`model` is a `RandomForestClassifier`, fitted in cell [4]."),
        ({"columns": 1}, "`model` is a `RandomForestClassifier`, fitted on 1 column."),
        (
            {"cell": 4, "rows": 12345, "columns": 7},
            "`model` is a `RandomForestClassifier`, fitted in cell [4] on 12,345 rows × 7 columns.",
        ),
    ],
)
def test_what_a_model_is(made: Capture, known: dict[str, Any], sentence: str) -> None:
    card = ModelCard("model", (FOREST,), **known)
    [shown] = show_models(replace(made, models=(card,)))
    assert shown.sentence == sentence
    assert shown.parts == ()
    assert shown.facts == ("Settings other than the default: `max_depth=4`.",)


def test_steps_of_a_pipeline_are_rows(made: Capture) -> None:
    card = ModelCard("model", (PIPELINE, SCALER, LAST))
    [shown] = show_models(replace(made, models=(card,)))
    assert shown.parts == (
        ("`scale\\|it` of age, fee", "`StandardScaler`", ""),
        ("· `forest`", "`RandomForestClassifier`", "`max_depth=4`"),
    )
    assert shown.facts == ()


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ((("no", 3), ("yes", 1)), 'Classes: `"no"` (3 rows, 75%), `"yes"` (1 rows, 25%).'),
        ((("no", None), ("yes", None)), 'Classes: `"no"`, `"yes"`.'),
        (((False, 5), (True, 5)), "Classes: `false` (5 rows, 50%), `true` (5 rows, 50%)."),
    ],
)
def test_classes(made: Capture, classes: Any, words: str) -> None:
    card = ModelCard("model", (PIPELINE,), classes=classes)
    [shown] = show_models(replace(made, models=(card,)))
    assert shown.facts == (words,)


def test_many_features_are_cut(made: Capture) -> None:
    card = ModelCard("model", (PIPELINE,), features=tuple(f"x{n}" for n in range(40)))
    [shown] = show_models(replace(made, models=(card,)))
    assert shown.facts[0].startswith("Features: `x0`, `x1`")
    assert shown.facts[0].endswith("`x29`, … (40 in all).")


def test_metrics_stand_in_the_readme_with_their_cell(made: Capture) -> None:
    card = ModelCard("model", (PIPELINE,))
    metrics = (
        Metric("auc", 0.91234567, "roc_auc_score(y, model.predict(X))", 7),
        Metric("score", 1.0, "model.score(X, y)", 8, seen=True),
    )
    text = render_readme(replace(made, models=(card,), metrics=metrics))
    assert "| `auc` | 0.9123 | [7] | `roc_auc_score(y, model.predict(X))` |" in text
    assert "`model.score(X, y)`, on rows that the model was fitted on |" in text
    none = render_readme(replace(made, models=(card,)))
    assert "No metric of it was in the notebook's memory." in none


def test_without_a_model_there_is_no_card_but_its_limits(made: Capture) -> None:
    text = render_readme(made)
    assert "Model card" not in text
    assert "\n## Known limits\n\n- cell \\[5\\]: risk was edited" in text
    silent = replace(made, warnings=(), contract=replace(made.contract, entries=()))
    assert known_limits(silent) == ()


def test_masked_examples_are_told(made: Capture) -> None:
    text = render_readme(replace(made, originals=frozenset({"Ada Lovelace"})))
    assert "made up, as the real ones were masked" in text
    assert "Ada" not in text
