"""What the rooms of the lean path share: forms of data between steps, and who compiles what."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Step = Callable[[Any], Any]


class Declined(Exception):  # noqa: N818 - not a fault
    """A plan does not cover these rows; the model itself must answer."""


class Unknown(Exception):  # noqa: N818 - not a fault
    """No plan is known for a model; the message says for which part."""


@dataclass(frozen=True)
class Table:
    """Columns side by side, as a frame holds them: a list of arrays of shape (rows,).

    Attributes:
        dtypes: the contract's dtype of each column.
        labels: the frame's label of each column.
        named: whether scikit-learn sees a frame with names, so that these count.
    """

    dtypes: tuple[str, ...]
    labels: tuple[Any, ...]
    named: bool = True


@dataclass(frozen=True)
class Matrix:
    """A numpy array (rows, width), or a scipy CSR matrix where ``sparse``.

    Attributes:
        dense: of a sparse matrix, what gives the same as an array at once.
        places: of a sparse matrix of ones, what gives the columns of each row's ones, (rows, at
            most), -1 where there is none.
    """

    width: int
    sparse: bool = False
    dense: Step | None = None
    places: Step | None = None


@dataclass(frozen=True)
class Texts:
    """A sequence of texts, one a row."""


Form = Table | Matrix | Texts
CompileTransformer = Callable[[Any, Form], tuple[Step, Form]]
CompileEstimator = Callable[[Any, str, Form], Step]
C = TypeVar("C", bound=Callable[..., Any])

TRANSFORMERS: dict[str, CompileTransformer] = {}
ESTIMATORS: dict[str, CompileEstimator] = {}


def transformer(*names: str) -> Callable[[C], C]:
    """Register what compiles the ``transform`` of scikit-learn's classes of these names."""
    return _register(TRANSFORMERS, names)


def estimator(*names: str) -> Callable[[C], C]:
    """Register what compiles the predictions of scikit-learn's classes of these names."""
    return _register(ESTIMATORS, names)


def _register(table: dict[str, Any], names: tuple[str, ...]) -> Callable[[C], C]:
    def add(compiler: C) -> C:
        table.update(dict.fromkeys(names, compiler))
        return compiler

    return add


def compile_transform(model: Any, form: Form) -> tuple[Step, Form]:
    """The step that does what ``model.transform`` does, and the form of what it gives.

    Raises:
        Unknown: no plan is known.
    """
    compiler = TRANSFORMERS.get(exact_name(model))
    if compiler is None:
        raise Unknown(f"{type(model).__qualname__}.transform")
    config = getattr(model, "_sklearn_output_config", {})
    if config.get("transform", "default") not in (None, "default"):
        raise Unknown("set_output")
    return compiler(model, form)


def compile_method(model: Any, method: str, form: Form) -> Step:
    """The step that does what ``getattr(model, method)`` does.

    Raises:
        Unknown: no plan is known.
    """
    if method == "transform" and exact_name(model) in TRANSFORMERS:
        step, given = compile_transform(model, form)
        if not isinstance(given, Matrix) or given.sparse:
            raise Unknown("an answer that is not an array")
        return step
    compiler = ESTIMATORS.get(exact_name(model))
    if compiler is None or not hasattr(model, method):
        raise Unknown(f"{type(model).__qualname__}.{method}")
    return compiler(model, method, form)


def exact_name(model: Any) -> str:
    """The name of an object's class if it is scikit-learn's own and nothing was put over its
    methods; else "".
    """
    kind = type(model)
    replaced = any(callable(value) and hasattr(kind, name) for name, value in vars(model).items())
    return kind.__name__ if kind.__module__.startswith("sklearn.") and not replaced else ""


def bare(model: Any, **replaced: Any) -> Any:
    """A copy of a fitted estimator for rows in arrays: it knows no column names, does not work
    out its tags at each call, and has the given methods in place of its own. It shares the
    fitted arrays.
    """
    twin = copy.copy(model)
    vars(twin).pop("feature_names_in_", None)
    if getattr(model, "copy", True) is False:
        twin.copy = True  # the rows are not the model's to change
    if hasattr(model, "__sklearn_tags__"):
        tags = model.__sklearn_tags__()
        replaced.setdefault("__sklearn_tags__", lambda: tags)
    vars(twin).update(replaced)
    return twin


def check_width(model: Any, form: Form) -> None:
    """Hold the columns that come against those of the fit.

    Raises:
        Unknown: the model would refuse them, or would answer with a warning.
    """
    width = len(form.dtypes) if isinstance(form, Table) else getattr(form, "width", None)
    if getattr(model, "n_features_in_", width) != width:
        raise Unknown("another number of columns than at the fit")
    names = getattr(model, "feature_names_in_", None)
    labels = form.labels if isinstance(form, Table) and form.named else None
    if names is not None and labels is not None and tuple(names) != labels:
        raise Unknown("other columns than at the fit")
