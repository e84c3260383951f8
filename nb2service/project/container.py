"""The files that make the project an image: ``Dockerfile``, ``.dockerignore``, ``compose.yaml``."""

from __future__ import annotations

from ..capture.model import Capture
from .packaging import python_minor, top_level_modules
from .templates import fill

# Shared libraries that wheels expect of the system and that slim images lack.
SYSTEM_LIBRARIES = {
    "lightgbm": "libgomp1",
    "xgboost": "libgomp1",
    "xgboost-cpu": "libgomp1",
    "implicit": "libgomp1",
    "pyodbc": "unixodbc",
    "python-magic": "libmagic1",
    "soundfile": "libsndfile1",
    "opencv-python": "libgl1 libglib2.0-0",
    "opencv-contrib-python": "libgl1 libglib2.0-0",
    "psycopg2": "libpq5",
    "graphviz": "graphviz",
}


def render_dockerfile(capture: Capture) -> str:
    """``Dockerfile``: a slim image of the kernel's Python, run by a user without rights."""
    names = {pin.name for pin in capture.requirements}
    libraries = {word for name in names for word in SYSTEM_LIBRARIES.get(name, "").split()}
    provenance = capture.provenance
    return fill(
        "Dockerfile.j2",
        python=python_minor(provenance),
        package=capture.package,
        libraries=sorted(libraries),
        sources=[*top_level_modules(capture), capture.package],
        labels={
            "org.opencontainers.image.title": f"{capture.name}-service",
            "org.opencontainers.image.description": capture.contract.title or capture.name,
            "org.opencontainers.image.source": provenance.notebook or "",
        },
    )


def render_dockerignore(capture: Capture) -> str:
    """``.dockerignore``: nothing enters the image but what is named here."""
    allowed = ["requirements.txt", "proof.json", *top_level_modules(capture), capture.package]
    lines = ["*", *(f"!{name}" for name in allowed), "**/__pycache__", "**/*.pyc"]
    return "\n".join(lines) + "\n"


def render_compose(capture: Capture) -> str:
    """``compose.yaml``: the image, run as locked down as it allows."""
    return fill("compose.yaml.j2", name=capture.name, image=f"{capture.name}-service")
