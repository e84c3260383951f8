"""Every way in which Python lets code depend on something."""

from __future__ import annotations

from typing import Any

from .book import Ask, Book


def served(name: str, cells: str, entries: str = "predict", **how: Any) -> Book:
    """A notebook whose functions of ``x`` learn from one value and are asked another."""
    asks = tuple(Ask([{"x": 4}], f"[{entry}(x=4)]", entry) for entry in entries.split())
    return Book(name, cells, asks, f'%deploy {entries} --example "dict(x=3)"', **how)


def refused(name: str, cells: str, *texts: str, **how: Any) -> Book:
    """A notebook whose ``predict`` cannot travel; the refusal says so in these words."""
    return Book(name, cells, line='%deploy predict --example "dict(x=3)"', refused=texts, **how)


BOOKS = [
    served(
        "closures: of factories within factories, over a model, that call each other",
        """
        def make(thr):
            def inner(x):
                # above the threshold?
                return x > thr
            return inner
        ---
        above = make(2)
        ---
        def outer(a):
            def middle(b):
                def inner(x):
                    return a * x + b
                return inner
            return middle
        nested = outer(2)(5)
        ---
        def make_product(base):
            f = lambda x: base if x == 0 else x * f(x - 1)
            return f
        factorial = make_product(1)
        ---
        def make_even():
            def even(x):
                return x == 0 or odd(x - 1)
            def odd(x):
                return x != 0 and even(x - 1)
            return even
        is_even = make_even()
        ---
        import numpy as np
        from sklearn.tree import DecisionTreeRegressor
        def serve(model):
            def run(x):
                return float(model.predict([[x]])[0])
            return run
        fitted = serve(DecisionTreeRegressor().fit([[1], [3]], [10, 30]))
        ---
        def mk(*names, **opts):
            def gen(x):
                for n in names:
                    yield n, opts, x
            return lambda x: list(gen(x))
        generated = mk("a", "b", k=1)
        """,
        "above nested factorial is_even fitted generated",
        present=("# above the threshold?",),
    ),
    served(
        "closures: in dictionaries and comprehensions, asynchronous, with a variable never bound",
        """
        def mk(i):
            def f(x): return x * i
            return f
        FS = {i: mk(i) for i in range(3)}
        LS = {k: (lambda x, k=k: (k, x)) for k in "ab"}
        def many(x): return [f(x) for f in FS.values()], [f(x) for f in LS.values()]
        ---
        rules = [
            lambda x: (
                x + 1
            ),
            lambda x: x if x > 0
            else -x,
        ]
        chosen = rules[1]
        def ruled(x): return chosen(-x), [r(x) for r in rules]
        ---
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
        built = twice(lambda x: shift(x) * build()(3))
        """,
        "many ruled built",
    ),
    served(
        "a global that only an inner function, a lambda or a class body reads",
        """
        K = 5
        ---
        def inner(x):
            def inner():
                return x * K
            return inner()
        ---
        SHIFT = [1, 2]
        ---
        def shifted(x):
            return [f(x) for f in [lambda v: v + SHIFT[0] for _ in range(2)]]
        ---
        RATE = 7
        class Scaler:
            SCALE = RATE
            def __call__(self, x):
                return x * self.SCALE
        ---
        def scaled(x):
            return Scaler()(x)
        ---
        def even(n):
            return n == 0 or odd(n - 1)
        def odd(n):
            return n != 0 and even(n - 1)
        def recursive(x):
            return even(x), x if x < 1 else recursive(x - 1)
        """,
        "inner shifted scaled recursive",
        present=("K = 5",),
    ),
    served(
        "decorators: of the notebook, with arguments, stacked, of classes, a class itself",
        """
        import functools
        def noted(f):
            @functools.wraps(f)
            def wrapper(*args, **named):
                return ("noted", f(*args, **named))
            return wrapper
        ---
        @noted
        def logged_one(x):
            return x + 1
        ---
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
        def repeated(x):
            "The answer."
            return x
        ---
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
        def tagged(x):
            return Thing().describe(), x
        ---
        class Scaled:
            def __init__(self, f):
                self.f = f
            def __call__(self, x):
                return self.f(x) * 10
        @Scaled
        def tenfold(x):
            return x + 1
        ---
        from functools import lru_cache
        @lru_cache(maxsize=None)
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)
        ---
        def cached(x):
            return fib(x * 10)
        ---
        from functools import lru_cache
        def build(k):
            @lru_cache(maxsize=3)
            def f(x): return x + k
            return f
        g = build(4)
        def made_cached(x): return g(x)
        """,
        "logged_one repeated tagged tenfold cached made_cached",
        present=("@noted",),
    ),
    served(
        "functions registered by decorators: singledispatch over cells, a registry, attributes",
        """
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
        def dispatched(x):
            return clean(x), clean(" a "), clean(1.5)
        ---
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
        def registered(x):
            return [f(x) for f in HANDLERS.values()], double(x)
        ---
        def up(x):
            return x + up.step
        up.step = 5
        def down(x):
            return x - 1
        STEPS = [up, down]
        def stepped(x):
            return [f(x) for f in STEPS]
        """,
        "dispatched registered stepped",
        present=("STEPS = [up, down]", "up.step = 5"),
    ),
    served(
        "partials, defaults that are functions, vectorized functions",
        """
        def double(x):
            return 2 * x
        ---
        def doubled(x, step=double):
            return step(x)
        ---
        from functools import partial
        def power(x, n):
            return x ** n
        ---
        cubed = partial(power, n=3)
        ---
        import functools
        def rest(a, x, c=0): return a, x, c
        ps = [functools.partial(rest, i) for i in range(3)]
        second = ps[1]
        ---
        import numpy as np
        from functools import wraps
        EDGE = 2
        def level(x):
            return "high" if x > EDGE else "low"
        levels = np.vectorize(level)
        def vectorized(x):
            return levels([1, x]).tolist()
        """,
        "doubled cubed second vectorized",
        present=("cubed = partial(power, n=3)",),
    ),
    served(
        "defaults and texts",
        '''
        cols = ["a"]
        k = 3
        def defaulted(x, n=k, where=cols, now=__import__("time").time()):
            return x * n, where, now
        k = 50
        cols = ["z"]
        ---
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
        def texts(x):
            return banner(x), Kind.label, Kind.text
        ---
        größe = 3; faktor = 2;
        def unicode(x): return x * größe * faktor
        ''',
        "defaulted texts unicode",
    ),
    served(
        "classes: inheritance, metaclass, subclass hooks, properties, cached methods",
        """
        class Base:
            def step(self, x):
                return x + 10
        class Child(Base):
            def step(self, x):
                return super().step(x) * 2
        ---
        c = Child()
        def inherited(x):
            return c.step(x)
        ---
        class Named(type):
            def __new__(mcls, name, bases, space):
                space["label"] = name.lower()
                return super().__new__(mcls, name, bases, space)
        ---
        class Thing(metaclass=Named):
            pass
        def labelled(x):
            return Thing.label, x
        ---
        class Plugin:
            known = []
            def __init_subclass__(cls, **kw):
                super().__init_subclass__(**kw)
                Plugin.known.append(cls.__name__)
        class First(Plugin):
            pass
        ---
        def plugged(x):
            return First.__name__, Plugin.known
        ---
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
        def priced(x):
            p = Price(x)
            p.value = 24
            return p.value
        ---
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
        def cached_method(x): return m.a(x), m.b, m.c(), m.d(x)
        ---
        class Kind:
            kinds = {}
            def __init_subclass__(cls, **kw):
                super().__init_subclass__(**kw)
                Kind.kinds[cls.__name__] = cls
        class One(Kind):
            v = 1
        class Two(Kind):
            v = 2
        def kinds(x):
            return {k: c.v for k, c in Kind.kinds.items()}, x
        """,
        "inherited labelled plugged priced cached_method kinds",
    ),
    served(
        "classes: slots, computed bodies, generics and protocols, dictionaries with methods",
        """
        from dataclasses import dataclass
        @dataclass(frozen=True, slots=True)
        class P:
            x: int
            def go(self): return self.x + 1
        p = P(3)
        def slotted(x): return p.go(), p.x
        ---
        import random
        random.seed(3)
        def build(): return [random.random() for _ in range(2)]
        class M:
            table = build()
            A = 2
            B = A * 3
            names = [n for n in ("a", "b")]
            def go(self): return self.table, self.B, self.names
        def computed(x): return M().go()
        ---
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
        def generic(x):
            return use(Impl(), x)
        ---
        class D(dict):
            def __missing__(self, k): return DEFAULT
        DEFAULT = -1
        d = D(a=1); d.note = "n"
        from collections import OrderedDict, deque, ChainMap
        o = OrderedDict(z=1, a=2); q = deque([1], maxlen=2)
        def mapped(x): return d["zz"], d.note, o, list(q), ChainMap(d, o)["z"]
        ---
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
        def configured(x):
            return cfg.w, cfg.bias, Config().w, x
        """,
        "slotted computed generic mapped configured",
    ),
    served(
        "methods taken from objects and classes",
        """
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
        def methods(x):
            return run(x), plus(x), [f(x) for f in minus], shown(Model(1))
        ---
        import numpy as np
        class Cell:
            def __init__(self, v):
                self.__v = v
            def __get(self):
                return self.__v
            def value(self):
                return self.__get()
        grid = np.array([Cell(1), Cell(2)], dtype=object)
        def private(x):
            return [c.value() * x for c in grid]
        ---
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
        predictor = Predictor({"lr": LinearRegression().fit([[0], [1]], [0, 1])}, make(10))
        """,
        "methods private predictor",
        present=("class Predictor", "low = 1.5"),
    ),
    served(
        "classes patched after their definition",
        """
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
        def patched(x):
            return m.predict(x)
        ---
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
        def statically(x): return M.s(x), M().p, M.c()
        """,
        "patched statically",
    ),
    served(
        "named tuples, enums, typed dicts, new types, a pydantic model",
        """
        from collections import namedtuple
        from typing import NamedTuple, NewType, TypedDict, TypeVar
        Point = namedtuple("Point", "x y")
        Pt = namedtuple("Other", ["u"])
        class Entry(NamedTuple):
            a: int
            b: str = "n"
        class Info(TypedDict):
            k: int
        T = TypeVar("T")
        Id = NewType("Id", int)
        data = [Point(1, 2), Pt(5), Entry(3)]
        def tuples(x):
            return [list(d) for d in data], Info(k=Id(x)), Entry(1)._asdict()
        ---
        from enum import Enum
        class Color(Enum):
            RED = "r"
            BLUE = "b"
        costs = {Color.RED: 1.5, Color.BLUE: 2.5}
        def coloured(x):
            return costs[Color("b")] * x, list(Color)[0].name
        ---
        from enum import Enum, IntFlag, auto
        Shade = Enum("Shade", "R G")
        class Perm(IntFlag):
            A = auto()
            B = auto()
            @property
            def nice(self): return self.name.lower()
        both = [Shade.R, Perm.A | Perm.B]
        def flagged(x): return [b.name for b in both[:1]], both[1].value, Perm.B.nice
        ---
        from pydantic import BaseModel, field_validator
        LOWEST = 1
        class Item(BaseModel):
            price: float
            tags: list[str] = []
            @field_validator("price")
            @classmethod
            def check(cls, v):
                return max(v, LOWEST)
        def checked(x):
            return Item(price=-x, tags=["t"]).model_dump()
        """,
        "tuples coloured flagged checked",
        present=('Point = namedtuple("Point", "x y")',),
    ),
    served(
        "older functions and classes that are still in use",
        """
        def scale(x):
            return x * 2
        old = scale
        ---
        def scale(x):
            return old(x) + 1
        def older(x):
            return scale(x), old(x)
        ---
        class M:
            def r(self): return "old"
        Old = M
        o = M()
        ---
        class M:
            def r(self): return "new"
        n = M()
        def aliased(x): return o.r(), n.r(), Old().r(), M().r()
        ---
        f = lambda x: x + 1
        g = f
        f = lambda x: x + 2
        h = f
        def lambdas(x):
            return f(x), g(x), h(x)
        ---
        class Holder:
            def __init__(self, f):
                self.f = f
        def step(x):
            return x + 1
        holder = Holder(step)
        ---
        def step(x):
            return x + 2
        def held(x):
            return holder.f(x), step(x)
        """,
        "older aliased lambdas held",
    ),
    served(
        "cells run again: unchanged classes and functions",
        """
        class Model:
            def run(self, x):
                return x + 1
        m = Model()
        ---
        class Model:
            def run(self, x):
                return x + 1
        def rerun(x):
            return m.run(x)
        ---
        import numpy as np
        from sklearn.preprocessing import FunctionTransformer
        def clip(X):
            return np.minimum(X, 2)
        t = FunctionTransformer(clip)
        ---
        def clip(X):
            return np.minimum(X, 2)
        def clipped(x):
            return t.transform(np.array([[x]])).tolist()
        """,
        "rerun clipped",
        absent=("_clip",),
    ),
    served(
        "redefinitions out of order, values that are no longer their literal",
        """
        def ordered(x):
            return helper(x)
        ---
        def helper(x):
            return x
        ---
        def helper(x):
            return x * 100
        ---
        threshold = 0.5
        flags = {"a": 1}
        ---
        threshold = threshold + 0.25
        flags["b"] = 2
        ---
        def valued(x):
            return x * threshold, flags
        """,
        "ordered valued",
        present=("threshold = 0.75",),
        absent=("return x\n",),
    ),
    served(
        "imports: star, conditional, within functions, submodules as attributes",
        """
        from math import *
        def starred(x):
            return floor(sqrt(x) * pi)
        ---
        try:
            import surely_not_installed as fast
        except ImportError:
            fast = None
        if True:
            import json as codec
        ---
        def conditional(x):
            return codec.dumps([x, fast is None])
        ---
        def local(x):
            from localmod import shift
            return shift(x)
        ---
        import xml.etree.ElementTree
        import concurrent.futures
        import os.path
        def submodules(x):
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                n = pool.submit(lambda: x).result()
            return xml.etree.ElementTree.fromstring("<a/>").tag, n, os.path.join("a", "b")
        ---
        import sklearn as sk
        import sklearn.isotonic as _iso
        del _iso
        def isotonic(x):
            return sk.isotonic.IsotonicRegression().fit([1, 2], [1, 2]).predict([x]).tolist()
        """,
        "starred conditional local submodules isotonic",
        present=("from math import", "import json as codec", "fast = None"),
        files={"localmod.py": "def shift(x):\n    return x + 1000\n"},
    ),
    served(
        "names: star imports beside del, differing by case, of attributes, a load of its own",
        """
        from collections import *
        from math import *
        d = defaultdict(list)
        d["a"].append(pi)
        def starred(x): return d["a"], Counter("aa"), d["new"], floor(x)
        ---
        import numpy as np
        Table = np.arange(3)
        table = np.arange(3) * 10
        ---
        def cased(x):
            return (Table + table).tolist() + [x]
        ---
        model = open
        json = object()
        class Box:
            pass
        ---
        def attributes(x):
            box = Box()
            box.model = x
            box.json = 1
            return box.model + box.json
        ---
        import numpy as np
        w = np.array([1.0, 2.0])
        def load(x):
            return x + 1
        def loaded(x):
            return load(x) + w.sum()
        """,
        "starred cased attributes loaded",
        absent=("model = open", "object()"),
    ),
    served(
        "names bound by walrus, with, for and match",
        """
        import io
        print(limit := 4)
        with io.StringIO("7") as f:
            text = f.read()
        for last in range(6):
            pass
        (a, b), c = (1, 2), 3
        ---
        def walrus(x):
            return limit, text, last, a, b, c, x
        ---
        def rate(*, by=2, **kw):
            return by + len(kw)
        def matched(x, *rest, scale=rate(), **kw):
            match x:
                case int(n) if (m := n + 1) > 2:
                    kind = m
                case _:
                    kind = 0
            return kind, [y for v in rest if (y := v * scale)], kw
        """,
        "walrus matched",
    ),
    served(
        "constants that calls of the standard library make, type aliases",
        r"""
        import datetime as dt, pathlib, operator, string
        from decimal import Decimal
        from itertools import chain
        START = dt.date(2020, 1, 2)
        EDGE = Decimal("1.10")
        HERE = pathlib.Path("data") / "x.csv"
        first = operator.itemgetter(0)
        LETTERS = set(string.ascii_lowercase[:3])
        YEAR = 365 * 24
        def constants(x):
            return START, EDGE, HERE.name, first([x]), sorted(LETTERS), YEAR, list(chain([1], [x]))
        ---
        from typing import Optional, Union
        import numpy.typing as npt
        Row = dict[str, float]
        Maybe = Optional[Row]
        Either = int | str
        def hinted(x: Either, row: Maybe = None, z: "npt.ArrayLike" = 1) -> list[Row]:
            return [{"x": float(x)}]
        ---
        import re
        OPS = {"inc": lambda x: x + 1, "dec": lambda x: x - 1}
        TABLE = [lambda x, i=i: x * i for i in range(3)]
        WORD = re.compile(r"\w+", re.I)
        ---
        def tables(x):
            return OPS["inc"](x), OPS["dec"](x), [f(x) for f in TABLE], WORD.findall("a b")
        """,
        "constants hinted tables",
        present=(
            "YEAR = 365 * 24",
            "START = dt.date(2020, 1, 2)",
            "Row = dict[str, float]",
            "OPS = {",
            'WORD = re.compile(r"',
        ),
    ),
    Book(
        "coroutines, asynchronous generators and context managers",
        """
        import asyncio, contextlib
        RATE = 3
        async def fetch(x):
            await asyncio.sleep(0)
            return x * RATE
        async def awaited(x):
            return await fetch(x)
        ---
        def make_bare(k):
            if k > 5: late = 1
            async def go(x):
                await asyncio.sleep(0)
                return x * k
            async def safe(x):
                try: return late
                except NameError: return await go(x)
            return safe
        bare = make_bare(2)
        ---
        class Gate:
            async def __aenter__(self): return RATE
            async def __aexit__(self, *error): return False
        async def ticks(n):
            for i in range(n):
                await asyncio.sleep(0)
                yield i
        @contextlib.asynccontextmanager
        async def opened(name):
            yield name * RATE
        async def gathered(x):
            async with Gate() as g, opened("n") as n:
                return [g + i async for i in ticks(x)], n, await asyncio.gather(fetch(1), fetch(2))
        """,
        (
            Ask([{"x": 4}], "[12]", "awaited"),
            Ask([{"x": 4}], "[8]", "bare"),
            Ask([{"x": 4}], "[[[3, 4, 5, 6], 'nnn', [3, 6]]]", "gathered"),
        ),
        '%deploy awaited bare gathered --example "dict(x=3)"',
    ),
    served(
        "generators and context managers",
        """
        STEP = 2
        def steps(x):
            for i in range(x):
                yield i * STEP
        def stepping(x):
            return list(steps(x))
        ---
        from contextlib import contextmanager
        @contextmanager
        def seen(name):
            yield name.upper()
        def managed(x):
            with seen("a") as n:
                return n, x
        """,
        "stepping managed",
    ),
    served(
        "magics: %%time, %%capture and %time cells",
        """
        %%time
        LIMIT = 2
        def above(x):
            return x > LIMIT
        ---
        def timed(x):
            return above(x)
        ---
        %%capture out
        EDGE = 3
        def over(x):
            return x >= EDGE
        ---
        %time STEP = 4
        def captured(x):
            return over(x), STEP
        """,
        "timed captured",
        present=("LIMIT = 2",),
    ),
    served(
        "a query string",
        """
        import pandas as pd
        limit = 2
        def predict(x):
            return pd.DataFrame({"a": [1, 2, x]}).query("a > @limit")["a"].tolist()
        """,
        "predict",
        present=("limit = 2",),
    ),
    served(
        "annotations kept as text",
        """
        from __future__ import annotations
        ---
        from dataclasses import asdict, dataclass
        @dataclass
        class Node:
            value: int
            next: Node | None = None
        ---
        def predict(x: Unknowable) -> Node:
            return asdict(Node(x, Node(1)))
        """,
        "predict",
        present=("from __future__ import annotations",),
    ),
    served(
        "functions of the notebook in transformers",
        """
        import numpy as np
        from sklearn.preprocessing import FunctionTransformer
        class S:
            def __init__(s, k): s.k = k
            def go(s, X): return X * s.k
        t = FunctionTransformer(S(3).go)
        u = FunctionTransformer(np.log1p)
        def transformed(x):
            return [f.transform(np.array([[x]])).tolist() for f in (t, u)]
        """,
        "transformed",
    ),
    Book(
        "FunctionTransformer of a notebook function in a pipeline",
        """
        import numpy as np
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer
        from sklearn.linear_model import LinearRegression
        CLIP = 2.0
        def clip(X):
            return np.minimum(X, CLIP)
        model = make_pipeline(FunctionTransformer(clip), LinearRegression())
        model.fit(np.arange(6.0).reshape(-1, 1), np.arange(6.0))
        """,
        (Ask([[1.0], [5.0]], "model.predict(np.array([[1.0],[5.0]]))", "predict"),),
        '%deploy model --example "np.array([[1.0],[5.0]])"',
        absent=("fit(", "make_pipeline"),
    ),
    Book(
        "a lambda in a pipeline, on a line with another",
        """
        import numpy as np
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer
        from sklearn.linear_model import LinearRegression
        S = 3
        F = FunctionTransformer
        model = make_pipeline(F(lambda X: X * S), F(lambda X: X + 1), LinearRegression())
        model.fit(np.arange(6.0).reshape(-1, 1), np.arange(6.0) ** 2)
        S = 4
        """,
        (Ask([[1.0], [5.0]], "model.predict(np.array([[1.0],[5.0]]))", "predict"),),
        '%deploy model --example "np.array([[1.0],[5.0]])"',
    ),
    Book(
        "a transformer that inherits from a notebook mixin",
        """
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
        """,
        (Ask([[1.0], [5.0]], "model.predict(np.array([[1.0],[5.0]]))", "predict"),),
        '%deploy model --example "np.array([[1.0],[5.0]])"',
    ),
    Book(
        "a column transformer with partials of functions",
        """
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
        """,
        (
            Ask(
                [{"a": 2.0, "b": "y"}, {"a": 5.0, "b": "x"}],
                "model.predict(pd.DataFrame({'a': [2.0, 5.0], 'b': ['y', 'x']}))",
                "predict",
            ),
        ),
        '%deploy model --example "df"',
        absent=("df =",),
    ),
    served(
        "scopes nested four deep",
        """
        A, B, C, D = 1, 2, 3, 4
        def nested(x):
            def one():
                A = 10
                def two():
                    nonlocal A
                    A += B
                    def three():
                        global C
                        return (lambda: [A + C + D * y for y in range(x) if (lambda z: z > E)(y)])()
                    return three
                return two()
            return one()()
        E = 0
        ---
        def shadowed(x):
            sum = lambda items: max(items)
            C = [C for C in range(x)]
            return sum(C), [D for D in C if D], {A: B for A, B in zip(C, C)}
        ---
        class Holder:
            K = 5
            rows = [k * 2 for k in range(K)]
            pick = lambda self, x: self.K + x + A
            class Inner:
                def value(self): return Holder.K * F
        F = 6
        def held(x):
            return Holder().pick(x), Holder.rows, Holder.Inner().value()
        """,
        "nested shadowed held",
    ),
    served(
        "functools in all its forms",
        """
        import functools, operator
        from functools import cached_property, lru_cache, partial, reduce, total_ordering
        RATE = 2
        @total_ordering
        class Version:
            def __init__(self, n): self.n = n
            def __eq__(self, other): return self.n == other.n
            def __lt__(self, other): return self.n < other.n
        @lru_cache(maxsize=8)
        def slow(n): return n * RATE
        slow(3)
        cached = functools.cache(lambda n: n + RATE)
        class Reader:
            def __init__(self, k): self.k = k
            @cached_property
            def table(self): return {i: i * self.k for i in range(3)}
            def scaled(self, v, by): return v * by + self.k
            @staticmethod
            def plus(v, w): return v + w
        reader = Reader(5)
        reader.table
        bound = partial(reader.scaled, by=3)
        plus = partial(Reader.plus, 10)
        total = partial(reduce, operator.add)
        ---
        def tools(x):
            return (
                Version(x) >= Version(3), slow(x), cached(x), reader.table[2], bound(x),
                plus(x), total([x, x])
            )
        """,
        "tools",
    ),
    served(
        "generators that yield from others, and lazy ones",
        """
        STEP = 2
        def down(n):
            while n:
                yield n * STEP
                n -= 1
        def inner():
            yield 0
            return STEP
        def generated(x):
            yield from down(x)
            got = yield from inner()
            yield got
        squares = lambda n: (i ** 2 for i in range(n))
        def lazily(x):
            return sum(squares(x)) + sum(v for v in down(x) if v > STEP)
        def listed(x): return list(generated(x))
        """,
        "lazily listed",
    ),
    served(
        "class machinery",
        """
        from __future__ import annotations
        from dataclasses import dataclass, field, KW_ONLY
        import abc
        LIMIT = 10
        class Positive:
            def __set_name__(self, owner, name): self.name = "_" + name
            def __get__(self, obj, owner=None):
                return (
                    self if obj is None else getattr(obj, self.name)
                )
            def __set__(self, obj, value): setattr(obj, self.name, min(value, LIMIT))
        class Item:
            price = Positive()
            def __init__(self, price): self.price = price
            def __class_getitem__(cls, key): return (cls.__name__, key)
            def __getattr__(self, name):
                if name.startswith("_"): raise AttributeError(name)
                return f"no {name}"
            def __contains__(self, v): return v == LIMIT
        class Meta(abc.ABCMeta):
            registry = {}
            def __new__(m, name, bases, ns, tag=None):
                cls = super().__new__(m, name, bases, ns)
                m.registry[name] = tag
                return cls
            def __call__(cls, *a): return super().__call__(*a)
        class Base(metaclass=Meta):
            @abc.abstractmethod
            def go(self): ...
        class Impl(Base, tag="t"):
            def go(self): return Meta.registry["Impl"]
        class Plugin:
            kinds = []
            def __init_subclass__(cls, *, weight=1, **kw):
                super().__init_subclass__(**kw)
                cls.weight = weight
                Plugin.kinds.append(cls.__name__)
        class Heavy(Plugin, weight=9): pass
        ---
        @dataclass
        class Point:
            x: int
            y: int = 2
            def __post_init__(self): self.sum = self.x + self.y + LIMIT
        @dataclass(order=True)
        class Deep(Point):
            _: KW_ONLY
            z: list[int] = field(default_factory=lambda: [LIMIT])
        def classy(x):
            return (
                Item(50).price, Item[3], Item(1).foo, LIMIT in Item(1), Impl().go(),
                Heavy.weight, Plugin.kinds
            )
        def pointed(x):
            return Point(x).sum, Deep(1, z=[x]).z, Deep(1).sum, Deep(2) > Deep(1)
        """,
        "classy pointed",
    ),
    served(
        "enums, named tuples, protocols and generics",
        """
        from enum import Enum, Flag, IntEnum, auto, unique
        from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar
        from typing import get_type_hints, runtime_checkable
        from abc import ABC, abstractmethod
        SCALE = 3
        class Planet(Enum):
            EARTH = (5.9, SCALE)
            MARS = (0.6, 2)
            def __init__(self, mass, rank): self.mass, self.rank = mass, rank
            @property
            def heavy(self): return self.mass > LIMIT
            @classmethod
            def best(cls): return max(cls, key=lambda p: p.rank)
            def __str__(self): return self.name.title()
        LIMIT = 1
        class Perm(Flag):
            R = auto()
            W = auto()
            RW = R | W
        @unique
        class Level(IntEnum):
            LOW = 1
            HIGH = auto()
            @classmethod
            def _missing_(cls, v): return cls.LOW
        weights = {Planet.EARTH: 1, Planet.MARS: 2}
        class Pair(NamedTuple):
            left: int
            right: int = SCALE
            def total(self): return self.left + self.right
        T = TypeVar("T")
        @runtime_checkable
        class Sized(Protocol):
            def size(self) -> int: ...
        class Stack(Generic[T], ABC):
            empty: ClassVar[list] = []
            @abstractmethod
            def size(self) -> int: ...
        class Ints(Stack[int]):
            def size(self) -> "int": return len(self.empty) + 1
        class Typed:
            a: int
            b: "Pair"
        pair = Pair(1)
        def enumerated(x):
            return (
                [p.name for p in Planet if p.heavy], str(Planet.best()), weights[Planet.MARS],
                Perm.RW.value, Perm.R in Perm.RW, int(Level(7)), Level.HIGH + x
            )
        def typed(x):
            return (
                Pair(x).total(), pair.total(), isinstance(Ints(), Sized), Ints().size(),
                sorted(get_type_hints(Typed)), get_type_hints(Typed)["b"].__name__
            )
        """,
        "enumerated typed",
    ),
    served(
        "a method patched by one that calls the original",
        """
        class Model:
            rate = 1
            def predict(self, x): return x * self.rate
        old_predict = Model.predict
        def patched(self, x): return old_predict(self, x) + 100
        Model.predict = patched
        m = Model()
        def predict(x): return m.predict(x)
        """,
        "predict",
    ),
    served(
        "functions reassigned and wrapped, an object patched",
        """
        import functools
        def base(x): return x + 1
        original = base
        def base(x): return original(x) * OFFSET
        OFFSET = 10
        base = functools.wraps(original)(lambda x, f=base: f(x) + 1)
        def logged(f):
            @functools.wraps(f)
            def w(*a, **k):
                return f(*a, **k)
            w.calls = 0
            return w
        def plain(x): return x * 3
        plain = logged(logged(plain))
        class Model:
            rate = 1
            def predict(self, x): return x * self.rate
            def __call__(self, x): return self.predict(x) + 1
        m = Model()
        m.extra = lambda x: x - OFFSET
        m.rate = 7
        import types
        m.bound = types.MethodType(lambda self, x: self.rate + x, m)
        ---
        def predict(x): return base(x), plain(x), m(x), m.extra(x), m.bound(x)
        """,
        "predict",
    ),
    served(
        "names bound in every statement",
        """
        import io, contextlib
        with contextlib.suppress(ValueError), io.StringIO("7") as handle:
            inside = int(handle.read())
        for index, (left, *rest) in enumerate([(1, 2, 3), (4, 5)]):
            pass
        else:
            after = "else"
        try:
            1 / 0
        except ZeroDivisionError as problem:
            caught = str(problem)
        else:
            caught = "no"
        finally:
            final = "f"
        match {"kind": "a", "items": [1, 2, 3], "more": 5}:
            case {"kind": str(kind), "items": [first, *others], **remaining} if first:
                matched = kind
        if (size := len(others)) > 1: big = True
        while (n := 3) < 2: pass
        a = b = [1]
        (c, [d, e]), f = (1, [2, 3]), 4
        g: int = 5
        h = 1; del h
        i = j = k = 0
        i += 2; j, k = k + 1, j + 1
        del i
        i = 9
        if size > 100:
            def choose(x): return "big"
        else:
            def choose(x): return "small"
        try:
            import surely_missing_module as fast
            def compute(x): return fast.go(x)
        except ImportError:
            def compute(x): return x * 2
        for rate in (1, 2):
            def rated(x): return x * rate
            class Rated:
                r = rate
                def go(self): return self.r, rate
        fs = []
        for q in range(3):
            fs.append(lambda x, q=q: x + q)
        late = [lambda x: x + q for _ in range(2)]
        ---
        def bound(x):
            return [
                inside, index, left, rest, after, caught, final, matched, first, others,
                remaining, size, big, n, a, b, c, d, e, f, g, i, j, k, x
            ]
        def conditional(x):
            return (
                choose(x), compute(x), rated(x), Rated().go(), [p(x) for p in fs],
                [p(x) for p in late]
            )
        """,
        "bound conditional",
    ),
    served(
        "strings that name variables",
        """
        import pandas as pd
        from string import Template
        import operator, math
        limit, unit, low = 2, "kg", 1
        rate, offset, place, mood, tone = 5, 6, "here", "calm", "low"
        table = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 1, 2, 2]})
        def queried(x):
            part = table.query("a > @limit and b >= @low")
            return (
                part.a.tolist(), table.eval("c = a * @limit").c.tolist(),
                part.loc[lambda d: d.a >= x].a.tolist()
            )
        def worded(x):
            return (
                f"{x:>{limit}} {unit}", "{u} {n}".format(u=unit, n=x),
                Template("$u").substitute(u=unit)
            )
        def by_name(x):
            return (
                getattr(math, "floor")(x + 0.5), operator.attrgetter("a.sum")(table)().item(),
                operator.itemgetter(0)([x]), eval("1 + rate"), globals()["offset"],
                "{place}, {x}".format(x=x, **globals()), "%(mood)s" % globals(),
                Template("${tone}").substitute(globals()), "{x}".format(**locals()),
            )
        """,
        "queried worded by_name",
        unsaid=("looks up by text",),
    ),
    served(
        "imports wherever they may stand",
        """
        import os.path as p, json as js
        import xml.dom.minidom, collections.abc
        from math import *
        from collections import OrderedDict as OD, defaultdict
        import importlib
        try:
            import ujson_not_here as codec
        except ImportError:
            import json as codec
        if True:
            from statistics import mean
        stats = importlib.import_module("statistics")
        np = __import__("numpy")
        def imports(x):
            import decimal
            from fractions import Fraction as F
            mod = importlib.import_module("string")
            def deeper():
                import calendar
                return calendar.isleap(2024)
            return (
                p.join("a", "b"), js.dumps(x), sqrt(x), OD(a=1), codec.loads("1"),
                mean([1, x]), stats.median([1, 2, x]), str(F(1, 2)), mod.digits, deeper(),
                np.arange(x).tolist(), isinstance([], collections.abc.Sequence),
                xml.dom.minidom.parseString("<a/>").documentElement.tagName,
                str(decimal.Decimal(1))
            )
        """,
        "imports",
    ),
    served(
        "magics everywhere",
        """
        %matplotlib inline
        %load_ext autoreload
        %autoreload 2
        import helpers2
        from helpers2 import shift
        files = !echo hello
        here = %pwd
        !echo nothing
        K = 3
        len?
        ---
        %%writefile made.py
        def made(x):
            return x + 70
        ---
        from made import made
        ---
        %%bash
        echo hi
        ---
        %%capture out
        print("captured")
        def over(x): return x > K
        ---
        %%timeit -n1 -r1
        Z = 3
        ---
        %%time
        Y = 4
        ---
        %time W = 5
        ---
        def predict(x):
            return shift(x), made(x), over(x), Y, W, files[0]
        """,
        "predict",
        files={"helpers2.py": "def shift(x):\n    return x + 1000\n"},
        alone=True,
    ),
    served(
        "a script and a notebook that were run",
        """
        %run script.py
        %run -i ./more.py argument
        ---
        def predict(x): return scripted(x) + OFFSET + Kept().go(x) + more(x)
        """,
        "predict",
        present=("OFFSET = 5",),
        files={
            "more.py": "RATE = OFFSET * 2\ndef more(x):\n    return x * RATE\n",
            "script.py": (
                "import math\n"
                "OFFSET = 5\n"
                "TABLE = {1: 2}\n"
                "def scripted(x):\n"
                "    return x + OFFSET + len(TABLE) + math.pi\n"
                "class Kept:\n"
                "    def go(self, x):\n"
                "        return x * OFFSET\n"
                "if __name__ == '__main__':\n"
                "    print('run')\n"
            ),
        },
    ),
    refused(
        "a script that was run, one of its names bound anew",
        """
        %run script.py
        ---
        OFFSET = 100
        def predict(x): return scripted(x) + OFFSET
        """,
        "reads the OFFSET of the script",
        "give one of the two another name",
        files={"script.py": "OFFSET = 5\ndef scripted(x):\n    return x + OFFSET\n"},
    ),
    refused(
        "the last output",
        """
        3 * 4
        ---
        7
        ---
        def predict(x): return x + _
        """,
        "_ is what IPython keeps",
    ),
    refused(
        "the history of outputs",
        """
        3 * 4
        ---
        def predict(x): return x + Out[max(Out)]
        """,
        "Out is what IPython keeps",
    ),
    served(
        "underscore names of the notebook",
        """
        _, _a, __ = 1, 2, 3
        for _ in range(3): pass
        def predict(x): return x + _ + _a + __
        """,
        "predict",
    ),
    refused(
        "a function made by exec",
        """
        space = {}
        exec("def made(x): return x + 1", space)
        made = space["made"]
        def predict(x): return made(x)
        """,
        "made was made from text by exec()",
        "write it as a def",
    ),
    refused(
        "a function made by exec in the notebook's own namespace",
        """
        exec("def made(x): return x + 1")
        def predict(x): return made(x)
        """,
        "made was made from text by exec()",
    ),
    refused(
        "an evaluated lambda",
        """
        made = eval("lambda x: x + 1")
        def predict(x): return made(x)
        """,
        "was made from text by exec()",
    ),
    served(
        "classes patched in more ways",
        """
        import numpy as np
        class Other:
            def go(self, x): return x * 7
        class Outer:
            class Inner:
                k = 1
                def go(self, x): return x
            class Second:
                def go(self, x): return x
            run = 5
            def walk(self): return 1
            def gone(self): return 1
        Outer.Inner.go = lambda self, x: x + self.k * 100
        Outer.Inner.k = 2
        Outer.Second = Other
        Outer.np = np
        Outer.helper = Other
        Outer.prop = property(lambda self: 6)
        Outer.make = classmethod(lambda cls: cls.__name__)
        Outer.stat = staticmethod(lambda x: x + 1)
        Outer.run = lambda self: 9
        Outer.walk = 8
        Outer.__call__ = lambda self, x: x - 1
        del Outer.gone
        o = Outer()
        def predict(x):
            return (
                Outer.Inner().go(x), Outer.Second().go(x), o.np.floor(x), o.helper().go(x),
                o.prop, o.make(), o.stat(x), o.run(), o.walk, o(x), hasattr(o, 'gone')
            )
        """,
        "predict",
    ),
    refused(
        "a bound method made anew",
        """
        from functools import partial, singledispatchmethod
        class Reader:
            @singledispatchmethod
            def read(self, v): return "other"
            @read.register
            def _(self, v: int): return v
        bound = partial(Reader().read)
        def predict(x): return bound(x)
        """,
        "a function there that calls it",
    ),
    served(
        "unicode identifiers",
        """
        ﬁt = 3
        größe = 2
        𝐱 = 5
        μ, µ2 = 1, 2
        def predict(x): return fit + größe + 𝐱 + μ + µ2
        class Straße:
            ªb = 4
            def geh(self): return self.ªb
        def klasse(x): return Straße().geh()
        """,
        "predict klasse",
    ),
    refused(
        "a magic in a function",
        """
        def predict(x):
            !echo {x}
            return x
        """,
        "magic or shell command",
        "call the Python function",
    ),
    served(
        "random generators",
        """
        import random, numpy as np
        rng = np.random.default_rng(0)
        np.random.seed(0); random.seed(0)
        def predict(x): return x + rng.normal() * 0 + np.random.rand() * 0 + random.random() * 0
        """,
        "predict",
    ),
    served(
        "a patched library class",
        """
        import pandas as pd, numpy as np
        def doubled(self): return self * 2
        pd.DataFrame.doubled = doubled
        np.float = float
        ---
        def predict(x):
            return pd.DataFrame({"a": [x]}).doubled().a.tolist(), np.float(x)
        """,
        "predict",
    ),
    served(
        "a registered accessor",
        """
        import pandas as pd
        @pd.api.extensions.register_series_accessor("geo")
        class Geo:
            def __init__(self, s): self.s = s
            def middle(self): return float(self.s.mean())
        ---
        def predict(x):
            return pd.Series([x, 1]).geo.middle()
        """,
        "predict",
    ),
    served(
        "settings of libraries",
        """
        import numpy as np, pandas as pd, sklearn, decimal
        from sklearn.preprocessing import StandardScaler
        sklearn.set_config(transform_output="pandas")
        np.set_printoptions(precision=2)
        pd.set_option("display.precision", 1)
        decimal.getcontext().prec = 5
        pd.options.display.max_rows = 3
        scaler = StandardScaler().fit(pd.DataFrame({"a": [1.0, 2, 4]}))
        ---
        def predict(x):
            out = scaler.transform(pd.DataFrame({"a": [float(x)]}))
            return (
                type(out).__name__, str(np.array([x / 3])), str(pd.Series([x/3])),
                str(decimal.Decimal(x) / 3)
            )
        """,
        "predict",
        alone=True,
    ),
    served(
        "errors of numpy, warnings as errors",
        """
        import numpy as np, warnings
        np.seterr(all="raise")
        warnings.filterwarnings("error", category=UserWarning)
        def predict(x):
            try:
                return str(np.float64(x) / np.float64(x - 4))
            except FloatingPointError:
                return "raised"
        def warned(x):
            try:
                warnings.warn("careful")
                return "calm"
            except UserWarning:
                return "raised"
        """,
        "predict warned",
        alone=True,
    ),
    served(
        "environment variables",
        """
        import os
        os.environ["RATE_OF_TEST"] = "5"
        %env OTHER_OF_TEST=7
        ---
        def predict(x):
            return x * int(os.environ["RATE_OF_TEST"]) + int(os.getenv("OTHER_OF_TEST"))
        """,
        "predict",
    ),
    served(
        "recursion limit",
        """
        import sys
        sys.setrecursionlimit(20000)
        def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
        def predict(x): return depth(x * 1000)
        """,
        "predict",
    ),
    served(
        "a module attribute set by the notebook",
        """
        import rates_here, math
        rates_here.LIMIT = 50
        rates_here.work = lambda v: v + 1000
        def predict(x): return rates_here.run(x), rates_here.work(x)
        """,
        "predict",
        files={
            "rates_here.py": (
                "LIMIT = 5\ndef work(v):\n    return v\ndef run(x):\n    return x + LIMIT\n"
            ),
        },
    ),
    served(
        "harmless settings stay behind",
        """
        import numpy as np, pandas as pd, sklearn, warnings
        from abc import ABC
        warnings.filterwarnings("ignore")
        np.seterr(all="ignore"); np.random.seed(0)
        sklearn.set_config(display="diagram")
        def plot_it(self): return self.plot()
        pd.DataFrame.plot_it = plot_it
        class Runs(ABC): pass
        class Impl: pass
        Runs.register(Impl)
        def predict(x): return pd.Series([x, 1]).sum().item(), isinstance(Impl(), Runs)
        """,
        "predict",
        present=("Runs.register(Impl)",),
        absent=("plot_it", "seterr", "filterwarnings", "seed", "set_config"),
    ),
    served(
        "patches and settings made twice, counted up, by setattr",
        """
        import pandas as pd, numpy as np
        def first(self): return 1
        pd.Series.first_of = first
        def second(self): return 2
        pd.Series.first_of = second
        def second(self): return 3
        pd.options.mode.sim_interactive = True
        np.my_limit = 3
        np.my_limit += 4
        setattr(np, "other", 8)
        def predict(x): return pd.Series([x]).first_of(), second(None), np.my_limit, np.other
        """,
        "predict",
    ),
    served(
        "builtins shadowed",
        """
        def sum(v): return -1
        max = min
        len_ = len
        def shown(x):
            display(x)
            return sum([x]), max(1, 2), len_([x])
        """,
        "shown",
    ),
    served(
        "a future import in a late cell, and hints at run time",
        """
        def early(x: "int") -> "list[int]": return [x]
        ---
        from __future__ import annotations
        from pydantic import BaseModel
        from typing import get_type_hints, Optional
        class Tree(BaseModel):
            value: int
            left: Optional[Tree] = None
            right: Tree | None = None
            leaf: "Leaf | None" = None
        class Leaf(BaseModel):
            tag: Tag = "t"
        Tag = str
        Tree.model_rebuild()
        Leaf.model_rebuild()
        Tree(value=1)
        def late(x: Later) -> Tree: return x
        Later = int
        ---
        def predict(x):
            return (
                Tree(value=x, left=Tree(value=1), leaf=Leaf()).model_dump(), early(x),
                get_type_hints(late)["x"].__name__
            )
        """,
        "predict",
    ),
    Book(
        "state that calls change starts as it is in memory",
        """
        seen, total = [], 0
        memo = {1: 2}
        def counting(f):
            calls = 0
            def w(x):
                nonlocal calls
                calls += 1
                return calls, f(x)
            return w
        class Ids:
            next_id = 0
            known = {}
            @classmethod
            def new(cls, name):
                cls.next_id += 1
                cls.known[name] = cls.next_id
                return cls.next_id
        Ids.new("a")
        class Box:
            n = 1
        a = Box()
        b = a
        a.n = 3
        ---
        @counting
        def count(x):
            global total
            total += x
            seen.append(x)
            memo[x] = total
            b.n += x
            return total, len(memo), Ids.new("b"), a.n
        count(2)
        def same(x): return x, a is b
        ---
        before = [total, len(seen), dict(memo), Ids.next_id, a.n]
        """,
        (
            Ask(
                [{"x": 4}],
                "[same(4)] if before == [total, len(seen), memo, Ids.next_id, a.n] else 0",
                "same",
            ),
        ),
        '%deploy count same --example "dict(x=3)"',
        unsaid=("anew",),
        verdict="not comparable",
        present=(
            "total = 2",
            "seen = [2]",
            "memo = {1: 2, 2: 2}",
            "_make_count(calls=1",
            "Ids.next_id = 2",
        ),
    ),
    Book(
        "entries that are bound methods, classmethods, staticmethods, partials and objects",
        """
        import functools
        RATE = 3
        class Model:
            bias = 1
            def __init__(self, k): self.k = k
            def go(self, x): return x * self.k + RATE
            @classmethod
            def of_class(cls, x): return cls.bias + x
            @staticmethod
            def plain(x): return x - RATE
            def __call__(self, x): return self.go(x) + 1
            def pair(self, x, y): return self.k * x + y
        m = Model(5)
        m.k = 6
        bound = m.go
        of_class = Model.of_class
        plain = m.plain
        called = Model(2)
        half = functools.partial(m.pair, y=2)
        recursive = lambda x: 1 if x < 2 else x * recursive(x - 1)
        defaulted = lambda x, f=lambda v: v + RATE, *, g=(lambda: RATE)(): f(x) + g
        """,
        tuple(
            Ask([{"x": 4}], f"[{name}(x=4)]", "go" if name == "bound" else name)
            for name in ["bound", "of_class", "plain", "called", "half", "recursive", "defaulted"]
        ),
        '%deploy bound of_class plain called half recursive defaulted --example "dict(x=3)"',
    ),
    served(
        "cells run out of order, and again after an edit",
        """
        def helper(x): return x + RATE
        ---
        RATE = 1
        ---
        def predict(x): return helper(x) * scale(x)
        ---
        def scale(x): return 10
        ---
        RATE = 2
        ---
        def helper(x): return x + RATE
        ---
        def scale(x): return 20
        ---
        RATE = 1
        ---
        RATE = RATE + 4
        """,
        present=("RATE = 5", "return 20"),
        absent=("return 10",),
    ),
    served(
        "local packages: relative imports, a module that reads its own file, aliases",
        """
        import tools_here, shop.prices as prices
        from shop import total, rules as r
        from shop.deep.tax import rate as tax_rate
        import importlib, sys
        sys.path.append("lib")
        import outside_tool
        names = open("names.txt").read().split()
        def predict(x):
            from shop.late import late
            with open("limits.txt") as f:
                limit = int(f.read())
            return (
                tools_here.shift(x), prices.price(x), total(x), r.RULES, tax_rate(), names, limit,
                late(x), outside_tool.tool(x), importlib.import_module("plugged_in").plug(x),
            )
        """,
        files={
            "tools_here.py": (
                "from pathlib import Path\n"
                "SHIFT = int((Path(__file__).parent / 'shift.txt').read_text())\n"
                "def shift(x):\n    return x + SHIFT\n"
            ),
            "shift.txt": "100",
            "names.txt": "a b",
            "limits.txt": "7",
            "shop/__init__.py": (
                "from .prices import price\nfrom . import rules\n"
                "def total(x):\n    return price(x) + 1\n__all__ = ['total', 'rules']\n"
            ),
            "shop/prices.py": "from .deep import tax\ndef price(x):\n    return x * tax.rate()\n",
            "shop/rules.py": "RULES = {'a': 1}\n",
            "shop/late.py": (
                "def late(x):\n    import tools_here\n    return tools_here.shift(x) * 2\n"
            ),
            "shop/deep/__init__.py": "",
            "shop/deep/tax.py": (
                "from ..rules import RULES\ndef rate():\n    return 2 + RULES['a']\n"
            ),
            "lib/outside_tool.py": "def tool(x):\n    return x + 31\n",
            "plugged_in.py": "def plug(x):\n    return x + 37\n",
        },
        alone=True,
    ),
    served(
        "library decorators and helpers",
        """
        import contextlib, joblib, tempfile, operator
        import numpy as np
        from functools import singledispatchmethod
        memory = joblib.Memory(None, verbose=0)
        EDGE = 2
        @memory.cache
        def slow(x): return x * EDGE
        @np.vectorize
        def level(v): return "high" if v > EDGE else "low"
        class Timer(contextlib.ContextDecorator):
            def __enter__(self): return self
            def __exit__(self, *e): return False
        @Timer()
        def timed(x): return x + EDGE
        @contextlib.contextmanager
        def scaled(k):
            yield lambda v: v * k * EDGE
        class Reader:
            @singledispatchmethod
            def read(self, v): return "other"
            @read.register
            def _(self, v: int): return v + EDGE
        def predict(x):
            with scaled(3) as f, contextlib.suppress(ZeroDivisionError):
                return slow(x), level([1, x]).tolist(), timed(x), f(x), Reader().read(x)
        """,
    ),
    served(
        "class bodies and definitions within loops and conditions",
        """
        import sys
        kinds, makers = {}, []
        for name, factor in [("a", 2), ("b", 3)]:
            class Kind:
                label = name
                by = factor
                rows = [factor * i for i in (1, 2)]
                def go(self, x): return x * self.by
            kinds[name] = Kind
            def make(x, by=factor): return x + by
            makers.append(make)
        if sys.version_info > (3,):
            def choose(x): return "new"
            class Chosen: value = 1
        else:
            def choose(x): return "old"
            class Chosen: value = 2
        try:
            import not_there_at_all
        except ImportError:
            def fallback(x): return "fallback"
            not_there_at_all = None
        def predict(x):
            return (
                makers[0](x), makers[1](x), choose(x), Chosen.value, fallback(x), Kind().go(x),
                Kind.label, Kind.rows, factor
            )
        """,
        unsaid=("an object holds",),
        absent=("Chosen.value =",),
    ),
    served(
        "context of the process: matplotlib, locale, a long cell",
        """
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        import locale
        plt.rcParams["figure.dpi"] = 50
        locale.setlocale(locale.LC_NUMERIC, "C")

"""
        + "".join(f"        def f{i}(x): return x + {i}\n" for i in range(300))
        + """        def predict(x):
            fig, ax = plt.subplots(figsize=(2, 1))
            ax.plot([1, x])
            size = fig.canvas.get_width_height()
            plt.close(fig)
            return list(size), f299(x), f"{x:n}"
        """,
    ),
    served(
        "defaults and decorators as they were given, not as they would be today",
        """
        calls = []
        def train():
            calls.append(1)
            return {"w": 3}
        RATE = 2
        def scaled(k):
            def apply(f):
                def run(x):
                    return f(x) * k
                return run
            return apply
        ---
        def trained(x, model=train(), *, rate=RATE * len(calls), names=["a",
                "b"]):
            return model["w"] * x + rate + len(names)
        @scaled(RATE)
        def decorated(x, by=RATE):
            return x + by
        class Model:
            def go(self, x, by=RATE):
                return x * by
            @property
            def price(self): return 1
            @price.setter
            def price(self, v): self.p = v
        price = 3
        lambdas = [lambda x, by=RATE: x + by, lambda x: x]
        def listed(x): return [f(x) for f in lambdas], Model().go(x), Model().price
        ---
        RATE = 50
        """,
        "trained decorated listed",
        absent=("train()",),
    ),
    refused(
        "a method whose decorator was given what has changed since",
        """
        RATE = 2
        def scaled(k):
            return lambda f: lambda self, x: f(self, x) * k
        class Model:
            @scaled(RATE)
            def go(self, x): return x
        RATE = 3
        def predict(x): return Model().go(x)
        """,
        "its decorator was given RATE, which has changed since",
        "run the cell that defines it again",
    ),
]
