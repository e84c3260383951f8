"""Tags and cell ids reach ``read_live`` through a real kernel's execute requests."""

from __future__ import annotations

import json
from queue import Empty

import pytest
from jupyter_client.manager import start_new_kernel

READ = """
import json
from nb2service.notebook.live import read_live
cells = read_live(get_ipython()).cells
"""
CELLS = "json.dumps([[c.number, c.id, sorted(t.value for t in c.tags)] for c in cells])"


@pytest.fixture
def client(tmp_path):
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60, cwd=str(tmp_path))
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def execute(client, code, metadata=None, silent=False, expressions=None):
    content = {
        "code": code,
        "silent": silent,
        "store_history": not silent,
        "user_expressions": expressions or {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    message = client.session.msg("execute_request", content, metadata=metadata or {})
    client.shell_channel.send(message)
    for _ in range(100):
        try:
            reply = client.get_shell_msg(timeout=30)
        except Empty:
            break
        if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            assert reply["content"]["status"] == "ok", reply["content"]
            return reply["content"]
    raise AssertionError("the kernel did not reply")


def test_tags_of_execute_requests(client):
    execute(client, "before = 1", {"tags": ["service-skip"], "cellId": "zero"})
    execute(client, "from nb2service.notebook.live import watch; watch(get_ipython())")
    execute(client, "def predict(x): return x", {"tags": ["service-predict"], "cellId": "abc"})
    execute(client, "silent = 1", {"tags": ["service-model"], "cellId": "no"}, silent=True)
    execute(client, "plain = 1")
    execute(client, "x = 1", {"cellId": "def", "trusted": True, "tags": ["mine"]})
    reply = execute(client, READ, silent=True, expressions={"cells": CELLS})
    text = reply["user_expressions"]["cells"]["data"]["text/plain"]
    assert json.loads(text.strip("'")) == [
        [1, None, []],
        [3, "abc", ["service-predict"]],
        [4, None, []],
        [5, "def", []],
    ]
