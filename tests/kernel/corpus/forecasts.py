"""Models of statsmodels: forecasts without rows, and formulas. For an environment that has it."""

from __future__ import annotations

from .book import Ask, Book

SERIES = """
import numpy as np
import pandas as pd
rng = np.random.default_rng(0)
months = pd.date_range("2020-01-31", periods=60, freq=pd.offsets.MonthEnd())
sales = pd.Series(10 + np.sin(np.arange(60) * np.pi / 6) + rng.normal(0, 0.1, 60), index=months)
---
"""
DATED = "[{d.isoformat(): v for d, v in %s.items()}]"

BOOKS = [
    Book(
        "a forecast with dates, as many steps as the notebook's own",
        SERIES
        + """
        from statsmodels.tsa.arima.model import ARIMA
        results = ARIMA(sales, order=(1, 0, 0)).fit()
        ---
        results.forecast(steps=6)
        """,
        (
            Ask([{"steps": 3}], DATED % "results.forecast(3)", "forecast"),
            Ask([{}], DATED % "results.forecast(6)", "forecast"),
        ),
    ),
    Book(
        "smoothing of an array, asked for by name",
        SERIES
        + """
        from statsmodels.tsa.holtwinters import ExponentialSmoothing
        model = ExponentialSmoothing(sales.to_numpy(), seasonal="add", seasonal_periods=12)
        fit = model.fit()
        """,
        (Ask([{"steps": 4}], "[fit.forecast(4)]", "forecast"),),
        "%deploy fit",
    ),
    Book(
        "a function around a forecast with intervals",
        SERIES
        + """
        from statsmodels.tsa.statespace.sarimax import SARIMAX
        results = SARIMAX(sales, order=(1, 0, 0)).fit(disp=0)
        def forecast(steps: int):
            table = results.get_forecast(steps).summary_frame(alpha=0.1).reset_index(drop=True)
            return table[["mean", "mean_ci_lower", "mean_ci_upper"]]
        forecast(5)
        """,
        (Ask([{"steps": 2}], "[forecast(2)]", "forecast"),),
        "%deploy forecast",
    ),
    Book(
        "a formula whose frame is gone",
        SERIES
        + """
        import statsmodels.formula.api as smf
        ads = pd.DataFrame({"tv": rng.uniform(1, 9, 80), "radio": rng.uniform(1, 9, 80)})
        ads["town"] = rng.choice(["Ulm", "Kiel"], 80)
        ads["sold"] = 2 * ads.tv + np.log(ads.radio) + (ads.town == "Ulm") + rng.normal(size=80)
        results = smf.ols("sold ~ tv + np.log(radio) + C(town)", ads).fit()
        del ads
        """,
        (
            Ask(
                [{"tv": 2.5, "radio": 4.0, "town": "Kiel"}],
                'results.predict(pd.DataFrame([{"tv": 2.5, "radio": 4.0, "town": "Kiel"}]))',
            ),
        ),
    ),
]
