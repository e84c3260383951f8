"""Projects of small notebooks, whose cells run in this very process, and how to prove them."""

from __future__ import annotations

import ast
import importlib
import linecache
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from nb2service.capture.take import Wanted, capture
from nb2service.errors import ProofError
from nb2service.launch.proof import prove
from nb2service.launch.proof_model import ProofRun
from nb2service.notebook.cells import Cell, Notebook, read_tags
from nb2service.project.render import render
from nb2service.project.write import written

PACKAGE = "book_service"


def make_project(folder: Path, cells: str, entries: str) -> Path:
    """The project of a notebook, its cells separated by lines of ``---``."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    ran = []
    for number, source in enumerate(cells.strip().split("\n---\n"), 1):
        name = f"<cell {folder.name} {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(ast.parse(source), name, "exec", dont_inherit=True), namespace)
        ran.append(Cell(number, source, read_tags((), source, number)))
    wanted = Wanted("book", PACKAGE, tuple(entries.split()), {})
    taken = capture(wanted, namespace, Notebook(tuple(ran)), lambda text: text, folder)
    with written(render(taken), folder / "book-service") as done:
        return done.folder


def proven(project: Path, package: str = PACKAGE) -> ProofRun:
    """The proof of a project that this process serves.

    Raises:
        ProofError: the service does not start.
    """
    with _served(project, package) as url:
        return prove(project, package, url, "kernel")


class _Silent(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args: Any) -> None:
        pass


@contextmanager
def _served(project: Path, package: str) -> Iterator[str]:
    sys.path.insert(0, str(project))
    try:
        settings_module = importlib.import_module(f"{package}.settings")
        settings = settings_module.Settings(log_level="ERROR")
        try:
            app = importlib.import_module(f"{package}.app").create_app(settings)
        except settings_module.StartError as error:
            raise ProofError(str(error)) from None
        server = make_server("127.0.0.1", 0, app, request_handler=_Silent)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
    finally:
        sys.path.remove(str(project))
        for name in [n for n in sys.modules if n.partition(".")[0] == package]:
            del sys.modules[name]
        importlib.invalidate_caches()
