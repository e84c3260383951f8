"""Proof: the notebook's recorded answers against the service's, over HTTP, value by value."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import ProofError
from ..project.model import PROOF, README
from ..project.readme import with_proof
from ..project.write import replace_file
from ..runtime.contract import Contract, Entry, load_contract
from ..runtime.replay import Post, Replay, replay
from .causes import likely_cause
from .environment import clean_environment
from .proof_model import (
    DIFFERENT,
    EQUAL,
    NOT_COMPARABLE,
    Proof,
    ProofDifference,
    ProofEntry,
    ProofRun,
    load_proof,
)
from .services import service_environment, trial

_SHOWN = 5  # differences that a proof keeps of each entry
_ANSWER_WITHIN = 120.0  # seconds
# What would let packages from elsewhere into an environment that is to be clean.
_NOT_CLEAN = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "VIRTUAL_ENV", "CONDA_PREFIX")


def prove(
    project: Path, package: str, url: str, environment: str, python: str = sys.executable
) -> ProofRun:
    """Ask the service for every recorded prediction, in every way, and compare.

    Args:
        project: the project's folder.
        package: its package.
        url: where exactly this project is served.
        environment: ``kernel`` or ``clean``: where it runs, for the record.
        python: the interpreter that serves it, for the versions.

    Raises:
        ProofError: the project or the service cannot be read, so nothing was compared.
    """
    contract = _read_contract(project, package)
    expected = dict(contract.metadata.get("versions", {}))
    version, *versions = _versions(python, list(expected))
    found = dict(zip(expected, versions, strict=True))
    changed = [
        f"{name} {found[name] or 'missing'} instead of {expected[name]}"
        for name in expected
        if found[name] != expected[name]
    ]
    with _posting(url) as post:
        entries = tuple(_prove_entry(project, entry, post, changed) for entry in contract.entries)
    present = tuple((name, value) for name, value in found.items() if value)
    return ProofRun(environment, version, present, entries)


def prove_in_clean_environment(
    project: Path, package: str, python: str = sys.executable
) -> ProofRun:
    """``prove`` in an environment that holds the project's ``requirements.txt`` and nothing else.

    Args:
        project, package: as for ``prove``.
        python: an interpreter of the version to use.

    Raises:
        RequirementsError: the environment cannot be made.
        LaunchError: the service does not start in it.
        ProofError: nothing could be compared.
    """
    clean = str(clean_environment(project / "requirements.txt", python))
    environment = {k: v for k, v in service_environment().items() if k not in _NOT_CLEAN}
    environment["PYTHONNOUSERSITE"] = "1"
    with trial(project, package, clean, environment) as candidate:
        return prove(project, package, candidate.private_url, "clean", clean)


@contextmanager
def serving(project: Path, package: str, python: str = sys.executable) -> Iterator[str]:
    """The URL of the project, served for the length of a block and in no list.

    Raises:
        LaunchError: it does not start.
    """
    with trial(project, package, python, service_environment()) as candidate:
        yield candidate.private_url


def write_proof(project: Path, proof: Proof) -> None:
    """Put the proof into the project: ``proof.json``, and its section of the README."""
    text = json.dumps(proof.to_json(), indent=2, ensure_ascii=False) + "\n"
    replace_file(project / PROOF, text.encode())
    readme = project / README
    if readme.exists() and not readme.is_symlink():  # a link leads to what others write
        replace_file(readme, with_proof(readme.read_bytes(), proof.markdown()))


def add_run(project: Path, run: ProofRun) -> Proof:
    """Write a run into the project's proof, in place of the one of the same environment.

    Returns:
        The proof as it is now.
    """
    file = project / PROOF
    runs = load_proof(file.read_text("utf-8")).runs if file.exists() else ()
    kept = tuple(other for other in runs if other.environment != run.environment)
    proof = Proof((*kept, run))
    write_proof(project, proof)
    return proof


def _read_contract(project: Path, package: str) -> Contract:
    file = project / package / "contract.json"
    try:
        return load_contract(file.read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProofError(f"{file} cannot be read: {error}", "build the project again") from None


def _prove_entry(project: Path, entry: Entry, post: Post, changed: Sequence[str]) -> ProofEntry:
    file = project / "tests" / "cases" / f"{entry.name}.json"
    if not file.exists():
        cause = f"there are no recorded answers: {file.relative_to(project)} is missing"
        return _entry(entry, 0, Replay(), cause, NOT_COMPARABLE)
    case = json.loads(file.read_text("utf-8"))
    count = len(case["instances"])
    # Bit for bit first: the tolerance is only for where that does not hold.
    exact = replace(entry, rtol=0.0, atol=0.0, tolerance_reason="")
    done = replay(post, exact, case)
    if done.differences and entry.tolerance_reason:
        done = replay(post, entry, case)
    else:
        entry = exact
    failed = any(item.path == "status" for item in done.differences)
    if not entry.repeats and not failed:
        cause = "in the notebook, too, the same input gave another answer the second time"
        return _entry(entry, count, Replay(done.counts), cause, NOT_COMPARABLE)
    if not done.differences:
        verdict = EQUAL if done.total else NOT_COMPARABLE
        cause = "" if done.total else "no prediction was recorded"
        return _entry(entry, count, done, cause, verdict)
    again = replay(post, entry, case)
    cause = likely_cause(
        done.differences, done.counts, again.differences == done.differences, changed
    )
    return _entry(entry, count, done, cause, DIFFERENT, case["instances"])


def _entry(
    entry: Entry,
    cases: int,
    done: Replay,
    cause: str,
    verdict: str,
    instances: Sequence[object] = (),
) -> ProofEntry:
    shown = tuple(
        ProofDifference(
            item.wire,
            item.mode,
            item.row,
            item.path,
            item.expected,
            item.got,
            instances[item.row] if item.row < len(instances) else None,
        )
        for item in done.differences[:_SHOWN]
    )
    return ProofEntry(
        name=entry.name,
        cases=cases,
        compared=tuple((wire, mode, count) for (wire, mode), count in done.counts.items()),
        rtol=entry.rtol,
        atol=entry.atol,
        tolerance_reason=entry.tolerance_reason,
        different=len(done.differences),
        differences=shown,
        cause=cause,
        verdict=verdict,
    )


@contextmanager
def _posting(url: str) -> Iterator[Post]:
    """A function that posts over one kept connection."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_ANSWER_WITHIN)

    def post(
        path: str, body: bytes, content_type: str, accept: str
    ) -> tuple[int, dict[str, str], bytes]:
        headers = {"Content-Type": content_type, "Accept": accept}
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ProofError(
                f"POST {path}: the service did not answer: {error!r}",
                "the service's log tells why",
            ) from None

    with closing(connection):
        yield post


_TELL_VERSIONS = """\
import json, sys
from importlib import metadata
found = [sys.version.split()[0]]
for name in json.loads(sys.argv[1]):
    try:
        found.append(metadata.version(name))
    except metadata.PackageNotFoundError:
        found.append("")
print(json.dumps(found))
"""


def _versions(python: str, names: list[str]) -> list[str]:
    """The version of an interpreter, then of each package there; "" where it is missing."""
    if python == sys.executable:
        found = dict.fromkeys(names, "")
        for name in names:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                continue
        return [sys.version.split()[0], *found.values()]
    told = subprocess.run(
        [python, "-I", "-c", _TELL_VERSIONS, json.dumps(names)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: list[str] = json.loads(told.stdout)
    return answer
