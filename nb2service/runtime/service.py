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
from functools import cached_property, lru_cache
from importlib.metadata import distributions
from operator import attrgetter
from pathlib import Path
from typing import Any

from . import store
from .answers import NotebookCodeError
from .contract import Contract, Entry, load_contract
from .endpoint import Endpoint
from .problems import Problem
from .settings import SettingError, Settings, StartError

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

    Attributes:
        endpoints: by route.

    Raises:
        LoadError: the notebook's code or an artifact does not load.
        SettingError: a setting names an entry that there is not.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.contract = read_contract()
        _check_names(settings.micro_batch_off, self.contract)
        # A database connection, say, answers only the thread that opened it.
        thread = ThreadPoolExecutor(1, "notebook") if self.contract.setup else None
        self.module = thread.submit(_load_notebook).result() if thread else _load_notebook()
        try:
            made = {
                entry.name: Endpoint(
                    entry, self.module, settings.max_batch, thread, self._plan(entry)
                )
                for entry in self.contract.entries
            }
        except AttributeError as error:
            raise LoadError(
                f"contract.json names what notebook.py does not have: {error}"
            ) from None
        self.endpoints = {
            route: made[entry.name] for route, entry in self.contract.routes().items()
        }
        self.ready = self.failed = False
        self.reason = "the model is warming up"

    def warm(self) -> None:
        """Call each entry once; ready only if all of them answered."""
        for endpoint in dict.fromkeys(self.endpoints.values()):
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

    def joined_rows(self, endpoint: Endpoint) -> int:
        """How many rows of several requests to an entry may be one call; 0 for never."""
        joined = endpoint.row_wise and endpoint.entry.name not in self.settings.micro_batch_off
        return self.settings.micro_batch if joined else 0

    def _plan(self, entry: Entry) -> Any:
        """The lean path of an entry, where the build found that its answers are the same."""
        held, _, method = entry.call.rpartition(".")
        # What the build found holds for the versions that it had.
        if not (entry.lean and self.settings.lean and held) or self.other_versions:
            return None
        from .lean import compile_plan

        return compile_plan(attrgetter(held)(self.module), method, entry.input)

    @cached_property
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
        # Beside the package, or in it where that was installed as one.
        places = (PACKAGE / "proof.json", PACKAGE.parent / "proof.json")
        proof = next(filter(Path.is_file, places), None)
        return {
            "name": self.contract.name,
            "title": self.contract.title,
            "description": self.contract.description,
            "entries": [self._about(entry) for entry in self.contract.entries],
            "python": platform.python_version(),
            "versions": _installed(self.contract.metadata.get("versions", {})),
            "artifacts": store.manifest(),
            "provenance": self.contract.metadata,
            "proof": json.loads(proof.read_text(encoding="utf-8")) if proof else None,
        }

    def _about(self, entry: Entry) -> dict[str, Any]:
        endpoint = self.endpoints[entry.name]
        return {
            "name": entry.name,
            "doc": entry.doc,
            "lean": endpoint.plan is not None,
            "joined": self.joined_rows(endpoint) > 0,
        }


def _check_names(names: Iterable[str], contract: Contract) -> None:
    known = [entry.name for entry in contract.entries]
    for name in sorted(set(names) - set(known)):
        raise SettingError(
            f"MICRO_BATCH_OFF names no entry {name!r}; there are: {', '.join(known)}"
        )


def _installed(names: Iterable[str]) -> dict[str, str | None]:
    """The versions installed here of the distributions that the notebook used."""
    return {name: next((d.version for d in distributions(name=name)), None) for name in names}


def _load_notebook() -> Any:
    files = PACKAGE / "files"
    if files.is_dir():
        # The notebook's code opens its files by paths relative to its own folder.
        os.chdir(files)
    try:
        store.prepare()
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
    cell = f" ({_cell(last.lineno or 0)})" if notebook and _cell(last.lineno or 0) else ""
    return f"{Path(last.filename).name}, line {last.lineno}{cell}"


def _cell(line: int) -> str:
    """What the heading above a line of ``notebook.py`` says: ``cell [2]``."""
    above = (PACKAGE / "notebook.py").read_text("utf-8").split("\n")[:line]
    headings = [text[6:-4] for text in above if text.startswith("# --- ") and text.endswith(" ---")]
    return headings[-1] if headings else ""
