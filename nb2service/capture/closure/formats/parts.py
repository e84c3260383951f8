"""The parts of an artifact: taken out of its pickle, written by the libraries that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ....errors import CaptureError
from . import boosters, keras, onnx, skops, spacy, tables, torch
from .part import Part, Take, qualified_type

# By the names of classes, so that no library is imported which the notebook does not use.
_EXACTLY: dict[str, Take] = {
    "lightgbm.basic.Booster": boosters.lightgbm,
    "onnx.onnx_ml_pb2.ModelProto": onnx.model,
    "onnxruntime.capi.onnxruntime_inference_collection.InferenceSession": onnx.session,
    "pandas.DataFrame": tables.parquet,
    "pandas.core.frame.DataFrame": tables.parquet,
    "torch.export.exported_program.ExportedProgram": torch.exported,
    "xgboost.core.Booster": boosters.xgboost,
}
_AND_SUBCLASSES: dict[str, Take] = {
    "catboost.core._CatBoostBase": boosters.catboost,
    "keras.src.models.model.Model": keras.model,
    "spacy.language.Language": spacy.language,
    "torch.jit._script.ScriptModule": torch.script,
}
_TENSORS = {"torch.Tensor", "torch.nn.parameter.Buffer", "torch.nn.parameter.Parameter"}
# Loading their models starts threads, in whatever format; some programs of PyTorch do too.
_THREADED = {"catboost", "keras", "lightgbm", "onnxruntime", "tensorflow", "xgboost"}
_THREADED_FORMATS = {"torch-export", "torchscript"}
_ESTIMATOR = "sklearn.base.BaseEstimator"


def starts_threads(modules: Iterable[str], parts: Iterable[Part]) -> bool:
    """Whether loading an artifact starts threads, which do not survive a fork.

    Args:
        modules: those that it refers to.
        parts: its parts.
    """
    libraries = {module.partition(".")[0] for module in modules}
    formats = {part.format for part in parts}
    return bool(libraries & _THREADED or formats & _THREADED_FORMATS)


class Parts:
    """Which values of one artifact are saved by their libraries, and how the pickle refers to them.

    Args:
        use_skops: whether estimators of scikit-learn are.

    Attributes:
        pickled: what could not be saved so, and why; it stays in the pickle.
    """

    def __init__(self, use_skops: bool) -> None:
        self.pickled: list[str] = []
        self._use_skops = use_skops
        self._takes: dict[type, Take | None] = {}
        self._parts: list[Part | None] = []
        self._known: dict[int, tuple[int, Any]] = {}
        self._alive: list[Any] = []  # so that no other object gets the address of one that is known
        self._tensors = torch.Tensors()
        self._tensors_part = -1

    def reference(self, value: Any, owners: Sequence[Any]) -> tuple[Any, ...] | None:
        """What stands in the pickle for a value: (part, key, details); None: the value itself.

        Args:
            value: any object, on its way into the pickle.
            owners: those that hold it, outermost first.
        """
        kind = type(value)
        take = self._takes.get(kind, _unknown)
        if take is _unknown:
            take = self._takes[kind] = self._find(kind)
        if take is None:
            return None
        if id(value) in self._known:
            return self._known[id(value)]
        reference = self._take(take, value, owners)
        if reference is not None:
            self._known[id(value)] = reference[:2]
            self._alive.append(value)
        return reference

    def finish(self) -> tuple[Part, ...]:
        """All parts, in the order of their numbers."""
        if self._tensors.held:
            self._parts[self._tensors_part] = self._tensors.part()
        return tuple(part for part in self._parts if part is not None)

    def _find(self, kind: type) -> Take | None:
        names = [f"{each.__module__}.{each.__qualname__}" for each in kind.__mro__]
        if names[0] in _TENSORS:
            return _tensor
        if self._use_skops and _ESTIMATOR in names:
            return skops.estimator
        if names[0] in _EXACTLY:
            return _EXACTLY[names[0]]
        return next((_AND_SUBCLASSES[name] for name in names if name in _AND_SUBCLASSES), None)

    def _take(self, take: Take, value: Any, owners: Sequence[Any]) -> tuple[Any, ...] | None:
        if take is _tensor:
            return self._tensor(value)
        try:
            part = take(value, owners)
        except CaptureError:
            raise
        except Exception as error:  # the library's own code may fail in any way
            why = str(error).strip().split("\n")[0] or type(error).__name__
            self.pickled.append(f"{qualified_type(value)} is pickled: {why}")
            part = None
        if part is None:
            return None
        self._parts.append(replace(part, type=qualified_type(value)))
        return len(self._parts) - 1, None, part.details

    def _tensor(self, value: Any) -> tuple[Any, ...] | None:
        key = self._tensors.add(value)
        if key is None:
            return None
        if self._tensors_part < 0:
            self._tensors_part = len(self._parts)
            self._parts.append(None)
        return self._tensors_part, key, ()


def _unknown(value: Any, owners: Sequence[Any]) -> Part | None:
    raise NotImplementedError


def _tensor(value: Any, owners: Sequence[Any]) -> Part | None:
    raise NotImplementedError
