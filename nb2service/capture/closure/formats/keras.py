"""Keras 3: models as ``.keras`` files, the notebook's own classes and functions in them by name."""

from __future__ import annotations

import base64
import builtins
import json
import marshal
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType
from typing import Any

from ....errors import CaptureError
from ....runtime.native import load_keras
from ..names import read_code
from .part import Numbers, Part, timeless


def model(value: Any, _: Sequence[Any]) -> Part:
    """A model as a ``.keras`` file.

    Raises:
        CaptureError: Keras cannot save it, or what it saves would not run anywhere else.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        with _explained("save"):
            value.save(file)
        with zipfile.ZipFile(file) as archive:
            config = json.loads(archive.read("config.json"))
        compiled = config.pop("compile_config", None)
        lambdas = [*_lambdas(config), *_lambdas(compiled)]
        for code in _lambdas(config):
            _refuse_names(code)
        own, modules = _own_objects(value, config)
        trained, more = _own_objects(value, compiled)
        missing = [name for name, found in own.items() if found is None]
        if missing:
            raise CaptureError(
                f"the Keras model uses {missing[0]!r}, which no cell defines at its top level",
                f"define {missing[0]} at the top level of a cell and make the model again",
            )
        if any(map(_forgets_arguments, own.values())):
            with _explained("load"):
                load_keras(file, own, whole=False)
        # What only training needs may be lost; the answers do not depend on it.
        whole = None not in trained.values()
        backend = sys.modules["keras"].backend.backend()
        return Part(
            format="keras",
            suffix=".keras",
            data=timeless(file, _repeatable()),
            library="keras",
            details=({**own, **(trained if whole else {})}, whole),
            modules=frozenset({backend, *modules, *(more if whole else ())}),
            python="{}.{}".format(*sys.version_info) if lambdas else "",
            environment=(("KERAS_BACKEND", backend),),
        )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Failures of the classes' own ``get_config`` and constructors, as something to mend."""
    try:
        yield
    except Exception as error:
        why = " ".join(str(error).split())[:300]
        raise CaptureError(
            f"Keras cannot {what} this model: {why}",
            "give its classes a get_config() that returns what their __init__ takes: see "
            "keras.io/guides/serialization_and_saving",
        ) from None


def _forgets_arguments(kind: Any) -> bool:
    """Whether Keras has the default values only of what an instance was made with.

    It notes the arguments of layers by itself, but not those of models.
    """
    model = sys.modules["keras"].Model
    return isinstance(kind, type) and issubclass(kind, model) and not _has_own_config(kind)


def _has_own_config(kind: Any) -> bool:
    return not kind.get_config.__module__.startswith("keras.")


def _nodes(config: Any) -> Iterator[dict[str, Any]]:
    """Every object of a configuration, itself included."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _nodes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _nodes(value)


def _own_objects(model: Any, config: Any) -> tuple[dict[str, Any], set[str]]:
    """What Keras must be told of: name → class or function, None if there is none; and modules."""
    layers = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    notebook = vars(sys.modules["__main__"])
    own: dict[str, Any] = {}
    modules: set[str] = set()
    for node in _nodes(config):
        module, name = node.get("module"), str(node.get("registered_name") or "")
        if node["class_name"] == "function" and module == "builtins":
            own[str(node["config"])] = notebook.get(str(node["config"]))
        elif module in (None, "__main__") and name:
            bare = name.rpartition(">")[2]
            own[name] = layers.get(bare, notebook.get(bare))
        elif module and module.partition(".")[0] not in ("keras", "builtins"):
            modules.add(module)
    return own, modules


def _lambdas(config: Any) -> Iterator[CodeType]:
    """The code of each lambda, which Keras saves as bytecode."""
    for node in _nodes(config):
        if node["class_name"] == "__lambda__":
            held = node["config"]
            yield _decoded(held["code"] if "code" in held else held["value"][0])


def _decoded(text: str) -> CodeType:
    code: CodeType = marshal.loads(base64.b64decode(text))
    return code


def _refuse_names(code: CodeType) -> None:
    """A lambda comes back without the notebook around it."""
    read = read_code(code)
    names = {name for name in read.eager | read.late if not hasattr(builtins, name)}
    if names:
        raise CaptureError(
            f"a lambda in the Keras model uses {', '.join(sorted(names))}, and Keras saves a "
            "lambda without the names of the notebook",
            "make it a function with a name (def) and make the model again",
        )


def _repeatable() -> Any:
    """Gives each file of a ``.keras`` archive the bytes that the same model always gets."""
    numbers = Numbers(r'"shared_object_id": (\d+)')

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name == "metadata.json":
            told = {**json.loads(content), "date_saved": "1980-01-01@00:00:00"}
            return name, json.dumps(told).encode()
        if name == "config.json":
            config = json.loads(numbers.replace(content.decode()))
            for node in _nodes(config):
                if node["class_name"] == "__lambda__":
                    _anonymise(node["config"])
            return name, json.dumps(config).encode()
        return name, content

    return change


def _anonymise(held: dict[str, Any]) -> None:
    """Takes the kernel's own file name out of a lambda's bytecode."""
    place: Any = held if "code" in held else held["value"]
    key: Any = "code" if "code" in held else 0
    code = _without_file(_decoded(place[key]))
    place[key] = base64.encodebytes(marshal.dumps(code, 2)).decode()


def _without_file(code: CodeType) -> CodeType:
    constants = tuple(
        _without_file(each) if isinstance(each, CodeType) else each for each in code.co_consts
    )
    return code.replace(co_filename="<notebook>", co_consts=constants)
