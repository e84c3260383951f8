"""What looks like personal data among example values, and what only looks alike."""

from __future__ import annotations

from typing import Any

import pytest

from nb2service.capture.guard.people import columns_of, find_personal

STRONG = [
    ("email", ["ana@gmx.de", "b.c@corp.co.uk"], "e-mail addresses"),
    ("x", ["ana@gmx.de", "bo@gmx.de"], "e-mail addresses"),
    ("ssn", ["536-22-8145", "219-09-9999"], "social security numbers"),
    ("iban", ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"], "(IBAN)"),
    ("card", ["4539 1488 0343 6467"], "payment card numbers"),
    ("card_number", [4539148803436467], "payment card numbers"),
    ("number", [4539148803436467, 5425233430109903, 4012888888881881], "payment card numbers"),
    ("token", ["ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3hJ6"], "credentials"),
    ("password", ["hunter2", "rosebud1"], "credentials"),
]
WEAK = [
    ("Name", ["Braund, Mr. Owen Harris", "Cumings, Mrs. John (Florence Briggs)"], "people's names"),
    ("customer_name", ["Ana Lima", "Bo O'Dwyer"], "people's names"),
    ("Surname", ["Hargrave", "Hill"], "people's names"),
    ("firstName", ["Ana", "Bo"], "people's names"),
    ("customer.last_name", ["Lima"], "people's names"),
    ("phone", ["+49 170 1234567"], "phone numbers"),
    ("contact", ["(555) 123-4567", "555-123-9876"], "phone numbers"),
    ("street_address", ["12 High Street"], "postal addresses"),
    ("dob", ["1990-01-31"], "birth dates"),
    ("date_of_birth", ["1990-01-31"], "birth dates"),
    ("email", ["ana@example.com"], "e-mail addresses"),
    ("text", ["From: ana@gmx.de\nHello", "no address"], "texts with e-mail addresses"),
]
NEITHER: list[tuple[str, list[Any]]] = [
    ("age", [34, 35]),
    ("name", ["ford pinto", "chevrolet chevelle malibu"]),
    ("name", ["Pikachu", "Bulbasaur"]),
    ("product_name", ["Widget", "Deluxe Widget"]),
    ("feature_name", ["Sepal Length", "Petal Width"]),
    ("city", ["New York", "Los Angeles"]),
    ("ip_address", ["192.168.1.1"]),
    ("address", ["0x1f"]),
    ("birth_weight", ["3.2", "2.9"]),
    ("date", ["2024-01-31", "2024-02-29"]),
    ("zip", ["01234", "98765"]),
    ("order_id", [4539148803436467]),
    ("timestamp_ns", [1700000000123456789, 1700000000123456788, 1700000000123456787]),
    ("serial", ["123-45-678", "000-12-3456"]),
    ("iban", ["DE00 0000 0000 0000 0000 01"]),
    ("text", ["what a great movie", "call me @home"]),
    ("handle", ["@ana", "@bo"]),
    ("comment", [None, None]),
    ("price", [12.5, None]),
    ("phone_model", ["Pixel 8", "Galaxy S23"]),
    ("cell", ["T-cell", "B-cell"]),
    ("password_length", [8, 12]),
]


def ids(case: Any) -> str:
    return str(case)[:50]


@pytest.mark.parametrize(("column", "values", "what"), STRONG, ids=ids)
def test_what_there_is_no_doubt_about(column: str, values: list[Any], what: str) -> None:
    [found] = find_personal({column: values})
    assert (found.column, found.strong) == (column, True)
    assert what in found.what


@pytest.mark.parametrize(("column", "values", "what"), WEAK, ids=ids)
def test_what_is_said_but_not_refused(column: str, values: list[Any], what: str) -> None:
    [found] = find_personal({column: values})
    assert (found.column, found.what, found.strong) == (column, what, False)


@pytest.mark.parametrize(("column", "values"), NEITHER, ids=ids)
def test_what_is_no_personal_data(column: str, values: list[Any]) -> None:
    assert find_personal({column: [value for value in values if value is not None]}) == []


@pytest.mark.parametrize(
    ("rows", "names", "columns"),
    [
        ([{"a": 1, "b": "x"}, {"a": None, "b": "y"}], [], {"a": [1], "b": ["x", "y"]}),
        ([{"who": {"email": "e", "tags": ["t"]}}], [], {"who.email": ["e"], "who.tags": ["t"]}),
        ([[1, "x"], [2, "y"]], ["n", "t"], {"n": [1, 2], "t": ["x", "y"]}),
        (["one", "two"], [], {"rows": ["one", "two"]}),
    ],
    ids=["frame", "nested", "array", "texts"],
)
def test_columns_of_rows_on_the_wire(
    rows: list[Any], names: list[str], columns: dict[str, list[Any]]
) -> None:
    assert columns_of(rows, names, "rows") == columns
