"""What goes back to a client: predictions, or why there are none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .observing import Exchange, log
from .problems import MEDIA_TYPE, Problem

_RETRY = {"Retry-After": "1"}


@dataclass(frozen=True)
class Answer:
    """What goes back to the client.

    Attributes:
        body, content_type, status: the predictions, or a problem document.
        headers: further ones: ``Prediction-Dtype``, where the live answer had one.
        rows: how many rows were predicted.
        milliseconds: where the time went: ``decode``, ``wait`` for the model, ``model``,
            ``encode``.
        refused: as of the ``Problem`` that it is.
    """

    body: bytes
    content_type: str
    headers: dict[str, str]
    rows: int = 0
    milliseconds: dict[str, float] = field(default_factory=dict)
    status: int = 200
    refused: str = ""

    def describe(self, exchange: Exchange) -> None:
        """Note on the exchange what became of it."""
        exchange.status, exchange.refused = self.status, self.refused
        exchange.rows, exchange.milliseconds = self.rows, self.milliseconds


class NotebookCodeError(Exception):
    """The notebook's own code failed on input that keeps to the contract."""


class Overload(Problem):
    """There is no room for the request (503)."""

    refused = "overload"

    def __init__(self) -> None:
        super().__init__(503, "too many requests wait already; try again later", headers=_RETRY)


class Overdue(Problem):
    """The request could not be answered in time (503)."""

    refused = "deadline"

    def __init__(self) -> None:
        super().__init__(503, "no answer within the time allowed; try later", headers=_RETRY)


class TooLarge(Problem):
    """A body of more than ``max_body`` bytes (413)."""

    def __init__(self, max_body: int) -> None:
        super().__init__(413, f"the body is too large; at most {max_body} bytes in one request")


def refusal(error: BaseException, id_: str) -> Answer:
    """The answer to a request that gets no prediction; the log says why if it is our fault.

    Args:
        id_: of the request: it connects the answer and the log.
    """
    if not isinstance(error, Problem):
        cause = error.__cause__ if isinstance(error, NotebookCodeError) else None
        event = "notebook code failed" if cause else "service failed"
        log.error("%s", json.dumps({"event": event, "id": id_}), exc_info=cause or error)
        detail = "the notebook's code failed on this input" if cause else "the service failed"
        error = Problem(500, f"{detail}; the log says why under the id {id_}", {"id": id_})
    return Answer(
        error.to_json(), MEDIA_TYPE, error.headers, status=error.status, refused=error.refused
    )
