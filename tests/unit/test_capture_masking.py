"""Made-up example values: of the same shape, the same every time, and never the notebook's own."""

from __future__ import annotations

import enum
import random
import re
import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from capture_book import CHURN, CUSTOMERS, Book

from nb2service.capture.learning.learn import learn
from nb2service.capture.learning.made_up import Maker
from nb2service.capture.learning.masking import mask
from nb2service.errors import ContractError


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        (["Braund, Mr. Owen", "Heikkinen, Miss. Laina"], r"[A-Z][a-z]+, [A-Z][a-z]+\. [A-Z][a-z]+"),
        (["001-A7", "002-B9"], r"\d\d\d-[A-Z]\d"),
        (["ana@gmx.de"], r"[a-z]{3}@example\.com"),
        (["Łukasz", "Ørjan"], r"[A-Z][a-z]+"),
        (["山田太郎"], r"\w{4}"),
        (["+49 170 1234567"], r"\+\d\d \d{3} \d{7}"),
    ],
    ids=["name", "code", "e-mail", "accents", "no cases", "phone"],
)
def test_texts_keep_their_shape(values: list[str], shape: str) -> None:
    made = [Maker("c", values)(value) for value in values]
    assert not set(made) & set(values)
    assert all(re.fullmatch(shape, text) for text in made), made


NUMBERS: list[list[Any]] = [
    [3, 90, 40],
    [7],
    [-5],
    [0.25, 0.75],
    [12.0, 18.0, 30.0],
    [Decimal("1.50"), Decimal("9.99")],
    [date(2000, 1, 1), date(2001, 1, 1)],
    [datetime(2000, 1, 1, tzinfo=timezone.utc)],
    [timedelta(hours=1), timedelta(hours=9)],
]


@pytest.mark.parametrize("values", NUMBERS, ids=str)
def test_what_has_an_order_stays_in_its_range_and_type(values: list[Any]) -> None:
    made = [Maker("c", values)(value) for value in values]
    assert all(type(new) is type(old) and new != old for new, old in zip(made, values, strict=True))
    if len(values) > 1:
        assert all(min(values) <= value <= max(values) for value in made)


def test_numbers_keep_as_many_digits_as_they_had() -> None:
    prices = [12.5, 80.25, 99.99]
    assert all(round(Maker("price", prices)(price), 2) == Maker("price", prices)(price)
               for price in prices)  # fmt: skip
    assert Maker("n", [1.0, 50.0])(1.0).is_integer()


def test_equal_values_stay_equal_and_missing_ones_missing() -> None:
    maker = Maker("c", ["Ana", "Bo", None])
    assert maker("Ana") == maker("Ana") != maker("Bo")
    assert maker(None) is None
    assert np.isnan(maker(float("nan")))


def test_the_same_column_gives_the_same_values() -> None:
    state = random.getstate()
    first, second = ([Maker("c", ["Ana", "Bo"])(name) for name in ("Ana", "Bo")] for _ in "12")
    assert first == second
    assert random.getstate() == state


def test_known_values_stay_known_ones() -> None:
    assert Maker("plan", ["basic"], ["basic", "plus"])("basic") == "plus"
    assert Maker("colour", [Colour.RED])(Colour.RED) is Colour.BLUE
    assert isinstance(Maker("flag", [True, False])(True), bool)
    assert type(Maker("n", [np.int64(3), np.int64(90)])(np.int64(3))) is np.int64
    assert isinstance(Maker("id", [])(uuid.UUID(int=3)), uuid.UUID)
    assert list(Maker("plan", ["basic"], ["basic", "plus"]).originals()) == []


def test_what_cannot_be_made_up_is_said() -> None:
    with pytest.raises(ContractError, match="c: no value of type object can be made up"):
        Maker("c", [])(object())


FRAME = """
X = pd.DataFrame({
    "name": ["Ana Lima", "Bo Berg", "Cy Holm"], "age": [31, 44, 58], "fee": [1.5, np.nan, 7.25],
    "plan": pd.Categorical(["basic", "plus", "basic"], ["basic", "plus", "pro"]),
    "since": pd.to_datetime(["2020-01-01", "2021-05-05", "2022-09-09"], utc=True),
    "visits": pd.array([1, None, 9], dtype="Int64"), "vip": [True, False, True],
    "small": np.array([0.5, 1.5, 2.5], dtype="float32"), "rest": [1, 2, 3],
})
def predict(rows: pd.DataFrame):
    return rows["age"] * 2
predict(X)
"""


def masked(book: Book, *columns: str) -> Any:
    return mask(book.example(), columns, book.request(), book.namespace)


def test_columns_of_a_frame_keep_dtype_order_and_gaps() -> None:
    book = Book(FRAME)
    names = [name for name in book.namespace["X"].columns if name != "rest"]
    before, found = book.example().value, masked(book, *names)
    after = found.example.value
    assert list(after.dtypes) == list(before.dtypes)
    assert list(after.columns) == list(before.columns)
    assert (after.isna() == before.isna()).all().all()
    assert after["rest"].equals(before["rest"])
    for name in ("name", "age", "since"):
        assert not set(after[name]) & set(before[name])
    assert before.equals(book.example().value), "the notebook's own frame was changed"
    assert found.used == set(names)
    assert {"Ana Lima", "Bo Berg", "Cy Holm"} <= found.originals
    assert "made-up values of name" in found.example.origin


def test_columns_of_an_array_go_by_the_models_names_or_by_position() -> None:
    model = "from sklearn.linear_model import LinearRegression\n"
    rows = "X = pd.DataFrame({'a': [1.5, 2.5, 3.5], 'b': [4.0, 5.0, 7.0]})\n"
    fit = "model = LinearRegression().fit(X.to_numpy(), [1, 2, 3])\nmodel.predict(X.to_numpy())"
    book = Book(model + rows + fit)
    request = book.request("model")
    before = book.example("model")
    found = mask(before, ["1"], request, book.namespace)
    assert found.columns == ("0", "1")
    assert (found.example.value[:, 0] == before.value[:, 0]).all()
    assert not set(found.example.value[:, 1]) & set(before.value[:, 1])


def test_what_an_encoder_knows_stays_valid_and_the_model_answers() -> None:
    book = Book(CUSTOMERS + CHURN + "model.predict(X)")
    request = book.request("model.predict")
    found = mask(book.example("model.predict"), ["plan", "age"], request, book.namespace)
    assert set(found.example.value["plan"]) <= {"basic", "plus"}
    assert list(found.example.value["age"]) != list(book.example("model.predict").value["age"])
    learned = learn(request, found.example, book.namespace)
    answers = book.namespace["model"].predict(found.example.value).tolist()
    assert learned.case["batch"][: len(answers)] == answers


NESTED = """
from dataclasses import dataclass
@dataclass
class Customer:
    name: str
    age: int
def predict(customer: Customer, tags: list, extra: dict):
    return len(customer.name) + len(tags)
predict(Customer("Ana Lima", 34), ["vip", "news"], {"email": "ana@gmx.de", "n": 3})
"""


@pytest.mark.parametrize(
    ("column", "changed"),
    [
        ("customer", {"customer.name", "customer.age"}),
        ("customer.name", {"customer.name"}),
        ("name", {"customer.name"}),
        ("tags", {"tags"}),
        ("email", {"extra.email"}),
        ("nothing", set()),
    ],
)
def test_parameters_and_what_they_hold(column: str, changed: set[str]) -> None:
    book = Book(NESTED)
    found = masked(book, column)
    [before], [after] = book.example().value, found.example.value

    def flat(case: Any) -> dict[str, Any]:
        customer = case["customer"]
        return {
            "customer.name": customer.name, "customer.age": customer.age, "tags": case["tags"],
            "extra.email": case["extra"]["email"], "extra.n": case["extra"]["n"],
        }  # fmt: skip

    differ = {key for key in flat(before) if flat(before)[key] != flat(after)[key]}
    assert differ == changed
    assert found.used == ({column} if changed else set())
    assert type(after["customer"]) is type(before["customer"])
    if changed:
        assert "Ana" not in found.example.origin


def test_texts_without_a_column_are_called_rows() -> None:
    book = Book(
        """
        def predict(texts: list):
            return [len(text) for text in texts]
        predict(["Ana was here", "Bo too"])
        """.replace("\n        ", "\n")
    )
    found = masked(book, "texts")
    assert found.used == {"texts"}
    assert not set(map(str, found.example.value)) & {"Ana was here", "Bo too"}
