"""The churn example as people meet it: its form, files with many rows, keys, proxies, the API."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from serving import proxied, serving
from watching import Watched, serious_findings

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
PACKAGE = "churn_service"
MANY = 10_000
NAMES = (
    *("tenure_months", "contract", "internet", "payment"),
    *("monthly_charges", "support_calls", "senior"),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The churn example's project, built as a person would."""
    folder = tmp_path_factory.mktemp("churn") / "project"
    command = [Path(sys.executable).parent / "nb2service", "build", EXAMPLES / "churn.ipynb"]
    environment = {**os.environ, "NB2SERVICE_HOME": str(folder.parent / "home")}
    done = subprocess.run(
        [*command, "-o", folder],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def service(project: Path) -> Iterator[str]:
    with serving(project, PACKAGE) as base:
        yield base


@pytest.fixture(scope="module")
def model(project: Path) -> Iterator[Any]:
    """The notebook's model, here."""
    sys.path.insert(0, str(project))
    yield importlib.import_module(f"{PACKAGE}.notebook").model
    sys.path.remove(str(project))
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def fill(page: Page, row: dict[str, Any]) -> None:
    """A row into the form, each value by the label that people see."""
    for name, value in row.items():
        buttons = page.get_by_role("radiogroup", name=label(name), exact=True)
        if buttons.count():
            buttons.get_by_label("Missing" if value is None else value, exact=True).check()
            continue
        field = page.get_by_label(label(name), exact=True)
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(label="– Missing –" if value is None else value)
        else:
            field.fill("" if value is None else str(value))


def predict(page: Page) -> None:
    page.get_by_role("button", name="Predict", exact=True).click()


def exact(page: Page) -> Any:
    """The answer as the service gave it, which the page shows on demand."""
    text = page.locator(".exact pre").text_content()
    return json.loads(text or "")["predictions"]


def recorded(project: Path, entry: str) -> list[tuple[dict[str, Any], Any]]:
    """What the notebook was asked, and what it answered."""
    case = json.loads((project / "tests" / "cases" / f"{entry}.json").read_text())
    return list(zip(case["instances"], case["batch"], strict=True))


# --- the form -----------------------------------------------------------------------------------


def test_the_page_says_what_the_service_is_for(page: Page) -> None:
    expect(page).to_have_title("Which customers will leave?")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Which customers will leave?")
    expect(page.get_by_text("Tells for each customer of a phone company")).to_be_visible()
    expect(page.get_by_text("Proven", exact=True)).to_be_visible()
    expect(page.get_by_text("answers over HTTP equal the notebook's exactly")).to_be_visible()


def test_each_field_has_the_input_of_its_type_and_the_example(page: Page) -> None:
    tenure = page.get_by_label("Tenure months")
    expect(tenure).to_have_attribute("type", "number")
    expect(tenure).to_have_attribute("step", "1")
    expect(tenure).to_have_accessible_description("1 to 72 in the data")
    expect(tenure).not_to_have_value("")
    contract = page.get_by_label("Contract").locator("option")
    assert contract.all_inner_texts() == ["– Missing –", "monthly", "one year", "two years"]
    senior = page.get_by_role("radiogroup", name="Senior").get_by_role("radio")
    assert senior.count() == 3
    page.get_by_role("button", name="Clear").click()
    expect(tenure).to_have_value("")
    page.get_by_role("button", name="Example").click()
    expect(tenure).not_to_have_value("")


def test_predictions_are_the_notebooks(page: Page, project: Path) -> None:
    for row, answer in recorded(project, "predict")[:5]:
        fill(page, row)
        predict(page)
        expect(page.locator(".result .large")).to_have_text(answer)
        page.locator(".exact").wait_for()
        assert exact(page) == [answer]


def test_probabilities_are_bars_and_exact_on_demand(page: Page, project: Path) -> None:
    page.get_by_role("tab", name="Probabilities").click()
    for row, (no, yes) in recorded(project, "predict_proba")[:3]:
        fill(page, row)
        with page.expect_response("**/predict_proba"):
            predict(page)
        bars = page.get_by_role("list", name="Probabilities").get_by_role("listitem")
        shares = {"no": no, "yes": yes}
        first = max(shares, key=lambda name: shares[name])
        expect(bars.first).to_contain_text(first)
        expect(bars.first).to_contain_text(f"{shares[first] * 100:.1f}".removesuffix(".0") + "%")
        assert exact(page) == [[no, yes]]


def test_values_made_up_at_random_are_answered(page: Page) -> None:
    for _ in range(5):
        page.get_by_role("button", name="Random").click()
        with page.expect_response("**/predict") as told:
            predict(page)
        assert told.value.status == 200


@pytest.mark.parametrize(
    ("typed", "message"),
    [("3.5", "must be an integer, not the number 3.5"), ("", "needs a value")],
    ids=["what the service refuses", "what is left empty"],
)
def test_an_error_is_shown_at_its_field(page: Page, typed: str, message: str) -> None:
    tenure = page.get_by_label("Tenure months")
    tenure.fill(typed)
    predict(page)
    expect(tenure).to_have_attribute("aria-invalid", "true")
    expect(tenure).to_have_accessible_description(re.compile(re.escape(message)))
    expect(tenure).to_be_focused()
    expect(page.locator(".result")).to_contain_text(f"Tenure months {message}")
    assert not serious_findings(page)
    tenure.fill("3")
    predict(page)
    expect(page.locator(".result .large")).to_be_visible()
    expect(tenure).not_to_have_attribute("aria-invalid", "true")


def test_entries_are_tabs_that_share_what_was_typed(page: Page, service: str) -> None:
    tabs = page.get_by_role("tab")
    assert tabs.all_inner_texts() == ["Prediction", "Probabilities", "Score"]
    page.get_by_label("Tenure months").fill("7")
    tabs.nth(0).focus()
    for key, chosen in [("ArrowRight", 1), ("End", 2), ("ArrowRight", 0), ("ArrowLeft", 2)]:
        page.keyboard.press(key)
        expect(tabs.nth(chosen)).to_be_focused()
        expect(tabs.nth(chosen)).to_have_attribute("aria-selected", "true")
        assert [tab.get_attribute("tabindex") for tab in tabs.all()].count("0") == 1
    expect(page.get_by_label("Tenure months")).to_have_value("7")
    assert page.url == f"{service}/#decision_function"
    page.reload()
    expect(tabs.nth(2)).to_have_attribute("aria-selected", "true")


def test_it_can_be_used_by_the_keyboard_alone(page: Page) -> None:
    tenure = page.get_by_label("Tenure months")
    for _ in range(20):
        page.keyboard.press("Tab")
        if tenure.evaluate("field => field === document.activeElement"):
            break
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    page.keyboard.type("monthly")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.get_by_role("radiogroup", name="Internet").get_by_label("fibre").wait_for()
    expect(page.get_by_role("radiogroup", name="Internet").get_by_label("fibre")).to_be_checked()
    with page.expect_request("**/predict") as asked:
        page.keyboard.press("Enter")
    row = asked.value.post_data_json["instances"][0]
    assert (row["tenure_months"], row["contract"], row["internet"]) == (2, "monthly", "fibre")
    expect(page.locator(".result .large")).to_be_visible()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_accessible_and_fits(
    open_page: Watched, service: str, width: int, dark: bool, tmp_path: Path
) -> None:
    page = open_page(f"{service}/#predict_proba", width, dark)
    dark_ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark_ground == "rgb(20, 25, 28)") is dark
    predict(page)
    page.locator(".bars").wait_for()
    path = tmp_path / "some.csv"
    path.write_text((EXAMPLES / "data" / "churn.csv").read_text())
    page.get_by_label("Choose a CSV file").set_input_files(path)
    page.get_by_role("button", name="Download some-predictions.csv").wait_for()
    assert not serious_findings(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width


# --- the request as code ------------------------------------------------------------------------


def test_the_request_as_code_asks_the_same(page: Page, service: str) -> None:
    tenure = page.get_by_label("Tenure months")
    tenure.fill("12")
    with page.expect_request("**/predict") as asked:
        predict(page)
    body = asked.value.post_data_json
    page.locator(".exact").wait_for()
    shell, python = page.locator(".snippet pre").all_text_contents()
    words = shlex.split(shell.replace("\\\n", ""))
    assert words[:2] == ["curl", f"{service}/predict"]
    assert json.loads(words[words.index("-d") + 1]) == body
    calls: list[tuple[str, Any]] = []
    answer = SimpleNamespace(raise_for_status=lambda: None, json=lambda: {"predictions": []})

    def post(url: str, json: Any, timeout: int) -> Any:
        calls.append((url, json))
        return answer

    sys.modules["requests"], held = SimpleNamespace(post=post), sys.modules.get("requests")
    try:
        exec(compile(python, "snippet", "exec"), {})
    finally:
        sys.modules.pop("requests")
        if held is not None:
            sys.modules["requests"] = held
    assert calls == [(f"{service}/predict", body)]


def test_the_code_can_be_copied(page: Page, service: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service)
    page.get_by_role("button", name="Copy the Shell code").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator(".snippet pre").first.text_content()


# --- files with many rows -----------------------------------------------------------------------


def upload(page: Page, path: Path) -> None:
    page.get_by_label("Choose a CSV file").set_input_files(path)


def many_rows(path: Path) -> list[list[str]]:
    """A file as offices have them: further columns, cells with commas, quotes and line ends."""
    with (EXAMPLES / "data" / "churn.csv").open(newline="") as file:
        header, *lines = list(csv.reader(file))
    notes = ["", 'says "no", twice', "two\nlines", "naïve; café", "Müller, Söhne"]
    rows = [[*lines[at * 7 % len(lines)], notes[at % len(notes)]] for at in range(MANY)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*header, "a note"], *rows])
    return [[*header, "a note"], *rows]


def test_ten_thousand_rows_come_back_with_what_the_model_says_here(
    page: Page, model: Any, tmp_path: Path
) -> None:
    path = tmp_path / "customers of May.csv"
    rows = many_rows(path)
    page.get_by_role("tab", name="Probabilities").click()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    upload(page, path)
    button = page.get_by_role("button", name="Download customers of May-predictions.csv")
    button.wait_for()
    expect(page.get_by_text("10,000 rows answered")).to_be_visible()
    expect(page.get_by_text("kept in the file: customer, churned, a note")).to_be_visible()
    assert requests.count("POST") == 10  # a thousand rows each
    with page.expect_download() as told:
        button.click()
    header, *answered = csv.reader(io.StringIO(told.value.path().read_text("utf-8"), newline=""))
    assert header == [*rows[0], *map(str, model.classes_)]
    assert [line[:-2] for line in answered] == rows[1:]
    frame = pd.read_csv(path)[list(NAMES)]
    expected = model.predict_proba(frame)
    got = [[float(cell) for cell in line[-2:]] for line in answered]
    assert abs(expected - got).max() < 1e-12
    preview = page.get_by_role("region", name="Table").get_by_role("row")
    assert preview.count() == 11


def test_errors_name_the_persons_rows_and_columns(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    rows = many_rows(path)
    tenure = rows[0].index("tenure_months")
    rows[1][tenure], rows[2_500][tenure], rows[9_999][tenure] = "new", "", "1.5"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    upload(page, path)
    expect(page.get_by_text("customers.csv was not taken: 3 values to mend.")).to_be_visible()
    lines = page.locator(".trouble tbody tr").all()
    assert [line.locator("td").all_inner_texts() for line in lines] == [
        ["2", "tenure_months", "must be an integer, not the text 'new'"],
        ["2501", "tenure_months", "must not be empty"],
        ["10000", "tenure_months", "must be an integer, not the number 1.5"],
    ]
    assert not serious_findings(page)


HEADER = ",".join(NAMES)
ROW = "3,monthly,dsl,card,20.5,1,no"
BAD_FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "The file is empty."),
    "only a header": (HEADER.encode(), "has a header but no rows below it"),
    "another table": (b"a,b\n1,2\n", "The file lacks the columns “tenure_months”, “contract”"),
    "a column is missing": (
        HEADER.replace(",senior", "").encode() + b"\n3,monthly,dsl,card,20.5,1\n",
        "The file lacks the column “senior”. It has: tenure_months",
    ),
    "a column twice": (f"{HEADER},senior\n{ROW},no\n".encode(), "more than one column “senior”"),
    "a short row": (
        f"{HEADER}\n{ROW}\n3,monthly\n".encode(),
        "Row 3 has 2 cells, the header has 7.",
    ),
    "an open quote": (
        f'{HEADER}\n{ROW}\n3,"monthly'.encode(),
        "A quote that opens in row 3 is never",
    ),
    "another encoding": (f"{HEADER}\n{ROW}é\n".encode("latin-1"), "The file is not text in UTF-8."),
    "no text": (b"PK\x03\x04\xff\xfe\x00", "The file is not text in UTF-8."),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_what_is_wrong_with_a_file_is_said(page: Page, tmp_path: Path, case: str) -> None:
    content, message = BAD_FILES[case]
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    upload(page, path)
    expect(page.locator(".state")).to_contain_text(message)


GOOD_FILES: dict[str, tuple[bytes, str]] = {
    "a mark before it, as Excel writes": (
        f"\ufeff{HEADER}\r\n{ROW}\r\n".encode(),
        f"\ufeff{HEADER},prediction\r\n{ROW},no\r\n",
    ),
    "semicolons": (
        f"{HEADER}\n{ROW}\n".replace(",", ";").encode(),
        f"{HEADER},prediction\n{ROW},no\n".replace(",", ";"),
    ),
    "tabs": (
        f"{HEADER}\n{ROW}\n".replace(",", "\t").encode(),
        f"{HEADER},prediction\n{ROW},no\n".replace(",", "\t"),
    ),
    "another order, and a prediction already": (
        f"prediction,senior,{HEADER.replace(',senior', '')}\n?,no,{ROW[:-3]}".encode(),
        f"prediction,senior,{HEADER.replace(',senior', '')},prediction_2\n?,no,{ROW[:-3]},no\n",
    ),
    "empty lines": (f"{HEADER}\n\n{ROW}\n\n".encode(), f"{HEADER},prediction\n{ROW},no\n"),
}


@pytest.mark.parametrize("case", GOOD_FILES)
def test_files_as_programs_write_them_are_read(page: Page, tmp_path: Path, case: str) -> None:
    content, answered = GOOD_FILES[case]
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    upload(page, path)
    with page.expect_download() as told:
        page.get_by_role("button", name="Download file-predictions.csv").click()
    # The model says "no" or "yes": what counts is the rest.
    got = told.value.path().read_bytes().decode()
    assert re.sub(r"yes(?=\r?\n$)", "no", got) == answered


def test_a_file_can_be_dropped(page: Page) -> None:
    text = f"{HEADER}\n{ROW}\n"
    page.evaluate(
        """text => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
            const drop = new DragEvent("drop", { dataTransfer: transfer, cancelable: true });
            document.querySelector(".drop").dispatchEvent(drop);
        }""",
        text,
    )
    expect(page.get_by_role("button", name="Download dropped-predictions.csv")).to_be_visible()


def test_the_template_is_a_file_that_the_page_takes(page: Page) -> None:
    with page.expect_download() as told:
        page.get_by_role("button", name="Download a template").click()
    upload(page, told.value.path())
    expect(page.get_by_text("1 row answered.")).to_be_visible()


def test_an_upload_can_be_cancelled(page: Page, tmp_path: Path) -> None:
    many_rows(tmp_path / "rows.csv")
    page.route("**/predict", lambda route: None)  # no answer
    upload(page, tmp_path / "rows.csv")
    expect(page.get_by_text("0 of 10,000")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled. Nothing was kept.")).to_be_visible()


# --- trouble ------------------------------------------------------------------------------------


def refusing(status: int, times: int = 1) -> Callable[[Any], None]:
    """A service that refuses so often before it answers."""
    left = [times]

    def handle(route: Any) -> None:
        if not left[0]:
            route.fallback()
            return
        left[0] -= 1
        problem = json.dumps({"status": status, "detail": "too many requests wait already"})
        headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
        route.fulfill(status=status, headers=headers, body=problem)

    return handle


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (503, "The service is busy or not ready. Try again in 1 s."),
        (429, "Too many requests for now. Try again in 1 s."),
    ],
)
def test_a_busy_service_is_explained(page: Page, status: int, said: str) -> None:
    page.route("**/predict", refusing(status))
    predict(page)
    expect(page.locator(".result")).to_contain_text(said)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".result .large")).to_be_visible()


def test_an_upload_waits_for_a_busy_service(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{HEADER}\n{ROW}\n")
    page.route("**/predict", refusing(503, times=2))
    upload(page, path)
    expect(page.get_by_text("1 row answered.")).to_be_visible()


def test_a_service_that_is_gone_is_explained(page: Page) -> None:
    page.route("**/predict", lambda route: route.abort())
    predict(page)
    expect(page.locator(".result")).to_contain_text("The service cannot be reached.")


# --- keys, proxies, the API ---------------------------------------------------------------------

KEY = "a key of the test, for nothing else"


@pytest.fixture(scope="module")
def locked(project: Path) -> Iterator[str]:
    digest = sha256(KEY.encode()).hexdigest()
    with serving(project, PACKAGE, API_KEYS=f"browser:{digest}") as base:
        yield base


def test_a_service_with_keys_asks_for_one(open_page: Watched, locked: str) -> None:
    page = open_page(f"{locked}/")
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    assert not serious_findings(page)
    field.fill("a wrong one")
    page.get_by_role("button", name="Continue").click()
    expect(field).to_have_accessible_description(re.compile("This API key is not known"))
    field.fill(KEY)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Tenure months")).to_be_visible()
    predict(page)
    expect(page.locator(".result .large")).to_be_visible()
    shell = page.locator(".snippet pre").first.text_content() or ""
    assert "X-API-Key: $API_KEY" in shell
    assert KEY not in page.content()
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    page.get_by_role("link", name="API documentation").click()
    expect(page.get_by_role("heading", name="Which customers will leave?")).to_be_visible()
    page.get_by_role("link", name="To the form").click()
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("API key")).to_be_visible()


def test_behind_a_proxy_with_a_prefix(open_page: Watched, service: str) -> None:
    with proxied(service, "/user/x/proxy/8000") as outside:
        page = open_page(f"{outside}/")
        predict(page)
        expect(page.locator(".result .large")).to_be_visible()
        assert f"{outside}/predict" in (page.locator(".snippet pre").first.text_content() or "")
        page.get_by_role("link", name="API documentation").click()
        expect(page.get_by_role("heading", name="Which customers will leave?")).to_be_visible()
        show_operation(page)
        assert send_example(page) == 200
        page.get_by_role("link", name="To the form").click()
        expect(page.get_by_label("Tenure months")).to_be_visible()
        page.wait_for_load_state("networkidle")


def show_operation(page: Page) -> None:
    page.locator("#operations-predictions-predict .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").wait_for()


def send_example(page: Page) -> int:
    """Send the example from Swagger UI; the status of the answer."""
    page.get_by_role("button", name="Try it out").click()
    with page.expect_response("**/predict") as told:
        page.get_by_role("button", name="Execute").click()
    return int(told.value.status)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_api_can_be_read_and_tried(open_page: Watched, service: str, dark: bool) -> None:
    page = open_page(f"{service}/docs", dark=dark)
    expect(page).to_have_title("Which customers will leave? – API")
    shown = page.locator(".opblock-summary-path").all_inner_texts()
    assert [path.replace("\u200b", "") for path in shown[:2]] == ["/predict", "/predict_proba"]
    show_operation(page)
    assert not serious_findings(page)
    assert send_example(page) == 200
    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
