"""Runs commands that end, with all that they started, when we do: however we end.

Run as a script it is what stands between: it holds a pipe to us, and kills when that breaks.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], within: float | None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, without input, and reads what it prints.

    Raises:
        subprocess.TimeoutExpired: it took longer than ``within`` seconds, and was killed.
    """
    read, write = os.pipe()
    with (
        os.fdopen(read, "rb") as end,
        os.fdopen(write, "wb") as held,
        subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *command],
            cwd=folder,
            env=environment,
            stdin=end,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            out, err = process.communicate(timeout=within)
        except BaseException:
            held.close()  # before we wait for its end
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _hold(command: Sequence[str]) -> None:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def watch() -> None:
        os.read(0, 1)  # nothing ever comes: it ends when the other end is closed
        os.killpg(process.pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    os._exit(process.wait() & 0xFF)


if __name__ == "__main__":
    _hold(sys.argv[1:])
