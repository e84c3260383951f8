"""Models without rows: a forecast takes the number of its steps, and nothing else."""

from __future__ import annotations

import pytest
from capture_book import Book

from nb2service.capture.entries.find import find_entries
from nb2service.errors import EntryError, ExampleError

SERIES = """
class Results:
    model = None
    def predict(self, start=None, end=None):
        return np.arange(3.0)
    def forecast(self, steps=1, **options):
        days = pd.date_range("2024-01-01", periods=steps, freq="D")
        return pd.Series(np.arange(steps, dtype=float), index=days)
    def get_forecast(self, steps=1):
        return self
Results.__module__ = "statsmodels.tsa.arima.model"
results = Results()
"""
AUTO = """
class Auto:
    def fit(self, y):
        self.mean_ = float(np.mean(y))
        return self
    def predict(self, n_periods=10, X=None):
        return np.full(n_periods, self.mean_)
auto = Auto().fit([1.0, 2.0])
"""

# cells → entry, its parameter, default, the first instance
FORECASTS = [
    ((SERIES, "results.forecast(6)"), "forecast", "steps", 6, 6),
    ((SERIES, "f = results.forecast(steps=2 + 2)"), "forecast", "steps", 1, 12),
    ((SERIES, "STEPS = 5\nf = results.get_forecast(steps=STEPS)"), "forecast", "steps", 5, 5),
    ((SERIES,), "forecast", "steps", 1, 12),
    ((AUTO, "auto.predict(n_periods=3)"), "predict", "n_periods", 3, 3),
    ((AUTO,), "predict", "n_periods", 10, 12),
]


@pytest.mark.parametrize(
    ("cells", "entry", "parameter", "default", "first"), FORECASTS, ids=lambda v: str(v)[-30:]
)
def test_a_forecast_takes_its_steps_and_no_rows(cells, entry, parameter, default, first):
    book = Book(*cells)
    (request,) = find_entries(book.namespace, book.notebook, book.statements)
    assert request.name == entry
    lesson = book.learn(request.expression)
    (field,) = lesson.entry.input.fields
    assert (field.name, field.type, field.default) == (parameter, "integer", default)
    assert not field.required
    assert lesson.case["instances"][:2] == [{parameter: first}, {parameter: 1}]
    assert len(lesson.case["batch"][0]) == first
    assert lesson.warnings == ""
    assert lesson.replay().differences == ()


def test_dates_go_out_as_labels():
    lesson = Book(SERIES, "results.forecast(2)").learn("results")
    assert lesson.case["batch"][0] == {"2024-01-01T00:00:00": 0.0, "2024-01-02T00:00:00": 1.0}


def test_a_request_without_steps_has_as_many_as_the_notebook():
    lesson = Book(SERIES, "results.forecast(3)").learn("results")
    cases = dict(zip(map(str, lesson.case["instances"]), lesson.case["batch"], strict=True))
    assert cases["{}"] == cases["{'steps': 3}"]


# cells, entry → words of the refusal
REFUSED = [
    (SERIES, "results.get_forecast", EntryError,
     "serve results.forecast, or a function: def forecast(steps: int): return "
     "results.get_forecast(steps).summary_frame()"),
    (SERIES, "results.predict", ExampleError, "serve its forecast: %deploy results.forecast"),
    (SERIES.replace("model = None", "model = type('M', (), {'k_exog': 1})")
     .replace("days =", "raise ValueError('exog')\n        days ="), "results", ExampleError,
     "def forecast(exog): return results.forecast(len(exog), exog=exog)"),
    ("class Var:\n    k_ar, endog = 2, np.ones((5, 2))\n"
     "    def forecast(self, y, steps): return y\n"
     "var = Var()", "var", EntryError, "return var.forecast(var.endog[-var.k_ar:], steps)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "entry", "kind", "words"), REFUSED, ids=[f"{r[1]} {r[3][:20]}" for r in REFUSED]
)
def test_what_has_no_such_form_is_refused_with_what_to_write(source, entry, kind, words):
    with pytest.raises(kind) as caught:
        Book(source).example(entry)
    assert words in caught.value.hint
