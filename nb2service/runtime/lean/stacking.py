"""What several transformers give side by side, as an array or as a sparse matrix."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .known import Declined, Form, Matrix, Step, Unknown


class Part(NamedTuple):
    """One transformer of several: what picks its columns, what it does, what it gives."""

    pick: Step
    step: Step
    form: Form


def stack_parts(parts: list[Part], sparse: bool) -> tuple[Step, Matrix]:
    """The step that stacks what transformers give, as ``ColumnTransformer`` does.

    Args:
        parts: in their order.
        sparse: whether scikit-learn makes a sparse matrix of them.

    Raises:
        Unknown: no parts, or one that gives no numbers.
    """
    if not parts:
        raise Unknown("a stack of nothing")
    width = sum(_matrix(part.form).width for part in parts)
    if not sparse:
        return _dense(parts), Matrix(width)
    if all(_matrix(part.form).places for part in parts if _matrix(part.form).sparse):
        return _compressed(parts, width), Matrix(width, True, _dense(parts))
    return _stacked(parts), Matrix(width, True)


def _matrix(form: Form) -> Matrix:
    if not isinstance(form, Matrix):
        raise Unknown("a transformer that gives no numbers")
    return form


def _dense(parts: list[Part]) -> Step:
    steps = [(part.pick, _matrix(part.form).dense or part.step) for part in parts]

    def run(value: Any) -> Any:
        blocks = [step(pick(value)) for pick, step in steps]
        blocks = [b if type(b) is np.ndarray else b.toarray() for b in blocks]
        return np.concatenate(blocks, axis=1)

    return run


def _stacked(parts: list[Part]) -> Step:
    from scipy import sparse

    def run(value: Any) -> Any:
        return sparse.hstack([step(pick(value)) for pick, step, _ in parts]).tocsr()

    return run


def _compressed(parts: list[Part], width: int) -> Step:
    """The same matrix as ``_stacked`` gives, made at once of arrays and the places of ones."""
    from scipy.sparse import csr_matrix

    steps: list[tuple[Step, Step, bool, Any]] = []
    start = 0
    for pick, step, form in parts:
        places = _matrix(form).places
        own: Any = np.arange(_matrix(form).width, dtype=np.int32)
        steps.append(
            (pick, places or step, bool(places), np.int32(start) if places else start + own)
        )
        start += len(own)

    def run(value: Any) -> Any:
        masks, columns, values = [], [], []
        for pick, step, encoded, places in steps:
            block = step(pick(value))
            if not encoded and block.dtype.kind not in "iufb":
                raise Declined("objects in a sparse matrix")
            masks.append(block >= 0 if encoded else block != 0)
            columns.append(block + places if encoded else np.broadcast_to(places, block.shape))
            values.append(np.ones(block.shape) if encoded else block)
        held = np.concatenate(masks, axis=1)
        pointers: Any = np.zeros(len(held) + 1, np.int32)
        np.cumsum(held.sum(axis=1), out=pointers[1:])
        data = np.concatenate(values, axis=1, dtype=np.float64)[held]
        indices = np.concatenate(columns, axis=1, dtype=np.int32)[held]
        return csr_matrix((data, indices, pointers), shape=(len(held), width))

    return run
