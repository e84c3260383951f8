"""The same notebook gives the same bytes, wherever, whenever and by whomever it is built."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from command_line import BIN


@dataclass(frozen=True)
class Surroundings:
    """What two builds of one notebook need not have in common."""

    seed: str
    umask: int
    zone: str
    locale: str
    folder: str

    def run(self, folder: Path, *words: str | Path) -> None:
        temporary = folder.parent / f"temporary {self.seed}"
        temporary.mkdir(exist_ok=True)
        variables = {"PYTHONHASHSEED": self.seed, "TZ": self.zone, "LC_ALL": self.locale}
        done = subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, **variables, "TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            umask=self.umask,
        )
        assert done.returncode == 0, done.stderr


BUILDS = (
    Surroundings("1", 0o077, "Asia/Tokyo", "C", "a"),
    Surroundings("2", 0o002, "America/New_York", "C.UTF-8", "a folder/of another name"),
)
CELLS = [
    "# Which customers write\n\nA model of words and numbers.",
    "import pandas as pd\nfrom pathlib import Path\n"
    "from sklearn.compose import ColumnTransformer\n"
    "from sklearn.feature_extraction.text import CountVectorizer\n"
    "from sklearn.linear_model import LogisticRegression\n"
    "from sklearn.pipeline import make_pipeline\n"
    "from sklearn.preprocessing import OneHotEncoder\n"
    "from words import plain",
    "frame = pd.DataFrame({\n"
    "    'text': ['the red sea', 'a blue sky', 'red red wine', 'the sky is blue'] * 6,\n"
    "    'plan': pd.Categorical(['one', 'two', 'two', 'one'] * 6),\n"
    "    'age': range(24),\n"
    "})\n"
    "writes = ['yes', 'no', 'yes', 'no'] * 6",
    "model = make_pipeline(\n"
    "    ColumnTransformer([\n"
    "        ('words', CountVectorizer(stop_words=['the', 'a']), 'text'),\n"
    "        ('plan', OneHotEncoder(), ['plan']),\n"
    "        ('rest', 'passthrough', ['age']),\n"
    "    ]),\n"
    "    LogisticRegression(),\n"
    ").fit(frame, writes)",
    "KNOWN = {'red', 'blue', 'wine', *Path('more.txt').read_text().split()}\n\n"
    "def predict(frame):\n"
    "    known = frame.text.map(lambda text: sum(word in KNOWN for word in plain(text)))\n"
    "    return pd.DataFrame({'writes': model.predict(frame), 'known': known})",
    "predict(frame)",
]


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """The folders of two builds of one notebook."""
    top = tmp_path_factory.mktemp("builds")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as home:
        patch.setenv("NB2SERVICE_HOME", home)  # sockets have short paths
        yield _built(top)


def _built(top: Path) -> list[Path]:
    built = []
    for around in BUILDS:
        here = top / around.folder
        here.mkdir(parents=True)
        first, *code = CELLS
        cells = [nbformat.v4.new_markdown_cell(first), *map(nbformat.v4.new_code_cell, code)]
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"
        kernel = {"name": "python3", "display_name": "", "language": "python"}
        node = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(node, here / "letters.ipynb")
        (here / "words.py").write_text("def plain(text):\n    return text.split()\n")
        (here / "more.txt").write_text("sea sky\n")
        around.run(here, BIN / "nb2service", "build", "letters.ipynb")
        built.append(here / "letters-service")
    return built


def files(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
    }


def test_two_builds_give_the_same_folder(projects: list[Path]) -> None:
    one, two = map(files, projects)
    assert [name for name in {**one, **two} if one.get(name) != two.get(name)] == []
    kinds = ["README.md", "notebook.html", "proof.json", "requirements.txt", "sbom.cdx.json"]
    kinds += ["letters_service/artifacts/model.pkl", "tests/cases/predict.json", "words.py"]
    assert set(kinds) <= set(one)


def test_two_folders_give_the_same_wheel(projects: list[Path], tmp_path: Path) -> None:
    for number, (folder, around) in enumerate(zip(projects, BUILDS, strict=True)):
        for file in folder.rglob("*"):
            os.utime(file, (10**9 + number * 86_400, 10**9 + number * 86_400))
        to = tmp_path / str(number)
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", to]
        around.run(folder, *build)
    one, two = files(tmp_path / "0"), files(tmp_path / "1")
    assert sorted(name.split("-")[0] for name in one) == ["letters_service", "letters_service"]
    assert one == two


def test_the_same_build_again_changes_nothing(projects: list[Path]) -> None:
    before = files(projects[0])
    top = projects[0].parents[len(Path(BUILDS[0].folder).parts)]
    BUILDS[1].run(
        top, "env", "-C", projects[0].parent, BIN / "nb2service", "build", "letters.ipynb"
    )
    assert files(projects[0]) == before
