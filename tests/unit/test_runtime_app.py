"""The service through Flask's test client, in a project laid out as a generated one."""

from __future__ import annotations

import importlib
import io
import json
import logging
import platform
import sys
from importlib.metadata import version

import numpy as np
import openapi_spec_validator
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import sklearn.base
from jsonschema import Draft202012Validator
from runtime_project import ENTRIES, ROW, add_artifact, build
from sklearn.linear_model import LogisticRegression

ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Name of an importable project whose entries include a broken one."""
    folder = tmp_path_factory.mktemp("project")
    build(folder, "demo_service", ENTRIES)
    sys.path.insert(0, str(folder))
    yield "demo_service"
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "demo_service"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def app(package):
    return importlib.import_module(f"{package}.app").create_app()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def lines(app, package):
    """The JSON log lines that are written meanwhile."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger(package)
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def post(client, path, body, content_type="application/json", accept=None):
    data = body if isinstance(body, bytes) else json.dumps(body)
    headers = {"Accept": accept} if accept else {}
    return client.post(path, data=data, content_type=content_type, headers=headers)


def test_rows_in_predictions_out_in_order(client):
    answer = post(client, "/predict", {"instances": [ROW, {**ROW, "age": 0, "score": None}]})
    assert answer.status_code == 200
    assert answer.json == {"predictions": [21.5, 0.0]}
    assert answer.headers["Prediction-Dtype"] == "float64"
    assert answer.content_type == "application/json"


ALL = [21.5, 21.5]
FRAME = pd.DataFrame([ROW, ROW]).astype({"when": "datetime64[ns]"})


def parquet(frame):
    sink = io.BytesIO()
    frame.to_parquet(sink)
    return sink.getvalue()


def arrow(frame):
    table = pa.Table.from_pandas(frame)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def npy(array):
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


SPLIT = {"columns": list(ROW), "data": [list(ROW.values())] * 2, "index": [5, 6]}


@pytest.mark.parametrize(
    ("path", "content_type", "body", "expected"),
    [
        ("/predict", "application/json", ROW, [21.5]),
        ("/predict", "application/json", [ROW, ROW], ALL),
        ("/predict", "", {"instances": [ROW, ROW]}, ALL),
        (
            "/predict",
            "application/json; charset=latin-1",
            json.dumps([{**ROW, "name": "ü"}], ensure_ascii=False).encode("latin-1"),
            [21.5],
        ),
        ("/predict", "application/json", {"instances": []}, []),
        ("/predict", "application/json", {"instances": [ROW], "parameters": {}}, [21.5]),
        ("/predict", "application/json", {"dataframe_records": [ROW, ROW]}, ALL),
        ("/predict", "application/json", {"dataframe_split": SPLIT}, ALL),
        ("/predict", "application/json", {"inputs": [ROW, ROW]}, ALL),
        ("/predict", "application/json", {"inputs": {k: [v, v] for k, v in ROW.items()}}, ALL),
        (
            "/predict",
            "application/x-ndjson",
            b"\n".join([json.dumps(ROW).encode()] * 2) + b"\n",
            ALL,
        ),
        ("/predict", "application/jsonlines", json.dumps(ROW).encode(), [21.5]),
        ("/predict", "text/csv", FRAME.to_csv(index=False).encode(), ALL),
        ("/predict", "text/csv; charset=utf-16", FRAME.to_csv(index=False).encode("utf-16"), ALL),
        (
            "/predict",
            "text/csv",
            b"\xef\xbb\xbfwhen,name,score,age\r\n2024-01-01 00:00:00,,,4\r\n",
            [2.0],
        ),
        ("/predict", "text/csv; header=absent", b"41,0.5,001,2024-01-01\n", [21.5]),
        ("/predict", ARROW, arrow(FRAME), ALL),
        ("/predict", ARROW, arrow(FRAME.set_index(pd.Index([7, 8]))), ALL),
        ("/predict", "application/vnd.apache.parquet", parquet(FRAME), ALL),
        ("/predict", "application/x-parquet", parquet(FRAME.set_index(pd.Index(["p", "q"]))), ALL),
        (
            "/describe",
            "application/x-npy",
            npy(np.array([[1.0, 2.0], [3.0, 4.0]])),
            [{"total": 3.0, "label": "small"}, {"total": 7.0, "label": "big"}],
        ),
        (
            "/describe",
            "application/x-npy",
            npy(np.array([1, 2])),
            [{"total": 3.0, "label": "small"}],
        ),
        (
            "/describe",
            "application/json",
            {"instances": [[1.0, 2.0]]},
            [{"total": 3.0, "label": "small"}],
        ),
        ("/describe", "application/json", [1.0, 2.0], [{"total": 3.0, "label": "small"}]),
        (
            "/describe",
            "application/json",
            {"inputs": [[1.0, 2]]},
            [{"total": 3.0, "label": "small"}],
        ),
        ("/describe", "text/csv", b"b,a\n3,1\n", [{"total": 4.0, "label": "small"}]),
        ("/describe", "text/csv", b"x0,x1\n2,1\n", [{"total": 3.0, "label": "big"}]),
        ("/describe", "text/csv", b"2,1\n", [{"total": 3.0, "label": "big"}]),
        (
            "/distance",
            "application/json",
            {"instances": [{"point": {"x": 3.0, "y": 4.0}}, {"point": {"x": 1.0}, "power": 2}]},
            [{"distance": 5.0}, {"distance": 2.0}],
        ),
        (
            "/distance",
            "text/csv",
            b'point,power\n"{""x"": 1}",\n"{""x"": 1}",3\n',
            [{"distance": 1.0}, {"distance": 3.0}],
        ),
        ("/summary", "application/json", {"instances": [1.0, 2.0, None]}, [{"mean": 1.5}]),
        ("/summary", "text/csv", b"v\n1\n\n2\n", [{"mean": 1.5}]),
        ("/shout", "application/json", {"instances": ["a", "b"]}, ["A", "B"]),
        ("/shout", "application/json", "a", ["A"]),
        ("/shout", "text/csv", b'text\n"a, b"\n""\n"c\nd"\n', ["A, B", "", "C\nD"]),
    ],
)
def test_every_way_in_gives_the_same_answer(client, path, content_type, body, expected):
    answer = post(client, path, body, content_type)
    assert answer.status_code == 200, answer.text
    assert answer.json == {"predictions": expected}


@pytest.mark.parametrize(
    ("accept", "content_type", "body"),
    [
        ("*/*", "application/json", b'{"predictions":[21.5,0.0]}'),
        ("application/json", "application/json", b'{"predictions":[21.5,0.0]}'),
        ("text/html, application/json;q=0.9", "application/json", b'{"predictions":[21.5,0.0]}'),
        ("text/csv", "text/csv", b"prediction\n21.5\n0.0\n"),
        ("application/x-ndjson", "application/x-ndjson", b"21.5\n0.0\n"),
    ],
)
def test_every_way_out(client, accept, content_type, body):
    rows = [ROW, {**ROW, "age": 0, "score": None}]
    answer = post(client, "/predict", {"instances": rows}, accept=accept)
    assert (answer.data, answer.content_type) == (body, content_type)


def test_columns_out(client):
    rows = {"instances": [[1.0, 2.0], [3.0, 4.0]]}
    answer = post(client, "/describe", rows, accept="text/csv")
    assert answer.text == "total,label\n3.0,small\n7.0,big\n"
    assert answer.headers["Prediction-Dtype"] in ("float64,str", "float64,object")
    table = pa.ipc.open_stream(post(client, "/describe", rows, accept=ARROW).data).read_all()
    assert table.to_pydict() == {"total": [3.0, 7.0], "label": ["small", "big"]}
    assert table.schema.field("total").type == pa.float64()


def with_(**change):
    return {"instances": [ROW, {**ROW, **change}]}


@pytest.mark.parametrize(
    ("path", "content_type", "body", "status", "detail"),
    [
        ("/predict", "application/json", b'{"instances": [', 400, "not JSON"),
        ("/predict", "application/json", b"", 400, "empty"),
        ("/predict", "application/json", b'{"instances": [{"age": NaN}]}', 400, "not JSON"),
        ("/predict", "application/json", b"\xff\xfe", 400, "not JSON"),
        ("/predict", "application/json", b"[" * 100_000, 400, "not JSON"),
        (
            "/predict",
            "application/json",
            {"instances": 5},
            400,
            "'instances' must be a list of rows",
        ),
        (
            "/predict",
            "application/json",
            {"dataframe_split": {"columns": ["a"]}},
            400,
            "dataframe_split",
        ),
        (
            "/predict",
            "application/json",
            {"inputs": {"age": [1], "score": []}},
            400,
            "differ in length",
        ),
        ("/describe", "application/json", {"data": [[1, 2]]}, 400, "instances"),
        ("/predict", "application/x-ndjson", b"{}\n{", 400, "line 2 is not JSON"),
        ("/predict", "text/csv", b"", 400, "header"),
        ("/predict", "text/csv", b"age,score\n1\n", 400, "row 1 has 1 cells, the header 2"),
        ("/predict", "text/csv", b"age,age\n1,2\n", 400, "more than one column 'age'"),
        ("/predict", "text/csv", b'age\n"1\n', 400, "not CSV"),
        ("/predict", "text/csv", b"age\n\xff\n", 400, "not utf-8"),
        ("/predict", "text/csv; charset=klingon", b"age\n1\n", 415, "klingon"),
        ("/describe", "text/csv", b"a,c\n1,2\n", 400, "'b'"),
        ("/shout", "text/csv", b"a,b\n1,2\n", 400, "one column"),
        ("/predict", ARROW, b"no arrow", 400, "not an Arrow"),
        ("/predict", "application/vnd.apache.parquet", b"no parquet", 400, "not Parquet"),
        ("/predict", "application/x-npy", npy(np.zeros((1, 4))), 415, "arrays only"),
        ("/describe", "application/x-npy", b"no npy", 400, "not an npy"),
        (
            "/describe",
            "application/x-npy",
            npy(np.array([["a", None]], dtype=object)),
            400,
            "not an npy",
        ),
        (
            "/predict",
            "image/png",
            b"",
            415,
            "'image/png' is not accepted; send one of: application/json",
        ),
        (
            "/predict",
            "application/json",
            with_(age="x"),
            422,
            "row 1, field 'age': must be an integer",
        ),
        ("/predict", "application/json", with_(other=1), 422, "row 1, field 'other': is unknown"),
        (
            "/predict",
            "application/json",
            {"instances": [{"age": 1}]},
            422,
            "is missing (and 2 more)",
        ),
        ("/predict", "text/csv", b"age,score\n1,2\n", 422, "field 'name': is missing"),
        (
            "/predict",
            "text/csv",
            b"age,score,name,when\n1.5,,,2024-01-01\n",
            422,
            "must be an integer",
        ),
        ("/distance", "application/json", {"point": {"x": -1}}, 422, "x must not be negative"),
        ("/distance", "application/json", {"point": 5}, 422, "must be an object"),
        ("/summary", "application/json", {"instances": []}, 422, "no rows"),
        ("/shout", "application/json", {"instances": ["a", 1]}, 422, "row 1: must be text"),
        ("/nothing", "application/json", b"", 404, "there is no /nothing"),
    ],
)
def test_a_bad_request_is_a_problem_document(client, path, content_type, body, status, detail):
    answer = post(client, path, body, content_type)
    assert answer.content_type == "application/problem+json"
    document = json.loads(answer.data)
    assert (answer.status_code, document["status"]) == (status, status)
    assert detail in document["detail"]
    assert set(document) >= {"type", "title", "status", "detail"}
    if status == 422 and "no rows" not in detail:
        assert {"row", "field", "message"} == set(document["errors"][0])


def as_json(frame, **options):
    return frame.to_json(orient="records", date_format="iso", **options).encode()


WIRES = {
    "application/json": as_json,
    "text/csv": lambda frame: frame.to_csv(index=False).encode(),
    "application/x-ndjson": lambda frame: as_json(frame, lines=True),
    "application/vnd.apache.arrow.stream": arrow,
    "application/vnd.apache.parquet": parquet,
}


@pytest.mark.parametrize("content_type", WIRES)
def test_missing_and_unknown_columns_are_named_on_every_wire(client, content_type):
    frame = FRAME.rename(columns={"age": "agee"}).assign(other=1)
    answer = post(client, "/predict", WIRES[content_type](frame), content_type)
    found = {(error["field"], error["message"]) for error in json.loads(answer.data)["errors"]}
    assert found >= {
        ("agee", "is unknown; did you mean 'age'?"),
        ("other", "is unknown"),
        ("age", "is missing"),
    }


@pytest.mark.parametrize("content_type", [name for name in WIRES if "json" not in name])
def test_columns_may_come_in_any_order(client, content_type):
    frame = FRAME[FRAME.columns[::-1]]
    answer = post(client, "/predict", WIRES[content_type](frame), content_type)
    assert json.loads(answer.data) == {"predictions": ALL}


def test_method_and_accept(client):
    answer = client.get("/predict")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert json.loads(answer.data)["detail"] == "/predict takes no GET"
    assert post(client, "/predict", ROW, accept="image/png").status_code == 406


def test_limits(package, client, monkeypatch):
    application = importlib.import_module(f"{package}.app")
    settings = importlib.import_module(f"{package}.settings").Settings(max_batch=1, max_body=400)
    small = application.create_app(settings).test_client()
    assert post(small, "/predict", ROW).status_code == 200
    answer = post(small, "/predict", [ROW, ROW])
    assert answer.status_code == 413
    assert "2 rows; at most 1" in json.loads(answer.data)["detail"]
    assert post(small, "/predict", [ROW] * 50).status_code == 413


def test_an_error_of_the_notebook_is_found_in_the_log_alone(client, lines):
    answer = post(client, "/predict", with_(age=13))
    document = json.loads(answer.data)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    (failed,) = [line for line in lines if line.exc_info]
    assert json.loads(failed.getMessage())["id"] == document["id"]
    assert str(failed.exc_info[1]) == "secret words"
    assert answer.headers["X-Request-Id"] == document["id"]


def test_an_answer_that_does_not_fit_the_rows_is_no_prediction(client, lines):
    answer = post(client, "/broken", {"instances": ["a", "b"]})
    assert answer.status_code == 500
    assert "1 answers for 2 rows" in str(next(line for line in lines if line.exc_info).exc_info[1])


def test_one_log_line_a_request_with_its_id(client, lines):
    answer = client.post("/predict", json=[ROW, ROW], headers={"X-Request-Id": "abc-1"})
    assert answer.headers["X-Request-Id"] == "abc-1"
    (line,) = [json.loads(record.getMessage()) for record in lines]
    assert {k: line[k] for k in ("id", "entry", "rows", "status")} == {
        "id": "abc-1",
        "entry": "predict",
        "rows": 2,
        "status": 200,
    }
    assert set(line["ms"]) == {"total", "decode", "wait", "model", "encode"}
    answer = client.post("/predict", json=ROW, headers={"X-Request-Id": 'x" y'})
    assert len(answer.headers["X-Request-Id"]) == 32


def test_information(client, app):
    assert client.get("/healthz").status_code == 200
    service = app.extensions["service"]
    assert client.get("/readyz").status_code == (200 if service.ready else 503)
    metadata = client.get("/metadata").json
    assert [entry["name"] for entry in metadata["entries"]][:2] == ["predict", "describe"]
    assert len(metadata["artifacts"]["weights"]["sha256"]) == 64
    assert metadata["provenance"]["notebook"] == "demo.ipynb"
    assert metadata["versions"] == {"flask": version("flask")}
    post(client, "/predict", [ROW, ROW])
    metrics = client.get("/metrics").text
    assert 'service_requests_total{entry="predict",status="200"}' in metrics
    assert 'service_rows_total{entry="predict"}' in metrics


def test_not_ready_until_every_entry_has_answered(package, monkeypatch):
    application = importlib.import_module(f"{package}.app")
    cold = application.create_app(warm=False)
    client = cold.test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    service = cold.extensions["service"]
    del service.endpoints["broken"]
    service.warm()
    assert client.get("/readyz").status_code == 200


def test_an_entry_that_fails_its_own_example_is_never_ready(app, client, lines):
    service = app.extensions["service"]
    service.ready = False
    service.endpoints["broken"].entry.input.fields[0].__dict__["example"] = "a"
    service.warm()
    answer = client.get("/readyz")
    assert "'broken' does not answer its own example" in answer.text
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, False)


def test_openapi_is_valid_and_says_what_the_service_does(client):
    document = client.get("/openapi.json").json
    openapi_spec_validator.validate(document)
    assert list(document["paths"])[:5] == [f"/{entry.name}" for entry in ENTRIES[:5]]
    row = document["components"]["schemas"]["predict_row"]
    Draft202012Validator(row).validate(ROW)
    assert not Draft202012Validator(row).is_valid({**ROW, "age": "x"})
    assert not Draft202012Validator(row).is_valid({**ROW, "other": 1})
    prediction = document["components"]["schemas"]["describe_prediction"]
    for item in post(client, "/describe", [[1.0, 2.0]]).json["predictions"]:
        Draft202012Validator(prediction).validate(item)


def test_a_single_entry_also_answers_predict(tmp_path, monkeypatch):
    build(tmp_path, "lone_service", ENTRIES[4:5])
    monkeypatch.syspath_prepend(tmp_path)
    client = importlib.import_module("lone_service.app").create_app().test_client()
    assert post(client, "/shout", ["a"]).json == post(client, "/predict", ["a"]).json
    document = client.get("/openapi.json").json
    openapi_spec_validator.validate(document)


def test_files_are_found_as_in_the_notebook(tmp_path, monkeypatch):
    notebook = (
        'with open("data/words.txt") as file:\n    word = file.read()\n\n\n'
        "def shout(texts):\n    return [word for _ in texts]\n"
    )
    package = build(tmp_path, "files_service", ENTRIES[4:5], notebook)
    (package / "files" / "data").mkdir(parents=True)
    (package / "files" / "data" / "words.txt").write_text("hello")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    client = importlib.import_module("files_service.app").create_app().test_client()
    assert post(client, "/shout", ["a"]).json == {"predictions": ["hello"]}


def test_other_versions_than_the_notebooks_are_logged(tmp_path, monkeypatch, capfd):
    package = build(tmp_path, "other_versions")
    contract = json.loads((package / "contract.json").read_text())
    contract["metadata"] = {
        "python": "3.1.4",
        "versions": {"flask": version("flask"), "pytest": "0.1", "no-such": "1"},
    }
    (package / "contract.json").write_text(json.dumps(contract))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("other_versions.app").create_app()
    (line,) = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert line["event"] == "other versions than the notebook's"
    assert line["versions"] == {
        "python": f"{platform.python_version()} instead of 3.1.4",
        "pytest": f"{pytest.__version__} instead of 0.1",
        "no-such": "missing instead of 1",
    }


def of_another_scikit_learn(package):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sklearn.base, "__version__", "0.0.1")
        add_artifact(package, "weights", LogisticRegression())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: (p / "artifacts" / "weights.pickle").unlink(), "weights.pickle is missing"),
        (
            lambda p: (p / "artifacts" / "weights.pickle").write_bytes(b"x"),
            "weights.pickle was altered",
        ),
        (
            lambda p: (p / "artifacts" / "manifest.json").write_text("{}"),
            "lists no artifact 'weights'",
        ),
        (
            lambda p: (p / "artifacts" / "manifest.json").write_text("{"),
            "manifest.json is not JSON",
        ),
        (lambda p: (p / "contract.json").write_text("{"), "contract.json is not a contract"),
        (lambda p: (p / "contract.json").write_text("{}"), "contract.json is not a contract"),
        (lambda p: (p / "contract.json").unlink(), "contract.json: No such file"),
        (lambda p: add_artifact(p, "weights", 1, "zip"), "unknown format 'zip'"),
        (of_another_scikit_learn, "trained with scikit-learn 0.0.1, installed is"),
        (
            lambda p: (p / "notebook.py").write_text("import nothing_like_it"),
            "notebook.py, line 1: ModuleNotFoundError: No module named 'nothing_like_it'",
        ),
        (lambda p: (p / "notebook.py").write_text("x = 1"), "contract.json names what notebook.py"),
    ],
)
def test_a_project_that_does_not_load_says_why(tmp_path, monkeypatch, spoil, message):
    name = f"spoilt_{tmp_path.name.replace('-', '_')}"
    spoil(build(tmp_path, name))
    monkeypatch.syspath_prepend(tmp_path)
    application = importlib.import_module(f"{name}.app")
    with pytest.raises(importlib.import_module(f"{name}.service").LoadError) as caught:
        application.create_app()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
