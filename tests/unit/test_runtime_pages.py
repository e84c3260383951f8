"""The pages' routes through Flask's test client; ``tests/browser`` opens them."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from runtime_project import ENTRIES, build

from nb2service import runtime

PAGES = Path(runtime.__file__).parent / "pages"
FILES = sorted(path.name for path in PAGES.iterdir() if path.suffix not in ("", ".py", ".html"))


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    build(folder, "paged_service", ENTRIES)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("paged_service.app").create_app().test_client()
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "paged_service"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("/", "text/html"),
        ("/docs", "text/html"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/pages/main.js", "text/javascript"),
        ("/pages/icon.svg", "image/svg+xml"),
    ],
)
def test_files_have_their_type_and_are_sent_once(client, path, type_):
    answer = client.get(path, buffered=True)
    assert (answer.status_code, answer.mimetype) == (200, type_)
    assert answer.cache_control.no_cache, "asked again each time, as a new version may be there"
    again = client.get(path, buffered=True, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    head = client.head(path, buffered=True)
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_length == len(answer.data)


@pytest.mark.parametrize(
    "path",
    [
        "/pages/__init__.py",
        "/pages/../app.py",
        "/pages/..%2fcontract.json",
        "/pages/%2e%2e%2fapp.py",
        "/pages//etc/passwd",
        "/pages/",
        "/pages/none.js",
        "/docs/VERSION",
        "/docs/..%2f__init__.py",
        "/docs/",
    ],
)
def test_nothing_else_is_sent(client, path):
    answer = client.get(path, buffered=True)
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize("name", ["index.html", "docs.html", *FILES])
def test_files_ask_nobody_else_and_hold_no_inline_code(name):
    text = (PAGES / name).read_text(encoding="utf-8")
    known = ("http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink")
    assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= set(known)
    assert not re.search(r"<style|<script(?![^>]* src=)| style=| on\w+=\"|\beval\(|innerHTML", text)


@pytest.mark.parametrize("page", ["index.html", "docs.html"])
def test_what_a_page_loads_is_there_and_named_relatively(client, page):
    text = (PAGES / page).read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"#]*)"', text)
    assert named
    for url in named:
        assert not url.startswith(("/", "http"))
        assert client.get(f"/{url.removeprefix('./')}", buffered=True).status_code == 200


def test_scripts_import_what_there_is():
    for script in PAGES.glob("*.js"):
        text = script.read_text(encoding="utf-8")
        for imported, source in re.findall(r'import \{([^}]*)\} from "\./([\w.]+)"', text):
            offered = (PAGES / source).read_text(encoding="utf-8")
            for name in filter(None, re.split(r"[,\s]+", imported)):
                assert re.search(rf"export (async )?(function|class|const) {name}\b", offered), name
                assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{script.name}: {name} is unused"


def test_the_document_tells_the_page_what_each_entry_takes(client):
    document = client.get("/openapi.json").json
    for entry in ENTRIES:
        told = document["paths"][f"/{entry.name}"]["post"]["x-contract"]
        assert told["entry"] == entry.name
        assert told["input"]["kind"] == entry.input.kind
        assert [f.get("name", "") for f in told["input"]["fields"]] == [
            field.name for field in entry.input.fields
        ]
        assert (told["aligned"], told["row_wise"]) == (entry.aligned, entry.row_wise)
