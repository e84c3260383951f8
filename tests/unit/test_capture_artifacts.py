from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import MethodType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stored import load_from

from nb2service.capture.closure import artifacts
from nb2service.capture.closure.artifacts import Saved, qualified_type, save
from nb2service.errors import CaptureError
from nb2service.runtime import store

NOTEBOOK = """
class Box:
    class Inner:
        pass
    def __init__(self, held=None):
        self.held = held

def double(x):
    return 2 * x
"""


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A live notebook, and the module that will be its ``notebook.py``."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(NOTEBOOK, space)
    made = ModuleType("pkg.notebook")
    exec(NOTEBOOK, vars(made))
    monkeypatch.setitem(sys.modules, "pkg", ModuleType("pkg"))
    monkeypatch.setitem(sys.modules, "pkg.notebook", made)
    return space


def home(thing: Any) -> str:
    return str(thing.__qualname__)


def load(saved: Saved) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return load_from(Path(folder), saved)


def test_classes_and_functions_of_the_notebook_move_home(notebook: dict[str, Any]) -> None:
    box = notebook["Box"]([notebook["Box"].Inner(), notebook["double"]])
    saved = save("box", box, "pkg", home)
    assert saved.names == ("Box", "double")
    assert saved.modules == ()
    back = load(saved)
    assert type(back).__module__ == "pkg.notebook"
    assert type(back.held[0]).__qualname__ == "Box.Inner"
    assert back.held[1](4) == 8
    assert type(box).__module__ == "__main__"
    assert b"__main__" not in saved.data


def test_objects_within_arrays_and_frames_move_home(notebook: dict[str, Any]) -> None:
    box = notebook["Box"]
    array = np.array([box(1), box(2)], dtype=object)
    frame = pd.DataFrame({"o": array, "n": [1.5, 2.5]})
    saved = save("both", {"array": array, "frame": frame}, "pkg", home)
    assert saved.names == ("Box",)
    assert b"__main__" not in saved.data
    back = load(saved)
    assert [item.held for item in back["array"]] == [1, 2]
    assert [item.held for item in back["frame"]["o"]] == [1, 2]
    assert back["frame"]["n"].tolist() == [1.5, 2.5]


def test_a_method_of_one_object_only_is_kept(notebook: dict[str, Any]) -> None:
    """Its class has no such method, or another of that name."""
    box = notebook["Box"]()
    exec("def own(self): return ('own', self)", vars(sys.modules["pkg.notebook"]))
    exec("def own(self): return ('own', self)", notebook)
    box.bound = MethodType(notebook["own"], box)
    box.usual = [1, 2].append
    back = load(save("box", box, "pkg", home))
    assert back.bound() == ("own", back)
    assert back.usual.__self__ == [1, 2]


ROUND_TRIPS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.array(["a", "bc"]),
    np.array([], dtype="float32"),
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    np.array([1, None, "x"], dtype=object),
    np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]"),
    np.arange(12.0).reshape(3, 4)[:, ::2],
    np.arange(3.0).view(np.memmap),
    np.array(5, dtype=">i2"),
    [np.frombuffer(b"", "u1"), np.frombuffer(b"", "u1"), np.frombuffer(b"x", "u1")],
]
LARGE = [1, artifacts._LARGE]  # all arrays are mapped, or none of these small ones


@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize("array", ROUND_TRIPS, ids=lambda a: str(getattr(a, "dtype", "several")))
def test_arrays_come_back_the_same(monkeypatch: pytest.MonkeyPatch, large: int, array: Any) -> None:
    monkeypatch.setattr(artifacts, "_LARGE", large)
    arrays = array if isinstance(array, list) else [array]
    back = load(save("arrays", arrays, "pkg", home))
    for one, other in zip(arrays, back, strict=True):
        assert type(other) is type(one)
        assert other.dtype == one.dtype
        assert other.shape == one.shape
        assert repr(other.tolist()) == repr(one.tolist())
        assert other.flags.f_contiguous == one.flags.f_contiguous or not one.flags.forc
        assert other.flags.writeable == one.flags.writeable


@pytest.mark.parametrize("large", LARGE)
def test_frames_come_back_the_same(monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(artifacts, "_LARGE", large)
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "c": pd.Categorical(["x", "y"], categories=["y", "x"], ordered=True),
            "t": pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Berlin"),
            "s": ["001", None],
        }
    )
    pd.testing.assert_frame_equal(load(save("frame", frame, "pkg", home)), frame)


def test_large_arrays_are_pages_of_the_file(tmp_path: Path) -> None:
    small, large = np.arange(1000.0), np.arange(200_000.0)
    saved = save("held", {"a": large, "b": [small, large], "c": large[::2].copy("F")}, "pkg", home)
    assert saved.format == "mapped"
    assert saved.data.count(large.tobytes()) == 1
    one, two = (load_from(tmp_path, saved) for _ in range(2))
    assert one["a"] is one["b"][1]
    assert one["a"].ctypes.data % store.ALIGNMENT == 0
    one["a"][:] = 7.0  # the writer's own copy
    assert (two["a"] == large).all()
    assert (two["b"][0] == small).all()
    assert (tmp_path / "value.mapped").read_bytes() == saved.data


def test_values_without_large_arrays_are_plain_pickles() -> None:
    for value in ({"a": [1, 2]}, np.arange(3)):
        saved = save("words", value, "pkg", home)
        assert saved.format == "pickle"
        assert str(pickle.loads(saved.data)) == str(value)


def test_modules_are_those_that_the_bytes_refer_to() -> None:
    from collections import OrderedDict
    from decimal import Decimal

    saved = save("d", OrderedDict(a=Decimal(1)), "pkg", home)
    assert saved.modules == ("collections", "decimal")


REFUSED = [
    (lambda: {"a": [0, sys]}, "v['a'][1]: the module sys inside an object cannot be saved"),
    (lambda: (i for i in ()), "v: a generator cannot be saved"),
    (lambda: [threading.Lock()], "v[0]: a _thread.lock cannot be saved"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[row[1] for row in REFUSED])
def test_refusals_name_the_culprit(make: Any, message: str) -> None:
    with pytest.raises(CaptureError) as caught:
        save("v", make(), "pkg", home)
    assert caught.value.message == message
    assert caught.value.hint


def test_an_attribute_of_an_object_is_named_as_one(notebook: dict[str, Any]) -> None:
    with pytest.raises(CaptureError, match=r"^box\.held\['k'\]\.held: the module sys"):
        save("box", notebook["Box"]({"k": notebook["Box"](sys)}), "pkg", home)


def test_an_object_of_a_reloaded_module_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shop")
    exec("class Item: pass", vars(module))
    item = module.Item()
    exec("class Item: pass", vars(module))
    monkeypatch.setitem(sys.modules, "shop", module)
    with pytest.raises(
        CaptureError, match=r"v\[0\]: Item is an older one than shop holds"
    ) as caught:
        save("v", [item], "pkg", home)
    assert "reloaded" in caught.value.hint


def test_too_deep_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CaptureError, match="nested too deeply"):
        save("deep", deep, "pkg", home)


def test_types_are_named_as_people_import_them(notebook: dict[str, Any]) -> None:
    assert qualified_type(np.arange(1)) == "numpy.ndarray"
    assert qualified_type({}) == "dict"
    assert qualified_type(notebook["Box"]()) == "Box"


_SAVE = """
from nb2service.capture.closure.artifacts import save
import hashlib, numpy as np
from sklearn.feature_extraction.text import CountVectorizer
value = {"words": {"b", "a", "c"}, "stop": frozenset(["x", "y", None, 1]), "a": np.arange(3)}
value["vectorizer"] = CountVectorizer(stop_words=["the"]).fit(["the sea"])
print(hashlib.sha256(save("v", value, "pkg", repr).data).hexdigest())
"""


def test_the_bytes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    def run(seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", _SAVE], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )  # fmt: skip
        return done.stdout

    assert run("1") == run("2")
