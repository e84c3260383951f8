"""A project without the modules that its contract has no use for answers as one that has all."""

from __future__ import annotations

import ast
import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import captures
import numpy as np
import pyarrow as pa
import pytest

import nb2service.runtime
from nb2service.capture.model import Capture, Part
from nb2service.project import runtime_files
from nb2service.project.render import render
from nb2service.project.write import written
from nb2service.runtime.contract import Contract, Entry, Field, Input, Output
from nb2service.runtime.endpoint import example_row

LIMIT = 120
RUNTIME = Path(nb2service.runtime.__file__).parent
NUMBER = Field("", "number", "float64", example=1.5)
NUMPY = captures.pins("numpy", "pandas")

SOURCE = '''
def table(frame):
    """Rows with a category, a moment and a duration."""
    return frame["when"] + frame["took"]


def matrix(rows):
    return rows.sum(axis=1)


def column(values):
    return values * 2


def words(texts):
    return [text.upper() for text in texts]


def picture(image, times=1):
    return image.read() * times


def grid(values):
    return values.T


async def later(point):
    return {"x": point["x"], "day": point["day"]}
'''

ENTRIES = {
    "frame": Entry(
        "table",
        "table",
        Input(
            "frame",
            (
                Field("kind", "string", "category", categories=("a", "b"), example="a"),
                Field("when", "datetime", "datetime64[ns]", example="2024-05-31T13:45:00"),
                Field("took", "duration", "timedelta64[ns]", example="P1D"),
            ),
        ),
        Output("series", (Field("", "datetime", "datetime64[ns]"),)),
    ),
    "array": Entry("matrix", "matrix", Input("array", (NUMBER,), (2,)), Output("array", (NUMBER,))),
    "series": Entry("column", "column", Input("series", (NUMBER,)), Output("series", (NUMBER,))),
    "list": Entry(
        "words", "words", Input("list", (Field("", "string", example="a"),)),
        Output("list", (Field("", "string"),)),
    ),
    "file": Entry(
        "picture",
        "picture",
        Input(
            "arguments",
            (
                Field("image", "bytes", python="file", example="aGk="),
                Field("times", "integer", required=False, default=1),
            ),
        ),
        Output("value", (Field("", "bytes"),)),
    ),
    "ndarray": Entry(
        "grid",
        "grid",
        Input(
            "arguments",
            (
                Field(
                    "values", "list", "float64", python="ndarray", shape=(2,),
                    items=NUMBER, example=[[1.0, 2.0]],
                ),
            ),
        ),
        Output("value", (Field("", "list", "float64"),)),
    ),
    "coroutine": Entry(
        "later",
        "later",
        Input(
            "arguments",
            (
                Field(
                    "point", "object", example={"x": 1, "day": "2024-05-31"},
                    fields=(Field("x", "integer"), Field("day", "date")),
                ),
            ),
        ),
        Output("value", (Field("", "object"),)),
        is_async=True,
    ),
}  # fmt: skip
WITH_NUMPY = ("frame", "array", "series", "ndarray")


def of_kind(kind: str) -> Capture:
    """A service with one entry of a kind."""
    made, entry = captures.shout(), ENTRIES[kind]
    row = example_row(entry)
    return replace(
        made,
        contract=Contract("shout", "", "", (entry,)),
        parts=(Part("code", (entry.call,), SOURCE.strip(), 2),),
        cases={entry.name: {"entry": entry.name, "instances": [row], "batch": [], "origin": ""}},
        requirements=(*made.requirements, *(NUMPY if kind in WITH_NUMPY else ())),
    )


def requests(entry: Entry) -> Iterator[tuple[dict[str, str], bytes]]:
    """Every form of body with the example's row, and bodies that are refused."""
    row = example_row(entry)
    bodies: list[tuple[str, Any]] = [
        ("application/json", {"instances": [row, row]}),
        ("application/json", row),
        ("application/json", {"instances": [[[]]]}),
        ("application/json", {"instances": [{**row, "no": 1} if isinstance(row, dict) else None]}),
        ("application/json", {"inputs": {k: [v] for k, v in row.items()}})
        if isinstance(row, dict)
        else ("application/json", {"inputs": [row]}),
        ("application/x-ndjson", row),
        ("application/xml", row),
    ]
    for content_type, document in bodies:
        for accept in (
            "",
            "text/csv",
            "application/x-ndjson",
            "application/vnd.apache.arrow.stream",
        ):
            yield {"Content-Type": content_type, "Accept": accept}, json.dumps(document).encode()
    members = row if isinstance(row, dict) else {"value": row}
    if isinstance(row, list):
        members = {f"x{i}": value for i, value in enumerate(row)}
    cells = {k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in members.items()}
    text = f"{','.join(cells)}\n" + f"{','.join(map(str, cells.values()))}\n" * 2
    yield {"Content-Type": "text/csv"}, text.encode()
    yield {"Content-Type": "text/csv"}, b"a,b\n1\n"
    sink = io.BytesIO()
    table = pa.table({name: [value, value] for name, value in cells.items()})
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    yield {"Content-Type": "application/vnd.apache.arrow.stream"}, sink.getvalue()
    sink = io.BytesIO()
    np.save(sink, np.array([[1.0, 2.0]]))
    yield {"Content-Type": "application/x-npy"}, sink.getvalue()
    part = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="x"\r\n\r\n%s\r\n--b--\r\n'
    for name in cells:
        body = part % (name.encode(), sink.getvalue())
        yield {"Content-Type": "multipart/form-data; boundary=b"}, body


ASK = """
import base64, json, sys
for name in sys.argv[2:]:
    sys.modules[name] = None
sys.path.insert(0, "")
from shout_service.app import create_app
from shout_service.settings import Settings
client = create_app(Settings(log_level="ERROR", allow_anonymous=True)).test_client()
for path, headers, body in json.loads(sys.stdin.read()):
    answer = client.post(path, data=base64.b64decode(body), headers=headers)
    print(json.dumps([answer.status_code, base64.b64encode(answer.data).decode()]))
print(json.dumps([client.get("/openapi.json").status_code, client.get("/openapi.json").text]))
from shout_service.batching import ThreadLine
from shout_service.codec import typed
service = client.application.extensions["service"]
entry, endpoint = next(iter(service.endpoints.items()))
calls = [endpoint.read(base64.b64decode(body), headers["Content-Type"], "", 9.0)
         for _, headers, body in json.loads(sys.argv[1])]
endpoint.predict(calls)
print(json.dumps([endpoint.write(call).body.decode() for call in calls]))
"""


def answers(folder: Path, entry: Entry, asked: list[Any], without: list[str]) -> list[Any]:
    good = json.dumps([asked[0], asked[1]])  # which can be joined
    done = subprocess.run(
        [sys.executable, "-c", ASK, good, *without],
        cwd=folder,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("kind", ENTRIES)
def test_what_is_left_out_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    capture, entry = of_kind(kind), ENTRIES[kind]
    with written(render(capture), tmp_path / "spare") as spare:
        spare_folder = spare.folder
    with monkeypatch.context() as patch:
        patch.setattr(runtime_files, "needless_modules", lambda capture: ("nothing",))
        with written(render(capture), tmp_path / "whole") as whole:
            whole_folder = whole.folder
    asked = [
        [f"/{entry.name}", headers, base64.b64encode(body).decode()]
        for headers, body in requests(entry)
    ]
    # Without numpy among its requirements a service has none.
    without = [] if kind in WITH_NUMPY else ["numpy", "pandas", "pyarrow"]
    spared = answers(spare_folder, entry, asked, without)
    assert spared == answers(whole_folder, entry, asked, without)
    assert spared[0][0] == 200
    assert not [answer for answer in spared if answer[0] == 500]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The runtime's files that one imports, and whether it does so at once."""
    tree = ast.parse(path.read_text("utf-8"))
    at_once = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1]
            inner = base.joinpath(*(node.module or "").split("."))
            for name in [inner, *(inner / alias.name for alias in node.names)]:
                for file in (name.with_suffix(".py"), name / "__init__.py"):
                    if file.is_file():
                        yield file.relative_to(RUNTIME).as_posix(), id(node) in at_once


def captured() -> dict[str, Capture]:
    kinds = {kind: of_kind(kind) for kind in ENTRIES}
    return {**kinds, "churn": captures.churn(), "shout": captures.shout()}


@pytest.mark.parametrize("kind", [*ENTRIES, "churn", "shout"])
def test_what_is_there_finds_at_once_what_it_imports(kind: str) -> None:
    capture = captured()[kind]
    there = runtime_files.runtime_files(capture)
    for name in there:
        if name.endswith(".py"):
            needed = {file for file, at_once in imports(RUNTIME / name) if at_once}
            assert needed <= there.keys(), name


def test_what_may_be_left_out_is_of_the_runtime_and_left_out_somewhere() -> None:
    everywhere = [runtime_files.needless_modules(capture) for capture in captured().values()]
    for name in runtime_files._NEEDED_BY:
        assert (RUNTIME / name).exists()
        assert any(name in needless for needless in everywhere)
    assert "codec/csv_columns.py" not in runtime_files.needless_modules(captures.churn())


def test_a_service_of_plain_python_is_the_shortest() -> None:
    def lines(capture: Capture) -> int:
        there = runtime_files.runtime_files(capture)
        return sum(data.count(b"\n") for name, data in there.items() if name.endswith(".py"))

    churn = captures.churn()
    lean = tuple(replace(entry, lean=True) for entry in churn.contract.entries)
    everything = replace(churn, contract=replace(churn.contract, entries=lean))
    assert lines(captures.shout()) < lines(churn) < lines(everything)
