"""An environment for each server, made by uv and kept for the next run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

# The model's own libraries, at this interpreter's versions, are the same in all environments.
MODEL_LIBRARIES = ("scikit-learn", "pandas", "numpy", "scipy", "joblib")


@dataclass(frozen=True)
class Environment:
    """A folder with an interpreter of its own.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @property
    def python(self) -> str:
        """The interpreter."""
        return str(self.folder / "bin" / "python")

    def command(self, name: str) -> str:
        """A console script that is installed in it."""
        return str(self.folder / "bin" / name)

    def distributions(self) -> dict[str, str]:
        """Versions by name."""
        listed = _uv("pip", "list", "--quiet", "--format=json", "--python", self.python)
        return {found["name"]: found["version"] for found in json.loads(listed)}

    def size(self) -> int:
        """Bytes of all that is installed, bytecode left out."""
        packages = next((self.folder / "lib").glob("python*")) / "site-packages"
        return sum(
            path.lstat().st_size
            for path in packages.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        )


def pins() -> list[str]:
    """Requirements on the model's own libraries."""
    return [f"{name}=={version(name)}" for name in MODEL_LIBRARIES]


def make_environment(parent: Path, name: str, requirements: Sequence[str]) -> Environment:
    """The environment with the model's libraries and ``requirements``, made if it is not there.

    Raises:
        RuntimeError: it cannot be installed; the message is uv's.
    """
    return _made(parent, name, "\n".join([*pins(), *requirements]))


def environment_of_lock(parent: Path, name: str, lock: Path) -> Environment:
    """The environment with exactly what a project's ``requirements.txt`` names.

    Raises:
        RuntimeError: it cannot be installed; the message is uv's.
    """
    return _made(parent, name, lock.read_text())


def _made(parent: Path, name: str, text: str) -> Environment:
    mark = hashlib.sha256(f"{sys.version_info[:2]}{text}".encode()).hexdigest()[:8]
    folder = parent / f"{name}-{mark}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        listed, pinned = folder / "requirements.txt", folder / "pins.txt"
        listed.write_text(text)
        pinned.write_text("\n".join(pins()))
        made = Environment(folder)
        _uv(
            *("pip", "install", "--quiet", "--compile-bytecode", "--python", made.python),
            # A peer that caps pandas below what the model needs is installed all the same.
            *([] if "--hash" in text else ["--overrides", str(pinned)]),
            *("--requirement", str(listed)),
        )
        (folder / "complete").touch()
    return Environment(folder)


def _uv(*arguments: str) -> str:
    beside = Path(sys.executable).with_name("uv")
    command = str(beside) if beside.exists() else "uv"
    done = subprocess.run([command, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"uv {' '.join(arguments[:2])} failed:\n{done.stderr.strip()}")
    return done.stdout


def child_variables(**more: str) -> dict[str, str]:
    """This process's environment variables for a server, with what is fixed for all of them.

    Each BLAS and OpenMP pool has one thread: with several workers that is what their authors
    recommend, and calls this small gain nothing from more.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    return kept | threads | more
