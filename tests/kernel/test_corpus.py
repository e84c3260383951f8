"""Hard notebooks in a real kernel: the service answers as the kernel does, or the build is refused.

Every table of ``corpus/`` is typed cell by cell into a kernel, deployed, and the running service is
asked over HTTP what its recorded examples do not hold.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from corpus import dependence, guard, libraries, questions, tags, truth, values
from corpus.book import Ask, Book
from live_kernel import LiveKernel, live_kernel

BOOKS = [
    *dependence.BOOKS,
    *guard.BOOKS,
    *libraries.BOOKS,
    *questions.BOOKS,
    *tags.BOOKS,
    *truth.BOOKS,
    *values.BOOKS,
]
SERVED = [book for book in BOOKS if not book.refused]
REFUSED = [book for book in BOOKS if book.refused]

# %deploy without the clean environment, whose proof has tests of its own; and the kernel's answers
# in the terms of JSON.
HELPERS = """
from IPython.core.magic import register_line_magic
@register_line_magic
def deploy_here(line):
    import json
    from nb2service import card
    from nb2service.deployment import deploy
    from nb2service.magic import parse_line
    from nb2service.options import only_options
    done = deploy(only_options(parse_line(line)), get_ipython())
    print(json.dumps([card.to_json(done), card.text(done)]))
@register_line_magic
def answers_here(expression):
    import datetime, decimal, enum, json, math
    def plain(value):
        if hasattr(value, "to_dict"):
            value = value.to_dict("records") if hasattr(value, "columns") else value.tolist()
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, dict):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        return str(value) if isinstance(value, decimal.Decimal) else value
    print(json.dumps(plain(eval(expression, dict(get_ipython().user_ns)))))
"""
AS_NEW = """
import os, sys
for name, module in list(sys.modules.items()):
    if str(getattr(module, "__file__", "")).startswith(os.getcwd() + os.sep):
        del sys.modules[name]  # another notebook's own
os.chdir({folder!r})
os.environ.update(NB2SERVICE_HOME={home!r}, HOME={folder!r})
get_ipython().reset(new_session=True)
get_ipython().history_manager.reset()
get_ipython().execution_count = 1
"""


@contextmanager
def ready_kernel(folder: Path) -> Iterator[LiveKernel]:
    with live_kernel(folder) as kernel:
        kernel.check("%load_ext nb2service")
        kernel.check(HELPERS)
        yield kernel


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    """One kernel for all notebooks."""
    with ready_kernel(tmp_path_factory.mktemp("kernel")) as kernel:
        yield kernel


@pytest.fixture
def kernel(
    book: Book, shared: LiveKernel, own_registry: Path, tmp_path: Path
) -> Iterator[LiveKernel]:
    """A kernel, its namespace and history empty, in the test's own folder."""
    with ready_kernel(tmp_path) if book.alone else nullcontext(shared) as kernel:
        kernel.check(AS_NEW.format(folder=str(tmp_path), home=str(own_registry)))
        yield kernel
        kernel.run("%deploy --stop book")


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    assert len({book.name for book in BOOKS}) == len(BOOKS)
    assert all(book.asks or book.refused for book in BOOKS)


def type_cells(book: Book, kernel: LiveKernel, folder: Path) -> None:
    for path, text in book.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    for number, (cell, given) in enumerate(book.typed()):
        kernel.check(cell, tags=given, id=f"cell-{number}")


@pytest.mark.parametrize("book", SERVED, ids=lambda book: book.name)
def test_the_service_answers_as_the_kernel(book: Book, kernel: LiveKernel, tmp_path: Path) -> None:
    type_cells(book, kernel, tmp_path)
    line = book.line.replace("%deploy", "%deploy_here --name book", 1)
    document, card = json.loads(kernel.check(line).stdout)
    text = (tmp_path / "book-service" / "book_service" / "notebook.py").read_text("utf-8")
    assert document["proof"]["verdict"] == book.verdict, card
    for ask in book.asks:
        expected = json.loads(kernel.check(f"%answers_here {ask.expect}").stdout)
        assert post(document["service"]["url"], ask) == expected, text
    assert [words for words in book.said if words not in card] == [], card
    assert [words for words in book.unsaid if words in card] == [], card
    assert [words for words in book.present if words not in text] == [], text
    assert [words for words in book.absent if words in text] == [], text
    pins = document["requirements"].keys()
    assert {*book.pinned} - pins == set()
    assert {*book.unpinned} & pins == set()
    shown = [path.read_bytes() for path in (tmp_path / "book-service").rglob("*") if path.is_file()]
    assert [w for w in book.nowhere for data in (card.encode(), *shown) if w.encode() in data] == []


@pytest.mark.parametrize("book", REFUSED, ids=lambda book: book.name)
def test_the_build_is_refused(book: Book, kernel: LiveKernel, tmp_path: Path) -> None:
    type_cells(book, kernel, tmp_path)
    before = set(tmp_path.iterdir())
    reply = kernel.run(book.line.replace("%deploy", "%deploy --name book", 1))
    assert reply.error, "it was not refused"
    assert "Traceback" not in reply.error
    assert [words for words in book.refused if words not in reply.error] == [], reply.error
    assert [words for words in book.unsaid if words in reply.error] == [], reply.error
    assert set(tmp_path.iterdir()) == before


def post(url: str, ask: Ask) -> Any:
    request = urllib.request.Request(
        f"{url}/{ask.route}",
        json.dumps({"instances": ask.instances}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["predictions"]
