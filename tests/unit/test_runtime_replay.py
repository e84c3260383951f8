"""Comparing recorded predictions with answers, exactly and by tolerance."""

from __future__ import annotations

import importlib
import json

import pytest
from runtime_project import ENTRIES, ROW, build

from nb2service.runtime.contract import Entry, Field, Input, Output
from nb2service.runtime.replay import Difference, compare, replay, to_csv


@pytest.mark.parametrize(
    ("expected", "got", "paths"),
    [
        ([1, "a", None, True, [1.5], {"a": 1}], [1, "a", None, True, [1.5], {"a": 1}], []),
        ([1], [1.0], [(0, "")]),
        ([1], [True], [(0, "")]),
        ([0], [None], [(0, "")]),
        ([0.0], [-0.0], [(0, "")]),
        ([0.1], [0.1 + 2**-56], [(0, "")]),
        ([2**53], [2**53 + 1], [(0, "")]),
        (["1"], [1], [(0, "")]),
        ([1, 2], [2, 1], [(0, ""), (1, "")]),
        ([1, 2], [1], [(1, "length")]),
        ([[1, 2]], [[1, 3]], [(0, "[1]")]),
        ([[1, 2]], [[1]], [(0, "length")]),
        ([{"a": {"b": [1]}}], [{"a": {"b": [2]}}], [(0, "a.b[0]")]),
        ([{"a": 1}], [{"b": 1}], [(0, "members")]),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], []),
    ],
)
def test_compare_is_exact(expected, got, paths):
    assert [(item.row, item.path) for item in compare(expected, got)] == paths


def test_compare_with_a_tolerance_is_for_fractions_only():
    assert compare([1.0], [1.0 + 1e-9], rtol=1e-8) == []
    assert compare([0.0], [1e-9], atol=1e-8) == []
    assert len(compare([1.0], [1.1], rtol=1e-8)) == 1
    assert len(compare([1], [2], rtol=10.0)) == 1
    assert len(compare([1], [1.0], rtol=10.0)) == 1


def test_a_difference_reads_well():
    text = str(Difference(3, "a[0]", 1, 1.0, "csv", "row"))
    assert text == "row 3 a[0] (csv, row): expected 1, got 1.0"


@pytest.fixture
def post(tmp_path, monkeypatch):
    """Posts to a service, and what was posted."""
    name = f"replayed_{tmp_path.name.replace('-', '_')}"
    build(tmp_path, name)
    monkeypatch.syspath_prepend(tmp_path)
    client = importlib.import_module(f"{name}.app").create_app().test_client()
    sent: list[tuple[str, str]] = []

    def post(path, body, content_type, accept):
        sent.append((path, content_type))
        answer = client.post(path, data=body, content_type=content_type, headers={"Accept": accept})
        return answer.status_code, dict(answer.headers), answer.data

    post.sent = sent
    return post


ROWS = [ROW, {**ROW, "age": 2, "score": None, "name": 'quoted "ü", 001'}]


def test_a_case_is_replayed_on_every_wire_and_alone(post):
    case = {"entry": "predict", "instances": ROWS, "batch": [21.5, 1.0]}
    done = replay(post, ENTRIES[0], case)
    assert done.differences == ()
    assert done.counts == {
        ("json", "batch"): 2,
        ("json", "row"): 2,
        ("csv", "batch"): 2,
        ("csv", "row"): 2,
    }
    assert done.total == 8
    assert len(post.sent) == 6


@pytest.mark.parametrize(
    ("entry", "instances", "batch", "wires"),
    [
        (
            ENTRIES[1],
            [[1.0, 2.0], [2.0, 0.5]],
            [{"total": 3.0, "label": "small"}, {"total": 2.5, "label": "big"}],
            {"json", "csv"},
        ),
        (ENTRIES[2], [{"point": {"x": 3.0, "y": 4.0}}], [{"distance": 5.0}], {"json"}),
        (ENTRIES[3], [1.0, None, 2.0], [{"mean": 1.5}], {"json", "csv"}),
        (ENTRIES[4], ["a", "", "001\n"], ["A", "", "001\n"], {"json", "csv"}),
    ],
)
def test_each_kind_of_entry_is_replayed(post, entry, instances, batch, wires):
    done = replay(post, entry, {"instances": instances, "batch": batch})
    assert [str(item) for item in done.differences if item.path != "Prediction-Dtype"] == []
    assert {wire for wire, _ in done.counts} == wires


def test_differences_say_where_and_how(post):
    case = {"instances": ROWS, "batch": [21.5, 1.5], "rows": [21.5, 1.0]}
    done = replay(post, ENTRIES[0], case)
    assert [(d.row, d.got, d.wire, d.mode) for d in done.differences] == [
        (1, 1.0, "json", "batch"),
        (1, 1.0, "csv", "batch"),
    ]


def test_a_refused_case_and_a_changed_dtype_are_differences(post):
    refused = replay(post, ENTRIES[0], {"instances": [{"age": 1}], "batch": [1.0]})
    assert {item.path for item in refused.differences} == {"status"}
    assert refused.total == 0
    other = Output("series", (Field("", "number", "float32"),))
    entry = Entry("predict", "predict", ENTRIES[0].input, other)
    changed = replay(post, entry, {"instances": [ROW], "batch": [21.5]})
    assert [(d.expected, d.got) for d in changed.differences] == [("float32", "float64")] * 2


def test_rows_that_csv_would_change_are_not_sent_as_csv():
    text = Input("frame", (Field("t", "string", "str", nullable=True),))
    entry = Entry("e", "e", text, Output("list", (Field("", "any"),)))
    asked = []

    def post(path, body, content_type, accept):
        asked.append(content_type)
        return 200, {}, json.dumps({"predictions": [1]}).encode()

    replay(post, entry, {"instances": [{"t": ""}], "batch": [1]})
    assert asked == ["application/json"]
    replay(post, entry, {"instances": [{"t": None}], "batch": [1]})
    assert "text/csv" in asked


def test_csv_of_mixed_values_is_read_back_as_it_was():
    entry = Entry("e", "e", Input("frame", (Field("m", "any", "object"),)), Output("list", ()))
    assert to_csv(entry, [{"m": "1"}, {"m": 1}, {"m": "x"}]) == 'm\n"""1"""\n1\n"""x"""\n'
