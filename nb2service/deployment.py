"""The whole way, in order: cells + live namespace → Capture → Project → running service → Proof."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

from .capture.guard.guard import refusal_error
from .capture.guard.showing import cleaned_notebook, conceal
from .capture.model import Capture
from .capture.take import Wanted, capture
from .errors import Nb2ServiceError, ProofError
from .launch.commit import dated
from .launch.lock import lock
from .launch.proof import add_run, prove, prove_in_clean_environment, serving, write_proof
from .launch.proof_model import DIFFERENT, Proof, ProofRun
from .launch.rehearsal import explained, rehearse
from .launch.services import Service, find_service, launch
from .launch.wheelhouse import drop_stale_wheelhouse, fill_wheelhouse
from .notebook.live import find_path, read_live
from .notebook.source import source_notebook
from .options import Options
from .project.edits import naming_edits
from .project.lockfile import with_standing_lock
from .project.model import GENERATED, Project
from .project.names import project_name
from .project.notebook_page import notebook_page
from .project.preview import FilePreview, preview
from .project.render import render
from .project.write import Written, written

Report = Callable[[str], None]

# A deployment completes its folder in the background: what others do with a folder meanwhile finds
# it before or after, not amid.
_FOLDERS = RLock()


@dataclass(frozen=True)
class Plan:
    """What would travel.

    Attributes:
        capture: everything that the entries need.
        folder: where the project would be written.
        source: the notebook itself without outputs, as an ``.ipynb`` file's bytes.
        seconds: time by phase.
        wheelhouse: whether the folder is to have the wheels of all requirements.
    """

    capture: Capture
    folder: Path
    source: bytes
    seconds: dict[str, float]
    wheelhouse: bool = False


@dataclass(frozen=True)
class DryRun:
    """What a deployment would change.

    Attributes:
        plan: what would travel.
        files: what would become of the files in the folder.
    """

    plan: Plan
    files: tuple[FilePreview, ...]


@dataclass(frozen=True)
class Deployment:
    """What stands now.

    Attributes:
        plan: what travelled, and where it was written.
        python: the interpreter of the kernel's environment.
        service: the running service; None with ``--no-launch``.
        proof: what was compared so far, and the verdict.
        files: what was done to the folder, also to files that a person had edited.
        generated: the record of what was written, which tells this deployment from a later one.
        settled: whether a fresh process has shown what else the requirements must name.
    """

    plan: Plan
    python: str
    service: Service | None
    proof: Proof
    files: Written
    generated: bytes = field(repr=False)
    settled: bool = False


class _Clock:
    """Time by phase; tells ``report`` when a phase begins."""

    def __init__(self, report: Report) -> None:
        self.seconds: dict[str, float] = {}
        self._report = report

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._report(name)
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began


def deploy(
    options: Options, shell: Any, report: Report = lambda phase: None
) -> Plan | DryRun | Deployment:
    """Turns the kernel's entries into a project, and the project into a proven service.

    Args:
        options: what was asked for.
        shell: the IPython shell whose namespace and history are captured.
        report: called with the name of each phase as it begins.

    Returns:
        a ``Plan`` with ``options.plan``, a ``DryRun`` with ``options.dry_run``, else a
        ``Deployment`` whose answers equal the notebook's.

    Raises:
        Nb2ServiceError: what could not be done; nothing is left half-written or running.
    """
    clock = _Clock(report)
    with clock.phase("capture"):
        plan = _plan(options, shell, clock.seconds)
    if options.plan:
        return plan
    if plan.capture.refusals:
        raise refusal_error(plan.capture.refusals, partial(_line_with, options))
    if options.dry_run:
        return _dry_run(plan, clock)
    with _FOLDERS, ExitStack() as undone_on_failure:
        with clock.phase("write"):
            project = render(plan.capture, plan.source)
            files = undone_on_failure.enter_context(written(project, plan.folder))
        with naming_edits(plan.folder):
            service, run = _launch_and_prove(options, plan, clock)
        proof = Proof((run,))
        write_proof(plan.folder, proof)
        generated = (plan.folder / GENERATED).read_bytes()
        done = Deployment(plan, sys.executable, service, proof, files, generated)
        if options.launch:
            return done  # it is in service; what else is to be known is found in the background
        with clock.phase("rehearse"):
            return settle(done)


def _dry_run(plan: Plan, clock: _Clock) -> DryRun:
    """Compares the folder with a whole project that stands elsewhere for a moment."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        with clock.phase("write"):
            project = render(plan.capture, plan.source)
            aside = stack.enter_context(written(project, Path(scratch) / plan.folder.name))
        with clock.phase("rehearse"):
            capture, project = _completed(plan, aside.folder)
    with _FOLDERS, clock.phase("compare"):
        return DryRun(replace(plan, capture=capture), preview(project, plan.folder))


def _launch_and_prove(
    options: Options, plan: Plan, clock: _Clock
) -> tuple[Service | None, ProofRun]:
    """The service's answers in the kernel's own environment, before anyone else may ask it."""
    name, package = plan.capture.name, plan.capture.package
    if not options.launch:
        with ExitStack() as stack:
            with clock.phase("launch"):
                url = stack.enter_context(serving(plan.folder, package, sys.executable))
            with clock.phase("prove"):
                run = _prove(plan, url)
            return None, run
    owner = None if options.keep else os.getpid()
    notebook = plan.capture.provenance.notebook
    with ExitStack() as stack:
        with clock.phase("launch"):
            candidate = stack.enter_context(
                launch(name, plan.folder, package, options.port, owner=owner, notebook=notebook)
            )
        with clock.phase("prove"):
            run = _prove(plan, candidate.private_url)
    return find_service(name), run


def _prove(plan: Plan, url: str) -> ProofRun:
    run = prove(plan.folder, plan.capture.package, url, "kernel")
    if run.verdict == DIFFERENT:
        explained(plan.folder, plan.capture, run).raise_if_different()
    return run


def settle(deployment: Deployment) -> Deployment:
    """Adds what a fresh process of the project has shown to be needed, if that was not done yet.

    Raises:
        RequirementsError: something is needed that nobody else can install.
        ProofError: an entry answers otherwise in another process, or the folder holds another
            deployment by now.
    """
    plan = deployment.plan
    if deployment.settled:
        return deployment
    try:
        with naming_edits(plan.folder):
            capture, project = _completed(plan, plan.folder)
    finally:
        _check_current(deployment)
    with _FOLDERS:
        _check_current(deployment)
        with written(project, plan.folder) as again:
            if plan.wheelhouse:
                fill_wheelhouse(plan.folder, capture)
            else:
                capture = drop_stale_wheelhouse(plan.folder, capture)
            write_proof(plan.folder, deployment.proof)
        generated = (plan.folder / GENERATED).read_bytes()
    return replace(
        deployment,
        plan=replace(plan, capture=capture),
        files=deployment.files.then(again),
        generated=generated,
        settled=True,
    )


def _completed(plan: Plan, folder: Path) -> tuple[Capture, Project]:
    """The capture and its project with what takes too long to be waited for.

    Args:
        plan: what was captured; ``plan.folder`` holds what was generated last.
        folder: where the project stands as far as it is known.
    """
    capture = lock(rehearse(folder, plan.capture), plan.folder)
    capture = dated(capture, (plan.folder, Path.cwd()))
    return capture, render(capture, plan.source, notebook_page(capture, plan.source))


def prove_clean(deployment: Deployment) -> Deployment:
    """Adds the proof in an environment made from nothing but ``requirements.txt``.

    Raises:
        RequirementsError: the environment cannot be made.
        ProofError: the folder holds another deployment by now.
    """
    deployment = settle(deployment)
    plan = deployment.plan
    try:
        with naming_edits(plan.folder):
            run = prove_in_clean_environment(plan.folder, plan.capture.package, deployment.python)
    finally:
        _check_current(deployment)
    with _FOLDERS:
        _check_current(deployment)
        return replace(deployment, proof=add_run(plan.folder, run))


def _check_current(deployment: Deployment) -> None:
    record = deployment.plan.folder / GENERATED
    if not record.exists() or record.read_bytes() != deployment.generated:
        raise ProofError(
            f"{deployment.plan.folder} changed before the proof was done",
            "the later deployment to this folder has a proof of its own",
        )


def _plan(options: Options, shell: Any, seconds: dict[str, float]) -> Plan:
    here = Path.cwd()
    given = options.cells_from or options.notebook
    file = Path(given) if given else find_path(shell)
    notebook = read_live(shell, Path(given) if given else None)
    if options.notebook:
        notebook = replace(notebook, path=options.notebook)
    stem = Path(notebook.path).stem if notebook.path else "notebook"
    name, package = project_name(options.name or stem)
    wanted = Wanted(
        name=name,
        package=package,
        entries=options.entries,
        bind=options.bind,
        example=options.example,
        allow=options.allow,
        mask=options.mask,
        skops=options.skops,
    )
    try:
        captured = capture(wanted, shell.user_ns, notebook, shell.transform_cell, here)
    except Nb2ServiceError as error:
        raise type(error)(conceal(error.message), conceal(error.hint), error.cell) from None
    folder = Path(options.output).expanduser() if options.output else here / f"{name}-service"
    travelled = {item.cell for item in captured.ship_list}
    source, warnings = cleaned_notebook(
        source_notebook(notebook, file, travelled), captured.originals
    )
    captured = replace(captured, warnings=(*captured.warnings, *warnings))
    captured = with_standing_lock(captured, folder)
    return Plan(captured, folder.absolute(), source, seconds, options.wheelhouse)


def _line_with(options: Options, mask: Sequence[str], allow: Sequence[str]) -> str:
    """What was asked for, as a line to paste, with more that is masked and allowed."""
    more = replace(options, mask=(*options.mask, *mask), allow=(*options.allow, *allow))
    return more.to_line()
