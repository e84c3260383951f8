"""What a person did to a project's files outlives its next deployments."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2service.errors import OutputError, ProofError
from nb2service.project.edits import edited_files, naming_edits
from nb2service.project.model import Project
from nb2service.project.readme import NOT_PROVEN, with_proof
from nb2service.project.write import Written, replace_file, written

APP = "churn_service/app.py"
MODEL = "churn_service/artifacts/model.pkl"
CASES = "tests/cases/predict.json"
LINES = "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\n"
README = f"# churn\n\n<!-- proof -->\n{NOT_PROVEN}\n<!-- /proof -->\n\nend\n"


def project(changed: dict[str, str | bytes | None] | None = None) -> Project:
    """A small project; with None a file is left out."""
    files: dict[str, str | bytes | None] = {
        "README.md": README,
        "compose.yaml": "services: {}\n",
        APP: LINES,
        MODEL: b"\0model",
        CASES: "[1]\n",
        **(changed or {}),
    }
    content = {p: d.encode() if isinstance(d, str) else d for p, d in files.items()}
    return Project("churn", "churn_service", {p: d for p, d in content.items() if d is not None})


def write(changed: dict[str, str | bytes | None] | None, folder: Path) -> dict[str, str]:
    """What became of each file."""
    with written(project(changed), folder) as done:
        return {outcome.path: outcome.what for outcome in done.outcomes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the project in it."""
    write(None, tmp_path / "churn-service")
    return tmp_path / "churn-service"


def edit(folder: Path, path: str, old: str, new: str) -> None:
    text = (folder / path).read_text()
    assert old in text
    (folder / path).write_text(text.replace(old, new))


def test_an_edited_file_gets_what_is_new(folder: Path) -> None:
    edit(folder, APP, "a = 1", "a = 'mine'")
    new = LINES.replace("e = 5", "e = 50")
    assert write({APP: new}, folder) == {APP: "merged"}
    assert (folder / APP).read_text() == new.replace("a = 1", "a = 'mine'")
    assert not (folder / f"{APP}.new").exists()
    assert write({APP: new}, folder) == {APP: "kept"}
    assert write({APP: LINES}, folder) == {APP: "merged"}
    assert (folder / APP).read_text() == LINES.replace("a = 1", "a = 'mine'")


def test_a_conflict_is_open_while_the_new_version_stands(folder: Path) -> None:
    edit(folder, APP, "a = 1", "a = 'mine'")
    first = LINES.replace("a = 1", "a = 10").replace("c = 3", "c = 30")
    assert write({APP: first}, folder) == {APP: "conflict"}
    mine = (folder / APP).read_text()
    # Nobody has taken c = 30 over, so the next version does not pass for clean without it …
    second = first.replace("e = 5", "e = 50")
    assert write({APP: second}, folder) == {APP: "conflict"}
    assert (folder / APP).read_text() == mine
    assert (folder / f"{APP}.new").read_text() == second
    # … and once the other side gives way, everything comes in.
    third = second.replace("a = 10", "a = 1")
    assert write({APP: third}, folder) == {APP: "merged", f"{APP}.new": "removed"}
    assert (folder / APP).read_text() == third.replace("a = 1", "a = 'mine'")
    assert not (folder / f"{APP}.new").exists()


def test_a_conflict_is_settled_by_taking_the_new_version_away(folder: Path) -> None:
    edit(folder, APP, "a = 1", "a = 'mine'")
    first = LINES.replace("a = 1", "a = 10").replace("c = 3", "c = 30")
    write({APP: first}, folder)
    (folder / f"{APP}.new").unlink()
    assert write({APP: first}, folder) == {APP: "kept"}
    assert write({APP: first.replace("e = 5", "e = 50")}, folder) == {APP: "merged"}
    assert (folder / APP).read_text() == LINES.replace("a = 1", "a = 'mine'").replace("5", "50")


def test_a_new_version_that_a_person_works_on_is_left_alone(folder: Path) -> None:
    edit(folder, APP, "a = 1", "a = 'mine'")
    write({APP: LINES.replace("a = 1", "a = 10")}, folder)
    edit(folder, f"{APP}.new", "c = 3", "c = 'working on it'")
    second = LINES.replace("a = 1", "a = 11")
    with written(project({APP: second}), folder) as done:
        [conflict, own] = done.outcomes
    assert (conflict.what, conflict.beside) == ("conflict", f"{APP}.new.2")
    assert (own.path, own.what) == (f"{APP}.new", "left")
    assert "working on it" in (folder / f"{APP}.new").read_text()
    assert (folder / f"{APP}.new.2").read_text() == second
    write({APP: LINES}, folder)
    assert "working on it" in (folder / f"{APP}.new").read_text()
    assert not (folder / f"{APP}.new.2").exists()


# what the person deletes, whether it comes back
DELETED = [
    ("compose.yaml", False),
    ("README.md", False),
    (APP, True),
    (MODEL, True),
    (CASES, True),
]


@pytest.mark.parametrize(("path", "back"), DELETED, ids=[path for path, _ in DELETED])
@pytest.mark.parametrize("content", [None, "# new\n"], ids=["same", "changed"])
def test_a_deleted_file_stays_deleted_unless_it_is_needed(
    folder: Path, path: str, back: bool, content: str | None
) -> None:
    (folder / path).unlink()
    changed: dict[str, str | bytes | None] = {path: content} if content else {}
    for _ in range(2):
        done = write(changed, folder)
        assert (folder / path).exists() is back
    assert done == ({} if back else {path: "deleted"})


def test_a_deleted_file_comes_back_when_its_line_is_taken_out(folder: Path) -> None:
    (folder / "compose.yaml").unlink()
    record = folder / ".nb2service/generated.json"
    hashes = json.loads(record.read_text())
    del hashes["compose.yaml"]
    record.write_text(json.dumps(hashes))
    assert write(None, folder) == {"compose.yaml": "new"}


@pytest.mark.parametrize("path", [MODEL, CASES, "notes.json"])
def test_what_is_no_text_to_merge_is_kept_whole(folder: Path, path: str) -> None:
    write({path: "[1]\n"}, folder)
    (folder / path).write_bytes(b"[2]\n")
    assert write({path: "[1]\n"}, folder) == {path: "kept"}
    for _ in range(2):
        assert write({path: "[3]\n"}, folder) == {path: "conflict"}
    assert (folder / path).read_bytes() == b"[2]\n"
    assert (folder / f"{path}.new").read_bytes() == b"[3]\n"
    (folder / f"{path}.new").unlink()
    assert write({path: "[3]\n"}, folder) == {path: "kept"}


def test_a_file_of_a_persons_own_where_one_is_generated(folder: Path) -> None:
    (folder / "Makefile").write_text("mine:\n")
    assert write({"Makefile": "run:\n"}, folder) == {"Makefile": "conflict"}
    assert (folder / "Makefile").read_text() == "mine:\n"
    (folder / "Makefile").write_text("run:\n")
    assert write({"Makefile": "run:\n"}, folder) == {"Makefile.new": "removed"}


@pytest.mark.parametrize("ends", ["\r\n", "\n"], ids=["CRLF", "LF"])
def test_line_ends_are_no_edit_and_stay(folder: Path, ends: str) -> None:
    (folder / APP).write_bytes(LINES.replace("\n", ends).encode())
    assert write(None, folder) == {}
    assert write({APP: LINES + "f = 6\n"}, folder) == {APP: "changed"}
    assert (folder / APP).read_bytes() == (LINES + "f = 6\n").replace("\n", ends).encode()
    assert write({APP: LINES + "f = 6\n"}, folder) == {}
    (folder / APP).write_bytes((folder / APP).read_bytes() + b"# mine")
    assert write({APP: "# new\n" + LINES + "f = 6\n"}, folder) == {APP: "merged"}
    merged = ("# new\n" + LINES + "f = 6\n# mine").replace("\n", ends)
    assert (folder / APP).read_bytes() == merged.encode()


@pytest.mark.parametrize("ends", ["\r\n", "\n"], ids=["CRLF", "LF"])
def test_the_proof_in_the_readme_is_no_edit(folder: Path, ends: str) -> None:
    readme = folder / "README.md"
    text = readme.read_bytes().replace(b"# churn", b"# churn \xff").replace(b"\n", ends.encode())
    readme.write_bytes(with_proof(text, "**proven**\nthoroughly"))
    assert write({"README.md": README + "more\n"}, folder) == {"README.md": "merged"}
    assert readme.read_bytes() == text + f"more{ends}".encode()


def test_without_the_last_version_nothing_is_guessed(folder: Path) -> None:
    shutil.rmtree(folder / ".nb2service/base")
    edit(folder, APP, "a = 1", "a = 'mine'")
    assert write(None, folder) == {APP: "kept"}
    shutil.rmtree(folder / ".nb2service/base")
    assert write({APP: LINES + "f = 6\n"}, folder) == {APP: "conflict"}


def test_without_its_memory_a_project_is_not_overwritten(folder: Path) -> None:
    write({"churn_service/contract.json": "{}"}, folder)
    shutil.rmtree(folder / ".nb2service")
    with pytest.raises(OutputError, match="edited files cannot be told") as error:
        write(None, folder)
    assert "version control" in error.value.hint


@pytest.mark.parametrize("target", ["shared", "nowhere"])
def test_a_link_stays_a_link(folder: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "shared").write_text("shared: true\n")
    for path in ("compose.yaml", "README.md"):
        (folder / path).unlink()
        (folder / path).symlink_to(tmp_path / target)
    done = write({"compose.yaml": "services: [a]\n"}, folder)
    assert done == {"compose.yaml": "conflict", "README.md": "conflict"}
    assert (folder / "compose.yaml").is_symlink()
    assert (folder / "README.md").is_symlink()
    assert (tmp_path / "shared").read_text() == "shared: true\n"
    assert (folder / "compose.yaml.new").read_text() == "services: [a]\n"


@pytest.mark.parametrize("mode", [0o755, 0o400], ids=["executable", "read-only"])
@pytest.mark.parametrize("edited", [False, True], ids=["replaced", "merged"])
def test_the_mode_of_a_file_stays(folder: Path, mode: int, edited: bool) -> None:
    if edited:
        edit(folder, APP, "a = 1", "a = 'mine'")
    (folder / APP).chmod(mode)
    write({APP: LINES + "f = 6\n"}, folder)
    assert "f = 6" in (folder / APP).read_text()
    assert (folder / APP).stat().st_mode & 0o777 == mode
    replace_file(folder / APP, b"x = 1\n")
    assert (folder / APP).read_bytes() == b"x = 1\n"
    assert (folder / APP).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("path", ["notebook.html", "sbom.cdx.json"])
def test_what_is_made_later_is_left_till_then(folder: Path, path: str) -> None:
    write({path: "first\n"}, folder)
    assert write(None, folder) == {}
    assert (folder / path).read_text() == "first\n"
    assert write({path: "second\n"}, folder) == {path: "changed"}
    (folder / path).write_text("mine\n")
    for content in ("third\n", None, "third\n"):
        write({path: content}, folder)
        assert (folder / path).read_text() == "mine\n"
        assert (folder / f"{path}.new").read_text() == "third\n"


def test_a_failed_deployment_takes_a_merge_back(folder: Path) -> None:
    edit(folder, APP, "a = 1", "a = 'mine'")
    edit(folder, "compose.yaml", "{}", "{mine: {}}")
    (folder / APP).chmod(0o755)
    before = {p: (p.read_bytes(), p.stat().st_mode) for p in folder.rglob("*") if p.is_file()}
    changed: dict[str, str | bytes | None] = {APP: LINES + "f = 6\n", "compose.yaml": "x: 1\n"}

    def deploy_in_vain() -> None:
        with written(project(changed), folder):
            assert (folder / "compose.yaml.new").exists()
            assert "f = 6" in (folder / APP).read_text()
            raise ProofError("differs")

    with pytest.raises(ProofError):
        deploy_in_vain()
    after = {p: (p.read_bytes(), p.stat().st_mode) for p in folder.rglob("*") if p.is_file()}
    assert after == before


def test_an_error_names_the_edited_files_that_are_part_of_it(folder: Path) -> None:
    with pytest.raises(ProofError) as plain, naming_edits(folder):
        raise ProofError("differs", "a step is missing", 3)
    assert plain.value.hint == "a step is missing"
    edit(folder, APP, "a = 1", "a = 'mine'")
    edit(folder, "compose.yaml", "{}", "{mine: {}}")  # has no part in the service's answers
    assert edited_files(folder) == [APP]
    with pytest.raises(ProofError) as named, naming_edits(folder):
        raise ProofError("differs", "a step is missing", 3)
    assert (named.value.message, named.value.cell) == ("differs", 3)
    assert named.value.hint.startswith("a step is missing\n  → edited files are part of it")
    assert APP in named.value.hint
    assert "compose" not in named.value.hint


def deployed(folder: Path, *changes: dict[str, str | bytes | None]) -> dict[str, str]:
    """What became of the files after writes that follow each other, as a deployment tells it."""
    total: Written | None = None
    for changed in changes:
        with written(project(changed), folder) as done:
            total = total.then(done) if total else done
    assert total is not None
    return {outcome.path: outcome.what for outcome in total.outcomes}


X, Y = {APP: LINES + "f = 6\n"}, {APP: LINES.replace("a = 1", "a = 10")}
TOLD = [
    ("merged once, kept by the second", "a = 1", [X, X], "merged"),
    ("merged twice", "a = 1", [X, {APP: LINES + "f = 7\n"}], "merged"),
    ("a conflict that the second write ends", "a = 1", [Y, X], "merged"),
    ("a conflict that comes with the second write", "a = 1", [X, Y], "conflict"),
    ("replaced, and the same again", None, [X, X], "changed"),
    ("replaced, and put back", None, [X, {}], None),
    ("taken away, and put back", None, [{APP: None}, {}], None),
    ("merged, and put back", "a = 1", [X, {}], "kept"),
    ("a conflict, and put back", "a = 1", [Y, {}], "kept"),
    ("a conflict, and another", "a = 1", [Y, {APP: LINES.replace("a = 1", "a = 11")}], "conflict"),
]


@pytest.mark.parametrize(
    ("edits", "changes", "what"), [t[1:] for t in TOLD], ids=[t[0] for t in TOLD]
)
def test_what_two_writes_did_is_told_as_one(
    folder: Path, edits: str | None, changes: list[dict[str, str | bytes | None]], what: str | None
) -> None:
    if edits:
        edit(folder, APP, edits, "a = 'mine'")
    told = deployed(folder, *changes)
    assert told.get(APP) == what
    assert f"{APP}.new" not in told
    assert (folder / f"{APP}.new").exists() is (what == "conflict")


def test_what_was_open_or_deleted_before_both_writes_is_told_as_that(folder: Path) -> None:
    edit(folder, APP, "a = 1", "a = 'mine'")
    (folder / "compose.yaml").unlink()
    write(Y, folder)
    assert deployed(folder, Y, Y) == {APP: "conflict", "compose.yaml": "deleted"}


VERSIONS = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "x\n"]), max_size=8).map("".join)
OWN = st.lists(st.sampled_from(["mine 1\n", "mine 2\n", "mine\r\n", "mine", "a\n", "b\n"]))


def leave_it(new: Path) -> None:
    """Does nothing about a conflict."""


def settle_it(new: Path) -> None:
    new.unlink(missing_ok=True)


def work_on_it(new: Path) -> None:
    if new.exists():
        new.write_text("worked on\n")


ACTIONS: list[Callable[[Path], None]] = [leave_it, settle_it, work_on_it]


@settings(max_examples=30, deadline=None)
@given(
    first=VERSIONS,
    mine=OWN,
    at=st.integers(0, 8),
    rounds=st.lists(st.tuples(VERSIONS, st.sampled_from(ACTIONS)), min_size=1, max_size=4),
)
def test_no_edit_is_ever_lost(
    first: str, mine: list[str], at: int, rounds: list[tuple[str, Callable[[Path], None]]]
) -> None:
    """Over many deployments: what a person wrote is in the file, whatever is generated."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "p"
        write({"NOTES": first}, folder)
        file, new = folder / "NOTES", folder / "NOTES.new"
        lines = first.splitlines(keepends=True)
        file.write_bytes("".join([*lines[:at], *mine, *lines[at:]]).encode())
        own = file.read_bytes().count(b"mine")
        for version, action in rounds:
            worked_on = new.exists() and new.read_text() == "worked on\n"
            before = file.read_bytes()
            became = write({"NOTES": version}, folder).get("NOTES")
            after = file.read_bytes()
            assert after.count(b"mine") == own
            assert after == before or became in ("merged", "changed")
            assert became != "conflict" or version.encode() in [
                beside.read_bytes() for beside in folder.glob("NOTES.new*")
            ]
            assert not worked_on or new.read_text() == "worked on\n"
            action(new)
            before_again = {p: p.read_bytes() for p in folder.glob("NOTES*")}
            write({"NOTES": version}, folder)
            if action is leave_it:
                assert {p: p.read_bytes() for p in folder.glob("NOTES*")} == before_again
