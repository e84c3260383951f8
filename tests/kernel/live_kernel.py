"""A real kernel, driven as a front end drives it."""

from __future__ import annotations

import queue
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import KernelManager

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
MIME = "application/vnd.nb2service+json"


@dataclass
class Reply:
    """What one cell showed: the bundles displayed (updates applied), text, and the error."""

    displays: list[dict[str, Any]] = field(default_factory=list)
    stdout: str = ""
    error: str = ""

    @property
    def card(self) -> dict[str, Any]:
        """The deployment document of the card that was shown."""
        return self.displays[-1][MIME]

    @property
    def text(self) -> str:
        return self.displays[-1]["text/plain"]


class LiveKernel:
    """One kernel; ``run`` sends a cell as JupyterLab does, metadata included."""

    def __init__(self, manager: KernelManager, folder: Path) -> None:
        self.manager = manager
        self.folder = folder
        self.replied: set[str] = set()
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)

    def run(self, code: str, tags: Sequence[str] = (), id: str = "", timeout: float = 120) -> Reply:
        content = {
            "code": code, "silent": False, "store_history": True,
            "user_expressions": {}, "allow_stdin": False, "stop_on_error": True,
        }  # fmt: skip
        message = self.client.session.msg("execute_request", content)
        message["metadata"] = {"tags": list(tags), "cellId": id}
        self.client.shell_channel.send(message)
        return self._collect(message["header"]["msg_id"], timeout)

    def check(self, code: str, **how: Any) -> Reply:
        """Runs a cell that must not raise."""
        reply = self.run(code, **how)
        assert not reply.error, reply.error
        return reply

    def wait_for_card(self, ready: Any, timeout: float = 120) -> dict[str, Any]:
        """The first update of a card for which ``ready(document)`` holds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=deadline - time.monotonic())
            document = message["content"].get("data", {}).get(MIME)
            if document and ready(document):
                return document
        raise TimeoutError("the card was never brought up to date")

    def load_notebook(self, name: str) -> None:
        """Runs every code cell of an example notebook, its tags sent along."""
        node = nbformat.read(EXAMPLES / name, as_version=4)
        for cell in node.cells:
            if cell.cell_type == "code":
                self.check(cell.source, tags=cell.metadata.get("tags", ()), id=cell.id)

    def _collect(self, parent: str, timeout: float) -> Reply:
        reply, shown, replied = Reply(), {}, False
        deadline = time.monotonic() + timeout
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=5)
            except queue.Empty:
                # Kernels have been seen to lose the status "idle", never the reply. What a cell
                # shows comes on another socket than its reply, so one more silence is waited for.
                if replied:
                    reply.displays = list(shown.values())
                    return reply
                replied = self._has_replied(parent)
                if time.monotonic() > deadline:
                    raise
                continue
            if message["parent_header"].get("msg_id") != parent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                reply.stdout += content["text"]
            elif kind in ("display_data", "update_display_data", "execute_result"):
                key = content.get("transient", {}).get("display_id", len(shown))
                shown[key] = content["data"]
            elif kind == "error":
                # Only what the person sees: a mended traceback is its lines joined.
                text = "\n".join(content["traceback"]) or content["evalue"]
                reply.error = re.sub(r"\x1b\[[0-9;]*m", "", text)
            elif kind == "status" and content["execution_state"] == "idle":
                reply.displays = list(shown.values())
                return reply

    def _has_replied(self, parent: str) -> bool:
        with suppress(queue.Empty):
            while True:
                self.replied.add(self.client.get_shell_msg(timeout=0)["parent_header"]["msg_id"])
        return parent in self.replied

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@contextmanager
def live_kernel(folder: Path, name: str = "python3") -> Iterator[LiveKernel]:
    """A fresh kernel in ``folder``; on sockets of its own, as ports may be taken meanwhile."""
    with tempfile.TemporaryDirectory() as sockets:
        manager = KernelManager(kernel_name=name, transport="ipc", ip=f"{sockets}/kernel")
        manager.start_kernel(cwd=str(folder))
        live = LiveKernel(manager, folder)
        try:
            yield live
        finally:
            live.stop()
