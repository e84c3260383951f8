"""What a person sees; the card of real deployments is tested in real kernels."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nb2service import card
from nb2service.deployment import Deployment, Plan
from nb2service.errors import LaunchError
from nb2service.launch.proof_model import Proof, ProofRun
from nb2service.project.write import Written

FILES = Written(Path("churn-service"), ())


def deployment(*runs: ProofRun) -> Deployment:
    capture: Any = SimpleNamespace(name="churn")
    return Deployment(
        Plan(capture, Path("churn-service"), b"", {}), "python", None, Proof(runs), FILES, b""
    )


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> card.Shown:
    """As in a terminal, whose shell has no kernel."""
    monkeypatch.setattr(card, "get_ipython", lambda: SimpleNamespace())
    monkeypatch.setattr(card, "display", lambda *_, **__: None)
    made = card.Shown()
    monkeypatch.setattr(made, "show", lambda done, pending: print(f"card: {pending}"))
    return made


def joined() -> None:
    for thread in card.threading.enumerate():
        if thread.name == "nb2service-proof":
            thread.join(10)


def test_a_terminal_gets_one_line_more_and_not_the_card_again(
    shown: card.Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ProofRun("clean", "3.11.7", (), ())
    shown.follow(deployment(), lambda done: deployment(run))
    joined()
    lines = capsys.readouterr().out.split("\n")
    assert [line for line in lines if line] == [
        "card: Clean environment: proof under way …",
        f"churn: {run.summary}",
    ]


def test_why_a_proof_could_not_be_done_is_told(
    shown: card.Shown, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Deployment) -> Deployment:
        raise LaunchError("it does not start", "look at the log")

    shown.follow(deployment(), fail)
    joined()
    assert "churn: Clean environment: it does not start\n  → look at the log" in (
        capsys.readouterr().out
    )


def test_a_proof_that_breaks_off_is_not_under_way_for_ever(
    shown: card.Shown,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(card.threading, "excepthook", seen.append)

    def fail(_: Deployment) -> Deployment:
        raise ZeroDivisionError("ours")

    shown.follow(deployment(), fail)
    joined()
    assert "the proof broke off: ZeroDivisionError('ours')" in capsys.readouterr().out
    assert [hook.exc_type for hook in seen] == [ZeroDivisionError]
