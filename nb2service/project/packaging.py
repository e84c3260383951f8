"""What the project needs to be installed: requirements and ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from packaging.requirements import Requirement

from ..capture.model import Capture, Pin, Provenance
from . import quoting

# The one that nb2service's own tests run the generated tests with.
PYTEST = "pytest==9.2.0"


def python_minor(provenance: Provenance) -> str:
    """The kernel's Python, ``3.11``."""
    return ".".join(provenance.python.split(".")[:2])


def source_of(provenance: Provenance) -> str:
    """Where the code comes from, to stand in a sentence."""
    notebook = provenance.notebook
    return f"the notebook {notebook}" if notebook else "a notebook session without a file"


def top_level_modules(capture: Capture) -> tuple[str, ...]:
    """Files and folders of local modules that stand beside the package, sorted."""
    paths = (PurePosixPath(file.path) for file in capture.files if file.kind == "module")
    return tuple(sorted({path.parts[0] for path in paths}))


def render_requirements_in(capture: Capture) -> str:
    """``requirements.in``: what is needed directly, and why."""
    return _requirements(
        [
            "What the service needs directly, at the versions that the notebook ran with.",
            "requirements.txt adds what these need in turn.",
        ],
        [pin for pin in capture.requirements if pin.direct],
    )


def render_requirements_txt(capture: Capture) -> str:
    """``requirements.txt``: everything, pinned."""
    return _requirements(
        [
            "Every package that the service runs with, at the versions that the notebook ran with",
            f"(Python {python_minor(capture.provenance)}).",
        ],
        capture.requirements,
    )


def render_requirements_dev(capture: Capture) -> str:
    """``requirements-dev.txt``: what the tests need on top."""
    pinned = any(pin.name == "pytest" for pin in capture.requirements)
    return "# What the tests need beside requirements.txt.\n" + ("" if pinned else PYTEST + "\n")


def _requirements(head: list[str], pins: Iterable[Pin]) -> str:
    ordered = sorted(pins, key=lambda pin: pin.name)
    blocks = ["\n".join(f"# {quoting.comment(line)}" for line in head)]
    if indexes := dict.fromkeys(pin.index for pin in ordered if pin.index):
        blocks.append("\n".join(_index(url, ordered) for url in indexes))
    for title, web in (("The notebook's model and code", False), ("The web layer", True)):
        lines = [_requirement(pin) for pin in ordered if pin.web is web]
        if lines:
            blocks.append("\n".join([f"# {title}", *lines]))
    return "\n\n".join(blocks) + "\n"


def _index(url: str, pins: Iterable[Pin]) -> str:
    """The line that names a further index, and what it is for."""
    names = ", ".join(f"{pin.name} {pin.version}" for pin in pins if pin.index == url)
    return f"# The index that has {quoting.comment(names)}\n--extra-index-url {quoting.url(url)}"


def _requirement(pin: Pin) -> str:
    return f"{_specifier(pin):<32}  # {quoting.comment(pin.why)}".rstrip("# ")


def _specifier(pin: Pin) -> str:
    """What is required, as PEP 508 has it."""
    if pin.url:
        return f"{Requirement(pin.name)} @ {quoting.url(pin.url)}"
    return str(Requirement(f"{pin.name}=={pin.version}"))


def render_pyproject(capture: Capture) -> str:
    """``pyproject.toml``: installable by ``pip install .``, and the settings of the tools."""
    beside = top_level_modules(capture)
    modules = [name.removesuffix(".py") for name in beside if name.endswith(".py")]
    rooms = ["codec", "lean", "server"] if capture.contract.lean else ["codec", "server"]
    own = [capture.package, *(f"{capture.package}.{room}" for room in rooms)]
    packages = [*own, *_local_packages(capture)]
    notebook = f"{capture.package}/notebook.py"
    minor = python_minor(capture.provenance)
    description = capture.contract.title or capture.provenance.title or capture.name
    dependencies, from_file = _dependencies(capture)
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
{dependencies}

[project.scripts]
{quoting.toml(capture.name + "-service")} = {quoting.toml(capture.package + ".__main__:main")}

[tool.setuptools]
packages = {_toml_list(packages)}
py-modules = {_toml_list(modules)}

[tool.setuptools.package-data]
"*" = ["*", ".*"]
{quoting.toml(capture.package)} = ["artifacts/*", "files/**/*", "files/**/.*"]

{from_file}
[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]

[tool.ruff]
line-length = 100
# The notebook's own code stands as it was written.
extend-exclude = {_toml_list([".nb2service", notebook, "tests/test_notebook.py", *beside])}

[tool.ruff.lint]
select = ["E4", "E7", "E9", "F", "I"]
"""


def _dependencies(capture: Capture) -> tuple[str, str]:
    """What ``[project]`` says of dependencies, and the table with the file that it speaks of."""
    if any(pin.index for pin in capture.requirements):
        # setuptools reads no file that names an index.
        return f"dependencies = {_toml_list(map(_specifier, capture.requirements))}", ""
    table = '[tool.setuptools.dynamic]\ndependencies = { file = ["requirements.txt"] }\n'
    return 'dynamic = ["dependencies"]', table


def _local_packages(capture: Capture) -> list[str]:
    """Dotted names of the folders that hold local modules."""
    paths = (PurePosixPath(file.path) for file in capture.files if file.kind == "module")
    folders = {parent for path in paths for parent in path.parents if parent.parts}
    return sorted(".".join(folder.parts) for folder in folders)


def _toml_list(items: Iterable[str]) -> str:
    return "[" + ", ".join(quoting.toml(item) for item in items) + "]"
