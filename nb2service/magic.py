"""The ``%deploy`` magic: parses its line, calls ``deploy``, shows the card."""

from __future__ import annotations

from typing import Any

import click
from IPython.core.magic import Magics, line_magic, magics_class

from . import card
from .deployment import Deployment, deploy, prove_clean
from .errors import UsageError
from .launch.services import list_services, read_log, stop_service
from .notebook.live import watch
from .options import Options, build_options, only_options, port_option, split_line


@click.command(name="%deploy", add_help_option=False)
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@build_options
@port_option
@click.option("--plan", is_flag=True, help="Only show what would travel; write nothing.")
@click.option(
    "--no-launch", "launch", flag_value=False, default=True, help="Do not keep it running."
)
@click.option("--keep", is_flag=True, help="The service outlives this kernel.")
@click.option("--notebook", metavar="FILE", help="The notebook's file (default: found).")
@click.option("--list", "list_", is_flag=True, help="Show the running services.")
@click.option("--stop", metavar="NAME", help="Stop a running service.")
@click.option("--logs", metavar="NAME", help="Show the last lines of a service's log.")
@click.option("--help", "-h", "help_", is_flag=True, help="Show this text.")
@click.pass_context
def _line(context: click.Context, /, **values: Any) -> dict[str, Any]:
    """Turn ENTRY (a fitted model, a function, an expression) into a running, proven service."""
    return {**values, "usage": context.get_help()}


def parse_line(line: str) -> dict[str, Any]:
    """The words of a ``%deploy`` line, by option.

    Raises:
        UsageError: an unknown option or a wrong value.
    """
    try:
        parsed: dict[str, Any] = _line.main(split_line(line), "%deploy", standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(error.format_message(), "%deploy --help lists the options") from None
    return parsed


@magics_class
class DeployMagics(Magics):  # type: ignore[misc]
    """``%deploy`` in a notebook, a console or an editor."""

    @line_magic("deploy")  # type: ignore[untyped-decorator]
    def deploy(self, line: str) -> None:
        """Deploy the notebook's model; ``%deploy --help`` lists the options."""
        values = parse_line(line)
        if values["help_"]:
            print(values["usage"])
        elif values["list_"]:
            print(card.services_text(list_services()))
        elif values["stop"]:
            stop_service(values["stop"])
            print(f"{values['stop']} is stopped.")
        elif values["logs"]:
            print(read_log(values["logs"]))
        else:
            _deploy(only_options(values), self.shell)


class _Interrupted(KeyboardInterrupt):
    """The person interrupted ``%deploy``."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt: not deployed; everything is as it was before"]


def _deploy(options: Options, shell: Any) -> None:
    shown = card.Shown()
    try:
        done = deploy(options, shell, shown.phase)
    except KeyboardInterrupt:
        raise _Interrupted from None
    finally:
        shown.clear()
    if isinstance(done, Deployment):
        shown.follow(done, prove_clean)
    else:
        shown.show(done)


def load(shell: Any) -> None:
    """Registers ``%deploy`` and begins to remember the tags of the cells that run."""
    watch(shell)
    shell.register_magics(DeployMagics)
