"""Entries of every kind: the inputs that their forms have, and how their answers are shown."""

from __future__ import annotations

import base64
import csv
import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kinds import PACKAGE, build, png
from playwright.sync_api import Browser, Page, expect
from serving import serving
from watching import Watched, serious_findings, watched


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(build(tmp_path_factory.mktemp("kinds")), PACKAGE) as base:
        yield base


@pytest.fixture
def entry(open_page: Watched, service: str) -> Any:
    """Opens the form of an entry."""
    return lambda name, **options: open_page(f"{service}/#{name}", **options)


def run(page: Page, button: str = "Run") -> Any:
    """Ask, and the answer as the service gave it."""
    with page.expect_response(lambda response: response.request.method == "POST") as told:
        page.get_by_role("button", name=button, exact=True).click()
    assert told.value.status == 200, told.value.text()
    page.locator(".exact").wait_for()
    return told.value.json()["predictions"]


def test_a_text_model_takes_a_text(entry: Any) -> None:
    page = entry("mood")
    expect(page.get_by_text("Good or bad?")).to_be_visible()
    assert "Parameters" not in page.locator("#panel").inner_text()
    field = page.get_by_label("Text", exact=True)
    assert field.evaluate("field => field.tagName") == "TEXTAREA"
    expect(field).to_have_value("all good")
    text = 'It\'s "not" what\nI $wanted: `rm -rf`, naïve 😀 \\ end'
    field.fill(text)
    assert run(page) == [{"mood": "bad", "letters": len(text)}]
    expect(page.locator(".result dd").nth(0)).to_have_text("bad")
    shell = page.locator(".snippet pre").first.text_content() or ""
    words = shlex.split(shell.replace("\\\n  ", ""))
    assert json.loads(words[words.index("-d") + 1]) == {"instances": [text]}


def test_an_array_has_a_field_for_each_number(entry: Any) -> None:
    page = entry("species")
    for name, value in [("Petal length", "1"), ("Width", "2"), ("X", "3")]:
        page.get_by_label(name, exact=True).fill(value)
    assert run(page) == [pytest.approx([6 / 9, 3 / 9])]
    bars = page.get_by_role("list", name="Probabilities").get_by_role("listitem")
    assert [bar.inner_text().split() for bar in bars.all()] == [
        ["setosa", "66.7%"],
        ["virginica", "33.3%"],
    ]
    page.get_by_label("Width").fill("")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_label("Width")).to_have_accessible_description("needs a value")


def test_a_larger_array_is_pasted(entry: Any) -> None:
    page = entry("strokes")
    field = page.get_by_label("2 × 2 values")
    field.fill("[[1, 2], [3, 4.5]]")
    assert run(page) == [10.5]
    field.fill("[[1, 2], [3, 4.5]")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".result")).to_contain_text("is not JSON")
    field.fill("[[1, 2], [3]]")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(field).to_have_attribute("aria-invalid", "true")


def test_arguments_have_the_inputs_of_their_types(entry: Any) -> None:
    page = entry("quote")
    form = page.locator("form.ask")
    street = form.get_by_role("group", name="Address").get_by_label("Street")
    expect(street).to_have_value("Main")
    expect(form.get_by_label("Number")).to_have_accessible_description("if empty: 1")
    expect(form.get_by_label("Rebate")).to_have_accessible_description(
        "0 to 0.5 in the data · optional"
    )
    expect(form.get_by_label("When")).to_have_attribute("type", "datetime-local")
    expect(form.get_by_label("Day")).to_have_attribute("type", "date")
    expect(form.get_by_label("Moment")).to_have_attribute("type", "time")
    level = form.get_by_role("radiogroup", name="Level")
    expect(level.get_by_label("low")).to_be_checked()
    [example] = run(page)
    assert example == {
        "address": "Main 1",
        "when": "2024-01-02T02:04:05+00:00",
        "day": "2024-02-29",
        "moment": "09:30:00",
        "level": "low",
        "rebate": None,
        "express": False,
        "weights": None,
        "id": 0,
    }
    form.get_by_label("Number").fill("12")
    form.get_by_label("When").fill("2024-03-04T05:06:07")
    form.get_by_label("Time zone").select_option(label="UTC")
    form.get_by_label("Day").fill("2025-01-31")
    form.get_by_label("Moment").fill("23:59")
    level.get_by_label("high").check()
    form.get_by_label("Rebate").fill("0.25")
    form.get_by_role("radiogroup", name="Express").get_by_label("Yes").check()
    form.get_by_label("Weights").fill("[1, 2.5]")
    form.get_by_label("Id", exact=True).fill(
        "9007199254740993"
    )  # more than a JavaScript number can hold
    with page.expect_response("**/quote") as told:
        page.get_by_role("button", name="Run", exact=True).click()
    assert json.loads(told.value.text())["predictions"] == [
        {
            "address": "Main 12",
            "when": "2024-03-04T05:06:07+00:00",
            "day": "2025-01-31",
            "moment": "23:59:00",
            "level": "high",
            "rebate": 0.25,
            "express": True,
            "weights": [1.0, 2.5],
            "id": 9007199254740993,
        }
    ]
    expect(page.locator(".result dd").last).to_have_text("9007199254740993")
    assert not serious_findings(page)
    form.get_by_label("Street").fill("")
    form.get_by_label("Number").fill("1.5")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(form.get_by_label("Number")).to_have_attribute("aria-invalid", "true")


def test_a_picture_is_uploaded_and_the_answer_is_one(entry: Any, tmp_path: Path) -> None:
    page = entry("grey")
    assert page.get_by_text("Many rows at once").count() == 0
    assert run(page), "the example"
    path = tmp_path / "a cat.png"
    path.write_bytes(png())
    page.get_by_label("Image").set_input_files(path)
    expect(page.get_by_alt_text("Preview of a cat.png")).to_be_visible()
    page.get_by_label("Times").fill("2")
    [answer] = run(page)
    assert base64.b64decode(answer).startswith(b"\x89PNG")
    shown = page.locator(".result img")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [16, 8]
    shell = page.locator(".snippet pre").first.text_content() or ""
    words = shlex.split(shell.replace("\\\n  ", ""))
    assert words[2:] == ["-F", "image=@a cat.png", "--form-string", "times=2"]
    assert not serious_findings(page)
    path.write_bytes(b"no picture")
    page.get_by_label("Image").set_input_files(path)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_label("Image")).to_have_accessible_description("must be an image file: PNG, "
        "JPEG, GIF, BMP, WEBP, TIFF, PPM, ICO")  # fmt: skip


POINTS = [float(number * 37 % 2_500) for number in range(2_500)]


def uploaded(page: Page, folder: Path, header: str, values: list[Any]) -> None:
    path = folder / "rows.csv"
    path.write_text("\n".join([header, *map(str, values)]) + "\n")
    page.get_by_label("Choose a CSV file").set_input_files(path)


def test_rows_that_hang_on_each_other_are_asked_together(entry: Any, tmp_path: Path) -> None:
    page = entry("ranks")
    uploaded(page, tmp_path, "points", POINTS)
    with page.expect_download() as told:
        page.get_by_role("button", name="Download rows-predictions.csv").click()
    lines = list(csv.reader(io.StringIO(told.value.path().read_text())))[1:]
    assert all(float(rank) == float(points) + 1 for points, rank in lines)


def test_one_answer_about_all_rows_is_shown(entry: Any, tmp_path: Path) -> None:
    page = entry("total")
    uploaded(page, tmp_path, "points", POINTS)
    expect(page.get_by_text("The answer about rows.csv")).to_be_visible()
    expect(page.get_by_role("region", name="Table")).to_contain_text(str(sum(POINTS)))


def test_of_several_columns_the_person_says_which(entry: Any, tmp_path: Path) -> None:
    page = entry("mood")
    uploaded(page, tmp_path, "stars,review", ["5,good", '1,"bad, very"'])
    page.get_by_label("Which column of rows.csv shall be asked about?").select_option("review")
    page.get_by_role("button", name="Continue").click()
    with page.expect_download() as told:
        page.get_by_role("button", name="Download rows-predictions.csv").click()
    assert told.value.path().read_text() == (
        'stars,review,mood,letters\n5,good,good,4\n1,"bad, very",bad,9\n'
    )
    assert not serious_findings(page)


def test_a_forecast_is_drawn(entry: Any) -> None:
    page = entry("forecast")
    assert run(page, "Predict") == [[100.0, 101.0, 104.0, 109.0, 116.0, 125.0]]
    expect(page.get_by_role("img", name="6 numbers from 100 to 125")).to_be_visible()
    assert page.locator(".values li").all_inner_texts() == [
        "100",
        "101",
        "104",
        "109",
        "116",
        "125",
    ]


def test_a_wide_frame_can_be_filtered_and_pasted(entry: Any) -> None:
    page = entry("sensors")
    assert page.locator(".field:visible").count() == 120
    page.get_by_label("Find a field").fill("sensor_01")
    assert page.locator(".field:visible").count() == 10
    expect(page.get_by_text("10 of 120 fields")).to_be_visible()
    page.get_by_text("Paste a row", exact=True).click()
    pasted = page.get_by_label("A row of a table, or an object in JSON")
    pasted.fill("\t".join(["0.5"] * 120))
    assert run(page) == [60.0]
    names = [f"sensor_{at:03d}" for at in reversed(range(120))]
    pasted.fill(",".join(names) + "\n" + ",".join(map(str, range(120))))
    expect(page.get_by_label("Sensor 019")).to_have_value("100")
    pasted.fill("1,2,3")
    expect(page.get_by_text("There are 3 cells for 120 names.")).to_be_visible()
    assert not serious_findings(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 1280


def test_many_categories_are_searched(entry: Any) -> None:
    page = entry("city")
    field = page.get_by_role("combobox", name="City")
    expect(field).to_have_value("City 7")
    assert page.locator("datalist option").count() == 200
    field.fill("City 123")
    assert run(page) == ["CITY 123"]


def test_whole_numbers_keep_all_digits(entry: Any) -> None:
    page = entry("ids")
    page.get_by_label("Value").fill("9223372036854775806")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".result .large")).to_have_text("9223372036854775807")


@pytest.mark.parametrize("name", ["mood", "species", "strokes", "quote", "sensors", "forecast"])
def test_it_fits_a_phone(entry: Any, name: str) -> None:
    page = entry(name, width=320, dark=True)
    run(page, "Predict" if name == "forecast" else "Run")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert not serious_findings(page)


# --- functions of the scripts -------------------------------------------------------------------


@pytest.fixture(scope="module")
def scripts(browser: Browser, service: str) -> Iterator[Page]:
    """One page for all of them."""
    with watched(browser) as open_page:
        yield open_page(f"{service}/")


TABLES = [
    [["a", "b"], ["1", "2"]],
    [["a", "b"], ['"', ""], ["x,y", "two\nlines"], ['""', '",'], ["\r\n", " x "]],
    [["a"], ["one"], ["two, three"]],
    [["ä;b", "c\td"], [";", "\t"], ["'", "\\"]],
]


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("table", TABLES, ids=["plain", "quotes", "one column", "separators"])
def test_csv_is_read_and_written_as_python_does(
    scripts: Page, table: list[list[str]], separator: str
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows(table)
    read, again = scripts.evaluate(
        """async ([text, separator]) => {
            const { line, records } = await import(new URL("pages/csv.js", document.baseURI));
            const rows = records(text, separator).map(({ cells }) => cells);
            return [rows, rows.map((row) => line(row, separator)).join("\\r\\n") + "\\r\\n"];
        }""",
        [file.getvalue(), separator],
    )
    assert read == table
    assert list(csv.reader(io.StringIO(again, newline=""), delimiter=separator)) == table


WORDS = [
    "plain",
    "a b",
    "it's",
    '"',
    "$HOME",
    "`x`",
    "a\\b",
    "two\nlines",
    "",
    "😀",
    "-d",
    "a;b&c|d",
]


def test_words_are_quoted_for_the_shell(scripts: Page) -> None:
    made = scripts.evaluate(
        """async (words) => {
            const { shellWord } = await import(new URL("pages/code.js", document.baseURI));
            return words.map(shellWord).join(" ");
        }""",
        WORDS,
    )
    assert shlex.split(made) == WORDS


VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "text": "True\n'\"\\",
    "list": [1, 2.5, -1e300, {"a": [False, None], "b c": {}}, []],
    "row": {"instances": [{name: name * 30 for name in ("one", "two", "three")}]},
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_written_as_json_and_as_python(scripts: Page, name: str) -> None:
    value = VALUES[name]
    as_json, as_python = scripts.evaluate(
        """async (value) => {
            const { encode } = await import(new URL("pages/json.js", document.baseURI));
            return [encode(value), encode(value, "python", "    ")];
        }""",
        value,
    )
    assert json.loads(as_json) == value
    assert eval(as_python, {}) == value
