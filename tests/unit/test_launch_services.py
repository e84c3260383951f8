"""What a service that is started here gets of this process's environment."""

from __future__ import annotations

import pytest

from nb2service.launch.services import service_environment


@pytest.mark.parametrize(("given", "workers"), [(None, "1"), ("3", "3")])
def test_a_service_beside_its_notebook_has_one_worker_unless_told(
    monkeypatch: pytest.MonkeyPatch, given: str | None, workers: str
) -> None:
    monkeypatch.delenv("WORKERS", raising=False)
    if given is not None:
        monkeypatch.setenv("WORKERS", given)
    assert service_environment()["WORKERS"] == workers


@pytest.mark.parametrize("name", ["API_KEYS", "API_KEYS_FILE", "RATE_LIMIT", "CORS_ORIGINS"])
def test_a_service_beside_its_notebook_does_not_follow_a_deployments_access(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its proof asks without a key; and other programs have variables of these names too."""
    monkeypatch.setenv(name, '{"some": "other program\'s"}')
    assert name not in service_environment()
