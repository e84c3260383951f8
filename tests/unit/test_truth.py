"""What ships is what is in memory, and a warning says so exactly where the notebook says otherwise.

Each session is played by three front ends: JupyterLab (cell ids, nb2service loaded at the top), the
same with nb2service loaded only by the cell that deploys, one without cell ids (nbformat 4.4), and
VS Code, whose requests have ids that the file does not know.
"""

from __future__ import annotations

import itertools
import json
import os
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nb2service.capture.model import Capture
from nb2service.capture.take import Wanted, capture
from nb2service.notebook import live, requests

F = "def predict(x):\n    return x + K"
CALL = "predict(1)"
DATA = "data = [1.0, 2.0, 6.0]"
FIT = "class Mean:\n    def fit(self, rows):\n        self.mean = sum(rows) / len(rows)\n"
FIT += "        return self\nmodel = Mean().fit(data)"
USE = "def predict(x):\n    return x - model.mean"
DEPLOY = "%load_ext nb2service\n%deploy predict"

Act = Callable[["FrontEnd"], None]


class Shell(InteractiveShell):
    """A shell whose cells come by execute request, as in ipykernel."""

    request: dict = {}  # noqa: RUF012

    def get_parent(self):
        return self.request


class FrontEnd:
    """Cells in an editor, a kernel, and a file; ten seconds pass with each act."""

    def __init__(
        self, folder: Path, clock: Iterator[int], watched: bool, sent: str, filed: str
    ) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        self.shell = Shell(config=config)
        self.shell.showtraceback = lambda *args, **kwargs: None
        self.path, self.clock = folder / "book.ipynb", clock
        self.sent, self.filed = sent, filed
        self.cells: dict[str, str] = {}
        self.deleted: list[str] = []
        self.exists = False
        if watched:
            requests.watch(self.shell)

    def execute(self, id: str) -> None:
        metadata = {"cellId": self.sent.format(id)} if self.sent else {}
        if self.sent == "{}":
            metadata["deletedCells"] = self.deleted
        self.shell.request = {"metadata": metadata}
        self.shell.run_cell(self.cells[id], store_history=True, silent=False)
        next(self.clock)

    def save(self) -> None:
        made = [
            {"cell_type": "code", "source": text, "metadata": {}, "outputs": [],
             "execution_count": None} | ({"id": self.filed.format(id)} if self.filed else {})
            for id, text in [*self.cells.items(), ("deploy", DEPLOY)]
        ]  # fmt: skip
        minor = 5 if self.filed else 4
        book = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
        self.path.write_text(json.dumps(book))
        now = next(self.clock)
        os.utime(self.path, (now, now))
        self.exists = True

    def captured(self) -> Capture:
        requests.watch(self.shell)
        self.shell.history_manager.input_hist_raw.append(DEPLOY)
        notebook = live.read_live(self.shell, self.path if self.exists else None)
        wanted = Wanted("book", "book_service", ("predict",), {})
        transform = self.shell.transform_cell
        return capture(wanted, self.shell.user_ns, notebook, transform, self.path.parent)


def run(*texts: str, **cells: str) -> Act:
    """Types cells, each below the last unless it is there already, and runs each at once."""

    def act(front: FrontEnd) -> None:
        for id, text in {
            **{f"c{len(front.cells) + n}": t for n, t in enumerate(texts)},
            **cells,
        }.items():
            front.cells[id] = text
            front.execute(id)

    return act


def again(*ids: str) -> Act:
    return lambda front: [front.execute(id) for id in ids] and None


def edit(**cells: str) -> Act:
    """Types without running."""
    return lambda front: front.cells.update(cells)


def above(id: str, **cells: str) -> Act:
    """Types new cells above another one, without running them."""

    def act(front: FrontEnd) -> None:
        items = list(front.cells.items())
        at = [name for name, _ in items].index(id)
        front.cells = dict([*items[:at], *cells.items(), *items[at:]])

    return act


def delete(*ids: str) -> Act:
    def act(front: FrontEnd) -> None:
        for id in ids:
            del front.cells[id]
            front.deleted.append(id)

    return act


def save(front: FrontEnd) -> None:
    front.save()


@dataclass(frozen=True)
class Session:
    """What a person did, and the warnings that must come of it: none where ``told`` is empty.

    ``ships`` is what travels, as it is in memory.
    ``only`` names the front ends for which it holds, where others cannot know.
    """

    acts: tuple[Act, ...]
    told: tuple[str, ...] = ()
    only: tuple[str, ...] = ("lab", "late", "old", "code")
    ships: str = ""


SIMPLE = run(k="K = 1", f=F, call=CALL)
FITTED = run(data=DATA, fit=FIT, use=USE, call=CALL)

CLEAN = {
    "run from the top and saved": Session((SIMPLE, save)),
    "saved first, then run": Session(
        (edit(k="K = 1", f=F, call=CALL), save, again("k", "f", "call"))
    ),
    "never saved": Session((SIMPLE,)),
    "everything run twice": Session((SIMPLE, again("k", "f", "call"), save)),
    "a comment and blank lines edited": Session(
        (SIMPLE, edit(k="# the shift\nK  =  1", f=F.replace("x):", "x):  # shifts")), save)
    ),
    "edited, run again, saved": Session((SIMPLE, run(k="K = 2"), save)),
    "edited, run again, not saved": Session(
        (SIMPLE, save, run(k="K = 2")), only=("lab", "old", "code")
    ),
    "new cells that are not saved": Session(
        (SIMPLE, save, run(g="def more(x):\n    return x")), only=("lab", "old", "code")
    ),
    "cells about other things edited and deleted": Session(
        (
            run(look="other = [1]\nother.append(2)", more="Z = 3"),
            SIMPLE,
            edit(more="Z = 4"),
            delete("look"),
            save,
        )
    ),
    "looked at and deleted": Session(
        (FITTED, run(look="sorted(data)", more="len(data)"), delete("look", "more"), save)
    ),
    "a fit run again": Session(
        (
            run(data=DATA),
            run(
                cls=FIT.rsplit("\n", 1)[0],
                make="model = Mean()",
                fit="model.fit(data)",
                use=USE,
                call=CALL,
            ),
            again("fit"),
            save,
        )
    ),
    "a fit with other rows, both in place": Session(
        (
            run(data=DATA, fit=FIT),
            run(more="data2 = data + [1.0]", refit="model.fit(data2)", use=USE, call=CALL),
            save,
        )
    ),
    "a fit tried with other rows first": Session(
        (
            run(data=DATA, fit=FIT),
            run(refit="model.fit(data + [9.0])"),
            run(refit="model.fit(data)"),
            run(use=USE, call=CALL),
            save,
        )
    ),
    "a cleaning step run twice": Session(
        (
            run(data=DATA, clean="data = sorted(data)"),
            again("clean"),
            run(fit=FIT, use=USE, call=CALL),
            save,
        )
    ),
    "bound by a loop": Session((run(k="for K in range(5):\n    pass", f=F, call=CALL), save)),
    "rebound by a later cell": Session((run(k="K = 1", f=F, more="K = 7", call=CALL), save)),
    "a typo mended": Session((run(k="K = 1", f=F.replace("K", "k")), run(f=F, call=CALL), save)),
    "a cell that raised, mended and run again": Session(
        (run(k="K = 1\n1 / 0"), run(k="K = 1", f=F, call=CALL), save), only=("lab", "old", "code")
    ),
    "a cell that raised after what counts": Session(
        (run(k="K = 1", f=F, call=CALL, bad="1 / 0\nother = 3"), save), only=("lab", "old", "code")
    ),
    "cells moved that do not concern each other": Session(
        (
            run(f=F, k="K = 1", call=CALL),
            delete("k"),
            lambda front: front.deleted.clear(),
            above("f", k="K = 1"),
            save,
        )
    ),
    "cells below that never ran": Session(
        (SIMPLE, save, edit(late="K = 9", later="def predict(x):\n    return 0")),
        only=("lab", "late", "old", "code"),
    ),
    "an import beside another": Session(
        (
            run(i="from math import pi", k="K = pi", f=F, call=CALL),
            edit(i="from math import pi, tau"),
            save,
        )
    ),
    "the same cell twice": Session((run(k="K = 1", f=F, k2="K = 1", call=CALL), save)),
    "magics and a timed cell": Session((run(k="%%time\nK = 1", f=F, call=f"%time {CALL}"), save)),
}

STALE = {
    "a constant edited, not run": Session(
        (SIMPLE, edit(k="K = 2"), save), ("cell [1]: K: the cell was edited",), ships="K = 1"
    ),
    "a function edited, not run": Session(
        (SIMPLE, edit(f=F.replace("+", "-")), save),
        ("cell [2]: predict: the cell was edited",),
        ships="K = 1",
    ),
    "a cell deleted": Session(
        (SIMPLE, delete("k"), save), ("cell [1]: K: the cell is no longer",), ships="K = 1"
    ),
    "a function's cell deleted": Session(
        (SIMPLE, delete("f"), save), ("cell [2]: predict: the cell is no longer",), ships="K = 1"
    ),
    "deleted and never saved": Session(
        (SIMPLE, delete("k"), run(note="'done'")),
        ("cell [1]: K: the cell is no longer",),
        only=("lab",),
    ),
    "renamed in place: the old name is left over": Session(
        (SIMPLE, run(k="SHIFT = 1"), save), ("cell [1]: K: the cell is no longer",)
    ),
    "the model's settings edited, not run": Session(
        (FITTED, edit(fit=FIT.replace("/ len(rows)", "/ (len(rows) + 1)")), save),
        ("cell [2]: Mean and model: the cell was edited",),
        ships='model = load("model")',
    ),
    "the data edited, the model not fitted again": Session(
        (FITTED, edit(data="data = [2.0]"), save),
        ("cell [1]: model: the cell was edited",),
        ships='model = load("model")',
    ),
    "the data edited and run, the model not fitted again": Session(
        (FITTED, run(data="data = [2.0]"), save),
        ("cell [5]: model: made before the cell bound data anew",),
        ships='model = load("model")',
    ),
    "a step added to a cell that ran": Session(
        (FITTED, edit(data=DATA + "\ndata = data[:2]"), save),
        ("cell [1]: model: the cell was edited",),
        ships='model = load("model")',
    ),
    "a step typed above and never run": Session(
        (FITTED, above("fit", cut="data = data[:2]"), save),
        ("model: a cell that was never run",),
        ships='model = load("model")',
    ),
    "a cell that counts up, run twice": Session(
        (run(k="K = 1", up="K += 1"), again("up"), run(f=F, call=CALL), save),
        ("K: the cells ran in another order",),
        ships="K = 3",
    ),
    "an earlier cell run again after a later one": Session(
        (run(k="K = 1", f=F, more="K = 7", call=CALL), again("k"), save),
        ("K: the cells ran in another order",),
        ships="K = 1",
    ),
    "a cell that raised half-way": Session(
        (run(k="K = 1", f=F, call=CALL), run(more="1 / 0\nK = 5"), save),
        ("cell [4]: K: the cell did not run to its end",),
        only=("lab", "old", "code"),
        ships="K = 1",
    ),
    "a raise that leaves the older function": Session(
        (SIMPLE, run(f="1 / 0\n" + F.replace("+", "-")), save),
        ("cell [4]: predict: the cell did not run",),
        only=("lab",),
        ships="K = 1",
    ),
    "edited twice, run once": Session(
        (SIMPLE, run(k="K = 2"), edit(k="K = 3"), save),
        ("cell [4]: K: the cell was edited",),
        only=("lab", "late", "code"),
        ships="K = 2",
    ),
    "an import changed, not run": Session(
        (
            run(i="from math import pi as K", f=F, call=CALL),
            edit(i="from math import tau as K"),
            save,
        ),
        ("cell [1]: K: the cell was edited",),
    ),
    "trained by a function, which was edited": Session(
        (
            run(
                data=DATA,
                cls=FIT.rsplit("\n", 1)[0],
                train="def train(m, rows):\n    m.fit(rows)",
                make="model = Mean()\ntrain(model, data)",
                use=USE,
                call=CALL,
            ),
            edit(train="def train(m, rows):\n    m.fit(rows[:1])"),
            save,
        ),
        ("cell [3]: model: the cell was edited",),
        ships='model = load("model")',
    ),
    "a method edited": Session(
        (FITTED, edit(fit=FIT.replace("sum(rows)", "max(rows)")), save),
        ("cell [2]: Mean and model: the cell was edited",),
        ships='model = load("model")',
    ),
    "two cells edited": Session(
        (SIMPLE, edit(k="K = 3", f=F.replace("+", "*")), save),
        ("cell [1]: K: the cell was edited", "cell [2]: predict: the cell was edited"),
        ships="K = 1",
    ),
}
# Whether nb2service is loaded at the top, what ids requests have, and what ids the file has.
ENDS = {
    "lab": (True, "{}", "{}"),
    "late": (False, "{}", "{}"),
    "old": (True, "", ""),
    "code": (True, "vscode-notebook-cell:/book.ipynb#{}", "file-{}"),
}
PLAYED = [
    pytest.param(session, end, id=f"{name}, {end}")
    for name, session in {**CLEAN, **STALE}.items()
    for end in session.only
]
_WORDS = ("edited", "no longer", "anew", "never run", "another order", "run to its end")


@pytest.fixture
def front_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], FrontEnd]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    clock = itertools.count(2_000_000_000, 10)
    monkeypatch.setattr(requests, "time", types.SimpleNamespace(time=lambda: next(clock)))
    monkeypatch.setattr(live, "_process_started", lambda: 1_999_999_999.0)
    return lambda end: FrontEnd(tmp_path, clock, *ENDS[end])


def test_half_of_the_sessions_are_clean() -> None:
    assert min(len(CLEAN), len(STALE)) >= 20
    assert all(session.told for session in STALE.values())
    assert not any(session.told for session in CLEAN.values())


def stale_warnings(taken: Capture) -> list[str]:
    return [str(w) for w in taken.warnings if any(word in str(w) for word in _WORDS)]


@pytest.mark.parametrize(("session", "end"), PLAYED)
def test_a_warning_names_the_cell_exactly_where_the_text_says_otherwise(
    session: Session, end: str, front_end: Callable[[str], FrontEnd]
) -> None:
    front = front_end(end)
    for act in session.acts:
        act(front)
    taken = front.captured()
    said = stale_warnings(taken)
    assert len(said) == len(session.told), said
    assert [t for t, s in zip(session.told, said, strict=True) if not s.startswith(t)] == [], said
    assert session.ships in "\n".join(part.source for part in taken.parts)
