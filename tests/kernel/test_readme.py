"""What the README tells people to type works, in the order in which it stands there."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import command
from live_kernel import EXAMPLES, LiveKernel

from nb2service.cli import main
from nb2service.magic import parse_line
from nb2service.notebook.cells import Tag

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def first_cells() -> list[str]:
    """What stands in backticks at the start of each table row."""
    return re.findall(r"^\| `([^`]+)`", README, re.MULTILINE)


@pytest.mark.parametrize("line", [cell for cell in first_cells() if cell.startswith("%deploy")])
def test_every_line_of_the_table_is_understood(line: str) -> None:
    parse_line(line.removeprefix("%deploy "))


def test_every_tag_is_documented() -> None:
    assert {cell for cell in first_cells() if cell.startswith("service-")} == {t.value for t in Tag}


def test_every_command_is_documented() -> None:
    for name in main.commands:
        assert re.search(rf"`(nb2service )?{name}\b", README), name


def test_the_notebook_lines(kernel: LiveKernel) -> None:
    shutil.copytree(EXAMPLES, kernel.folder, dirs_exist_ok=True)
    kernel.load_notebook("churn.ipynb")
    (lines,) = blocks("python")
    card = kernel.check(lines).card
    assert card["proof"]["verdict"] == "equal"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES, tmp_path / "work"))


def test_the_shell_lines(folder: Path) -> None:
    (lines,) = [block for block in blocks("sh") if "nb2service inspect" in block]
    for line in lines.splitlines():
        done = command(folder, *line.split())
        assert done.returncode == 0, (line, done.stderr)


@pytest.fixture
def serving(folder: Path) -> Iterator[str]:
    """The project's own serve command as the README gives it, but for the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    assert command(folder, "nb2service", "build", "churn.ipynb").returncode == 0
    (lines,) = [block for block in blocks("sh") if "serve --port" in block]
    place, line = lines.splitlines()
    words = [*line.split()[:-1], port]
    process = subprocess.Popen(
        [sys.executable, *words[1:]], cwd=folder / place.split()[1], stderr=subprocess.DEVNULL
    )
    yield f"http://127.0.0.1:{port}/readyz"
    process.terminate()
    process.wait(20)


def test_the_folders_own_line(serving: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(serving, timeout=2) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
