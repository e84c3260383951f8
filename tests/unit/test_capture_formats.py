"""Parts of artifacts in their libraries' own formats; the libraries are stand-ins here.

``tests/kernel/test_libraries.py`` asks the real ones.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler
from stored import put

from nb2service.capture.closure import artifacts
from nb2service.capture.closure.artifacts import Saved
from nb2service.capture.closure.formats.part import Numbers, Part, timeless
from nb2service.capture.closure.formats.parts import starts_threads
from nb2service.errors import CaptureError
from nb2service.runtime import native, store


class Booster:
    """Does what XGBoost's does, as far as it is saved and loaded."""

    def __init__(self, parameters: dict[str, Any] | None = None) -> None:
        self.handle = parameters

    def save_config(self) -> str:
        return json.dumps({"learner": {"generic_param": {"nthread": "2"}}})

    def save_raw(self, form: str) -> bytearray:
        return bytearray(f"{form} of 3 trees".encode())

    def load_model(self, data: bytearray) -> None:
        self.handle = {**(self.handle or {}), "read": data.decode()}


Booster.__module__ = "xgboost.core"


@pytest.fixture
def xgboost(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    made = ModuleType("xgboost")
    made.Booster, made.__version__ = Booster, "3.1.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xgboost", made)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(store, "FOLDER", tmp_path)
    store.manifest.cache_clear()
    yield tmp_path
    store.manifest.cache_clear()


def save(value: Any, use_skops: bool = False) -> Saved:
    return artifacts.save("value", value, "pkg", repr, use_skops)


def test_a_model_is_taken_out_wherever_it_lies(xgboost: ModuleType, folder: Path) -> None:
    one, other = Booster(), Booster()
    saved = save({"a": [one, {"b": one}], "c": (other,)})
    assert [(part.format, part.suffix, part.type) for part in saved.parts] == [
        ("xgboost", ".ubj", "xgboost.core.Booster")
    ] * 2
    assert saved.modules == ("xgboost",)
    assert b"trees" not in saved.data
    put(folder, saved)
    back = store.load("value")
    assert back["a"][0] is back["a"][1]["b"]
    assert back["c"][0] is not back["a"][0]
    assert back["a"][0].handle == {"nthread": 2, "read": "ubj of 3 trees"}


def test_large_arrays_beside_a_model_stay_mapped(xgboost: ModuleType, folder: Path) -> None:
    saved = save([Booster(), bytearray(2), pd.Series(range(2**18)).to_numpy()])
    assert saved.format == "mapped"
    put(folder, saved)
    assert store.load("value")[2][-1] == 2**18 - 1


def test_what_a_library_cannot_save_is_pickled_and_named(
    xgboost: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Booster, form: str) -> bytearray:
        raise ValueError("no such form\nat all")

    monkeypatch.setattr(Booster, "save_raw", fails)
    monkeypatch.setitem(sys.modules, "xgboost.core", sys.modules[__name__])
    saved = save([Booster()])
    assert saved.parts == ()
    assert saved.pickled == ("xgboost.core.Booster is pickled: no such form",)


def test_what_a_person_added_to_a_model_is_not_lost(
    xgboost: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost.core", sys.modules[__name__])
    booster = Booster()
    booster.note = "mine"  # type: ignore[attr-defined]
    saved = save(booster)
    assert saved.parts == ()
    assert b"mine" in saved.data


class Trap:
    """Leaves a mark when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_nothing_is_loaded_beside_an_altered_part(xgboost: ModuleType, folder: Path) -> None:
    put(folder, save([Trap(folder / "mark"), Booster()]))
    (folder / "value.ubj").write_text("UBJ of 3 trees")
    with pytest.raises(store.ArtifactError, match=r"value\.ubj was altered: its sha256 is"):
        store.load("value")
    (folder / "value.ubj").unlink()
    with pytest.raises(store.ArtifactError, match=r"value\.ubj is missing"):
        store.load("value")
    assert not (folder / "mark").exists()


OTHER_VERSIONS = [
    ("xgboost", "3.0.9", "3.1.0", "does not fit: saved with xgboost 3.1.0, installed is 3.0.9"),
    ("xgboost", "3.1.0", "3.1.0", ""),
    ("xgboost", "3.10.0+cpu", "3.9.1", ""),
    ("spacy", "3.8.0", "3.7.5", "does not fit: saved with xgboost 3.7.5, installed is 3.8.0"),
    ("spacy", "3.8.9", "3.8.0", ""),
    ("torch", "1.0", "2.0", ""),
    ("nothing known", "1", "1", "has the unknown format 'nothing known'"),
]


@pytest.mark.parametrize(("form", "installed", "saved", "message"), OTHER_VERSIONS)
def test_versions_that_do_not_fit_are_named(
    xgboost: ModuleType, form: str, installed: str, saved: str, message: str
) -> None:
    xgboost.__version__ = installed  # type: ignore[attr-defined]
    part = {"format": form, "library": "xgboost", "version": saved}
    if message:
        with pytest.raises(native.MisfitError, match=message.replace(".", r"\.")):
            native.check(part, Path("model"))
    else:
        native.check(part, Path("model"))


def test_bytecode_of_another_python_is_refused(xgboost: ModuleType, folder: Path) -> None:
    put(folder, save(Booster()), {"python": "3.4"})
    with pytest.raises(store.ArtifactError, match=r"holds bytecode of Python 3\.4; this is"):
        store.load("value")


def test_what_a_library_says_against_a_file_is_told(
    xgboost: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, save(Booster()))

    def fails(self: Booster, data: bytearray) -> None:
        raise ValueError("odd tree")

    monkeypatch.setattr(Booster, "load_model", fails)
    with pytest.raises(store.ArtifactError, match=r"xgboost cannot read .*ValueError: odd tree"):
        store.load("value")


THREADS = [
    ("a model of XGBoost, pickled too", ("numpy", "xgboost.sklearn"), "", True),
    ("tensors", ("torch",), "torch", False),
    ("a program of PyTorch", ("torch",), "torchscript", True),
]


@pytest.mark.parametrize(
    ("modules", "form", "threads"), [row[1:] for row in THREADS], ids=[row[0] for row in THREADS]
)
def test_what_starts_threads_is_known(modules: tuple[str, ...], form: str, threads: bool) -> None:
    parts = [Part(form, "", b"", "")] if form else []
    assert starts_threads(modules, parts) is threads


def test_what_starts_threads_is_loaded_by_each_worker(folder: Path) -> None:
    assert store.crosses_fork()
    put(folder, save([]), threads=True)
    assert not store.crosses_fork()


def test_variables_are_set_unless_somebody_did(
    xgboost: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.delenv("NB2SERVICE_TEST", raising=False)
    wanted = {"KERAS_BACKEND": "torch", "NB2SERVICE_TEST": "1"}
    put(folder, save(Booster()), {"format": "keras", "environment": wanted})
    store.prepare()
    assert os.environ["KERAS_BACKEND"] == "jax"
    assert os.environ.pop("NB2SERVICE_TEST") == "1"


FRAMES = [
    ("texts", pd.DataFrame({"town": ["Ulm", None], "n": [1, 2]}), True),
    ("values of several types", pd.DataFrame({"o": pd.Series([1, True], dtype=object)}), False),
    ("an index with a frequency", pd.DataFrame(
        {"t": ["a", "b"]}, index=pd.date_range("2020", periods=2, freq="D")), False),
    ("nothing of Arrow's", pd.DataFrame([[1.5]]), False),
]  # fmt: skip


@pytest.mark.parametrize(("frame", "taken"), [f[1:] for f in FRAMES], ids=[f[0] for f in FRAMES])
def test_frames_are_parquet_where_they_come_back_exactly(
    folder: Path, frame: pd.DataFrame, taken: bool
) -> None:
    if taken:
        frame = frame.astype({"town": "string[pyarrow]"})
        frame.attrs["unit"] = "m"
        taken = frame.columns.dtype != object  # names of columns are of any type before pandas 3
    saved = save({"table": frame})
    assert [part.format for part in saved.parts] == (["parquet"] if taken else [])
    put(folder, saved)
    back = store.load("value")["table"]
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert back.attrs == frame.attrs


def test_a_frame_within_a_model_is_the_models(folder: Path) -> None:
    scaler = StandardScaler()
    scaler.table = pd.DataFrame({"a": pd.array(["x"], dtype="string[pyarrow]")})
    assert save(scaler).parts == ()


def test_skops_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skops", None)
    assert save([StandardScaler()]).parts == ()
    with pytest.raises(CaptureError, match=r"value\[0\]: --skops needs skops") as caught:
        save([StandardScaler()], use_skops=True)
    assert caught.value.hint == "%pip install skops"


def test_zip_files_tell_no_time() -> None:
    def archive(when: float) -> io.BytesIO:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            info = zipfile.ZipInfo("a.json", time.localtime(when)[:6])
            file.writestr(info, f"{when}", zipfile.ZIP_DEFLATED)
        return made

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        return f"b/{name}", b"same"

    one, other = (timeless(archive(when), change) for when in (1e9, 1.5e9))
    assert one == other
    assert zipfile.ZipFile(io.BytesIO(one)).read("b/a.json") == b"same"


def test_addresses_become_numbers_in_their_order() -> None:
    numbers = Numbers(r'(?:"id": |"file": ")(\d+)')
    assert numbers.replace('"id": 99, "file": "98.npy"') == '"id": 1, "file": "2.npy"'
    assert numbers.replace('"id": 98, "n": 98') == '"id": 2, "n": 98'
