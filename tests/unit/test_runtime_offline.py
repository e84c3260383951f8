"""Files through the service's own path: the same answers as over HTTP, a piece at a time."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runtime_project import ENTRIES, ROW, build

from nb2service.runtime.contract import Entry, Field, Input, Output
from nb2service.runtime.offline import pieces as cutting

TEXT = Field("", "string")
NOTEBOOK_END = """

def join(frame):
    print("a word of the notebook's")
    return (frame["a"] + "|" + frame["b"].fillna("-")).tolist()


def count(texts):
    return [None if text == "none" else len(text) for text in texts]


def loose(texts):
    return [{"text": text} if text < "b" else {"text": text, "long": True} for text in texts]
"""
JOIN = Entry(
    "join",
    "join",
    Input("frame", (Field("a", "string", "object"), Field("b", "string", "object", nullable=True))),
    Output("list", (TEXT,)),
)
MORE = (
    JOIN,
    Entry(
        "count",
        "count",
        Input("list", (TEXT,)),
        Output("list", (Field("", "integer", nullable=True),)),
    ),
    Entry("loose", "loose", Input("list", (TEXT,)), Output("list", (Field("", "object"),))),
)
MEDIA = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "json": "application/json",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
LIMIT = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offline")
    from runtime_project import NOTEBOOK

    build(folder, "offline_demo", (*ENTRIES[:5], *MORE), NOTEBOOK + NOTEBOOK_END)
    return folder


@pytest.fixture(scope="module")
def service(folder):
    """The command line and the HTTP client of one project, in this process."""
    before, place = signal.getsignal(signal.SIGTERM), Path.cwd()
    sys.path.insert(0, str(folder))
    main = importlib.import_module("offline_demo.__main__").main
    quiet = importlib.import_module("offline_demo.settings").Settings(log_level="ERROR")
    client = importlib.import_module("offline_demo.app").create_app(quiet).test_client()
    cut = importlib.import_module("offline_demo.offline.pieces")
    yield SimpleNamespace(main=main, client=client, pieces=cut)
    sys.path.remove(str(folder))
    signal.signal(signal.SIGTERM, before)
    os.chdir(place)


def predict(service, file, out, *words):
    assert service.main(["predict", str(file), "-o", str(out), *words]) == 0
    return out.read_bytes()


def over_http(service, entry, body, content_type, accept):
    answer = service.client.post(
        f"/{entry}", data=body, headers={"Content-Type": content_type, "Accept": accept}
    )
    return answer.status_code, answer.data


def table(body):
    return pa.ipc.open_stream(body).read_all()


ROWS = {
    "predict": [
        {**ROW, "age": age, "score": None if age % 3 else age / 7, "name": f'a"{age},\n'}
        for age in range(20, 43)
    ],
    "describe": [{"a": n / 3, "b": float(n)} for n in range(23)],
    "distance": [{"point": {"x": n, "y": 2.5}, "power": n % 3} for n in range(23)],
    "shout": [{"value": text} for text in ("ä", "x,y", 'q"', "", "nl\n", "e") * 4],
    "summary": [{"v": n / 3} for n in range(23)],
    "count": [{"value": text} for text in ["none"] * 12 + ["ab", "none"]],
}


def body_of(entry, format_):
    rows = ROWS[entry]
    frame = pd.DataFrame(rows)
    if format_ in ("json", "jsonl"):
        if entry in ("shout", "summary", "count"):
            rows = [next(iter(row.values())) for row in rows]
        if entry == "describe":
            rows = [list(row.values()) for row in rows]
        if format_ == "jsonl":
            return "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
        return json.dumps(rows).encode()
    if entry == "distance":
        frame["point"] = frame["point"].map(json.dumps)
    if format_ == "csv":
        return frame.to_csv(index=False).encode()
    if format_ == "parquet":
        return frame.to_parquet(row_group_size=9)
    sink = io.BytesIO()
    whole = pa.Table.from_pandas(frame)
    with pa.ipc.new_stream(sink, whole.schema) as stream:
        stream.write_table(whole, max_chunksize=11)
    return sink.getvalue()


IN = ["csv", "jsonl", "json", "arrow", "parquet"]
PAIRS = [
    (entry, given, wanted)
    for entry in ROWS
    for given in IN
    for wanted in ("csv", "jsonl", "json", "arrow", "parquet")
    if not (entry == "distance" and given in ("arrow", "parquet"))
]


@pytest.mark.parametrize(("entry", "given", "wanted"), PAIRS)
def test_the_answers_are_those_of_http(service, tmp_path, entry, given, wanted):
    file, out = tmp_path / f"rows.{given}", tmp_path / f"out.{wanted}"
    file.write_bytes(body_of(entry, given))
    scored = predict(service, file, out, "--entry", entry, "--batch", "5")
    accept = MEDIA["arrow" if wanted == "parquet" else wanted]
    status, body = over_http(service, entry, file.read_bytes(), MEDIA[given], accept)
    assert status == 200, body
    if wanted == "parquet":
        assert pq.read_table(out).to_pydict() == table(body).to_pydict()
    elif wanted == "arrow":
        assert table(scored).equals(table(body))
    else:
        assert scored == body


CELLS = st.text(alphabet=st.sampled_from('a1",\n\r \u00e4'), max_size=4)


def quoted(cell, bare):
    return cell if bare and not set(cell) & set('",\r\n') else '"' + cell.replace('"', '""') + '"'


@st.composite
def csv_files(draw, width):
    """Files as people have them: any end of line, quotes or none, empty lines, a mark."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    names = ["a", "b"] if width == 2 else ["value"]
    lines = [",".join(names)]
    for _ in range(draw(st.integers(0, 8))):
        line = ",".join(quoted(draw(CELLS), draw(st.booleans())) for _ in names)
        lines.append(
            draw(st.sampled_from([line, line, line, "", 'x"y,z"' if width == 2 else 'q"']))
        )
    text = end.join(lines) + draw(st.sampled_from(["", end, end * 3]))
    return (draw(st.sampled_from(["", "\ufeff", end])) + text).encode()


@pytest.mark.parametrize(("entry", "width"), [("join", 2), ("count", 1)], ids=["two", "one"])
@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data(), batch=st.integers(1, 4), block=st.integers(1, 40))
def test_where_a_csv_is_cut_does_not_matter(
    service, tmp_path, monkeypatch, capsys, entry, width, data, batch, block
):
    body = data.draw(csv_files(width))
    file, out = tmp_path / "rows.csv", tmp_path / "out.jsonl"
    file.write_bytes(body)
    out.unlink(missing_ok=True)
    with monkeypatch.context() as patch:
        patch.setattr(service.pieces, "_BYTES", block)
        words = ["predict", str(file), "-o", str(out), "--entry", entry, "--batch", str(batch)]
        code = service.main(words)
    status, answer = over_http(service, entry, body, MEDIA["csv"], MEDIA["jsonl"])
    assert (code == 0) is (status == 200), capsys.readouterr().err
    assert (out.read_bytes() if code == 0 else answer) == answer
    assert out.exists() is (code == 0)


def test_a_csv_of_numbers_needs_no_header(service, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("".join(f"{n},{n / 2}\n" for n in range(9)))
    scored = predict(service, file, tmp_path / "out.csv", "--entry", "describe", "--batch", "2")
    body = file.read_bytes()
    assert scored == over_http(service, "describe", body, MEDIA["csv"], MEDIA["csv"])[1]


@pytest.mark.parametrize("wanted", ["csv", "jsonl", "json", "arrow", "parquet"])
def test_a_file_with_a_header_alone_has_no_predictions(service, tmp_path, wanted):
    file, out = tmp_path / "rows.csv", tmp_path / f"out.{wanted}"
    file.write_text("age,score,name,when\n")
    predict(service, file, out, "--entry", "predict")
    accept = MEDIA["arrow" if wanted == "parquet" else wanted]
    _, body = over_http(service, "predict", file.read_bytes(), MEDIA["csv"], accept)
    if wanted == "parquet":
        assert pq.read_table(out).num_rows == table(body).num_rows == 0
    elif wanted == "arrow":
        assert table(out.read_bytes()).num_rows == 0
    else:
        assert out.read_bytes() == body


def test_files_may_be_packed(service, tmp_path):
    file, out = tmp_path / "rows.csv.gz", tmp_path / "out.CSV.gz"
    file.write_bytes(gzip.compress(body_of("predict", "csv")))
    packed = predict(service, file, out, "--entry", "predict")
    plain = over_http(service, "predict", body_of("predict", "csv"), MEDIA["csv"], MEDIA["csv"])
    assert gzip.decompress(packed) == plain[1]


@pytest.mark.parametrize("given", ["csv", "jsonl", "parquet"])
def test_predictions_beside_their_rows(service, tmp_path, given):
    rows = pd.DataFrame({"id": ["001", "x,y"], "a": ["p", "q"], "b": ["r", None]})
    file = tmp_path / f"rows.{given}"
    write = {
        "csv": lambda: rows.to_csv(file, index=False),
        "jsonl": lambda: rows.to_json(file, orient="records", lines=True),
        "parquet": lambda: rows.to_parquet(file),
    }
    write[given]()
    out = predict(service, file, tmp_path / "out.csv", "--entry", "join", "--with-input")
    assert out.decode() == 'id,a,b,prediction\n001,p,r,p|r\n"x,y",q,,q|-\n'


def test_arrays_stand_beside_their_predictions_by_name(service, tmp_path):
    file = tmp_path / "rows.json"
    file.write_text("[[1, 2], [0.5, 0.25]]")
    out = predict(service, file, tmp_path / "o.jsonl", "--entry", "describe", "--with-input")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"a": 1, "b": 2, "total": 3.0, "label": "small"},
        {"a": 0.5, "b": 0.25, "total": 0.75, "label": "small"},
    ]


# --- what is wrong ------------------------------------------------------------------------------

GOOD = '{"a": "p", "b": "q"}\n'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "rows.jsonl",
            GOOD * 6 + '{"a": 1, "b": 2}\n' + GOOD,
            "it breaks the contract (rows count from 0)\n"
            "  row 6, a: must be text, not the number 1\n"
            "  row 6, b: must be text, not the number 2\n",
        ),
        ("rows.csv", "a,b\n" + "p,q\n" * 6 + "p\n", "CSV row 7 has 1 cells, the header 2\n"),
        ("rows.jsonl", GOOD * 3 + "\n" + GOOD * 3 + "{\n", "line 8 is not JSON: "),
        ("rows.csv", "a,b\n" + "p,q\n" * 6 + "\udcff,q\n", "from row 6 on: the body is not utf-8"),
        ("rows.csv", "a,b,id\np,q,1\n", "--with-input keeps columns that the entry does not"),
        ("rows.csv", "", "the CSV is empty"),
        ("rows.json", "{", "the body is not JSON"),
        ("rows.parquet", "PAR1", "it is not Parquet: "),
        ("rows.arrow", "ARROW1", "it is not an Arrow IPC stream: "),
        ("rows.csv", None, "No such file or directory"),
    ],
    ids=[
        "contract", "width", "JSON lines", "UTF-8", "unknown", "empty", "JSON", "Parquet", "Arrow",
        "missing",
    ],
)  # fmt: skip
def test_what_is_wrong_is_counted_in_the_whole_file(
    service, tmp_path, capsys, name, content, message
):
    file, out = tmp_path / name, tmp_path / "out.csv"
    if content is not None:
        file.write_bytes(content.encode(errors="surrogateescape"))
    out.write_text("of before")
    words = ["predict", str(file), "-o", str(out), "--entry", "join", "--batch", "3"]
    assert service.main(words) == 1
    said = capsys.readouterr().err
    assert f"Error: {file}: {message}" in said or (name == "rows.csv" and message in said)
    assert "Traceback" not in said
    assert out.read_text() == "of before"
    assert {path.name for path in tmp_path.iterdir()} <= {name, "out.csv"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rows.csv", "--entry", "nothing"], "--entry must be one of predict, describe"),
        (["rows.xls"], "rows.xls does not end in a format; say with --from which: csv, jsonl"),
        (["rows.csv", "-o", "out.npy"], "out.npy does not end in a format; say with --to which"),
        (["rows.csv", "--to", "npy"], "'npy' is none; say with --to which: csv, jsonl, parquet"),
        (["-"], "say with --from what standard input holds: csv, jsonl, parquet"),
        (["rows.csv", "--batch", "0"], "--batch must be at least 1"),
        (["rows.csv", "--form", "csv"], "unrecognized arguments: --form csv"),
        (["rows.csv", "--entry", "summary", "--with-input"], "no prediction for each row"),
    ],
    ids=["entry", "ending", "out", "to", "stdin", "batch", "word", "beside"],
)
def test_wrong_usage(service, capsys, words, message):
    with pytest.raises(SystemExit) as caught:
        service.main(["predict", *words])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert "predict [-h]" in said


def test_what_the_notebooks_code_says(service, tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "age": 13}))
    assert service.main(["predict", str(file), "--batch", "1", "-o", str(tmp_path / "o.csv")]) == 1
    reason = "from row 1 on: the notebook's code failed: RuntimeError: secret words"
    assert capsys.readouterr().err.endswith(f"Error: {file}: {reason}\n")
    assert list(tmp_path.iterdir()) == [file]


def test_where_nothing_can_be_written(service, tmp_path, capsys):
    (tmp_path / "rows.json").write_text(json.dumps(ROW))
    out = tmp_path / "no such folder" / "out.csv"
    assert service.main(["predict", str(tmp_path / "rows.json"), "-o", str(out)]) == 1
    assert capsys.readouterr().err == f"Error: {out}: No such file or directory\n"


def test_columns_that_come_late_need_json_lines(service, tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    file.write_text('"a"\n"c"\n')
    words = ["predict", str(file), "--entry", "loose", "--batch", "1"]
    assert service.main([*words, "-o", str(tmp_path / "out.csv")]) == 1
    assert "of other columns or types than those before" in capsys.readouterr().err
    assert predict(service, file, tmp_path / "o.jsonl", *words[2:]) == (
        b'{"text":"a"}\n{"text":"c","long":true}\n'
    )


def test_the_project_says_what_needs_pyarrow(service, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["offline_demo.offline.command"], "has_pyarrow", lambda: False)
    assert service.main(["predict", "rows.parquet", "--entry", "join"]) == 1
    assert "need pyarrow: pip install pyarrow" in capsys.readouterr().err


# --- as a program -------------------------------------------------------------------------------


def start(folder, *words, stderr=subprocess.PIPE, **options):
    command = [sys.executable, "-m", "offline_demo", "predict", *map(str, words)]
    return subprocess.Popen(command, cwd=folder, stderr=stderr, **options)


def test_from_standard_input_to_standard_output(folder):
    process = start(
        folder, "-", "--from", "csv", "--entry", "join", stdin=-1, stdout=subprocess.PIPE
    )
    out, said = process.communicate(b"a,b\np,q\n", timeout=LIMIT)
    assert (process.returncode, out) == (0, b"prediction\np|q\n")
    # Nothing but predictions, whatever the notebook's code prints; and no bar in a log.
    words = said.decode().partition("\n")[2]  # after the warning of another version
    assert words == "a word of the notebook's\n1 rows → standard output\n"


def test_a_person_sees_how_far_it_is(folder, tmp_path):
    (tmp_path / "rows.jsonl").write_text('"a"\n' * 5)
    terminal, end = os.openpty()
    words = [tmp_path / "rows.jsonl", "-o", tmp_path / "out.csv", "--entry", "shout"]
    process = start(folder, *words, stderr=end)
    os.close(end)
    assert process.wait(LIMIT) == 0
    said = os.read(terminal, 2**16).decode()
    os.close(terminal)
    assert "100%  5 rows" in said
    assert said.endswith(f"5 rows → {tmp_path / 'out.csv'}\r\n")


def test_who_has_seen_enough_is_no_error(folder):
    process = start(
        folder, "-", "--from", "jsonl", "--entry", "shout", stdin=-1, stdout=subprocess.PIPE
    )
    process.stdout.close()
    process.stdin.write(b'"a"\n' * 100_000)
    process.stdin.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(LIMIT) == 1
    assert said.startswith(b"Warning: other versions")
    assert said.count(b"\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_who_stops_it_has_nothing_half_done(folder, tmp_path, number):
    out = tmp_path / "out.csv"
    words = ("-", "--from", "jsonl", "--to", "csv", "--entry", "shout", "-o", out)
    process = start(folder, *words, stdin=-1)
    process.stdin.write(b'"a"\n')
    process.stdin.flush()
    while not list(tmp_path.glob(".out.csv.*.part")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=LIMIT)
    assert (process.returncode, said[-8:]) == (130, b"Stopped\n")
    assert b"Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_file():
    line = b"some text,with a comma,1.5\n"
    size = len(line) * 1_500_000

    class Endless(io.RawIOBase):
        left = size

        def readable(self):
            return True

        def readinto(self, buffer):
            count = min(len(buffer) // len(line) * len(line), self.left)
            buffer[:count] = line * (count // len(line))
            self.left -= count
            return count

    tracemalloc.start()
    file = io.BufferedReader(Endless())
    cut = cutting.pieces(file, "csv", JOIN.input, 10_000)
    read = sum(len(piece.body) for piece in cut)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read > size * 0.99
    assert peak < size / 3
