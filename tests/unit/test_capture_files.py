"""Local modules and data files."""

import importlib
import os
import sys
import textwrap
from pathlib import Path

import pytest

from nb2service.capture.model import Part
from nb2service.capture.outside import files as files_module
from nb2service.capture.outside.files import Stray, find_files, recording_opened_files
from nb2service.errors import CaptureError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A notebook's folder, as the kernel sees it: current, and first on the path."""
    place = tmp_path / "work"
    place.mkdir()
    (place / "pyproject.toml").write_text("")  # nothing above it is part of the project
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    before = set(sys.modules)
    yield place
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder, **contents):
    """Files by path, ``/`` and ``.`` written as in ``{"pkg/a.py": …}``."""
    for path, text in contents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    importlib.invalidate_caches()


def code(source, cell=3, kind="code"):
    return Part(kind, (), textwrap.dedent(source), cell)


def shipped(found):
    return [(file.kind, file.path) for file in found.files]


def find(folder, *modules, parts=(), opened=()):
    return find_files(parts, dict.fromkeys(modules, "imported by cell [1]"), folder, opened)


def test_modules_beside_the_notebook_travel_with_what_they_import(folder):
    write(
        folder,
        **{
            "tools.py": """
                import json
                import numpy as np
                from more import *
                from pkg import part
                def f():
                    from sklearn.svm import SVC
            """,
            "more.py": "import packaging.version",
            "pkg/__init__.py": "from . import base",
            "pkg/base.py": "",
            "pkg/part.py": "from .deep.down import x",
            "pkg/deep/__init__.py": "",
            "pkg/deep/down.py": "from ..base import y\nimport pandas.api.types",
            "pkg/unused.py": "import flask",
            "pkg/__pycache__/part.py": "",
            "other.py": "import click",
        },
    )
    found = find(folder, "tools.f", "numpy")
    assert shipped(found) == [
        ("module", path)
        for path in (
            "more.py",
            "pkg/__init__.py",
            "pkg/base.py",
            "pkg/deep/__init__.py",
            "pkg/deep/down.py",
            "pkg/part.py",
            "pkg/unused.py",
            "tools.py",
        )
    ]
    assert found.local == (
        *("more", "pkg", "pkg.base", "pkg.deep", "pkg.deep.down", "pkg.part", "tools"),
    )
    assert found.modules == {
        "numpy": "imported by tools.py",
        "pandas.api.types": "imported by pkg/deep/down.py",
        "sklearn.svm": "imported by tools.py",
        "packaging.version": "imported by more.py",
    }
    assert found.warnings == ()
    assert found.files[0].data == b"import packaging.version"


def test_a_module_travels_by_the_name_of_its_import(folder, monkeypatch):
    write(folder, **{"src/helpers.py": "", "space/part.py": ""})
    monkeypatch.syspath_prepend(str(folder / "src"))
    found = find(folder, "helpers", "space.part")
    assert shipped(found) == [("module", "helpers.py"), ("module", "space/part.py")]
    assert found.local == ("helpers", "space", "space.part")


def test_the_project_around_the_notebook_counts_as_local(folder, monkeypatch):
    write(folder, **{"src/helpers.py": "", "notebooks/nb.ipynb": ""})
    monkeypatch.syspath_prepend(str(folder / "src"))
    assert find(folder / "notebooks", "helpers").local == ("helpers",)


@pytest.mark.parametrize("place", ["env/lib/site-packages", "env/lib/python3/dist-packages", ".x"])
def test_installed_modules_below_the_folder_are_not_local(folder, monkeypatch, place):
    write(folder, **{f"{place}/thing.py": ""})
    monkeypatch.syspath_prepend(str(folder / place))
    assert find(folder, "thing").files == ()


def test_modules_from_elsewhere_are_not_local(folder, tmp_path, monkeypatch):
    write(tmp_path, **{"elsewhere/thing.py": ""})
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    assert find(folder, "thing", "json", "numpy", "nowhere").files == ()


def test_missing_imports_are_said_unless_foreseen(folder):
    write(
        folder,
        **{
            "tools.py": """
                from typing import TYPE_CHECKING
                if TYPE_CHECKING:
                    import nowhere_typed
                try:
                    import nowhere_tried
                except ImportError:
                    nowhere_tried = None
                def f():
                    import nowhere_at_all.part
            """
        },
    )
    found = find(folder, "tools")
    assert [w.message for w in found.warnings] == [
        "tools.py imports nowhere_at_all, which is not installed here: it does not travel"
    ]
    assert found.modules == {}


def test_compiled_local_modules_are_refused(folder):
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    write(folder, **{f"fast{suffix}": ""})
    with pytest.raises(CaptureError, match=r"local module fast .* is compiled"):
        find(folder, "fast")


@pytest.mark.parametrize(
    "source",
    [
        "words = open('data/words.txt').read()",
        "open('./data/words.txt')",
        "from pathlib import Path\nPath('data') / 'words.txt'",
        "def f():\n    return (Path('data') / 'words.txt').read_text()",
        "DATA = Path('data')\nopen(DATA / 'words.txt')",
        "DATA = 'data/'\nopen(DATA + 'words.txt')",
        "DATA = 'data'\nopen(f'{DATA}/words.txt')",
        "os.path.join('data', 'words.txt')",
        "Path('data').joinpath('words.txt')",
        "os.path.join(unknown(), 'data', 'words.txt')",
    ],
)
def test_files_that_the_code_names_travel(folder, source):
    write(folder, **{"data/words.txt": "the\n", "data/other.txt": "", "words.txt.bak": ""})
    found = find(folder, parts=[code(source)])
    assert shipped(found) == [("data", "data/words.txt")]
    assert found.files[0].data == b"the\n"


def test_names_of_one_part_are_known_to_the_next(folder):
    write(folder, **{"data/words.txt": ""})
    parts = [code("DATA = Path('data')"), code("open(DATA / 'words.txt')")]
    assert shipped(find(folder, parts=parts)) == [("data", "data/words.txt")]


@pytest.mark.parametrize(
    "part",
    [
        code("x = 'data'"),
        code("x = 'absent.csv'"),
        code("x = 'a\\0b'"),
        code(f"x = {'long' * 2000!r}"),
        code("x = 'tools.py'"),
        code("tools = load('words')", kind="artifact"),
        code("x = 'data' / 3"),
    ],
)
def test_other_texts_are_no_files(folder, part):
    write(folder, **{"data/words.txt": "", "tools.py": "", "words": ""})
    found = find(folder, parts=[part])
    assert found.files == ()
    assert found.warnings == ()


def test_local_modules_have_data_too(folder):
    write(
        folder,
        **{
            "tools.py": "open('data/words.txt')",
            "pkg/__init__.py": "HERE = Path(__file__).parent\nopen(HERE / 'own' / 'list.txt')",
            "pkg/own/list.txt": "",
            "data/words.txt": "",
        },
    )
    assert shipped(find(folder, "tools", "pkg")) == [
        ("data", "data/words.txt"),
        ("module", "pkg/__init__.py"),
        ("module", "pkg/own/list.txt"),
        ("module", "tools.py"),
    ]


@pytest.mark.parametrize("named", ["{0}/words.txt", "../beside.txt"])
def test_paths_of_this_machine(folder, named):
    write(folder, **{"words.txt": "", "../beside.txt": ""})
    path = named.format(folder)
    parts = [code(f"open({path!r})")]
    found = find(folder, parts=parts)
    assert found.files == ()
    assert found.strays == (Stray(path, "the code", 3, False),)
    found = find(folder, parts=parts, opened=[Path(os.path.normpath(folder / path))])
    assert found.strays == (Stray(path, "the code", 3, True),)


def test_hidden_files_stay(folder):
    write(folder, **{".env": "TOKEN=1"})
    found = find(folder, parts=[code("load_dotenv('.env')")])
    assert found.files == ()
    assert "hidden file .env" in found.warnings[0].message


def test_large_files_are_said(folder, monkeypatch):
    monkeypatch.setattr(files_module, "LARGE", 3)
    write(folder, **{"a.txt": "four", "b.txt": "3.."})
    [said] = find(folder, parts=[code("'a.txt', 'b.txt'")]).warnings
    assert "a.txt" in said.message


def test_opened_files_travel(folder, tmp_path):
    write(folder, **{"data/a.txt": "", "tools.py": ""})
    write(tmp_path, **{"outside.txt": ""})
    opened = [folder / "data" / "a.txt", tmp_path / "outside.txt"]
    found = find(folder, "tools", opened=opened)
    assert shipped(found) == [("data", "data/a.txt"), ("module", "tools.py")]
    [said] = found.warnings
    assert "outside.txt, which lies outside" in said.message


def test_reading_is_recorded(folder, tmp_path):
    paths = ("a.txt", "sub/b.bin", "c.txt", "tools.py", ".hidden/d.txt", "before.txt", "after.txt")
    write(folder, **dict.fromkeys(paths, ""))
    write(tmp_path, **{"outside.txt": ""})
    Path("before.txt").read_text()
    with recording_opened_files(folder) as opened:
        Path("a.txt").read_text()
        os.close(os.open(b"sub/b.bin", os.O_RDONLY))
        Path("c.txt").write_text("")
        Path("new.txt").write_text("")
        Path("tools.py").read_text()
        Path(".hidden/d.txt").read_text()
        (tmp_path / "outside.txt").read_text()
        Path(os.__file__).read_text()
        with pytest.raises(FileNotFoundError):
            Path("absent.txt").read_text()
        os.chdir("sub")
    Path("../after.txt").read_text()
    assert opened == {folder / "a.txt", folder / "sub/b.bin", tmp_path / "outside.txt"}


def test_reading_of_installed_packages_is_not_recorded(folder, tmp_path, monkeypatch):
    paths = ("acme-1.0.dist-info/entry_points.txt", "acme/words.txt")
    write(tmp_path / "installed", **dict.fromkeys(paths, ""))
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    with recording_opened_files(folder) as opened:
        for path in paths:
            (tmp_path / "installed" / path).read_text()
    assert opened == set()


def test_recording_ends_with_an_error(folder):
    write(folder, **{"a.txt": "", "b.txt": ""})
    with pytest.raises(FileNotFoundError), recording_opened_files(folder) as opened:
        Path(Path("a.txt").read_text() + "absent.txt").read_text()
    Path("b.txt").read_text()
    assert opened == {folder / "a.txt"}
