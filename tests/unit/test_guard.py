"""The guard as a whole: what a capture refuses, warns of and shows."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from capture_book import Book

from nb2service.capture.guard import sources
from nb2service.capture.guard.guard import refusal_error
from nb2service.capture.guard.handles import device_of, handle_kind
from nb2service.capture.guard.holdings import holdings
from nb2service.capture.guard.showing import cleaned_notebook, conceal
from nb2service.capture.model import Capture
from nb2service.capture.take import Wanted, capture
from nb2service.card import html, text, to_json
from nb2service.deployment import Plan
from nb2service.errors import UsageError

HEX = "0f8a4c1e9b7d4f2a" + "a6c35e0d1b2c3d4e"
GITHUB = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def taken(*cells: str, allow: tuple[str, ...] = (), mask: tuple[str, ...] = ()) -> Capture:
    book = Book(*cells)
    wanted = Wanted("made", "made_service", ("predict",), {}, None, allow, mask)
    return capture(wanted, book.namespace, book.notebook, str, Path.cwd())


def said(found: Capture) -> list[str]:
    return [f"{item}" for item in found.refusals]


USE = "def predict(x):\n    return x if x else {0}\npredict(3)"
REFUSED = [
    (f'K = {{"api_key": "{HEX}"}}', "K", "holds an API key"),
    (f'K = [("x", {{"token": b"{GITHUB}"}})] * 2', "K", "holds a GitHub token"),
    ("import io\nK = dict(f=open('x', 'w'))\nK['f'].close()", "K", "holds an open file (K['f']"),
    ("import threading\nclass B: pass\nK = B()\nK.lock = [threading.Lock()]", "K", "holds a lock"),
    ("K = (n for n in 'ab')", "K", "is a generator"),
    ("import sqlite3\nD = sqlite3.connect(':memory:')\nK = D.cursor()\nD.close()", "K",
     "is a database cursor"),
    ("import socket\nK = socket.socket()\nK.close()", "K", "is a socket"),
    ("import sys\nK = dict(m=sys)", "K", "the module sys inside an object cannot be saved"),
    ("import os\nK = os.getcwd()", "K", "names"),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "name", "message"), REFUSED, ids=lambda item: item[:30])
def test_what_is_refused(cell: str, name: str, message: str) -> None:
    found = taken(cell, USE.format(name))
    assert [item.name for item in found.refusals] == [name], said(found)
    assert message in said(found)[0]
    assert "predict → K" in said(found)[0]
    assert (HEX in text(plan(found)), GITHUB in text(plan(found))) == (False, False)
    assert next(item.verdict for item in found.ship_list if item.name == name) == "refused"


PASSES = [
    "K = {'password_length': 8, 'token_pattern': r'\\b\\w+\\b', 'api_key': None}",
    "K = {'sha256': '" + HEX * 2 + "', 'etag': '" + HEX + "'}",
    "import io\nK = [io.BytesIO(b'x')]",
    "import logging\nK = logging.getLogger('x')",
    "import threading\nK = threading.Lock()",
    "import threading\nclass B:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
    "    def __getstate__(self):\n        return {'n': 1}\nK = B()",
    "K = 'data/input.csv'",
    "K = '/predict'",
    "K = ['/usr/share/dict/none', '/dev/null']",
    "import numpy as np\nK = np.arange(5000)[:10]",
    "from sklearn.feature_extraction.text import TfidfVectorizer\n"
    "K = TfidfVectorizer().fit(['password token secret', 'api key'])",
]


@pytest.mark.parametrize("cell", PASSES, ids=lambda cell: cell[:40])
def test_what_passes_without_a_word(cell: str) -> None:
    found = taken(cell, USE.format("K"))
    assert (said(found), [str(warning) for warning in found.warnings]) == ([], [])


def plan(found: Capture) -> Plan:
    return Plan(found, Path("made-service"), b"", {})


def test_the_plan_shows_all_refusals_with_what_lifts_them() -> None:
    found = taken(
        f'API_KEY = "{HEX}"\npool = (n for n in "ab")',
        "def predict(x, email):\n    return x if API_KEY else pool\npredict(3, 'ana@gmx.de')",
    )
    shown = text(plan(found))
    assert "plan: 3 of what would travel are refused" in shown
    assert "✗ [1] predict → API_KEY holds an API key (line 1)" in shown
    assert "or --allow API_KEY" in shown
    assert "publish made-up values in their place; or --mask email; or --allow email" in shown
    assert "constant, refused" in shown
    assert "API_KEY" in html(plan(found))
    document = to_json(plan(found))
    assert [item["name"] for item in document["refusals"]] == ["pool", "API_KEY", "email"]
    assert document["refusals"][0]["options"] == []
    assert HEX not in str(document) + html(plan(found)) + shown


def test_one_error_lists_them_all_and_ends_with_a_line_to_paste() -> None:
    found = taken(
        f'API_KEY = "{HEX}"', "def predict(x, email):\n    return API_KEY\npredict(3, 'a@gmx.de')"
    )
    error = refusal_error(found.refusals, lambda mask, allow: f"%deploy {mask} {allow}")
    assert "2 things must not travel as they are" in error.message
    assert "\n  [1] predict → API_KEY holds an API key (line 1)\n      → read it" in error.message
    assert error.hint.endswith("\n    %deploy ['email'] ['API_KEY']")
    [only] = [item for item in found.refusals if item.name == "API_KEY"]
    error = refusal_error([only], lambda mask, allow: "%deploy")
    assert (error.cell, error.message) == (1, "predict → API_KEY holds an API key (line 1)")


def test_what_is_allowed_is_marked_and_said() -> None:
    cells = (f'K = "{HEX}"\nAPI_KEY = K', USE.format("API_KEY"))
    found = taken(*cells, allow=("API_KEY",))
    assert found.refusals == ()
    assert [item.verdict for item in found.ship_list if item.name == "API_KEY"] == ["allowed"]
    assert [str(w) for w in found.warnings] == [
        "cell [1]: allowed: predict → API_KEY holds an API key"
    ]
    with pytest.raises(UsageError, match="--allow API_KEI: nothing by that name") as error:
        taken(*cells, allow=("API_KEI",))
    assert error.value.hint == "it is for API_KEY"
    with pytest.raises(UsageError, match="nothing is refused"):
        taken("K = 1", USE.format("K"), allow=("K",))


def test_what_cannot_be_saved_cannot_be_allowed() -> None:
    found = taken("K = (n for n in 'ab')", USE.format("K"), allow=("K",))
    assert [item.options for item in found.refusals] == [()]


def test_values_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LARGE", 1000)
    found = taken("K = {n: str(n) * 9 + chr(n) for n in range(99)}\nK = [K]", USE.format("K"))
    assert [item.name for item in found.refusals] == ["K"]


def test_tensors_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor: Any = type("Tensor", (), {"__module__": "torch"})
    tensor.device, tensor.dtype = "cuda:0", "float32"
    inner = types.SimpleNamespace(_parameters={"weight": tensor()})
    assert [device_of(held.value) for held in holdings("model", inner)][-1] == "cuda:0"
    tensor.device = "cpu"
    assert device_of(tensor()) == ""


def test_handles_of_libraries_are_known_by_name() -> None:
    def made(module: str, name: str, *members: str) -> Any:
        return type(name, (), {"__module__": module, **dict.fromkeys(members)})()

    assert handle_kind(made("pymysql.connections", "Connection", "close")) == "a connection"
    assert handle_kind(made("pymongo", "MongoClient", "close")) == "a client of a server"
    assert handle_kind(made("onnxruntime", "InferenceSession")) == ""
    assert handle_kind(made("__main__", "RateClient", "close")) == ""


def test_the_walk_is_bounded_and_survives_cycles() -> None:
    chain: list[Any] = []
    chain.append(chain)
    assert len(list(holdings("K", chain))) == 1
    wide = {n: [str(n)] for n in range(100_000)}
    assert len(list(holdings("K", wide))) < 1000

    class Odd(dict[str, Any]):
        def items(self) -> Any:
            raise NotImplementedError

    class Proxy:
        __class__ = dict  # type: ignore[assignment]

    assert [held.path for held in holdings("K", Odd(a="x"))] == ["K", "K['a']"]
    assert [held.path for held in holdings("K", Proxy())] == ["K"]
    deep: list[Any] = []
    for _ in range(sys.getrecursionlimit() * 3):
        deep = [deep]
    assert len(list(holdings("K", deep))) > sys.getrecursionlimit()


def test_files_are_looked_through(folder: Path) -> None:
    (folder / "settings.json").write_text('{"password": "hunter2"}')
    (folder / "words.txt").write_text("password\n")
    found = taken(
        "def predict(x):\n    open('words.txt').close()\n    open('settings.json').close()\n"
        "    return x\npredict(3)"
    )
    assert said(found) == ["settings.json holds a password (line 1)"]


def test_folders_and_files_of_this_machine(folder: Path) -> None:
    (folder / "sub").mkdir()
    found = taken(f"K = {str(folder / 'sub')!r}", USE.format("K"))
    assert said(found) == [
        f"[1] predict → K names {folder / 'sub'}, which exists on this machine only"
    ]
    (folder / "a.txt").write_text("")
    cell = f"def predict(x):\n    open({str(folder / 'a.txt')!r}).close()\n    return x\npredict(3)"
    found = taken(cell)
    assert said(found) == [
        f"[1] predict names the file {folder / 'a.txt'}, which exists on this machine only, "
        "and the entries read it"
    ]


def test_paths_inside_values_are_said(folder: Path) -> None:
    (folder / "sub").mkdir()
    cell = "from pathlib import Path\nclass B: pass\nK = B()\nK.home = Path('sub').resolve()"
    found = taken(cell, USE.format("K"))
    assert said(found) == []
    assert "holds the path" in str(found.warnings[0])
    assert "(K.home)" in str(found.warnings[0])


def test_answers_are_published_too() -> None:
    cell = "def predict(x):\n    return ['ana@gmx.de', 'bo@gmx.de'][x]\npredict(0)"
    found = taken(cell)
    assert said(found) == [
        "answers of predict → predict hold e-mail addresses, in the example values that the "
        "project publishes"
    ]
    assert taken(cell, allow=("predict",)).refusals == ()


def test_a_masked_column_is_no_longer_found_and_its_values_in_code_are_said() -> None:
    cells = (
        "ADMINS = ['ana.lima@gmx.de']",
        "def predict(email: str):\n    return email in ADMINS\npredict('ana.lima@gmx.de')",
    )
    assert [item.name for item in taken(*cells).refusals] == ["email"]
    found = taken(*cells, mask=("email",))
    assert found.refusals == ()
    assert "predict → ADMINS holds example values that were to be masked" in str(found.warnings[0])
    assert "ana.lima" not in str(found.cases) + str(found.contract)
    with pytest.raises(UsageError, match="--mask emial") as error:
        taken(*cells, mask=("emial",))
    assert error.value.hint == "they have email"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"raised Error: no {GITHUB}", "raised Error: no •••"),
        ("the notebook passes password='hunter2'; so", "the notebook passes password='•••'; so"),
        ("the notebook passes name='Ana'; so", "the notebook passes name='Ana'; so"),
        ("postgresql://a:s3cret@db/x refused", "postgresql://a:•••@db/x refused"),
    ],
)
def test_messages_show_no_secret(message: str, shown: str) -> None:
    assert conceal(message) == shown


def test_the_copy_of_the_notebook_has_no_secrets() -> None:
    import json

    cells = [
        {"cell_type": "code", "source": ["%matplotlib inline\n", "password = 'hunter2'\n", "x=1"]},
        {"cell_type": "code", "source": f"!curl -H 'token: {GITHUB}' x"},
        {"cell_type": "markdown", "source": [f"The token is {GITHUB}."]},
        {"cell_type": "code", "source": "predict('Ana Lima')"},
    ]
    raw = json.dumps({"cells": cells}).encode()
    clean, [warning] = cleaned_notebook(raw, ["Ana Lima"])
    assert [cell["source"] for cell in json.loads(clean)["cells"]] == [
        ["%matplotlib inline\n", "password = '•••'\n", "x=1"],
        ["!curl -H 'token: •••' x"],
        ["The token is •••."],
        ["predict('•••')"],
    ]
    assert "a password and a GitHub token" in warning.message
    again, none = cleaned_notebook(clean, [])
    assert (again, none) == (clean, ())
