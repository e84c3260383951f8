"""The kernel's side of a build: called by name in a fresh kernel, answers in display messages."""

from __future__ import annotations

from typing import Any

from IPython import get_ipython
from IPython.display import display

from . import card
from .capture.entries.find import candidates
from .deployment import Deployment, deploy, prove_clean
from .errors import Nb2ServiceError
from .launch import MIME
from .options import Options


def answer(options_text: str) -> None:
    """Deploys as the options say; sends phases, then ``done`` or ``error``."""
    options = Options.from_json(options_text)
    try:
        done = deploy(options, get_ipython(), lambda phase: _send({"phase": phase}))
        if isinstance(done, Deployment) and options.clean:
            _send({"phase": "prove in a clean environment"})
            done = prove_clean(done)
    except Nb2ServiceError as error:
        _send({"error": error.to_json()})
    else:
        _send({"done": card.to_json(done), "text": card.text(done)})


def offer() -> None:
    """Sends the names of the entries that the kernel already holds."""
    _send({"candidates": list(candidates(get_ipython().user_ns))})


def _send(document: dict[str, Any]) -> None:
    display({MIME: document}, raw=True)
