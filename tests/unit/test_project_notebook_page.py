"""The notebook as a page: readable by itself, and nothing that it would load or run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nb2service.capture.model import Capture, ShipItem
from nb2service.notebook.source import source_notebook
from nb2service.project.notebook_page import notebook_page

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Capture:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "generated")
    import captures

    capture: Capture = captures.churn()
    return capture


def cell(source: str, kind: str = "code", number: int | None = None, *tags: str) -> dict[str, Any]:
    base = {"cell_type": kind, "source": source, "metadata": {"tags": list(tags)}}
    return {**base, "outputs": [], "execution_count": number} if kind == "code" else base


def page(capture: Capture, *cells: dict[str, Any]) -> str:
    node = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    return notebook_page(capture, json.dumps(node).encode()).decode()


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.ipynb")))
def test_a_page_loads_nothing(made: Capture, name: str) -> None:
    from nb2service.notebook.cells import Notebook

    text = notebook_page(made, source_notebook(Notebook(()), EXAMPLES / name)).decode()
    assert not re.findall(r"\b(?:src|srcset|data|href)\s*=\s*\S+", text)
    assert not re.findall(r"<(?:script|iframe|link|object)\b", text)
    assert "url(" not in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize(
    ("markdown", "shown", "gone"),
    [
        ("![a chart](https://host.example/c.png)", "a chart", "host.example"),
        ("![a chart](charts/c.png)", "a chart", "c.png"),
        ("![a chart](attachment:c.png)", "a chart", "c.png"),
        ("<script src='https://host.example/x.js'></script>text", "text", "script>"),
        ("<script>alert(1)</script>text", "text", "alert"),
        ("<iframe src='https://host.example'></iframe>text", "text", "host.example"),
        ("<link rel=stylesheet href='https://host.example/x.css'>text", "text", "host.example"),
        ("<style>body{display:none}</style>text", "text", "display:none"),
        ("<meta http-equiv=refresh content='0;url=https://host.example'>text", "text", "refresh"),
        ("<IMG SRC=https://host.example/x.png>text", "text", "host.example"),
        ("<svg><image href='https://host.example/x.png'/></svg>text", "text", ""),
        ("<p onclick='x()'>text</p>", "text", ""),
    ],
)
def test_what_a_text_would_load_or_run_is_left_out(
    made: Capture, markdown: str, shown: str, gone: str
) -> None:
    text = page(made, cell(markdown, "markdown")).partition("<main>")[2]
    assert shown in text
    assert not gone or gone not in text


def test_pictures_that_the_notebook_holds_are_kept(made: Capture) -> None:
    held = {**cell("![](attachment:a.png)", "markdown"), "attachments": {"a.png": {"image/png": "iVBORw0KGgo="}}}  # fmt: skip  # noqa: E501
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in page(made, held)


def test_a_link_that_a_person_may_follow_is_kept(made: Capture) -> None:
    text = page(made, cell("see [the paper](https://host.example/paper)", "markdown"))
    assert 'href="https://host.example/paper"' in text


def test_cells_that_travelled_are_marked(made: Capture) -> None:
    text = page(
        made,
        cell("import os", number=None),
        cell("model = fit()", "code", 4),
        cell("open_it()", "code", 5, "service-setup"),
        cell("<x> & y", "code", None, "service-test", "mine"),
    )
    sections = text.split("<section")[1:]
    assert ["travels" in s.partition(">")[0] for s in sections] == [False, True, True, False]
    assert "[4]" in sections[1]
    assert "<code>model</code>" in sections[1]
    assert "runs when the service starts" in sections[2]
    assert "test of the project" in sections[3]
    assert "mine" not in sections[3]


@pytest.mark.parametrize("words", ["<script>alert(1)</script>", '"><img src=x>', "{{ 1 }}"])
def test_names_and_code_are_shown_as_they_are(made: Capture, words: str) -> None:
    ship_list = (ShipItem(words, "artifact", 4, 1, "", ("risk",)),)
    capture = replace(
        made,
        ship_list=ship_list,
        contract=replace(made.contract, title=words),
        provenance=replace(made.provenance, notebook=words),
    )
    text = page(capture, cell(f"x = '''{words}'''", "code", 4), cell(words, "raw"))
    assert not re.findall(r"<(?:script|img)\b", text)
    assert "{{ 1 }}" in text or words != "{{ 1 }}"


def test_the_same_notebook_gives_the_same_bytes(made: Capture) -> None:
    notebook = source_notebook_of("churn.ipynb")
    assert notebook_page(made, notebook) == notebook_page(made, notebook)


def source_notebook_of(name: str) -> bytes:
    from nb2service.notebook.cells import Notebook

    return source_notebook(Notebook(()), EXAMPLES / name)


def test_a_notebook_without_a_heading_gets_one(made: Capture) -> None:
    untitled = replace(made, provenance=replace(made.provenance, title=""))
    assert "<h1>churn</h1>" in page(untitled, cell("x = 1"))
    assert page(made, cell("# Title", "markdown")).count("<h1") == 1
