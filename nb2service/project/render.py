"""Capture → Project: every file of a service, as bytes. Pure; the same capture gives the same."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ..capture.model import Artifact, Capture, NativeFile
from ..errors import OutputError
from ..runtime.contract import dump_contract
from ..runtime.openapi import openapi
from .container import render_compose, render_dockerfile, render_dockerignore
from .licences import render_licences
from .lockfile import render_lock
from .model import LOCK, NOTEBOOK, PAGE, README, SBOM, Project
from .notebook_module import render_notebook, render_notebook_tests
from .packaging import render_pyproject, top_level_modules
from .readme import render_readme
from .requirements import (
    render_requirements_dev,
    render_requirements_in,
    render_requirements_txt,
)
from .runtime_files import runtime_files
from .templates import fill


def render(
    capture: Capture, notebook_node: bytes | None = None, page: bytes | None = None
) -> Project:
    """The project of a capture.

    Args:
        capture: everything that the entries need.
        notebook_node: the source notebook without outputs, as an ``.ipynb`` file's bytes.
        page: the notebook as HTML, once ``notebook_page`` has made it.

    Raises:
        OutputError: a local module or data file has a path that the project needs itself.
    """
    texts = {
        README: render_readme(capture, settled=page is not None),
        "pyproject.toml": render_pyproject(capture),
        "requirements.in": render_requirements_in(capture),
        "requirements.txt": render_requirements_txt(capture),
        "requirements-dev.txt": render_requirements_dev(capture),
        "Dockerfile": render_dockerfile(capture),
        ".dockerignore": render_dockerignore(capture),
        ".gitignore": "__pycache__/\n.env\n.pytest_cache/\n.venv/\ndist/\nwheelhouse/\n",
        "compose.yaml": render_compose(capture),
        "LICENSES.md": render_licences(capture),
        "openapi.json": _json(openapi(capture.contract)),
        f"{capture.package}/notebook.py": render_notebook(capture),
        f"{capture.package}/contract.json": dump_contract(capture.contract),
        f"{capture.package}/artifacts/manifest.json": _manifest(capture.artifacts),
    }
    for test in ("conftest", "recorded", "test_service", "test_access", "test_offline"):
        name = f"tests/{test}.py"
        texts[name] = fill(f"{name}.j2", package=capture.package)
    texts |= {f"tests/cases/{name}.json": _json(case) for name, case in capture.cases.items()}
    if tests := render_notebook_tests(capture):
        texts["tests/test_notebook.py"] = tests
    if page is not None:
        from .sbom import render_sbom

        texts[SBOM] = render_sbom(capture)
    files = {path: text.encode("utf-8", "replace") for path, text in texts.items()}
    files |= {f"{capture.package}/{path}": data for path, data in runtime_files(capture).items()}
    held = (file for item in capture.artifacts for file in _files(item))
    files |= {f"{capture.package}/artifacts/{file.file}": file.data for file in held}
    if notebook_node is not None:
        files[NOTEBOOK] = notebook_node
    if capture.lock:
        files[LOCK] = render_lock(capture).encode()
    if page is not None:
        files[PAGE] = page
    _refuse_collisions(capture, files)
    files |= _shipped(capture)
    return Project(capture.name, capture.package, dict(sorted(files.items())))


def _manifest(artifacts: tuple[Artifact, ...]) -> str:
    return _json(
        {
            artifact.name: {
                **_listed(artifact),
                "globals": artifact.audit.globals,
                "cell": artifact.cell,
                **({"threads": True} if artifact.threads else {}),
                **({"parts": [_part(part) for part in artifact.parts]} if artifact.parts else {}),
            }
            for artifact in artifacts
        }
    )


def _files(artifact: Artifact) -> tuple[Artifact | NativeFile, ...]:
    return (artifact, *artifact.parts)


def _listed(file: Artifact | NativeFile) -> dict[str, Any]:
    return {
        "file": file.file,
        "format": file.format,
        "sha256": sha256(file.data).hexdigest(),
        "size": len(file.data),
        "type": file.type,
    }


def _part(part: NativeFile) -> dict[str, Any]:
    needs = {"python": part.python, "environment": dict(part.environment)}
    return {
        **_listed(part),
        "library": part.library,
        "version": part.version,
        **{name: value for name, value in needs.items() if value},
    }


def _shipped(capture: Capture) -> dict[str, bytes]:
    """Local modules beside the package; data files where the notebook's relative paths lead."""
    folders = {name for name in top_level_modules(capture) if not name.endswith(".py")}
    placed = {}
    for file in capture.files:
        if file.kind == "module":
            placed[file.path] = file.data
            continue
        placed[f"{capture.package}/files/{file.path}"] = file.data
        if PurePosixPath(file.path).parts[0] in folders:
            placed[file.path] = file.data  # a package of the notebook's looks beside itself
    return placed


def _refuse_collisions(capture: Capture, own: dict[str, bytes]) -> None:
    """Names that would hide each other, also where case does not count."""
    reserved = {path.split("/")[0].casefold() for path in own}
    reserved |= {"deploy", "setup.py", "wheelhouse"}
    for name in top_level_modules(capture):
        if name.casefold() in reserved or name.removesuffix(".py") == capture.package:
            raise OutputError(
                f"the local module {name!r} has a name that the project itself needs",
                "rename the module, or give the service another --name",
            )
    for file in capture.files:
        posix, windows = PurePosixPath(file.path), PureWindowsPath(file.path)
        if posix.is_absolute() or windows.drive or ".." in windows.parts:
            raise OutputError(
                f"the file {file.path!r} lies outside of the notebook's folder",
                "copy it below the notebook's folder and open it by a relative path",
            )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
