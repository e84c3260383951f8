"""Cell tags: each alone, together, several, never run, unknown, and what they cannot have."""

from __future__ import annotations

import json

from .book import Ask, Book, call

MODELS = """
from sklearn.linear_model import LinearRegression
import pandas as pd
X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 1.0]})
first = LinearRegression().fit(X, X["a"] * 2)
---
# tags: service-model
second = LinearRegression().fit(X, X["a"] * 5)
fitted = second
---
third = LinearRegression().fit(X, X["b"])
"""
ROW = {"a": 9.5, "b": 3.0}


def notebook(*cells: tuple[str, str]) -> str:
    """A notebook's file: (text, tag) of each cell."""
    made = [
        {"cell_type": "code", "source": text, "metadata": {"tags": [tag] if tag else []},
         "outputs": [], "execution_count": None, "id": f"cell-{number}"}
        for number, (text, tag) in enumerate(cells)
    ]  # fmt: skip
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


BOOKS = [
    Book(
        "tags: every function of a predict cell, and no other",
        """
        K = 3
        def other(x): return x
        ---
        # tags: service-predict
        def double(x: float) -> float:
            return x * 2
        def triple(x: float) -> float:
            return x * K
        ---
        double(1.5), triple(2.5), other(1)
        """,
        (
            Ask([{"x": 7.25}], "[double(7.25)]", "double"),
            Ask([{"x": 7.25}], "[triple(7.25)]", "triple"),
        ),
        absent=("def other",),
    ),
    Book(
        "tags: a directive line, with a comment above the code and two words",
        """
        # nb2service: predict, example
        # what a customer pays
        def predict(df):
            return df["n"] * 2
        df.head(2)
        """.replace("df.head(2)", "import pandas as pd\n        pd.DataFrame({'n': [4, 5]})"),
        (Ask([{"n": 21}], "predict(pd.DataFrame({'n': [21]}))"),),
        present=("# what a customer pays",),
        absent=("nb2service:",),
    ),
    Book(
        "tags: the last name of a model cell, among other models",
        MODELS,
        (Ask([ROW], "second.predict(pd.DataFrame([{'a': 9.5, 'b': 3.0}]))"),),
        unsaid=("third",),
    ),
    Book(
        "tags: two model cells",
        MODELS.replace("third =", "# nb2service: model\nthird ="),
        (
            Ask([ROW], "second.predict(pd.DataFrame([{'a': 9.5, 'b': 3.0}]))", "fitted_predict"),
            Ask([ROW], "third.predict(pd.DataFrame([{'a': 9.5, 'b': 3.0}]))", "third_predict"),
        ),
    ),
    Book(
        "tags: what is typed comes before tags",
        MODELS,
        (Ask([ROW], "third.predict(pd.DataFrame([{'a': 9.5, 'b': 3.0}]))"),),
        line="%deploy third",
    ),
    Book(
        "tags: a model cell whose last name is no model",
        """
        # tags: service-model
        score = 0.75
        """,
        refused=("Cell [1]", "score is a float", "give a fitted model"),
    ),
    Book(
        "tags: one that does not exist",
        """
        # tags: service-predcit
        def predict(x): return x
        """,
        refused=("Cell [1]", "'service-predcit' does not exist", "service-predict", "service-skip"),
    ),
    Book(
        "tags: a directive that does not exist",
        """
        # nb2service: model, exmaple
        a = 1
        """,
        refused=("Cell [1]", "'service-exmaple' does not exist"),
    ),
    Book(
        "tags: a setup cell opens a database",
        """
        import sqlite3
        from pathlib import Path
        with sqlite3.connect("rates.db") as made:
            _ = made.execute("create table rates (city text, rate real)")
            _ = made.executemany("insert into rates values (?, ?)", [("Bonn", 1.5), ("Ulm", 2.5)])
        made.close()
        ---
        # tags: service-setup
        rates = sqlite3.connect("rates.db")
        ---
        def rate(city: str) -> float:
            return rates.execute("select rate from rates where city = ?", (city,)).fetchone()[0]
        rate("Bonn")
        """,
        (Ask([{"city": "Ulm"}, {"city": "Bonn"}], "[rate('Ulm'), rate('Bonn')]", "rate"),),
        line="%deploy rate",
        said=("rates.db",),
        present=('rates = sqlite3.connect("rates.db")',),
    ),
    Book(
        "tags: a setup cell reads the environment and warms up a cache",
        """
        # tags: service-setup
        import os
        FACTOR = float(os.environ.get("BOOK_FACTOR", "2.5"))
        CACHE = {n: n * FACTOR for n in range(100)}
        ---
        def predict(x: int) -> float:
            return CACHE[x]
        predict(4)
        """,
        (call("predict(77)", x=77),),
        present=('os.environ.get("BOOK_FACTOR", "2.5")', "CACHE = {n: n * FACTOR"),
        absent=("load(",),
    ),
    Book(
        "tags: a setup cell that was edited runs as it ran last",
        """
        # tags: service-setup
        limits = {"top": 5}
        ---
        # tags: service-setup
        limits = {"top": 50}
        ---
        def predict(x: int) -> int:
            return min(x, limits["top"])
        predict(4)
        """,
        (call("predict(77)", x=77),),
        absent=('{"top": 5}',),
    ),
    Book(
        "tags: a setup cell that fails when the service starts",
        """
        from pathlib import Path
        place = Path("rates.txt")
        _ = place.write_text("1.5")
        ---
        # tags: service-setup
        RATE = float(place.read_text())
        ---
        _ = place.write_text("none yet")
        def predict(x: float) -> float:
            return x * RATE
        predict(2.0)
        """,
        refused=("did not start", "cell [2]", "could not convert string to float: 'none yet'"),
    ),
    Book(
        "tags: an example cell for each of two functions",
        """
        # tags: service-predict
        def area(width: float, height: float) -> float:
            return width * height
        def shout(text: str) -> str:
            return text.upper()
        ---
        # tags: service-example
        dict(width=2.0, height=4.0)
        ---
        # tags: service-example
        words = {"text": "hello"}
        """,
        (
            Ask([{"width": 1.5, "height": 3.0}], "[area(1.5, 3.0)]", "area"),
            Ask([{"text": "so"}], "[shout('so')]", "shout"),
        ),
    ),
    Book(
        "tags: an example cell that fits no entry",
        """
        def area(width: float, height: float) -> float:
            return width * height
        ---
        # tags: service-example
        {"radius": 2.0}
        """,
        line="%deploy area",
        refused=("no example input for entry 'area'", "width, height", "service-example"),
    ),
    Book(
        "tags: nothing of a skipped cell travels, nor its text",
        """
        RATE = 1.5
        ---
        # tags: service-skip
        notes = "talk of the board on tuesday"
        RATE2 = 3
        ---
        def predict(x: float) -> float:
            return x * RATE
        predict(2.0)
        """,
        (call("predict(7.0)", x=7.0),),
        nowhere=("talk of the board",),
    ),
    Book(
        "tags: a name of a skipped cell that is needed",
        """
        # tags: service-skip
        RATE = 1.5
        ---
        def helper(x):
            return x * RATE
        ---
        def predict(x: float) -> float:
            return helper(x)
        predict(2.0)
        """,
        refused=(
            "predict → helper → RATE",
            "needed by cell [2], but cell [1] is tagged service-skip",
        ),
    ),
    Book(
        "tags: asserts that use helpers and pytest",
        """
        import pytest
        def check(x):
            assert predict(x) == x * 2
        def predict(x: float) -> float:
            if x < 0:
                raise ValueError("negative")
            return x * 2
        predict(2.0)
        ---
        # tags: service-test
        check(4)
        with pytest.raises(ValueError, match="negative"):
            predict(-1)
        for x in range(3):
            check(x)
        """,
        (call("predict(7.0)", x=7.0),),
        line="%deploy predict",
        present=("def check(x):",),
    ),
    Book(
        "tags: a tagged cell that was never run is said",
        """
        __session__ = "book.ipynb"
        ---
        def predict(x: float) -> float:
            return x * 2
        predict(2.0)
        """,
        (call("predict(7.0)", x=7.0),),
        said=("service-test", "was never run", "assert predict(1) == 2"),
        files={
            "book.ipynb": notebook(
                ('__session__ = "book.ipynb"', ""),
                ("def predict(x: float) -> float:\n    return x * 2\npredict(2.0)", ""),
                ("assert predict(1) == 2", "service-test"),
            )
        },
    ),
]
