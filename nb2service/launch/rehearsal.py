"""The entries in a fresh process that sees pinned packages alone: what it lacks, what it changes.

A kernel has loaded so much that nothing is missing there, and it repeats itself: its sets have one
order. So the project answers its recorded cases once more, in a process with another hash seed, in
which only what ``requirements.txt`` names can be imported. What it looks for in vain, and cannot
answer without, is pinned too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

from ..capture.model import Capture, CaptureWarning
from ..capture.outside.requirements import add_requirements
from ..capture.pins import Pin
from ..errors import ProofError, RequirementsError
from ..project.libraries import debian_package, is_present
from ..runtime.contract import Entry
from ..runtime.replay import compare
from .proof_model import DIFFERENT, ProofRun
from .services import service_environment

_CHILD = Path(__file__).with_name("rehearsal_process.py")
_WITHIN = 120.0  # seconds
_DIGITS = 1e-6  # relative; what moves less is left to the proof
_VARIES = (
    "the answers change from process to process, though they repeat within one: they hang on the "
    "order of a set, on hash() of a text, on id(), or on numbers drawn when the code is loaded"
)
_VARIES_HINT = (
    "sort what comes out of a set, take zlib.crc32 or hashlib in place of hash(), and give random "
    "generators a seed"
)

Outcome = dict[str, Any]  # as rehearsal_process writes it


def rehearse(project: Path, capture: Capture) -> Capture:
    """The capture, and what else a fresh process of the written project has shown to be needed.

    Raises:
        RequirementsError: something is needed that nobody else can install.
        ProofError: an entry answers otherwise in another process.
    """
    rehearsal = _Rehearsal(project, capture)
    outcome = rehearsal.run(capture.requirements)
    if not rehearsal.is_as_recorded(outcome):
        capture, outcome = rehearsal.complete(outcome)
    return _with_libraries(capture, outcome)


def explained(project: Path, capture: Capture, run: ProofRun) -> ProofRun:
    """A proof that failed, with the cause of entries that no two processes answer alike."""
    rehearsal = _Rehearsal(project, capture)
    outcomes = [rehearsal.run(None, seed) for seed in (1, 2, 3)]
    entries = tuple(
        replace(entry, cause=f"{_VARIES}; {_VARIES_HINT}")
        if entry.verdict == DIFFERENT and rehearsal.varies(entry.name, outcomes)
        else entry
        for entry in run.entries
    )
    return replace(run, entries=entries)


class _Rehearsal:
    def __init__(self, project: Path, capture: Capture) -> None:
        self._project = project
        self._capture = capture

    def run(self, pins: Iterable[Pin] | None, seed: int = 1) -> Outcome:
        """One fresh process that sees these packages alone; all with None."""
        return _outcome(self._project, self._capture.package, pins, seed)

    def complete(self, alone: Outcome) -> tuple[Capture, Outcome]:
        """The capture with what was missing in a process that saw pinned packages ``alone``."""
        everything = self.run(None)
        if everything["errors"]:
            said = f"the service could not be tried in a second process: {_first(everything)}"
            return self._warned(said, "see that two of it can run on one machine"), alone
        for entry in self._capture.contract.entries:
            if not self._equal(entry, everything):
                raise ProofError(f"{entry.name}: {_VARIES}", _VARIES_HINT)
        for modules in _candidates(alone, everything, self._project):
            needed = self._pinnable(modules, alone["errors"])
            completed = self._try(needed)
            # Some of them were asked for, and can be done without.
            for module in list(needed) if completed and len(needed) > 1 else ():
                fewer = {name: why for name, why in needed.items() if name != module}
                if better := self._try(fewer):
                    needed, completed = fewer, better
            if completed:
                return completed
        how = f"fails: {_first(alone)}" if alone["errors"] else "answers otherwise"
        said = f"with nothing but the packages of requirements.txt the service {how}"
        return self._warned(
            said, "import in the notebook what it needs, so that it is pinned"
        ), alone

    def _pinnable(self, modules: Mapping[str, str], errors: Sequence[str]) -> dict[str, str]:
        """Those that add pins; one without a distribution must not be what an error names."""
        names = {pin.name for pin in self._capture.requirements}
        found = {}
        for module, why in modules.items():
            try:
                more = add_requirements(self._capture.requirements, {module: why})
            except RequirementsError:
                if any(re.search(rf"\b{re.escape(module)}\b", text) for text in errors):
                    raise
            else:
                if {pin.name for pin in more.pins} > names:
                    found[module] = why
        return found

    def _try(self, modules: Mapping[str, str]) -> tuple[Capture, Outcome] | None:
        """The capture with pins for these modules too, if it then answers as recorded."""
        if not modules:
            return None
        found = add_requirements(self._capture.requirements, modules)
        outcome = self.run(found.pins)
        if not self.is_as_recorded(outcome):
            return None
        warnings = tuple(dict.fromkeys((*self._capture.warnings, *found.warnings)))
        return replace(self._capture, requirements=found.pins, warnings=warnings), outcome

    def is_as_recorded(self, outcome: Outcome) -> bool:
        entries = self._capture.contract.entries
        return not outcome["errors"] and all(self._equal(entry, outcome) for entry in entries)

    def _equal(self, entry: Entry, outcome: Outcome) -> bool:
        recorded = self._capture.cases[entry.name]["batch"]
        given = outcome["answers"].get(entry.name)
        if given is None or not entry.repeats:
            return given is not None
        return not compare(recorded, given, max(entry.rtol, _DIGITS), max(entry.atol, _DIGITS**2))

    def varies(self, name: str, outcomes: list[Outcome]) -> bool:
        """Whether processes disagree; where all differ from the notebook alike, they do not."""
        given = [outcome["answers"][name] for outcome in outcomes if name in outcome["answers"]]
        recorded = self._capture.cases[name]["batch"]
        return any(
            compare(one, other, _DIGITS, _DIGITS**2) for one in given for other in given
        ) or any(not compare(recorded, each, _DIGITS, _DIGITS**2) for each in given)

    def _warned(self, said: str, hint: str) -> Capture:
        warnings = (*self._capture.warnings, CaptureWarning(said, hint))
        return replace(self._capture, warnings=warnings)


def _outcome(project: Path, package: str, pins: Iterable[Pin] | None, seed: int) -> Outcome:
    environment = service_environment()
    if environment.get("PYTHONHASHSEED") == str(seed):
        seed += 10  # another than the kernel's
    task = {"package": package, "pinned": None if pins is None else [pin.name for pin in pins]}
    with subprocess.Popen(
        [sys.executable, str(_CHILD)],
        cwd=project,
        env={**environment, "PYTHONHASHSEED": str(seed)},
        stdin=subprocess.PIPE,  # stays open: the process ends with it, and so with us
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        limit = Timer(_WITHIN, process.kill)
        limit.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):  # it ended at once: the exit code tells
                process.stdin.write(json.dumps(task) + "\n")
                process.stdin.flush()
            text = process.stdout.read()
        finally:
            limit.cancel()
            process.kill()
    if text:
        outcome: Outcome = json.loads(text)
        return outcome
    ended = f"a fresh process ended without an answer (exit code {process.returncode})"
    nothing = dict.fromkeys(("missed", "missed_by_entries", "modules", "libraries"), ())
    return {"answers": {}, "errors": [ended], **nothing}


def _candidates(alone: Outcome, everything: Outcome, project: Path) -> Iterator[dict[str, str]]:
    """Modules that may be what is missing, fewest first, and why they are needed."""
    loaded = set(everything["modules"])
    asked, started = "loaded while the examples ran", "loaded when the service starts"
    late = {name: asked for name in alone["missed_by_entries"] if name in loaded}
    missed = {name: late.get(name, started) for name in alone["missed"] if name in loaded}
    # Found by its metadata, a plugin was not even looked for.
    tops = {name.partition(".")[0] for name in loaded - set(alone["modules"])}
    own = {path.stem for path in project.iterdir()}
    plugins = dict.fromkeys(sorted(tops - own - {"__main__", "__mp_main__"}), asked)
    seen: list[dict[str, str]] = []
    for modules in (late, missed, {**missed, **plugins}):
        if modules and modules not in seen:
            seen.append(modules)
            yield modules


def _with_libraries(capture: Capture, outcome: Outcome) -> Capture:
    """The capture with the libraries that the process loaded of the system; unknown ones named."""
    own = tuple(str(Path(place)) + os.sep for place in (sys.prefix, sys.base_prefix, Path.home()))
    of_system = (
        _soname(path)
        for path in outcome["libraries"]
        if not path.startswith(own) and "-packages" not in path
    )
    names = tuple(sorted({name for name in of_system if not is_present(name)}))
    warnings = tuple(
        CaptureWarning(
            f"the service loads {name} of this system; which Debian package has it is not known",
            "add that package to the apt-get line of the Dockerfile",
        )
        for name in names
        if not debian_package(name)
    )
    return replace(capture, libraries=names, warnings=(*capture.warnings, *warnings))


def _soname(path: str) -> str:
    """The name by which a library is loaded: ``libgomp.so.1`` of ``libgomp.so.1.0.0``."""
    found = re.match(r"(.+?\.so(?:\.\d+)?)", Path(path).name)
    return found[1] if found else Path(path).name


def _first(outcome: Outcome) -> str:
    lines = str(outcome["errors"][0]).splitlines()
    return lines[0][:300] if lines else ""
