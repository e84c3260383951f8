"""Values of every kind: what goes in arrives as it was, what comes out is what a caller expects."""

from __future__ import annotations

import base64

from .book import Ask, Book, call

FRAME = "import numpy as np\nimport pandas as pd\n---\n"
SHOWN = """
---
def predict(df):
    return [repr(tuple(row)) for row in df.itertuples(index=False)]
---
predict(X)
"""
IMAGE = """
import io
import numpy as np
from pathlib import Path
from PIL import Image
---
pixels = (np.arange(48) * 5 % 256).astype("uint8").reshape(4, 4, 3)
Image.fromarray(pixels).save("cat.png")
---
"""


def file(text: bytes) -> str:
    return base64.b64encode(text).decode()


# A PNG of 2 × 1 pixels, as any client could send it.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGM4wSXHyPQLAAZiAe7vws7IAAAAAElFTk"
    "SuQmCC"
)
OTHER = f"__import__('io').BytesIO(__import__('base64').b64decode('{PNG}'))"

COLUMNS = [
    Book(
        "whole numbers and truth values with gaps keep their nullable dtypes",
        FRAME
        + """
        X = pd.DataFrame({
            "n": pd.array([1, None, 2**60 + 1], dtype="Int64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "f": pd.array([0.5, None, 1.5], dtype="Float32"),
        })
        """
        + SHOWN,
        (
            Ask(
                [{"n": 2**62 + 1, "b": None, "f": 0.25}],
                "predict(pd.DataFrame({'n': [2**62 + 1], 'b': [None], 'f': [.25]})"
                ".astype(X.dtypes))",
            ),
            Ask(
                [{"f": None, "n": None, "b": True}],
                "predict(pd.DataFrame({'n': [None], 'b': [True], 'f': [None]}).astype(X.dtypes))",
            ),
        ),
    ),
    Book(
        "categories keep their order, their dtype and those that no row has",
        FRAME
        + """
        X = pd.DataFrame({
            "size": pd.Categorical(["L", "S", None], categories=["S", "M", "L"], ordered=True),
            "year": pd.Categorical([2023, 2021, 2023]),
            "day": pd.Categorical(pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-02"])),
            "half": pd.Categorical([0.5, 1.0, 0.5]),
        })
        ---
        def predict(df):
            codes = [df[name].cat.codes for name in df]
            return [[int(c[i]) for c in codes] + [str(df["size"].max())] for i in range(len(df))]
        ---
        predict(X)
        """,
        (
            Ask(
                [{"size": "M", "year": 2023, "day": "2024-01-02", "half": 1}],
                "[[1, 1, 1, 1, 'M']]",
            ),
        ),
    ),
    Book(
        "intervals are refused with what to do",
        FRAME
        + """
        X = pd.DataFrame({"band": pd.cut([1, 5, 9], 3), "n": [1, 2, 3]})
        def predict(df):
            return df["n"] * 2
        ---
        predict(X)
        """,
        refused=("column 'band'", "interval", ".astype(str)"),
    ),
    Book(
        "moments arrive in the zone of their column, whatever zone they are sent in",
        FRAME
        + """
        X = pd.DataFrame({
            "at": pd.date_range("2024-03-30T12:00", periods=3, freq="D", tz="Europe/Paris"),
            "local": pd.to_datetime(["2024-01-01T00:00:00.123456789", None, None]),
            "took": pd.to_timedelta([90, 1, 86_401], unit="s"),
        })
        ---
        def predict(df):
            parts = [df["at"].dt.hour, df["local"].dt.nanosecond, df["took"].dt.total_seconds()]
            return pd.concat([*parts, df["at"].map(str)], axis=1, keys=["hour", "ns", "s", "at"])
        ---
        predict(X)
        """,
        (
            Ask(
                [
                    {
                        "at": "2024-07-01T22:30:00Z",
                        "local": "2024-01-01T00:00:00.000000007",
                        "took": "PT1M",
                    }
                ],
                "[{'hour': 0, 'ns': 7, 's': 60.0, 'at': '2024-07-02 00:30:00+02:00'}]",
            ),
        ),
    ),
    Book(
        "text that looks like a number stays text",
        FRAME
        + """
        X = pd.DataFrame({"zip": ["00123", "01001", None], "code": ["1e3", "", "NA"]})
        """
        + SHOWN,
        (
            Ask(
                [{"zip": "007", "code": "nan"}, {"zip": None, "code": "0"}],
                "predict(pd.DataFrame({'zip': ['007', None], 'code': ['nan', '0']}))",
            ),
        ),
    ),
    Book(
        "a column of many kinds of objects gives each as it is",
        FRAME
        + """
        X = pd.DataFrame({"any": pd.Series([1, "1", 2.5, True, None, [1, "a"]], dtype=object)})
        """
        + SHOWN,
        (
            Ask(
                [{"any": value} for value in ("x", 0, 1.0, False, None, [2])],
                "predict(pd.DataFrame({'any': ['x', 0, 1.0, False, None, [2]]}, dtype=object))",
            ),
        ),
    ),
    Book(
        "decimals, dates, times and identifiers among objects",
        FRAME
        + """
        from datetime import date, time
        from decimal import Decimal
        from uuid import UUID
        X = pd.DataFrame({
            "price": [Decimal("1.10"), Decimal("2.20")],
            "day": [date(2024, 1, 31), date(2024, 2, 1)],
            "at": [time(8, 30), time(9)],
            "id": [UUID(int=1), UUID(int=2)],
        })
        """
        + SHOWN,
        (
            Ask(
                [
                    {
                        "price": "0.30",
                        "day": "2024-02-29",
                        "at": "23:59:59.5",
                        "id": str("0" * 31 + "7"),
                    }
                ],
                "[repr((Decimal('0.30'), date(2024, 2, 29), time(23, 59, 59, 500000),"
                " UUID(int=7)))]",
            ),
        ),
    ),
    Book(
        "text of Arrow's own dtype, as read_csv gives it where it is asked to",
        FRAME
        + """
        import io
        X = pd.read_csv(io.StringIO("a,b,c\\nx,1,0.5\\n,2,\\n"), dtype_backend="pyarrow")
        ---
        def predict(df):
            return [f"{row} {list(map(str, df.dtypes))}" for row in df.to_dict("records")]
        ---
        predict(X)
        """,
        (
            Ask(
                [{"a": "y", "b": 3, "c": None}, {"a": None, "b": 2**60 + 1, "c": 1.5}],
                "predict(pd.DataFrame({'a': ['y', None], 'b': [3, 2**60 + 1], 'c': [None, 1.5]})"
                ".astype(X.dtypes))",
            ),
        ),
    ),
    Book(
        "single precision is kept on the way in and out",
        FRAME
        + """
        X = pd.DataFrame({"a": np.array([0.1, 0.2], "float32"), "b": np.array([1, 2], "uint8")})
        ---
        def predict(df):
            assert str(df["a"].dtype) == "float32" and str(df["b"].dtype) == "uint8"
            return df["a"] / df["b"]
        ---
        predict(X)
        """,
        (
            Ask(
                [{"a": 0.7, "b": 3}, {"a": "Infinity", "b": 255}],
                "predict(pd.DataFrame({'a': [.7, np.inf], 'b': [3, 255]}).astype(X.dtypes))",
            ),
        ),
    ),
    Book(
        "sparse columns are taken dense, and that is said",
        FRAME
        + """
        X = pd.get_dummies(pd.Series(["a", "b", "a"]), sparse=True, dtype=float)
        ---
        def predict(df):
            return df.to_numpy().sum(axis=1)
        ---
        predict(X)
        """,
        (Ask([{"a": 2.0, "b": 3.5}], "[5.5]"),),
        said=("sparse columns",),
    ),
    Book(
        "columns of several levels are asked for by their joined names",
        FRAME
        + """
        raw = pd.DataFrame({"k": [1, 1, 2, 2], "v": [1.0, 2.0, 3.0, 5.0]})
        X = raw.groupby("k").agg({"v": ["mean", "max"]}).reset_index()
        ---
        def predict(df):
            return df["v"]["max"] - df["v"]["mean"] + df["k"]
        ---
        predict(X)
        """,
        (Ask([{"v_max": 9, "v_mean": 4.5, "k_": 2}], "[6.5]"),),
    ),
    Book(
        "names of levels do not travel: code that reads them is refused",
        FRAME
        + """
        X = pd.DataFrame(np.eye(3, 2), columns=pd.MultiIndex.from_tuples(
            [("a", "x"), ("a", "y")], names=["group", "kind"]))
        ---
        def predict(df):
            return df.xs("x", level="kind", axis=1)["a"]
        ---
        predict(X)
        """,
        refused=("Level kind not found", 'X.columns = ["_".join(map(str, c)) for c in X.columns]'),
    ),
    Book(
        "two columns of one name are refused",
        FRAME
        + """
        X = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
        def predict(df):
            return df.sum(axis=1)
        ---
        predict(X)
        """,
        refused=("more than one column called 'a'", "duplicated()"),
    ),
    Book(
        "a model of columns without text names, asked in another order",
        FRAME
        + """
        from sklearn.linear_model import LinearRegression
        X = pd.DataFrame(np.arange(12.0).reshape(4, 3) ** 2)
        model = LinearRegression().fit(X.to_numpy(), [1, 2, 3, 5])
        def predict(df):
            return model.predict(df[[0, 1, 2]].to_numpy()).round(6)
        ---
        predict(X)
        """,
        (
            Ask(
                [{"2": 1.5, "0": -3, "1": 7}],
                "predict(pd.DataFrame({0: [-3.0], 1: [7.0], 2: [1.5]}))",
            ),
        ),
        line="%deploy predict",
    ),
    Book(
        "an entry that reads the index is told to read a column",
        FRAME
        + """
        X = pd.DataFrame({"v": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2))
        def predict(df):
            return df.index.dayofweek + df["v"].to_numpy()
        ---
        predict(X)
        """,
        refused=("the answer depends on the index of X", "X.reset_index()"),
    ),
    Book(
        "what an encoder knows and what was observed is no wall",
        FRAME
        + """
        from sklearn.compose import make_column_transformer
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder
        X = pd.DataFrame({"town": ["a", "b", "a", "c"], "age": [20, 30, 40, 50]})
        model = make_pipeline(
            make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["town"]),
                                    remainder="passthrough"),
            Ridge(),
        ).fit(X, [1.0, 2.0, 3.0, 5.0])
        """,
        (
            Ask(
                [{"age": 900, "town": "never seen"}],
                "model.predict(pd.DataFrame({'town': ['never seen'], 'age': [900]}))",
            ),
        ),
    ),
]

ARGUMENTS = [
    Book(
        "hints of every plain kind",
        """
        from datetime import date, datetime, timedelta
        from decimal import Decimal
        from typing import Annotated, Literal, Optional
        from uuid import UUID
        def predict(day: date, wait: timedelta, price: Decimal, id: UUID, kind: Literal["a", "b"],
                    *, size: Annotated[int, "in cm"] = 3, note: Optional[str] = None):
            return [repr(v) for v in (day + wait, price * size, id, kind, note)]
        ---
        predict(date(2024, 2, 28), timedelta(days=1), Decimal("0.10"), UUID(int=1), "a", size=2)
        """,
        (
            call(
                "predict(date(2023, 2, 28), timedelta(days=2), Decimal('1.10'), UUID(int=9), 'b')",
                day="2023-02-28",
                wait="P2D",
                price="1.10",
                id="0" * 31 + "9",
                kind="b",
            ),
        ),
    ),
    Book(
        "a moment in a named zone stays in it, over a change of the clocks too",
        """
        from datetime import datetime, timedelta
        from zoneinfo import ZoneInfo
        def predict(at):
            return [at.hour, (at + timedelta(days=1)).isoformat(), str(at.tzinfo)]
        ---
        predict(datetime(2024, 1, 1, 8, tzinfo=ZoneInfo("Europe/Paris")))
        """,
        (
            call(
                "predict(datetime(2024, 3, 30, 12, tzinfo=ZoneInfo('Europe/Paris')))",
                at="2024-03-30T11:00:00Z",
            ),
        ),
    ),
    Book(
        "records within records: dataclass, named tuple, enumeration",
        """
        import enum
        from dataclasses import dataclass, field
        from typing import NamedTuple
        class Unit(enum.Enum):
            CM = "cm"
            INCH = "inch"
        class Size(NamedTuple):
            width: float
            unit: Unit = Unit.CM
        @dataclass
        class Item:
            name: str
            size: Size
            tags: list[str] = field(default_factory=list)
        def predict(item: Item):
            return repr(item)
        ---
        predict(Item("a", Size(1.5), ["x"]))
        """,
        (
            call(
                "predict(Item('b', Size(2, Unit.INCH)))",
                item={"name": "b", "size": {"width": 2, "unit": "inch"}, "tags": []},
            ),
        ),
    ),
    Book(
        "a mapping whose keys are data, beside one whose keys are known",
        """
        def predict(weights: dict[str, float], customer: dict):
            return sum(weights.values()) * customer["age"]
        ---
        predict({"a": 0.5, "b": 1.5}, {"age": 3})
        """,
        (call("predict({'z': 2.5}, {'age': 4})", weights={"z": 2.5}, customer={"age": 4}),),
    ),
    Book(
        "a union takes each of its kinds",
        """
        def predict(x: int | str | list[int]):
            return [type(x).__name__, x]
        ---
        predict(3)
        """,
        (
            call("predict('three')", x="three"),
            call("predict([1, 2])", x=[1, 2]),
            call("predict(4)", x=4),
        ),
    ),
    Book(
        "arguments without names are said to be left out",
        """
        def predict(x, *others, scale=2):
            return (x + sum(others)) * scale
        ---
        predict(3)
        """,
        (call("predict(4, scale=5)", x=4, scale=5),),
        said=("*others",),
    ),
    Book(
        "an argument that only its position names is refused",
        """
        def predict(x, /):
            return x * 2
        ---
        predict(3)
        """,
        refused=("'x' has no name for callers", "take the '/' out"),
    ),
    Book(
        "an instance of the notebook under the parameter's own name is an input",
        """
        from dataclasses import dataclass
        @dataclass
        class Customer:
            age: int
        customer = Customer(41)
        def predict(customer):
            return customer.age + 1
        ---
        predict(customer)
        """,
        (call("predict(Customer(7))", customer={"age": 7}),),
    ),
]

FILES = [
    Book(
        "an image as bytes",
        IMAGE
        + """
        def predict(image: bytes, scale: int = 1):
            return [size * scale for size in Image.open(io.BytesIO(image)).size]
        ---
        predict(Path("cat.png").read_bytes())
        """,
        (call(f"predict({OTHER}.read(), 3)", image=PNG, scale=3),),
    ),
    Book(
        "an image of Pillow, in the mode that the notebook has it in",
        IMAGE
        + """
        def predict(img):
            return [img.mode, np.asarray(img).tolist()]
        ---
        img = Image.open("cat.png").convert("L")
        predict(img)
        """,
        (call(f"predict(Image.open({OTHER}).convert('L'))", img=PNG),),
    ),
    Book(
        "pixels of any size",
        IMAGE
        + """
        def predict(picture):
            assert picture.dtype == np.uint8
            return [*picture.shape, picture.mean()]
        ---
        predict(pixels)
        """,
        (
            call(
                "predict(np.full((2, 5, 3), 9, dtype='uint8'))",
                picture=[[[9, 9, 9]] * 5] * 2,
            ),
        ),
    ),
    Book(
        "the path of an image: callers send the file, not a path of the service's machine",
        IMAGE
        + """
        def predict(path: str):
            return np.asarray(Image.open(path)).sum(axis=(0, 1))
        ---
        predict("cat.png")
        """,
        (call(f"predict({OTHER})", path=PNG),),
        unsaid=("cat.png",),
    ),
    Book(
        "an open file, and a setting that names one of the notebook's own",
        """
        import pandas as pd
        ---
        def predict(file, words="words.txt"):
            known = open(words).read().split()
            return [name in known for name in pd.read_csv(file)["name"]]
        ---
        with open("rows.csv") as f:
            predict(f)
        """,
        (
            call(
                "predict(__import__('io').StringIO('name\\nb\\nz\\n'))",
                file=file(b"name\nb\nz\n"),
            ),
        ),
        files={"rows.csv": "name\na\nc\n", "words.txt": "a b"},
    ),
    Book(
        "an answer that holds the path itself is refused",
        """
        def predict(path):
            return {"path": path, "length": len(open(path).read())}
        ---
        predict("rows.csv")
        """,
        refused=("answers otherwise", "what the file holds"),
        files={"rows.csv": "name\na\n"},
    ),
]

ANSWERS = [
    Book(
        "a label with its probability, and several named outputs",
        """
        import numpy as np
        from typing import NamedTuple
        class Guess(NamedTuple):
            label: str
            p: float
        def predict(x):
            return {"best": Guess("cat", np.float32(0.5) * x), "top": ("dog", np.float64(0.25)),
                    "scores": np.array([x, np.nan]), "n": np.int64(3), "none": [None, x]}
        ---
        predict(1)
        """,
        (
            call(
                "{'best': {'label': 'cat', 'p': 1.5}, 'top': ['dog', 0.25], 'scores': [3.0, None],"
                " 'n': 3, 'none': [None, 3]}",
                x=3,
            ),
        ),
    ),
    Book(
        "keys are text as JSON writes it, labels are themselves",
        """
        import numpy as np
        from collections import Counter
        def predict(x):
            return [{np.int64(0): 0.1, 1: 0.9}, {True: x, None: 0}, {("a", 1): x}, Counter("aab")]
        ---
        predict(1)
        """,
        (
            call(
                "[{'0': 0.1, '1': 0.9}, {'true': 3, 'null': 0}, {'a_1': 3}, {'a': 2, 'b': 1}]",
                x=3,
            ),
        ),
    ),
    Book(
        "keys that are equal as text are refused, not lost",
        """
        def predict(x):
            return {1: x, "1": x + 1}
        ---
        predict(1)
        """,
        refused=("keys that are equal as text",),
    ),
    Book(
        "series by label and by date, a frame with columns of several levels",
        """
        import pandas as pd
        def predict(n):
            days = pd.date_range("2024-01-31", periods=2, freq="D")
            levels = pd.MultiIndex.from_product([["v"], ["min", "max"]])
            table = pd.DataFrame([[n, 2]], columns=levels)
            return {"by": pd.Series({"a": n, "b": 2}), "on": pd.Series([0.5, n], days), "t": table}
        ---
        predict(1)
        """,
        (
            call(
                "{'by': {'a': 3, 'b': 2}, 't': [{'v_min': 3, 'v_max': 2}],"
                " 'on': {'2024-01-31T00:00:00': 0.5, '2024-02-01T00:00:00': 3.0}}",
                n=3,
            ),
        ),
    ),
    Book(
        "dates, decimals, durations, sets, views and what is missing",
        """
        import pandas as pd
        from datetime import date, timedelta
        from decimal import Decimal
        from uuid import UUID
        def predict(n: int):
            return [date(2024, 1, n), Decimal("1.50") * n, timedelta(hours=n), {3, n, 10},
                    {"a": n}.values(), pd.NaT, pd.Timestamp("2024-01-01", tz="UTC"), UUID(int=n),
                    (i for i in range(n)), float("-inf"), 2**70]
        ---
        predict(2)
        """,
        (
            call(
                "['2024-01-04', '6.00', 'PT4H', [3, 4, 10], [4], None, '2024-01-01T00:00:00+00:00',"
                " str(UUID(int=4)), [0, 1, 2, 3], '-Infinity', 2**70]",
                n=4,
            ),
        ),
    ),
    Book(
        "an object that JSON has no form for is refused by its name",
        """
        class Verdict:
            def __init__(self, x):
                self.x = x
        def predict(x):
            return Verdict(x)
        ---
        predict(1)
        """,
        refused=("the answer of type Verdict", "make Verdict a dataclass, or return a dict"),
    ),
    Book(
        "an image out",
        IMAGE
        + """
        def predict(image: bytes):
            return Image.open(io.BytesIO(image)).rotate(90, expand=True)
        ---
        predict(Path("cat.png").read_bytes())
        """,
        (
            call(
                f"(predict({OTHER}.read()).save(b := io.BytesIO(), 'PNG'),"
                " __import__('base64').b64encode(b.getvalue()).decode())[1]",
                image=PNG,
            ),
        ),
    ),
]

BOOKS = [*COLUMNS, *ARGUMENTS, *FILES, *ANSWERS]
