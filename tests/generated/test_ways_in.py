"""One set of expectations of HTTP, held by every way in: our own, and WSGI servers.

What Flask's test client gets from the application is what each server must give, byte for byte.
"""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pyarrow as pa
import pytest
from ways import SETTINGS_OF, WAYS, Ask, ask, expected, in_this_process, serving, write_project

SETTINGS = {
    "MAX_BATCH": "200",
    "MAX_BODY": "20000",
    "LOG_LEVEL": "ERROR",
    "PYTHONWARNINGS": "ignore",  # of the other servers
}
# uWSGI leaves it to applications to read chunked bodies, by functions of its own.
CHUNKED_WAYS = [name for name in WAYS if name != "uWSGI"]


def frame(rows):
    return pd.DataFrame(rows).astype({"age": "int64", "spend": "float64"})


ROWS = [{"age": 20 + i, "spend": 1.5 * i} for i in range(8)]
ARROW = "application/vnd.apache.arrow.stream"


def arrow(rows):
    table = pa.Table.from_pandas(frame(rows))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def parquet(rows):
    sink = io.BytesIO()
    frame(rows).to_parquet(sink)
    return sink.getvalue()


def as_json(value):
    return json.dumps(value).encode()


def asked(content_type="application/json", accept="*/*", **headers):
    return {"Content-Type": content_type, "Accept": accept, "X-Request-Id": "r-1", **headers}


PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


def form(*parts):
    """A form of (name, content), the bytes as files."""
    lines = []
    for name, content in parts:
        file = isinstance(content, bytes)
        ending = b'; filename="a.png"\r\nContent-Type: image/png' if file else b""
        lines += [
            b"--XbX",
            b'Content-Disposition: form-data; name="%b"%b' % (name.encode(), ending),
        ]
        lines += [b"", content if file else content.encode()]
    return b"\r\n".join([*lines, b"--XbX--", b""])


FORM = "multipart/form-data; boundary=XbX"
ASKS = {
    "a file": Ask("/photo", form(("image", PNG)), asked(FORM)),
    "a file and a value": Ask("/photo", form(("times", "2"), ("image", PNG)), asked(FORM)),
    "two files": Ask("/photo", form(("image", PNG), ("image", b"x"), ("times", "2")), asked(FORM)),
    "a file by another name": Ask("/photo", form(("img", PNG)), asked(FORM)),
    "a file for a number": Ask("/photo", form(("image", PNG), ("times", b"2")), asked(FORM)),
    "a form that is cut off": Ask("/photo", form(("image", PNG))[:-9], asked(FORM)),
    "a form without its boundary": Ask("/photo", b"x", asked("multipart/form-data")),
    "a file that is too large": Ask("/photo", form(("image", PNG * 2_001)), asked(FORM)),
    "a form where no file fits": Ask("/risk", form(("age", "1"), ("spend", "1")), asked(FORM)),
    "to a file": Ask("/photo", form(("image", PNG)), asked(FORM, "image/png")),
    "to bytes": Ask("/photo", b'{"image": "aGk="}', asked(accept="application/octet-stream")),
    "to another file": Ask("/photo", form(("image", PNG)), asked(FORM, "image/jpeg")),
    "rows": Ask("/predict", as_json({"instances": ROWS}), asked()),
    "a row": Ask("/predict", as_json(ROWS[0]), asked()),
    "another entry": Ask("/risk", as_json(ROWS), asked()),
    "no rows": Ask("/predict", as_json({"instances": []}), asked()),
    "no content type": Ask("/risk", as_json(ROWS), {"X-Request-Id": "r-1"}),
    "columns": Ask("/risk", as_json({"inputs": {"age": [1, 2], "spend": [1, 2]}}), asked()),
    "a split frame": Ask(
        "/risk",
        as_json({"dataframe_split": {"columns": ["age", "spend"], "data": [[1, 2]]}}),
        asked(),
    ),
    "CSV": Ask("/risk", frame(ROWS).to_csv(index=False).encode(), asked("text/csv")),
    "lines": Ask("/risk", b"\n".join(map(as_json, ROWS)), asked("application/x-ndjson")),
    "Arrow": Ask("/risk", arrow(ROWS), asked(ARROW)),
    "Parquet": Ask("/risk", parquet(ROWS), asked("application/vnd.apache.parquet")),
    "to CSV": Ask("/risk", as_json(ROWS), asked(accept="text/csv")),
    "to lines": Ask("/risk", as_json(ROWS), asked(accept="application/x-ndjson")),
    "to Arrow": Ask("/risk", as_json(ROWS), asked(accept=ARROW)),
    "a query": Ask("/risk?a=1&b", as_json(ROWS), asked()),
    "an escaped path": Ask("/ri%73k", as_json(ROWS), asked()),
    "no JSON": Ask("/risk", b"{", asked()),
    "nothing": Ask("/risk", b"", asked()),
    "nested": Ask("/risk", b"[" * 15_000, asked()),
    "no text": Ask("/risk", b"\xff\xfe", asked()),
    "unknown type": Ask("/risk", b"x", asked("image/png")),
    "unknown answer": Ask("/risk", as_json(ROWS), asked(accept="image/png")),
    "broken rows": Ask("/risk", as_json([{"age": "x"}, {"age": 1, "spend": 1, "z": 1}]), asked()),
    "too many rows": Ask("/predict", as_json([{"age": 1, "spend": 1}] * 201), asked()),
    "too many bytes": Ask("/risk", b" " * 20_001, asked()),
    "no such path": Ask("/nothing", b"{}", asked()),
    "a path too long": Ask("/risk/", as_json(ROWS), asked()),
    "another method": Ask("/risk", b"", asked(), "GET"),
    "PUT": Ask("/risk", b"{}", asked(), "PUT"),
    "OPTIONS": Ask("/risk", b"", asked(), "OPTIONS"),
    "the form": Ask("/", b"", asked(), "GET"),
    "the form's head": Ask("/", b"", asked(), "HEAD"),
    "a script": Ask("/pages/main.js", b"", asked(), "GET"),
    "the viewer": Ask("/docs", b"", asked(), "GET"),
    "the viewer's style": Ask("/docs/swagger-ui.css", b"", asked(), "GET"),
    "no script": Ask("/pages/__init__.py", b"", asked(), "GET"),
    "alive": Ask("/healthz", b"", asked(), "GET"),
    "the head alone": Ask("/healthz", b"", asked(), "HEAD"),
    "ready": Ask("/readyz", b"", asked(), "GET"),
    "what it is": Ask("/metadata", b"", asked(), "GET"),
    "its document": Ask("/openapi.json", b"", asked(), "GET"),
}
CHUNKED_ASKS = {
    "rows": Ask("/risk", as_json(ROWS), asked(), chunked=True),
    "too many bytes": Ask("/risk", b" " * 30_000, asked(), chunked=True),
    "as many bytes as can be": Ask("/risk", as_json(ROWS).ljust(20_000), asked(), chunked=True),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("ways"))


@pytest.fixture(scope="module")
def reference(folder):
    with in_this_process(folder, SETTINGS) as client:
        yield client


@pytest.fixture(scope="module", params=WAYS)
def way(request, folder, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "log"
    settings = SETTINGS | SETTINGS_OF.get(request.param, {})
    with serving(request.param, WAYS[request.param], folder, log, settings) as found:
        yield found


@pytest.mark.parametrize("name", ASKS)
def test_every_way_in_gives_the_same_answer(way, reference, name):
    assert way.ask(ASKS[name]) == expected(reference, ASKS[name])


@pytest.mark.parametrize("name", CHUNKED_ASKS)
@pytest.mark.parametrize("way", CHUNKED_WAYS, indirect=True)
def test_a_body_of_unknown_length_is_like_any_other(way, reference, name):
    assert way.ask(CHUNKED_ASKS[name]) == expected(reference, CHUNKED_ASKS[name])


def test_files_are_arguments_and_rows(reference):
    """What the others are compared with is right."""
    answers = {
        name: expected(reference, ASKS[name]) for name in ASKS if ASKS[name].path == "/photo"
    }
    sent = {name: (status, body) for name, (status, _, body) in answers.items()}

    def predicted(*files):
        encoded = [base64.b64encode(file).decode() for file in files]
        return 200, json.dumps({"predictions": encoded}, separators=(",", ":")).encode()

    assert sent["a file"] == predicted(PNG)
    assert sent["a file and a value"] == predicted(PNG * 2)
    assert sent["two files"] == predicted(PNG * 2, b"xx")
    assert sent["to a file"] == (200, PNG)
    assert answers["to a file"][1]["content-type"] == "image/png"
    assert sent["to bytes"] == (200, b"hi")
    problems = {name: (status, json.loads(body)) for name, (status, body) in sent.items()
                if status != 200}  # fmt: skip
    assert {name: status for name, (status, _) in problems.items()} == {
        "a file by another name": 422,
        "a file for a number": 422,
        "a form that is cut off": 400,
        "a form without its boundary": 400,
        "a file that is too large": 413,
        "to another file": 406,
    }
    named = problems["a file for a number"][1]["errors"]
    assert named == [
        {"row": 0, "field": "times", "message": "must be an integer, not a file"}
    ]  # fmt: skip


def test_concurrent_requests_get_each_their_own_answer(way, reference):
    sets = [[{"age": 18 + (7 * i + j) % 60, "spend": i + j / 8} for j in range(1 + i % 3)]
            for i in range(40)]  # fmt: skip
    right = [reference.post("/risk", json=rows).json["predictions"] for rows in sets]
    assert len({tuple(answers) for answers in right}) == len(sets)

    def client(start):
        with way.connect() as connection:
            for step in range(25):
                at = (start * 5 + step) % len(sets)
                if step % 8 == 7:  # one that is refused, among them
                    assert ask(connection, Ask("/risk", b'[{"age": "x"}]', asked()))[0] == 422
                body = as_json({"instances": sets[at]})
                status, _, answer = ask(connection, Ask("/risk", body, asked()))
                assert status == 200
                # In company, BLAS may move the last bit.
                assert json.loads(answer)["predictions"] == pytest.approx(right[at], rel=1e-12)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(client, range(16)))


def test_a_connection_can_be_used_again(way):
    with way.connect() as connection:
        first = ask(connection, ASKS["rows"])
        used = connection.sock
        assert ask(connection, ASKS["no JSON"])[0] == 400
        assert ask(connection, ASKS["alive"])[0] == 200
        assert ask(connection, ASKS["rows"]) == first
        assert connection.sock is used
