"""What a dry run shows, and that it is what the deployment then does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nb2service import card
from nb2service.deployment import DryRun, Plan
from nb2service.project.model import Project
from nb2service.project.preview import FilePreview, preview
from nb2service.project.write import written

LINES = "".join(f"line {i}\n" for i in range(1, 10))
FIRST = {
    "README.md": "# churn\n\n<!-- proof -->\nNot proven yet.\n<!-- /proof -->\n",
    "changed.txt": LINES,
    "merged.txt": LINES,
    "conflict.txt": LINES,
    "kept.txt": LINES,
    "left.txt": LINES,
    "removed.txt": LINES,
    "deleted.txt": LINES,
    "s/artifacts/model.pkl": "\0one",
    "notebook.html": "<p>one",
    "same.txt": LINES,
}
SECOND = {
    **FIRST,
    "changed.txt": LINES.replace("line 2\n", "line two\n"),
    "merged.txt": LINES.replace("line 2\n", "line two\n"),
    "conflict.txt": LINES.replace("line 9\n", "line nine\n"),
    "s/artifacts/model.pkl": "\0three",
    "notebook.html": "<p>three",
    "new.txt": "new\n",
}
for path in ("left.txt", "removed.txt"):
    del SECOND[path]


def project(files: dict[str, str]) -> Project:
    return Project("churn", "s", {path: text.encode() for path, text in files.items()})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project that a person has edited and proven."""
    folder = tmp_path / "churn-service"
    with written(project(FIRST), folder):
        pass
    for path in ("merged.txt", "conflict.txt", "kept.txt", "left.txt"):
        (folder / path).write_text(LINES.replace("line 9\n", "mine\n"))
    (folder / "deleted.txt").unlink()
    readme = folder / "README.md"
    readme.write_text(readme.read_text().replace("Not proven yet.", "**proven**"))
    (folder / "proof.json").write_text("{}")
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def dry(folder: Path, files: tuple[FilePreview, ...]) -> DryRun:
    capture: Any = SimpleNamespace(name="churn", warnings=())
    return DryRun(Plan(capture, folder, b"", {}), files)


WHAT = {
    "changed.txt": "changed",
    "conflict.txt": "conflict",
    "deleted.txt": "deleted",
    "kept.txt": "kept",
    "left.txt": "left",
    "merged.txt": "merged",
    "new.txt": "new",
    "notebook.html": "changed",
    "removed.txt": "removed",
    "s/artifacts/model.pkl": "changed",
}


def test_a_dry_run_tells_what_a_deployment_then_does(folder: Path) -> None:
    before = snapshot(folder)
    shown = preview(project(SECOND), folder)
    assert snapshot(folder) == before
    assert {file.outcome.path: file.outcome.what for file in shown} == WHAT
    with written(project(SECOND), folder) as done:
        assert done.outcomes == tuple(file.outcome for file in shown)
    for file in shown:
        there = folder / (file.outcome.beside or file.outcome.path)
        assert (file.after is None) is not there.exists()
        assert file.after is None or file.after[0] == len(there.read_bytes())


DIFFS = {
    "changed.txt": "-line 2\n+line two\n",
    "merged.txt": "-line 2\n+line two\n",
    "conflict.txt": "-mine\n+line nine\n",
    "removed.txt": "-line 1\n",
    "kept.txt": "",
    "left.txt": "",
    "deleted.txt": "",
    "new.txt": "",
    "notebook.html": "",
    "s/artifacts/model.pkl": "",
}


@pytest.mark.parametrize(("path", "lines"), DIFFS.items(), ids=list(DIFFS))
def test_text_that_changes_has_a_diff(folder: Path, path: str, lines: str) -> None:
    [file] = [f for f in preview(project(SECOND), folder) if f.outcome.path == path]
    assert lines in file.diff
    assert bool(file.diff) is bool(lines)
    if lines:
        assert file.diff.startswith(f"--- a/{path}\n+++ ")


@pytest.mark.parametrize(
    ("before", "after", "diff"),
    [
        ("a\nb", "a\nc", "-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"),
        ("a\r\n", "a\n", "-a\r\n+a\n"),
        ("a\u2028b\n", "a\u2028c\n", "-a\u2028b\n+a\u2028c\n"),
        ("a\x0cb\n", "a\x0cc\n", "-a\x0cb\n+a\x0cc\n"),
    ],
    ids=["no last line end", "line ends", "a separator of lines in a line", "a form feed"],
)
def test_a_diff_is_one_that_patch_can_read(
    tmp_path: Path, before: str, after: str, diff: str
) -> None:
    with written(Project("n", "s", {"f": before.encode()}), tmp_path / "p"):
        pass
    shown = preview(Project("n", "s", {"f": after.encode()}), tmp_path / "p")
    if before.replace("\r", "") == after:  # line ends alone are no change
        assert shown == ()
    else:
        assert shown[0].diff.endswith(diff)


def test_the_text_is_a_list_and_then_a_diff(folder: Path) -> None:
    text = card.text(dry(folder, preview(project(SECOND), folder)))
    lines = text.split("\n")
    assert lines[0] == "churn: dry run: nothing is written"
    assert "2 changed" not in lines[1]
    assert "3 changed, 1 conflict, 1 deleted, 1 kept, 1 left, 1 merged, 1 new" in lines[1]
    assert "  ! merged.txt was edited: the new version is merged into it" in lines
    assert "  ! deleted.txt was deleted, and stays so" in lines
    [model] = [line for line in lines if line.endswith("model.pkl")]
    assert "4 B → 6 B (SHA-256 " in model
    assert "-mine\n+line nine" in text


def test_a_folder_that_does_not_exist_is_a_list_with_sizes(tmp_path: Path) -> None:
    shown = preview(project(FIRST), tmp_path / "new")
    text = card.text(dry(tmp_path / "new", shown))
    assert text.count("\n  new ") == len(FIRST)
    assert "@@" not in text
    assert not (tmp_path / "new").exists()


def test_nothing_to_do_is_said(tmp_path: Path) -> None:
    with written(project(FIRST), tmp_path / "p"):
        pass
    done = dry(tmp_path / "p", preview(project(FIRST), tmp_path / "p"))
    assert "nothing would change in" in card.text(done)
    assert "nothing would change in" in card.html(done)


def test_the_card_shows_the_diff_as_text(folder: Path) -> None:
    second = {**SECOND, "changed.txt": LINES.replace("line 2", "<script>alert(1)</script>")}
    html = card.html(dry(folder, preview(project(second), folder)))
    assert '<span class="add">+&lt;script&gt;alert(1)&lt;/script&gt;</span>' in html
    assert '<span class="del">-line 2</span>' in html
    assert "<script>" not in html


def test_the_card_of_a_long_diff_says_what_it_leaves_out(folder: Path) -> None:
    second = {**SECOND, "changed.txt": "".join(f"other {i}\n" for i in range(5000))}
    files = preview(project(second), folder)
    html = card.html(dry(folder, files))
    assert html.count("other") < 1000
    lines = next(f for f in files if f.outcome.path == "changed.txt").diff.count("\n")
    assert f"and {lines - 400} lines more" in html
    assert "other 4999" in card.text(dry(folder, files))
