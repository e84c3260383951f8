"""Provenance; git's own files are laid down by hand, as a reader without git finds them."""

import platform

import pytest

from nb2service.capture.outside.provenance import find_provenance
from nb2service.capture.pins import Pin
from nb2service.notebook.cells import Notebook

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def commit(folder):
    return find_provenance(Notebook(()), folder, ()).git_commit


def write(folder, **contents):
    for path, text in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text + "\n")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({".git/HEAD": COMMIT}, COMMIT),
        ({".git/HEAD": "ref: refs/heads/main", ".git/refs/heads/main": COMMIT}, COMMIT),
        (
            {
                ".git/HEAD": "ref: refs/heads/a/b",
                ".git/packed-refs": f"# pack-refs with: peeled\n{'0' * 40} refs/heads/b\n"
                f"{COMMIT} refs/heads/a/b\n^{'1' * 40}",
            },
            COMMIT,
        ),
        ({".git/HEAD": "ref: refs/heads/unborn"}, None),
        ({".git/config": ""}, None),
        (
            {
                ".git": "gitdir: ../main/.git/worktrees/w",
                "../main/.git/worktrees/w/HEAD": "ref: refs/heads/topic",
                "../main/.git/worktrees/w/commondir": "../..",
                "../main/.git/refs/heads/topic": COMMIT,
            },
            COMMIT,
        ),
        (
            {
                ".git": "gitdir: ../main/.git/modules/sub",
                "../main/.git/modules/sub/HEAD": COMMIT,
            },
            COMMIT,
        ),
    ],
)
def test_the_commit_is_read_from_gits_own_files(tmp_path, files, expected):
    repository = tmp_path / "repository"
    (repository / "notebooks").mkdir(parents=True)
    write(repository, **files)
    assert commit(repository) == expected
    assert commit(repository / "notebooks") == expected


def test_versions_are_those_that_the_notebook_names(tmp_path):
    notebook = Notebook((), "nb.ipynb", "Title", "Purpose.", "ab12")
    pins = (
        Pin("flask", "3.0", "web layer", direct=True, web=True),
        Pin("numpy", "2.0", "via pandas", direct=False),
        Pin("pandas", "3.0", "imported by cell [1]", direct=True),
    )
    found = find_provenance(notebook, tmp_path, pins)
    assert found.versions == (("pandas", "3.0"),)
    assert found.python == platform.python_version()
    assert (found.notebook, found.title, found.purpose, found.sha256) == (
        *("nb.ipynb", "Title", "Purpose.", "ab12"),
    )
