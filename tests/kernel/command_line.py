"""Commands, run as in a shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of this environment in ``folder``, with nobody at the keyboard."""
    return subprocess.run(
        [BIN / words[0], *words[1:]],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def nb2service(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs ``nb2service WORDS`` in ``folder``."""
    return command(folder, "nb2service", *words)
