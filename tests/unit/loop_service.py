"""A service on an event loop in the test's own process, and raw connections to it."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from runtime_project import build

from nb2service.runtime.contract import Entry, Field, Input, Output

LIMIT = 20.0

NOTEBOOK = '''
import threading
import time

import numpy as np

calls = []
gate = threading.Event()
gate.set()


def shout(texts):
    """Waits for the gate; one text fails."""
    gate.wait(20)
    calls.append(list(texts))
    if "bad" in texts:
        raise ValueError("secret words")
    if "exit" in texts:
        raise SystemExit(3)
    return [text.upper() for text in texts]


def together(texts):
    calls.append(list(texts))
    return [f"{text} of {len(texts)}" for text in texts]


def total(x):
    """Whole numbers for whole numbers, as numpy has it."""
    gate.wait(20)
    calls.append(len(x))
    return np.array([int(v) for v in x[:, 0]]) if (x >= 0).all() else x[:, 0]


def large(texts):
    return ["x" * int(text) for text in texts]


def one(text):
    gate.wait(20)
    calls.append(text)
    return text
'''
TEXTS = Input("list", (Field("", "string", example="a"),))
TEXT = Output("list", (Field("", "string"),))
ENTRIES = (
    Entry("shout", "shout", TEXTS, TEXT),
    Entry("together", "together", TEXTS, TEXT, row_wise=False),
    Entry(
        "total",
        "total",
        Input("array", (Field("", "number", "float64"),), (1,)),
        Output("array", (Field("", "integer", "int64"),)),
    ),
    Entry("large", "large", TEXTS, TEXT),
    Entry(
        "one",
        "one",
        Input("arguments", (Field("text", "string"),)),
        Output("value", (Field("", "string"),)),
    ),
)


@dataclass
class Running:
    """A front that listens in this process."""

    front: object
    port: int
    notebook: object

    async def connect(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return Client(reader, writer)

    async def post(self, path, body, headers=""):
        client = await self.connect()
        try:
            await client.send(request(path, body, headers))
            return await client.answer()
        finally:
            await client.close()

    async def eventually(self, holds):
        end = time.monotonic() + LIMIT
        while not holds():
            assert time.monotonic() < end, "it never came to it"
            await asyncio.sleep(0.005)

    async def hold(self, path, body):
        """A request whose call is under way, in a thread, until the gate is opened."""
        self.notebook.gate.clear()
        for line in self.front._lines:
            line.pace = type(line.pace)()
        task = asyncio.create_task(self.post(path, body))
        await self.eventually(lambda: any(line.busy for line in self.front._lines))
        return task

    def waiting(self):
        return sum(len(line.waiting) for line in self.front._lines)


class Client:
    """A connection whose bytes the test writes itself."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, data):
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def answer(self, head_only=False):
        """Status, headers by name in lower case, and body of the next answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), LIMIT)
        first, *lines = head.decode().split("\r\n")[:-2]
        headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}
        length = 0 if head_only else int(headers.get("content-length", 0))
        body = await asyncio.wait_for(self.reader.readexactly(length), LIMIT)
        return int(first.split()[1]), headers, body

    async def rest(self):
        """Whatever comes until the server closes the connection."""
        return await asyncio.wait_for(self.reader.read(), LIMIT)

    async def close(self):
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


def request(path, body, headers="", method="POST", version="1.1"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"{method} {path} HTTP/{version}\r\nHost: h\r\n{headers}Content-Length: {len(data)}\r\n"
    return head.encode() + b"\r\n" + data


def make_package(folder, name, entries=ENTRIES, notebook=NOTEBOOK):
    build(folder, name, entries, notebook)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return name


def forget_package(folder, name):
    sys.path.remove(str(folder))
    sys.modules[f"{name}.observing"].flush()  # else at the end of all tests
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


@asynccontextmanager
async def running(package, patience=None, tick=0.02, **settings):
    """The front of a project, on this loop."""
    modules = {
        name.rpartition(".")[2]: importlib.import_module(f"{package}.{name}")
        for name in ("app", "server.front", "server.connection", "settings", "notebook")
    }
    made = modules["settings"].Settings(**settings)
    app = modules["app"].create_app(made, warm=False)
    loop = asyncio.get_running_loop()
    patience = modules["connection"].Patience(**(patience or {}))
    front = modules["front"].Front(app, loop, patience=patience)
    server = await loop.create_server(front.connect, "127.0.0.1", 0)
    notebook = modules["notebook"]
    notebook.calls.clear()
    notebook.gate.set()

    async def ticking():
        while True:
            front.tick()
            await asyncio.sleep(tick)

    ticker = asyncio.create_task(ticking())
    try:
        yield Running(front, server.sockets[0].getsockname()[1], notebook)
    finally:
        notebook.gate.set()
        server.close()
        for connection in list(front.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        ticker.cancel()
        front.close()
