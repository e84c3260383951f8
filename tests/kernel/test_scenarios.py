"""Odd but honest notebooks, each typed into one kernel: the right answer, or a clear message."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from live_kernel import LiveKernel, live_kernel

SKLEARN = """
import numpy as np, pandas as pd
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X, y = load_iris(return_X_y=True, as_frame=True)
model = LogisticRegression(max_iter=1000).fit(X, y)
"""
FRAME = """
import numpy as np, pandas as pd
df = pd.DataFrame({
    "n": [1.5, np.nan, np.inf, -np.inf], "I": pd.array([1, None, 3, 4], dtype="Int64"),
    "b": [True, False, True, False], "B": pd.array([True, None, False, True], dtype="boolean"),
    "s": ["001", None, "NA", ""], "big": [2**60 + 1, 1, 2, 3], "o": [1, "a", None, 2.5],
    "c": pd.Categorical(["lo", "hi", "lo", None], categories=["lo", "mid", "hi"], ordered=True),
    "t": pd.to_datetime(["2024-01-01", "2024-07-01", None, "2024-01-02"]).tz_localize("CET"),
    "d": pd.to_timedelta([1, 2, None, 4], unit="h"), "a b.ö'\\"": [1, 2, 3, 4],
    "f": np.array([0.1, 0.2, 0.3, np.nan], dtype="float32"),
})
"""
FILES = """
from pathlib import Path
_ = Path("cleaning.py").write_text(
    "from factors import K\\ndef clean(x):\\n    return round(x * K, 2)\\n"
)
_ = Path("factors.py").write_text("K = 3\\n")
_ = Path("rates.csv").write_text("city,rate\\nBonn,1.5\\n")
"""


@dataclass(frozen=True)
class Odd:
    """What the notebook did (cells), what is typed, and what the card says of each entry.

    ``answer`` is what the first entry answers to its first recorded row, ``said`` are words that
    the card must have.
    """

    cells: tuple[str, ...]
    line: str
    entries: tuple[str, ...]
    verdict: str = "equal"
    answer: Any = None
    said: tuple[str, ...] = ()


SERVED = {
    "every dtype there and back": Odd(
        (FRAME, "def same(df):\n    return df", "same(df);"), "%deploy same", ("same",)
    ),
    "an expression, a path of items and a lambda within": Odd(
        (
            SKLEARN,
            "from sklearn.pipeline import make_pipeline\n"
            "from sklearn.preprocessing import FunctionTransformer\n"
            "K = 3\n"
            "scaled = make_pipeline(FunctionTransformer(lambda d: d * K), LogisticRegression())\n"
            "models = {'my model': model, 'scaled': scaled.fit(X, y)}",
        ),
        '%deploy models["my model"].predict models["scaled"].predict',
        ("models_my_model_predict", "models_scaled_predict"),
    ),
    "probabilities of several targets are one answer for all rows": Odd(
        (
            SKLEARN,
            "from sklearn.multioutput import MultiOutputClassifier\n"
            "several = MultiOutputClassifier(model).fit(X, np.column_stack([y, y == 1]))",
        ),
        "%deploy several",
        ("predict", "predict_proba"),
        answer=[0, 0],
        said=("one list for all rows together",),
    ),
    "a method whose answer no wire carries is left out": Odd(
        (
            SKLEARN,
            "class Sure:\n    def fit(self, X, y): self.fitted_ = True; return self\n"
            "    def predict(self, X): return [1] * len(X)\n"
            "    def predict_proba(self, X): return [object()] * len(X)",
            "sure = Sure().fit(X, y)\nsure.predict(X)",
        ),
        "%deploy sure",
        ("predict",),
        answer=1,
        said=("sure.predict_proba is not served",),
    ),
    "hints of every kind": Odd(
        (
            "from datetime import date, datetime, timedelta\n"
            "from decimal import Decimal\n"
            "from enum import Enum\n"
            "from typing import Literal, Optional\n"
            "class Color(Enum):\n    RED = 'red'\n    BLUE = 'blue'",
            "def quote(c: Color, at: datetime, amount: Decimal, kind: Literal['a', 'b'] = 'a',\n"
            "          d: Optional[date] = None, wait: timedelta = timedelta(hours=1)) -> dict:\n"
            "    return {'c': c.value, 'at': at + wait, 'amount': amount * 2, 'd': d}",
            "quote(Color.RED, datetime(2024, 1, 2, 3, 4), Decimal('1.10'), d=date(2020, 1, 1))",
        ),
        "%deploy quote",
        ("quote",),
        answer={"c": "red", "at": "2024-01-02T04:04:00", "amount": "2.20", "d": "2020-01-01"},
    ),
    "names of the runtime and of builtins": Odd(
        (
            "import json\napp = {'a': 1}\nstore = load = [3]\nlist = max = 5",
            "def contract(x: int):\n    return json.dumps([x, app, store, load, list, max])",
            "contract(2)",
        ),
        "%deploy contract",
        ("contract",),
        answer='[2, {"a": 1}, [3], [3], 5, 5]',
    ),
    "magics, stars, late globals": Odd(
        (
            "%%time\nfrom math import *\nfiles = !ls\nRATE = 3",
            "def outer(x: float):\n    def inner():\n        return sqrt(x) * RATE\n"
            "    return inner()",
            "%timeit -n1 -r1 outer(4.0)\nouter(4.0)",
        ),
        "%deploy outer",
        ("outer",),
        answer=6.0,
    ),
    "local modules and data beside the notebook": Odd(
        (
            FILES,
            "from cleaning import clean\nimport csv\n"
            "def rate(city: str, x: float):\n"
            "    with open('rates.csv') as file:\n"
            "        found = {row['city']: float(row['rate']) for row in csv.DictReader(file)}\n"
            "    return clean(x) * found[city]",
            "rate('Bonn', 1.5)",
        ),
        "%deploy rate",
        ("rate",),
        answer=6.75,
        said=("cleaning.py", "factors.py", "rates.csv"),
    ),
    "an unseeded draw": Odd(
        ("import random\ndef draw(x: int):\n    return x + random.random()", "draw(3)"),
        "%deploy draw",
        ("draw",),
        verdict="not comparable",
        said=("answers do not repeat", "random numbers from Python's random module"),
    ),
    "an entry of the whole batch": Odd(
        (FRAME, "def summary(df):\n    return df[['n', 'I']].describe()", "summary(df.tail(2));"),
        "%deploy summary",
        ("summary",),
        said=("one list for all rows together", "labels of the answer's rows (count, mean"),
    ),
    "images, as bytes and as pixels": Odd(
        (
            "import numpy as np\nimages = np.arange(5 * 64).reshape(5, 8, 8).astype('uint8')",
            "def brightness(batch):\n    return batch.mean(axis=(1, 2))\n"
            "def size(raw: bytes) -> int:\n    return len(raw)",
            "brightness(images); size(b'abc\\x00')",
        ),
        "%deploy brightness size",
        ("brightness", "size"),
        answer=31.5,
        said=("8 × 8 × uint8",),
    ),
    "two thousand columns": Odd(
        (
            "import numpy as np, pandas as pd\nfrom sklearn.linear_model import Ridge",
            "wide = pd.DataFrame(np.eye(4, 2000), columns=[f'f{i}' for i in range(2000)])\n"
            "ridge = Ridge().fit(wide, [1.0, 2.0, 3.0, 4.0])",
        ),
        "%deploy ridge --example wide",
        ("predict",),
        said=("(2000 in all)", "-d @", "predict.json"),
    ),
    "an async generator of text": Odd(
        (
            "import asyncio\nasync def shout(x: str):\n    await asyncio.sleep(0)\n"
            "    return (c.upper() for c in x)",
            "list(await shout('ab'))",
        ),
        "%deploy shout",
        ("shout",),
        answer=["A", "B"],
    ),
}


@dataclass(frozen=True)
class Refused:
    """What the notebook did, what is typed, and words that the message must have."""

    cells: tuple[str, ...]
    line: str
    words: tuple[str, ...]


REFUSED = {
    "nameless arguments": Refused(
        ("def add(*numbers):\n    return sum(numbers)", "add(1, 2)"),
        "%deploy add",
        ("*numbers", "def add(numbers)"),
    ),
    "no rows": Refused((SKLEARN,), "%deploy model --example X.head(0)", ("has no rows",)),
    "columns of one name": Refused(
        (
            "import pandas as pd\ndef total(df):\n    return df.sum(axis=1)",
            "total(pd.DataFrame([[1, 2]], columns=['a', 'a']))",
        ),
        "%deploy total",
        ("more than one column called 'a'", "rename them"),
    ),
    "an answer made of the index": Refused(
        (
            "import pandas as pd\ndef f(df):\n    return df['a'] * df.index",
            "d = pd.DataFrame({'a': [1, 2]}, index=[10, 20])\nf(d)",
        ),
        "%deploy f",
        ("the index of d", "reset_index()"),
    ),
    "no fitted model": Refused(
        (SKLEARN, "blank = LogisticRegression()"),
        "%deploy blank",
        ("blank (sklearn.linear_model.LogisticRegression) is not fitted", "%deploy model"),
    ),
    "a model without predict": Refused(
        (SKLEARN, "from sklearn.cluster import DBSCAN\nclusters = DBSCAN().fit(X)"),
        "%deploy clusters",
        ("DBSCAN", "no predict"),
    ),
    "a route of every service": Refused(
        ("def healthz(x: int):\n    return x", "healthz(1)"),
        "%deploy healthz",
        ("/healthz is a route of every service", "rename"),
    ),
    "a mistyped binding": Refused(
        (SKLEARN, "def predict(df, m):\n    return m.predict(df)"),
        "%deploy predict --bind m=modle",
        ("'modle'", "did you mean model?"),
    ),
    "an expression that does more": Refused(
        ("x = 3",), "%deploy len(x)", ("more than a name", "assign it")
    ),
    "a file in the way": Refused(
        (SKLEARN, "open('taken', 'w').close()"),
        "%deploy model --output taken",
        ("taken is a file", "--output"),
    ),
}


# The way of %deploy to the proof in the kernel's own environment; the clean one is proved
# elsewhere and would only take time here.
HERE = """
from IPython.core.magic import register_line_magic
@register_line_magic
def deploy_here(line):
    import dataclasses, json
    from nb2service import card
    from nb2service.deployment import deploy
    from nb2service.magic import parse_line
    from nb2service.options import only_options
    options = dataclasses.replace(only_options(parse_line(line)), launch=False)
    done = deploy(options, get_ipython())
    print(json.dumps([card.to_json(done), card.text(done)]))
"""
AS_NEW = """
import os
os.chdir({folder!r})
os.environ.update(NB2SERVICE_HOME={home!r}, HOME={folder!r})
get_ipython().reset(new_session=True)
get_ipython().history_manager.reset()
get_ipython().execution_count = 1
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    """One kernel for all scenarios."""
    folder = tmp_path_factory.mktemp("kernel")
    with live_kernel(folder) as kernel:
        kernel.check("%load_ext nb2service")
        kernel.check(HERE)
        yield kernel


@pytest.fixture
def book(shared: LiveKernel, own_registry: Path, tmp_path: Path) -> LiveKernel:
    """The shared kernel, its namespace and history empty, in the test's own folder."""
    shared.check(AS_NEW.format(folder=str(tmp_path), home=str(own_registry)))
    return shared


@pytest.mark.parametrize("name", SERVED)
def test_served(book: LiveKernel, tmp_path: Path, name: str) -> None:
    odd = SERVED[name]
    for cell in odd.cells:
        book.check(cell)
    line = odd.line.replace("%deploy", "%deploy_here --name odd", 1)
    document, card = json.loads(book.check(line).stdout)
    assert document["proof"]["verdict"] == odd.verdict, card
    assert tuple(entry["name"] for entry in document["entries"]) == odd.entries
    for words in odd.said:
        assert words in card
    if odd.answer is not None:
        case = tmp_path / "odd-service" / "tests" / "cases" / f"{odd.entries[0]}.json"
        assert json.loads(case.read_text())["batch"][0] == odd.answer


@pytest.mark.parametrize("name", REFUSED)
def test_refused(book: LiveKernel, tmp_path: Path, name: str) -> None:
    refused = REFUSED[name]
    for cell in refused.cells:
        book.check(cell)
    before = set(tmp_path.iterdir())
    reply = book.run(refused.line)
    assert "Traceback" not in reply.error
    for words in refused.words:
        assert words in reply.error
    assert set(tmp_path.iterdir()) == before
    assert [display["text/plain"] for display in reply.displays] == [""]  # no phase goes on


def test_the_home_folder_may_be_written_with_a_tilde(book: LiveKernel, tmp_path: Path) -> None:
    book.check("def f(x: int):\n    return x")
    book.check("f(1)")
    card = book.check("%deploy f --plan --output ~/services/f").card
    assert card["folder"] == str(tmp_path / "services" / "f")


# --- at the same time


def test_an_interrupted_deploy_leaves_everything_as_it_was(kernel: LiveKernel) -> None:
    kernel.check("%load_ext nb2service")
    kernel.check("import time\ndef slow(x: int):\n    time.sleep(30)\n    return x")
    timer = threading.Timer(1.0, os.kill, (kernel.pid, signal.SIGINT))
    timer.start()
    reply = kernel.run("%deploy slow --example [dict(x=1)]")
    timer.join()
    assert reply.error.strip().endswith("not deployed; everything is as it was before")
    assert "Traceback" not in reply.error
    assert [path for path in kernel.folder.iterdir() if not path.name.startswith(".")] == []
    assert "No service is running" in kernel.check("%deploy --list").stdout


_JSON = {"Content-Type": "application/json"}


def _is_done(document: dict[str, Any]) -> bool:
    return not document["pending"].endswith("…")


def test_what_no_index_has_is_said_and_the_service_goes_on(
    kernel: LiveKernel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = tmp_path_factory.mktemp("elsewhere")
    (site / "madeup-9.9.9.dist-info").mkdir(parents=True)
    (site / "madeup.py").write_text("def up(text):\n    return text.upper()\n")
    (site / "madeup-9.9.9.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: madeup\nVersion: 9.9.9\n"
    )
    (site / "madeup-9.9.9.dist-info" / "RECORD").write_text("madeup.py,,\n")
    (site / "madeup-9.9.9.dist-info" / "INSTALLER").write_text("pip\n")
    kernel.check(f"import sys; sys.path.append({str(site)!r})")
    kernel.check(f"%env PYTHONPATH={site}")
    kernel.check("%load_ext nb2service")
    kernel.check("import madeup\ndef f(text: str):\n    return madeup.up(text)")
    kernel.check("f('a')")
    service = kernel.check("%deploy f --name loud").card["service"]
    pending = kernel.wait_for_card(_is_done)["pending"]
    assert "madeup==9.9.9" in pending
    assert "\x1b" not in pending
    asked = urllib.request.Request(service["url"] + "/f", b'{"text": "b"}', _JSON)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert json.load(answer) == {"predictions": ["B"]}
