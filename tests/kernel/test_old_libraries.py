"""A kernel with the libraries of 2022, and one that lacks nb2service; the command runs on today's.

The environments are made once and kept in the cache of whoever runs the tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
import platformdirs
import pytest
import uv
from command_line import nb2service
from live_kernel import EXAMPLES

from nb2service.launch.indexes import uv_environment
from nb2service.launch.registry import locked

ROOT = Path(__file__).parents[2]

# What an environment made in late 2022 holds, its web and Jupyter packages too.
OF_2022 = (
    "numpy==1.23.5", "pandas==1.5.3", "scikit-learn==1.1.3", "scipy==1.9.3", "joblib==1.2.0",
    "ipython==8.5.0", "ipykernel==6.15.3", "traitlets==5.5.0", "jupyter-client==7.4.4",
    "jupyter-core==5.0.0", "nbclient==0.7.0", "nbconvert==7.2.4", "nbformat==5.7.0",
    "tornado==6.2", "pyzmq==24.0.1", "flask==2.2.2", "werkzeug==2.2.2", "jinja2==3.1.2",
    "markupsafe==2.1.1", "click==8.1.3", "packaging==21.3", "platformdirs==2.5.2",
    "prometheus-client==0.15.0", "psutil==5.9.3",
)  # fmt: skip
OLD_ENOUGH = ("3.10", "3.11")  # the Pythons that scikit-learn 1.1 and numpy 1.23 have wheels for


def python_of(*minors: str) -> str | None:
    """A Python of one of these versions: the running one, one on PATH, or one of pyenv's."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" in minors:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{minor}") for minor in minors]
    for minor in minors:
        candidates += [str(path) for path in sorted(pyenv.glob(f"{minor}.*/bin/python"))]
    # One that is found need not run: pyenv's stand-ins refuse versions that are not chosen.
    return next((path for path in candidates if path and runs(path)), None)


def runs(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def uv_run(*words: str | Path) -> str:
    done = subprocess.run(
        [uv.find_uv_bin(), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, env=uv_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment(python: str, requirements: Sequence[str], then: Sequence[str] = ()) -> Path:
    """A kept environment; beside it what it held ``before`` ``then`` was installed, and after."""
    made_of = [python, *requirements, *then, (ROOT / "pyproject.toml").read_text("utf-8")]
    key = hashlib.sha256("\0".join(made_of).encode()).hexdigest()[:16]
    cache = platformdirs.user_cache_path("nb2service") / "test-environments"
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / key
    with locked(place):
        if not (place / "after.txt").exists():
            uv_run("venv", "--quiet", "--clear", "--python", python, place)
            install = ("pip", "install", "--quiet", "--compile-bytecode", "--python", place)
            uv_run(*install, *requirements)
            (place / "before.txt").write_text(uv_run("pip", "freeze", "--python", place))
            if then:
                uv_run(*install, *then)
            (place / "after.txt").write_text(uv_run("pip", "freeze", "--python", place))
    return place


def register(jupyter: Path, name: str, place: Path) -> None:
    folder = jupyter / "kernels" / name
    folder.mkdir(parents=True)
    argv = [f"{place}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": name, "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture(scope="session")
def of_2022(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of 2022 into which nb2service was installed."""
    python = python_of(*OLD_ENOUGH)
    if python is None:
        why = f"needs a Python {' or '.join(OLD_ENOUGH)} (running one, on PATH, or of pyenv)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return environment(python, OF_2022, ("-e", str(ROOT)))


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kernelspecs of the test's own are found."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return tmp_path / "jupyter"


def test_installing_nb2service_moves_no_package(of_2022: Path) -> None:
    before, after = (
        set((of_2022 / name).read_text().splitlines()) for name in ("before.txt", "after.txt")
    )
    assert before - after == set()
    assert any("nb2service" in line or str(ROOT) in line for line in after)


@pytest.mark.parametrize(
    ("notebook", "service"),
    [("churn", "churn"), ("house_prices", "house-prices"), ("nlp_service", "nlp")],
)
def test_a_notebook_of_2022_becomes_a_proven_service(
    of_2022: Path, jupyter: Path, tmp_path: Path, notebook: str, service: str
) -> None:
    register(jupyter, "old", of_2022)
    folder = Path(shutil.copytree(EXAMPLES, tmp_path / "work"))
    done = nb2service(folder, "build", f"{notebook}.ipynb", "--kernel", "old", "--json")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    project = folder / f"{service}-service"
    run = json.loads((project / "proof.json").read_text())["runs"][0]
    assert (run["environment"], run["verdict"]) == ("kernel", "equal")
    assert "scikit-learn==1.1.3" in (project / "requirements.txt").read_text()


@pytest.mark.parametrize("pip", [False, True], ids=["uv", "pip"])
def test_a_kernel_without_nb2service_is_told_the_command(
    jupyter: Path, tmp_path: Path, pip: bool
) -> None:
    place = environment(sys.executable, ["ipykernel", *(["pip"] if pip else [])])
    register(jupyter, "bare", place)
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("open('ran', 'w').close()")])
    nbformat.write(node, tmp_path / "mine.ipynb")
    done = nb2service(tmp_path, "build", "mine.ipynb", "--kernel", "bare")
    python = shlex.quote(f"{place}/bin/python")
    told = f"{python} -m pip install nb2service" if pip else f"uv pip install --python {python} nb2"
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"mine.ipynb", "jupyter"}
