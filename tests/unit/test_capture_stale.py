from __future__ import annotations

import pytest

from nb2service.capture.closure.stale import stale_warnings
from nb2service.capture.closure.walk import Closure
from nb2service.capture.model import Artifact, Part
from nb2service.notebook.cells import Notebook

CLOSURE = Closure(
    parts=(
        Part("constant", ("K",), "K = 1", 2),
        Part("function", ("f",), "def f(x):\n    return x + K", 3),
        Part("artifact", ("model",), 'model = load("model")', 4),
    ),
    artifacts=(Artifact("model", "model.pkl", "pickle", b"", "sklearn.X", 4, ()),),
    modules={},
    ship_list=(),
    warnings=(),
)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ((), []),
        (((9, "K = 2"),), []),
        (((2, "# only a comment more\nK = 1"),), []),
        (((2, "K = 100"),), ["cell [2]: K: the cell was edited after it ran"]),
        (((3, ""),), ["cell [3]: f: the cell is no longer in the notebook"]),
        (((4, "model = other"),), ["cell [4]: model: the cell was edited after it ran"]),
    ],
)
def test_what_ships_although_the_file_says_otherwise(
    changed: tuple[tuple[int, str], ...], told: list[str]
) -> None:
    warnings = stale_warnings(Notebook(cells=(), changed=changed), CLOSURE)
    assert [str(warning).partition(";")[0] for warning in warnings] == told
