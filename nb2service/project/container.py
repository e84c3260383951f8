"""The files that make the project an image: ``Dockerfile``, ``.dockerignore``, ``compose.yaml``."""

from __future__ import annotations

import math
import re

from ..capture.model import Capture
from .libraries import debian_package
from .packaging import top_level_modules
from .templates import fill

# Libraries that packages load, where a host without Linux, or one of conda, does not show it.
BY_NAME = {
    "lightgbm": "libgomp1",
    "implicit": "libgomp1",
    "pyodbc": "unixodbc",
    "python-magic": "libmagic1",
    "opencv-python": "libgl1 libglib2.0-0",
    "opencv-contrib-python": "libgl1 libglib2.0-0",
    "psycopg2": "libpq5",
}
# Programs that packages run: wanted if the notebook itself uses the package.
PROGRAMS = {
    "ffmpeg-python": "ffmpeg",
    "graphviz": "graphviz",
    "pdf2image": "poppler-utils",
    "pydub": "ffmpeg",
    "pytesseract": "tesseract-ocr",
}


def render_dockerfile(capture: Capture) -> str:
    """``Dockerfile``: a slim image of the kernel's Python, run by a user without rights."""
    names = {pin.name for pin in capture.requirements}
    libraries = {word for name in names for word in BY_NAME.get(name, "").split()}
    libraries |= {PROGRAMS[p.name] for p in capture.requirements if p.direct and p.name in PROGRAMS}
    libraries |= {package for name in capture.libraries if (package := debian_package(name))}
    return fill(
        "Dockerfile.j2",
        python=python_tag(capture.provenance.python),
        package=capture.package,
        build_tools=_build_tools(capture),
        libraries=sorted(libraries),
        sources=[*top_level_modules(capture), capture.package],
        labels=_labels(capture),
    )


def _build_tools(capture: Capture) -> list[str]:
    """Debian packages that installing the requirements takes; the image itself has none of them."""
    pins = capture.lock.pins if capture.lock else capture.requirements
    from_git = any(pin.url.startswith("git+") for pin in pins)
    is_compiled = any(
        pin.files and not any(file.name.endswith(".whl") for file in pin.files) for pin in pins
    )
    return ["build-essential"] * is_compiled + ["ca-certificates", "git"] * from_git


def _labels(capture: Capture) -> dict[str, str]:
    """What the image says of itself; no ``created``, as the same state is to give the same."""
    contract, provenance = capture.contract, capture.provenance
    return {
        "org.opencontainers.image.title": f"{capture.name}-service",
        "org.opencontainers.image.description": contract.title or capture.name,
        "org.opencontainers.image.version": str(contract.metadata.get("version", "1.0.0")),
        "org.opencontainers.image.revision": provenance.git_commit or "",
        "nb2service.notebook": provenance.notebook or "",
        "nb2service.notebook.sha256": provenance.sha256,
        "nb2service.python": provenance.python,
        "nb2service.packages": " ".join(f"{name}=={at}" for name, at in provenance.versions),
    }


def python_tag(version: str) -> str:
    """The tag of Python's official images: ``3.11``, and ``3.15-rc`` before that is released."""
    minor = ".".join(version.split(".")[:2])
    return f"{minor}-rc" if re.search(r"\d(a|b|rc)\d", version) else minor


def render_dockerignore(capture: Capture) -> str:
    """``.dockerignore``: nothing enters the image but what is named here."""
    packages = ["requirements.txt", "wheelhouse", "proof.json"]
    allowed = [*packages, *top_level_modules(capture), capture.package]
    lines = ["*", *(f"!{name}" for name in allowed), "**/__pycache__", "**/*.pyc"]
    return "\n".join(lines) + "\n"


def render_compose(capture: Capture) -> str:
    """``compose.yaml``: the image, run as locked down as it allows."""
    models = sum(
        len(artifact.data) + sum(len(part.data) for part in artifact.parts)
        for artifact in capture.artifacts
    )
    return fill(
        "compose.yaml.j2",
        name=capture.name,
        image=f"{capture.name}-service",
        # 1 for libraries, workers, requests under way; a model takes several times its file's size.
        gibibytes=math.ceil(1 + 4 * models / 2**30),
    )
