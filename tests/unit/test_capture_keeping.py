"""What the notebook's own code changes when it is called is put back."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from nb2service.capture.learning.keeping import state_kept

# What is called, and an expression that tells whether it left a trace.
CASES = [
    ("a counter", """
        total = 0
        def predict(x):
            global total
            total += x
        """, "total"),
    ("a name bound for the first time", """
        def predict(x):
            global last
            last = x
        """, "'last' in globals()"),
    ("lists, dictionaries, sets, and what they hold", """
        from collections import Counter, deque
        seen, memo, kinds, recent = [3, [1]], {"a": {}}, {1}, deque([1, 2], maxlen=2)
        counts = Counter("aab")
        def note(x):
            seen.append(x); seen[1].append(x); seen.sort(key=str)
            memo["a"][x] = x; memo[x] = 1
            kinds.add(x); recent.append(x); counts[x] += 1
        def predict(x):
            return [note(y) for y in [x]]
        """, "repr((seen, memo, kinds, recent, counts))"),
    ("the order of a dictionary", """
        memo = {"a": 1, "b": 2}
        def predict(x):
            memo["a"] = memo.pop("a")
        """, "list(memo)"),
    ("a variable of a closure", """
        def make():
            n = [0]
            m = 0
            def step(x):
                nonlocal m
                m += x
                n.append(m)
                return m, list(n)
            return step, lambda: (m, list(n))
        predict, get = make()
        """, "get()"),
    ("attributes of an object, its class and its function", """
        class Base:
            known = []
        class Model(Base):
            calls = 0
            def __init__(self):
                self.memo = {}
            def __call__(self, x):
                type(self).calls += 1
                Model.fresh = x
                self.memo[x] = self.last = x
                Base.known.append(x)
                helper(x)
        def helper(x):
            helper.calls = x
        predict = Model()
        """, "Model.calls, hasattr(Model, 'fresh'), vars(predict), Base.known, vars(helper)"),
    ("behind a partial, a bound method, a decorator and a cache", """
        import functools
        class Model:
            n = 0
            def go(self, by, x):
                self.n += by
        def noted(f):
            log = []
            @functools.wraps(f)
            def run(x):
                log.append(x)
                f(x)
            run.log = log
            return run
        m = Model()
        step = functools.partial(m.go, 2)
        @noted
        def wrapped(x):
            step(x)
        @functools.lru_cache
        def predict(x):
            wrapped(x)
        """, "m.n, list(wrapped.log)"),
    ("generators of random numbers", """
        import random
        import numpy as np
        rng, old, own = np.random.default_rng(0), np.random.RandomState(0), random.Random(0)
        def predict(x):
            return rng.random(), old.rand(), own.random()
        """, "rng.bit_generator.state, old.get_state()[2], own.getstate()"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "trace"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_call_leaves_no_trace(cells: str, trace: str) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(textwrap.dedent(cells), namespace)
    before = repr(eval(trace, namespace))
    with state_kept([namespace["predict"]], namespace):
        namespace["predict"](7)
        assert repr(eval(trace, namespace)) != before
    assert repr(eval(trace, namespace)) == before


def test_an_object_stays_the_same_object() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("memo = {}\nalias = memo\ndef predict(x): memo[x] = 1", namespace)
    with state_kept([namespace["predict"]], namespace):
        namespace["predict"](7)
    assert namespace["alias"] is namespace["memo"] == {}


def test_data_of_any_size_costs_little() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "table": [[n] for n in range(300_000)]}
    exec("def predict(x): return table[x]", namespace)
    with state_kept([namespace["predict"]], namespace):
        assert namespace["predict"](7) == [7]
