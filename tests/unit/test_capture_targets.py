from __future__ import annotations

import pytest
from capture_book import CUSTOMERS, Book

FIT = """
from sklearn.linear_model import LogisticRegression
columns = ["age"]
model = LogisticRegression().fit(df[columns], {target})
"""
PREDICT = "def predict(rows):\n    return model.predict(rows[columns])"
CALL = "predict(df);"
ALL = ("age", "fee", "plan", "churn")


@pytest.mark.parametrize(
    ("target", "function", "columns"),
    [
        ('df["churn"]', PREDICT, ALL[:3]),
        ("df.churn", PREDICT, ALL[:3]),
        ("y", PREDICT, ALL[:3]),
        ('df["churn"].astype(int).values', PREDICT, ALL[:3]),
        ("target", PREDICT, ALL[:3]),
        # no column of the frame
        ('df["churn"].to_numpy() == 1', PREDICT, ALL),
        # what reads the target, or gives it back, is given it
        ("y", "def predict(rows):\n    return model.predict(rows[columns]) + rows['churn']", ALL),
        ("y", "def predict(rows):\n    return rows.assign(p=model.predict(rows[columns]))", ALL),
    ],
)
def test_callers_are_not_asked_for_what_the_model_predicts(target, function, columns):
    values = "target = df['churn'].to_numpy()"
    book = Book(CUSTOMERS, values, FIT.format(target=target), function, CALL)
    example = book.example("predict")
    assert tuple(example.value.columns) == columns
    assert ("without churn" in example.origin) == ("churn" not in columns)


def test_what_a_person_gives_stays_as_it_is():
    book = Book(CUSTOMERS, FIT.format(target="y"), PREDICT)
    assert tuple(book.example("predict", "df.head(9)").value.columns) == ALL
