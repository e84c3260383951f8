"""Pages for people: ``/``, a form made from the contract, and ``/docs``, the API to read and try.

They are static files that hold no data of the service: in the browser they fetch
``openapi.json`` and ask the entries as any client does, with the key that the person types. All
their URLs are relative, since a proxy may serve them under a prefix.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from flask import Blueprint, Response, abort, send_from_directory

_OWN = Path(__file__).parent
# Named here, as each system has its own idea of the types of files.
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

pages = Blueprint("pages", __name__)


@pages.get("/")
def show_form() -> Response:
    """The form."""
    return _send(_OWN, "index.html")


@pages.get("/docs")
def show_docs() -> Response:
    """The OpenAPI document in Swagger UI."""
    return _send(_OWN, "docs.html")


@pages.get("/pages/<name>")
def send_own(name: str) -> Response:
    """Scripts and styles of both."""
    return _send(_OWN, name)


@pages.get("/docs/<name>")
def send_viewer(name: str) -> Response:
    """Swagger UI, from the package that brings its files and no more."""
    return _send(Path(str(files("flask_swagger_ui") / "dist")), name)


def _send(folder: Path, name: str) -> Response:
    """A file, or 304 where the browser has it already."""
    type_ = _TYPES.get(Path(name).suffix)
    return send_from_directory(folder, name, mimetype=type_) if type_ else abort(404)
