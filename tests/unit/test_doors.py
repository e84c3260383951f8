"""How the words of a magic's line and of a command become options."""

from __future__ import annotations

import pytest

from nb2service.build import _as_options
from nb2service.errors import UsageError
from nb2service.magic import parse_line
from nb2service.options import Options, only_options, split_line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("model", ["model"]),
        ("predict  score", ["predict", "score"]),
        ('models["rf"]', ['models["rf"]']),
        ('models["my model"] other', ['models["my model"]', "other"]),
        ("grid.best_estimator_ f(1, 2)", ["grid.best_estimator_", "f(1, 2)"]),
        ('--example "X_test.head(50)"', ["--example", "X_test.head(50)"]),
        ("--example 'df[df[\"a\"] > 1]'", ["--example", 'df[df["a"] > 1]']),
        ("--example df[df.a == ')']", ["--example", "df[df.a == ')']"]),
        ('"a" + "b"', ["a", "+", "b"]),
        ('""', [""]),
    ],
)
def test_a_line_is_split_by_expression(line: str, words: list[str]) -> None:
    assert split_line(line) == words


@pytest.mark.parametrize("line", ['models["rf', "f(1", "--example '"])
def test_what_is_not_closed_is_said(line: str) -> None:
    with pytest.raises(UsageError, match="is not closed"):
        split_line(line)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("", Options()),
        ("model", Options(entries=("model",))),
        (
            "predict score --name n -o out --port 8000 --keep --plan",
            Options(("predict", "score"), name="n", output="out", port=8000, keep=True, plan=True),
        ),
        ("--no-launch", Options(launch=False)),
        ("f --bind dv=dv --bind model=clf", Options(("f",), {"dv": "dv", "model": "clf"})),
        ("m --example X[:5]", Options(("m",), example="X[:5]")),
        ("m --notebook a.ipynb", Options(("m",), notebook="a.ipynb")),
    ],
)
def test_a_line_becomes_options(line: str, options: Options) -> None:
    assert only_options(parse_line(line)) == options
    assert Options.from_json(options.to_json()) == options


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--prot 1", ["--prot", "--port"]),
        ("--port 99999", ["--port", "65535"]),
        ("--port x", ["--port", "x"]),
        ("f --bind 1=2", ["1=2", "--bind model=clf"]),
        ("--name", ["--name"]),
    ],
)
def test_wrong_words_are_named(line: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        parse_line(line)
    for word in [*words, "%deploy --help"]:
        assert word in str(error.value)


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(('models["my model"]', "predict"), {"dv": "dv"}, name="churn"),
        Options(("f",), example='df[df["a"] > 1].head(3)', mask=("First name",), allow=("K", "L")),
        Options(("f",), example="X + 1", skops=True, output="a folder/x"),
    ],
    ids=["nothing", "entries", "names with spaces", "expressions with spaces"],
)
def test_options_become_a_line_that_says_the_same(options: Options) -> None:
    line = options.to_line().removeprefix("%deploy")
    assert only_options(parse_line(line)) == options


@pytest.mark.parametrize(
    ("hint", "shell"),
    [
        ("one of\n    %deploy model  # fitted", "one of\n    --entry model  # fitted"),
        ("x:\n    %deploy m['a b']", "x:\n    --entry 'm['\"'\"'a b'\"'\"']'"),
        ("x:\n    %deploy f g --allow K", "x:\n    --entry f --entry g --allow K"),
        ('x:\n    %deploy --mask "First name"', "x:\n    --mask 'First name'"),
    ],
)
def test_lines_to_paste_are_words_of_a_shell_in_a_shell(hint: str, shell: str) -> None:
    assert _as_options(hint) == shell
