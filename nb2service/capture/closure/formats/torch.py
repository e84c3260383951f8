"""PyTorch: the tensors of a value in one file; programs in files of their own."""

from __future__ import annotations

import inspect
import io
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .part import Part


class Tensors:
    """The tensors of one artifact, gathered while it is pickled.

    The structure around them (modules of the notebook's own classes) stays in the pickle.
    """

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}

    def add(self, tensor: Any) -> str | None:
        """The tensor's key in the file; None if the file cannot hold all of it."""
        if tensor.__dict__ or tensor._backward_hooks or not _loads_weights_only():
            return None
        key = str(len(self.held))
        self.held[key] = tensor
        return key

    def part(self) -> Part:
        """All of them; views of one storage stay views of one storage."""
        shared = Counter(map(_storage, self.held.values()))
        held = {
            key: tensor if shared[_storage(tensor)] > 1 else _by_itself(tensor)
            for key, tensor in self.held.items()
        }
        data = _written(sys.modules["torch"].save, held)
        return Part("torch", ".pt", data, "torch", type=f"{len(self.held)} × torch.Tensor")


def script(value: Any, _: Sequence[Any]) -> Part:
    """A scripted or traced module."""
    return Part("torchscript", ".pt", _written(sys.modules["torch"].jit.save, value), "torch")


def exported(value: Any, _: Sequence[Any]) -> Part:
    """An exported program."""
    return Part("torch-export", ".pt2", _written(sys.modules["torch"].export.save, value), "torch")


def _written(save: Any, value: Any) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        save(value, stream)
    return stream.getvalue()


def _storage(tensor: Any) -> int:
    strided = str(tensor.layout) == "torch.strided" and not tensor.is_quantized
    return int(tensor.untyped_storage().data_ptr()) if strided else id(tensor)


def _by_itself(tensor: Any) -> Any:
    """A tensor without the rest of a larger one that it is a view of, its training rows perhaps."""
    if _storage(tensor) == id(tensor) or tensor.requires_grad:
        return tensor
    size = tensor.numel() * tensor.element_size()
    return tensor.clone() if size < tensor.untyped_storage().nbytes() else tensor


def _loads_weights_only() -> bool:
    """Whether this PyTorch can read a file without trusting it, and tell storages: since 2.0."""
    torch = sys.modules["torch"]
    readable = "weights_only" in inspect.signature(torch.load).parameters
    return readable and hasattr(torch.Tensor, "untyped_storage")
