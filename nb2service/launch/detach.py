"""How the keeper leaves the process that started it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Made = TypeVar("Made")


def detached(begin: Callable[[], Made], announce: Callable[[], None], log: Path) -> Made:
    """Go on in a child of its own session; return there with what ``begin`` made.

    The process that was started announces it and ends as soon as ``begin`` is done in the child;
    it ends with exit code 1 if that failed, the traceback on stderr.

    Args:
        begin: made in the child, while its output still reaches the starter.
        announce: called in the parent.
        log: where the child's output goes from then on.
    """
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        begun = os.read(told, 1) == b"1"
        if begun:
            announce()
            sys.stdout.flush()
        os._exit(0 if begun else 1)
    os.close(told)
    os.setsid()
    made = begin()
    nowhere = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, nowhere), (1, output), (2, output)):
        os.dup2(source, target)
    os.write(tell, b"1")
    os.close(tell)
    return made
