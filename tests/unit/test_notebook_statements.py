from __future__ import annotations

import ast
import sys
import time

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from nb2service.notebook.calls import calls_of
from nb2service.notebook.cells import Cell
from nb2service.notebook.statements import parse_statements, uses_of

LAZY_ANNOTATIONS = sys.version_info >= (3, 14)


def transform(source: str) -> str:
    return TransformerManager().transform_cell(source)


def statements(*sources: str):
    return parse_statements([Cell(n, s) for n, s in enumerate(sources, 1)], transform)


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# snippet → binds, reads, late, mutates
SNIPPETS = [
    ("x = 1", "x", "", "", ""),
    ("x = y", "x", "y", "", ""),
    ("x = x + 1", "x", "x", "", ""),
    ("x += y", "x", "x y", "", "x"),
    ("a = b = c", "a b", "c", "", ""),
    ("(a, *b), c = d", "a b c", "d", "", ""),
    ("x: int = y", "x", "int y", "", ""),
    ("x: Foo", "", "Foo", "", ""),
    ("df['x'] = y", "", "df y", "", "df"),
    ("cfg.a.b = 1", "", "cfg", "", "cfg"),
    ("df.loc[i, 'x'] += 1", "", "df i", "", "df"),
    ("lst.append(z)", "", "lst z", "", "lst"),
    ("m.layers.append(z)", "", "m z", "", ""),
    ("y = lst.pop()", "y", "lst", "", ""),
    ("del x", "", "x", "", ""),
    ("del d['k']", "", "d", "", "d"),
    ("print(y := f(x))", "y", "print f x", "", ""),
    ("if (n := len(a)) > 1: print(n)", "n", "len a print", "", ""),
    # imports
    ("import a", "a", "", "", ""),
    ("import a.b", "a", "", "", ""),
    ("import a.b as c", "c", "", "", ""),
    ("from a import b, c as d", "b d", "", "", ""),
    ("from x import *", "", "", "", ""),
    # control flow
    ("for i in xs:\n  t = i + k\nprint(t)", "i t", "xs k print", "", ""),
    ("for d['k'] in xs: pass", "", "xs d", "", "d"),
    ("while go:\n  go = step(go)", "go", "go step", "", ""),
    ("with open(p) as fh:\n  data = fh.read()", "fh data", "open p", "", ""),
    ("with a() as x, b(x) as y: pass", "x y", "a b", "", ""),
    ("if c:\n  x = 1\nelse:\n  x = 2\nprint(x)", "x", "c print", "", ""),
    ("if c:\n  x = 1\nprint(x)", "x", "c print x", "", ""),
    ("if c:\n  x = 1\nelse:\n  raise E\nprint(x)", "x", "c E print", "", ""),
    ("if c:\n  x = 1\nelse:\n  print(x)", "x", "c print x", "", ""),
    ("try:\n  x = f()\nexcept E as e:\n  x = e\nprint(x, e)", "x", "f E print e", "", ""),
    ("try:\n  x = f()\nexcept E:\n  raise\nprint(x)", "x", "f E print", "", ""),
    ("try:\n  import a\nexcept ImportError:\n  a = None\nfinally:\n  z = a", "a z",
     "ImportError", "", ""),
    ("match v:\n  case P(q, k=[r, *s]) if q > lim: t = r\n  case {'a': u, **w}: t = u",
     "q r s t u w", "v P lim", "", ""),
    ("match v:\n  case M.A | None as h: print(h)", "h", "v M print", "", ""),
    # comprehensions
    ("y = [f(i) for i in xs if i > k]", "y", "f xs k", "", ""),
    ("y = {a: b for a, b in i}", "y", "i", "", ""),
    ("y = [i for i in i]", "y", "i", "", ""),
    ("y = [z for x in xs for z in g(x)]", "y", "xs g", "", ""),
    ("y = [t := t + x for x in xs]", "y t", "t xs", "", ""),
    ("y = [z for x in xs if (z := f(x))]; print(z)", "y z", "xs f print", "", ""),
    ("y = sum(i * k for i in xs)", "y", "sum k xs", "", ""),
    ("y = [[j * m for j in i] for i in xs]", "y", "m xs", "", ""),
    ("y = [lambda: i + k for i in xs]", "y", "xs", "k", ""),
    # functions
    ("def f(x): return x + k", "f", "", "k", ""),
    ("def f(x): return f(x - 1)", "f", "", "f", ""),
    ("def f(x=d, *, y=e): pass", "f", "d e", "", ""),
    ("def f(x: A, *a: B, y: C, **k: D) -> R: pass", "f", "A B C D R", "", ""),
    ("@deco(arg)\ndef f(): return k", "f", "deco arg", "k", ""),
    ("def f():\n  global n\n  n += 1", "f", "", "n", ""),
    ("def f():\n  global n\n  n = 1", "f", "", "", ""),
    ("def f():\n  a = 1\n  def g(): return a + b\n  return g", "f", "", "b", ""),
    ("def f():\n  a = 1\n  def g():\n    nonlocal a\n    a = c\n  return g", "f", "", "c", ""),
    ("def f(xs): return [x * k for x in xs if x not in stop]", "f", "", "k stop", ""),
    ("def f():\n  import numpy as np\n  return np.exp(k)", "f", "", "k", ""),
    ("def f(): return k\nk = 1", "f k", "", "k", ""),
    ("async def f(): return await g()", "f", "", "g", ""),
    ("async def f(): return [x async for x in g()]", "f", "", "g", ""),
    ("def f(a=lambda: p): return q", "f", "", "p q", ""),
    ("f = lambda x, y=d: x + k", "f", "d", "k", ""),
    ("f = (lambda x: lambda y:\n  x + y + k)", "f", "", "k", ""),
    ("df.apply(lambda r: r * k)", "", "df", "k", "df"),
    ("s = 'ü'; f = lambda: k", "s f", "", "k", ""),
    ("if c:\n  def f():\n    return '''\nx''' + k", "f", "c", "k", ""),
    ("def f(x): return f'{x:{w}} {y!r}'", "f", "", "w y", ""),
    # classes
    ("class A(B, metaclass=M): pass", "A", "B M", "", ""),
    ("class A:\n  k = v\n  w = k", "A", "v", "", ""),
    ("class A:\n  k = k", "A", "k", "", ""),
    ("class A:\n  k = 1\n  def m(self, x=k): return k + self.k", "A", "", "k", ""),
    ("class A:\n  k = 1\n  y = [k for _ in range(3)]", "A", "range k", "", ""),
    ("class A(B):\n  def m(self): return super().m() + A.z", "A", "B", "super A", ""),
    ("class A:\n  x: F\n  y: G = field()", "A", "F G field", "", ""),
    ("@dataclass\nclass A:\n  x: int = 0", "A", "dataclass int", "", ""),
    ("class A:\n  class B:\n    q = r\n    def m(self): return s", "A", "r", "s", ""),
    ("class A:\n  @property\n  def p(self): return k", "A", "property", "k", ""),
    # IPython lets these stand at the top
    ("x = await f(y)", "x", "f y", "", ""),
    ("async for x in g(): y = x", "x y", "g", "", ""),
    # strings are not seen
    ("df.query('age > @limit')", "", "df", "", "df"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("snippet", "binds", "reads", "late", "mutates"), SNIPPETS, ids=[s[0] for s in SNIPPETS]
)
def test_names(snippet, binds, reads, late, mutates):
    uses = uses_of(snippet)
    assert (uses.binds, uses.mutates) == (names(binds), names(mutates))
    if LAZY_ANNOTATIONS:
        assert uses.reads | uses.late == names(reads) | names(late)
    else:
        assert (uses.reads, uses.late) == (names(reads), names(late))


NEW_SYNTAX = [
    ((3, 10), "with (a() as x, b() as y): z = x", "x y z", "a b", ""),
    ((3, 11), "try:\n  x = 1\nexcept* E as e:\n  x = e", "x", "E", ""),
    ((3, 12), "def f[T: K](x: T, y: A) -> T: return T, q", "f", "A", "K q"),
    ((3, 12), "class A[T](B[T]):\n  x: T\n  def m(self) -> T: return q", "A", "B", "q"),
    ((3, 12), "type P[T] = dict[T, Q]", "P", "", "dict Q"),
]


@pytest.mark.parametrize(
    ("version", "snippet", "binds", "reads", "late"),
    [row for row in NEW_SYNTAX if sys.version_info >= row[0]],
)
def test_names_of_newer_syntax(version, snippet, binds, reads, late):
    uses = uses_of(snippet)
    assert (uses.binds, uses.reads) == (names(binds), names(reads))
    assert uses.late >= names(late)
    assert "T" not in uses.late


def test_future_annotations_are_late_in_every_later_cell():
    found = statements("from __future__ import annotations", "def f(x: A) -> B: pass", "x: C = 1")
    assert [s.uses.late for s in found[1:]] == [names("A B"), names("C")]
    assert not any(s.uses.reads for s in found)


SOURCES = [
    ("# why\n# so\nx = 1  # one", ["# why\n# so\nx = 1  # one"]),
    ("# apart\n\nx = 1", ["x = 1"]),
    ("# nb2service: predict\n# why\nx = 1", ["# why\nx = 1"]),
    ("x = 1\n# of y\ny = 2", ["x = 1", "# of y\ny = 2"]),
    ("# both\na = 1; b = 'ü;' ; c = 3  # end", ["# both\na = 1", "b = 'ü;'", "c = 3"]),
    ("plt.show();", ["plt.show();"]),
    ("x = '''\n# no comment\n'''\ny = 1", ["x = '''\n# no comment\n'''", "y = 1"]),
    ("x = '\x0c'\n@deco\n# between\ndef f():\n    pass  # end",
     ["x = '\x0c'", "@deco\n# between\ndef f():\n    pass  # end"]),
    ("def f():\n    return 1\n\nx = (\n  1,\n)\n", ["def f():\n    return 1", "x = (\n  1,\n)"]),
    ("x = 1\r\ny = 2\r\n", ["x = 1", "y = 2"]),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "sources"), SOURCES)
def test_source_is_verbatim(cell, sources):
    assert [s.source for s in statements(cell)] == sources


# cell → (first line, last line, source) of each statement
MAGICS = [
    ("%matplotlib inline\nx = 1", [(1, 1, "get_ipython().run_line_magic('matplotlib', 'inline')"),
                                   (2, 2, "x = 1")]),
    ("%%time\nx = 1\n\ny = x", [(2, 2, "x = 1"), (4, 4, "y = x")]),
    ("%%capture out\n%%time\n# why\nx = 1", [(4, 4, "# why\nx = 1")]),
    ("a = 1\n%time b = a\nc = b", [(1, 1, "a = 1"), (2, 2, "b = a"), (3, 3, "c = b")]),
    ("%%time\n%time b = 1", [(2, 2, "b = 1")]),
    ("%%timeit\nx = 1", [(1, 1, "get_ipython().run_cell_magic('timeit', '', 'x = 1\\n')")]),
    ("%%time\nnot a python", []),
    ("x = !ls", [(1, 1, "x = get_ipython().getoutput('ls')")]),
    ("model?", [(1, 1, "get_ipython().run_line_magic('pinfo', 'model')")]),
    ("not a python", []),
    ("", []),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "expected"), MAGICS)
def test_ipython_syntax(cell, expected):
    assert [(*s.lines, s.source) for s in statements(cell)] == expected


def test_order_is_that_of_execution_and_lines_include_decorators():
    found = parse_statements(
        [Cell(3, "b = 1"), Cell(5, "\n@d\ndef f():\n    pass\n\n\nz = 2")], lambda s: s
    )
    assert [(s.cell, s.lines) for s in found] == [(3, (1, 1)), (5, (2, 4)), (5, (7, 7))]
    assert isinstance(found[1].node, ast.FunctionDef)


def test_invalid_escapes_do_not_warn():
    assert len(statements("import re\nre.compile('\\d')", "def f(): return '\\d', k")) == 3


def test_calls_are_found_wherever_they_stand():
    found = calls_of(
        "predict",
        statements(
            "predict(df, dv=dv)",
            "def score(x):\n  return predict(x)\nscore(1); other.predict(2)",
            "[predict(r) for r in rows]",
            "class A:\n  p = predict(3)",
        ),
    )
    assert [(ast.unparse(call.node), call.cell, call.late) for call in found] == [
        ("predict(df, dv=dv)", 1, False),
        ("predict(x)", 2, True),
        ("predict(r)", 3, True),
        ("predict(3)", 4, False),
    ]


@pytest.mark.parametrize("callee", ["model.predict", 'models["rf"].predict'])
def test_calls_of_methods(callee):
    cells = ["y = model.predict(X[:3])", "models['rf'].predict(X[:3])", "predict(X)"]
    assert len(calls_of(callee, statements(*cells))) == 1


def test_time_to_parse_grows_with_the_cells():
    cell = "\n".join(
        ["%matplotlib inline", "df = load()"]
        + [f"df['c{i}'] = df['a'].map(lambda v: v * k)" for i in range(5)]
        + ["def f(x):", *["    y = [i * z for i in x]"] * 10, "    return y"]
    )

    def fastest(cells: int) -> float:
        times = []
        for _ in range(3):
            began = time.process_time()
            assert len(statements(*[cell] * cells)) == cells * 8
            times.append(time.process_time() - began)
        return min(times)

    # In proportion: the machine's speed is none of the test's business.
    assert fastest(200) < 4 * 2.5 * fastest(50)
