"""A generated Dockerfile is built and run for real: Debian's Python, no Docker engine.

Needs root, ``buildah`` and ``debootstrap`` (``apt-get install buildah debootstrap``). Where they
are missing the group is skipped and says so; with ``CI`` set that is a failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from containers import free_port, locked, serving
from images import Buildah, missing_tools, run

from nb2service.launch.indexes import uv_environment

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
OPEN = "ALLOW_ANONYMOUS=1"
FORBIDDEN = """\
import os, socket
assert os.getuid() == 1234, os.getuid()
for path in ("/app/x", "/tmp/x", "/opt/venv/x", "/etc/x"):
    try:
        open(path, "w")
    except OSError as error:
        assert error.strerror == "Read-only file system", (path, error)
    else:
        raise SystemExit(f"{path} was written")
try:
    socket.create_connection(("192.0.2.1", 80), 5)
except OSError as error:
    assert error.strerror == "Network is unreachable", error
else:
    raise SystemExit("there is a network")
"""


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    """What this group cannot do without."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the base image has Debian 12's Python 3.11: run the tests with that")
    if missing := missing_tools():
        why = f"tests/container is left out, no image is built: {', '.join(missing)} missing"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


@pytest.fixture(scope="module")
def buildah(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Buildah]:
    made = Buildah(pytestconfig.cache.mkdir("buildah"))
    made.clear()  # of a run that was cut off
    made.base(tmp_path_factory.mktemp("base"))
    yield made
    made.clear()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the churn notebook, with its wheels, as the command line makes it."""
    folder = Path(shutil.copytree(EXAMPLES, tmp_path_factory.mktemp("work") / "notebooks"))
    command = str(Path(sys.executable).parent / "nb2service")
    run(command, "build", "churn.ipynb", "--wheelhouse", cwd=folder)
    return folder / "churn-service"


@pytest.fixture(scope="module")
def private(project: Path) -> Path:
    """The project without its wheels, with files that nobody else may read."""
    ignore = shutil.ignore_patterns("wheelhouse")
    folder = Path(shutil.copytree(project, project.with_name("private"), ignore=ignore))
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@pytest.fixture(scope="module")
def image(buildah: Buildah, private: Path) -> str:
    buildah.build(private, "churn", "--layers", umask=0o077)
    return "churn"


@pytest.fixture(scope="module")
def config(buildah: Buildah, image: str) -> dict[str, Any]:
    return buildah.config(image)


@pytest.fixture
def container(buildah: Buildah, image: str) -> Iterator[str]:
    name = buildah("from", "--pull-never", image)
    yield name
    buildah("rm", name)


def test_the_image_says_how_it_runs(config: dict[str, Any], project: Path) -> None:
    assert config["User"] == "1000"
    assert config["WorkingDir"] == "/app"
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert [*config["Entrypoint"], *config["Cmd"]] == ["python", "-m", "churn_service", "serve"]
    assert "HOST=0.0.0.0" in config["Env"]
    assert config["Healthcheck"]["Test"][0] == "CMD"
    contract = json.loads((project / "churn_service/contract.json").read_text())
    assert config["Labels"]["org.opencontainers.image.title"] == "churn-service"
    assert config["Labels"]["nb2service.notebook.sha256"] == contract["metadata"]["sha256"]


def test_the_image_answers_as_the_notebook_did(
    buildah: Buildah, container: str, config: dict[str, Any], project: Path, tmp_path: Path
) -> None:
    port = free_port()
    settings = ("--env", f"PORT={port}", "--env", OPEN)
    inside = ["run", "--isolation", "chroot", *settings, container, "--"]
    start = buildah.command(*inside, *config["Entrypoint"], *config["Cmd"])
    with serving(start, port, tmp_path / "log") as service:
        assert Path(f"/proc/{service.pid}").stat().st_uid == 1000
        assert service.proof(project).startswith("equal 240 ")
        buildah(*inside, *config["Healthcheck"]["Test"][1:])
        proof = json.loads((project / "proof.json").read_text())
        assert json.loads(service.ask("/metadata"))["proof"] == proof
        assert service.stop() == 0


def test_the_image_runs_where_nearly_everything_is_forbidden(
    buildah: Buildah, container: str, config: dict[str, Any], project: Path, tmp_path: Path
) -> None:
    """At a platform's port too: at that of the variable which any other would hide."""
    command = [*config["Entrypoint"], "serve", "--some-platform", "says this"]
    start = locked(buildah("mount", container), config, "LISTENING_PORT=9123", OPEN, *command)
    with serving(start, 9123, tmp_path / "log", alone=True) as service:
        assert service.proof(project).startswith("equal 240 ")
        assert service.stop() == 0
    assert "ignored: --some-platform says this" in (tmp_path / "log").read_text()


def test_that_nearly_everything_is_forbidden(
    buildah: Buildah, container: str, config: dict[str, Any]
) -> None:
    run(*locked(buildah("mount", container), config, "python", "-c", FORBIDDEN))


def test_the_project_s_own_tests_are_green_in_the_image(
    buildah: Buildah, container: str, config: dict[str, Any], project: Path, tmp_path: Path
) -> None:
    """pytest is no part of the image: it comes from beside it, with the tests."""
    packages, needed = tmp_path / "packages", project / "requirements-dev.txt"
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet"]
    where = ["--python", sys.executable, "--target", str(packages), "-r", str(needed)]
    subprocess.run([*uv, *where], check=True, env=uv_environment())
    told = run(
        *locked(
            *(buildah("mount", container), config),
            *("PYTHONPATH=/packages", "TMPDIR=/dev/shm"),
            *("python", "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "tests"),
            volumes=[f"{project / 'tests'}:/app/tests", f"{packages}:/packages"],
        )
    )
    assert " passed" in told
    assert " skipped" not in told


def test_the_image_lets_nobody_in_who_was_not_named(
    buildah: Buildah, container: str, config: dict[str, Any]
) -> None:
    start = locked(buildah("mount", container), config, *config["Entrypoint"], *config["Cmd"])
    done = subprocess.run(start, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "API_KEYS" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_other_code_does_not_install_the_packages_anew(
    buildah: Buildah, image: str, private: Path
) -> None:
    with (private / "churn_service" / "notebook.py").open("a") as file:
        file.write("\nEDITED = True\n")
    anew = buildah.build(private, "edited", "--layers", umask=0o077)
    assert anew[0] == "COPY churn_service ./churn_service"
    assert "COPY --from=builder /app /app" in anew
    assert "COPY --from=builder /opt/venv /opt/venv" not in anew


def test_the_wheelhouse_is_all_that_a_build_without_a_network_needs(
    buildah: Buildah, project: Path
) -> None:
    buildah.build(project, "offline", "--target=builder", network=False)
    root = buildah("mount", buildah("from", "--pull-never", "offline"))
    ask = ("/opt/venv/bin/python", "-m", "churn_service", "--version")
    assert run(*locked(root, {"Env": []}, *ask)) == "churn 1.0.0"
