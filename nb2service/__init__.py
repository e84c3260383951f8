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
        a ``Plan`` with ``plan=True``, a ``DryRun`` with ``dry_run=True``, else a ``Deployment``
        (``nb2service.deployment``).

    Raises:
        nb2service.errors.Nb2ServiceError: what could not be done, and how to mend it.
    """
    from IPython import get_ipython

    from .deployment import Deployment, settle
    from .deployment import deploy as run
    from .errors import UsageError
    from .options import Options

    shell = get_ipython()
    if shell is None:
        raise UsageError(
            "deploy() captures a live notebook, and this is none",
            "call it in a notebook, or run `nb2service build NOTEBOOK` in a shell",
        )
    done = run(Options(entries=entries, **options), shell)
    return settle(done) if isinstance(done, Deployment) else done
