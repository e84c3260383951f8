"""A project served by this very process's side: it ends when the command does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import LaunchError, OutputError
from .launch.services import Service, find_service, follow_log, launch, stop_service


def package_of(folder: Path) -> str:
    """The package of a generated project.

    Raises:
        OutputError: the folder is no such project.
    """
    found = sorted(folder.glob("*/contract.json"))
    if len(found) != 1:
        raise OutputError(
            f"{folder} is not a project that nb2service wrote",
            "give the folder that holds proof.json and Dockerfile",
        )
    return found[0].parent.name


@contextmanager
def serving_project(folder: Path, python: str, port: int | None) -> Iterator[Service]:
    """Serves a project for the length of a block.

    Raises:
        OutputError: the folder is no project.
        LaunchError: it does not start, or the port is taken.
    """
    name = folder.absolute().name.removesuffix("-service")
    package = package_of(folder)
    with launch(name, folder.absolute(), package, port, python, os.getpid()):
        pass
    try:
        yield find_service(name)
    finally:
        with suppress(LaunchError):  # somebody else may have stopped it
            stop_service(name)


def follow(service: Service, say: Callable[[str], None]) -> None:
    """Prints the service's log until Ctrl-C or SIGTERM."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    with suppress(KeyboardInterrupt):
        for line in follow_log(service.name):
            say(line)
