"""Requests passed on to a WSGI application (PEP 3333)."""

from __future__ import annotations

import asyncio
import io
import sys
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools
from flask import Flask
from werkzeug.wrappers import Response

from ..access.gate import VISIT
from .connection import Request


@lru_cache(maxsize=1024)
def path_of(url: bytes) -> bytes:
    """The path that a request's target names, decoded."""
    try:
        return unquote_to_bytes(httptools.parse_url(url).path or b"/")
    except httptools.HttpParserInvalidURLError:
        return url


def call_app(
    app: Flask, request: Request, transport: asyncio.Transport
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of the application's answer."""
    answer = Response.from_app(app, _environ(request, transport), buffered=True)
    body = answer.get_data()
    answer.headers.setdefault("Content-Length", str(len(body)))
    return answer.status_code, list(answer.headers.items()), body


def _environ(request: Request, transport: asyncio.Transport) -> dict[str, Any]:
    """The request for a WSGI application (PEP 3333)."""
    here = transport.get_extra_info("sockname")
    peer = transport.get_extra_info("peername")
    _, _, query = request.url.partition(b"?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": path_of(request.url).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "RAW_URI": request.url.decode("latin-1"),
        "SERVER_NAME": here[0] if isinstance(here, tuple) else "localhost",
        "SERVER_PORT": str(here[1]) if isinstance(here, tuple) else "80",
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": peer[0] if isinstance(peer, tuple) else "",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        VISIT: request.visit,
    }
    for name, value in request.headers.items():
        # As other servers have it: with an underscore, a header could pose as another one.
        if b"_" in name or name in (b"content-length", b"transfer-encoding"):
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value.decode("latin-1")
    return environ
