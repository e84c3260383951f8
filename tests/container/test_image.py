"""A generated Dockerfile is built and run for real: Debian's Python, uid 1000, no Docker engine.

Needs root, ``buildah`` and ``debootstrap`` (``apt-get install buildah debootstrap``). Where they
are missing the group is skipped and says so; with ``CI`` set that is a failure.
The base image (300 MB, Debian's own packages) is made once and kept in pytest's cache.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nb2service.launch.indexes import uv_environment
from nb2service.launch.proof import prove

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
BASE = "localhost/debian-python:12"
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs")
READY_WITHIN = 120.0  # seconds


@pytest.fixture(scope="module", autouse=True)
def tools() -> None:
    """What this group cannot do without."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the base image has Debian 12's Python 3.11: run the tests with that")
    missing = [name for name in ("buildah", "debootstrap") if not shutil.which(name)]
    missing += [] if os.geteuid() == 0 else ["root"]
    if missing:
        why = f"tests/container is left out, no image is built: {', '.join(missing)} missing"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


def run(*command: str, cwd: Path | None = None) -> str:
    """What a command that succeeds prints."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Buildah:
    """The ``buildah`` command with a store of its own."""

    store: Path

    def __call__(self, *words: str) -> str:
        return run(*self.command(*words))

    def command(self, *words: str) -> list[str]:
        places = ["--root", str(self.store / "root"), "--runroot", str(self.store / "run")]
        return ["buildah", *places, *words]


@pytest.fixture(scope="module")
def buildah(pytestconfig: pytest.Config) -> Buildah:
    made = Buildah(pytestconfig.cache.mkdir("buildah"))
    made("rm", "--all")  # of a run that was cut off
    made("rmi", "--prune", "--force")
    return made


@pytest.fixture(scope="module")
def base(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Debian with its own Python, laid out as Docker's ``python:3-slim``: no other is at hand."""
    if BASE not in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
        root = tmp_path_factory.mktemp("debian")
        careless = root / "etc/dpkg/dpkg.cfg.d/unsafe-io"  # no fsync after each file
        careless.parent.mkdir(parents=True)
        careless.write_text("force-unsafe-io\n")
        how = ["--variant=minbase", f"--include={PACKAGES}"]
        run("debootstrap", *how, "bookworm", str(root))
        for path in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            path.unlink()
        (root / "usr/bin/python").symlink_to("python3")
        container = buildah("from", "scratch")
        buildah("copy", "--quiet", container, str(root), "/")
        buildah("commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(root)
    return BASE


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the churn notebook, as the command line makes it."""
    folder = Path(shutil.copytree(EXAMPLES, tmp_path_factory.mktemp("work") / "notebooks"))
    run(str(Path(sys.executable).parent / "nb2service"), "build", "churn.ipynb", cwd=folder)
    return folder / "churn-service"


@pytest.fixture(scope="module")
def image(buildah: Buildah, base: str, project: Path, tmp_path_factory: Any) -> Iterator[str]:
    """The image of the unchanged Dockerfile, its base image apart."""
    settings = tmp_path_factory.mktemp("pip") / "pip.conf"
    settings.write_text(_pip_settings())
    mounts = [f"{settings}:/etc/pip.conf:ro"]
    if CERTIFICATES.is_dir():
        mounts.append(f"{CERTIFICATES}:{CERTIFICATES}:ro")
    volumes = [word for mount in mounts for word in ("--volume", mount)]
    how = ["--pull-never", "--isolation", "chroot", "--format", "docker", "--quiet"]
    argument = ["--build-arg", f"BASE_IMAGE={base}"]
    made = buildah("bud", *how, *volumes, *argument, str(project))
    yield made
    buildah("rmi", made)


def _pip_settings() -> str:
    """Where this machine finds packages; seen while the image is built, kept nowhere."""
    index = uv_environment().get("UV_DEFAULT_INDEX")
    return "[global]\n" + (f"index-url = {index}\n" if index else "")


@pytest.fixture(scope="module")
def config(buildah: Buildah, image: str) -> dict[str, Any]:
    """What the image says of itself."""
    described = json.loads(buildah("inspect", "--type", "image", image))
    found: dict[str, Any] = described["Docker"]["config"]
    return found


@pytest.fixture
def container(buildah: Buildah, image: str) -> Iterator[str]:
    name = buildah("from", "--pull-never", image)
    yield name
    buildah("rm", name)


@dataclass(frozen=True)
class Served:
    """A service under way; ``pid`` is that of its own first process, as its log says."""

    process: subprocess.Popen[str]
    url: str
    pid: int

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def serving(command: list[str], port: int, log: Path) -> Iterator[Served]:
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, text=True)
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + READY_WITHIN
        while not _is_ready(url):
            waiting = process.poll() is None and time.monotonic() < deadline
            assert waiting, log.read_text()
            time.sleep(0.2)
        lines = [json.loads(line) for line in log.read_text().splitlines() if line[0] == "{"]
        yield Served(process, url, next(x["pid"] for x in lines if x["event"] == "listening"))
    finally:
        if process.poll() is None:  # a test that failed; the service goes with it
            process.kill()
            process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/readyz", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def test_the_image_says_how_it_runs(config: dict[str, Any]) -> None:
    assert config["User"] == "1000"
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert [*config["Entrypoint"], *config["Cmd"]] == ["python", "-m", "churn_service", "serve"]
    assert "HOST=0.0.0.0" in config["Env"]
    assert config["Healthcheck"]["Test"][0] == "CMD"


def test_the_image_answers_as_the_notebook_did(
    buildah: Buildah, container: str, config: dict[str, Any], project: Path, tmp_path: Path
) -> None:
    port = free_port()
    inside = ["run", "--isolation", "chroot", "--env", f"PORT={port}", container, "--"]
    start = buildah.command(*inside, *config["Entrypoint"], *config["Cmd"])
    with serving(start, port, tmp_path / "log") as service:
        assert Path(f"/proc/{service.pid}").stat().st_uid == 1000
        proof = prove(project, "churn_service", service.url, "clean")
        assert proof.verdict == "equal", proof.text
        assert sum(entry.total for entry in proof.entries) == 240
        buildah(*inside, *config["Healthcheck"]["Test"][1:])
        assert service.get("/metadata")["proof"] == json.loads((project / "proof.json").read_text())
        assert service.stop() == 0


def test_the_image_runs_on_a_read_only_disk(
    buildah: Buildah, container: str, config: dict[str, Any], project: Path, tmp_path: Path
) -> None:
    root, port = buildah("mount", container), free_port()
    environment = [f"--chdir={config['WorkingDir']}", "-i", *config["Env"], f"PORT={port}"]
    script = f"""
        set -e
        mount --bind {root} {root}
        mount -o remount,ro,bind {root}
        mount -t tmpfs tmpfs {root}/tmp
        mount --rbind /dev {root}/dev
        exec chroot --userspec=1000:1000 {root} env "$@"
    """
    start = ["unshare", "--mount", "sh", "-c", script, "sh", *environment]
    with serving(
        [*start, *config["Entrypoint"], *config["Cmd"]], port, tmp_path / "log"
    ) as service:
        proof = prove(project, "churn_service", service.url, "clean")
        assert proof.verdict == "equal", proof.text
        assert service.stop() == 0
