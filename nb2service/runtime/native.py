"""Models that their own libraries saved: beside the pickle, which refers to them by number."""

from __future__ import annotations

import importlib
import inspect
import pickle
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

# A file of these needs the very minor version that wrote it; one of the others, that or a later.
_SAME_MINOR = {"spacy"}
# Values whose form has been the same in all versions.
_ANY_VERSION = {"onnx", "onnxruntime", "parquet", "skops", "torch"}


class MisfitError(RuntimeError):
    """A file that the library installed here does not read."""


class Unpickler(pickle.Unpickler):
    """Reads a pickle whose models lie in files of their own.

    Args:
        file: the pickle.
        folder: where the files are.
        parts: what the manifest says of them.
        how: as for ``pickle.Unpickler``.
    """

    def __init__(
        self, file: BinaryIO, folder: Path, parts: Sequence[dict[str, Any]], **how: Any
    ) -> None:
        super().__init__(file, **how)
        self._folder = folder
        self._parts = parts
        self._loaded: dict[int, Any] = {}

    def persistent_load(self, reference: tuple[Any, ...]) -> Any:
        """The value that a reference stands for; the same one each time."""
        number, key, *details = reference
        if number not in self._loaded:
            part = self._parts[number]
            self._loaded[number] = _load(part, self._folder / part["file"], *details)
        value = self._loaded[number]
        return value if key is None else value[key]


def _load(part: dict[str, Any], path: Path, details: tuple[Any, ...]) -> Any:
    check(part, path)
    try:
        return _LOADERS[part["format"]](path, *details)
    except Exception as error:  # whatever the library says of it
        raise MisfitError(
            f"{part['library']} cannot read the artifact {path}: {type(error).__name__}: {error}"
        ) from error


def check(part: dict[str, Any], path: Path) -> None:
    """See whether this Python and the library installed here can read a file.

    Raises:
        MisfitError: they cannot; the message says which version can.
    """
    here = "{}.{}".format(*sys.version_info)
    if part.get("python") not in (None, here):
        raise MisfitError(
            f"the artifact {path} holds bytecode of Python {part['python']}; this is Python {here}"
        )
    if part["format"] not in _LOADERS:
        raise MisfitError(f"the artifact {path} has the unknown format {part['format']!r}")
    if part["format"] in _ANY_VERSION:
        return
    library, saved = part["library"], part["version"]
    installed = str(getattr(importlib.import_module(library), "__version__", ""))
    have, need = _numbers(installed), _numbers(saved)
    fits = have[:2] == need[:2] if part["format"] in _SAME_MINOR else have >= need
    if not fits:
        raise MisfitError(
            f"the artifact {path} does not fit: saved with {library} {saved}, installed is "
            f"{installed}; install {saved}"
        )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3]]


def _xgboost(path: Path, threads: int) -> Any:
    import xgboost

    booster = xgboost.Booster({"nthread": threads} if threads > 0 else None)
    booster.load_model(path)
    return booster


def _lightgbm(path: Path, kind: Any, state: dict[str, Any], key: str) -> Any:
    booster = kind.__new__(kind)
    booster.__setstate__({**state, key: path.read_text("utf-8")})
    return booster


def _catboost(path: Path, kind: Any, state: dict[str, Any], key: str) -> Any:
    model = kind.__new__(kind)
    model.__setstate__({**state, key: path.read_bytes()})
    return model


def _torch(path: Path) -> Any:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def _torchscript(path: Path) -> Any:
    import torch

    return torch.jit.load(path, map_location="cpu")


def _torch_export(path: Path) -> Any:
    import torch

    return torch.export.load(path)


def load_keras(path: Path, own: dict[str, Any], whole: bool) -> Any:
    """A Keras model.

    Args:
        path: a ``.keras`` file.
        own: the notebook's classes and functions in it, by the names that the file has for them.
        whole: whether it can be trained on: else loss and metrics are left out.
    """
    import keras

    with ExitStack() as as_before:
        for kind in own.values():
            if isinstance(kind, type) and issubclass(kind, keras.layers.Layer):
                _take_fewer_arguments(kind, as_before)
        # Its bytecode is no less safe than the pickle beside it: both are checked by their hashes.
        return keras.saving.load_model(path, custom_objects=own, compile=whole, safe_mode=False)


def _take_fewer_arguments(kind: Any, as_before: ExitStack) -> None:
    """Let a class be made whose ``__init__`` does not take the ``**kwargs`` that Keras passes."""
    usual = kind.from_config.__func__
    if not usual.__module__.startswith("keras.") or "from_config" in vars(kind):
        return

    def from_config(cls: Any, config: dict[str, Any], *more: Any) -> Any:
        try:
            return usual(cls, dict(config), *more)
        except TypeError:
            taken = inspect.signature(cls).parameters
            made = cls(**{name: value for name, value in config.items() if name in taken})
            made.name, made.trainable = config.get("name", made.name), config.get("trainable", True)
            return made

    kind.from_config = classmethod(from_config)
    as_before.callback(delattr, kind, "from_config")


def _onnx(path: Path) -> Any:
    import onnx

    return onnx.ModelProto.FromString(path.read_bytes())


def _onnxruntime(path: Path, plain: dict[str, Any], chosen: dict[str, str]) -> Any:
    import onnxruntime

    kinds = {
        "execution_mode": onnxruntime.ExecutionMode,
        "graph_optimization_level": onnxruntime.GraphOptimizationLevel,
    }
    options = onnxruntime.SessionOptions()
    for name, value in plain.items():
        setattr(options, name, value)
    for name, value in chosen.items():
        setattr(options, name, getattr(kinds[name], value))
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _spacy(path: Path, config: str, own: list[Any]) -> Any:
    import spacy

    for name, kind, maker, options in own:  # as its decorator did in the notebook
        if not spacy.Language.has_factory(name):
            getattr(spacy.Language, kind)(name, func=maker, **options)
    language = spacy.util.load_model_from_config(spacy.Config().from_str(config))
    return language.from_bytes(path.read_bytes())


def _skops(path: Path) -> Any:
    from skops import io

    return io.load(path)


def _parquet(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path, engine="pyarrow")


_LOADERS: dict[str, Callable[..., Any]] = {
    "catboost": _catboost,
    "keras": load_keras,
    "lightgbm": _lightgbm,
    "onnx": _onnx,
    "onnxruntime": _onnxruntime,
    "parquet": _parquet,
    "skops": _skops,
    "spacy": _spacy,
    "torch": _torch,
    "torch-export": _torch_export,
    "torchscript": _torchscript,
    "xgboost": _xgboost,
}
