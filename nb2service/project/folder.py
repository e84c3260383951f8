"""What lies in a project's folder, for people who know Flask but not this tool."""

from __future__ import annotations

from collections.abc import Iterator

from ..capture.model import Capture
from . import quoting
from .model import PAGE
from .packaging import top_level_modules


def describe_folder(capture: Capture, settled: bool) -> tuple[tuple[str, str], ...]:
    """(paths, what they are), in Markdown, for what a stranger comes upon, top to bottom.

    Args:
        capture: everything that the entries need.
        settled: whether the files that take a while to make are there.
    """
    told = (*_package(capture), *_around(capture, settled))
    return tuple(
        (", ".join(quoting.markdown_code(path) for path in paths.split(", ")), what)
        for paths, what in told
    )


def _package(capture: Capture) -> Iterator[tuple[str, str]]:
    package = capture.package
    yield f"{package}/notebook.py", "the notebook's code that the service needs, cell by cell"
    yield (
        f"{package}/artifacts/",
        "the values that were in the notebook's memory (models, tables), and `manifest.json` "
        "with the size, the SHA-256 and the origin of each"
        if capture.artifacts
        else "a `manifest.json` that lists nothing: no value had to be saved",
    )
    if any(file.kind == "data" for file in capture.files):
        yield f"{package}/files/", "files that the notebook's code reads"
    yield f"{package}/contract.json", "what each endpoint takes and gives"
    yield (
        f"{package}/",
        "beside these the service itself: a Flask application; `app.py` has its routes, "
        "`settings.py` its settings, `__init__.py` says what else is where",
    )
    for name in top_level_modules(capture):
        suffix = "" if name.endswith(".py") else "/"
        yield name + suffix, "a module of the notebook's own, as it was beside it"


def _around(capture: Capture, settled: bool) -> Iterator[tuple[str, str]]:
    yield "tests/", "what the notebook answered (`cases/`), and tests that ask the service again"
    yield "openapi.json", "the API, as the service shows it too"
    yield "requirements.in, requirements.txt", "packages: the direct ones and why; all, pinned"
    yield "requirements-dev.txt", "what the tests need on top"
    yield "pyproject.toml", "for `pip install .`; settings of pytest, ruff and mypy"
    yield "Dockerfile, .dockerignore, compose.yaml", "the image, what enters it, how it is run"
    yield "proof.json", "what was compared with the notebook, and the verdict"
    yield "LICENSES.md", "the licence of each package"
    if settled:
        yield "sbom.cdx.json", "the software bill of materials, in CycloneDX"
        about = "the notebook itself, without outputs"
        yield PAGE, f"{about}; marked: the cells that travelled"
    yield ".nb2service/", "what a later deployment needs in order to keep your edits"


__all__ = ["describe_folder"]
