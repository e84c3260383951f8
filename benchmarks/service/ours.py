"""The service under test, built by the product itself from a small notebook."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path

from .environments import Environment, child_variables, environment_of_lock, make_environment
from .peers import Peer, Start, instances
from .wires import ARROW, CSV, json_wire

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "bench_service"

_CELLS = (
    "import json\n\nimport joblib\nimport numpy as np\nimport pandas as pd",
    'model = joblib.load("model.joblib")',
    'with open("rows.json") as file:\n    sent = json.load(file)[:20]\n'
    "rows = pd.DataFrame(sent) if isinstance(sent[0], dict) else np.array(sent)",
)


def build(environments: Path, model: Path) -> Path:
    """The project for a model, made anew by ``nb2service build``; it stands in the model's folder.

    Raises:
        RuntimeError: the build was refused or failed, with what it said.
    """
    builder = _builder(environments)
    code = [{"cell_type": "code", "id": str(at), "source": text} for at, text in enumerate(_CELLS)]
    cells = [{**cell, "metadata": {}, "outputs": [], "execution_count": None} for cell in code]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (model / "bench.ipynb").write_text(json.dumps(notebook))
    built = subprocess.run(
        [
            *(builder.command("nb2service"), "build", "bench.ipynb", "--name", "bench"),
            *("--entry", "model.predict", "--example", "rows", "--output", "service", "--json"),
        ],
        cwd=model,
        env=child_variables(NB2SERVICE_HOME=str(environments.parent / "registry")),
        capture_output=True,
        text=True,
    )
    if built.returncode:
        raise RuntimeError(f"nb2service build failed:\n{built.stdout}{built.stderr[-2_000:]}")
    return model / "service"


def _builder(environments: Path) -> Environment:
    """The notebook's environment; another one once what the product needs has changed."""
    needs = hashlib.sha256((REPOSITORY / "pyproject.toml").read_bytes()).hexdigest()
    wanted = ["ipykernel", f"-e {REPOSITORY}", f"# {needs}"]
    return make_environment(environments, "builder", wanted)


def environment(parent: Path, model: Path) -> Environment:
    """The environment with what the project's requirements name."""
    return environment_of_lock(parent, "ours", model / "service" / "requirements.txt")


def environment_with_arrow(parent: Path, model: Path) -> Environment:
    """The same with pyarrow, as where the notebook itself uses it."""
    listed = (model / "service" / "requirements.in").read_text().splitlines()
    pinned = [line.split("#")[0].strip() for line in listed if "==" in line.split("#")[0]]
    return make_environment(parent, "ours-arrow", [*pinned, "pyarrow"])


def _command(start: Start) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(start.port)]
    return [start.environment.python, "-m", PACKAGE, "serve", *where]


def _variables(**more: str) -> dict[str, str]:
    return {"LOG_LEVEL": "WARNING", **more}


OURS = Peer(
    name="ours",
    title="nb2service",
    requirements=(),
    settings="as `nb2service build` writes it; LOG_LEVEL=WARNING",
    command=_command,
    wires={"json": json_wire(instances), "csv": CSV},
    variables=_variables(LEAN="1"),
)
PLAIN = replace(
    OURS,
    name="ours-plain",
    title="nb2service, LEAN=0",
    settings=f"{OURS.settings}, LEAN=0: without the lean path",
    variables=_variables(LEAN="0"),
)
ARROW_TOO = replace(
    OURS,
    name="ours-arrow",
    title="nb2service, pyarrow installed",
    settings=f"{OURS.settings}; pyarrow beside its requirements",
    wires={**OURS.wires, "arrow": ARROW},
)
ALL = (OURS, PLAIN, ARROW_TOO)
