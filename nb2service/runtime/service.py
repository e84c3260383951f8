"""The notebook's code and its entries, loaded once for each process."""

from __future__ import annotations

import importlib
import json
import logging
import os
import platform
import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from . import store
from .contract import Contract, load_contract
from .endpoint import Endpoint, NotebookCodeError
from .problems import Problem
from .settings import StartError

PACKAGE = Path(__file__).parent
log = logging.getLogger(__package__)


class LoadError(StartError):
    """The contract, the notebook's code or an artifact does not load."""


@lru_cache(maxsize=1)
def read_contract() -> Contract:
    """The contract of this service.

    Raises:
        LoadError: ``contract.json`` is missing or is not a contract.
    """
    path = PACKAGE / "contract.json"
    try:
        return load_contract(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError) as error:  # it may have been edited by hand
        raise LoadError(f"{path} is not a contract: {type(error).__name__}: {error}") from None


class Service:
    """All endpoints, and whether they are ready.

    Args:
        max_batch: rows that one request may hold.

    Raises:
        LoadError: the notebook's code or an artifact does not load.
    """

    def __init__(self, max_batch: int) -> None:
        self.contract = read_contract()
        # A database connection, say, answers only the thread that opened it.
        thread = ThreadPoolExecutor(1, "notebook") if self.contract.setup else None
        self.module = thread.submit(_load_notebook).result() if thread else _load_notebook()
        try:
            self.endpoints = {
                route: Endpoint(entry, self.module, max_batch, thread)
                for route, entry in self.contract.routes().items()
            }
        except AttributeError as error:
            raise LoadError(
                f"contract.json names what notebook.py does not have: {error}"
            ) from None
        self.ready = self.failed = False
        self.reason = "the model is warming up"

    def warm(self) -> None:
        """Call each entry once; ready only if all of them answered."""
        for endpoint in {id(item.entry): item for item in self.endpoints.values()}.values():
            try:
                endpoint.warm()
            except (NotebookCodeError, Problem) as error:
                self.failed = True
                self.reason = f"the entry {endpoint.entry.name!r} does not answer its own example"
                log.error(
                    "%s",
                    json.dumps({"event": "warm-up failed", "entry": endpoint.entry.name}),
                    exc_info=error.__cause__ or error,
                )
                return
        self.ready, self.reason = True, ""

    def other_versions(self) -> dict[str, str]:
        """What is installed here in another version than the notebook ran with, in words."""
        noted = self.contract.metadata
        here = _installed(noted.get("versions", {}))
        found = {
            name: f"{here[name] or 'missing'} instead of {version}"
            for name, version in noted.get("versions", {}).items()
            if here[name] != version
        }
        python = platform.python_version()
        if python.split(".")[:2] != noted.get("python", python).split(".")[:2]:
            found = {"python": f"{python} instead of {noted['python']}", **found}
        return found

    def metadata(self) -> dict[str, Any]:
        """What ``GET /metadata`` shows: names, versions, hashes, provenance, proof."""
        proof = PACKAGE.parent / "proof.json"
        return {
            "name": self.contract.name,
            "title": self.contract.title,
            "description": self.contract.description,
            "entries": [{"name": entry.name, "doc": entry.doc} for entry in self.contract.entries],
            "python": platform.python_version(),
            "versions": _installed(self.contract.metadata.get("versions", {})),
            "artifacts": store.manifest(),
            "provenance": self.contract.metadata,
            "proof": json.loads(proof.read_text(encoding="utf-8")) if proof.is_file() else None,
        }


def _installed(names: Iterable[str]) -> dict[str, str | None]:
    """The versions installed here of the distributions that the notebook used."""
    return {name: next((d.version for d in distributions(name=name)), None) for name in names}


def _load_notebook() -> Any:
    files = PACKAGE / "files"
    if files.is_dir():
        # The notebook's code opens its files by paths relative to its own folder.
        os.chdir(files)
    try:
        return importlib.import_module(".notebook", __package__)
    except store.ArtifactError as error:
        raise LoadError(str(error)) from error
    except Exception as error:  # whatever the notebook's own statements raise
        raise LoadError(f"{_where(error)}: {type(error).__name__}: {error}") from error


def _where(error: BaseException) -> str:
    """The innermost line of this project that the error passed through."""
    lines = traceback.extract_tb(error.__traceback__)
    own = [line for line in lines if Path(line.filename).parent == PACKAGE]
    notebook = [line for line in own if Path(line.filename).name == "notebook.py"]
    last = (notebook or own or lines)[-1]
    return f"{Path(last.filename).name}, line {last.lineno}"
