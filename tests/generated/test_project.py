"""Projects as they are generated: they run, are clean, and hold nothing that they should not."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import captures
import dockerfile
import pytest
import yaml

import nb2service.runtime
from nb2service.capture.model import Part, ShippedFile
from nb2service.errors import OutputError
from nb2service.project.render import render
from nb2service.project.write import written

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

HOSTILE = [
    'a"b',
    "$(touch x)",
    "two\nlines",
    "`ticks` ```",
    "--> <!-- /proof --> </script>",
    "'''\"\"\" \\ x",
    "{{ x }} {% y %} | \x00\x1b[0m\u2028 \ud800",
    "\nRUN touch x\nimport os",
]
CAPTURES = {"churn": captures.churn, "shout": captures.shout}


def write(capture, folder, notebook=None):
    with written(render(capture, notebook), folder) as done:
        return done.folder


@pytest.fixture(scope="module", params=CAPTURES)
def folder(request, tmp_path_factory):
    made = CAPTURES[request.param]()
    return write(made, tmp_path_factory.mktemp("made") / f"{made.name}-service", b'{"cells": []}')


def run(*command, folder):
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": tools, "PYTHONDONTWRITEBYTECODE": "1"}
    program = shutil.which(command[0], path=tools) or command[0]
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def package_of(folder):
    return folder.name.removesuffix("-service") + "_service"


def texts(folder):
    """Each text file that ops read, with its path."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "artifacts" not in path.parts and ".pyc" not in path.suffixes:
            yield path, path.read_bytes().decode("utf-8")


# --- it runs ------------------------------------------------------------------------------------


def test_its_own_tests_pass(folder):
    done = run(sys.executable, "-W", "error", "-m", "pytest", "-q", "-rs", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout


def test_its_own_tests_notice_another_answer(tmp_path):
    made = captures.shout()
    louder = made.parts[0].source.replace("upper()", 'upper() + "!"')
    broken = replace(made, parts=(replace(made.parts[0], source=louder),))
    folder = write(broken, tmp_path / "shout-service")
    done = run(sys.executable, "-m", "pytest", "-q", folder=folder)
    assert done.returncode == 1
    assert '"HI!"' in done.stdout


def test_the_notebooks_asserts_can_fail(tmp_path):
    made = captures.churn()
    test = replace(made.tests[0], source="def helper():\n    return GROUPS\nassert helper() == []")
    folder = write(replace(made, tests=(test,)), tmp_path / "churn-service")
    done = run(sys.executable, "-m", "pytest", "-q", "tests/test_notebook.py", folder=folder)
    assert done.returncode == 1
    assert "test_cell_9" in done.stdout


# --- it is clean --------------------------------------------------------------------------------


def test_pyflakes_finds_nothing_in_the_notebooks_code(folder):
    notebook = next(folder.glob("*/notebook.py"))
    rules = "--select=E4,E7,E9,F"
    done = run("ruff", "check", "--no-cache", "--isolated", rules, str(notebook), folder=folder)
    assert done.stdout == "All checks passed!\n"


def test_nothing_needs_nb2service(folder):
    for path, _ in texts(folder):
        if path.suffix == ".py":
            tree = ast.parse(path.read_bytes())
            nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
            names = [alias.name for node in nodes for alias in node.names]
            names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
            assert not [name for name in names if name.split(".")[0] == "nb2service"], path
    assert "nb2service" not in (folder / "requirements.txt").read_text()
    assert "nb2service" not in (folder / "pyproject.toml").read_text().replace(".nb2service", "")


def test_nothing_of_this_machine_is_in_it(folder):
    words = {str(Path(nb2service.__file__).parents[1]), str(Path.home()), str(folder), sys.prefix}
    for path, text in texts(folder):
        assert not [word for word in words if len(word) > 5 and word in text], path


def test_the_runtime_is_copied_byte_for_byte(folder):
    source = Path(nb2service.runtime.__file__).parent
    copied = [path for path in (folder / package_of(folder)).rglob("*") if path.is_file()]
    files = [source / path.relative_to(folder / package_of(folder)) for path in copied]
    pairs = [(one, other) for one, other in zip(copied, files, strict=True) if other.is_file()]
    assert len(pairs) > 30
    for one, other in pairs:
        assert one.read_bytes() == other.read_bytes()


def test_the_same_capture_gives_the_same_bytes():
    one, two = render(captures.churn()), render(captures.churn())
    assert one == two
    assert list(one.files) == sorted(one.files)


def test_what_running_it_leaves_behind_is_not_committed(folder):
    kept = (folder / ".gitignore").read_text().split()
    assert kept == ["__pycache__/", ".env", ".pytest_cache/", ".venv/", "dist/", "wheelhouse/"]


def test_pyproject(folder):
    made = tomllib.loads((folder / "pyproject.toml").read_text())
    name, package = folder.name, package_of(folder)
    assert made["project"]["name"] == name
    assert made["project"]["scripts"] == {name: f"{package}.__main__:main"}
    assert made["project"]["requires-python"] == "=={}.{}.*".format(*sys.version_info)


# --- what is in it ------------------------------------------------------------------------------


@pytest.mark.parametrize("lean", [True, False])
def test_the_lean_path_travels_where_an_entry_takes_it(lean):
    made = captures.churn()
    entries = tuple(replace(entry, lean=lean) for entry in made.contract.entries)
    files = render(replace(made, contract=replace(made.contract, entries=entries))).files
    assert ("churn_service/lean/plan.py" in files) is lean


def test_requirements_say_why():
    files = render(captures.churn()).files
    direct, every = files["requirements.in"].decode(), files["requirements.txt"].decode()
    assert re.search(r"^pandas==\S+ +# imported by cell \[2\]$", direct, re.MULTILINE)
    assert "scipy" not in direct
    assert re.search(r"^scipy==\S+ +# via pandas$", every, re.MULTILINE)
    model, web = every.split("# The web layer\n")
    assert [line.split("==")[0] for line in web.splitlines()] == [pin.name for pin in captures.WEB]
    assert "flask" not in model


def test_notebook_module_keeps_the_cells_as_they_are():
    text = render(captures.churn()).files["churn_service/notebook.py"].decode()
    assert ast.get_docstring(ast.parse(text)).startswith(
        "The code of the notebook work/churn.ipynb"
    )
    for part in captures.churn().parts:
        assert part.source in text
    assert re.findall(r"# --- (.*) ---", text) == ["cell [2]", "cell [4]", "cell [5]"]
    assert '# fitted in cell [4]\nmodel = load("model")' in text


def test_notebook_module_makes_way_for_the_notebooks_own_load():
    made = captures.churn()
    own = Part("code", ("load",), "def load(path):\n    return path", 1)
    future = Part("import", ("annotations",), "from __future__ import annotations", 7)
    made = replace(made, parts=(own, *made.parts, future))
    text = render(made).files["churn_service/notebook.py"].decode()
    tree = ast.parse(text)
    compile(tree, "notebook.py", "exec")
    assert "from .store import load as load_artifact" in text
    assert 'model = load_artifact("model")' in text
    assert "def load(path):" in text


def test_data_of_a_local_package_lies_in_both_places_where_it_is_looked_for():
    made = captures.churn()
    data = ShippedFile("rounding/steps.json", "data", b"[]")
    files = render(replace(made, files=(*made.files, data))).files
    assert files["churn_service/files/rounding/steps.json"] == b"[]"
    assert files["rounding/steps.json"] == b"[]"
    assert "groups.txt" not in files


def test_large_requests_of_the_readme_come_from_the_case(tmp_path):
    made = captures.shout()
    long = "long " * 1000
    case = {**made.cases["shout"], "instances": [{"text": long}], "batch": [long.upper()]}
    text = render(replace(made, cases={"shout": case})).files["README.md"].decode()
    assert len(text) < 20_000
    command = text.split("```sh\npython -c ")[1].split(" \\\n  | curl")[0]
    folder = write(replace(made, cases={"shout": case}), tmp_path / "shout-service")
    (script,) = shlex.split(command)
    done = run(sys.executable, "-c", script, folder=folder)
    assert json.loads(done.stdout) == {"instances": [{"text": long}]}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(text, tmp_path):
    made = captures.hostile(text)
    folder = write(made, tmp_path / "shout-service")
    plain = write(captures.shout(), tmp_path / "plain-service")
    for path, _ in texts(folder):
        if path.suffix == ".py":
            names = [type(node) for node in ast.walk(ast.parse(path.read_bytes()))]
            other = ast.parse((plain / path.relative_to(folder)).read_bytes())
            assert names == [type(node) for node in ast.walk(other)], path
    same = dockerfile.build(plain)
    image = dockerfile.build(folder)
    assert (image.runs, image.entrypoint, image.user) == (same.runs, same.entrypoint, same.user)
    assert tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    compose = yaml.safe_load((folder / "compose.yaml").read_text("utf-8"))
    assert compose["services"].keys() == {"shout"}
    assert pinned(folder) == pinned(plain)
    readme = (folder / "README.md").read_text("utf-8").splitlines()
    assert (readme.count("<!-- proof -->"), readme.count("<!-- /proof -->")) == (1, 1)
    assert run("hadolint", "Dockerfile", folder=folder).returncode == 0


def pinned(folder):
    lines = (folder / "requirements.txt").read_text("utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines]


@pytest.mark.parametrize(
    "path", ["tests/common.py", "Tests/a.py", "deploy/a.py", "shout_service.py", "setup.py"]
)
def test_modules_that_would_hide_the_project_are_refused(path):
    made = replace(captures.shout(), files=(ShippedFile(path, "module", b""),))
    with pytest.raises(OutputError, match="a name that the project itself needs"):
        render(made)


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "a/../../b", "c:\\x"])
def test_files_that_would_land_elsewhere_are_refused(path):
    made = replace(captures.shout(), files=(ShippedFile(path, "data", b""),))
    with pytest.raises(OutputError, match="outside of the notebook's folder"):
        render(made)
