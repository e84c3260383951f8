"""What is measured. Each section adds its records to the store, server by server in turns."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import ours
from .check import check_batch, check_single_rows, check_under_load, read_rows
from .environments import Environment, child_variables, make_environment, pins
from .load import run_load
from .peers import ECHO, PEERS, Peer
from .running import Server, ServerError, running
from .store import Store
from .wires import different_bodies

MODELS = ("churn_lr", "churn_rf", "iris_rf")
CONNECTIONS = (1, 16, 64)
BULK_ROWS = 5_000
IN_PROCESS = "in-process"
KNOWN = {peer.name: peer for peer in (*ours.ALL, *PEERS, ECHO)}
HERE = Path(__file__).parent


@dataclass
class Bench:
    """One run: what of it is wanted, and where things are.

    Attributes:
        work: environments, models and logs; kept between runs.
        store: the measurements.
        servers: names of the servers that take part, ``in-process`` among them.
        models: names of the models of the comparison.
        rounds: how often each measurement is repeated, in turns with the others.
        seconds: length of each load.
        quick: whether the run is only to show that all works.
    """

    work: Path
    store: Store
    servers: Sequence[str]
    models: Sequence[str]
    rounds: int
    seconds: int
    quick: bool
    _built: set[str] = field(default_factory=set)

    @property
    def environments(self) -> Path:
        """Where the environments are."""
        return self.work / "environments"

    @property
    def bare(self) -> Environment:
        """The environment with the model's own libraries and nothing else."""
        return make_environment(self.environments, "bare", ())

    def peers(self, *without: str) -> list[Peer]:
        """The servers that take part."""
        return [KNOWN[name] for name in self.servers if name in KNOWN and name not in without]

    def model(self, name: str) -> Path:
        """The folder of a model, made if need be."""
        recipe = (HERE / "models.py").read_bytes() + "".join(pins()).encode()
        folder = self.work / f"models-{hashlib.sha256(recipe).hexdigest()[:8]}" / name
        if not (folder / "bulk_answers.json").exists():
            say(f"making {name}")
            self._script("models.py", str(folder.parent), name)
        return folder

    def project(self, name: str) -> Path:
        """The folder of a model for which the product has built its project in this run."""
        folder = self.model(name)
        if name not in self._built:
            say(f"building the service of {name}")
            ours.build(self.environments, folder)
            self._built.add(name)
        return folder

    def environment(self, peer: Peer, model: Path) -> Environment:
        """Where that server is installed."""
        if peer is ours.ARROW_TOO:
            return ours.environment_with_arrow(self.environments, model)
        if peer in ours.ALL:
            return ours.environment(self.environments, model)
        return make_environment(self.environments, peer.name, peer.requirements)

    @contextmanager
    def serving(self, peer: Peer, model_name: str, workers: int | None = None) -> Iterator[Server]:
        """A running server of that model, its answers compared with the model's."""
        folder = self.project(model_name) if peer in ours.ALL else self.model(model_name)
        environment = self.environment(peer, folder)
        workers = self.workers(peer, model_name) if workers is None else workers
        body = peer.wires["json"].encode(read_rows(folder)[0][:1])
        work = self.work / "servers" / peer.name
        with running(peer, environment, folder, work, workers, body) as server:
            if peer is not ECHO:
                check_single_rows(server, folder)
            yield server

    def workers(self, peer: Peer, model: str) -> int:
        """With how many workers a server answers most single rows over 64 connections.

        Each number is tried twice, in turns; what was found is kept.
        """
        name = "ours" if peer in ours.ALL else peer.name
        if not (found := self.store.find("workers", server=name, model=model)):
            rates: dict[int, list[float]] = {number: [] for number in peer.workers}
            for _ in range(1 if self.quick else 2):  # one trial may mislead
                for number in peer.workers:
                    with self.serving(peer, model, number) as server:
                        rates[number].append(self.load(server, model, 64)["per_second"])
            chosen = max(rates, key=lambda number: sum(rates[number]))
            self.store.add("workers", name, model, workers=chosen, rates=list(rates.items()))
            return chosen
        return int(found[-1]["workers"])

    def load(
        self, server: Server, model: str, connections: int, warm: bool = True
    ) -> dict[str, float]:
        """Single rows over that many connections."""
        wire = server.peer.wires["json"]
        bodies = different_bodies(wire, read_rows(self.model(model))[0], 1)
        if warm:
            run_load(server.url, bodies, wire.content_type, connections, 1)
        load = run_load(server.url, bodies, wire.content_type, connections, self.seconds)
        return {
            "per_second": load.per_second,
            "p50": load.p50,
            "p99": load.p99,
            "errors": load.errors,
        }

    def in_process(self, model: str, counts: Sequence[int]) -> dict[int, dict[str, float]]:
        """Milliseconds of ``model.predict`` for so many rows."""
        folder = self.model(model)
        printed = self._script(
            "inprocess.py", str(folder), str(max(1, self.seconds / 2)), *map(str, counts)
        )
        return {int(count): times for count, times in json.loads(printed).items()}

    def _script(self, name: str, *arguments: str) -> str:
        command = [self.bare.python, str(HERE / name), *arguments]
        variables = child_variables(PYTHONWARNINGS="ignore")
        done = subprocess.run(command, env=variables, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name} failed:\n{done.stderr[-2_000:]}")
        return done.stdout


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@contextmanager
def reported(bench: Bench, section: str, peer: str, model: str) -> Iterator[None]:
    """A server that fails is a result: it is kept, and the others go on."""
    bench.store.forget("failed", server=peer, model=model, of=section)
    try:
        yield
    except (ServerError, RuntimeError, subprocess.SubprocessError) as error:
        say(f"{section}: {peer} on {model} failed: {error}")
        bench.store.add("failed", peer, model, of=section, why=str(error)[:600])


def single(bench: Bench) -> None:
    """Single rows over 1, 16 and 64 connections."""
    for number in range(bench.rounds):
        for model in bench.models:
            if IN_PROCESS in bench.servers:
                times = bench.in_process(model, [1])[1]
                rate = 1_000 / times["p50"]
                bench.store.add(
                    "single", IN_PROCESS, model, connections=1, per_second=rate, **times
                )
            for peer in bench.peers("ours-arrow"):
                with reported(bench, "single", peer.name, model), bench.serving(peer, model) as it:
                    rates = []
                    for connections in CONNECTIONS:
                        found = bench.load(it, model, connections)
                        bench.store.add(
                            "single", peer.name, model, connections=connections, **found
                        )
                        rates.append(f"{found['per_second']:,.0f}")
                    if number == 0 and peer is not ECHO:
                        check_under_load(it, bench.model(model))
                    say(f"single {number + 1}/{bench.rounds} {model} {peer.name}: {rates} /s")


def bulk(bench: Bench) -> None:
    """5,000 rows in one request over one connection, by each wire."""
    for number in range(bench.rounds):
        for model in bench.models:
            if IN_PROCESS in bench.servers:
                times = bench.in_process(model, [BULK_ROWS])[BULK_ROWS]
                bench.store.add("bulk", IN_PROCESS, model, wire="", **_bulk_rate(times["p50"]))
            rows, answers = read_rows(bench.model(model), bulk=True)
            for peer in bench.peers("echo"):
                with reported(bench, "bulk", peer.name, model), bench.serving(peer, model) as it:
                    for name, wire in peer.wires.items():
                        check_batch(it, wire, rows, answers)
                        bodies = different_bodies(wire, rows, BULK_ROWS)
                        load = run_load(it.url, bodies, wire.content_type, 1, bench.seconds)
                        bench.store.add(
                            *("bulk", peer.name, model),
                            **{"wire": name, "errors": load.errors, **_bulk_rate(load.p50)},
                        )
                        say(
                            f"bulk {number + 1}/{bench.rounds} {model} {peer.name} {name}: "
                            f"{load.p50:.1f} ms"
                        )


def _bulk_rate(milliseconds: float) -> dict[str, float]:
    return {"p50": milliseconds, "rows_per_second": BULK_ROWS / milliseconds * 1_000}


def footprint(bench: Bench) -> None:
    """Start to first answer, memory per worker, installed size; on the first model."""
    model = bench.models[0]
    bare = bench.bare
    for number in range(bench.rounds + 1):
        for peer in bench.peers("echo", "ours-plain", "ours-arrow"):
            with reported(bench, "footprint", peer.name, model):
                workers = bench.workers(peer, model)
                with bench.serving(peer, model, workers) as server:
                    memory = server.memory() / max(1, workers)
                if number == 0:  # the first start reads from the disk and compiles: not counted
                    environment = bench.environment(peer, bench.model(model))
                    names = environment.distributions().keys() - bare.distributions().keys()
                    bench.store.add(
                        *("size", peer.name),
                        installed=environment.size() - bare.size(),
                        distributions=len(names),
                        versions=environment.distributions(),
                    )
                    continue
                bench.store.add(
                    "footprint", peer.name, model, start=server.first_answer, memory=memory
                )
                say(f"footprint {peer.name}: {server.first_answer:.2f} s, {memory / 1e6:.0f} MB")


SECTIONS = {"single": single, "bulk": bulk, "footprint": footprint}
