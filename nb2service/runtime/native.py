"""Models that their own libraries saved: beside the pickle, which refers to them by number."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from . import pickles
from .store import ArtifactError

# A file of these needs the very minor version that wrote it; one of the others, that or a later.
_SAME_MINOR = {"spacy"}
# Values whose form has been the same in all versions.
_ANY_VERSION = {"onnx", "onnxruntime", "parquet", "skops", "torch"}


class MisfitError(ArtifactError):
    """A file that the library installed here does not read."""


class Unpickler(pickles.Unpickler):
    """Reads a pickle whose models lie in files of their own.

    Args:
        file: the pickle.
        listed: names that it may import.
        parts: what the manifest says of these files, each with the file, opened.
        how: as for ``pickle.Unpickler``.
    """

    def __init__(
        self,
        file: pickles.Readable,
        listed: Collection[str],
        parts: Sequence[tuple[Mapping[str, Any], BinaryIO]],
        **how: Any,
    ) -> None:
        super().__init__(file, listed, **how)
        self._parts = parts
        self._loaded: dict[int, Any] = {}

    def persistent_load(self, reference: tuple[Any, ...]) -> Any:
        """The value that a reference stands for; the same one each time."""
        number, key, *details = reference
        if number not in self._loaded:
            self._loaded[number] = _load(*self._parts[number], *details)
        value = self._loaded[number]
        return value if key is None else value[key]


def _load(part: Mapping[str, Any], file: BinaryIO, details: tuple[Any, ...] = ()) -> Any:
    path = Path(file.name)
    check(part, path)
    try:
        return _LOADERS[part["format"]](file, *details)
    except Exception as error:  # whatever the library says of it
        raise MisfitError(
            f"{part['library']} cannot read the artifact {path}: {type(error).__name__}: {error}"
        ) from error


def check(part: Mapping[str, Any], path: Path) -> None:
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


def _xgboost(file: BinaryIO, threads: int) -> Any:
    import xgboost

    booster = xgboost.Booster({"nthread": threads} if threads > 0 else None)
    booster.load_model(bytearray(file.read()))
    return booster


def _lightgbm(file: BinaryIO, kind: Any, state: dict[str, Any], key: str) -> Any:
    booster = kind.__new__(kind)
    booster.__setstate__({**state, key: file.read().decode("utf-8")})
    return booster


def _catboost(file: BinaryIO, kind: Any, state: dict[str, Any], key: str) -> Any:
    model = kind.__new__(kind)
    model.__setstate__({**state, key: file.read()})
    return model


def _keras(file: BinaryIO, own: dict[str, Any], whole: bool) -> Any:
    return load_keras(Path(file.name), own, whole)


def _torch(file: BinaryIO) -> Any:
    import torch

    return torch.load(file, map_location="cpu", weights_only=True)


def _torchscript(file: BinaryIO) -> Any:
    import torch

    return torch.jit.load(file, map_location="cpu")


def _torch_export(file: BinaryIO) -> Any:
    import torch

    return torch.export.load(file)


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


def _onnx(file: BinaryIO) -> Any:
    import onnx

    return onnx.ModelProto.FromString(file.read())


def _onnxruntime(file: BinaryIO, plain: dict[str, Any], chosen: dict[str, str]) -> Any:
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
    return onnxruntime.InferenceSession(file.read(), options, providers=["CPUExecutionProvider"])


def _spacy(file: BinaryIO, config: str, own: list[Any]) -> Any:
    import spacy

    for name, kind, maker, options in own:  # as its decorator did in the notebook
        if not spacy.Language.has_factory(name):
            getattr(spacy.Language, kind)(name, func=maker, **options)
    language = spacy.util.load_model_from_config(spacy.Config().from_str(config))
    return language.from_bytes(file.read())


def _skops(file: BinaryIO) -> Any:
    from skops import io

    return io.loads(file.read())


def _parquet(file: BinaryIO) -> Any:
    import pandas as pd

    return pd.read_parquet(file, engine="pyarrow")


_LOADERS: dict[str, Callable[..., Any]] = {
    "catboost": _catboost,
    "keras": _keras,
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
