"""Knows what is open to this process only: connections, files, locks, pools, generators."""

from __future__ import annotations

import io
import types
from functools import lru_cache
from typing import Any

_LIVE: dict[str, str] = {
    "socket.socket": "a socket",
    "sqlite3.Connection": "a database connection",
    "sqlite3.Cursor": "a database cursor",
    "_thread.lock": "a lock",
    "_thread.RLock": "a lock",
    "_thread._local": "values of one thread",
    "threading.Thread": "a thread",
    "threading.Condition": "a lock",
    "threading.Event": "a lock",
    "threading.Semaphore": "a lock",
    "queue.Queue": "a queue between threads",
    "_queue.SimpleQueue": "a queue between threads",
    "concurrent.futures._base.Executor": "a pool of workers",
    "concurrent.futures._base.Future": "a running task",
    "multiprocessing.pool.Pool": "a pool of workers",
    "multiprocessing.process.BaseProcess": "a process",
    "subprocess.Popen": "a process",
    "asyncio.events.AbstractEventLoop": "an event loop",
    "mmap.mmap": "an open file",
    "zipfile.ZipFile": "an open file",
    "tarfile.TarFile": "an open file",
    "h5py._hl.files.File": "an open file",
    "http.client.HTTPConnection": "an HTTP connection",
    "urllib.request.OpenerDirector": "an HTTP client",
    "smtplib.SMTP": "a mail connection",
    "ftplib.FTP": "an FTP connection",
    "requests.sessions.Session": "an HTTP session",
    "httpx.Client": "an HTTP client",
    "aiohttp.client.ClientSession": "an HTTP session",
    "urllib3.poolmanager.PoolManager": "an HTTP client",
    "sqlalchemy.engine.base.Engine": "a database engine",
    "sqlalchemy.orm.session.Session": "a database session",
    "botocore.client.BaseClient": "a client of AWS",
    "boto3.resources.base.ServiceResource": "a client of AWS",
    "boto3.session.Session": "a session of AWS",
    "redis.client.Redis": "a database connection",
    "duckdb.DuckDBPyConnection": "a database connection",
    "pyspark.sql.session.SparkSession": "a Spark session",
}
# What other libraries call what must be closed.
_ENDINGS = {
    "Connection": "a connection",
    "connection": "a connection",
    "Cursor": "a database cursor",
    "cursor": "a database cursor",
    "Client": "a client of a server",
    "Session": "a session with a server",
    "Engine": "an engine",
    "Channel": "a connection",
}
_CLOSERS = ("close", "dispose", "disconnect", "aclose")
_GENERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


def handle_kind(value: Any) -> str:
    """What a value is, in words, if it cannot live in another process; else ""."""
    if isinstance(value, _GENERATORS):
        return "a generator"
    if isinstance(value, io.IOBase) and not isinstance(value, (io.BytesIO, io.StringIO)):
        return "an open file"
    kind: type = type(value)
    return _class_kind(kind)


@lru_cache(maxsize=1000)
def _class_kind(kind: type) -> str:
    known = (_LIVE.get(f"{base.__module__}.{base.__qualname__}", "") for base in kind.__mro__)
    named = (_by_its_name(base) for base in kind.__mro__)
    return next((what for what in (*known, *named) if what), "")


def _by_its_name(kind: type) -> str:
    """A library's class whose name and ``close`` say that it is connected to something.

    The notebook's own classes are judged by what they hold: their names are the person's.
    """
    library = kind.__module__.partition(".")[0]
    if library in ("__main__", "builtins") or not any(hasattr(kind, name) for name in _CLOSERS):
        return ""
    return next((what for end, what in _ENDINGS.items() if kind.__name__.endswith(end)), "")


def device_of(value: Any) -> str:
    """The device that a tensor lies on, if that is not the CPU; else ""."""
    library = type(value).__module__.partition(".")[0]
    if library == "cupy" and hasattr(value, "device"):
        return str(value.device)
    if library != "torch" or not (hasattr(value, "device") and hasattr(value, "dtype")):
        return ""
    return str(value.device) if str(value.device) != "cpu" else ""
