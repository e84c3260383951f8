"""The files that make the project an image: ``Dockerfile``, ``.dockerignore``, ``compose.yaml``."""

from __future__ import annotations

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
    provenance = capture.provenance
    return fill(
        "Dockerfile.j2",
        python=python_tag(provenance.python),
        package=capture.package,
        libraries=sorted(libraries),
        sources=[*top_level_modules(capture), capture.package],
        labels={
            "org.opencontainers.image.title": f"{capture.name}-service",
            "org.opencontainers.image.description": capture.contract.title or capture.name,
            "org.opencontainers.image.source": provenance.notebook or "",
        },
    )


def python_tag(version: str) -> str:
    """The tag of Python's official images: ``3.11``, and ``3.15-rc`` before that is released."""
    minor = ".".join(version.split(".")[:2])
    return f"{minor}-rc" if re.search(r"\d(a|b|rc)\d", version) else minor


def render_dockerignore(capture: Capture) -> str:
    """``.dockerignore``: nothing enters the image but what is named here."""
    allowed = ["requirements.txt", "proof.json", *top_level_modules(capture), capture.package]
    lines = ["*", *(f"!{name}" for name in allowed), "**/__pycache__", "**/*.pyc"]
    return "\n".join(lines) + "\n"


def render_compose(capture: Capture) -> str:
    """``compose.yaml``: the image, run as locked down as it allows."""
    return fill("compose.yaml.j2", name=capture.name, image=f"{capture.name}-service")
