"""``pyproject.toml``, and what several files say of where the project comes from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from ..capture.model import Capture, Provenance
from . import quoting
from .requirements import dependencies, python_minor

# What the runtime imports, where it is needed, of libraries whose types are not its own concern.
_LOOSE = ("PIL", "gunicorn", "joblib", "keras", "numpy", "onnx", "onnxruntime", "opentelemetry",
          "pandas", "pyarrow", "scipy", "skops", "spacy", "torch", "xgboost")  # fmt: skip


def source_of(provenance: Provenance) -> str:
    """Where the code comes from, to stand in a sentence."""
    notebook = provenance.notebook
    return f"the notebook {notebook}" if notebook else "a notebook session without a file"


def top_level_modules(capture: Capture) -> tuple[str, ...]:
    """Files and folders of local modules that stand beside the package, sorted."""
    paths = (PurePosixPath(file.path) for file in capture.files if file.kind == "module")
    return tuple(sorted({path.parts[0] for path in paths}))


def render_pyproject(capture: Capture) -> str:
    """``pyproject.toml``: installable by ``pip install .``, and the settings of the tools."""
    beside = top_level_modules(capture)
    modules = [name.removesuffix(".py") for name in beside if name.endswith(".py")]
    rooms = ["codec", *(["lean"] if capture.contract.lean else []), "pages", "server"]
    own = [capture.package, *(f"{capture.package}.{room}" for room in rooms)]
    packages = [*own, *_local_packages(capture)]
    minor = python_minor(capture.provenance)
    description = capture.contract.title or capture.provenance.title or capture.name
    needed = "\n".join(f"  {quoting.toml(each)}," for each in dependencies(capture))
    return f"""\
[build-system]
requires = ["setuptools>=70.1"]
build-backend = "setuptools.build_meta"

[project]
name = {quoting.toml(capture.name + "-service")}
version = {quoting.toml(str(capture.contract.metadata.get("version", "1.0.0")))}
description = {quoting.toml(quoting.one_line(description))}
readme = "README.md"
requires-python = {quoting.toml("==" + minor + ".*")}
dependencies = [
{needed}
]

[project.scripts]
{quoting.toml(capture.name + "-service")} = {quoting.toml(capture.package + ".__main__:main")}

[tool.setuptools]
packages = {_toml_list(packages)}
py-modules = {_toml_list(modules)}

[tool.setuptools.package-data]
"*" = ["*", ".*"]
{quoting.toml(capture.package)} = ["artifacts/*", "files/**/*", "files/**/.*"]

{_tools(capture)}"""


def _tools(capture: Capture) -> str:
    """The settings of the tools by which one tests and checks the project."""
    notebook = f"{capture.package}/notebook.py"
    beside = top_level_modules(capture)
    loose = ["*.md", ".nb2service", notebook, "tests/test_notebook.py", *beside]
    left_out = [f"{capture.package}.native", f"{capture.package}.lean.*"]
    return f"""\
[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]

[tool.ruff]
line-length = 100
# The notebook's own code stands as it was written.
extend-exclude = {_toml_list(loose)}

[tool.ruff.lint]
select = ["E4", "E7", "E9", "F", "I"]

[tool.mypy]
packages = [{quoting.toml(capture.package)}]
python_version = {quoting.toml(python_minor(capture.provenance))}
strict = true
# The notebook's own code has the types that it was written with.
exclude = [{quoting.toml("/notebook[.]py$")}]

[[tool.mypy.overrides]]
# Libraries of which some are only there for the models that need them.
module = {_toml_list(f"{library}.*" for library in _LOOSE)}
ignore_missing_imports = true
follow_imports = "skip"

[[tool.mypy.overrides]]
# Parts of the service that are only there where an endpoint needs them.
module = {_toml_list(left_out)}
ignore_missing_imports = true
"""


def _local_packages(capture: Capture) -> list[str]:
    """Dotted names of the folders that hold local modules."""
    paths = (PurePosixPath(file.path) for file in capture.files if file.kind == "module")
    folders = {parent for path in paths for parent in path.parents if parent.parts}
    return sorted(".".join(folder.parts) for folder in folders)


def _toml_list(items: Iterable[str]) -> str:
    return "[" + ", ".join(quoting.toml(item) for item in items) + "]"
