"""What an image of the churn example holds, beside its peers': ``python -m benchmarks.image_size``.

Each server is installed with the same versions of the model's libraries, must answer rows of the
example as the notebook did, and is weighed. As root, with ``buildah`` and ``debootstrap``, our
image is built for real too: clean, after a change of the code, and from wheels without a network.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.container.images import Buildah, missing_tools

from .service.check import check_single_rows, read_rows
from .service.environments import (
    Environment,
    child_variables,
    environment_of_lock,
    make_environment,
    pins,
)
from .service.ours import OURS
from .service.peers import PEERS, Peer
from .service.report import IMAGE_FILE, figure, table
from .service.running import running
from .service.sections import say

BENCHMARKS = Path(__file__).parent
PACKAGE = "churn_service"
CHURN = replace(
    OURS,
    command=lambda start: [
        *(start.environment.python, "-m", PACKAGE, "serve", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(start.port)),
    ],
)
KNOWN = {peer.name: peer for peer in PEERS}
SKINNY = replace(
    KNOWN["mlflow"],
    name="mlflow-skinny",
    title="MLflow, mlflow-skinny alone",
    requirements=("mlflow-skinny",),
)
# Model servers; plain Flask, which is none, shows what the least is.
SERVERS = (KNOWN["bentoml"], KNOWN["mlserver"], KNOWN["mlflow"], SKINNY)
BESIDE = (*SERVERS, KNOWN["flask"])


@dataclass(frozen=True)
class Weight:
    """What lies in some folders: files and bytes, bytecode apart."""

    files: int
    size: int
    bytecode: int


def weigh(*folders: Path) -> Weight:
    found = [path for folder in folders for path in folder.rglob("*")]
    sizes = {
        path: path.stat().st_size for path in found if path.is_file() and not path.is_symlink()
    }
    bytecode = [size for path, size in sizes.items() if path.suffix == ".pyc"]
    return Weight(len(sizes) - len(bytecode), sum(sizes.values()) - sum(bytecode), sum(bytecode))


def site_packages(prefix: Path) -> Path:
    return next((prefix / "lib").glob("python*")) / "site-packages"


def build_project(work: Path) -> Path:
    """The example's project with its wheels, made anew."""
    shutil.rmtree(work / "notebooks", ignore_errors=True)
    folder = Path(shutil.copytree(BENCHMARKS.parent / "example_notebooks", work / "notebooks"))
    command = Path(sys.executable).with_name("nb2service")
    subprocess.run(
        [command, "build", "churn.ipynb", "--wheelhouse"],
        cwd=folder,
        env=child_variables(NB2SERVICE_HOME=str(work / "registry")),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / "churn-service"


def prepare_model(work: Path, project: Path, environment: Environment) -> Path:
    """The example's model and rows, as the harness hands them to every server."""
    folder = work / "model"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "service").symlink_to(project)
    case = json.loads((project / "tests/cases/predict.json").read_text())
    pairs = zip(case["instances"], case["batch"], strict=True)
    # A number that is missing cannot be sent to every peer.
    whole = [(row, answer) for row, answer in pairs if None not in row.values()]
    (folder / "rows.json").write_text(json.dumps([row for row, _ in whole]))
    (folder / "answers.json").write_text(json.dumps([answer for _, answer in whole]))
    script = (
        f"import joblib, sys; from {PACKAGE}.notebook import model; joblib.dump(model, sys.argv[1])"
    )
    command = [environment.python, "-c", script, str(folder / "model.joblib")]
    subprocess.run(command, cwd=project, check=True)
    return folder


def check(peer: Peer, environment: Environment, model: Path, work: Path) -> None:
    """Shows that this is all that the server needs: it answers as the notebook did."""
    body = peer.wires["json"].encode(read_rows(model)[0][:1])
    with running(peer, environment, model, work / "servers" / peer.name, 1, body) as server:
        check_single_rows(server, model)
    say(f"{peer.title} answers")


def installed(work: Path, project: Path) -> Iterator[tuple[str, Weight, int]]:
    """Name, weight and number of distributions of each server."""
    environments = work / "environments"
    ours = environment_of_lock(environments, "ours", project / "requirements.txt")
    model = prepare_model(work, project, ours)
    servers = [(CHURN, ours)]
    servers += [(p, make_environment(environments, p.name, p.requirements)) for p in BESIDE]
    for peer, environment in servers:
        check(peer, environment, model, work)
        app = [project / PACKAGE] if peer is CHURN else []
        found = weigh(site_packages(environment.folder), *app)
        yield peer.title, found, len(environment.distributions())


def build_images(work: Path, project: Path) -> Iterator[tuple[str, float, Weight]]:
    """What was built, seconds, and what the image holds beside its base."""
    buildah = Buildah(work / "buildah")
    buildah.clear()
    buildah.base(work)
    plain = work / "plain"
    shutil.rmtree(plain, ignore_errors=True)
    shutil.copytree(project, plain, ignore=shutil.ignore_patterns("wheelhouse"))
    yield ("clean, packages from the index", *_build(buildah, plain))
    with (plain / PACKAGE / "notebook.py").open("a") as file:
        file.write("\nEDITED = True\n")
    yield ("after a change of the code", *_build(buildah, plain))
    yield ("clean, from wheelhouse/ without a network", *_build(buildah, project, network=False))
    buildah.clear()


def _build(buildah: Buildah, folder: Path, network: bool = True) -> tuple[float, Weight]:
    began = time.perf_counter()
    buildah.build(folder, "measured", "--layers", network=network)
    seconds = time.perf_counter() - began
    with _mounted(buildah, "measured") as root:
        return seconds, weigh(site_packages(root / "opt/venv"), root / "app")


@contextmanager
def _mounted(buildah: Buildah, image: str) -> Iterator[Path]:
    container = buildah("from", "--pull-never", image)
    yield Path(buildah("mount", container))
    buildah("rm", container)


def report(
    servers: Sequence[tuple[str, Weight, int]], images: Sequence[tuple[str, float, Weight]]
) -> str:
    """The section of RESULTS.md."""
    rows = [
        (title, count, f"{w.files:,}", *(_megabytes(n) for n in (w.size, w.bytecode)))
        for title, w, count in servers
    ]
    ours = servers[0][1]
    others = servers[1 : len(SERVERS) + 1]
    least, smallest = min((w.size, title) for title, w, _ in others)
    compiled = min(w.size + w.bytecode for _, w, _ in others)
    verdict = "met" if ours.size <= least else "**not met**"
    head = ("server", "distributions", "files", "MB", "MB of bytecode")
    parts = [
        "## What an image holds",
        "The churn example's model (a scikit-learn pipeline on a frame) with what each server "
        f"installs, the model's own libraries included: {', '.join(pins())}; "
        f"Python {platform.python_version()}. Made by `python -m benchmarks.image_size`; each "
        "server answered the example's rows as the notebook did. Bytecode is that of all "
        "modules, as pip makes it, and uv in BentoML's own Dockerfile.",
        table(head, rows),
        f"Target: no larger than the smallest of the model servers. {_megabytes(ours.size)} MB "
        f"against {_megabytes(least)} MB of {smallest}: {verdict}.",
    ]
    if images:
        built = [
            (what, f"{seconds:.0f}", *(_megabytes(n) for n in (w.size, w.bytecode)))
            for what, seconds, w in images
        ]
        parts += [
            "Our image, built by buildah on Debian's Python (the base is at hand, not counted). It "
            "leaves the packages' own tests uncompiled, so with bytecode it holds "
            f"{_megabytes(images[0][2].size + images[0][2].bytecode)} MB, against "
            f"{_megabytes(compiled)} MB.",
            table(("build", "seconds", "MB", "MB of bytecode"), built),
        ]
    return "\n\n".join(parts) + "\n"


def _megabytes(size: int) -> str:
    return figure(size / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=BENCHMARKS / ".work" / "image")
    work = parser.parse_args().work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    project = build_project(work)
    servers = list(installed(work, project))
    lacking = missing_tools()
    if lacking:
        say(f"no image is built: {', '.join(lacking)} missing")
    images = [] if lacking else list(build_images(work, project))
    page = BENCHMARKS / IMAGE_FILE
    page.write_text(report(servers, images))
    say(page.read_text())


if __name__ == "__main__":
    main()
