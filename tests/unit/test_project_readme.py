from dataclasses import replace
from pathlib import Path

import pytest

from nb2service.project.fields import describe_input, describe_output, describe_tolerance
from nb2service.project.readme import render_readme
from nb2service.runtime.codec.reading import ARROW, NPY, PARQUET, media_types
from nb2service.runtime.codec.writing import answer_types
from nb2service.runtime.contract import Contract, Entry, Field, Input, Output

NUMBER = Field("x", "number", "float64", minimum=-1.5, maximum=2e6, example=0.5)
LABELS = Field("kind", "string", "category", categories=("a", "b|c", "`d`"), ordered=True)
NESTED = Field(
    "where",
    "object",
    fields=(Field("lat", "number"), Field("tags", "list", items=Field("", "string"))),
    nullable=True,
    required=False,
    default=None,
)
MANY = Field("n", "integer", "Int64", categories=tuple(range(50)))


@pytest.mark.parametrize(
    ("field", "row"),
    [
        (NUMBER, ("`x`", "number (`float64`)", "no", "-1.5 to 2000000 in the notebook", "`0.5`")),
        (LABELS, ("`kind`", "string", "no", 'in this order: `"a"`, `"b\\|c"`, ``"`d`"``', "")),
        (
            NESTED,
            (
                "`where`",
                "object with `lat`: number, `tags`: list of string",
                "yes, as `null`; may be left out (`null` then)",
                "",
                "",
            ),
        ),
        (
            MANY,
            (
                "`n`",
                "integer (`Int64`)",
                "no",
                ", ".join(f"`{n}`" for n in range(12)) + ", … (50 in all)",
                "",
            ),
        ),
        (
            Field("", "string", "object", example="long " * 50),
            ("the value", "string", "no", "", '`"' + ("long " * 50)[:58] + "…`"),
        ),
    ],
    ids=lambda item: item.name if isinstance(item, Field) else "",
)
def test_a_field_is_one_row_of_the_table(field, row):
    _, rows = describe_input(Input("frame", (field,)))
    assert rows == (row,)


@pytest.mark.parametrize(
    ("taken", "sentence"),
    [
        (Input("frame", (NUMBER,)), "Each row is an object with one member for each column."),
        (Input("arguments", (NUMBER,)), "Each row is an object with one member for each argument."),
        (Input("series", (NUMBER,)), "Each row is a single value."),
        (
            Input("array", (NUMBER,), (2,), ("width", "height")),
            "Each row is an array of 2 values, each number (`float64`). "
            'In order: `"width"`, `"height"`.',
        ),
        (
            Input("array", (NUMBER,), (28, 28)),
            "Each row is nested arrays of 28 × 28 values, each number (`float64`).",
        ),
    ],
)
def test_a_row_is_described(taken, sentence):
    assert describe_input(taken)[0] == sentence


@pytest.mark.parametrize(
    ("given", "aligned", "sentence"),
    [
        (Output("list", (Field("", "string"),)), True, "Each prediction is a string."),
        (Output("value", (Field("", "integer"),)), False, "The prediction is an integer."),
        (Output("value", ()), True, "Each prediction is any JSON value."),
        (
            Output("frame", (NUMBER, LABELS)),
            True,
            "Each prediction is an object with `x`: number (`float64`), `kind`: string.",
        ),
        (
            Output("array", (NUMBER,), (2,), ("no", True)),
            True,
            "Each prediction is an array of 2 values, each number (`float64`). "
            'Its positions, in order: `"no"`, `true`.',
        ),
        (Output("array", (NUMBER,)), True, "Each prediction is a number (`float64`)."),
    ],
)
def test_a_prediction_is_described(given, aligned, sentence):
    entry = Entry("p", "p", Input("list", (NUMBER,)), given, aligned=aligned)
    assert describe_output(entry) == sentence


def readme(made, entry, case):
    contract = Contract("shout", "", "", (entry,))
    return render_readme(replace(made, contract=contract, cases={entry.name: case}))


@pytest.fixture
def made(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "generated")
    import captures

    return captures.shout()


def test_rows_that_depend_on_each_other_are_shown_together(made):
    taken, given = Input("list", (NUMBER,)), Output("list", (NUMBER,))
    entry = Entry("ranks", "ranks", taken, given, row_wise=False, repeats=False)
    text = readme(made, entry, {"instances": [0.5, 2.0], "batch": [1, 2]})
    assert '{"instances": [0.5, 2.0]}' in text
    assert '{"predictions": [1, 2]}' in text
    assert "depends on the other rows" in text
    assert "does not always get the same answer" in text


def test_one_answer_for_all_rows_is_shown_whole(made):
    taken, given = Input("list", (NUMBER,)), Output("value", (NUMBER,))
    entry = Entry("mean", "mean", taken, given, aligned=False, row_wise=False)
    text = readme(made, entry, {"instances": [0.5, 2.0], "batch": [1.25]})
    assert '{"predictions": [1.25]}' in text
    assert "one answer together" in text


def test_the_answer_of_a_row_alone_is_shown_where_it_differs(made):
    entry = Entry(
        "p", "p", Input("list", (NUMBER,)), Output("list", (NUMBER,)), rtol=1e-9,
        tolerance_reason="threads add in another order",
    )  # fmt: skip
    case = {"instances": [1.0, 2.0], "batch": [0.1, 0.2], "rows": [0.11, 0.2]}
    text = readme(made, entry, case)
    assert '{"predictions": [0.11]}' in text
    assert "- `p`: threads add in another order. The tests compare to within 1e-09." in text


def test_a_table_of_fields_is_not_shown_twice(made):
    predict = Entry("predict", "predict", Input("frame", (NUMBER,)), Output("list", (NUMBER,)))
    entries = (predict, replace(predict, name="score"), replace(predict, name="rank"))
    case = {"instances": [{"x": 0.5}], "batch": [0.5]}
    contract = Contract("shout", "", "", entries)
    cases = {entry.name: case for entry in entries}
    text = render_readme(replace(made, contract=contract, cases=cases))
    assert text.count("| field |") == 1
    assert text.count("Takes the same rows as `POST /predict`.") == 2
    assert text.index("| field |") < text.index("Takes the same rows")


@pytest.mark.parametrize(
    ("rtol", "atol", "words"),
    [
        (0.0, 0.0, "exactly"),
        (1e-14, 0.0, "to within 1e-14"),
        (1e-14, 1e-16, "to within 1e-14, near zero 1e-16"),
        (0.0, 1e-16, "to within 1e-16 absolute"),
    ],
)
def test_a_tolerance_in_words(rtol, atol, words):
    assert describe_tolerance(rtol, atol) == words


def test_an_entry_that_takes_anything_has_no_refusal_to_show(made):
    entry = Entry("p", "p", Input("list", (Field("", "any"),)), Output("value", ()))
    text = readme(made, entry, {"instances": [1], "batch": [1]})
    assert "no_such_field" not in text
    assert "| 422 |" in text


def test_every_form_that_the_service_speaks_is_listed(made):
    text = render_readme(made)
    spoken = {*media_types(Input("array", (NUMBER,))), *answer_types(), ARROW, PARQUET, NPY}
    assert not [name for name in spoken if f"`{name}`" not in text]


def test_an_entry_that_takes_a_file_shows_how_to_send_it(made):
    fields = (
        Field("image", "bytes", python="image"),
        Field("table", "bytes", python="path", label=".csv"),
        Field("note", "string", example="it's"),
        Field("size", "integer", required=False, default=1),
    )
    entry = Entry("p", "p", Input("arguments", fields), Output("value", (Field("", "bytes"),)))
    row = {"image": "aGk=", "table": "aGk=", "note": "it's"}
    text = readme(made, entry, {"instances": [row], "batch": ["aGk="]})
    command = "curl -s http://127.0.0.1:8080/p -F image=@image.png -F table=@table.csv"
    assert command in text
    assert "| `image` | image |" in text
    assert "| `table` | file |" in text
    assert "size=" not in text
