"""``pyproject.toml``, and what several files say of where the project comes from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from ..capture.model import Capture, Provenance
from . import quoting
from .requirements import dependencies, python_minor
from .runtime_files import needless_modules

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
    code = [capture.package, *top_level_modules(capture)]
    beside = ["proof.json", "requirements.txt", "requirements-dev.txt", "tests"]
    minor = python_minor(capture.provenance)
    description = capture.contract.title or capture.provenance.title or capture.name
    needed = dependencies(capture)
    listed = "\n".join(f"  {quoting.toml(each)}," for each in needed)
    direct = "[tool.hatch.metadata]\nallow-direct-references = true\n\n"
    return f"""\
[build-system]
requires = ["hatchling>=1.21"]
build-backend = "hatchling.build"

[project]
name = {quoting.toml(capture.name + "-service")}
version = {quoting.toml(str(capture.contract.metadata.get("version", "1.0.0")))}
description = {quoting.toml(quoting.one_line(description))}
readme = "README.md"
requires-python = {quoting.toml("==" + minor + ".*")}
# No index takes it by mistake.
classifiers = ["Private :: Do Not Upload"]
dependencies = [
{listed}
]

[project.scripts]
{quoting.toml(capture.name + "-service")} = {quoting.toml(capture.package + ".__main__:main")}

{direct if any("@ " in each for each in needed) else ""}[tool.hatch.build]
# What .gitignore names may be what the service needs: a model, say.
ignore-vcs = true
exclude = ["*.new"]

[tool.hatch.build.targets.wheel]
only-include = {_toml_list(code)}

[tool.hatch.build.targets.wheel.force-include]
"proof.json" = {quoting.toml(capture.package + "/proof.json")}

[tool.hatch.build.targets.sdist]
only-include = {_toml_list([*code, *beside])}

{_tools(capture)}"""


def _tools(capture: Capture) -> str:
    """The settings of the tools by which one tests and checks the project."""
    notebook = f"{capture.package}/notebook.py"
    beside = top_level_modules(capture)
    loose = ["*.md", ".nb2service", notebook, "tests/test_notebook.py", *beside]
    needless = (name.removesuffix(".py") for name in needless_modules(capture))
    left_out = [f"{capture.package}.{name.replace('/', '.')}" for name in needless]
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
module = {_toml_list(name + "*" if name.endswith(".") else name for name in left_out)}
ignore_missing_imports = true
"""


def _toml_list(items: Iterable[str]) -> str:
    return "[" + ", ".join(quoting.toml(item) for item in items) + "]"
