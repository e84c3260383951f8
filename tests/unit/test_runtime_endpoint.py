"""An entry by its short way and by the model's own, and what goes wrong in either."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from nb2service.runtime.answers import NotebookCodeError, Overdue, Overload, refusal
from nb2service.runtime.contract import Entry, Field, Input, Output
from nb2service.runtime.endpoint import Endpoint
from nb2service.runtime.lean import Declined
from nb2service.runtime.problems import Problem

ENTRY = Entry(
    "predict",
    "model.predict",
    Input("array", (Field("", "number", "float64", example=1.0),), (2,)),
    Output("array", (Field("", "number", "float64"),)),
)


def endpoint(predict, plan=None, **options):
    module = types.ModuleType("notebook")
    module.model = types.SimpleNamespace(predict=predict)
    return Endpoint(ENTRY, module, plan=plan, **options)


def ordinary(x):
    return x.sum(axis=1)


def answer(made, rows):
    return json.loads(made.answer(json.dumps(rows).encode()).body)["predictions"]


def test_the_plan_answers_where_it_can():
    seen = []

    def plan(columns, count):
        seen.append(count)
        if (columns[0] < 0).any():
            raise Declined
        if (columns[0] > 100).any():
            raise ZeroDivisionError  # a bug of the plan is nobody's loss
        return columns[0].sum(axis=1) + 1000.0

    made = endpoint(ordinary, plan)
    assert answer(made, [[1, 2]]) == [1003.0]
    assert answer(made, [[1, 2], [-1, 2]]) == [3.0, 1.0]
    assert answer(made, [[1, 200]]) == [201.0]
    assert seen == [1, 2, 1]


def test_requests_that_the_plan_declines_do_not_keep_it_from_others():
    def plan(columns, count):
        if (columns[0] < 0).any():
            raise Declined
        return columns[0].sum(axis=1) + 1000.0

    def never_negative(x):
        if (x < 0).any():
            raise ValueError("negative")
        return ordinary(x)

    made = endpoint(never_negative, plan)
    rows = [[[1, 2]], [[-1, 2]], [[3, 4], [5, 6]]]
    calls = [made.read(json.dumps(row).encode(), "", "", 30.0) for row in rows]
    made.predict(calls)
    assert calls[0].outcome == ([1003.0], "float64")
    assert isinstance(calls[1].outcome, NotebookCodeError)
    assert calls[2].outcome == ([1007.0, 1011.0], "float64")
    assert all(set(call.milliseconds) == {"decode", "wait", "model"} for call in calls)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("secret"), "secret"),
        (SystemExit(3), "3"),
        (MemoryError("too much"), "too much"),
    ],
)
def test_whatever_the_notebook_raises_is_its_own(error, message):
    def fail(x):
        raise error

    with pytest.raises(NotebookCodeError) as caught:
        endpoint(fail).answer(b"[[1, 2]]")
    assert str(caught.value.__cause__) == message


def test_an_interrupt_is_the_persons():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        endpoint(interrupted).answer(b"[[1, 2]]")


@pytest.mark.parametrize(
    ("error", "status", "refused"),
    [
        (Overload(), 503, "overload"),
        (Overdue(), 503, "deadline"),
        (Problem(415, "no"), 415, ""),
        (NotebookCodeError("predict"), 500, ""),
        (ZeroDivisionError(), 500, ""),
    ],
)
def test_refusals(error, status, refused):
    made = refusal(error, "some-id")
    assert (made.status, made.refused) == (status, refused)
    document = json.loads(made.body)
    assert document["status"] == status
    assert document.get("id") == ("some-id" if status == 500 else None)
    assert ("Retry-After" in made.headers) == (status == 503)


def test_a_dtype_of_any_name_fits_into_a_header():
    class Odd(np.ndarray):
        dtype = "naïve\r\nX-Evil: 1"

    made = endpoint(lambda x: np.zeros(len(x)).view(Odd))
    headers = made.answer(b"[[1, 2]]").headers
    assert headers == {"Prediction-Dtype": "na?ve??X-Evil: 1"}


def test_the_row_limit():
    with pytest.raises(Problem, match="2 rows; at most 1 in one request"):
        endpoint(ordinary, max_batch=1).answer(b"[[1, 2], [3, 4]]")
    assert answer(endpoint(ordinary, max_batch=sys.maxsize), [[1, 2], [3, 4]]) == [3.0, 7.0]


def test_what_the_model_itself_refuses_is_the_requests_fault():
    made = endpoint(LogisticRegression().fit([[0.0, 1.0], [2.0, 3.0]], [0, 1]).predict)
    with pytest.raises(Problem) as caught:
        made.answer(b"[[1.0, 2.0, 3.0]]")
    assert caught.value.status == 422
    made = endpoint(OneHotEncoder(sparse_output=False).fit([[0.0, 1.0]]).transform)
    with pytest.raises(
        Problem, match="the model refuses these rows: Found unknown categories"
    ) as caught:
        made.answer(b"[[0.0, 7.0]]")
    assert caught.value.status == 422


def test_what_the_notebooks_code_refuses_is_not():
    def predict(x):
        raise ValueError("a bug")

    with pytest.raises(NotebookCodeError):
        endpoint(predict).answer(b"[[1.0, 2.0]]")
