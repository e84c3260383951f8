"""What the orchestration adds to the rooms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

import nb2service.deployment as deploy_module
from nb2service.deployment import Deployment, Plan, prove_clean
from nb2service.errors import LaunchError, ProofError
from nb2service.launch.proof_model import Proof, ProofRun
from nb2service.project.model import GENERATED, PROOF
from nb2service.project.write import Written

RUN = ProofRun("clean", "3.11.7", (), ())


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    record = tmp_path / GENERATED
    record.parent.mkdir()
    record.write_bytes(b"mine")
    capture: Any = SimpleNamespace(package="churn_service")
    files = Written(tmp_path, ())
    plan = Plan(capture, tmp_path, b"", {})
    return Deployment(plan, "python", None, Proof(()), files, b"mine", settled=True)


def test_the_clean_proof_joins_the_record(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_module, "prove_in_clean_environment", lambda *_: RUN)
    assert prove_clean(deployment).proof.runs == (RUN,)
    assert (deployment.plan.folder / PROOF).exists()


@pytest.mark.parametrize("fails", [True, False])
def test_a_proof_that_a_later_deployment_overtook_says_so(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    def overtaken(*_: object) -> ProofRun:
        (deployment.plan.folder / GENERATED).write_bytes(b"another's")
        if fails:
            raise LaunchError("half of this and half of that does not start")
        return RUN

    monkeypatch.setattr(deploy_module, "prove_in_clean_environment", overtaken)
    with pytest.raises(ProofError, match="changed before the proof was done"):
        prove_clean(deployment)
    assert not (deployment.plan.folder / PROOF).exists()


def test_a_dry_run_finds_a_folder_before_or_after_it_is_completed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread completes it, in the background of the card."""
    amid, looked = Event(), Event()
    seen_amid: list[bool] = []

    @contextmanager
    def written(project: object, folder: Path) -> Iterator[Written]:
        yield Written(folder, ())

    def write_proof(*_: object) -> None:
        amid.set()
        seen_amid.append(looked.wait(1.0))

    def preview(*_: object) -> tuple[()]:
        looked.set()
        return ()

    stand_ins = {
        "render": lambda *_: None,
        "written": written,
        "_completed": lambda *_: (deployment.plan.capture, None),
        "drop_stale_wheelhouse": lambda _, capture: capture,
        "write_proof": write_proof,
        "preview": preview,
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(deploy_module, name, stand_in)
    live = replace(deployment, settled=False)
    completing = Thread(target=deploy_module.settle, args=[live])
    completing.start()
    assert amid.wait(10.0)
    deploy_module._dry_run(live.plan, deploy_module._Clock(lambda _: None))
    completing.join(10.0)
    assert looked.is_set()
    assert seen_amid == [False]
