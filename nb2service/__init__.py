"""nb2service: a notebook's model becomes a service that provably answers as the notebook does."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext nb2service``: makes ``%deploy`` known to the shell."""
    from .magic import load

    load(shell)


def deploy(*entries: str, **options: Any) -> Any:
    """Deploys from Python code in a notebook, as ``%deploy`` does.

    Args:
        *entries: names or expressions of what to serve; none means: find them.
        **options: the fields of ``nb2service.options.Options``.

    Returns:
        ``nb2service.deploy.Plan`` with ``plan=True``, else ``nb2service.deploy.Deployment``.

    Raises:
        nb2service.errors.Nb2ServiceError: what could not be done, and how to mend it.
    """
    from IPython import get_ipython

    from .deploy import deploy as run
    from .options import Options

    return run(Options(entries=entries, **options), get_ipython())
