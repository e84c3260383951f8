"""The project as a package: ``pip install .``, and of its wheel, in clean environments."""

from __future__ import annotations

import json
import re
import shutil
import site
import socket
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import captures
import pytest
from uv import find_uv_bin

from nb2service.project.model import Project
from nb2service.project.render import render
from nb2service.project.write import written
from nb2service.runtime.contract import load_contract
from nb2service.runtime.replay import to_csv

LIMIT = 300
PROOF = {"verdict": "equal"}


@dataclass
class Made:
    """A project's folder, and what its build gave."""

    project: Project
    folder: Path
    wheel: Path
    sdist: Path

    @property
    def script(self) -> str:
        return f"{self.project.name}-service"


def run(*command: str | Path, folder: Path | None = None) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=folder, capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def build(folder: Path, to: Path, *targets: str) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-d", to, *targets, folder=folder)
    return to


@pytest.fixture(scope="module", params=["churn", "shout"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    project = render(getattr(captures, request.param)())
    place = tmp_path_factory.mktemp("made")
    with written(project, place / "folder"):
        pass
    (place / "folder" / "proof.json").write_text(json.dumps(PROOF))
    build(place / "folder", place / "dist")
    (wheel,), (sdist,) = place.glob("dist/*.whl"), place.glob("dist/*.tar.gz")
    return Made(project, place / "folder", wheel, sdist)


@pytest.fixture(scope="module")
def installed(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment where the project was installed.

    One is clean, and has the folder and what it needs by pip; the other has the wheel, and borrows
    pandas and scikit-learn, which would be compiled for minutes.
    """
    place = tmp_path_factory.mktemp("installed") / "venv"
    uv, borrows = find_uv_bin(), made.project.name == "churn"
    run(uv, "venv", "-q", "-p", sys.executable, *([] if borrows else ["--seed"]), place)
    programs = place / ("Scripts" if sys.platform == "win32" else "bin")
    if borrows:
        run(uv, "pip", "install", "-q", "-p", programs / "python", "--no-deps", made.wheel)
        (library,) = place.glob("lib/python*/site-packages")
        (library / "borrowed.pth").write_text("\n".join(site.getsitepackages()))
    else:
        run(programs / "python", "-m", "pip", "install", "-q", ".", folder=made.folder)
    return programs


def test_the_wheel_holds_what_the_service_needs(made: Made) -> None:
    package = made.project.package
    with zipfile.ZipFile(made.wheel) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    about = {Path(name).name: texts.pop(name).decode() for name in [*texts] if "-info/" in name}
    code = (f"{package}/", "rounding/")
    expected = {path: data for path, data in made.project.files.items() if path.startswith(code)}
    assert texts == {**expected, f"{package}/proof.json": json.dumps(PROOF).encode()}
    assert f"{made.script} = {package}.__main__:main" in about["entry_points.txt"]
    pins = re.findall(
        r"^([\w.-]+==\S+)", made.project.files["requirements.txt"].decode(), re.MULTILINE
    )
    required = re.findall(r"^Requires-Dist: (.*)$", about["METADATA"], re.MULTILINE)
    assert sorted(required) == sorted(pins)
    readme = made.project.files["README.md"].decode()
    assert about["METADATA"].endswith(readme)


def test_an_ignored_model_is_in_the_wheel_and_what_is_put_beside_is_not(
    made: Made, tmp_path: Path
) -> None:
    folder = shutil.copytree(made.folder, tmp_path / "folder")
    (folder / ".gitignore").write_text("*.pkl\nartifacts\n*.json\n")
    (folder / made.project.package / "notebook.py.new").write_text("")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "x.py").write_text("")
    build(folder, tmp_path)
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as now, zipfile.ZipFile(made.wheel) as before:
        assert sorted(now.namelist()) == sorted(before.namelist())
    with tarfile.open(sdist) as now, tarfile.open(made.sdist) as before:
        assert sorted(now.getnames()) == sorted(before.getnames())


def test_the_source_distribution_gives_the_same_wheel(made: Made, tmp_path: Path) -> None:
    with tarfile.open(made.sdist) as archive:
        archive.extractall(tmp_path, **({"filter": "data"} if sys.version_info >= (3, 12) else {}))
    (source,) = tmp_path.iterdir()
    build(source, tmp_path / "dist", "-t", "wheel")
    assert (tmp_path / "dist" / made.wheel.name).read_bytes() == made.wheel.read_bytes()
    assert (source / "tests" / "test_service.py").is_file()


def test_the_program_scores_a_file_from_anywhere(
    made: Made, installed: Path, tmp_path: Path
) -> None:
    version = run(installed / made.script, "--version", folder=tmp_path)
    assert version == f"{made.project.name} 1.0.0\n"
    contract = load_contract(
        made.project.files[f"{made.project.package}/contract.json"].decode("utf-8")
    )
    for entry in contract.entries[:1]:
        case = json.loads(made.project.files[f"tests/cases/{entry.name}.json"])
        (tmp_path / "rows.csv").write_text(to_csv(entry, case["instances"]), "utf-8", newline="")
        words = ("rows.csv", "-o", "out.jsonl", "--entry", entry.name)
        run(installed / made.script, "predict", *words, folder=tmp_path)
        lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line) for line in lines] == case["batch"]


@pytest.fixture
def served(made: Made, installed: Path, tmp_path: Path) -> Iterator[str]:
    with socket.socket() as listening, (tmp_path / "log").open("w") as log:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [installed / made.script, "serve", "--fd", str(listening.fileno()), "--workers", "1"],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            pass_fds=[listening.fileno()],
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(LIMIT)


def get(url: str, body: bytes | None = None) -> bytes:
    request = Request(url, body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=LIMIT) as answer:
        content: bytes = answer.read()
    return content


def test_the_program_serves_from_anywhere(made: Made, served: str) -> None:
    entry = "risk" if made.project.name == "churn" else "shout"
    case = json.loads(made.project.files[f"tests/cases/{entry}.json"])
    body = json.dumps({"instances": case["instances"]}).encode()
    assert json.loads(get(f"{served}/{entry}", body)) == {"predictions": case["batch"]}
    assert json.loads(get(f"{served}/metadata"))["proof"] == PROOF
    for page in ("/", "/docs"):
        assert b"<!doctype html>" in get(served + page).lower()
