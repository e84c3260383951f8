"""Images made for real without a Docker engine: ``buildah``, on a base made by ``debootstrap``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nb2service.launch.indexes import uv_environment

BASE = "localhost/python:3.11-debian12"
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CERTIFICATES = Path("/etc/ssl/certs")


def run(*command: str, cwd: Path | None = None, umask: int = -1) -> str:
    """What a command that succeeds prints."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, umask=umask
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Buildah:
    """The ``buildah`` command with a store of its own."""

    store: Path

    def __call__(self, *words: str, before: tuple[str, ...] = (), umask: int = -1) -> str:
        return run(*before, *self.command(*words), umask=umask)

    def command(self, *words: str) -> list[str]:
        places = ["--root", str(self.store / "root"), "--runroot", str(self.store / "run")]
        return ["buildah", *places, *words]

    def clear(self) -> None:
        """Forget all but the base image."""
        self("rm", "--all")
        images = json.loads(self("images", "--json"))
        if made := [image["id"] for image in images if f"{BASE}" not in (image["names"] or ())]:
            self("rmi", "--force", *made)

    def base(self, work: Path) -> str:
        """Debian with its own Python, laid out as Docker's ``python:3-slim``: no other is at hand.

        300 MB of Debian's own packages, made once and kept.
        """
        if BASE in self("images", "--format", "{{.Name}}:{{.Tag}}").split():
            return BASE
        root = work / "debian"
        careless = root / "etc/dpkg/dpkg.cfg.d/unsafe-io"  # no fsync after each file
        careless.parent.mkdir(parents=True)
        careless.write_text("force-unsafe-io\n")
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root))
        for path in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            path.unlink()
        (root / "usr/bin/python").symlink_to("python3")
        container = self("from", "scratch")
        self("copy", "--quiet", container, str(root), "/")
        self("config", "--env", f"PATH={PATH}", container)
        self("commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(root)
        return BASE

    def build(
        self, project: Path, name: str, *more: str, network: bool = True, umask: int = -1
    ) -> list[str]:
        """Build the unchanged Dockerfile, its base image apart.

        Args:
            project: the folder.
            name: of the image.
            more: options of ``buildah bud``.
            network: whether there is one.
            umask: of whoever builds.

        Returns:
            The steps that were done; with ``--layers`` not those where nothing had changed.
        """
        how = ["--pull-never", "--isolation", "chroot", "--format", "docker", *more]
        arguments = ["--build-arg", f"BASE_IMAGE={BASE}"]
        if index := uv_environment().get("UV_DEFAULT_INDEX"):
            arguments += ["--build-arg", f"PIP_INDEX_URL={index}"]
        if CERTIFICATES.is_dir():
            arguments += ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        before = () if network else ("unshare", "--net")
        told = self("bud", *how, *arguments, "-t", name, str(project), before=before, umask=umask)
        lines = [line for line in told.splitlines() if "STEP " in line or "Using cache" in line]
        pairs = zip(lines, [*lines, ""][1:], strict=True)
        done = [line for line, after in pairs if "STEP " in line and "Using cache" not in after]
        return [line.split(": ", 1)[1] for line in done if ": FROM " not in line]

    def config(self, image: str) -> dict[str, Any]:
        """What an image says of itself."""
        described = json.loads(self("inspect", "--type", "image", image))
        found: dict[str, Any] = described["Docker"]["config"]
        return found


def missing_tools() -> list[str]:
    """What this machine lacks for building images."""
    missing = [name for name in ("buildah", "debootstrap") if not shutil.which(name)]
    return missing + ([] if os.geteuid() == 0 else ["root"])
