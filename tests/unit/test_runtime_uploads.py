"""Files in requests and answers: forms, images, open files, paths, arrays, and the file itself."""

from __future__ import annotations

import base64
import gc
import io
import json
import types
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import EnvironBuilder

from nb2service.runtime.codec.uploads import Uploaded
from nb2service.runtime.contract import Contract, Entry, Field, Input, Output
from nb2service.runtime.endpoint import Endpoint
from nb2service.runtime.openapi import openapi
from nb2service.runtime.problems import Problem, Violations

BYTES = Field("image", "bytes")
PICTURE = Field("image", "bytes", "RGB", python="image")
PIXELS = Field("image", "list", "uint8", items=Field("", "integer", "uint8"), python="ndarray",
               shape=(-1, 3))  # fmt: skip


def png(size=(2, 1), mode="RGB"):
    stream = io.BytesIO()
    Image.new(mode, size, 9).save(stream, "PNG")
    return stream.getvalue()


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def form(*parts):
    """A form of (name, content), the bytes as files, and its content type."""
    builder = EnvironBuilder(method="POST", content_type="multipart/form-data")
    for name, content in parts:
        file = isinstance(content, bytes)
        target = builder.files if file else builder.form
        target.add(name, FileStorage(io.BytesIO(content), f"{name}.bin") if file else content)
    environ = builder.get_environ()
    return environ["wsgi.input"].read(), environ["CONTENT_TYPE"]


def endpoint(function, *fields, kind="arguments", output=None):
    entry = Entry(
        "f",
        "f",
        Input(kind, fields),
        output or Output("value" if kind == "arguments" else "list", (Field("", "any"),)),
    )
    module = types.ModuleType("notebook")
    module.f = function
    return Endpoint(entry, module)


def asked(made, *parts, accept=""):
    return json.loads(made.answer(*form(*parts), accept).body)["predictions"]


# --- arguments and rows


def length(image, times=1):
    return len(image) * times


TIMES = Field("times", "integer", required=False, default=1)
TWO = (("image", b"abc"), ("image", b""))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((("image", b"abc"),), [3]),
        ((("image", b"abc"), ("times", "2")), [6]),
        ((("image", base64.b64encode(b"abcd").decode()),), [4]),
        (TWO, [3, 0]),
        ((*TWO, ("times", "5")), [15, 0]),
        ((*TWO, ("times", "5"), ("times", "2")), [15, 0]),
    ],
    ids=["file", "file and value", "base64", "rows", "a value for all", "a value for each"],
)
def test_parts_are_arguments_and_several_of_a_name_are_rows(parts, expected):
    assert asked(endpoint(length, BYTES, TIMES), *parts) == expected


def test_files_of_one_name_are_the_rows_of_a_list_or_one_list():
    sizes = lambda files: [len(file) for file in files]  # noqa: E731
    assert asked(endpoint(sizes, Field("", "bytes"), kind="list"), *TWO) == [3, 0]
    several = Field("image", "list", items=Field("", "bytes"))
    assert asked(endpoint(lambda image: sizes(image), several), *TWO) == [[3, 0]]


def test_text_in_a_form_is_read_as_in_csv():
    fields = (Field("file", "bytes"), Field("zip", "string"), Field("at", "date", nullable=True),
              Field("more", "list", items=Field("", "number")))  # fmt: skip
    made = endpoint(lambda file, zip, at, more: [zip, at, more], *fields)
    parts = (("file", b""), ("zip", "001"), ("at", ""), ("more", "[1, 2.5]"))
    assert asked(made, *parts) == [["001", None, [1, 2.5]]]


@pytest.mark.parametrize(
    ("parts", "field", "message"),
    [
        ((("img", b"x"),), "img", "is unknown; did you mean 'image'?"),
        ((("times", "1"),), "image", "is missing"),
        ((("image", "#"),), "image", "must be base64 text, or a file, not the text '#'"),
        ((("image", b""), ("times", "x")), "times", "must be an integer, not the text 'x'"),
        ((("image", b""), ("times", b"1")), "times", "must be an integer, not a file"),
    ],
    ids=["unknown", "missing", "no base64", "no number", "a file for a number"],
)
def test_what_is_wrong_with_a_part_is_told_by_its_name(parts, field, message):
    with pytest.raises(Violations) as caught:
        asked(endpoint(length, BYTES, TIMES), *parts)
    assert (field, message) in [(e.field, e.message) for e in caught.value.errors]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "detail"),
    [
        (*form(), 400, "the body has no parts"),
        (b"x", "multipart/form-data", 400, "no boundary"),
        (b"--b\r\nno header", "multipart/form-data; boundary=b", 400, "is not multipart"),
        (*form(*TWO, ("times", "1"), ("times", "2"), ("times", "3")), 400, "2 parts called"),
        (b"--b\r\n" * 10_005, "multipart/form-data; boundary=b", 413, "more than 10000 parts"),
    ],
    ids=["empty", "no boundary", "no header", "uneven", "many"],
)
def test_forms_that_are_none(body, content_type, status, detail):
    with pytest.raises(Problem) as caught:
        endpoint(length, BYTES, TIMES).answer(body, content_type)
    assert caught.value.status == status
    assert detail in str(caught.value)


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_whatever_a_form_holds_it_is_answered_or_refused(body, framed):
    made = endpoint(length, BYTES, TIMES)
    body = b"--b\r\nContent-Disposition: form-data; name=image" + body if framed else body
    with suppress(Problem):
        made.answer(body, "multipart/form-data; boundary=b")


def test_entries_without_files_take_no_forms():
    made = endpoint(lambda x: x, Field("x", "number"))
    with pytest.raises(Problem, match="takes no files") as caught:
        asked(made, ("x", "1"))
    assert caught.value.status == 415


# --- what the notebook's code receives


def test_an_image_is_taken_to_the_mode_that_the_notebook_had():
    made = endpoint(lambda image: [image.mode, *image.size], PICTURE)
    assert asked(made, ("image", png((3, 2), "L"))) == [["RGB", 3, 2]]
    sent = "data:image/png;base64," + base64.b64encode(png()).decode()
    answer = made.answer(json.dumps({"image": sent}).encode())
    assert json.loads(answer.body)["predictions"] == [["RGB", 2, 1]]


@pytest.mark.parametrize(
    "data",
    [b"", b"no image", png()[:40], b"%!PS-Adobe-3.0 EPSF-3.0\n"],
    ids=["nothing", "text", "cut off", "of another program"],
)
def test_what_is_no_image_is_refused(data):
    with pytest.raises(Violations, match="field 'image': must be an image file: PNG"):
        asked(endpoint(lambda image: 1, PICTURE), ("image", data))


def test_pixels_come_as_nested_lists_or_as_an_npy_file():
    made = endpoint(lambda image: [str(image.dtype), *image.shape, int(image.sum())], PIXELS)
    array = np.arange(2 * 5 * 3, dtype="uint8").reshape(2, 5, 3)
    expected = [["uint8", 2, 5, 3, 435]]
    assert asked(made, ("image", npy(array))) == expected
    assert asked(made, ("image", npy(array.astype("int64")))) == expected
    body = json.dumps({"image": array.tolist()}).encode()
    assert json.loads(made.answer(body).body)["predictions"] == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x", "must be an .npy file"),
        (npy(np.zeros((2, 5), "uint8")), "must have 3 axes, (n, any, 3), not (2, 5)"),
        (npy(np.zeros((2, 5, 4), "uint8")), "must have 3 axes, (n, any, 3), not (2, 5, 4)"),
        (npy(np.full((1, 1, 3), 256)), "must hold values of uint8, not int64"),
        (npy(np.array([[["a", "b", "c"]]])), "must hold values of uint8"),
        (npy(np.array([None])), "must be an .npy file"),
    ],
    ids=["no file", "two axes", "four values", "too large", "text", "objects"],
)
def test_arrays_that_do_not_fit(data, message):
    with pytest.raises(Violations) as caught:
        asked(endpoint(lambda image: 1, PIXELS), ("image", data))
    [error] = caught.value.errors
    assert error.field == "image"
    assert message in error.message


@pytest.mark.parametrize("rows", [[[[1, 2, 3]], [[1, 2]]], [[1, 2, 3]], [1], [[], [[1, 2, 3]]]])
def test_nested_lists_of_another_shape_are_refused(rows):
    with pytest.raises(Violations, match="image"):
        endpoint(lambda image: 1, PIXELS).answer(json.dumps({"image": rows}).encode())


def test_a_file_lies_on_the_disk_as_long_as_it_is_needed():
    seen = []

    def read(path, other, file):
        seen.extend([path, other])
        assert isinstance(other, Path)
        return [Path(path).suffix, Path(path).read_text(), other.read_text(), file.read().decode()]

    fields = (
        Field("path", "bytes", python="path", label=".csv"),
        Field("other", "bytes", python="pathlib", label=".txt"),
        Field("file", "bytes", python="file"),
    )
    made = endpoint(read, *fields)
    assert asked(made, ("path", b"a"), ("other", b"b"), ("file", b"c")) == [[".csv", "a", "b", "c"]]
    names = [str(path) for path in seen]
    assert all(isinstance(path, (Uploaded, Path)) for path in seen)
    assert all(Path(name).exists() for name in names)
    seen.clear()
    gc.collect()
    assert not any(Path(name).exists() for name in names)


# --- the file itself as the answer


FILE = Output("value", (Field("", "bytes"),))


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("image/png", "image/png"),
        ("application/octet-stream", "image/png"),
        ("image/*", "image/png"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("image/avif,image/webp,image/png,*/*;q=0.8", "image/png"),
    ],
)
def test_an_image_goes_out_as_it_is_where_it_is_asked_for(accept, content_type):
    made = endpoint(lambda n: png((n, n)), Field("n", "integer"), output=FILE)
    answer = made.answer(b'{"n": 2}', "", accept)
    assert answer.content_type == content_type
    encoded = base64.b64encode(png((2, 2))).decode()
    as_json = json.dumps({"predictions": [encoded]}, separators=(",", ":")).encode()
    assert answer.body == (as_json if content_type.endswith("json") else png((2, 2)))


def test_only_a_single_file_of_the_type_asked_for_goes_out():
    made = endpoint(lambda n: b"plain", Field("n", "integer"), output=FILE)
    assert made.answer(b'{"n": 2}', "", "application/octet-stream").body == b"plain"
    for body, accept in (
        (b'{"n": 2}', "image/png"),
        (b'[{"n": 2}, {"n": 2}]', "application/octet-stream"),
        (b'{"n": 2}', "text/html"),
    ):
        with pytest.raises(Problem) as caught:
            made.answer(body, "", accept)
        assert caught.value.status == 406


def test_openapi_describes_files():
    contract = Contract("c", "", "", (endpoint(length, PICTURE, TIMES, output=FILE).entry,))
    operation = openapi(contract)["paths"]["/f"]["post"]
    form_ = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form_["properties"]["image"]["contentMediaType"] == "application/octet-stream"
    assert form_["required"] == ["image"]
    assert "application/octet-stream" in operation["responses"]["200"]["content"]
    row = openapi(contract)["components"]["schemas"]["f_row"]["properties"]["image"]
    assert row["contentEncoding"] == "base64"
