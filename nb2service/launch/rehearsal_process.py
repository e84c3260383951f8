"""The child of ``rehearsal``: a project in a fresh process that sees pinned packages alone.

Run by path, in the project's folder, by the kernel's interpreter. It imports nothing of nb2service,
as that is not pinned. The task comes on stdin, the outcome goes to stdout, both JSON.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

_EVERYTHING = DistributionFinder.Context()


class PinnedFinder:
    """Takes the place of ``PathFinder``: what no pinned distribution installed is not there.

    Attributes:
        missed: modules that were looked for and would have been found.
    """

    def __init__(self, pinned: Iterable[str], project: Path) -> None:
        self.missed: list[str] = []
        self._project = f"{project}{os.sep}"
        self._pinned = {_normal(name) for name in pinned}
        paths = sysconfig.get_paths()
        self._standard = tuple({f"{paths[name]}{os.sep}" for name in ("stdlib", "platstdlib")})
        shown: set[str] = set()
        hidden: set[str] = set()
        self._all_tell = True
        for distribution in PathFinder.find_distributions(_EVERYTHING):
            pinned_here = self._is_pinned(distribution)
            files = distribution.read_text("RECORD")
            self._all_tell &= files is not None or not pinned_here
            (shown if pinned_here else hidden).update(_code(distribution, files or ""))
        self._shown, self._hidden = shown, hidden - shown

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As ``PathFinder`` does, for the project, Python's own library and pinned packages."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not spec.has_location or self._sees(str(spec.origin)):
            return spec
        self.missed.append(name)
        return None

    def find_distributions(
        self, context: DistributionFinder.Context = _EVERYTHING
    ) -> Iterator[Distribution]:
        """The pinned ones."""
        return filter(self._is_pinned, PathFinder.find_distributions(context))

    def invalidate_caches(self) -> None:
        """As ``PathFinder`` does."""
        PathFinder.invalidate_caches()

    def _is_pinned(self, distribution: Distribution) -> bool:
        return _normal(distribution.metadata["Name"] or "") in self._pinned

    def _sees(self, file: str) -> bool:
        if file in self._shown or file.startswith(self._project):
            return True
        if file in self._hidden:
            return False
        in_site = "site-packages" in file or "dist-packages" in file
        if not in_site:
            return file.startswith(self._standard)
        # Who installed it is not known. It may be a pinned one of those that do not tell.
        return not self._all_tell


def _code(distribution: Distribution, files: str) -> Iterator[str]:
    """The code among the files of a distribution, by absolute path."""
    base = str(distribution.locate_file(""))
    for line in files.splitlines():
        path = line.partition(",")[0]
        if path.endswith((".py", ".so", ".pyd")):
            yield os.path.normpath(os.path.join(base, path))  # noqa: PTH118 - thousands of them


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Reads the task, answers, and writes what came of it."""
    result = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the notebook's code prints is not the outcome
    task = json.loads(sys.stdin.readline())
    Thread(target=_end_with_parent, daemon=True).start()
    project = Path.cwd()
    sys.path[0] = str(project)
    mapped = _mapped()
    missed: list[str] = []
    if task["pinned"] is not None:
        finder = PinnedFinder(task["pinned"], project)
        sys.meta_path[sys.meta_path.index(PathFinder)] = finder
        missed = finder.missed
    answers: dict[str, Any] = {}
    errors: list[str] = []
    at_start = sys.maxsize
    logging.getLogger(task["package"]).addHandler(_Errors(errors))
    try:
        app = importlib.import_module(f"{task['package']}.app").create_app(warm=False)
        at_start = len(missed)
        _ask(app, project / "tests" / "cases", answers, errors)
    except BaseException as error:  # whatever the notebook's own statements raise
        errors.append(_told(error))
    outcome = {
        "answers": answers,
        "errors": errors,
        "missed": list(dict.fromkeys(missed)),
        "missed_by_entries": list(dict.fromkeys(missed[at_start:])),
        "modules": sorted(sys.modules),
        "libraries": sorted(_mapped() - mapped),
    }
    with result:
        json.dump(outcome, result)
    os._exit(0)  # threads of the notebook's code may never end


def _ask(app: Any, cases: Path, answers: dict[str, Any], errors: list[str]) -> None:
    """Asks each entry for all its recorded rows at once."""
    client = app.test_client()
    for entry in app.extensions["service"].contract.entries:
        case = json.loads((cases / f"{entry.name}.json").read_text("utf-8"))
        answer = client.post(f"/{entry.name}", json={"instances": case["instances"]})
        if answer.status_code == 200:
            answers[entry.name] = answer.json["predictions"]
        elif not errors:  # what failed in the notebook's code is in the log alone
            errors.append(f"{entry.name}: {answer.text[:2000]}")


class _Errors(logging.Handler):
    """Collects the exceptions that the service puts into its log."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        """Notes the exception of a line of the log."""
        if record.exc_info and (error := record.exc_info[1]):
            self._errors.append(_told(error))


def _told(error: BaseException) -> str:
    """The exception and those that led to it, which may name what is missing."""
    told = f"{type(error).__name__}: {error}"
    before = error.__cause__ or error.__context__
    return f"{told}\n{_told(before)}" if before else told


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _mapped() -> set[str]:
    """The shared libraries in this process, by path, where the system tells."""
    try:
        lines = Path("/proc/self/maps").read_text(errors="replace").splitlines()
    except OSError:
        return set()
    paths = (line.split(None, 5)[5:] for line in lines)
    return {path[0] for path in paths if path and ".so" in path[0]}


if __name__ == "__main__":
    main()
