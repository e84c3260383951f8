"""The live object is the truth: what is in memory ships, whatever the cells say by now.

Sessions with a file, cell ids and edits are in ``tests/unit/test_truth.py``.
"""

from __future__ import annotations

from .book import Ask, Book, call

MEAN = """
class Mean:
    shift = 0
    def fit(self, rows):
        self.mean = sum(rows) / len(rows)
        return self
    def predict(self, x):
        return x - self.mean + self.shift
"""

BOOKS = [
    Book(
        "truth: a class defined anew after its object was made",
        f"""
{MEAN}
---
model = Mean().fit([1.0, 2.0, 6.0])
---
{MEAN.replace("x - self.mean", "x + self.mean")}
---
def predict(x: float) -> float:
    return model.predict(x) + Mean().fit([1.0]).predict(x)
predict(2.0)
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
        said=("made by an older Mean", "the older one travels"),
    ),
    Book(
        "truth: a class that was deleted after its object was made",
        f"""
{MEAN}
model = Mean().fit([1.0, 2.0, 6.0])
del Mean
---
def predict(x: float) -> float:
    return model.predict(x)
predict(2.0)
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
    ),
    Book(
        "truth: a class attribute and a method changed at run time",
        f"""
{MEAN}
model = Mean().fit([1.0, 2.0, 6.0])
---
Mean.shift = 100
def predict_twice(self, x):
    return 2 * (x - self.mean + self.shift)
Mean.predict = predict_twice
---
def predict(x: float) -> float:
    return model.predict(x)
predict(2.0)
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
    ),
    Book(
        "truth: a function replaced by the code of another",
        """
        def step(x): return x + 1
        def other(x): return x * 10
        ---
        step.__code__ = other.__code__
        ---
        def predict(x: float) -> float:
            return step(x)
        predict(2.0)
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
        present=("x * 10",),
    ),
    Book(
        "truth: figures rebound by a loop, a later cell, a function and a with",
        """
        A = B = C = D = 1
        ---
        for A in (3, 5, 7):
            pass
        ---
        def raise_b():
            global B
            B += 40
        raise_b(); raise_b()
        ---
        C = 2
        import contextlib
        with contextlib.nullcontext(9) as D:
            pass
        ---
        C = 1
        def predict(x: float) -> list:
            return [x, A, B, C, D]
        C = 11
        predict(2.0)
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
    ),
    Book(
        "truth: a cell that ran twice with other texts leaves both its names",
        """
        first = {"a": 1}
        def helper(x): return x + first["a"]
        ---
        first = {"a": 5}
        ---
        def helper2(x): return x - first["a"]
        def predict(x: float) -> list:
            return [helper(x), helper2(x)]
        predict(2.0)
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
    ),
    Book(
        "truth: what stands below the line that deploys has not run",
        """
        K = 1
        def predict(x: float) -> float:
            return x + K
        predict(2.0)
        """,
        (call("8.25", x=7.25),),
        line="%deploy predict\nK = 100",
        said=("K: the cell did not run to its end",),
        present=("K = 1",),
    ),
    Book(
        "truth: a script that was run and edited since",
        """
        from pathlib import Path
        _ = Path("steps.py").write_text("def step(x):\\n    return x + 1\\n")
        ---
        %run steps.py
        ---
        def predict(x: float) -> float:
            return step(x)
        predict(2.0)
        ---
        _ = Path("steps.py").write_text("def step(x):\\n    return x * 50\\n")
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
        present=("return x + 1",),
        absent=("x * 50",),
    ),
    Book(
        "truth: a module that was edited after its import",
        """
        from helpers import step
        ---
        def predict(x: float) -> float:
            return step(x)
        predict(2.0)
        ---
        from pathlib import Path
        _ = Path("helpers.py").write_text("def step(x):\\n    return x * 50\\n")
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
        said=("helpers.py was edited after the notebook imported it", "text that was imported"),
        files={"helpers.py": "def step(x):\n    return x + 1\n"},
    ),
    Book(
        "truth: a module that was edited and loaded again by autoreload",
        """
        %load_ext autoreload
        %autoreload 2
        import tools_of_book
        ---
        import os
        from pathlib import Path
        place = Path("tools_of_book.py")
        _ = place.write_text("def step(x):\\n    return x * 50\\n")
        os.utime(place, (place.stat().st_mtime + 5,) * 2)
        ---
        def predict(x: float) -> float:
            return tools_of_book.step(x)
        predict(2.0)
        """,
        (call("predict(7.25)", x=7.25),),
        line="%deploy predict",
        unsaid=("was edited after",),
        files={"tools_of_book.py": "def step(x):\n    return x + 1\n"},
        alone=True,
    ),
    Book(
        "truth: a function made by exec has no text to ship",
        """
        exec("def step(x):\\n    return x + 1")
        def predict(x: float) -> float:
            return step(x)
        predict(2.0)
        """,
        line="%deploy predict",
        refused=("predict → step", "made from text by exec()", "write it as a def in a cell"),
    ),
    Book(
        "repeats: numpy's global generator is named",
        """
        import numpy as np
        def predict(x: float) -> float:
            return x if x > 100 else x + np.random.normal()
        predict(2.0)
        """,
        (call("predict(700.0)", x=700.0),),
        line="%deploy predict",
        verdict="not comparable",
        said=("it draws random numbers from numpy's global generator", "within the entry"),
    ),
    Book(
        "repeats: a counter of the notebook is named",
        """
        calls = {"n": 0}
        def predict(x: float) -> float:
            calls["n"] += 1
            return x if x > 100 else x + calls["n"]
        predict(2.0)
        """,
        (call("predict(700.0)", x=700.0),),
        line="%deploy predict",
        verdict="not comparable",
        said=("it changes calls, which the next call finds changed",),
    ),
    Book(
        "repeats: the clock is named, and today's date is warned of",
        """
        from datetime import date, datetime
        def predict(x: float) -> float:
            return x if x > 100 else x + datetime.now().timestamp()
        def age(born: int) -> int:
            return date.today().year - born
        predict(2.0), age(1990)
        """,
        (Ask([{"born": 1980}], "[age(1980)]", "age"),),
        line="%deploy predict age",
        verdict="not comparable",
        said=("it asks for the time (datetime.now)", "asks for the date (date.today): tomorrow"),
    ),
]
