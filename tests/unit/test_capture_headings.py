"""A frame of which only the columns are read travels without its rows."""

from __future__ import annotations

import pytest
from test_capture_closure import capture

from nb2service.capture.model import Artifact

FRAME = "import pandas as pd\nX = pd.DataFrame({'age': [31, 44], 'city': ['Ulm', 'Bonn']})\n---\n"


def holds_rows(artifact: Artifact) -> bool:
    return any(b"Bonn" in data for data in (artifact.data, *(p.data for p in artifact.parts)))


@pytest.mark.parametrize(
    "code",
    [
        "def predict(x): return len(X.columns)",
        "def predict(x): return [X.columns.get_loc(c) for c in X.columns]",
        "def helper(x): return list(X.columns)\ndef predict(x): return helper(x)",
    ],
)
def test_without_rows(code: str) -> None:
    [artifact] = capture(FRAME + code).artifacts
    assert artifact.type.endswith("DataFrame, its columns only")
    assert not holds_rows(artifact)


def test_a_default_made_of_a_frame_needs_no_frame() -> None:
    assert not capture(FRAME + "def predict(x, n=len(X.columns)): return n").artifacts


@pytest.mark.parametrize(
    "code",
    [
        "def predict(x): return len(X)",
        "def predict(x): return X.columns[0], X.shape",
        "def predict(x): return X['age'].mean(), X.columns",
        "def helper(d): return d.columns\ndef predict(x): return helper(X)",
        "def predict(x): return X.query('age > 3'), X.columns",
        "df = pd.DataFrame({'a': [1]})\ndef predict(x): return df.query('a in @X.age'), X.columns",
        "def predict(x): return eval('X').shape, X.columns",
        "def predict(x):\n    X.columns = ['a', 'b']",
        "Y = X\ndef predict(x): return Y.shape, X.columns",
    ],
)
def test_with_rows(code: str) -> None:
    artifact = next(a for a in capture(FRAME + code).artifacts if a.name in ("X", "Y"))
    assert "only" not in artifact.type
    assert holds_rows(artifact)


def test_what_tests_or_parameters_need_keeps_its_rows() -> None:
    code = FRAME + "def predict(x): return X.columns"
    [artifact] = capture(code, extra={"X": "service-test"}).artifacts
    assert "only" not in artifact.type
    bound = "def predict(x, frame): return frame.columns, X.columns"
    [artifact] = capture(FRAME + bound, bind={"frame": "X"}).artifacts
    assert "only" not in artifact.type
