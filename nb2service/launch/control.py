"""How a keeper is asked: one JSON object a line, in and out, over a unix socket.

The socket lies in a folder that only its user may enter, which is all the authentication needed.
"""

from __future__ import annotations

import json
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import LaunchError
from .process import DRAIN

Message = dict[str, Any]
# Answers a request at once, or with None to answer by ``send`` later.
Handle = Callable[[socket.socket, Message], "Message | None"]


class ControlServer:
    """The keeper's side. Everything happens in the loop of its selector."""

    def __init__(
        self,
        listening: socket.socket,
        selector: selectors.BaseSelector,
        handle: Handle,
        on_close: Callable[[socket.socket], None],
    ) -> None:
        self._listening = listening
        self._selector = selector
        self._handle = handle
        self._on_close = on_close
        self._unfinished: dict[socket.socket, bytes] = {}  # by client: the line that has begun
        self.was_used = False
        selector.register(listening, selectors.EVENT_READ, self._accept)

    def has_clients(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._unfinished)

    def send(self, client: socket.socket, message: Message) -> None:
        """Send to a client; one that has left is passed over, for its end of file follows."""
        if client in self._unfinished:
            with suppress(OSError):
                client.sendall(json.dumps(message).encode() + b"\n")

    def _accept(self) -> None:
        with suppress(OSError):
            client, _ = self._listening.accept()
            client.setblocking(False)
            self.was_used = True
            self._unfinished[client] = b""
            self._selector.register(client, selectors.EVENT_READ, lambda: self._receive(client))

    def _receive(self, client: socket.socket) -> None:
        received = b""
        with suppress(ConnectionError):
            received = client.recv(1 << 16)
        if not received:
            self._selector.unregister(client)
            client.close()
            del self._unfinished[client]
            self._on_close(client)
            return
        *lines, self._unfinished[client] = (self._unfinished[client] + received).split(b"\n")
        for line in lines:
            answer = self._handle(client, json.loads(line))
            if answer is not None:
                self.send(client, answer)


class ControlClient:
    """The other side. Closing it ends a candidate that was not committed."""

    def __init__(self, path: Path) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        try:
            self._connection.connect(str(path))
        except OSError:
            self._connection.close()
            raise
        self._lines = self._connection.makefile("rb")

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._connection.close()

    def ask(self, do: str, arguments: Message, timeout: float) -> Message:
        """Send a request and wait for its answer.

        Args:
            timeout: what the keeper itself allows for it; we wait somewhat longer.

        Raises:
            LaunchError: the keeper refused, or is gone.
        """
        self._connection.settimeout(timeout + DRAIN)
        answer: Message = {}
        with suppress(OSError):
            self._connection.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
            answer = json.loads(self._lines.readline() or b"{}")
        if "error" in answer:
            said = f"\nIts last lines:\n{answer['log']}" if answer.get("log") else ""
            raise LaunchError(answer["error"] + said, answer.get("hint", ""))
        if not answer:
            raise LaunchError("the service was stopped meanwhile", "deploy it again")
        return answer


__all__ = ["ControlClient", "ControlServer", "Message"]
