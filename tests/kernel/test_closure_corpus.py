"""Hard notebooks, cell by cell: captured, imported in a fresh process, asked the same question."""

from __future__ import annotations

import atexit
import hashlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nb2service.capture.closure.walk import Closure, walk
from nb2service.capture.entries.find import EntryRequest
from nb2service.notebook.cells import Cell, Notebook, read_tags
from nb2service.notebook.statements import parse_statements
from nb2service.runtime import store


@dataclass(frozen=True)
class Case:
    """One notebook.

    Attributes:
        name: what is hard about it.
        cells: its cells, separated by lines of ``---``.
        call: an expression on the entry, asked in the notebook and in the service.
        present, absent: texts that ``notebook.py`` must and must not hold.
        files: local modules.
        entry: the variable served.
    """

    name: str
    cells: str
    call: str = "predict(3)"
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    entry: str = "predict"


ISSUE = [
    Case("a closure cell", """
        def make(thr):
            def inner(x):
                # above the threshold?
                return x > thr
            return inner
        ---
        predict = make(2)
        """, present=("# above the threshold?",)),
    Case("a global read only in a nested def", """
        K = 5
        ---
        def predict(x):
            def inner():
                return x * K
            return inner()
        """, present=("K = 5",)),
    Case("a global read only in a lambda inside a comprehension", """
        SHIFT = [1, 2]
        ---
        def predict(x):
            return [f(x) for f in [lambda v: v + SHIFT[0] for _ in range(2)]]
        """),
    Case("a class attribute initialised from a global", """
        K = 7
        class Scaler:
            SCALE = K
            def __call__(self, x):
                return x * self.SCALE
        ---
        def predict(x):
            return Scaler()(x)
        """),
    Case("a decorator defined in the notebook", """
        import functools
        def logged(f):
            @functools.wraps(f)
            def wrapper(*args):
                return ("logged", f(*args))
            return wrapper
        ---
        @logged
        def predict(x):
            return x + 1
        """, present=("@logged",)),
    Case("a default argument that is a notebook function", """
        def double(x):
            return 2 * x
        ---
        def predict(x, step=double):
            return step(x)
        """),
    Case("functools.partial of a notebook function", """
        from functools import partial
        def power(x, n):
            return x ** n
        ---
        predict = partial(power, n=3)
        """, present=("predict = partial(power, n=3)",)),
    Case("inheritance from a notebook class", """
        class Base:
            def step(self, x):
                return x + 10
        class Child(Base):
            def step(self, x):
                return super().step(x) * 2
        ---
        c = Child()
        def predict(x):
            return c.step(x)
        """),
    Case("an attribute name that equals an unrelated global", """
        model = open
        json = object()
        class Box:
            pass
        ---
        def predict(x):
            box = Box()
            box.model = x
            box.json = 1
            return box.model + box.json
        """, absent=("model = open", "object()")),
    Case("two names that differ only by case", """
        import numpy as np
        Table = np.arange(3)
        table = np.arange(3) * 10
        ---
        def predict(x):
            return (Table + table).tolist() + [x]
        """),
]  # fmt: skip

HARDER = [
    Case("a %%time cell", """
        %%time
        LIMIT = 2
        def above(x):
            return x > LIMIT
        ---
        def predict(x):
            return above(x)
        """, present=("LIMIT = 2",)),
    Case("the value in memory differs from the literal", """
        threshold = 0.5
        flags = {"a": 1}
        ---
        threshold = threshold + 0.25
        flags["b"] = 2
        ---
        def predict(x):
            return x * threshold, flags
        """, present=("threshold = 0.75",)),
    Case("redefinition out of order: the caller stands before the helper", """
        def predict(x):
            return helper(x)
        ---
        def helper(x):
            return x
        ---
        def helper(x):
            return x * 100
        """, absent=("return x\n",)),
    Case("singledispatch with implementations in other cells", """
        from functools import singledispatch
        @singledispatch
        def clean(x):
            return "?"
        ---
        @clean.register
        def _(x: int):
            return x + 1
        ---
        @clean.register(str)
        def clean_text(x):
            return x.strip()
        ---
        def predict(x):
            return clean(x), clean(" a "), clean(1.5)
        """),
    Case("lru_cache", """
        from functools import lru_cache
        @lru_cache(maxsize=None)
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)
        ---
        def predict(x):
            return fib(x * 10)
        """),
    Case("a generator", """
        STEP = 2
        def steps(x):
            for i in range(x):
                yield i * STEP
        def predict(x):
            return list(steps(x))
        """),
    Case("async", """
        import asyncio
        RATE = 3
        async def fetch(x):
            await asyncio.sleep(0)
            return x * RATE
        ---
        async def predict(x):
            return await fetch(x)
        """, call="__import__('asyncio').run(predict(3))"),
    Case("a metaclass", """
        class Named(type):
            def __new__(mcls, name, bases, space):
                space["label"] = name.lower()
                return super().__new__(mcls, name, bases, space)
        ---
        class Thing(metaclass=Named):
            pass
        def predict(x):
            return Thing.label, x
        """),
    Case("__init_subclass__ and a registry", """
        class Plugin:
            known = []
            def __init_subclass__(cls, **kw):
                super().__init_subclass__(**kw)
                Plugin.known.append(cls.__name__)
        class First(Plugin):
            pass
        ---
        def predict(x):
            return First.__name__, Plugin.known
        """),
    Case("property", """
        UNIT = 12
        class Price:
            def __init__(self, v):
                self._v = v
            @property
            def value(self):
                return self._v * UNIT
            @value.setter
            def value(self, v):
                self._v = v / UNIT
        ---
        def predict(x):
            p = Price(x)
            p.value = 24
            return p.value
        """),
    Case("dataclass with field(default_factory=notebook function)", """
        from dataclasses import dataclass, field
        def weights():
            return [1, 2, SCALE]
        SCALE = 9
        @dataclass
        class Config:
            w: list = field(default_factory=weights)
            bias: float = 0.5
        ---
        cfg = Config(bias=2.0)
        def predict(x):
            return cfg, Config(), x
        """),
    Case("nested factories", """
        def outer(a):
            def middle(b):
                def inner(x):
                    return a * x + b
                return inner
            return middle
        predict = outer(2)(5)
        """),
    Case("a nonlocal counter", """
        def counter():
            n = 0
            def step(x):
                nonlocal n
                n += 1
                return n * x
            return step
        predict = counter()
        predict(1), predict(1)
        """),
    Case("a lambda from a factory that calls itself", """
        def make(base):
            f = lambda n: base if n == 0 else n * f(n - 1)
            return f
        predict = make(1)
        """),
    Case("mutually recursive inner functions", """
        def make():
            def even(n):
                return n == 0 or odd(n - 1)
            def odd(n):
                return n != 0 and even(n - 1)
            return even
        predict = make()
        """),
    Case("star import", """
        from math import *
        def predict(x):
            return floor(sqrt(x) * pi)
        """, present=("from math import",)),
    Case("conditional import", """
        try:
            import surely_not_installed as fast
        except ImportError:
            fast = None
        if True:
            import json as codec
        ---
        def predict(x):
            return codec.dumps([x, fast is None])
        """, present=("import json as codec", "fast = None")),
    Case("a local module imported within a function", """
        def predict(x):
            from localmod import shift
            return shift(x)
        """, files={"localmod.py": "def shift(x):\n    return x + 1000\n"}),
    Case("names bound by walrus, with and for", """
        import io
        print(limit := 4)
        with io.StringIO("7") as f:
            text = f.read()
        for last in range(6):
            pass
        (a, b), c = (1, 2), 3
        ---
        def predict(x):
            return limit, text, last, a, b, c, x
        """),
    Case("a query string", """
        import pandas as pd
        limit = 2
        def predict(x):
            return pd.DataFrame({"a": [1, 2, x]}).query("a > @limit")["a"].tolist()
        """, present=("limit = 2",)),
    Case("a monkey-patched method and attribute", """
        class Model:
            bias = 1
            def predict(self, x):
                return x
        ---
        def better(self, x):
            return x * 2 + self.bias + self.extra()
        Model.predict = better
        Model.bias = 10
        Model.extra = lambda self: OFFSET
        OFFSET = 100
        ---
        m = Model()
        def predict(x):
            return m.predict(x)
        """),
    Case("FunctionTransformer of a notebook function in a pipeline", """
        import numpy as np
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer
        from sklearn.linear_model import LinearRegression
        CLIP = 2.0
        def clip(X):
            return np.minimum(X, CLIP)
        model = make_pipeline(FunctionTransformer(clip), LinearRegression())
        model.fit(np.arange(6.0).reshape(-1, 1), np.arange(6.0))
        """, call="model.predict(np.array([[1.0], [5.0]])).tolist()", entry="model",
        absent=("fit(", "make_pipeline")),
    Case("a lambda in a pipeline, on a line with another", """
        import numpy as np
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer
        from sklearn.linear_model import LinearRegression
        S = 3
        F = FunctionTransformer
        model = make_pipeline(F(lambda X: X * S), F(lambda X: X + 1), LinearRegression())
        model.fit(np.arange(6.0).reshape(-1, 1), np.arange(6.0) ** 2)
        S = 4
        """, call="model.predict(np.array([[1.0], [5.0]])).tolist()", entry="model"),
    Case("a transformer that inherits from a notebook mixin", """
        import numpy as np
        from sklearn.base import BaseEstimator, TransformerMixin
        from sklearn.pipeline import Pipeline
        from sklearn.linear_model import Ridge
        class Logged:
            def note(self):
                return "seen"
        ---
        class Shift(Logged, TransformerMixin, BaseEstimator):
            def __init__(self, by=1):
                self.by = by
            def fit(self, X, y=None):
                self.mean_ = X.mean()
                return self
            def transform(self, X):
                return X - self.mean_ + self.by
        ---
        model = Pipeline([("s", Shift(by=2)), ("r", Ridge())])
        model.fit(np.arange(6.0).reshape(-1, 1), np.arange(6.0))
        """, call="model.predict(np.array([[1.0], [5.0]])).tolist() + [model['s'].note()]",
        entry="model"),
    Case("enum members as dictionary keys", """
        from enum import Enum
        class Color(Enum):
            RED = "r"
            BLUE = "b"
        costs = {Color.RED: 1.5, Color.BLUE: 2.5}
        def predict(x):
            return costs[Color("b")] * x, list(Color)[0]
        """),
    Case("a closure over a fitted model", """
        import numpy as np
        from sklearn.tree import DecisionTreeRegressor
        def serve(model):
            def run(x):
                return float(model.predict([[x]])[0])
            return run
        predict = serve(DecisionTreeRegressor().fit([[1], [3]], [10, 30]))
        """),
    Case("recursion and mutual recursion", """
        def even(n):
            return n == 0 or odd(n - 1)
        def odd(n):
            return n != 0 and even(n - 1)
        def predict(x):
            return even(x), x if x < 1 else predict(x - 1)
        """),
    Case("type aliases as annotations", """
        from typing import Optional, Union
        import numpy.typing as npt
        Row = dict[str, float]
        Maybe = Optional[Row]
        Either = int | str
        def predict(x: Either, row: Maybe = None, z: "npt.ArrayLike" = 1) -> list[Row]:
            return [{"x": float(x)}]
        """, present=("Row = dict[str, float]",)),
    Case("annotations kept as text", """
        from __future__ import annotations
        ---
        from dataclasses import dataclass
        @dataclass
        class Node:
            value: int
            next: Node | None = None
        ---
        def predict(x: Unknowable) -> Node:
            return Node(x, Node(1))
        """, present=("from __future__ import annotations",)),
    Case("a registry filled by a decorator", """
        HANDLERS = {}
        def handler(name):
            def add(f):
                HANDLERS[name] = f
                return f
            return add
        ---
        @handler("double")
        def double(x):
            return x * 2
        @handler("neg")
        def neg(x):
            return -x
        ---
        def predict(x):
            return [f(x) for f in HANDLERS.values()], double(x)
        """),
    Case("a dictionary of lambdas, and lambdas with loop defaults", """
        import re
        OPS = {"inc": lambda x: x + 1, "dec": lambda x: x - 1}
        TABLE = [lambda x, i=i: x * i for i in range(3)]
        WORD = re.compile(r"\\w+", re.I)
        ---
        def predict(x):
            return OPS["inc"](x), OPS["dec"](x), [f(x) for f in TABLE], WORD.findall("a b")
        """, present=("OPS = {", 'WORD = re.compile(r"')),
    Case("defaults from names that were rebound or mutated since", """
        cols = ["a"]
        k = 3
        def predict(x, n=k, where=cols, now=__import__("time").time()):
            return x * n, where, now
        k = 50
        cols = ["z"]
        """),
    Case("submodules used as attributes", """
        import xml.etree.ElementTree
        import concurrent.futures
        import os.path
        def predict(x):
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                n = pool.submit(lambda: x).result()
            return xml.etree.ElementTree.fromstring("<a/>").tag, n, os.path.join("a", "b")
        """),
    Case("a submodule that something else imported", """
        import sklearn as sk
        import sklearn.isotonic as _iso
        del _iso
        def predict(x):
            return sk.isotonic.IsotonicRegression().fit([1, 2], [1, 2]).predict([x]).tolist()
        """),
    Case("the notebook's own load", """
        import numpy as np
        w = np.array([1.0, 2.0])
        def load(x):
            return x + 1
        def predict(x):
            return load(x) + w.sum()
        """),
    Case("aliases of one object", """
        class Box:
            pass
        a = Box()
        a.n = 1
        b = a
        def predict(x):
            b.n += x
            return a.n, a is b
        """),
    Case("a function and its older self", """
        def scale(x):
            return x * 2
        old = scale
        ---
        def scale(x):
            return old(x) + 1
        def predict(x):
            return scale(x), old(x)
        """),
    Case("a class run again unchanged after the object was made", """
        class Model:
            def run(self, x):
                return x + 1
        m = Model()
        ---
        class Model:
            def run(self, x):
                return x + 1
        def predict(x):
            return m.run(x)
        """),
    Case("an object that holds an older function", """
        class Holder:
            def __init__(self, f):
                self.f = f
        def step(x):
            return x + 1
        h = Holder(step)
        ---
        def step(x):
            return x + 2
        def predict(x):
            return h.f(x), step(x)
        """),
    Case("named tuples, typed dicts, new types", """
        from collections import namedtuple
        from typing import NamedTuple, NewType, TypedDict, TypeVar
        Point = namedtuple("Point", "x y")
        Pt = namedtuple("Other", ["u"])
        class Row(NamedTuple):
            a: int
            b: str = "n"
        class Info(TypedDict):
            k: int
        T = TypeVar("T")
        Id = NewType("Id", int)
        data = [Point(1, 2), Pt(5), Row(3)]
        def predict(x):
            return data, Info(k=Id(x)), Row(1)._asdict()
        """, present=('Point = namedtuple("Point", "x y")',)),
    Case("a pydantic model", """
        from pydantic import BaseModel, field_validator
        LOWEST = 1
        class Item(BaseModel):
            price: float
            tags: list[str] = []
            @field_validator("price")
            @classmethod
            def check(cls, v):
                return max(v, LOWEST)
        def predict(x):
            return Item(price=-x, tags=["t"]).model_dump()
        """),
    Case("a decorator that is a class of the notebook", """
        class Scaled:
            def __init__(self, f):
                self.f = f
            def __call__(self, x):
                return self.f(x) * 10
        @Scaled
        def predict(x):
            return x + 1
        """),
    Case("objects in an object array and private names", """
        import numpy as np
        class Cell:
            def __init__(self, v):
                self.__v = v
            def __get(self):
                return self.__v
            def value(self):
                return self.__get()
        grid = np.array([Cell(1), Cell(2)], dtype=object)
        def predict(x):
            return [c.value() * x for c in grid]
        """),
    Case("a method taken from an object, and one from a class", """
        class Model:
            def __init__(self, k):
                self.k = k
            def run(self, x):
                return x * self.k
            @staticmethod
            def plus(x):
                return x + 1
            def shown(self):
                return super().__str__()[:1]
            minus = lambda x: x - 1
        run = Model(4).run
        plus = Model.plus
        minus = [Model.minus]
        shown = Model.shown
        def predict(x):
            return run(x), plus(x), [f(x) for f in minus], shown(Model(1))
        """),
    Case("a vectorized notebook function", """
        import numpy as np
        from functools import wraps
        EDGE = 2
        def level(x):
            return "high" if x > EDGE else "low"
        levels = np.vectorize(level)
        def predict(x):
            return levels([1, x]).tolist()
        """),
    Case("several statements on a line; a semicolon; unicode", """
        größe = 3; faktor = 2;
        def predict(x): return x * größe * faktor
        """),
    Case("decorators with arguments from the notebook, stacked", """
        from functools import wraps
        N = 3
        def repeat(times):
            def deco(f):
                @wraps(f)
                def again(x):
                    return [f(x) for _ in range(times)]
                return again
            return deco
        @repeat(N)
        @repeat(times=2)
        def predict(x):
            "The answer."
            return x
        """),
    Case("a decorated class", """
        def tag(**kw):
            def deco(cls):
                for k, v in kw.items():
                    setattr(cls, k, v)
                cls.describe = lambda self: [self.a, SUFFIX]
                return cls
            return deco
        SUFFIX = "!"
        @tag(a=1)
        class Thing:
            __slots__ = ("z",)
        def predict(x):
            return Thing().describe(), x
        """),
    Case("abstract classes, generics, protocols, overloads", """
        from abc import ABC, abstractmethod
        from typing import Generic, Protocol, TypeVar, overload
        T = TypeVar("T")
        class Runs(Protocol):
            def run(self, x: int) -> int: ...
        class Base(ABC, Generic[T]):
            @abstractmethod
            def run(self, x: T) -> T: ...
        class Impl(Base[int]):
            def run(self, x):
                return x + 1
        @overload
        def step(x: int) -> int: ...
        @overload
        def step(x: str) -> str: ...
        def step(x):
            return x
        def use(r: Runs, x):
            return r.run(step(x))
        def predict(x):
            return use(Impl(), x)
        """),
    Case("a context manager made by a decorator of a library", """
        from contextlib import contextmanager
        events = []
        @contextmanager
        def seen(name):
            events.append(name)
            yield name.upper()
        def predict(x):
            with seen("a") as n:
                return n, events, x
        """),
    Case("a callable object that closes over models, lambdas and its own methods", """
        import numpy as np
        from collections import Counter, defaultdict
        from sklearn.linear_model import LinearRegression
        class Predictor:
            def __init__(self, models, post):
                self.models = models
                self.post = post
                self.hook = self.double
                self.counts = defaultdict(lambda: 7)
                self.words = Counter("aab")
            def double(self, x):
                return 2 * x
            def __call__(self, x):
                raw = self.models["lr"].predict(np.array([[x]]))[0]
                return round(float(self.post(self.hook(raw))), 6), self.counts["q"], self.words
        low = 1.5
        def make(scale):
            return lambda v: v * scale + low
        predict = Predictor({"lr": LinearRegression().fit([[0], [1]], [0, 1])}, make(10))
        """, present=("class Predictor", "low = 1.5")),
    Case("a column transformer with partials of functions", """
        import pandas as pd, numpy as np
        from functools import partial
        from sklearn.compose import ColumnTransformer, make_column_selector
        from sklearn.linear_model import LinearRegression
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
        def power(X, n):
            return np.asarray(X) ** n
        df = pd.DataFrame({"a": [1.0, 2, 3], "b": ["x", "y", "x"]})
        model = Pipeline([
            ("c", ColumnTransformer([
                ("p", FunctionTransformer(partial(power, n=2)), ["a"]),
                ("o", OneHotEncoder(), make_column_selector(pattern="b")),
            ])),
            ("m", LinearRegression()),
        ]).fit(df, [1, 2, 3])
        """, call="model.predict(pd.DataFrame({'a': [2.0], 'b': ['y']})).round(6).tolist()",
        entry="model", absent=("df =",)),
    Case("a model that holds a function whose cell was run again unchanged", """
        import numpy as np
        from sklearn.preprocessing import FunctionTransformer
        def clip(X):
            return np.minimum(X, 2)
        t = FunctionTransformer(clip)
        ---
        def clip(X):
            return np.minimum(X, 2)
        def predict(x):
            return t.transform(np.array([[x]])).tolist()
        """, absent=("_clip",)),
    Case("older and newer lambdas", """
        f = lambda x: x + 1
        g = f
        f = lambda x: x + 2
        h = f
        def predict(x):
            return f(x), g(x), h(x)
        """),
    Case("texts over several lines in indented definitions", '''
        if True:
            def banner(x):
                """A docstring
              with ragged lines."""
                return f"""<
        {x}>"""
        for kind in ("last",):
            class Kind:
                label = kind
                text = """one
        two"""
        kind = "changed"
        def predict(x):
            return banner(x), Kind.label, Kind.text
        '''),
    Case("globals written by functions", """
        total = 0
        seen = []
        def add(x):
            global total
            total += x
            seen.append(x)
            return total
        add(4)
        def predict(x):
            return add(x), seen
        """, present=("total = 4",)),
    Case("match, walrus in a comprehension, star arguments, keyword-only defaults", """
        def rate(*, by=2, **kw):
            return by + len(kw)
        def predict(x, *rest, scale=rate(), **kw):
            match x:
                case int(n) if (m := n + 1) > 2:
                    kind = m
                case _:
                    kind = 0
            return kind, [y for v in rest if (y := v * scale)], kw
        """, call="predict(3, 1, 2, z=4)"),
    Case("an instance whose class keeps state for all", """
        class Ids:
            next_id = 0
            known = {}
            @classmethod
            def new(cls, name):
                cls.next_id += 1
                cls.known[name] = cls.next_id
                return cls.next_id
        Ids.new("a"), Ids.new("b")
        ---
        def predict(x):
            return Ids.new("c"), Ids.known
        """),
    Case("a registry of classes kept by their base", """
        class Base:
            kinds = {}
            def __init_subclass__(cls, **kw):
                super().__init_subclass__(**kw)
                Base.kinds[cls.__name__] = cls
        class One(Base):
            v = 1
        class Two(Base):
            v = 2
        def predict(x):
            return {k: c.v for k, c in Base.kinds.items()}, x
        """),
    Case("functions with attributes, and in lists", """
        def up(x):
            return x + up.step
        up.step = 5
        def down(x):
            return x - 1
        STEPS = [up, down]
        def predict(x):
            return [f(x) for f in STEPS]
        """, present=("STEPS = [up, down]", "up.step = 5")),
    Case("arguments of the factory are decorated functions", """
        from functools import lru_cache, wraps
        def twice(f):
            @wraps(f)
            def run(x):
                return f(f(x))
            return run
        def build():
            @twice
            def fast(x):
                return x * 2
            def run(x):
                return fast(x)
            return run
        ---
        @lru_cache
        def shift(x):
            return x + 1
        predict = twice(lambda x: shift(x) * build()(3))
        """),
    Case("a %%capture cell and %time", """
        %%capture out
        LIMIT = 3
        def over(x):
            return x >= LIMIT
        ---
        %time STEP = 4
        def predict(x):
            return over(x), STEP
        """),
    Case("constants that calls of the standard library make", """
        import datetime as dt, pathlib, operator, string
        from decimal import Decimal
        from itertools import chain
        START = dt.date(2020, 1, 2)
        EDGE = Decimal("1.10")
        HERE = pathlib.Path("data") / "x.csv"
        first = operator.itemgetter(0)
        LETTERS = set(string.ascii_lowercase[:3])
        YEAR = 365 * 24
        def predict(x):
            return START, EDGE, HERE.name, first([x]), sorted(LETTERS), YEAR, list(chain([1], [x]))
        """, present=("YEAR = 365 * 24", "START = dt.date(2020, 1, 2)")),
    Case("slots dataclass", """
        from dataclasses import dataclass
        @dataclass(frozen=True, slots=True)
        class P:
            x: int
            def go(self): return self.x + 1
        p = P(3)
        def predict(x): return p.go(), p
        """),
    Case("enums", """
        from enum import Enum, IntFlag, auto
        Color = Enum("Color", "R G")
        class Perm(IntFlag):
            A = auto()
            B = auto()
            @property
            def nice(self): return self.name.lower()
        both = [Color.R, Perm.A | Perm.B]
        def predict(x): return both, Perm.B.nice
        """),
    Case("cached things", """
        import functools
        class M:
            def __init__(self): self.k = 2
            @functools.lru_cache
            def a(self, x): return x * self.k
            @functools.cached_property
            def b(self): return 5
            c = functools.partialmethod(a, 4)
            @functools.singledispatchmethod
            def d(self, x): return "?"
            @d.register
            def _(self, x: int): return x + G
        G = 1
        m = M()
        def predict(x): return m.a(x), m.b, m.c(), m.d(x)
        """),
    Case("bound method in transformer", """
        import numpy as np
        from sklearn.preprocessing import FunctionTransformer
        class S:
            def __init__(s, k): s.k = k
            def go(s, X): return X * s.k
        t = FunctionTransformer(S(3).go)
        u = FunctionTransformer(np.log1p)
        def predict(x):
            return [f.transform(np.array([[x]])).tolist() for f in (t, u)]
        """),
    Case("counting decorator", """
        def counted(f):
            n = 0
            def w(x):
                nonlocal n
                n += 1
                return n, f(x)
            return w
        @counted
        def predict(x): return x
        predict(1)
        """),
    Case("empty cell and async closures", """
        import asyncio
        def make(k):
            if k > 5: late = 1
            async def go(x):
                await asyncio.sleep(0)
                return x * k
            def safe(x):
                try: return late
                except NameError: return asyncio.run(go(x))
            return safe
        predict = make(2)
        """),
    Case("patched static and property", """
        class M:
            @staticmethod
            def s(x): return 1
            @property
            def p(self): return 1
            @classmethod
            def c(cls): return 1
        M.s = staticmethod(lambda x: x + 5)
        M.p = property(lambda self: 6)
        def cc(cls): return cls.__name__
        M.c = classmethod(cc)
        def predict(x): return M.s(x), M().p, M.c()
        """),
    Case("old class alias", """
        class M:
            def r(self): return "old"
        Old = M
        o = M()
        ---
        class M:
            def r(self): return "new"
        n = M()
        def predict(x): return o.r(), n.r(), Old().r(), M().r()
        """),
    Case("dict comprehension of closures", """
        def mk(i):
            def f(x): return x * i
            return f
        FS = {i: mk(i) for i in range(3)}
        LS = {k: (lambda x, k=k: (k, x)) for k in "ab"}
        def predict(x): return [f(x) for f in FS.values()], [f(x) for f in LS.values()]
        """),
    Case("class with body computed", """
        import random
        random.seed(3)
        def build(): return [random.random() for _ in range(2)]
        class M:
            table = build()
            A = 2
            B = A * 3
            names = [n for n in ("a", "b")]
            def go(self): return self.table, self.B, self.names
        def predict(x): return M().go()
        """),
    Case("partial worded", """
        import functools
        def f(a, b, c=0): return a, b, c
        ps = [functools.partial(f, i) for i in range(3)]
        predict = ps[1]
        """),
    Case("a generator function closure and star args", """
        def mk(*names, **opts):
            def gen(x):
                for n in names:
                    yield n, opts, x
            return lambda x: list(gen(x))
        predict = mk("a", "b", k=1)
        """),
    Case("decorated in factory with lru_cache", """
        from functools import lru_cache
        def build(k):
            @lru_cache(maxsize=3)
            def f(x): return x + k
            return f
        g = build(4)
        def predict(x): return g(x)
        """),
    Case("subclass of dict / list with attrs", """
        class D(dict):
            def __missing__(self, k): return DEFAULT
        DEFAULT = -1
        d = D(a=1); d.note = "n"
        from collections import OrderedDict, deque, ChainMap
        o = OrderedDict(z=1, a=2); q = deque([1], maxlen=2)
        def predict(x): return d["zz"], d.note, o, q, ChainMap(d, o)["z"]
        """),
    Case("multiline lambda and chained", """
        rules = [
            lambda x: (
                x + 1
            ),
            lambda x: x if x > 0
            else -x,
        ]
        chosen = rules[1]
        def predict(x): return chosen(-x), [r(x) for r in rules]
        """),
    Case("nested star and del", """
        from collections import *
        from math import *
        d = defaultdict(list)
        d["a"].append(pi)
        def predict(x): return d["a"], Counter("aa"), d["new"], floor(x)
        """),
]  # fmt: skip

_ASK = """
import sys, warnings
warnings.simplefilter("error")
sys.path[:0] = [{folder!r}]
import {package}.notebook as notebook
class Env(dict):
    def __missing__(self, name):
        return __import__({{"np": "numpy", "pd": "pandas"}}[name])
print(repr(eval({call!r}, Env(vars(notebook)))))
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    main = sys.modules["__main__"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    config.HistoryManager.enabled = False
    made = InteractiveShell(config=config)
    # At the end of all tests, each shell would collect garbage of the whole process.
    atexit.unregister(made.atexit_operations)
    yield made
    sys.modules["__main__"] = main
    sys.modules.pop("localmod", None)


def run(shell: InteractiveShell, text: str) -> Notebook:
    """Run cells separated by ``---``."""
    cells = []
    for number, raw in enumerate(textwrap.dedent(text).strip("\n").split("\n---\n"), 1):
        source = raw.strip("\n")
        shell.run_cell(source, store_history=True).raise_error()
        cells.append(Cell(number, source, read_tags((), source, number)))
    return Notebook(tuple(cells))


def capture(shell: InteractiveShell, notebook: Notebook, entry: str = "predict") -> Closure:
    statements = parse_statements(notebook.cells, shell.transform_cell)
    value = shell.user_ns[entry]
    method = "predict" if entry == "model" else ""
    request = EntryRequest(entry, entry, method, value, entry, {}, "", None)
    return walk([request], shell.user_ns, notebook, statements, "made_service")


def write(closure: Closure, folder: Path) -> str:
    """The package as the project has it; returns the text of ``notebook.py``."""
    package = folder / "made_service"
    (package / "artifacts").mkdir(parents=True)
    text = "\n\n\n".join(part.source for part in closure.parts) + "\n"
    header, _, rest = text.partition("\n") if text.startswith("from __future__") else ("", "", text)
    (package / "__init__.py").touch()
    (package / "notebook.py").write_text(f"{header}\nfrom .store import load\n\n{rest}", "utf-8")
    (package / "store.py").write_bytes(Path(store.__file__).read_bytes())
    manifest = {}
    for artifact in closure.artifacts:
        (package / "artifacts" / artifact.file).write_bytes(artifact.data)
        digest = hashlib.sha256(artifact.data).hexdigest()
        manifest[artifact.name] = {
            "file": artifact.file, "format": artifact.format, "sha256": digest,
        }  # fmt: skip
    (package / "artifacts" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return text


def ask(folder: Path, call: str) -> str:
    """The answer of a fresh process that knows nothing but the package."""
    script = _ASK.format(folder=str(folder), package="made_service", call=call)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def answer(shell: InteractiveShell, call: str) -> Any:
    import numpy as np
    import pandas as pd

    return eval(call, {**shell.user_ns, "np": np, "pd": pd})


@pytest.mark.parametrize("case", [*ISSUE, *HARDER], ids=lambda case: case.name)
def test_the_capture_answers_as_the_notebook(
    case: Case, shell: InteractiveShell, tmp_path: Path
) -> None:
    for path, text in case.files.items():
        (tmp_path / path).write_text(text, "utf-8")
    closure = capture(shell, run(shell, case.cells), case.entry)
    text = write(closure, tmp_path)
    expected = repr(answer(shell, case.call)).replace("__main__.", "made_service.notebook.")
    assert ask(tmp_path, case.call) == expected, text
    for words in case.present:
        assert words in text
    for words in case.absent:
        assert words not in text
