"""What a project's README tells people to type works, and gives what stands below it."""

from __future__ import annotations

import ast
import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import captures
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from nb2service.project.render import render
from nb2service.project.write import written
from nb2service.runtime.replay import to_csv

PYTHON = ".venv/bin/python"
PORT = "8080"
CAPTURES = {"several entries": captures.churn, "one entry": captures.shout}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Readme:
    """The README of a project, and what it takes to run its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        tokens = MarkdownIt("commonmark").parse((folder / "README.md").read_text("utf-8"))
        self.blocks = [token for token in tokens if token.type == "fence"]

    def command(self, words: str) -> list[str]:
        """The one command line that holds some words, with this interpreter and another port."""
        lines = [line for block in self.blocks for line in block.content.splitlines()]
        [line] = [line for line in lines if words in line and line.startswith(PYTHON)]
        return [sys.executable, *shlex.split(line)[1:]]

    def pairs(self, language: str, start: str) -> Iterator[tuple[Token, Token]]:
        """Each block of a language with such a start, and the block of JSON after or before it."""
        for number, block in enumerate(self.blocks):
            if block.info == language and block.content.startswith(start):
                after = language == "sh"
                yield block, self.blocks[number + 1 if after else number - 1]

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=120
        )


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module", params=CAPTURES)
def readme(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Readme:
    made = CAPTURES[request.param]()
    folder = tmp_path_factory.mktemp("made") / f"{made.name}-service"
    with written(render(made), folder):
        return Readme(folder)


@pytest.fixture(scope="module")
def service(readme: Readme, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readme]:
    """The README, while its own command runs the service."""
    log = tmp_path_factory.mktemp("log") / "log"
    command = [*readme.command(" serve"), "--port", readme.port, "--workers", "1"]
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=readme.folder, env=environment(), stderr=file)
    try:
        deadline = time.monotonic() + 60
        while not is_ready(readme.port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield readme
    finally:
        process.terminate()
        assert process.wait(30) == 0


def is_ready(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except OSError:
        return False


def curl(command: str, port: str) -> object:
    """What curl would print."""
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:2] == ["curl", "-s"]
    given = dict(zip(words[3::2], words[4::2], strict=True))
    name, _, value = given.pop("-H").partition(": ")
    url = words[2].replace(PORT, port)
    request = urllib.request.Request(url, given.pop("-d").encode(), {name: value})
    assert not given
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return json.load(refusal)


def test_each_curl_gets_the_answer_below_it(service: Readme) -> None:
    pairs = list(service.pairs("sh", "curl"))
    for command, answer in pairs:
        assert answer.info == "json"
        assert curl(command.content, service.port) == json.loads(answer.content)
    cases = len(list((service.folder / "tests/cases").iterdir()))
    assert len(pairs) == cases + 1  # and a refusal


def test_each_python_program_prints_the_predictions_above_it(service: Readme) -> None:
    pairs = list(service.pairs("python", "import"))
    for program, answer in pairs:
        done = service.run([sys.executable, "-c", program.content.replace(PORT, service.port)])
        assert done.returncode == 0, done.stderr
        assert ast.literal_eval(done.stdout) == json.loads(answer.content)["predictions"]
    assert len(pairs) == len(list((service.folder / "tests/cases").iterdir()))


def test_a_file_is_scored(readme: Readme) -> None:
    made = next(make() for make in CAPTURES.values() if make().name in readme.folder.name)
    command = readme.command(" predict rows.csv")
    name = command[command.index("--entry") + 1] if "--entry" in command else "predict"
    entry = made.contract.routes()[name]
    rows = made.cases[entry.name]["instances"][:1]
    (readme.folder / "rows.csv").write_text(to_csv(entry, rows), "utf-8")
    done = readme.run(command)
    assert done.returncode == 0, done.stderr
    assert len((readme.folder / "predictions.csv").read_text("utf-8").splitlines()) == 2


def test_a_key_is_made(readme: Readme) -> None:
    package = readme.folder.name.replace("-", "_")
    line = f"python -m {package} key new CLIENT"
    assert f"`{line}`" in (readme.folder / "README.md").read_text("utf-8")
    done = readme.run([sys.executable, *line.split()[1:]])
    assert done.returncode == 0, done.stderr
    key, entry = done.stdout.split()
    assert entry.startswith("CLIENT:")
    assert key not in entry
