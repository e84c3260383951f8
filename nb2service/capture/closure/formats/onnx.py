"""ONNX: models as they are, and the sessions that run them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....errors import CaptureError
from .part import Part

# What a session may be told that changes its answers' last bits, or its pace.
_OPTIONS = (
    "enable_cpu_mem_arena", "enable_mem_pattern", "enable_mem_reuse", "inter_op_num_threads",
    "intra_op_num_threads",
)  # fmt: skip
_CHOICES = ("execution_mode", "graph_optimization_level")


def model(value: Any, _: Sequence[Any]) -> Part:
    """A ``ModelProto``."""
    return Part("onnx", ".onnx", value.SerializeToString(deterministic=True), "onnx")


def session(value: Any, _: Sequence[Any]) -> Part:
    """An ``InferenceSession``, from the bytes or the file that it was made of.

    Raises:
        CaptureError: the model that it was made of cannot be had back.
    """
    data = value._model_bytes
    if not data:
        data = _from_file(Path(value._model_path))
    options = value._sess_options
    plain = {name: getattr(options, name) for name in _OPTIONS if hasattr(options, name)}
    chosen = {name: getattr(options, name).name for name in _CHOICES if hasattr(options, name)}
    return Part("onnxruntime", ".onnx", bytes(data), "onnxruntime", (plain, chosen))


def _from_file(path: Path) -> bytes:
    hint = "make the session from the model's bytes: InferenceSession(model.SerializeToString())"
    try:
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror or error
        raise CaptureError(f"its model, {path}, cannot be read any more: {why}", hint) from None
    try:  # a file may lean on others, which hold its weights
        sys.modules["onnxruntime"].InferenceSession(data, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise CaptureError(f"its model, {path}, is not complete by itself: {error}", hint) from None
    return data
