"""Whether a server answers as ``model.predict`` does: before it is timed, and many at a time."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from .load import run_load
from .running import Server, ServerError, post
from .wires import Rows, Wire, different_bodies, read_answer

CALLERS = 16


def read_rows(model: Path, bulk: bool = False) -> tuple[Rows, list[Any]]:
    """A model's rows and its answers to them."""
    names = ("bulk.json", "bulk_answers.json") if bulk else ("rows.json", "answers.json")
    rows, answers = (json.loads((model / name).read_text()) for name in names)
    return rows, answers


def check_single_rows(server: Server, model: Path) -> None:
    """Send every row by itself, from several callers at once, so that servers that batch do it.

    Raises:
        ServerError: an answer differs.
    """
    rows, answers = read_rows(model)
    wire = server.peer.wires["json"]
    shares = [range(first, len(rows), CALLERS) for first in range(CALLERS)]

    def ask(share: range) -> None:
        with closing(_connect(server)) as connection:
            for at in share:
                body = wire.encode([rows[at]])
                sent = post(connection, server.peer.path, body, wire.content_type)
                _compare(f"row {at}", sent, [answers[at]])

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(ask, shares))


def check_under_load(server: Server, model: Path) -> None:
    """The same while wrk keeps the server busy: answers of other requests must not get in.

    Raises:
        ServerError: an answer differs.
    """
    wire = server.peer.wires["json"]
    bodies = different_bodies(wire, read_rows(model)[0], 1)
    with ThreadPoolExecutor(1) as beside:
        load = beside.submit(run_load, server.url, bodies, wire.content_type, 64, 1)
        check_single_rows(server, model)
        load.result()


def check_batch(server: Server, wire: Wire, rows: Rows, answers: list[Any]) -> None:
    """Send all rows in one request.

    Raises:
        ServerError: an answer differs.
    """
    with closing(_connect(server)) as connection:
        sent = post(connection, server.peer.path, wire.encode(rows), wire.content_type)
    _compare(f"{len(rows)} rows of {wire.content_type}", sent, answers)


def _connect(server: Server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)


def _compare(what: str, sent: tuple[int, bytes], wanted: list[Any]) -> None:
    status, body = sent
    if status != 200:
        raise ServerError(f"{what}: status {status}: {body[:500].decode(errors='replace')}")
    if (got := read_answer(body)) != wanted:
        raise ServerError(f"{what}: answers {str(got)[:200]}, not {str(wanted)[:200]}")
