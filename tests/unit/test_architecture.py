"""Who may import whom; ARCHITECTURE.md says why."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "nb2service"

# Each room may import itself and the rooms before it in the data's way.
ORDER = ["errors", "notebook", "capture", "project", "launch", "deployment"]
# What a generated service may need, besides the notebook's own libraries.
RUNTIME_LIBRARIES = {
    "flask", "click", "flask_swagger_ui", "werkzeug", "msgspec", "prometheus_client", "gunicorn",
    "httptools", "pyrate_limiter",
    "numpy", "pandas", "joblib", "pyarrow", "scipy", "sklearn", "opentelemetry", "PIL",
}  # fmt: skip

# What runtime/native.py reads the formats of; a service has it only with such an artifact.
NATIVE_LIBRARIES = {"keras", "onnx", "onnxruntime", "skops", "spacy", "torch", "xgboost"}


def _modules(*rooms: str) -> list[Path]:
    return [f for f in sorted(HOUSE.rglob("*.py")) if not rooms or _room(f) in rooms]


def _room(file: Path) -> str:
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


def _name(file: Path) -> str:
    return file.relative_to(HOUSE).as_posix()


def _imports(file: Path) -> list[tuple[str, ...]]:
    """Absolute dotted paths of everything that a module imports, function bodies included."""
    package = ("nb2service", *file.relative_to(HOUSE).parts[:-1])
    found: list[tuple[str, ...]] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            path = (*base, *(node.module.split(".") if node.module else ()))
            found += [(*path, alias.name) for alias in node.names]
    return found


@pytest.mark.parametrize("file", _modules(*ORDER), ids=_name)
def test_imports_go_one_way(file: Path) -> None:
    room = _room(file)
    allowed = {"runtime", "__version__", *ORDER[: ORDER.index(room) + 1]}
    if room == "deployment":
        allowed.add("options")
    for path in _imports(file):
        assert path[0] != "nb2service" or path[1] in allowed, ".".join(path)


@pytest.mark.parametrize("file", _modules("runtime"), ids=_name)
def test_the_runtime_travels_alone(file: Path) -> None:
    native = NATIVE_LIBRARIES if file.name == "native.py" else set()
    for path in _imports(file):
        if path[0] == "nb2service":
            assert path[1] == "runtime", ".".join(path)
        else:
            known = RUNTIME_LIBRARIES | sys.stdlib_module_names | native
            assert path[0] in known, ".".join(path)


@pytest.mark.parametrize("file", _modules("notebook", "capture", "project"), ids=_name)
def test_nothing_below_launch_starts_a_process(file: Path) -> None:
    assert not {path[0] for path in _imports(file)} & {"subprocess", "multiprocessing"}


@pytest.mark.parametrize("file", _modules("notebook", "project"), ids=_name)
def test_notebook_and_project_need_neither_ipython_nor_flask(file: Path) -> None:
    assert not {path[0] for path in _imports(file)} & {"IPython", "flask"}
