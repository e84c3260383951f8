import errno
import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from nb2service.errors import OutputError
from nb2service.project.model import Project
from nb2service.project.readme import NOT_PROVEN, with_proof
from nb2service.project.write import written

README = f"# churn\n\n<!-- proof -->\n{NOT_PROVEN}\n<!-- /proof -->\n\nend\n"


def project(**changed):
    """A small project; keyword ``a__b_py`` stands for the path ``a/b.py``, None leaves it out."""
    files = {
        "README.md": README,
        "churn_service/app.py": "app = 1\n",
        "churn_service/artifacts/model.pkl": "\x00model",
        "tests/test_service.py": "def test(): pass\n",
        **{name.replace("__", "/").replace("_py", ".py"): text for name, text in changed.items()},
    }
    content = {path: text.encode() for path, text in files.items() if text is not None}
    return Project("churn", "churn_service", content)


def write(made, folder):
    with written(made, folder) as done:
        return done


def became(done):
    """What became of each file, by path."""
    return {outcome.path: outcome.what for outcome in done.outcomes}


def snapshot(folder):
    """Every file below with its bytes and time of change, and every folder."""
    return {
        path.relative_to(folder).as_posix(): (
            (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        )
        for path in folder.rglob("*")
    }


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "services" / "churn-service"


@pytest.fixture
def standing(folder):
    """A folder with the project in it."""
    write(project(), folder)
    for path in folder.rglob("*"):
        os.utime(path, ns=(10**18, 10**18))
    return folder


def test_a_new_folder_gets_every_file(folder):
    done = write(project(), folder)
    assert done.folder == folder
    assert became(done) == dict.fromkeys(project().files, "new")
    for path, data in project().files.items():
        assert (folder / path).read_bytes() == data
    state = folder / ".nb2service"
    assert json.loads((state / "generated.json").read_text()).keys() == project().files.keys()
    assert (state / "base/churn_service/app.py").read_text() == "app = 1\n"
    assert not (state / "base/churn_service/artifacts").exists()
    assert list(folder.parent.iterdir()) == [folder]


def test_others_may_read_the_folder_as_the_umask_says(folder):
    write(project(), folder)
    umask = os.umask(0)
    os.umask(umask)
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask
    assert (folder / "README.md").stat().st_mode & 0o777 == 0o666 & ~umask


def test_an_empty_folder_is_filled(folder):
    folder.mkdir(parents=True)
    inode = folder.stat().st_ino
    write(project(), folder)
    assert (folder / "README.md").exists()
    assert folder.stat().st_ino == inode  # a shell that stands in it goes on


def test_the_same_project_again_touches_nothing(standing):
    before = snapshot(standing)
    done = write(project(), standing)
    assert done.outcomes == ()
    assert snapshot(standing) == before


def test_two_writes_give_the_same_bytes(standing, tmp_path):
    write(project(), tmp_path / "other")
    first = {path: item and item[0] for path, item in snapshot(standing).items()}
    second = {path: item and item[0] for path, item in snapshot(tmp_path / "other").items()}
    assert first == second


def test_only_what_changed_is_replaced_and_stale_files_go(standing):
    before = snapshot(standing)
    done = write(project(churn_service__app_py="app = 2\n", tests__test_service_py=None), standing)
    assert became(done) == {
        "churn_service/app.py": "changed",
        "tests/test_service.py": "removed",
    }
    assert (standing / "churn_service/app.py").read_text() == "app = 2\n"
    assert not (standing / "tests").exists()
    assert not (standing / ".nb2service/base/tests").exists()
    after = snapshot(standing)
    untouched = ["README.md", "churn_service/artifacts/model.pkl"]
    assert [after[path] for path in untouched] == [before[path] for path in untouched]


def test_an_edited_file_is_kept_and_the_new_version_put_beside(standing):
    app, new = standing / "churn_service/app.py", standing / "churn_service/app.py.new"
    app.write_text("app = 'edited'\n")

    done = write(project(), standing)
    assert became(done) == {"churn_service/app.py": "kept"}  # no file beside
    assert not new.exists()

    for _ in range(2):
        done = write(project(churn_service__app_py="app = 2\n"), standing)
        assert [str(outcome) for outcome in done.outcomes] == [
            "churn_service/app.py was edited, and stays as it is: line 1 conflicts with the new "
            "version; see churn_service/app.py.new"
        ]
        assert app.read_text() == "app = 'edited'\n"
        assert new.read_text() == "app = 2\n"

    before = snapshot(standing)
    write(project(churn_service__app_py="app = 2\n"), standing)
    assert snapshot(standing) == before

    app.write_text("app = 2\n")  # the person took the new version over
    assert became(write(project(churn_service__app_py="app = 2\n"), standing)) == {
        "churn_service/app.py.new": "removed"
    }
    assert not new.exists()


def test_an_edited_file_that_is_no_longer_generated_is_kept(standing):
    edited = standing / "tests/test_service.py"
    edited.write_text("# mine\n")
    done = write(project(tests__test_service_py=None), standing)
    assert became(done) == {"tests/test_service.py": "left"}
    assert edited.read_text() == "# mine\n"


def test_a_persons_own_files_stay(standing):
    (standing / "deploy").mkdir()
    (standing / "deploy/values.yaml").write_text("replicas: 2\n")
    (standing / "extra.py").write_text("# mine\n")
    done = write(project(extra_py="# generated\n"), standing)
    assert became(done) == {"extra.py": "conflict"}
    assert (standing / "deploy/values.yaml").exists()
    assert (standing / "extra.py").read_text() == "# mine\n"
    assert (standing / "extra.py.new").read_text() == "# generated\n"


def test_a_lost_file_comes_back(standing):
    (standing / "churn_service/app.py").unlink()
    assert became(write(project(), standing)) == {"churn_service/app.py": "new"}
    assert (standing / "churn_service/app.py").read_text() == "app = 1\n"


def test_what_a_killed_write_left_behind_is_cleared(standing):
    leftover = standing / ".nb2service/staging.x/old"
    leftover.mkdir(parents=True)
    (leftover / "README.md").write_text("old")
    write(project(), standing)
    assert {path.name for path in (standing / ".nb2service").iterdir()} == {
        "base",
        "generated.json",
    }


def prove(folder):
    readme = folder / "README.md"
    readme.write_bytes(with_proof(readme.read_bytes(), "**proven**"))
    (folder / "proof.json").write_text("{}")


def test_a_proof_stays_while_nothing_changes(standing):
    prove(standing)
    before = snapshot(standing)
    assert write(project(), standing).outcomes == ()
    assert snapshot(standing) == before


@pytest.mark.parametrize("edited", [False, True])
def test_a_proof_goes_with_the_files_that_it_was_made_for(standing, edited):
    prove(standing)
    readme = standing / "README.md"
    if edited:
        readme.write_text(readme.read_text().replace("end", "my own words"))
    done = write(project(churn_service__app_py="app = 2\n"), standing)
    assert became(done) == {
        "churn_service/app.py": "changed",
        **({"README.md": "kept"} if edited else {}),
    }
    assert not (standing / "proof.json").exists()
    assert readme.read_text() == (README.replace("end", "my own words") if edited else README)


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_with_proof_changes_its_section_only(end):
    readme = README.replace("\n", end).encode() + b"\xff is no UTF-8"
    once = with_proof(readme, "5 of 5\n<!-- /proof --> \\1")
    expected = "# churn\n\n<!-- proof -->\n5 of 5\n&lt;!-- /proof --> \\1\n<!-- /proof -->"
    assert once.startswith(expected.replace("\n", end).encode())
    assert with_proof(once, NOT_PROVEN) == readme
    assert with_proof(b"no markers", "proof") == b"no markers"


class Stop(Exception):
    pass


def write_and_fail(made, folder):
    """A write whose body proves, leaves caches, and then fails."""
    with written(made, folder):
        prove(folder)
        for path in made.files:
            (folder / path).parent.joinpath("__pycache__").mkdir(exist_ok=True)
        raise Stop


def test_a_failing_body_leaves_no_new_folder(folder, tmp_path):
    with pytest.raises(Stop):
        write_and_fail(project(), folder)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_body_leaves_an_empty_folder_empty(folder):
    folder.mkdir(parents=True)
    with pytest.raises(Stop):
        write_and_fail(project(), folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("proven", [False, True])
def test_a_failing_body_puts_the_former_state_back(standing, proven):
    if proven:
        prove(standing)
    (standing / "churn_service/app.py").write_text("# edited\n")
    before = without_caches(snapshot(standing))
    changed = project(
        churn_service__app_py="app = 2\n", tests__test_service_py=None, new__deep__file_py="x = 1\n"
    )
    with pytest.raises(Stop):
        write_and_fail(changed, standing)
    assert without_caches(snapshot(standing)) == before


def without_caches(found):
    return {path: item for path, item in found.items() if "__pycache__" not in path}


def occupied(folder):
    folder.mkdir(parents=True)
    (folder / "thesis.docx").write_text("years of work")
    return folder


def a_file(folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")
    return folder


def below_a_file(folder):
    a_file(folder)
    return folder / "churn"


def record_broken(folder):
    write(project(), folder)
    (folder / ".nb2service/generated.json").write_text("{")
    return folder


def record_reaching_out(folder):
    write(project(), folder)
    outside = folder.parent / "outside.txt"
    outside.write_text("precious")
    hashes = {"../outside.txt": sha256(b"precious").hexdigest()}
    (folder / ".nb2service/generated.json").write_text(json.dumps(hashes))
    return folder


def file_for_folder(folder):
    write(project(), folder)
    shutil.rmtree(folder / "tests")
    (folder / "tests").write_text("a file")
    return folder


def folder_for_file(folder):
    write(project(), folder)
    (folder / "churn_service/app.py").unlink()
    (folder / "churn_service/app.py").mkdir()
    return folder


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (occupied, "is not empty and was not made by nb2service"),
        (a_file, "is a file and was not made by nb2service"),
        (below_a_file, "cannot write"),
        (record_broken, "is not readable"),
        (record_reaching_out, "is not readable"),
        (file_for_folder, "is in the way"),
        (folder_for_file, "is in the way of a file"),
        (lambda _: Path("/proc/churn-service"), "cannot write"),
    ],
)
def test_what_cannot_be_written_is_refused_and_left_as_it_was(prepare, message, folder, tmp_path):
    target = prepare(folder)
    before = snapshot(tmp_path)
    with pytest.raises(OutputError, match=message) as error:
        write(project(churn_service__app_py="app = 2\n"), target)
    assert error.value.hint
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("new", "step", "works"),
    [
        *(
            (new, step, n)
            for new in (True, False)
            for step in ("write_bytes", "mkdir")
            for n in range(4)
        ),
        (True, "replace", 0),  # the one rename of the whole folder
        *((False, "replace", n) for n in range(6)),
    ],
)
def test_a_full_disk_leaves_nothing_behind(new, step, works, folder, monkeypatch, tmp_path):
    if not new:
        write(project(), folder)
    before = snapshot(tmp_path)
    real, calls = getattr(Path, step), []

    def full(*args, **kwargs):
        calls.append(args)
        if len(calls) == works + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **kwargs)

    changed = project(churn_service__app_py="app = 2\n", a__b_py="b\n", tests__test_service_py=None)
    with monkeypatch.context() as patch:
        patch.setattr(Path, step, full)
        error = refusal(changed, folder)
    assert len(calls) > works, "the disk was never full"
    assert "No space left" in error.message
    assert error.hint == "free some space"
    assert snapshot(tmp_path) == before


def refusal(made, folder):
    try:
        write(made, folder)
    except OutputError as error:
        return error
    return None


def test_a_quick_edit_of_the_same_length_is_not_hidden_by_bytecode(standing):
    def imported():
        code = "import app; print(app.app)"
        words = [sys.executable, "-c", code]
        folder = standing / "churn_service"
        return subprocess.run(
            words, cwd=folder, env=compiling, capture_output=True, text=True, check=True
        )

    def deploy_in_vain():
        with written(project(churn_service__app_py="app = 2\n"), standing):
            os.utime(source, ns=(10**18, 10**18))  # as if within the same second
            assert imported().stdout == "2\n"
            raise RuntimeError("the proof fails")

    compiling = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    source = standing / "churn_service/app.py"
    assert imported().stdout == "1\n"
    assert list(source.parent.glob("__pycache__/app.*.pyc"))
    with pytest.raises(RuntimeError):
        deploy_in_vain()
    assert imported().stdout == "1\n"
