"""Evaluates the arguments of the notebook's own calls, where that has no effect but the value."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import decimal
import enum
import io
import pathlib
import uuid
import zoneinfo
from collections.abc import Mapping
from typing import Any

from ..outside.files import unrecorded
from ..values import is_content, is_named_tuple, is_pydantic, kind_of


class ImpureError(Exception):
    """An expression that might do more than give a value."""


_PLAIN_NODES = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.Starred,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
    ast.keyword,
)
_PURE_BUILTINS = (dict, list, tuple, set, frozenset, str, int, float, bool, bytes, range)
_PURE_CLASSES = (
    datetime.datetime,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
    zoneinfo.ZoneInfo,
    io.BytesIO,
)
_PURE_OF_NUMPY = (
    *("array", "asarray", "zeros", "ones", "full", "arange", "linspace", "column_stack"),
    *("float32", "float64", "int32", "int64", "expand_dims", "atleast_2d", "concatenate"),
    *("datetime64", "timedelta64"),
)
_PURE_OF_PANDAS = ("DataFrame", "Series", "Timestamp", "Timedelta", "to_datetime")
_PURE_METHODS = {
    "head",
    "tail",
    "to_dict",
    "to_frame",
    "to_numpy",
    "tolist",
    "copy",
    "reshape",
    "astype",
    "drop",
    "items",
    "values",
    "fillna",
    "reset_index",
    "squeeze",
}


# What only reads a file, or gives an image another form.
_READING = {"read_bytes", "read_text", "convert", "resize", "crop"}


def evaluate_pure(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    """The value of an expression of names, literals, operators and pure constructors.

    Calls are made only of builtin, numpy and pandas constructors, records and enumerations of
    the notebook, methods of tables that return a new one, and ``transform`` of a fitted step.

    Raises:
        ImpureError: it holds anything else.
        Exception: whatever evaluating it raises (a name that is gone, an index out of range).
    """
    _check(node, namespace)
    return evaluate(node, namespace)


def evaluate(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    """The value of any expression, in the namespace as it is now."""
    code = compile(ast.Expression(node), "<example>", "eval")
    with unrecorded():
        return eval(code, dict(namespace))


def _check(node: ast.AST, namespace: Mapping[str, Any]) -> None:
    if isinstance(node, ast.Call):
        _check_call(node, namespace)
    elif not isinstance(node, _PLAIN_NODES):
        raise ImpureError(ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__)
    for child in ast.iter_child_nodes(node):
        # What is called was judged as a whole.
        if not (isinstance(node, ast.Call) and child is node.func):
            _check(child, namespace)


def _check_call(node: ast.Call, namespace: Mapping[str, Any]) -> None:
    if any(keyword.arg == "inplace" for keyword in node.keywords):
        raise ImpureError(ast.unparse(node))
    if isinstance(node.func, ast.Attribute):
        owner = evaluate_pure(node.func.value, namespace)
        # To read on in the notebook's own open file would leave a trace.
        if _is_pure_method(owner, node.func.attr, isinstance(node.func.value, ast.Call)):
            return
    if not isinstance(node.func, (ast.Name, ast.Attribute)):
        raise ImpureError(ast.unparse(node))
    if _opens_for_reading(node):
        return
    if not _is_pure_constructor(evaluate_pure(node.func, namespace)):
        raise ImpureError(ast.unparse(node))


def _opens_for_reading(node: ast.Call) -> bool:
    """Whether a call is ``open(path)``, ``open(path, "rb")`` or ``Image.open(path)``."""
    if ast.unparse(node.func) not in ("open", "Image.open", "PIL.Image.open"):
        return False
    modes = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode")]
    return all(isinstance(m, ast.Constant) and m.value in ("r", "rb", "rt") for m in modes)


def _is_pure_method(owner: Any, method: str, fresh: bool) -> bool:
    if method == "transform":
        return hasattr(owner, "get_params")
    if isinstance(owner, io.IOBase):
        return method == "getvalue" or (fresh and method == "read")
    if isinstance(owner, pathlib.PurePath) or is_content(owner):
        return method in _READING
    table = kind_of(owner) in ("frame", "series", "array") or isinstance(owner, dict)
    return table and method in _PURE_METHODS


def _is_pure_constructor(target: Any) -> bool:
    if not isinstance(target, type):
        module = (getattr(target, "__module__", None) or "").partition(".")[0]
        allowed = {"numpy": _PURE_OF_NUMPY, "pandas": _PURE_OF_PANDAS}.get(module, ())
        return getattr(target, "__name__", "") in allowed
    if target in _PURE_BUILTINS or target in _PURE_CLASSES or issubclass(target, enum.Enum):
        return True
    if dataclasses.is_dataclass(target) or is_pydantic(target) or is_named_tuple(target):
        return True
    if issubclass(target, pathlib.PurePath):
        return True
    module = target.__module__.partition(".")[0]
    return module in ("numpy", "pandas") and target.__name__ in (*_PURE_OF_NUMPY, *_PURE_OF_PANDAS)
