"""What pickles name is known before anything of them runs, and some of it is refused."""

from __future__ import annotations

import array
import collections
import copyreg
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import itertools
import logging
import math
import operator
import pathlib
import pickle
import random
import re
import statistics
import string
import types
import typing
import uuid
import zoneinfo
from pathlib import Path
from typing import Any

import gadgets
import numpy as np
import pandas as pd
import pytest
from capture_book import Book
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from stored import load_from

from nb2service.capture.closure.artifacts import save
from nb2service.capture.closure.audit import audit, forbidden, unknown
from nb2service.capture.model import Audit, Capture
from nb2service.capture.take import Wanted, capture
from nb2service.card import text, to_json
from nb2service.deployment import Plan


class Colour(enum.Flag):
    RED = enum.auto()
    BLUE = enum.auto()


class Point(typing.NamedTuple):
    x: int
    y: int


PIPELINE = make_pipeline(
    make_column_transformer((FunctionTransformer(np.log1p), ["a"]), (StandardScaler(), ["b"])),
    LogisticRegression(),
).fit(pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]}), [0, 1])
LEGITIMATE: dict[str, Any] = {
    "plain values": {"a": [1, 2.5, None], "b": (b"x", {"s"}, frozenset({1}))},
    "a pipeline": PIPELINE,
    "attrgetter": operator.attrgetter("a.b"),
    "itemgetter": [operator.itemgetter(1, "x"), operator.methodcaller("replace", "__", "_")],
    "partial": functools.partial(np.clip, a_min=0, a_max=1),
    "partial of a method": functools.partial("{}-{}".format, 1),
    "regular expressions": re.compile(r"\d+", re.IGNORECASE),
    "bound methods": ["abc".upper, [1, 2].append, re.compile("x").sub, PIPELINE.predict],
    "methods of classes": [str.lower, str.__len__, dict.fromkeys, datetime.date.fromisoformat],
    "functions of Python": [len, sorted, math.log, operator.add, statistics.mean, print],
    "classes of Python": [int, dict, type(None), collections.Counter, ValueError, type, object],
    "numpy": [np.arange(3), np.float64(1), np.dtype("M8[ns]"), np.log, np.random.default_rng(0)],
    "numpy's other things": [np.ma.array([1, 2], mask=[0, 1]), np.poly1d([1, 2]), np.nan],
    "random states": [random.Random(0), np.random.RandomState(0)],
    "frames": pd.DataFrame({"c": pd.Categorical(["a"]), "t": pd.to_datetime(["2020-01-01"])}),
    "pandas' other things": [pd.Timestamp(0), pd.Interval(0, 1), pd.NA, pd.Period("2020-01")],
    "dates": [datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), datetime.timedelta(1)],
    "zones": zoneinfo.ZoneInfo("UTC"),
    "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3), 1j, 10**30],
    "collections": [
        collections.OrderedDict(a=1), collections.defaultdict(list, a=[1]), collections.deque([1]),
        collections.Counter("aab"), collections.ChainMap({}), collections.UserDict(a=1),
    ],
    "enums": [Colour.RED, Colour.RED | Colour.BLUE, re.MULTILINE],
    "named tuples": Point(1, 2),
    "names and addresses": [uuid.UUID(int=1), ipaddress.ip_network("10.0.0.0/8")],
    "paths": pathlib.PurePosixPath("a/b"),
    "texts": [string.Template("$a"), io.StringIO("a"), io.BytesIO(b"a")],
    "arrays": array.array("d", [1.0]),
    "iterators": [itertools.count(3), iter([1, 2]), range(3), slice(1, 2), reversed([1])],
    "types": [types.SimpleNamespace(a=1), list[int], typing.Any, int | None],
    "a logger": logging.getLogger("a"),
    "errors": [KeyError("a"), OSError(2, "no")],
    "a NormalDist": statistics.NormalDist(1, 2),
}  # fmt: skip


@pytest.mark.parametrize("value", LEGITIMATE.values(), ids=LEGITIMATE.keys())
@pytest.mark.filterwarnings("ignore:Pickle, copy, and deepcopy support:DeprecationWarning")
def test_what_people_keep_passes(tmp_path: Path, value: Any) -> None:
    saved = save("value", value, "pkg", lambda thing: str(thing.__qualname__))
    assert (forbidden(saved.audit), unknown(saved.audit)) == ((), ())
    loaded = load_from(tmp_path, saved)
    assert type(loaded) is type(value)
    if not any(isinstance(each, io.IOBase) for each in flat(value)):
        assert shown(loaded) == shown(value)


def flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def shown(value: Any) -> str:
    return re.sub(r" at 0x\w+", "", repr(value))


PLANTED = {
    **{name: lambda m, g=gadget: gadgets.pickled(g(m)) for name, gadget in gadgets.GADGETS.items()},
    **gadgets.BYTES,
}
KNOWN = [name for name in PLANTED if name != "the names of Python 2"]  # which nobody writes


@pytest.mark.parametrize("name", KNOWN)
def test_gadgets_are_forbidden_and_do_not_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    assert forbidden(audit(PLANTED[name](str(mark))))
    assert not mark.exists()


def test_a_getattr_that_is_kept_reads_all_that_leads_nowhere_else(tmp_path: Path) -> None:
    kept = load_from(tmp_path, save("value", [getattr], "pkg", repr))[0]
    assert kept("abc", "upper")() == "ABC"
    assert kept(1, "nothing", 5) == 5
    with pytest.raises(pickle.UnpicklingError, match="__globals__"):
        kept(shown, "__globals__")


class Odd:
    """Made in every way that a pickle has: by a call, of what a call made, and then filled."""

    def __init__(self, reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


MADE = [
    ("filled as a list", (collections.deque, (), None, iter([1, 2])), "collections:deque"),
    ("filled as a dict", (dict, (), None, None, iter({"a": 1}.items())), "builtins:dict"),
    ("given a state", (types.SimpleNamespace, (), {"a": 1}), "types:SimpleNamespace"),
    ("given slots", (types.SimpleNamespace, (), (None, {"a": 1})), "types:SimpleNamespace"),
    ("made with names", (copyreg.__newobj_ex__, (Odd, (), {"a": 1})), "test_capture_audit:Odd"),
    ("of a made class", (copyreg.__newobj__, (Odd,)), "test_capture_audit:Odd"),
]


@pytest.mark.parametrize(("reduced", "name"), [m[1:] for m in MADE], ids=[m[0] for m in MADE])
def test_all_ways_of_making_objects_are_read(reduced: Any, name: str) -> None:
    function, *rest = reduced
    made = Odd((function, *rest))
    data = gadgets.pickled([made, gadgets.Call(gadgets.call("functools:partial", made)), {1: {2}}])
    assert name in audit(data).globals


WORDS = [
    (Audit(), "pickle, plain values only"),
    (Audit(("builtins:set",)), "pickle, 1 name"),
    (
        Audit(("numpy:dtype", "sklearn.svm:SVC", "sklearn.tree:Tree")),
        "pickle, 3 names of numpy, sklearn",
    ),
]


@pytest.mark.parametrize(("found", "words"), WORDS, ids=[row[1] for row in WORDS])
def test_what_the_ship_list_says(found: Audit, words: str) -> None:
    assert str(found) == words


# --- in a notebook


USE = "def predict(x):\n    return x if x else {0}\npredict(3)"
PLANT = """
import {module}
class Model:
    def __reduce__(self):
        return {call}
K = Model()
"""
HELD = [
    ("os", "os.system, ('touch mark',)", "posix.system"),
    ("subprocess", "subprocess.check_call, (['touch', 'mark'],)", "subprocess.check_call"),
    ("pickle", "pickle.loads, (b'N.',)", "_pickle.loads"),
    ("os", "eval, ('1',)", "builtins.eval"),
    ("os", "getattr, (print, '__self__')", "the attribute __self__"),
]


def taken(*cells: str, allow: tuple[str, ...] = ()) -> Capture:
    book = Book(*cells)
    wanted = Wanted("made", "made_service", ("predict",), {}, None, allow)
    return capture(wanted, book.namespace, book.notebook, str, Path.cwd())


@pytest.mark.parametrize(("module", "call", "name"), HELD, ids=[row[2] for row in HELD])
def test_a_planted_reduce_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, call: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = taken(PLANT.format(module=module, call=call), USE.format("K"), allow=("K",))
    assert [str(item) for item in found.refusals] == [
        f"[1] predict → K is saved as a pickle that names {name}, by which it could run any code"
    ]
    assert found.refusals[0].options == ()
    assert "service-setup" in found.refusals[0].hint
    assert not (tmp_path / "mark").exists()


def test_what_nobody_has_looked_at_can_be_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = ("import sched\nK = [sched.Event(1, 2, 3, len, (), {})]", USE.format("K"))
    [refusal] = taken(*cells).refusals
    assert "names sched.Event; it is not known what that can do" in str(refusal)
    assert refusal.words() == ["--allow K"]
    found = taken(*cells, allow=("K",))
    assert found.refusals == ()
    assert found.artifacts[0].audit.globals == ("builtins:len", "sched:Event")


def test_the_ship_list_shows_the_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = taken("import numpy as np\nK = [np.float64(1)]", USE.format("K"))
    plan = Plan(found, Path("made-service"), b"", {})
    assert "pickle, 2 names of numpy" in text(plan)
    [item] = [item for item in to_json(plan)["ship_list"] if item["name"] == "K"]
    assert item["saved"] == "pickle, 2 names of numpy"


SERVED = """
import os, random
import numpy as np
class Model:
    def __init__(self):
        self.random = random.Random(0)
    def fit(self, X, y=None):
        return self
    def predict(self, X):
        self.random.random()
        return np.asarray(X).sum(axis=1)
    def __reduce__(self):
        return os.system, ("touch mark",)
model = Model()
"""


def test_a_planted_model_is_asked_but_never_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are learnt before its pickle is looked at; nothing copies it on the way."""
    monkeypatch.chdir(tmp_path)
    book = Book(SERVED, "X = np.arange(6.0).reshape(3, 2)\nmodel.fit(X)\nmodel.predict(X)")
    wanted = Wanted("made", "made_service", ("model",), {}, None)
    found = capture(wanted, book.namespace, book.notebook, str, tmp_path)
    assert "names posix.system" in str(found.refusals[0])
    assert not (tmp_path / "mark").exists()
