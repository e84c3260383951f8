"""The ``nb2service`` command: parses, calls, shows. Answers go to stdout, progress to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from . import __version__, tour
from .build import Built, Progress, Run, build
from .card import services_text
from .errors import Nb2ServiceError, UsageError
from .foreground import follow, package_of, serving_project
from .launch.environment import clean_environment
from .launch.proof import add_run, prove_in_clean_environment
from .launch.services import list_services, read_log, stop_service
from .notebook.files import parameter_value
from .options import build_options, only_options, port_option
from .project.edits import naming_edits

NOTEBOOK = click.argument("notebook", type=click.Path(dir_okay=False, path_type=Path))
FOLDER = click.Path(file_okay=False, path_type=Path)


class _Group(click.Group):
    """The one place where an error becomes a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Nb2ServiceError as error:
            if "--json" in sys.argv:
                click.echo(json.dumps({"error": error.to_json()}))
            else:
                click.echo(f"Error: {error}", err=True)
            ctx.exit(2 if isinstance(error, UsageError) else 1)


@click.group(cls=_Group)
@click.version_option(__version__)
def main() -> None:
    """A notebook's model becomes a service that provably answers as the notebook does."""


def _json_option(command: Any) -> Any:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(
        command
    )


def _run_options(command: Any) -> Any:
    for option in (
        click.option("--kernel", metavar="NAME", help="Kernelspec (default: the notebook's)."),
        click.option("--keep-going", is_flag=True, help="Go on after a cell that raises."),
        click.option("--until", type=click.IntRange(1), metavar="CELL", help="Last cell to run."),
        click.option(
            "-p",
            "parameters",
            nargs=2,
            multiple=True,
            metavar="NAME VALUE",
            help="A parameter, as papermill takes it.",
        ),
        click.option("--entry", "entries", multiple=True, metavar="E", help="What to serve."),
    ):
        command = option(command)
    return build_options(command)


def _run_of(values: dict[str, Any]) -> Run:
    parameters = {name: parameter_value(text) for name, text in values["parameters"]}
    if values["until"] and values["keep_going"]:
        raise UsageError("--until and --keep-going exclude each other", "give one of them")
    return Run(parameters, values["until"], values["keep_going"], values["kernel"])


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar by cell, then a line a phase, on stderr."""
    with ExitStack() as showing:
        bar = showing.enter_context(click.progressbar(length=1, label="cells", file=sys.stderr))

        def cell(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        def phase(name: str) -> None:
            showing.close()
            click.echo(f"{name} …", err=True)

        yield Progress(cell, phase)


def _show(built: Built, as_json: bool) -> None:
    for failure in built.failures:
        click.echo(f"Cell [{failure.number}] raised {failure.ename}: {failure.evalue}", err=True)
    text = _coloured(built.text) if built.document.get("dry_run") else built.text
    click.echo(json.dumps(built.document) if as_json else text)


def _coloured(diff: str) -> str:
    """A diff as git shows it in a terminal; ``click.echo`` takes the colours out elsewhere."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    lines = ((colours.get(line[:1]), line) for line in diff.split("\n"))
    return "\n".join(click.style(line, colour) if colour else line for colour, line in lines)


@main.command()
@NOTEBOOK
@_run_options
@_json_option
def inspect(notebook: Path, as_json: bool, **values: Any) -> None:
    """Show what would travel, the contract and the warnings; write nothing."""
    options = only_options({**values, "plan": True})
    with _progress() as progress:
        built = build(notebook, options, _run_of(values), progress)
    _show(built, as_json)


@main.command("build")
@NOTEBOOK
@_run_options
@click.option("--clean", is_flag=True, help="Prove it in a clean environment too.")
@_json_option
def build_command(notebook: Path, as_json: bool, **values: Any) -> None:
    """Write the project and prove it in the kernel's environment."""
    options = only_options({**values, "launch": False})
    with _progress() as progress:
        built = build(notebook, options, _run_of(values), progress)
    _show(built, as_json)


@main.command("run")
@click.argument("source", type=click.Path(path_type=Path), metavar="NOTEBOOK|DIR")
@_run_options
@port_option
@_json_option
def run_command(source: Path, as_json: bool, port: int | None, **values: Any) -> None:
    """Build a notebook, or take a project's folder, and serve it until Ctrl-C."""
    if source.is_dir():
        if values["dry_run"]:
            raise UsageError("--dry-run is for a notebook", f"{source} is a project already")
        package_of(source)
        click.echo("making an environment from requirements.txt …", err=True)
        folder, python = source, str(clean_environment(source / "requirements.txt"))
    else:
        options = only_options({**values, "launch": False, "clean": False})
        with _progress() as progress:
            built = build(source, options, _run_of(values), progress)
        _show(built, as_json)
        if options.dry_run:
            return
        folder, python = Path(built.document["folder"]), built.document["python"]
    with serving_project(folder, python, port) as service:
        click.echo(f"{service.name} serves at {service.url} until Ctrl-C", err=True)
        follow(service, lambda line: click.echo(line, err=True))


@main.command()
@click.argument("folder", type=FOLDER, metavar="DIR")
@_json_option
def prove(folder: Path, as_json: bool) -> None:
    """Prove a project in a clean environment made from its requirements.txt."""
    with naming_edits(folder):
        run = prove_in_clean_environment(folder.absolute(), package_of(folder))
        proof = add_run(folder, run)
        click.echo(json.dumps(proof.to_json()) if as_json else run.text)
        run.raise_if_different()


@main.command("list")
@_json_option
def list_command(as_json: bool) -> None:
    """Show the running services."""
    services = list_services()
    if as_json:
        click.echo(json.dumps([service.to_json() for service in services]))
    else:
        click.echo(services_text(services))


@main.command()
@click.argument("name")
@click.option("-n", "--lines", type=click.IntRange(1), default=50, help="How many (default 50).")
@_json_option
def logs(name: str, lines: int, as_json: bool) -> None:
    """Show the last lines of a service's log."""
    shown = read_log(name, lines)
    click.echo(json.dumps({"name": name, "log": shown}) if as_json else shown)


@main.command()
@click.argument("name")
@_json_option
def stop(name: str, as_json: bool) -> None:
    """Stop a running service."""
    stop_service(name)
    click.echo(json.dumps({"stopped": name}) if as_json else f"{name} is stopped.")


@main.command()
@click.option("--once", is_flag=True, help="Stop after the answer is printed.")
@port_option
def demo(once: bool, port: int | None) -> None:
    """The five-minute tour: a shipped notebook becomes a running, proven service."""
    with _progress() as progress:
        tour.demo(Path.cwd() / "nb2service-demo", once, port, progress, click.echo)
