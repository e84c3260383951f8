"""The servers of the comparison: what each needs, how it is started, and how it wants its rows.

Their settings are what their own documents recommend for a small model under load; between one
and two workers the harness chooses by trial. The applications are in ``apps/``; each finds its
model's folder in ``MODEL``, its port in ``PORT`` and its number of workers in ``WORKERS``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .environments import Environment
from .wires import CSV, Rows, Wire, columns_of, json_wire

APPS = Path(__file__).with_name("apps")


@dataclass(frozen=True)
class Start:
    """One start of a server.

    Attributes:
        environment: where it is installed.
        model: the model's folder.
        work: a folder for what the server wants to write.
        port: where it shall listen, on the loopback interface.
        workers: how many of them.
    """

    environment: Environment
    model: Path
    work: Path
    port: int
    workers: int

    @property
    def on_frame(self) -> bool:
        """Whether the model takes frames; else it takes arrays."""
        return isinstance(json.loads((self.model / "rows.json").read_text())[0], dict)


@dataclass(frozen=True)
class Peer:
    """A server.

    Attributes:
        name: as ``--only`` takes it.
        title: as the results show it.
        requirements: what is installed beside the model's own libraries.
        settings: how it is set up, in words.
        command: what starts it.
        path: where it answers predictions.
        wires: the ways in, by name; ``json`` is the one for single rows.
        variables: further environment variables.
        prepare: makes what it needs before it can start.
        workers: the numbers of workers to choose from; 0 where it can do without any.
    """

    name: str
    title: str
    requirements: tuple[str, ...]
    settings: str
    command: Callable[[Start], list[str]]
    path: str = "/predict"
    wires: Mapping[str, Wire] = field(default_factory=lambda: {"json": json_wire(instances)})
    variables: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Start], None] = lambda start: None
    workers: tuple[int, ...] = (1, 2)


def instances(rows: Rows) -> Any:
    """``{"instances": [row, …]}``."""
    return {"instances": rows}


def _v2(rows: Rows) -> Any:
    """The Open Inference Protocol: a column a tensor for frames, one tensor for arrays."""
    if not isinstance(rows[0], dict):
        flat = [value for row in rows for value in row]
        shape = [len(rows), len(rows[0])]
        tensor = {"name": "rows", "datatype": "FP64", "shape": shape, "data": flat}
        return {"inputs": [tensor]}
    datatypes = {int: "INT64", float: "FP64", str: "BYTES"}
    inputs = []
    for name, values in columns_of(rows).items():
        tensor = {"name": name, "datatype": datatypes[type(values[0])], "shape": [len(rows), 1]}
        text = {"parameters": {"content_type": "str"}} if isinstance(values[0], str) else {}
        inputs.append({**tensor, **text, "data": values})
    return {"inputs": inputs, "parameters": {"content_type": "pd"}}


def _mlserver_settings(start: Start) -> None:
    start.work.mkdir(parents=True, exist_ok=True)
    server = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": start.port,
        "grpc_port": start.port + 1,
        "metrics_endpoint": None,
        "parallel_workers": start.workers,
    }
    model = {
        "name": "model",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "max_batch_size": 64,
        "max_batch_time": 0.002,
        "parameters": {"uri": str(start.model / "model.joblib")},
    }
    (start.work / "settings.json").write_text(json.dumps(server))
    (start.work / "model-settings.json").write_text(json.dumps(model))


def _mlflow_model(start: Start) -> None:
    saved = start.work / start.model.name
    if not (saved / "MLmodel").exists():
        shutil.rmtree(saved, ignore_errors=True)
        script = [start.environment.python, str(APPS / "mlflow_save.py")]
        subprocess.run([*script, str(start.model), str(saved)], check=True, capture_output=True)


def _script(name: str) -> Callable[[Start], list[str]]:
    return lambda start: [start.environment.python, str(APPS / name)]


def _uvicorn(module: str) -> Callable[[Start], list[str]]:
    def command(start: Start) -> list[str]:
        quiet = ["--no-access-log", "--log-level", "warning"]
        where = ["--app-dir", str(APPS), "--port", str(start.port)]
        workers = ["--workers", str(start.workers)]
        return [start.environment.command("uvicorn"), f"{module}:app", *where, *workers, *quiet]

    return command


PEERS = (
    Peer(
        name="bentoml",
        title="BentoML",
        requirements=("bentoml",),
        settings="adaptive batching (max_batch_size 10,000), no access log",
        command=lambda start: [
            *(start.environment.command("bentoml"), "serve", "bentoml_app:Predictor"),
            *("--working-dir", str(APPS), "--host", "127.0.0.1", "--port", str(start.port)),
        ],
        wires={"json": json_wire(lambda rows: {"rows": rows})},
        variables={"BENTOML_DO_NOT_TRACK": "true"},
    ),
    Peer(
        name="mlserver",
        title="MLServer",
        # Its workers do not start with newer ones: uvloop makes them no event loop any more.
        requirements=("mlserver", "mlserver-sklearn", "uvloop<0.22"),
        settings="adaptive batching (max_batch_size 64, max_batch_time 2 ms), debug off, no "
        "metrics; 0 workers: the model in the server's own process",
        command=lambda start: [start.environment.command("mlserver"), "start", str(start.work)],
        path="/v2/models/model/infer",
        wires={"json": json_wire(_v2)},
        prepare=_mlserver_settings,
        workers=(0, 1, 2),
    ),
    Peer(
        name="litserve",
        title="LitServe",
        requirements=("litserve",),
        settings="batching (max_batch_size 64, batch_timeout 5 ms), fast_queue, as many HTTP "
        "processes as workers",
        command=_script("litserve_app.py"),
    ),
    Peer(
        name="mlflow",
        title="MLflow",
        requirements=("mlflow",),
        settings="`mlflow models serve --env-manager local`, signature saved, no access log",
        command=lambda start: [
            *(start.environment.command("mlflow"), "models", "serve", "--env-manager", "local"),
            *("--model-uri", str(start.work / start.model.name), "--host", "127.0.0.1"),
            *("--port", str(start.port), "--workers", str(start.workers)),
        ],
        path="/invocations",
        wires={
            "json": json_wire(
                lambda rows: (
                    {
                        "dataframe_split": {
                            "columns": list(rows[0]),
                            "data": [list(row.values()) for row in rows],
                        }
                    }
                    if isinstance(rows[0], dict)
                    else {"inputs": rows}
                )
            ),
            "csv": CSV,
        },
        variables={"UVICORN_ACCESS_LOG": "false", "UVICORN_LOG_LEVEL": "warning"},
        prepare=_mlflow_model,
    ),
    Peer(
        name="vetiver",
        title="vetiver",
        requirements=("vetiver",),
        settings="uvicorn, prototype of the frame checked (none for arrays), no access log",
        command=_uvicorn("vetiver_app"),
        wires={"json": json_wire(lambda rows: rows)},
    ),
    Peer(
        name="fastapi",
        title="FastAPI",
        requirements=("fastapi", "uvicorn[standard]"),
        settings="rows as a pydantic model, a plain `def` route, uvicorn with uvloop and "
        "httptools, no access log",
        command=_uvicorn("fastapi_app"),
    ),
    Peer(
        name="flask",
        title="Flask + gunicorn",
        requirements=("flask", "gunicorn"),
        settings="gthread, 4 threads a worker, application loaded before the fork",
        command=lambda start: [
            *(start.environment.command("gunicorn"), "flask_app:app", "--chdir", str(APPS)),
            *("--bind", f"127.0.0.1:{start.port}", "--workers", str(start.workers)),
            *("--worker-class", "gthread", "--threads", "4", "--preload", "--log-level", "warning"),
        ],
    ),
)

ECHO = Peer(
    name="echo",
    title="echo limit",
    requirements=("httptools",),
    settings="asyncio and httptools, a constant answer to every request",
    command=_script("echo_app.py"),
)
